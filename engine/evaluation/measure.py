"""Loads our `evaluate` modules by local path, with no network and nothing written outside a scratch folder."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import EngineError

MODULES = Path(__file__).parent / "modules"
NAMES = ("retrieval", "documents", "answer", "bleu", "rouge", "citations", "grounding", "abstention")

_OFFLINE = ("HF_EVALUATE_OFFLINE", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
_loading = threading.Lock()  # evaluate's cache folders are settings of the process: one loads at a time


@dataclass(frozen=True, slots=True)
class Measures:
    """The loaded `evaluate` modules by name."""

    modules: Mapping[str, Any]  # evaluate.EvaluationModule: imported late

    def compute(self, name: str, *, predictions: Sequence[object], references: Sequence[object]) -> dict[str, Any]:
        """What the module says of the pairs; {} where there are none, which `evaluate` doesn't take."""
        if not predictions:
            return {}
        return self.modules[name].compute(predictions=list(predictions), references=list(references))


def load_measures(scratch: Path) -> Measures:
    """Load our modules. `scratch` must outlive what is returned; nothing is written anywhere else.

    `evaluate` copies a module into a cache and imports it from there; its default is ~/.cache, which on a locked-down
    machine is read-only and in a protected workspace is the wrong place. Predictions stay in memory.
    """
    for flag in _OFFLINE:
        os.environ.setdefault(flag, "1")
    try:
        import evaluate
    except ImportError as error:
        raise EngineError("The evaluation library can't be loaded.", hint="Install Vademecum again.") from error

    with _loading, _cache_in(scratch):
        loaded = {
            name: evaluate.load(
                str(MODULES / name),
                module_type="metric",
                cache_dir=str(scratch),
                keep_in_memory=True,
            )
            for name in NAMES
        }
    return Measures(loaded)


@contextmanager
def _cache_in(scratch: Path) -> Iterator[None]:
    """Point evaluate's and datasets' module cache into `scratch` while modules are loaded, and put everything back."""
    import datasets.config
    import evaluate.config

    held = (datasets.config.HF_MODULES_CACHE, evaluate.config.HF_MODULES_CACHE, list(sys.path))
    # A module imported from an earlier scratch folder is gone from disk by now.
    for name in [name for name in sys.modules if name.split(".")[0] == "evaluate_modules"]:
        del sys.modules[name]
    try:
        datasets.config.HF_MODULES_CACHE = evaluate.config.HF_MODULES_CACHE = str(scratch / "modules")
        yield
    finally:
        datasets.config.HF_MODULES_CACHE, evaluate.config.HF_MODULES_CACHE, sys.path[:] = held
