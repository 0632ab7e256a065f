"""The retriever on a small workspace: incremental index, modes, and questions that are no words."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest
import torch

from engine.errors import Cancelled, DocumentError, QuestionError, RunError, WorkspaceError
from engine.evaluation.job import CheckPinned, Evaluate
from engine.importing import ImportFiles
from engine.jobs import Event, Job, Monitor, Progress
from engine.models.library import ModelLibrary
from engine.records import Matching
from engine.retrieval import encoder, lexical
from engine.retrieval.job import BuildIndex
from engine.retrieval.lexical import telling_terms
from engine.retrieval.reranker import Reranker
from engine.retrieval.retriever import Retriever, open_retriever, vectors_key
from engine.serving.job import AnswerQuestion, Search, SearchMany
from engine.session import BASE, Session
from engine.workspace.job import RemoveDocuments
from engine.workspace.scope import Scope

TEXTS = {
    "dosage.txt": "Amoxicillin is given as 500 mg three times a day for seven days.",
    "notice.txt": "Either party may terminate the agreement with thirty days' written notice.",
    "masks.txt": "Surgical masks are worn by all visitors of the intensive care unit.",
}


@pytest.fixture
def filled(session: Session, tmp_path: Path) -> Session:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    ImportFiles((str(folder),)).run(session, Monitor())
    return session


def test_adding_a_document_embeds_that_document_only(filled: Session, tmp_path: Path) -> None:
    first = BuildIndex().run(filled, Monitor())
    (tmp_path / "more.txt").write_text("Visiting hours end at eight in the evening.", encoding="utf-8")
    ImportFiles((str(tmp_path / "more.txt"),)).run(filled, Monitor())
    second = BuildIndex().run(filled, Monitor())
    assert (first.embedded, second.embedded, second.passages) == (3, 1, 4)


def test_a_cancelled_index_keeps_every_vector_that_is_done(filled: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "BATCH_TOKENS", 1)  # a passage at a time
    monitor = Monitor()

    def cancel_after_one(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "Embedding passages":
            monitor.cancel()

    monitor.listen = cancel_after_one
    with pytest.raises(Cancelled):
        BuildIndex().run(filled, monitor)
    assert BuildIndex().run(filled, Monitor()).embedded == 1  # the second was done when it was told


def test_what_a_slow_encoder_has_done_is_kept_before_a_crash(filled: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "BATCH_TOKENS", 1)  # a passage at a time
    left: list[int] = []

    def count(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "Embedding passages":
            left.append(len(filled.workspace.vectors.missing(vectors_key(filled, filled.run(BASE).encoder))))

    ticks = itertools.count(step=30.0)  # as if each look at the clock came half a minute later
    BuildIndex().run(filled, Monitor(listen=count, clock=lambda: next(ticks)))
    assert left == [2, 1, 0]


def test_a_record_replaced_while_it_is_embedded_is_embedded_anew(session: Session, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"

    def write(text: str) -> None:
        corpus.write_text(json.dumps({"id": "a", "title": "A", "text": text}), encoding="utf-8")
        ImportFiles((str(corpus),)).run(session, Monitor())

    def replace_it(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "Embedding passages":
            write("Visiting hours end at eight.")

    write("Amoxicillin is given as 500 mg.")
    BuildIndex().run(session, Monitor(listen=replace_it))
    assert BuildIndex().run(session, Monitor()).embedded == 1


def test_a_search_sees_a_document_imported_after_the_last_search(filled: Session, tmp_path: Path) -> None:
    assert Search("visiting hours", mode="lexical").run(filled, Monitor()).hits == ()
    (tmp_path / "more.txt").write_text("Visiting hours end at eight.", encoding="utf-8")
    ImportFiles((str(tmp_path / "more.txt"),)).run(filled, Monitor())
    assert Search("visiting hours", mode="lexical").run(filled, Monitor()).hits[0].passage.title == "more"


@pytest.mark.parametrize(
    "ask",
    [
        Search("dose", run_name="half"),
        AnswerQuestion("dose", run_name="half"),
        Evaluate("half"),
        Evaluate("base", against="half"),
        CheckPinned("half"),
    ],
)
def test_a_run_that_is_not_finished_is_not_asked(ask: Job[object], filled: Session) -> None:
    filled.workspace.runs.add(replace(filled.run(BASE), id="half", state="interrupted"))
    with pytest.raises(RunError, match="The run half is not finished"):
        ask.run(filled, Monitor())


def test_words_are_found_before_anything_is_embedded(filled: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelLibrary, "files", None)  # whoever reads a model fails
    hit = Search("terminate the agreement", mode="lexical").run(filled, Monitor()).hits[0]
    assert (hit.passage.title, hit.dense, hit.lexical) == ("notice", None, hit.score)


def test_each_mode_gives_its_own_scores(filled: Session) -> None:
    hybrid = Search("terminate the agreement").run(filled, Monitor()).hits[0]
    dense = Search("terminate the agreement", mode="dense").run(filled, Monitor()).hits[0]
    lexical = Search("terminate the agreement", mode="lexical").run(filled, Monitor()).hits[0]
    assert lexical.passage.title == "notice"
    assert hybrid.dense is not None and hybrid.lexical is not None
    assert (dense.lexical, lexical.dense) == (None, None)
    assert dense.score == dense.dense


def test_a_document_removed_during_a_search_is_not_found(filled: Session) -> None:
    retriever = open_retriever(filled, filled.run(BASE), Monitor())

    class Removing:
        """A reranker that takes so long that a document is removed while it reads."""

        def scores(self, question: str, texts: Sequence[str], *, check: Callable[[], None]) -> np.ndarray:
            assert len(texts) == 3
            (masks,) = (one.id for one in filled.workspace.documents.list() if one.title == "masks")
            RemoveDocuments((masks,)).run(filled, Monitor())
            return np.ones(len(texts))

    slow = Retriever(
        workspace=filled.workspace,
        encoder=retriever.encoder,
        index=retriever.index,
        fusion=retriever.fusion,
        reranker=cast(Reranker, Removing()),
        rerank_weight=0.5,
    )
    (hits,) = slow.search(["Who wears masks?"], top_k=3)
    assert sorted(hit.passage.title for hit in hits) == ["dosage", "notice"]


def test_the_first_passages_are_the_same_however_many_are_asked_for(
    filled: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.retrieval.retriever.CANDIDATES", 3)
    words = ("wine", "salt", "lamp", "door")
    for number in range(24):
        text = " ".join(words[number % 3 : number % 3 + 2] * (number % 5 + 1)) + f" and {number}."
        (tmp_path / f"{number}.txt").write_text(text, encoding="utf-8")
    ImportFiles(tuple(str(tmp_path / f"{number}.txt") for number in range(24))).run(filled, Monitor())
    (few, many) = (Search("wine and salt lamp", top_k=top_k).run(filled, Monitor()).hits for top_k in (3, 20))
    assert [(hit.passage.id, hit.score) for hit in many[:3]] == [(hit.passage.id, hit.score) for hit in few]
    assert len({hit.passage.id for hit in many}) == 20
    assert sorted((hit.score for hit in many), reverse=True) == [hit.score for hit in many]


def test_a_passage_that_was_not_found_has_its_cosine_too(filled: Session) -> None:
    retriever = open_retriever(filled, filled.run(BASE), Monitor())
    (hits,) = retriever.search(["Who wears masks?"], top_k=3)
    first, last = hits[0], hits[-1]
    (cosines,) = retriever.cosines(["Who wears masks?"], [[last.passage.id]])
    assert cosines == pytest.approx([last.dense])
    assert last.dense != first.dense


def test_many_questions_give_what_one_at_a_time_gives(filled: Session) -> None:
    questions = ("What is the dose of amoxicillin?", "Who wears masks?")
    together = SearchMany(questions).run(filled, Monitor())
    alone = [Search(question).run(filled, Monitor()) for question in questions]
    assert [[hit.passage.id for hit in one.hits] for one in together] == [
        [hit.passage.id for hit in one.hits] for one in alone
    ]


@pytest.mark.parametrize(
    "question",
    [
        "NEAR(a b",
        "a AND OR",
        "日本語",
        "col:word",
        "word " * 10_000,
        "the of and",
        "x" * 50_000,
        "^a",
        "'; DROP TABLE passages; --",
        "a\0b",
        "\ud800 lone",
        "{a b}: c",
        "สวัสดี",
        "کمل",
        "क्षेत्र",
    ],
)
def test_no_question_is_read_as_syntax(filled: Session, question: str) -> None:
    assert len(Search(question).run(filled, Monitor()).hits) <= 5


@pytest.mark.parametrize("question", ["  ", "???", '"', "*", "-", "🦆", "\u200b.", "\u0301"])
def test_a_question_without_a_word_is_an_empty_one(filled: Session, question: str) -> None:
    with pytest.raises(QuestionError, match="The question is empty"):
        Search(question).run(filled, Monitor())


def test_an_empty_workspace_finds_nothing(session: Session) -> None:
    assert Search("anything").run(session, Monitor()).hits == ()


def test_question_words_are_left_out_of_the_match_unless_there_is_nothing_else() -> None:
    assert telling_terms(["what", "is", "the", "dose", "dose"]) == ["dose"]
    assert telling_terms(["who", "was", "that"]) == ["who", "was", "that"]


def test_a_passage_of_one_enormous_word_is_found(filled: Session, tmp_path: Path) -> None:
    (tmp_path / "word.txt").write_text("heparin " + "ab" * 50_000, encoding="utf-8")
    ImportFiles((str(tmp_path / "word.txt"),)).run(filled, Monitor())
    assert Search("heparin").run(filled, Monitor()).hits[0].passage.title == "word"
    assert Search("ab" * 25_000).run(filled, Monitor()).hits != ()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("患者は毎日五ミリグラムの薬を服用します。", "薬を服用"),
        ("合同可以在三十天内终止。", "终止合同"),
        ("ผู้ป่วยได้รับยาวันละห้ามิลลิกรัม", "ได้รับยา"),
        ("환자는 매일 약을 복용합니다.", "약을"),
        ("रोगी को प्रतिदिन दवा दी जाती है।", "दवा"),
        ("Пациент принимает лекарство ежедневно.", "лекарство"),
        ("يتناول المريض الدواء يوميا", "الدواء"),
    ],
)
def test_a_part_of_a_sentence_is_found_in_every_script(filled: Session, tmp_path: Path, text: str, asked: str) -> None:
    (tmp_path / "words.txt").write_text(text, encoding="utf-8")
    ImportFiles((str(tmp_path / "words.txt"),)).run(filled, Monitor())
    hits = Search(asked, mode="lexical").run(filled, Monitor()).hits
    assert [hit.passage.text for hit in hits] == [text]


def documents(session: Session) -> dict[str, str]:
    return {row.title: row.id for row in session.workspace.documents.list()}


def found(session: Session, scope: Scope, mode: Literal["hybrid", "dense", "lexical"] = "hybrid") -> set[str]:
    hits = Search("amoxicillin agreement masks", mode=mode, scope=scope).run(session, Monitor()).hits
    return {hit.passage.title for hit in hits}


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_nothing_outside_the_scope_is_found_and_everything_within(
    filled: Session, tmp_path: Path, mode: Literal["hybrid", "dense", "lexical"]
) -> None:
    ids = documents(filled)
    filled.workspace.selection.tag([ids["notice"], ids["masks"]], add=["ward"])
    filled.workspace.selection.tag([ids["masks"]], add=["ICU"], remove=["ward"])
    today = date.today().isoformat()

    assert found(filled, Scope(documents=(ids["dosage"],)), mode) == {"dosage"}
    assert found(filled, Scope(documents=(str(tmp_path / "files" / "dosage.txt"), ids["masks"])), mode) == {
        "dosage",
        "masks",
    }
    assert found(filled, Scope(tags=("ward",)), mode) == {"notice"}
    assert found(filled, Scope(tags=("ward", "ICU")), mode) == {"notice", "masks"}
    assert found(filled, Scope(folders=(str(tmp_path / "files"),), until=today), mode) == set(ids)
    assert found(filled, Scope(since=today, tags=("ICU",)), mode) == {"masks"}
    assert found(filled, Scope(since=today.replace("-", ""), until=today.replace("-", "")), mode) == set(ids)


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope(tags=("none",)), "No document is within these filters"),
        (Scope(tags=("\udcff",)), "No document is within these filters"),
        (Scope(documents=("\udcff",), folders=("\udcff",)), "No document is within these filters"),
        (Scope(folders=("/file",)), "No document is within these filters"),
        (Scope(until="1999-01-01"), "No document is within these filters"),
        (Scope(since="yesterday"), "'yesterday' is no date"),
        (Scope(since="2026-02-01", until="2026-01-01"), "2026-02-01 is after 2026-01-01"),
        (Scope(since="20260201", until="2026-01-01"), "2026-02-01 is after 2026-01-01"),
    ],
)
def test_a_scope_without_documents_is_a_sentence(filled: Session, scope: Scope, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        found(filled, scope)


def test_a_replaced_document_keeps_its_tags_and_a_removed_one_takes_them_along(filled: Session, tmp_path: Path) -> None:
    filled.workspace.selection.tag([documents(filled)["masks"]], add=["ICU"])
    (tmp_path / "files" / "masks.txt").write_text("Masks are no longer worn.", encoding="utf-8")
    ImportFiles((str(tmp_path / "files"),)).run(filled, Monitor())

    assert [row.tags for row in filled.workspace.documents.list() if row.title == "masks"] == [("ICU",)]
    assert found(filled, Scope(tags=("ICU",))) == {"masks"}
    filled.workspace.documents.remove([documents(filled)["masks"]])
    assert filled.workspace.selection.tags() == ()


@pytest.mark.parametrize("tag", ["", "  ", "a\nb", "x" * 61])
def test_what_is_no_tag_is_refused(filled: Session, tag: str) -> None:
    with pytest.raises(DocumentError, match="can't be a tag"):
        filled.workspace.selection.tag([documents(filled)["masks"]], add=[tag])


def test_frequent_terms_are_left_out_of_a_match_over_very_many_passages(
    filled: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "EXACT_PASSAGES", 0)
    monkeypatch.setattr(lexical, "MAX_ROWS", 2)
    index = lexical.LexicalIndex(filled.workspace)

    assert index._rarest(["days", "seven", "absent", "thirty"]) == ["seven", "thirty"]
    assert [score > 0 for _, score in index.search("days seven thirty", top_k=5)] == [True, True]


def searched(
    session: Session, *, many: bool, first: Callable[[str], object], cores: int = 2
) -> list[list[tuple[str, float]]]:
    """Search for two questions, as over `many` passages; `first` is called before words are looked for, and before a
    question is embedded."""
    retriever = open_retriever(session, session.run(BASE), Monitor())
    by_words, by_meaning = retriever.lexical.search, retriever.encoder.encode

    def look_for_words(question: str, **options: Any) -> list[tuple[int, float]]:
        first("words")
        return by_words(question, **options)

    def embed(texts: Sequence[str], **options: Any) -> np.ndarray:
        first("meaning")
        return by_meaning(texts, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retriever.lexical, "exact", not many)
        patched.setattr(retriever.encoder, "device", replace(session.device, cores=cores))
        patched.setattr(retriever.lexical, "search", look_for_words)
        patched.setattr(retriever.encoder, "encode", embed)
        questions = ("How is amoxicillin given?", "Who wears masks?")
        found = [hits for one in questions for hits in retriever.search([one], top_k=3)]
    return [[(hit.passage.title, hit.score) for hit in hits] for hits in found]


def test_over_many_passages_both_indexes_are_searched_at_once_and_find_the_same(filled: Session) -> None:
    one_after_the_other = searched(filled, many=False, first=lambda _: None)
    both = threading.Barrier(2)
    threads: dict[str, set[str]] = {"words": set(), "meaning": set()}
    cores = torch.get_num_threads()
    used: list[int] = []

    def meet(what: str) -> None:
        threads[what].add(threading.current_thread().name)
        if what == "meaning":
            used.append(torch.get_num_threads())
        both.wait(20)  # raises when the other isn't under way meanwhile

    assert searched(filled, many=True, first=meet) == one_after_the_other
    assert len(threads["words"]) == 1 and threads["words"].isdisjoint(threads["meaning"])
    assert used == [max(1, cores - 1)] * 2 and torch.get_num_threads() == cores


def test_one_core_searches_one_index_after_the_other(filled: Session) -> None:
    names: set[str] = set()
    searched(filled, many=True, first=lambda _: names.add(threading.current_thread().name), cores=1)
    assert names == {threading.current_thread().name}


def test_the_thread_that_looks_for_words_ends_with_its_index(filled: Session, tmp_path: Path) -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("words")]

    def settled(count: int) -> int:
        """How many there are, once there are `count`, or after five seconds."""
        until = time.monotonic() + 5
        while len(threads()) != count and time.monotonic() < until:
            time.sleep(0.01)
        return len(threads())

    before = threads()
    searched(filled, many=True, first=lambda _: None)
    assert len(threads()) == len(before) + 1
    (tmp_path / "more.txt").write_text("Visiting hours end at eight.", encoding="utf-8")
    ImportFiles((str(tmp_path / "more.txt"),)).run(filled, Monitor())
    searched(filled, many=True, first=lambda _: None)  # by another retriever
    assert settled(len(before) + 1) == len(before) + 1
    filled.close()
    assert settled(len(before)) == len(before)


def test_a_search_under_way_while_the_workspace_is_closed_is_told_so(filled: Session) -> None:
    retriever = open_retriever(filled, filled.run(BASE), Monitor())
    retriever.lexical.exact = False  # as over many passages
    retriever.encoder.device = replace(filled.device, cores=2)
    filled.close()
    with pytest.raises(WorkspaceError, match="The workspace is closed"):
        retriever.search(["How is amoxicillin given?"], top_k=3)


@pytest.mark.parametrize("failing", ["words", "meaning"])
def test_what_fails_in_either_search_is_told_and_nothing_runs_on(filled: Session, failing: str) -> None:
    ended: list[str] = []

    def fail(what: str) -> None:
        if what == failing:
            raise Cancelled
        time.sleep(0.1)
        ended.append(what)

    cores = torch.get_num_threads()
    with pytest.raises(Cancelled):
        searched(filled, many=True, first=fail)
    assert len(ended) == 1 and torch.get_num_threads() == cores


def test_phrases_count_within_a_choice_however_many_stand_outside_it(filled: Session, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(f"Red wine, red wine, red wine {name}.", encoding="utf-8")
    (tmp_path / "d.txt").write_text("Stains of red wine are washed out with salt and water.", encoding="utf-8")
    (tmp_path / "e.txt").write_text("Wine is kept in the cellar, where the red lamp is lit.", encoding="utf-8")
    ImportFiles(tuple(str(tmp_path / f"{name}.txt") for name in "abcde")).run(filled, Monitor())
    chosen = filled.workspace.selection.passages_within(
        Scope(documents=tuple(one.id for one in filled.workspace.documents.list() if one.title in "de"))
    )
    index = lexical.LexicalIndex(filled.workspace)
    plain = dict(index.search("red wine", top_k=9, allowed=chosen))
    phrased = dict(index.search("red wine", top_k=9, matching=Matching(phrase=1.0), allowed=chosen))
    with_phrase, without = sorted(chosen.tolist())
    assert phrased[with_phrase] > plain[with_phrase]
    assert phrased[without] == plain[without]
