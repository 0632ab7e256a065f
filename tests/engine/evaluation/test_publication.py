"""The report as files: complete, harmless, self-contained; the model card; and what is said where there is none."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pypdfium2
import pytest

from engine.errors import RunError, StorageError
from engine.evaluation.abstention import Abstention, CurvePoint
from engine.evaluation.publication import ReadModelCard, WriteReport, to_csv
from engine.evaluation.report import (
    Breakdown,
    Comparison,
    Difference,
    Part,
    PinnedReport,
    Provenance,
    QuestionResult,
    Report,
)
from engine.evaluation.reporting.drawing import to_svg
from engine.evaluation.reporting.html import to_html
from engine.evaluation.reporting.pdf import to_pdf
from engine.evaluation.reporting.plots import plots_of
from engine.evaluation.reporting.wording import headline, more_questions
from engine.jobs import Monitor
from engine.models.library import CHAT_GENERATOR
from engine.records import Fusion, Run
from engine.session import Session

RETRIEVAL = {"hit@1": 0.6, "hit@5": 0.8, "ndcg@10": 0.7, "wrong_document@1": 0.3}
ANSWERS = {"exact_match": 0.2, "f1": 0.4, "bleu": 12.0, "answered": 0.9}
BETTER = Difference(0.1, (0.04, 0.16), 0.001, "better", 290, 0)
REPORT = Report(
    run="tuned",
    split="test",
    questions=290,
    retrieval=RETRIEVAL,
    answers=ANSWERS,
    oracle_answers={"f1": 0.6},
    intervals={"f1": (0.35, 0.45)},
    against=Comparison(
        "base", "f1", 0.1, (0.04, 0.16), 0.001, "better", 0, {"f1": BETTER}, RETRIEVAL, {"f1": 0.3}, {"f1": 0.4}
    ),
    baselines={"lexical": {"hit@1": 0.5, "ndcg@10": 0.6, "f1": 0.35}, "base_generator": {"f1": 0.1}},
    per_question="",
    bleu_signature="BLEU|nrefs:1",
    groups=24,
    with_evidence=280,
    parts=(Part("documents never seen", 290, 24, RETRIEVAL, ANSWERS, "f1", BETTER, 0.3),),
    breakdowns=(
        Breakdown("question type", (Part("what", 200, 20, RETRIEVAL, ANSWERS), Part("how", 90, 9, RETRIEVAL, ANSWERS))),
        Breakdown("document", (Part("α & <β>", 200, 1, RETRIEVAL, ANSWERS), Part("Will", 90, 1, RETRIEVAL, ANSWERS))),
    ),
    abstention=Abstention(0.7, 0.1, 0.05, 0.5, 280, 10, (CurvePoint(0.5, 0.1, 0.9), CurvePoint(1.0, 0.4, 0.1))),
    provenance=Provenance(
        "2026-11-22T10:00:00+00:00",
        "Ward 5",
        24,
        "d" * 64,
        "e" * 64,
        3,
        1,
        2,
        "cpu",
        0,
        10_000,
        {"vademecum": "0.1.0", "torch": "2.13"},
        {"generator": "flan-t5-small"},
    ),
    pinned=PinnedReport("tuned", "base", (), ("How <much>?",)),
    notes=("2 questions have no known answer: they count for retrieval only.",),
)
ROW = QuestionResult(
    "q1", "How <script>alert(1)</script> much?", ("5 mg",), "=1+1", "5 mg", "10 mg", 0.0, 0.0, 0.2, 1.0, 0.4, 1,
    ("d:0",), ("d:0",), 0.9, False, scores={"f1": 0.2}, against_scores={"f1": 0.4}, flags=("got worse",),
)  # fmt: skip


class Addresses(HTMLParser):
    """Collects whatever a browser could fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [name for name, _ in attrs if name in {"src", "href", "xlink:href", "srcset", "data", "action"}]


@pytest.fixture
def evaluated(session: Session) -> Iterator[Session]:
    import msgspec

    session.workspace.runs.add(Run("tuned", "generator", "all-MiniLM-L6-v2", "flan-t5-small", Fusion(), parent="base"))
    session.workspace.runs.save_report("tuned", "test", msgspec.json.encode(REPORT).decode())
    session.workspace.runs.save_report("tuned", "test/questions", msgspec.json.encode((ROW,)).decode())
    yield session
    session.close()


def test_all_five_files_are_written_and_noted(evaluated: Session, tmp_path: Path) -> None:
    written = WriteReport(str(tmp_path / "new" / "out"), "tuned").run(evaluated, Monitor())

    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == [
        "tuned-test-model-card.md",
        "tuned-test.csv",
        "tuned-test.html",
        "tuned-test.json",
        "tuned-test.pdf",
    ]
    whole = json.loads(Path(written.json).read_text("utf-8"))
    assert (whole["report"]["run"], whole["questions"][0]["id"]) == ("tuned", "q1")
    assert Path(written.html).read_text("utf-8") == to_html(REPORT, (ROW,))
    assert evaluated.workspace.audit.list()[-1].action == "report written"
    WriteReport(str(tmp_path / "new" / "out"), "tuned").run(evaluated, Monitor())  # over the old ones


def test_the_html_fetches_nothing_runs_nothing_and_takes_text_for_text() -> None:
    page = to_html(REPORT, (ROW,))
    found = Addresses()
    found.feed(page)

    assert found.fetched == []
    assert not found.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video"}
    assert "url(" not in page
    assert "@import" not in page
    assert re.findall(r"https?://[^\s\"<]+", page) == []
    assert "default-src 'none'" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "α &amp; &lt;β&gt;" in page
    assert page.count("<svg") == len(plots_of(REPORT)) == 4


def test_the_html_says_first_what_a_person_asks_first() -> None:
    page = to_html(REPORT, ())

    assert "On 290 test questions about 24 documents, tuned answers better than base" in page
    for part in (
        "BM25 only",
        "right passage given",
        "Documents never seen",
        "By question type",
        "d" * 64,
        "How &lt;much",
    ):
        assert part in page


def test_the_pdf_holds_the_sentence_the_numbers_and_the_origin() -> None:
    document = pypdfium2.PdfDocument(to_pdf(REPORT))
    text = " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())

    for part in ("tuned answers better than base", "F1, words in common", "α & <β>", "flan-t5-small", "d" * 20):
        assert part in text
    document.close()


def test_a_difference_in_bleu_is_told_on_its_own_scale() -> None:
    assert REPORT.against is not None
    bleu = Difference(5.1, (2.0, 8.3), 0.001, "better", 290, 0)
    page = to_html(replace(REPORT, against=replace(REPORT.against, metrics={"f1": BETTER, "bleu": bleu})), ())

    assert "+5.1 (+2.0 to +8.3)" in page
    assert "+200" not in page  # in the plot of the differences neither


def test_a_report_without_anything_to_compare_is_written_too() -> None:
    alone = replace(
        REPORT, against=None, abstention=None, breakdowns=(), parts=(), pinned=None, provenance=None, baselines={}
    )

    assert "compared with no other run" in to_html(alone, ())
    assert to_pdf(alone).startswith(b"%PDF")


def test_a_cell_of_the_csv_can_not_be_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv((ROW,)))))

    assert rows[0]["answer"] == "'=1+1"
    assert (rows[0]["f1"], rows[0]["compared f1"], rows[0]["flags"]) == ("0.2", "0.4", "got worse")
    assert len(to_csv(()).splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("＝1+1", "'＝1+1"),
        ("what;=cmd|' /C calc'!A0", "what;'=cmd|' /C calc'!A0"),
        ('x;"=1', "x;\"'=1"),
        ("ok\n+1;-2\t@x\r=1", "ok\n'+1;'-2\t'@x\r'=1"),
        ("\t=1", "'\t'=1"),
        ("5-10 mg; p=0.05, a+b", "5-10 mg; p=0.05, a+b"),
    ],
)
def test_a_cell_is_no_formula_however_the_lines_are_parted(answer: str, shown: str) -> None:
    (row,) = csv.DictReader(io.StringIO(to_csv((replace(ROW, answer=answer),)), newline=""))

    assert row["answer"] == shown


def test_a_plot_names_no_address_and_escapes_names() -> None:
    documents = Breakdown("question type", (Part('"><script>', 1, 1, RETRIEVAL, ANSWERS), REPORT.parts[0]))

    drawn = "".join(map(to_svg, plots_of(replace(REPORT, breakdowns=(documents,)))))

    assert "<script>" not in drawn
    assert "http" not in drawn


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "tuned answers better than base: 40.0 against 30.0 points"),
        ("worse", "tuned answers worse than base"),
        ("no difference shown", "no difference between tuned and base is shown"),
        ("not enough questions to tell", "it can't be told whether tuned answers better than base"),
    ],
)
def test_each_verdict_is_a_sentence(verdict: str, words: str) -> None:
    assert REPORT.against is not None
    report = replace(REPORT, against=replace(REPORT.against, verdict=verdict, questions_needed=400))

    assert words in headline(report)
    assert ("About 110 more questions would tell." in headline(report)) == verdict.startswith("not enough")
    assert more_questions(0, 290) == ""


def test_no_difference_on_too_few_questions_is_no_interval_from_nothing_to_nothing() -> None:
    assert REPORT.against is not None
    same = replace(REPORT.against, verdict="not enough questions to tell", difference=0.0, interval=(-0.0, 0.0004))

    told = headline(replace(REPORT, against=same))

    assert "no difference was seen, on too few questions to rule one out." in told
    assert "between" not in told


def test_only_the_base_is_called_untuned(evaluated: Session) -> None:
    card = ReadModelCard("tuned").run(evaluated, Monitor())

    assert "It is tuned; on which documents is not known here." in card
    assert "untuned." not in card
    assert "it is untuned." in ReadModelCard("base").run(evaluated, Monitor())


def test_the_model_card_says_what_it_is_from_and_for(evaluated: Session) -> None:
    evaluated.workspace.runs.learned_from("tuned", ["d1", "d2"])

    card = ReadModelCard("tuned").run(evaluated, Monitor())
    base = ReadModelCard("base").run(evaluated, Monitor())

    assert card.startswith("# Model card: tuned\n\nOn 290 test questions")
    assert "Questions about 2 documents" in card
    assert "- from flan-t5-small: " in card
    assert "| F1, words in common | 40.0 | 35.0 – 45.0 |" in card
    assert "not evaluated on test questions yet" in base


def test_the_model_card_names_the_models_that_were_chosen(evaluated: Session) -> None:
    run = evaluated.workspace.runs.get("tuned")
    evaluated.workspace.runs.update(replace(run, settings={"model": CHAT_GENERATOR, "encoder": ""}))

    assert f"- from {CHAT_GENERATOR}: " in ReadModelCard("tuned").run(evaluated, Monitor())


def test_a_run_that_was_not_evaluated_has_no_report(session: Session, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="was not evaluated") as raised:
        WriteReport(str(tmp_path), "base").run(session, Monitor())

    assert raised.value.hint


def test_a_folder_that_can_not_be_made_is_a_sentence(evaluated: Session, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(StorageError):
        WriteReport(str(tmp_path / "file" / "out"), "tuned").run(evaluated, Monitor())
