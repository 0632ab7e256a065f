"""Which models a training starts from: the active run's, but for those the person names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import TrainingError
from engine.generation.weights import load_layout
from engine.models.published import CONTEXT, GENERATOR, QUESTION
from engine.records import Fusion, Run
from engine.session import Session

if TYPE_CHECKING:
    from engine.training.job import Train


def models_to_start_from(job: Train, parent: Run, session: Session) -> dict[str, Any]:
    """Return the fields of the parent run that the named models replace. Raises TrainingError for one that can't be."""
    changes: dict[str, Any] = {}
    if parent.passage_encoder and not job.encoder and job.what in ("retriever", "all"):
        raise TrainingError(
            f"Run {parent.id} embeds questions and passages with two encoders that belong together.",
            hint="Train them jointly, or name another encoder to start from.",
        )
    for name in filter(None, (job.model, job.encoder)):
        kind = session.library.get(name).kind
        if kind == "rag":
            if job.what != "joint":
                raise TrainingError(
                    f"{name} is one model for both: it is trained jointly.", hint="Choose joint training."
                )
            changes |= published_run(session, name)
            continue
        if kind == "reranker":
            raise TrainingError(
                f"{name} is a reranker.", hint="It is tried by itself whenever the search is trained: name no model."
            )
        encodes = kind == "encoder"
        if (encodes and job.what == "generator") or (not encodes and job.what == "retriever"):
            raise TrainingError(f"{name} is no {job.what}.", hint="Choose another model, or train the other part.")
        if name == job.encoder and not encodes:
            raise TrainingError(f"{name} is no encoder.", hint="Name it as the model, and an encoder beside it.")
        changes |= {"encoder": name, "passage_encoder": ""} if encodes else {"generator": name, "reading": "together"}
    return changes


def published_run(session: Session, name: str) -> dict[str, Any]:
    """Return the fields of a run that answers as an imported RAG checkpoint does: dense search, its own reading."""
    layout = load_layout(session.model_files(f"{name}/{GENERATOR}"))
    if layout is None:
        raise TrainingError(f"{name} is damaged.", hint="Remove it and import it again.")
    changes: dict[str, Any] = {
        "encoder": f"{name}/{QUESTION}",
        "passage_encoder": "",
        "generator": f"{name}/{GENERATOR}",
        "reading": layout.reading,
        "passages_per_answer": layout.passages,
        "temperature": 1.0,
        "fusion": Fusion("convex", 1.0),
    }
    if session.library.has(f"{name}/{CONTEXT}"):
        changes["passage_encoder"] = f"{name}/{CONTEXT}"
    return changes
