"""How a run answers, chosen on validation questions: how it reads what was found, and when it had better not answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from engine.evaluation.metrics import answer_match, ndcg_at
from engine.generation.citations import cite
from engine.generation.confidence import MIN_QUESTIONS, features, fit
from engine.generation.generator import Generated, Generator
from engine.generation.rag import SHOWN, Rag
from engine.generation.reading import (
    Draft,
    Weighing,
    chosen_draft,
    doubts,
    read_together,
    weighed,
    written_apart,
)
from engine.generation.runtimes import load_reader, load_runtime
from engine.jobs import Monitor
from engine.records import Asking, Calibration, Hit, Question, Reading, Run
from engine.retrieval.retriever import Retriever, load_retriever
from engine.session import Session
from engine.training.chance import exceeds
from engine.training.stage import Lesson

READ_TOGETHER = (1, 2, 3, 5)  # numbers of passages tried in one input
READ_APART = (1, 2, 3)  # … and each in an input of its own, the best of those weighed
WEIGHED = 8  # passages the generator looks through: each costs a question some 30 ms on two cores
TEMPERATURES = (0.1, 0.2, 0.4)
DOUBTS = (0.1, 0.3, 0.5, 0.8)
TRUSTS = (0.0, 1.0, 2.0)
PASSAGE_COST = 0.002  # of F1: what a further passage must gain to be worth its time
LEAST_GAIN = 0.005  # of nDCG@10, for a search to wait until the generator has looked through what was found
FOUND, READ = "ndcg@10 as found", "ndcg@10 as read"
BATCH = 32  # questions between two reports of progress

ALWAYS = Asking(risk=1.0)
Asked = Sequence[tuple[str, Sequence[Hit]]]


@dataclass(frozen=True, slots=True)
class HowRead:
    """The fields of a run that say how it reads."""

    reading: Reading
    passages_per_answer: int
    passages_weighed: int = WEIGHED
    temperature: float = TEMPERATURES[0]
    doubt: float = DOUBTS[0]
    trust: float = TRUSTS[0]
    weighs_search: bool = False

    @property
    def weighing(self) -> Weighing:
        """What weighs passages and answers against each other."""
        return Weighing(self.temperature, self.doubt, self.trust)


def reading_of(run: Run) -> HowRead:
    """Return how a run reads."""
    return HowRead(**{name: getattr(run, name) for name in asdict(ALL_READINGS[0])})


def answering_as(run: Run, other: Run) -> Run:
    """Return `run` with the generator of another, and read as that one does."""
    return replace(run, generator=other.generator, **asdict(reading_of(other)))


# Every way of reading that is tried, the cheapest first.
ALL_READINGS = (
    *(HowRead("together", number) for number in READ_TOGETHER),
    *(
        HowRead("apart", number, WEIGHED, temperature, doubt, trust)
        for number in READ_APART
        for temperature in TEMPERATURES
        for doubt in DOUBTS
        for trust in (TRUSTS if number > 1 else TRUSTS[:1])
    ),
)

# What is taken where validation can't tell; chosen with the test questions of two sets in sight (docs/measurements.md).
USUAL = HowRead("apart", 2, WEIGHED, temperature=0.1, doubt=0.3, trust=1.0)


def best_reading(
    lesson: Lesson, run: Run, hits: Sequence[Sequence[Hit]], *, tried: Sequence[HowRead] = ALL_READINGS
) -> tuple[HowRead, dict[str, float]]:
    """Answer the validation questions in each way tried; return the best by F1, less what reading more costs.

    A search weighs passages as that way does where it surely finds the evidence higher so, by nDCG@10.
    """
    generator = load_runtime(lesson.session, run.generator)
    asked = [(question.question, found) for question, found in zip(lesson.validation, hits, strict=True)]
    worth: dict[HowRead, np.ndarray] = {}  # of each question
    made: dict[HowRead, tuple[list[str], Sequence[Sequence[Hit]]]] = {}  # texts, and hits in the order of reading
    for how, read, drafts in _drafts(generator, asked, tried, lesson.monitor):
        texts = [draft.text for draft in drafts]
        worth[how] = _f1(lesson, texts) - PASSAGE_COST * how.passages_per_answer
        made[how] = texts, read
    how = surely_best(worth)
    texts, order = made[how]
    found, gains = _ndcg(lesson, hits), _ndcg(lesson, order)
    scores = _scores(lesson, texts) | {FOUND: float(found.mean()), READ: float(gains.mean())}
    return replace(how, weighs_search=exceeds(gains - found - LEAST_GAIN, errors=1)), scores


def surely_best(worth: Mapping[HowRead, np.ndarray]) -> HowRead:
    """Return the way that is worth most, by what each is worth on each question, shape (Q,).

    The usual one is taken unless the best exceeds it by more than a standard error: of many ways, the best on few
    questions is best by luck.
    """
    best = max(worth, key=lambda how: worth[how].mean())
    unsure = USUAL in worth and not exceeds(worth[best] - worth[USUAL], errors=1)
    return USUAL if unsure else best


def answered(lesson: Lesson, run: Run, retriever: Retriever, hits: Sequence[Sequence[Hit]]) -> dict[str, float]:
    """Answer the validation questions as `run` reads; return F1 and exact match."""
    rag = open_answering(lesson.session, run, retriever)
    questions = [question.question for question in lesson.validation]
    answers = rag.answer_many(
        questions, monitor=lesson.monitor, asking=ALWAYS, hits=hits, stage="Answering validation questions"
    )
    return _scores(lesson, ["" if answer.abstained else answer.answer for answer in answers])


def open_answering(session: Session, run: Run, retriever: Retriever) -> Rag:
    """Return the model of a run whose retriever is open already."""
    generator = load_runtime(session, run.generator)
    reader = load_reader(session, run, generator)
    return Rag(run=run, retriever=retriever, generator=generator, session=session, reader=reader)


def calibrated(session: Session, run: Run, validation: Sequence[Question], monitor: Monitor) -> Calibration | None:
    """Fit when the run had better not answer: on the validation questions as they are, with their evidence hidden, and
    with all of the documents hidden that hold it.

    None where there are too few of them.
    """
    if len(validation) < MIN_QUESTIONS:
        return None
    rag = open_answering(session, run, load_retriever(session, run, monitor))
    questions = [question.question for question in validation]
    evidence = [frozenset(question.evidence) for question in validation]
    known: list[np.ndarray] = []
    answerable: list[bool] = []
    for hidden in ((), evidence, whole_documents(session, validation)):
        hits = rag.find(questions, top_k=max(SHOWN, run.passages_shown), monitor=monitor, hidden=hidden)
        # Where nothing is left, no question is needed to know.
        asked = [(question, found) for question, found in zip(questions, hits, strict=True) if found]
        for start in monitor.track(range(0, len(asked), BATCH), "Learning when not to answer"):
            batch = asked[start : start + BATCH]
            known += [
                features(question, found[:SHOWN], draft, cite(draft.text, draft.read).support)
                for (question, found), draft in zip(batch, rag.drafts(batch, monitor=monitor), strict=True)
            ]
        answerable += [not hidden] * len(asked)
    return fit(np.array(known), np.array(answerable))


def whole_documents(session: Session, questions: Sequence[Question]) -> list[frozenset[str]]:
    """Return for each question all passages of the documents that hold its evidence.

    Documents that are parts of one, such as a corpus's records of one article, are taken together.
    """
    groups = {row.id: row.group or row.id for row in session.workspace.documents.list()}
    group_of: dict[str, str] = {}
    members: defaultdict[str, set[str]] = defaultdict(set)
    for passage in session.workspace.documents.passages():
        group_of[passage.id] = groups[passage.document_id]
        members[groups[passage.document_id]].add(passage.id)
    return [
        frozenset().union(*(members[group_of[one]] for one in question.evidence if one in group_of))
        for question in questions
    ]


def _drafts(
    generator: Generator, asked: Asked, tried: Sequence[HowRead], monitor: Monitor
) -> Iterator[tuple[HowRead, list[Sequence[Hit]], list[Draft]]]:
    """Yield each way of reading with the hits in its order and the drafts it gives.

    Passages read apart are read once for all ways.
    """
    for how in (one for one in tried if one.reading == "together"):
        number = how.passages_per_answer
        drafts: list[Draft] = []
        stage = f"Answering validation questions from {number} passage{'s' if number > 1 else ''}"
        for start in monitor.track(range(0, len(asked), BATCH), stage):
            shown = [(question, found[:number]) for question, found in asked[start : start + BATCH]]
            drafts += read_together(generator, shown, stopped=monitor.stopping)
            monitor.check()
        yield how, [found for _, found in asked], drafts
    apart = [how for how in tried if how.reading == "apart"]
    if not apart:
        return
    most = max(how.passages_weighed for how in apart)
    doubted: list[np.ndarray] = []
    written: list[dict[str, Generated]] = []  # by id of the passage
    for start in monitor.track(range(0, len(asked), BATCH), f"Weighing {most} passages for each validation question"):
        shown = [(question, found[:most]) for question, found in asked[start : start + BATCH]]
        new = doubts(generator, shown)
        doubted += new
        written += _written(generator, shown, new, apart, monitor)
    for how in apart:
        read = [
            weighed(found, doubt[: how.passages_weighed], how.weighing)
            for (_, found), doubt in zip(asked, doubted, strict=True)
        ]
        drafts = [
            chosen_draft(found, [answers[hit.passage.id] for hit in found[: how.passages_per_answer]], how.weighing)
            for found, answers in zip(read, written, strict=True)
        ]
        yield how, [*read], drafts


def _written(
    generator: Generator, shown: Asked, doubted: Sequence[np.ndarray], apart: Sequence[HowRead], monitor: Monitor
) -> list[dict[str, Generated]]:
    """Answer from every passage that some way of reading would choose."""
    wanted: list[tuple[str, list[Hit]]] = []
    for (question, hits), doubt in zip(shown, doubted, strict=True):
        chosen: dict[str, Hit] = {}
        for how in apart:
            read = weighed(hits[: how.passages_weighed], doubt[: how.passages_weighed], how.weighing)
            chosen |= {hit.passage.id: hit for hit in read[: how.passages_per_answer]}
        wanted.append((question, list(chosen.values())))
    written = written_apart(generator, wanted, stopped=monitor.stopping)
    monitor.check()
    return [
        {hit.passage.id: answer for hit, answer in zip(hits, answers, strict=True)}
        for (_, hits), answers in zip(wanted, written, strict=True)
    ]


def _ndcg(lesson: Lesson, hits: Sequence[Sequence[Hit]]) -> np.ndarray:
    asked = zip(hits, lesson.validation, strict=True)
    return np.array([ndcg_at([hit.passage.id for hit in one], question.evidence) for one, question in asked])


def _f1(lesson: Lesson, texts: Sequence[str]) -> np.ndarray:
    return _matches(lesson, texts, "f1")


def _matches(lesson: Lesson, texts: Sequence[str], measure: str) -> np.ndarray:
    asked = zip(texts, lesson.validation, strict=True)
    return np.array([answer_match(text, question.answers)[measure] for text, question in asked])


def _scores(lesson: Lesson, texts: Sequence[str]) -> dict[str, float]:
    return {measure: float(_matches(lesson, texts, measure).mean()) for measure in ("f1", "exact_match")}
