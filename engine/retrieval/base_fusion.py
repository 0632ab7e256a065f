"""The fusion weight of the untuned retriever: tuned when questions come, not only by a training."""

from __future__ import annotations

from collections.abc import Sequence

from engine.evaluation.metrics import ndcg_at
from engine.jobs import Monitor
from engine.records import Fusion, Question, Run
from engine.retrieval.fusion import MIN_QUESTIONS_FOR_WEIGHT, Candidates, tune
from engine.retrieval.retriever import Retriever, load_retriever
from engine.session import BASE, Session

MOST_QUESTIONS = 400  # more change the weight no more


def current_run(session: Session, name: str, monitor: Monitor) -> Run:
    """Return a run by its name; the base's fusion is brought up to the workspace's questions first.

    Raises RunError when there is none that can be asked.
    """
    run = session.finished_run(name)
    if run.id != BASE:
        return run
    state = session.workspace.questions.evidence_state()
    if session.base_fusion_state() == state:
        return run
    with session.guard("base fusion"):
        questions = labelled(session)
        enough = len(questions) >= MIN_QUESTIONS_FOR_WEIGHT  # else nothing is loaded, and no passage embedded
        fusion = untuned_fusion(load_retriever(session, run, monitor), questions, monitor) if enough else Fusion()
        session.set_base_fusion(fusion, state=state)
    return session.run(name)


def untuned_fusion(retriever: Retriever, questions: Sequence[Question], monitor: Monitor) -> Fusion:
    """Return the fusion of an encoder that has learnt from none of the labelled `questions`; the default below 30."""
    found = candidates_of(retriever, questions, monitor, stage="Weighing words and sense")
    known = Fusion(matching=retriever.fusion.matching)
    return tune(found, [question.evidence for question in questions], metric=ndcg_at, known=known)


def candidates_of(
    retriever: Retriever, questions: Sequence[Question], monitor: Monitor, *, stage: str
) -> list[Candidates]:
    """Return what is found for each question, one at a time, with progress."""
    return [retriever.candidates([question.question])[0] for question in monitor.track(questions, stage)]


def labelled(session: Session) -> list[Question]:
    """Return the questions the base's weight is tuned on: validation ones, with training ones where those are few.

    The base learns from no question, so a training question tells as much of its one weight. Test questions never do.
    """
    stored = session.workspace.questions
    found = [question for question in stored.list("validation") if question.evidence]
    if len(found) < MIN_QUESTIONS_FOR_WEIGHT:
        found += [question for question in stored.list("train") if question.evidence]
    return spread(found)


def spread(questions: Sequence[Question]) -> list[Question]:
    """Return the questions, or of more than 400 so many, spread over all of them."""
    step = max(len(questions) / MOST_QUESTIONS, 1.0)
    return [questions[int(place * step)] for place in range(min(len(questions), MOST_QUESTIONS))]
