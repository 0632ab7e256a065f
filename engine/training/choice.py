"""Which models a training starts from: the active run's, but for those the person names and one that can't read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import TrainingError
from engine.evaluation.metrics import ndcg_at
from engine.generation.weights import load_layout, load_writer
from engine.jobs import Monitor
from engine.models.library import BETTER_ENCODER, CHAT_GENERATOR, DEFAULT_ENCODER
from engine.models.memory import lack_of_memory
from engine.models.published import CONTEXT, GENERATOR, QUESTION
from engine.records import Question, Run
from engine.retrieval.base_fusion import candidates_of, spread
from engine.retrieval.fusion import DENSE_ONLY, MIN_QUESTIONS_FOR_WEIGHT, metric_values, tune
from engine.retrieval.retriever import load_retriever, vectors_key
from engine.session import TUNED, Session
from engine.settings import TrainSettings
from engine.training.chance import exceeds
from engine.training.headings import are_headings

if TYPE_CHECKING:
    from engine.training.job import Train


MOST_UNREADABLE = 0.5  # share of the signs of the passages without a token, from which on a generator is of no use
LOOKED_AT = 32  # training questions whose passages are looked at


def tries_encoders(
    job: Train, settings: TrainSettings, parent: Run, questions: Sequence[Question], session: Session
) -> bool:
    """Tell whether the bundled encoders are to be tried on the labelled `questions` before this training."""
    return (
        settings.tries_encoders
        and job.what in ("retriever", "all")
        and not any(session.library.get(name).kind == "encoder" for name in filter(None, (job.model, job.encoder)))
        and parent.encoder == DEFAULT_ENCODER
        and session.library.is_bundled(BETTER_ENCODER)  # set-up may have left it out
        and len(questions) >= MIN_QUESTIONS_FOR_WEIGHT
        and not are_headings(questions)
    )


def better_encoder(parent: Run, questions: Sequence[Question], session: Session, monitor: Monitor) -> str:
    """Return the bundled encoder that finds more of the questions' evidence untuned, over the whole index.

    Measured is the mean of the fused ranking's nDCG@10 and the dense one's. The slower one must be better by more than
    a standard error of the paired differences. Neither has learnt from a question, so training ones tell as much.
    """
    tried = spread(questions)
    slower = replace(parent, encoder=BETTER_ENCODER)
    more = _found_untuned(slower, tried, session, monitor) - _found_untuned(parent, tried, session, monitor)
    if exceeds(more, errors=1):
        return BETTER_ENCODER
    if all(run.encoder != BETTER_ENCODER for run in session.workspace.runs.list()):
        session.workspace.vectors.drop(vectors_key(session, BETTER_ENCODER))
    return DEFAULT_ENCODER


def _found_untuned(run: Run, questions: Sequence[Question], session: Session, monitor: Monitor) -> np.ndarray:
    found = candidates_of(load_retriever(session, run, monitor), questions, monitor, stage=f"Trying {run.encoder}")
    evidence = [question.evidence for question in questions]
    fusions = (tune(found, evidence, metric=ndcg_at, known=run.fusion), DENSE_ONLY)
    return np.mean([metric_values(found, evidence, fusion, metric=ndcg_at) for fusion in fusions], axis=0)


def models_to_start_from(job: Train, parent: Run, training: Sequence[Question], session: Session) -> dict[str, Any]:
    """Return the fields of the parent run that other models replace: the named ones, and for a generator that has no
    tokens for the language of the passages the bundled one that spells every sign. Raises TrainingError for one that
    can't be.
    """
    changes: dict[str, Any] = {}
    if job.what != "retriever" and not job.model and parent.reading in ("together", "apart"):
        share = unreadable(parent.generator, training, session)
        if share > MOST_UNREADABLE and session.library.has(CHAT_GENERATOR):
            changes = {"generator": CHAT_GENERATOR, "reading": "together"}
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


def check_memory(job: Train, session: Session) -> None:
    """Raise TrainingError where a model that the person names takes more memory than is free: before it is read.

    What its training takes beside it is told once it is loaded, by what one step really keeps.
    """
    device = session.device
    # What this process holds already, the libraries above all, is part of what is needed.
    free_bytes = device.free_memory_bytes() + (device.resident_bytes() if device.kind == "cpu" else 0)
    for name in filter(None, (job.model, job.encoder)):
        problem = lack_of_memory(name, session.library.get(name).parameters, free_bytes)
        if problem:
            raise TrainingError(problem, hint="Close other programs, or start from a smaller model.")


def unreadable(generator: str, training: Sequence[Question], session: Session) -> float:
    """Return the share of the signs of the questions' passages that `generator` has no token for, 0 to 1."""
    evidence = [passage for question in training[:LOOKED_AT] for passage in question.evidence]
    passages = session.workspace.documents.passages_by_id(evidence).values()
    return load_writer(session.model_files(generator)).unreadable([passage.text for passage in passages])


def told_of_generator(job: Train, parent: Run, training: Sequence[Question], session: Session) -> str:
    """Say that the generator started from can not read these documents, or one stands in for it; "" if neither."""
    start = models_to_start_from(job, parent, training, session).get("generator", parent.generator)
    for generator in dict.fromkeys((start, parent.generator)):
        share = unreadable(generator, training, session)
        if share > MOST_UNREADABLE:
            name = "The generator before" if generator.startswith(TUNED) else generator
            instead = "start from another generator" if generator == start else f"{start} was trained in its place"
            return f" {name} has no tokens for {share:.0%} of what these documents are written in: {instead}."
    return ""


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
        "fusion": DENSE_ONLY,
    }
    if session.library.has(f"{name}/{CONTEXT}"):
        changes["passage_encoder"] = f"{name}/{CONTEXT}"
    return changes
