"""Warming up: the libraries imported and the active run loaded, before the first question is asked."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.jobs import Monitor
    from engine.session import Session

# In this order: faiss and torch bring an OpenMP each, and torch's is the one that must be there first.
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors.torch", "faiss", "ctranslate2", "datasets")
# transformers imports its models when they are first named; two lanes must not do that at the same moment.
MODEL_CLASSES = (
    "AutoConfig",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "BertModel",
    "T5ForConditionalGeneration",
    "LlamaForCausalLM",
)


def import_libraries() -> None:
    """Import what the jobs with tensors need."""
    for name in LIBRARIES:
        importlib.import_module(name)
    transformers = importlib.import_module("transformers")
    for name in MODEL_CLASSES:
        getattr(transformers, name)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Load the active run, so that the first question doesn't wait for it."""

    def run(self, session: Session, monitor: Monitor) -> bool:
        """Return whether there was anything to warm: an empty workspace has nothing to answer from."""
        from engine.generation.rag import open_rag

        if not session.workspace.documents.passage_count():
            return False
        open_rag(session, session.run("active"), monitor)
        return True
