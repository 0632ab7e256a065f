"""A run's generator, loaded on the fastest runtime of this machine that gives the same tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.generation.generator import Generator
from engine.records import Run
from engine.session import TUNED, Session

if TYPE_CHECKING:
    from engine.generation.marginal import MarginalReader

UNCONVERTIBLE = "none"  # in place of a digest


def load_runtime(session: Session, model: str) -> Generator:
    """Load a generator by name on the fastest runtime of this device that gives the same tokens."""
    from engine.generation.weights import load_writer

    files = session.model_files(model)
    writer = load_writer(files)
    if session.device.kind == "cpu":
        converted = _converted(session, model, files)
        if converted is not None:
            from engine.generation.ctranslate import open_converted

            return open_converted(converted, writer, session.device)
    from engine.generation.pytorch import TorchGenerator

    return TorchGenerator(files, writer, session.device)


def _converted(session: Session, model: str, files: dict[str, bytes]) -> dict[str, bytes] | None:
    """Return the model in the CPU runtime's form, None where it has none: found out once and kept in the workspace."""
    from engine.generation.ctranslate import QUANTIZATION, UnconvertibleError, convert

    source = model if model.startswith(TUNED) else session.library.get(model).digest
    setting = f"ctranslate2:{QUANTIZATION}:{source}"
    digest = session.workspace.setting(setting)
    if digest is None:
        try:
            with session.workspace.scratch() as scratch:
                digest = session.workspace.objects.publish_folder(convert(files, scratch, session.device))
        except UnconvertibleError:
            digest = UNCONVERTIBLE
        with session.workspace.transaction():
            if digest != UNCONVERTIBLE:
                session.workspace.objects.refer(digest, setting)
            session.workspace.set_setting(setting, digest)
    return None if digest == UNCONVERTIBLE else session.workspace.objects.read_folder(digest)


def load_reader(session: Session, run: Run, generator: Generator) -> MarginalReader | None:
    """Return what reads the run's passages one by one; None where it reads them together."""
    if run.reading in ("together", "apart"):
        return None
    from engine.generation.marginal import SequenceReader, TokenReader

    if run.reading == "sequence":
        return SequenceReader(generator)
    from engine.generation.weights import load_generator

    model = session.loaded(  # on torch: no other runtime lets several passages write one token
        "token model", run.generator, lambda: load_generator(session.model_files(run.generator))
    )
    return TokenReader(model.to(session.device.kind), generator.writer)
