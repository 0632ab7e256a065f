"""The whole model of a run: retriever and generator, question → answer with citations."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import msgspec

from engine import __version__
from engine.errors import QuestionError
from engine.generation.citations import cite, snap
from engine.generation.confidence import confidence, features
from engine.generation.follow_up import standalone
from engine.generation.generator import Generator
from engine.generation.reading import (
    Draft,
    Weighing,
    doubts,
    drafted,
    least_doubt,
    read_apart,
    read_together,
    refused,
    weighed,
)
from engine.generation.remembering import Memory, RememberingGenerator
from engine.generation.runtimes import load_reader, load_runtime
from engine.jobs import Monitor, Token
from engine.records import AS_TUNED, REFUSAL, Answer, Asking, Hit, Passage, Run
from engine.retrieval.lexical import LexicalIndex
from engine.retrieval.prior import log_priors
from engine.retrieval.retriever import Mode, Retriever, open_retriever
from engine.session import Session
from engine.workspace.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from engine.generation.marginal import MarginalReader

BATCH = 32  # questions between two reports of progress
SHOWN = 5  # passages that come with an answer
SURELY_NOT = 2.0  # log-odds that no passage answers, above which a run without calibration declines


class Rag:
    """Reads the passages its retriever finds and answers from them."""

    def __init__(
        self,
        *,
        run: Run,
        retriever: Retriever,
        generator: Generator,
        session: Session,
        reader: MarginalReader | None = None,
        since: int | None = None,
    ) -> None:
        """`reader` is there where the run reads its passages one by one; `since`, how often answers had been cleared
        when the documents were looked at.
        """
        self.run = run
        self._since = since
        self._reader = reader
        self.retriever = retriever
        self.generator = generator
        self._session = session

    def answer(
        self, question: str, *, monitor: Monitor, asking: Asking = AS_TUNED, scope: Scope = EVERYTHING
    ) -> Answer:
        """Answer one question, streaming it as Token events. A repeated question comes from the cache."""
        started = time.perf_counter()
        searched = standalone(question, asking.earlier)
        key = self._key(question, searched, asking, scope)
        held = self._session.workspace.answers.get(key)
        if held is not None:
            answer = msgspec.json.decode(held, type=Answer)
            monitor.report(Token(answer.answer))
            spent_ms = (time.perf_counter() - started) * 1000
            return replace(
                answer, cached=True, timings_ms={"retrieve": 0.0, "first_token": spent_ms, "total": spent_ms}
            )
        found = self._found([searched], asking.top_k, scope, monitor)
        retrieved = time.perf_counter()
        (hits,) = self._in_order([searched], found, self._looked_at(asking), monitor)
        first: list[float] = []

        def show(text: str) -> None:
            if not text:
                monitor.check()
                return
            first.append(time.perf_counter())
            monitor.report(Token(text))

        draft = self._streamed(searched, hits, asking, show, monitor)
        ended = time.perf_counter()
        timings_ms = {
            "retrieve": (retrieved - started) * 1000,
            "first_token": ((first[0] if first else ended) - started) * 1000,
            "total": (ended - started) * 1000,
        }
        answer = self._judged(question, searched, draft, hits, asking, timings_ms)
        self._session.workspace.answers.put(key, msgspec.json.encode(answer).decode("utf-8"), since=self._since)
        return answer

    def answer_many(
        self,
        questions: Sequence[str],
        *,
        monitor: Monitor,
        asking: Asking = AS_TUNED,
        scope: Scope = EVERYTHING,
        passages: Sequence[Sequence[Passage]] | None = None,
        hits: Sequence[Sequence[Hit]] | None = None,
        stage: str = "Answering",
    ) -> list[Answer]:
        """Answer many questions in batches, without cache. Each follows the same conversation, none another of them.

        `passages` gives the passages to read for each question instead of retrieving them (the oracle): they are read
        together. `hits` is what the retriever returned, where that is known already.
        """
        answers: list[Answer] = []
        monitor.progress(stage, 0, len(questions))
        for start in range(0, len(questions), BATCH):
            started = time.perf_counter()
            asked = questions[start : start + BATCH]
            searched = [standalone(question, asking.earlier) for question in asked]
            if passages is not None:
                found = [[Hit(passage, 1.0) for passage in given] for given in passages[start : start + BATCH]]
            elif hits is not None:
                found = [list(given) for given in hits[start : start + BATCH]]
            else:
                found = self._found(searched, asking.top_k, scope, monitor)
            retrieved = time.perf_counter()
            if passages is None:
                found = self._in_order(searched, found, self._looked_at(asking), monitor)
            shown = list(zip(searched, found, strict=True))
            drafts = self.drafts(shown, asking, monitor=monitor, given=passages is not None)
            # A question's share of its batch; nothing streams, so the first token comes with the last.
            whole_ms = (time.perf_counter() - started) * 1000 / len(asked)
            timings_ms = {
                "retrieve": (retrieved - started) * 1000 / len(asked),
                "first_token": whole_ms,
                "total": whole_ms,
            }
            answers += [
                self._judged(question, wanted, draft, hits, asking, timings_ms)
                for question, (wanted, hits), draft in zip(asked, shown, drafts, strict=True)
            ]
            monitor.progress(stage, len(answers), len(questions))
        return answers

    def _streamed(
        self, question: str, hits: Sequence[Hit], asking: Asking, show: Callable[[str], None], monitor: Monitor
    ) -> Draft:
        """Write the draft of one answer, word by word where it is written from one input."""
        if self._reader is not None or (self.run.reading == "apart" and self.run.passages_per_answer > 1):
            (draft,) = self.drafts([(question, hits)], asking, monitor=monitor)
            show(draft.text or REFUSAL)
            return draft
        apart = self.run.reading == "apart"
        read = [hit.passage for hit in hits[: 1 if apart else self._looked_at(asking)]]
        writer = self.generator.writer
        prompt = writer.prompt(question, read)
        written = self.generator.stream(prompt, max_tokens=writer.most_answer_tokens, on_text=show)
        doubt = least_doubt(hits) if apart else float(refused(self.generator, [prompt])[0])
        return drafted(written, read, writer, doubt=doubt)

    def drafts(
        self,
        asked: Sequence[tuple[str, Sequence[Hit]]],
        asking: Asking = AS_TUNED,
        *,
        monitor: Monitor,
        given: bool = False,
    ) -> list[Draft]:
        """Read the hits of each question as the run reads, and draft its answer; `given` passages are read together."""
        most = self._looked_at(asking)
        shown = asked if given else [(question, hits[:most]) for question, hits in asked]
        if self._reader is not None:
            drafts = self._mixed(self._reader, shown, stopped=monitor.stopping)
        elif self.run.reading == "apart" and not given:
            passages = self.run.passages_per_answer
            drafts = read_apart(self.generator, shown, self._weighing, passages=passages, stopped=monitor.stopping)
        else:
            drafts = read_together(self.generator, shown, stopped=monitor.stopping)
        monitor.check()  # stopped half-way, the drafts are no answers
        return drafts

    def _mixed(
        self, reader: MarginalReader, asked: Sequence[tuple[str, Sequence[Hit]]], *, stopped: Callable[[], bool]
    ) -> list[Draft]:
        """Write each answer from the mixture of its passages, weighed by how likely the retriever finds them."""
        read = [[hit.passage for hit in hits] for _, hits in asked]
        priors = [log_priors(hits, self.retriever.fusion, temperature=self.run.temperature) for _, hits in asked]
        questions = [question for question, _ in asked]
        most = self.generator.writer.most_answer_tokens
        written = reader.read(questions, read, priors, max_tokens=most, stopped=stopped)
        return [drafted(one, passages, self.generator.writer) for one, passages in zip(written, read, strict=True)]

    @property
    def _weighing(self) -> Weighing:
        return Weighing(self.run.temperature, self.run.doubt, self.run.trust)

    def find(
        self,
        questions: Sequence[str],
        *,
        top_k: int,
        monitor: Monitor,
        scope: Scope = EVERYTHING,
        hidden: Sequence[Collection[str]] = (),
    ) -> list[list[Hit]]:
        """Return for each question its best `top_k` passages in the order in which they are read.

        Where the run reads apart, its generator says of the passages found first whether they answer, and that counts
        beside how high they were found: a reranker as monoT5 is one (arXiv 2003.06713).
        """
        looked_at = self.run.passages_shown
        most = max(top_k, looked_at)
        found = self.retriever.search(questions, top_k=most, scope=scope, hidden=hidden, check=monitor.check)
        return [hits[:top_k] for hits in self._in_order(questions, found, looked_at, monitor)]

    def _found(self, questions: Sequence[str], top_k: int | None, scope: Scope, monitor: Monitor) -> list[list[Hit]]:
        most = max(top_k or self.run.passages_shown, SHOWN)
        hits = self.retriever.search(questions, top_k=most, scope=scope, check=monitor.check)
        if not len(self.retriever.index):
            raise no_documents()
        return hits

    def _in_order(
        self, questions: Sequence[str], found: Sequence[list[Hit]], looked_at: int, monitor: Monitor
    ) -> list[list[Hit]]:
        """Put the first `looked_at` hits of each question in the order in which they are read, where not done yet."""
        if self.run.reading != "apart":
            return list(found)
        ordered = list(found)
        new = [row for row, hits in enumerate(found) if hits and hits[0].doubt is None]
        for start in range(0, len(new), BATCH):
            monitor.check()
            rows = new[start : start + BATCH]
            doubted = doubts(self.generator, [(questions[row], found[row][:looked_at]) for row in rows])
            for row, doubt in zip(rows, doubted, strict=True):
                ordered[row] = weighed(found[row], doubt, self._weighing)
        return ordered

    def _looked_at(self, asking: Asking) -> int:
        """How many passages the generator is shown."""
        return asking.top_k or self.run.passages_shown

    def _judged(
        self,
        question: str,
        searched: str,
        draft: Draft,
        hits: Sequence[Hit],
        asking: Asking,
        timings_ms: dict[str, float],
    ) -> Answer:
        text = draft.text
        if asking.extractive and text:
            text = snap(text, draft.read) or ""
        cited = cite(text, draft.read)
        sure = draft.likelihood
        if self.run.calibration is not None and all(hit.dense is not None for hit in hits):  # retrieved, not given
            sure = confidence(self.run.calibration, features(searched, hits[:SHOWN], draft, cited.support))
        risk = asking.risk
        if risk is None and self.run.calibration is not None:
            risk = self.run.calibration.risk
        abstained = not text or (draft.doubt > SURELY_NOT if risk is None else 1 - sure > risk)
        return Answer(
            question=question,
            answer=REFUSAL if abstained else text,
            abstained=abstained,
            confidence=sure,
            citations=() if abstained else cited.citations,
            hits=tuple(hits),
            run=self.run.id,
            cached=False,
            timings_ms=timings_ms,
            sentences=() if abstained else cited.sentences,
            searched=searched if searched != question else "",
        )

    def _key(self, question: str, searched: str, asking: Asking, scope: Scope) -> str:
        """Identity is content; bundled models, which a run only names, are those of this version of the program.

        Of the conversation only what was made of it counts: a question that stands alone is the same one in each.
        """
        asked = (question, searched, replace(asking, earlier=()))
        parts = (__version__, *asked, self.run, self._session.workspace.index_version, scope)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def no_documents() -> QuestionError:
    """What is said where there is no passage to answer from."""
    return QuestionError(
        "There is nothing to answer from: the workspace has no documents.", hint="Add documents first."
    )


def open_rag(session: Session, run: Run, monitor: Monitor, *, memory: Memory | None = None) -> Rag:
    """Return the run's model; the one asked last stays loaded until documents or the run change.

    With a `memory` it reads nothing again that it read with the same one before.
    """
    since = session.workspace.answers.clearings()
    retriever = open_retriever(session, run, monitor)
    generator = session.loaded("generator", run.generator, lambda: load_runtime(session, run.generator))
    if memory is not None:
        generator = RememberingGenerator(generator, memory)
    reader = load_reader(session, run, generator)
    return Rag(run=run, retriever=retriever, generator=generator, session=session, reader=reader, since=since)


class SearchPassages(Protocol):
    """Returns for each question its best `top_k` passages."""

    def __call__(self, questions: Sequence[str], *, top_k: int, scope: Scope = EVERYTHING) -> list[list[Hit]]: ...


def open_search(
    session: Session, run: Run, monitor: Monitor, *, mode: Mode = "hybrid", memory: Memory | None = None
) -> SearchPassages:
    """Return the run's search, loaded.

    Where it was found better so, the run's generator says which of the passages found answer, and those come first.
    For words alone nothing is loaded, and no passage needs a vector.
    """
    if mode == "lexical":
        return partial(LexicalIndex(session.workspace).hits, matching=run.fusion.matching)
    if run.weighs_search and mode == "hybrid":
        return partial(open_rag(session, run, monitor, memory=memory).find, monitor=monitor)
    return partial(open_retriever(session, run, monitor).search, mode=mode, check=monitor.check)
