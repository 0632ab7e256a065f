"""The evaluation job: right numbers, each run asked once, and nothing in the clear from a protected workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from engine import __version__
from engine.device import Device
from engine.errors import Cancelled, DamagedError, QuestionError
from engine.evaluation import outcome
from engine.evaluation.asked import KNOWN, UNSEEN, held_out
from engine.evaluation.job import Amend, CheckPinned, Evaluate, ReadPerQuestion, ReadQuestion, ReadReport
from engine.evaluation.report import ANSWER_METRICS, RETRIEVAL_METRICS
from engine.generation.remembering import Memory
from engine.jobs import Monitor, Skipped
from engine.models.library import ModelLibrary
from engine.questions.job import EditQuestion
from engine.records import Answer, Citation, Document, Fusion, Hit, Passage, Question, Run
from engine.retrieval.retriever import Mode
from engine.session import Session
from engine.workspace.workspace import Workspace

COUNT = 24


@dataclass(slots=True)
class FakeSearch:
    """Finds the passage of the question's own number, first or (lexically) second."""

    passages: dict[str, Passage]
    mode: Mode

    def __call__(self, questions: Sequence[str], *, top_k: int) -> list[list[Hit]]:
        found: list[list[Hit]] = []
        for question in questions:
            number = int(question.split()[-1])
            ids = [f"d{number}:0", f"d{(number + 1) % COUNT}:0"]
            found.append(
                [
                    Hit(self.passages[name], 1.0)
                    for name in (ids if self.mode == "hybrid" else ids[::-1])
                    if name in self.passages
                ]
            )
        return found


@dataclass(slots=True)
class FakeRag:
    """Answers "answer N" where the run is tuned; the base says something else and abstains from question 0."""

    run: Run
    asked: list[str]

    def answer(self, question: str, *, monitor: Monitor) -> Answer:
        return Answer(question, "x", False, 0.5, (), (), self.run.id, False, {"first_token": 1.0, "total": 2.0})

    def answer_many(
        self,
        questions: Sequence[str],
        *,
        monitor: Monitor,
        asking: object = None,
        passages: object = None,
        hits: object = None,
        stage: str = "Answering",
    ) -> list[Answer]:
        monitor.progress(stage, 0, len(questions))
        if stage != "Timing":
            self.asked.append(self.run.id + (" oracle" if passages is not None else ""))
        tuned = self.run.id == "tuned" or passages is not None
        return [
            Answer(
                question,
                f"The answer {question.split()[-1]}." if tuned else "something else",
                question.endswith(" 0") and not tuned,
                0.5,
                (_citation(question),) if tuned else (),
                (),
                self.run.id,
                False,
                {},
            )
            for question in questions
        ]


def _citation(question: str) -> Citation:
    number = question.split()[-1]
    return Citation(f"d{number}:0", f"d{number}", f"Title {number}", None, 4, 11 + len(number), f"answer {number}")


@dataclass(slots=True)
class Fakes:
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    found = Fakes()

    def rag(session: Session, run: Run, monitor: Monitor, *, memory: Memory | None = None) -> FakeRag:
        return FakeRag(run, found.asked)

    def search(
        session: Session, run: Run, monitor: Monitor, *, mode: Mode = "hybrid", memory: Memory | None = None
    ) -> FakeSearch:
        return FakeSearch({passage.id: passage for passage in session.workspace.documents.passages()}, mode)

    monkeypatch.setattr(outcome, "open_rag", rag)
    monkeypatch.setattr(outcome, "open_search", search)
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
    assert {mode: scores.get("hit@1") for mode, scores in report.baselines.items()} == {
        "lexical": 0.0,
        "dense": 0.0,
        "hybrid": 1.0,
        "base_generator": None,
    }
    assert {mode: scores.get("f1") for mode, scores in report.baselines.items()} == {
        "lexical": 1.0,
        "dense": None,
        "hybrid": 1.0,
        "base_generator": 0.0,
    }
    assert (report.retrieval["wrong_document@1"], report.answers["cited_f1"], report.answers["support"]) == (0, 1, 1)
    assert report.latency is not None
    assert (report.latency.questions, report.latency.total_ms) == (20, 2.0)
    assert report.abstention is not None
    assert (report.abstention.over_refusal, report.abstention.coverage_at_risk) == (0.0, 1.0)
    assert report.baselines["lexical"]["mrr@10"] == 0.5
    assert report.bleu_signature.startswith("BLEU|nrefs:1|")
    assert report.against is not None
    assert (report.against.run, report.against.metric, report.against.verdict) == ("base", "f1", "better")
    assert report.against.difference == 1.0
    assert report.against.answers["answered"] == pytest.approx(1 - 1 / COUNT)
    assert report.against.metrics["hit@1"].verdict == "no difference shown"
    assert report.against.metrics.keys() == {*report.retrieval, *report.answers}
    bleu = report.against.metrics["bleu"]
    assert bleu.difference == report.answers["bleu"] - report.against.answers["bleu"] > 5
    assert bleu.verdict == "better" and bleu.interval[1] <= 100


def test_a_run_that_differs_in_retrieval_only_is_judged_by_hit_at_1(session: Session, monitor: Monitor) -> None:
    base = session.run("base")
    session.workspace.runs.add(Run("found", "retriever", "all-MiniLM-L6-v2", base.generator, Fusion()))

    report = Evaluate("found").run(session, monitor)

    assert report.against is not None
    assert (report.against.metric, report.against.difference) == ("hit@1", 0.0)


def test_many_questions_about_one_document_are_told_apart_by_their_passages(session: Session, monitor: Monitor) -> None:
    stored = session.workspace.questions
    stored.add_many([replace(question, group="Handbook") for question in stored.every()])

    report = Evaluate("tuned").run(session, monitor)

    assert report.groups == 1
    assert any(note.startswith("All questions are about 1 document: ") for note in report.notes)
    assert report.against is not None and report.against.verdict == "better"
    assert report.against.p_value < 0.05


def test_the_base_alone_is_compared_with_nothing(session: Session, monitor: Monitor) -> None:
    assert Evaluate("base").run(session, monitor).against is None
    assert Evaluate("tuned", against=None).run(session, monitor).against is None


def test_every_question_is_a_line_beside_the_workspace(session: Session, monitor: Monitor) -> None:
    report = Evaluate("tuned").run(session, monitor)

    rows = [json.loads(line) for line in Path(report.per_question).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == COUNT
    assert rows[0]["scores"]["cited_precision"] == 1.0
    assert rows[0]["citations"][0]["quote"] == "answer 0"
    assert {name: value for name, value in rows[0].items() if not name.endswith("scores") and name != "citations"} == {
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
        "against_retrieved": ["d0:0", "d1:0"],
        "against_hit_rank": 1,
        "flags": [],
        "document": "Title 0",
        "known_document": False,
        "kind": "what",
        "amended": False,
        "pinned": False,
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
    for slot in ("test", "test/report", "test/questions"):
        session.workspace.runs.save_report("tuned", slot, '{"other": 1}')

    assert ReadReport("tuned").run(session, monitor) is None
    assert ReadPerQuestion("tuned").run(session, monitor) == ()
    assert Evaluate("tuned", against=None).run(session, monitor).questions == COUNT


def test_each_run_is_asked_once_until_something_changes(session: Session, monitor: Monitor, fakes: Fakes) -> None:
    first = Evaluate("tuned").run(session, monitor)
    # BM25's passages are asked of the tuned run, the run's of the base; untuned search found the same as the run's.
    assert fakes.asked == ["tuned", "tuned oracle", "tuned", "base", "base oracle"]

    again = Evaluate("tuned").run(session, monitor)
    assert len(fakes.asked) == 5
    assert (again.answers, again.retrieval, again.intervals) == (first.answers, first.retrieval, first.intervals)

    session.workspace.documents.remove(["d23"])  # its question goes with it
    assert Evaluate("tuned", against=None).run(session, monitor).questions == COUNT - 1
    assert fakes.asked[5:] == ["tuned", "tuned oracle", "tuned", "base"]


def test_a_stopped_evaluation_goes_on_with_the_run_it_was_at(session: Session, fakes: Fakes) -> None:
    monitor = Monitor()
    monitor.listen = lambda event: (
        monitor.cancel() if getattr(event, "stage", "") == "Reading the right passage with run base" else None
    )

    with pytest.raises(Cancelled):
        Evaluate("tuned").run(session, monitor)
    fakes.asked.clear()
    Evaluate("tuned").run(session, Monitor())

    assert fakes.asked == ["base oracle"]


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


def test_where_all_are_for_validation_it_is_what_training_held_out_of_them(session: Session) -> None:
    from engine.questions.split import hold_out

    questions = [
        Question(f"t{number}", f"What is {number}", ("x",), (f"d{number}:0",), "validation", document_id=f"d{number}")
        for number in range(20)
    ]
    session.workspace.questions.add_many(questions)

    assert set(held_out(session, "validation")) == set(hold_out(questions)[1])
    assert len(held_out(session, "validation")) < len(questions)


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
    assert report.against.metrics["bleu"].questions == 0
    assert report.against.verdict == "not enough questions to tell"


def test_a_stop_costs_no_more_than_the_batch_it_came_in(
    session: Session, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "_BATCH", 5)
    monitor = Monitor()
    monitor.listen = lambda event: (
        monitor.cancel() if (event.stage, event.done) == ("Answering with run tuned", 15) else None
    )

    with pytest.raises(Cancelled):
        Evaluate("tuned", against=None).run(session, monitor)
    assert fakes.asked == ["tuned"] * 3
    fakes.asked.clear()
    Evaluate("tuned", against=None).run(session, Monitor())

    assert fakes.asked[:3] == ["tuned", "tuned", "tuned oracle"]  # 9 questions were left


def test_an_excluded_question_is_not_asked_and_a_corrected_one_is_judged_anew(
    session: Session, monitor: Monitor
) -> None:
    Amend("q0", excluded=True, reason="asks two things").run(session, monitor)
    Amend("q1", answers=("something new",)).run(session, monitor)

    report = Evaluate("tuned").run(session, monitor)
    rows = {row.id: row for row in ReadPerQuestion("tuned").run(session, monitor)}

    assert report.questions == COUNT - 1
    assert "q0" not in rows
    assert (rows["q1"].gold, rows["q1"].f1, rows["q1"].amended) == (("something new",), 0.0, True)
    assert report.notes[0].startswith("1 of the workspace's questions are excluded")
    assert session.workspace.amendments.get("q1").imported_answers == ("answer 1",)
    done = [(row.action, row.detail) for row in session.workspace.audit.list()]
    assert {("question excluded", "q0"), ("question corrected", "q1"), ("question edited", "q1")} <= set(done)

    Amend("q0", excluded=False).run(session, monitor)
    Amend("q1", as_imported=True).run(session, monitor)
    assert Evaluate("tuned").run(session, monitor).answers["f1"] == 1.0


def test_a_question_imported_as_unanswerable_is_so_again(session: Session, monitor: Monitor) -> None:
    before = Question("never", "What is 4", (), (), "test", unanswerable=True)
    session.workspace.questions.add_many([before])
    Amend("never", answers=("answer 4",)).run(session, monitor)
    assert not session.workspace.questions.get("never").unanswerable
    Amend("never", as_imported=True).run(session, monitor)
    after = session.workspace.questions.get("never")
    assert (after.answers, after.unanswerable, after.evidence) == ((), True, ())


def test_a_correction_is_taken_back_whatever_the_question_became_meanwhile(session: Session, monitor: Monitor) -> None:
    imported = session.workspace.questions.get("q1").answers
    Amend("q1", answers=("another",)).run(session, monitor)
    EditQuestion("q1", unanswerable=True).run(session, monitor)
    Amend("q1", question="Asked otherwise?").run(session, monitor)
    Amend("q1", as_imported=True).run(session, monitor)
    assert session.workspace.questions.get("q1").answers == imported


def test_a_correction_outlives_another_import_and_goes_with_its_question(session: Session, monitor: Monitor) -> None:
    Amend("q1", answers=("new",), pinned=True).run(session, monitor)
    assert session.workspace.questions.get("q1").edited  # an import leaves edited questions alone
    assert session.workspace.amendments.get("q1").pinned

    session.workspace.questions.remove(["q1"])
    assert session.workspace.amendments.all() == {}


@pytest.mark.parametrize(
    ("amend", "said"),
    [
        (Amend("nothing", pinned=True), "no question nothing"),
        (Amend("q1", question=""), "is empty"),
        (Amend("q1", answers=(" ",)), "can't be empty"),
    ],
)
def test_an_amendment_that_can_not_be_meant_is_refused(
    session: Session, monitor: Monitor, amend: Amend, said: str
) -> None:
    with pytest.raises(QuestionError, match=said) as raised:
        amend.run(session, monitor)

    assert raised.value.hint
    assert session.workspace.amendments.all() == {}


def test_with_all_questions_excluded_it_says_so(session: Session, monitor: Monitor) -> None:
    for number in range(COUNT):
        Amend(f"q{number}", excluded=True).run(session, monitor)

    with pytest.raises(QuestionError, match="excluded"):
        Evaluate("tuned").run(session, monitor)


def test_pinned_questions_that_got_worse_are_named(session: Session, monitor: Monitor) -> None:
    assert CheckPinned("tuned").run(session, monitor) is None
    for name in ("q3", "q4"):
        Amend(name, pinned=True).run(session, monitor)
    session.workspace.runs.add(
        Run("later", "generator", "all-MiniLM-L6-v2", "SmolLM2-135M-Instruct", Fusion(), parent="tuned")
    )

    better, worse = CheckPinned("tuned").run(session, monitor), CheckPinned("later").run(session, monitor)

    assert better is not None and worse is not None
    assert (better.against, better.worse) == ("base", ())
    assert (worse.against, worse.worse) == ("tuned", ("What is 3", "What is 4"))
    assert (worse.results[0].answer, worse.results[0].before) == ("something else", "The answer 3.")
    assert Evaluate("later", against="tuned").run(session, monitor).pinned == worse


def test_a_question_is_shown_with_its_gold_and_its_retrieved_passages(session: Session, monitor: Monitor) -> None:
    Evaluate("base", against="tuned").run(session, monitor)

    detail = ReadQuestion("q2", "base").run(session, monitor)

    assert [passage.id for passage in detail.gold] == ["d2:0"]
    assert [passage.id for passage in detail.retrieved] == ["d2:0", "d3:0"]
    assert (detail.against, detail.reads) == ("tuned", 3)
    assert detail.result.flags == ("got worse", "reader missed")
    with pytest.raises(QuestionError, match="no result"):
        ReadQuestion("q99", "base").run(session, monitor)


def test_the_splits_and_the_breakdowns_divide_the_questions(session: Session, monitor: Monitor) -> None:
    session.workspace.questions.add_many(
        [
            Question(f"t{number}", f"Who is {number}", ("x",), (f"d{number}:0",), "train", document_id=f"d{number}")
            for number in range(10)
        ]
    )

    report = Evaluate("tuned").run(session, monitor)

    assert [(part.name, part.questions) for part in report.parts] == [(KNOWN, 10), (UNSEEN, COUNT - 10)]
    assert report.parts[0].against is not None
    assert report.parts[0].against.verdict == "not enough questions to tell"
    by = {one.by: one.parts for one in report.breakdowns}
    assert [(part.name, part.questions) for part in by["question type"]] == [("what", COUNT)]
    assert [(part.name, part.questions) for part in by["answer length"]] == [("up to 3 words", COUNT)]
    assert len(by["document"]) == COUNT


def test_a_damaged_run_to_compare_with_costs_the_comparison_only(
    session: Session, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.workspace.runs.add(Run("broken", "all", "all-MiniLM-L6-v2", "x", Fusion()))
    opened = outcome.open_rag

    def open_rag(session: Session, run: Run, monitor: Monitor, *, memory: Memory | None = None) -> FakeRag:
        if run.id == "broken":
            raise DamagedError("The object abc is damaged.", hint="Restore it.")
        return opened(session, run, monitor, memory=memory)  # type: ignore[return-value]  # a fake already

    monkeypatch.setattr(outcome, "open_rag", open_rag)
    skipped: list[object] = []
    monitor = Monitor(listen=lambda event: skipped.append(event) if isinstance(event, Skipped) else None)

    report = Evaluate("tuned", against="broken").run(session, monitor)

    assert (report.against, report.answers["f1"]) == (None, 1.0)
    assert skipped == [Skipped("run broken", "The object abc is damaged.")]
    assert any("could not be asked" in note for note in report.notes)
    with pytest.raises(DamagedError):
        Evaluate("broken", against=None).run(session, monitor)


def test_what_the_numbers_were_made_from_is_in_the_report(session: Session, monitor: Monitor) -> None:
    first = Evaluate("tuned").run(session, monitor).provenance
    Amend("q1", answers=("new",)).run(session, monitor)
    second = Evaluate("tuned").run(session, monitor).provenance

    assert first is not None and second is not None
    assert (first.documents, len(first.documents_digest), first.settings["generator"]) == (
        COUNT,
        64,
        "SmolLM2-135M-Instruct",
    )
    assert first.documents_digest == second.documents_digest
    assert first.questions_digest != second.questions_digest
    assert (second.amended, second.versions["vademecum"]) == (1, __version__)


def test_questions_that_a_run_was_trained_on_are_not_asked(session: Session, monitor: Monitor) -> None:
    session.workspace.runs.add(Run("later", "generator", "e", "g", Fusion(), parent="tuned"))
    session.workspace.runs.trained_on("tuned", ["q1", "q2"])
    told = "2 questions were not asked: a run was trained on them, when they were not held out."

    report = Evaluate("tuned").run(session, monitor)
    other = Evaluate("base", against="tuned").run(session, monitor)

    assert (report.questions, other.questions) == (COUNT - 2, COUNT - 2)
    assert told in report.notes and told in other.notes
    assert Evaluate("base", against=None).run(session, monitor).questions == COUNT
    session.workspace.runs.trained_on("tuned", [f"q{number}" for number in range(COUNT)])
    with pytest.raises(QuestionError, match="trained on all of these questions") as refused:
        Evaluate("tuned").run(session, monitor)
    assert refused.value.hint
