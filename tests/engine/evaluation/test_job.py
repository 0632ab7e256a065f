"""The evaluation job: right numbers, each run asked once, and nothing in the clear from a protected workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from engine.device import Device
from engine.errors import Cancelled, QuestionError
from engine.evaluation import outcome
from engine.evaluation.job import Evaluate, ReadPerQuestion, ReadReport, held_out
from engine.evaluation.report import ANSWER_METRICS, RETRIEVAL_METRICS
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.records import Answer, Document, Fusion, Hit, Passage, Question, Run
from engine.session import Session
from engine.workspace.workspace import Workspace

COUNT = 24


@dataclass(slots=True)
class FakeIndex:
    passage_ids: list[str]


@dataclass(slots=True)
class FakeRetriever:
    """Finds the passage of the question's own number, first or (lexically) second."""

    passages: dict[str, Passage]
    index: FakeIndex

    def search(self, questions: Sequence[str], *, top_k: int, mode: str = "hybrid") -> list[list[Hit]]:
        found: list[list[Hit]] = []
        for question in questions:
            number = int(question.split()[-1])
            ids = [f"d{number}:0", f"d{(number + 1) % COUNT}:0"]
            found.append(
                [
                    Hit(self.passages[name], 1.0)
                    for name in (ids if mode == "hybrid" else ids[::-1])
                    if name in self.passages
                ]
            )
        return found


@dataclass(slots=True)
class FakeRag:
    """Answers "answer N" where the run is tuned; the base says something else and abstains from question 0."""

    run: Run
    retriever: FakeRetriever
    asked: list[str]

    def answer_many(
        self,
        questions: Sequence[str],
        *,
        monitor: Monitor,
        passages: object = None,
        hits: object = None,
        stage: str = "Answering",
    ) -> list[Answer]:
        monitor.progress(stage, 0, len(questions))
        self.asked.append(self.run.id + (" oracle" if passages is not None else ""))
        tuned = self.run.id == "tuned" or passages is not None
        return [
            Answer(
                question,
                f"The answer {question.split()[-1]}." if tuned else "something else",
                question.endswith(" 0") and not tuned,
                0.5,
                (),
                (),
                self.run.id,
                False,
                {},
            )
            for question in questions
        ]


@dataclass(slots=True)
class Fakes:
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    found = Fakes()

    def retriever(session: Session, run: Run, monitor: Monitor) -> FakeRetriever:
        passages = {passage.id: passage for passage in session.workspace.documents.passages()}
        return FakeRetriever(passages, FakeIndex(list(passages)))

    monkeypatch.setattr(
        outcome, "open_rag", lambda session, run, monitor: FakeRag(run, retriever(session, run, monitor), found.asked)
    )
    monkeypatch.setattr(outcome, "open_retriever", retriever)
    return found


def _filled(path: Path, *, passphrase: str | None = None) -> Session:
    workspace = Workspace.create(path, passphrase=passphrase)
    for number in range(COUNT):
        text = f"The answer {number}."
        document = Document(f"d{number}", f"Title {number}", f"/d{number}.txt", f"{number:064x}", "txt", text)
        workspace.documents.add(
            document, [Passage(f"d{number}:0", document.id, document.title, text, None, "", 0, len(text))]
        )
    workspace.questions.add_many(
        [
            Question(
                f"q{number}",
                f"What is {number}",
                (f"answer {number}",),
                (f"d{number}:0",),
                "test",
                document_id=f"d{number}",
            )
            for number in range(COUNT)
        ]
    )
    workspace.runs.add(Run("tuned", "generator", "all-MiniLM-L6-v2", "SmolLM2-135M-Instruct", Fusion()))
    return Session(workspace=workspace, library=ModelLibrary.default(), device=Device("cpu", "", 1, 0))


@pytest.fixture
def session(tmp_path: Path, fakes: Fakes) -> Iterator[Session]:
    made = _filled(tmp_path / "matter")
    yield made
    made.close()


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


def test_a_tuned_run_is_compared_with_the_base(session: Session, monitor: Monitor) -> None:
    report = Evaluate("tuned").run(session, monitor)

    assert (report.run, report.split, report.questions, report.groups, report.with_evidence) == (
        "tuned",
        "test",
        COUNT,
        COUNT,
        COUNT,
    )
    assert tuple(report.retrieval) == RETRIEVAL_METRICS
    assert set(report.answers) == set(ANSWER_METRICS)
    assert report.retrieval["hit@1"] == report.answers["strict_exact_match"] == report.answers["answered"] == 1.0
    assert report.oracle_answers["exact_match"] == 1.0
    assert set(report.intervals) == {*RETRIEVAL_METRICS, *ANSWER_METRICS}
    assert {mode: scores["hit@1"] for mode, scores in report.baselines.items()} == {
        "lexical": 0.0,
        "dense": 0.0,
        "hybrid": 1.0,
    }
    assert report.baselines["lexical"]["mrr@10"] == 0.5
    assert report.bleu_signature.startswith("BLEU|nrefs:1|")
    assert report.against is not None
    assert (report.against.run, report.against.metric, report.against.verdict) == ("base", "f1", "better")
    assert report.against.difference == 1.0
    assert report.against.answers["answered"] == pytest.approx(1 - 1 / COUNT)
    assert report.against.metrics["hit@1"].verdict == "no difference shown"


def test_a_run_that_differs_in_retrieval_only_is_judged_by_hit_at_1(session: Session, monitor: Monitor) -> None:
    base = session.run("base")
    session.workspace.runs.add(Run("found", "retriever", "all-MiniLM-L6-v2", base.generator, Fusion()))

    report = Evaluate("found").run(session, monitor)

    assert report.against is not None
    assert (report.against.metric, report.against.difference) == ("hit@1", 0.0)


def test_the_base_alone_is_compared_with_nothing(session: Session, monitor: Monitor) -> None:
    assert Evaluate("base").run(session, monitor).against is None
    assert Evaluate("tuned", against=None).run(session, monitor).against is None


def test_every_question_is_a_line_beside_the_workspace(session: Session, monitor: Monitor) -> None:
    report = Evaluate("tuned").run(session, monitor)

    rows = [json.loads(line) for line in Path(report.per_question).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == COUNT
    assert rows[0] == {
        "id": "q0",
        "question": "What is 0",
        "gold": ["answer 0"],
        "answer": "The answer 0.",
        "oracle_answer": "The answer 0.",
        "against_answer": "",
        "exact_match": 1.0,
        "strict_exact_match": 1.0,
        "f1": 1.0,
        "oracle_f1": 1.0,
        "against_f1": 0.0,
        "hit_rank": 1,
        "evidence": ["d0:0"],
        "retrieved": ["d0:0", "d1:0"],
        "confidence": 0.5,
        "abstained": False,
    }
    assert rows[1]["against_answer"] == "something else"
    assert tuple(row["id"] for row in rows) == tuple(row.id for row in ReadPerQuestion("tuned").run(session, monitor))


def test_the_report_is_kept_and_read_back(session: Session, monitor: Monitor) -> None:
    assert ReadReport("tuned").run(session, monitor) is None
    assert ReadPerQuestion("tuned").run(session, monitor) == ()

    report = Evaluate("tuned").run(session, monitor)

    assert ReadReport("tuned").run(session, monitor) == report
    json.dumps(msgspec.to_builtins(report), allow_nan=False)


def test_a_report_of_another_version_is_as_if_there_were_none(session: Session, monitor: Monitor, fakes: Fakes) -> None:
    for slot in ("test", "test/questions", "test/outcome"):
        session.workspace.runs.save_report("tuned", slot, '{"other": 1}')

    assert ReadReport("tuned").run(session, monitor) is None
    assert ReadPerQuestion("tuned").run(session, monitor) == ()
    assert Evaluate("tuned", against=None).run(session, monitor).questions == COUNT


def test_each_run_is_asked_once_until_something_changes(session: Session, monitor: Monitor, fakes: Fakes) -> None:
    first = Evaluate("tuned").run(session, monitor)
    assert fakes.asked == ["tuned", "tuned oracle", "base", "base oracle"]

    again = Evaluate("tuned").run(session, monitor)
    assert len(fakes.asked) == 4
    assert (again.answers, again.retrieval, again.intervals) == (first.answers, first.retrieval, first.intervals)

    session.workspace.documents.remove(["d23"])  # its question goes with it
    assert Evaluate("tuned", against=None).run(session, monitor).questions == COUNT - 1
    assert fakes.asked[4:] == ["tuned", "tuned oracle"]


def test_a_stopped_evaluation_goes_on_with_the_run_it_was_at(session: Session, fakes: Fakes) -> None:
    monitor = Monitor()
    monitor.listen = lambda event: (
        monitor.cancel() if getattr(event, "stage", "") == "Answering with run base" else None
    )

    with pytest.raises(Cancelled):
        Evaluate("tuned").run(session, monitor)
    fakes.asked.clear()
    Evaluate("tuned").run(session, Monitor())

    assert fakes.asked == ["base", "base oracle"]


def test_nothing_of_a_protected_workspace_is_written_in_the_clear(
    tmp_path: Path, fakes: Fakes, monitor: Monitor
) -> None:
    session = _filled(tmp_path / "protected", passphrase="correct horse")
    try:
        report = Evaluate("tuned").run(session, monitor)
        rows = ReadPerQuestion("tuned").run(session, monitor)
    finally:
        session.close()

    assert report.per_question == ""
    assert len(rows) == COUNT
    for file in (tmp_path / "protected").rglob("*"):
        assert not file.is_file() or b"answer 7" not in file.read_bytes()


def test_without_test_questions_it_says_so(tmp_path: Path, monitor: Monitor) -> None:
    workspace = Workspace.create(tmp_path / "empty")
    session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device("cpu", "", 1, 0))
    try:
        for split in ("test", "validation"):
            with pytest.raises(QuestionError, match=f"no {split} questions") as raised:
                Evaluate(split=split).run(session, monitor)
            assert raised.value.hint
    finally:
        session.close()


def test_validation_is_what_training_held_out_where_there_is_none(session: Session) -> None:
    from engine.questions.split import hold_out

    questions = [
        Question(f"t{number}", f"What is {number}", ("x",), (f"d{number}:0",), "train", document_id=f"d{number}")
        for number in range(20)
    ]
    session.workspace.questions.add_many(questions)

    assert held_out(session, "validation") == hold_out(questions)[1]


def test_one_question_and_empty_answers_are_measured(session: Session, monitor: Monitor) -> None:
    session.workspace.questions.remove([f"q{number}" for number in range(COUNT)])
    session.workspace.questions.add_many(
        [
            Question("none", "What is 3", (), ("d3:0",), "test"),
            Question("never", "What is 4", (), (), "test", unanswerable=True),
        ]
    )

    report = Evaluate("tuned").run(session, monitor)

    assert report.questions == 2
    assert (report.retrieval["hit@1"], report.with_evidence) == (1.0, 1)
    assert (report.answers["exact_match"], report.answers["bleu"], report.bleu_signature) == (0.0, 0.0, "")
    assert report.against is not None
    assert report.against.verdict == "not enough questions to tell"
