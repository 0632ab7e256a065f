"""What a job works with: the open workspace, the model library, the device, and what is loaded already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from engine.device import Device
from engine.errors import RunError
from engine.models.library import DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary
from engine.records import Fusion, Run
from engine.workspace.workspace import Workspace

Loaded = TypeVar("Loaded")

BASE = "base"
_BASE_FUSION = "base_fusion"
_BASE_FUSION_STATE = "base_fusion_state"
TUNED = "object:"  # a run's model that lies in this workspace, tuned or copied: then the digest of its folder


@runtime_checkable
class Closeable(Protocol):
    """Something loaded that must be ended, not only forgotten."""

    def close(self) -> None: ...


class Session:
    """One open workspace with its models. Safe to use from several threads."""

    def __init__(self, *, workspace: Workspace, library: ModelLibrary, device: Device) -> None:
        self.workspace = workspace
        self.library = library
        self.device = device
        self._loaded: dict[str, tuple[Hashable, object]] = {}
        self._guards: dict[str, threading.RLock] = {}
        self._guarding = threading.Lock()

    def run(self, name: str) -> Run:
        """Return a run by its id, "active" or "base". Raises RunError when there is none."""
        run_id = self.workspace.runs.active if name == "active" else name
        if run_id != BASE:
            return self.workspace.runs.get(run_id)
        stored = self.workspace.setting(_BASE_FUSION)
        fusion = msgspec.json.decode(stored, type=Fusion) if stored else Fusion()
        return Run(
            BASE, BASE, DEFAULT_ENCODER, DEFAULT_GENERATOR, fusion, kept=True, reason="The bundled models, untuned."
        )

    def finished_run(self, name: str) -> Run:
        """Return a run that can be asked. Raises RunError when there is none, or it isn't finished: half of it may be
        the run it started from."""
        run = self.run(name)
        if run.state != "finished":
            raise RunError(
                f"The run {run.id} is not finished.",
                hint="Resume it first: train with --resume, or Resume in the window.",
            )
        return run

    def set_base_fusion(self, fusion: Fusion, *, state: str) -> None:
        """Keep the fusion weight of the untuned retriever; `state` names the questions it was tuned on."""
        with self.workspace.transaction():
            self.workspace.set_setting(_BASE_FUSION, msgspec.json.encode(fusion).decode("utf-8"))
            self.workspace.set_setting(_BASE_FUSION_STATE, state)

    def base_fusion_state(self) -> str:
        """Return the state of the questions that the base's fusion was tuned on; that of no questions at first."""
        return self.workspace.setting(_BASE_FUSION_STATE) or "0"

    def model_files(self, model: str) -> dict[str, bytes]:
        """Return the files of a model by its name in the library, or by "object:" and its digest in the workspace."""
        if model.startswith(TUNED):
            return self.workspace.objects.read_folder(model.removeprefix(TUNED))
        return self.library.files(model)

    def bound(self, run: Run) -> Run:
        """Return the run with copies of the imported models it names, in the workspace as tuned ones are.

        The library may lose a model, or get another one of its name: what was measured with the run would be gone, or
        untrue.
        """
        return replace(
            run,
            encoder=self._bound(run.encoder),
            passage_encoder=self._bound(run.passage_encoder),
            generator=self._bound(run.generator),
            reranker=self._bound(run.reranker),
        )

    def _bound(self, model: str) -> str:
        if not model or model.startswith(TUNED) or self.library.is_bundled(model):
            return model
        return TUNED + self.workspace.objects.publish_folder(self.library.files(model))

    def loaded(self, kind: str, key: Hashable, load: Callable[[], Loaded]) -> Loaded:
        """Return the one loaded thing of this `kind`; load it anew when `key` says it is another one.

        One of a kind is kept, so memory stays bounded: the run asked last.
        """
        with self.guard(kind):
            held = self._loaded.get(kind)
            if held is None or held[0] != key:
                self._loaded.pop(kind, None)  # release the old one's memory before the new one takes its own
                held = (key, load())
                self._loaded[kind] = held
            return held[1]  # type: ignore[return-value]  # the kind fixes the type

    def guard(self, name: str) -> threading.RLock:
        """Return the lock of this name: for what two lanes must not do at once."""
        with self._guarding:
            return self._guards.setdefault(name, threading.RLock())

    def close(self) -> None:
        """Drop what is loaded, ending the processes among it, and release the workspace."""
        for _, held in self._loaded.values():
            if isinstance(held, Closeable):
                held.close()
        self._loaded.clear()
        self.workspace.close()
