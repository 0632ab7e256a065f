"""A short self-test of a model before it is used: does it load, compute and say something, and does it fit here?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import EngineError, ModelError, translated
from engine.jobs import Monitor
from engine.models.memory import answering_bytes, lack_of_memory, training_bytes
from engine.models.published import CONTEXT, GENERATOR, QUESTION
from engine.records import Passage

if TYPE_CHECKING:
    from engine.device import Device
    from engine.models.library import ModelLibrary
    from engine.session import Session

_TEXT = "The Nile is a river in Africa. It flows into the Mediterranean Sea."
_PASSAGE = Passage("trial:0", "trial", "Rivers", _TEXT, None, "", 0, len(_TEXT))
_QUESTION = "Into which sea does the Nile flow?"
_TOKENS = 12


@dataclass(frozen=True, slots=True)
class Trial:
    """What the self-test of one model saw."""

    name: str
    works: bool
    said: str  # a generator's words, or how an encoder told like from unlike
    seconds: float
    problem: str  # "" where it works
    answering_bytes: int  # memory it takes to answer, and to be trained
    training_bytes: int
    free_bytes: int  # memory that is free on this machine

    @property
    def fits(self) -> bool:
        """Whether there is memory enough to answer with it."""
        return self.answering_bytes <= self.free_bytes


@dataclass(frozen=True, slots=True)
class ImportModel:
    """Check a model folder or GGUF file, try a copy of it, and take that into the library."""

    path: str

    def run(self, session: Session, monitor: Monitor) -> Trial:
        """Return what the self-test saw. Raises what `import_model` does."""
        return import_model(session.library, session.device, Path(self.path), monitor)


@dataclass(frozen=True, slots=True)
class TryModel:
    """Load a model of the library and let it do a little of its work."""

    name: str

    def run(self, session: Session, monitor: Monitor) -> Trial:
        """Return what was seen. A model that fails is a result, not an error; an unknown name is one."""
        return try_model(session.library, session.device, self.name, monitor)


def import_model(library: ModelLibrary, device: Device, path: Path, monitor: Monitor) -> Trial:
    """Take the model at `path` into the library, and return what its self-test saw.

    Raises ModelError with what is unsafe or unknown about it, and where it does not work: then it is not taken in. One
    too large for the memory that is free is: it may be used when there is more, or on another machine.
    """
    trials: list[Trial] = []

    def tried(copied: ModelLibrary, name: str) -> None:
        trial = try_model(copied, device, name, monitor)
        if trial.fits and not trial.works:
            raise ModelError(trial.problem, hint="Copy the model again from its source, or choose another one.")
        trials.append(trial)

    monitor.progress("Checking the model", 0, None)
    library.import_model(path, tried=tried)
    return trials[0]


def try_model(library: ModelLibrary, device: Device, name: str, monitor: Monitor) -> Trial:
    """Load the model `name` as it would be for training, and run it once. Raises ModelError when there is none."""
    info = library.get(name)
    monitor.progress(f"Trying {name}", 0, 1)
    started = time.perf_counter()
    free = device.free_memory_bytes()
    said, problem = "", lack_of_memory(name, info.parameters, free)
    if not problem:
        try:
            with translated(
                ModelError,
                f"{name} can't be run.",
                hint="Its files don't fit together: copy them again from one source.",
                foreign=Exception,  # the libraries raise whatever a configuration that fits nothing leads to
            ):
                said = _tried(library, device, name, info.kind)
        except EngineError as error:
            problem = error.message
    monitor.progress(f"Trying {name}", 1, 1)
    return Trial(
        name=name,
        works=not problem,
        said=said,
        seconds=time.perf_counter() - started,
        problem=problem,
        answering_bytes=answering_bytes(info.parameters),
        training_bytes=training_bytes(info.kind, info.parameters),
        free_bytes=free,
    )


def _tried(library: ModelLibrary, device: Device, name: str, kind: str) -> str:
    if kind == "encoder":
        return _encoded(library, device, name)
    if kind == "reranker":
        return _judged(library, device, name)
    if kind == "rag":  # a published checkpoint: its parts work on their own
        encoders = [part for part in (f"{name}/{QUESTION}", f"{name}/{CONTEXT}") if library.has(part)]
        said = [_written(library, device, f"{name}/{GENERATOR}"), *(_encoded(library, device, one) for one in encoders)]
        return "; ".join(said)
    return _written(library, device, name)


def _judged(library: ModelLibrary, device: Device, name: str) -> str:
    from engine.retrieval.reranker import Reranker

    scores = Reranker(library.files(name), device).scores(_QUESTION, [_TEXT, "The lease ends in May."])
    if not np.isfinite(scores).all():
        raise ModelError(f"{name} computes no scores.", hint="Its weights are damaged: import it again.")
    return f"score {scores[0]:.2f} for a passage that answers, {scores[1]:.2f} for another"


def _written(library: ModelLibrary, device: Device, name: str) -> str:
    from engine.generation.pytorch import TorchGenerator
    from engine.generation.weights import load_writer

    files = library.files(name)
    generator = TorchGenerator(files, load_writer(files), device)
    (answer,) = generator.generate([generator.writer.prompt(_QUESTION, [_PASSAGE])], max_tokens=_TOKENS)
    if not 0 < answer.likelihood <= 1:
        raise ModelError(f"{name} computes no probabilities.", hint="Its weights are damaged: import it again.")
    return generator.writer.restored(answer.text, [_PASSAGE])


def _encoded(library: ModelLibrary, device: Device, name: str) -> str:
    from engine.retrieval.encoder import Encoder

    vectors = Encoder(library.files(name), device).encode([_QUESTION, _TEXT, "The lease ends in May."])
    lengths = np.linalg.norm(vectors, axis=1)  # DPR's vectors have no unit length
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ModelError(f"{name} computes no vectors.", hint="Its weights are damaged: import it again.")
    like, unlike = (vectors[0] @ vectors[1:].T / lengths[0] / lengths[1:]).tolist()
    return f"cosine {like:.2f} with a passage that answers, {unlike:.2f} with another"
