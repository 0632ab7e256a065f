"""The whole model of a run: retriever and generator, question → answer with citations."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from engine.errors import QuestionError
from engine.generation.citations import cite
from engine.generation.generator import Generated, Generator
from engine.generation.prompt import MAX_ANSWER_TOKENS
from engine.jobs import Monitor, Token
from engine.records import REFUSAL, Answer, Hit, Passage, Run
from engine.retrieval.prior import log_priors
from engine.retrieval.retriever import Retriever, open_retriever
from engine.session import TUNED, Session
from engine.workspace.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from engine.generation.marginal import MarginalReader

BATCH = 32  # questions between two reports of progress
SHOWN = 5  # passages that come with an answer


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
    ) -> None:
        """`reader` is there where the run reads its passages one by one."""
        self.run = run
        self._reader = reader
        self.retriever = retriever
        self.generator = generator
        self._session = session

    def answer(
        self,
        question: str,
        *,
        monitor: Monitor,
        top_k: int | None = None,
        risk: float | None = None,
        scope: Scope = EVERYTHING,
    ) -> Answer:
        """Answer one question, streaming it as Token events. A repeated question comes from the cache."""
        started = time.perf_counter()
        key = self._key(question, top_k, risk, scope)
        held = self._session.workspace.answers.get(key)
        if held is not None:
            answer = msgspec.json.decode(held, type=Answer)
            monitor.report(Token(answer.answer))
            spent_ms = (time.perf_counter() - started) * 1000
            return replace(
                answer, cached=True, timings_ms={"retrieve": 0.0, "first_token": spent_ms, "total": spent_ms}
            )
        hits = self._hits([question], top_k, scope)[0]
        retrieved = time.perf_counter()
        first: list[float] = []

        def show(text: str) -> None:
            first.append(time.perf_counter())
            monitor.report(Token(text))

        read = [hit.passage for hit in hits[: self._reads(top_k)]]
        if self._reader is None:
            generated = self.generator.stream(
                self.generator.writer.prompt(question, read), max_tokens=MAX_ANSWER_TOKENS, on_text=show
            )
        else:
            (generated,) = self._generate([question], [read], [hits])
            show(generated.text)
        ended = time.perf_counter()
        timings_ms = {
            "retrieve": (retrieved - started) * 1000,
            "first_token": ((first[0] if first else ended) - started) * 1000,
            "total": (ended - started) * 1000,
        }
        answer = self._judged(question, generated, hits, read, risk, timings_ms)
        self._session.workspace.answers.put(key, msgspec.json.encode(answer).decode("utf-8"))
        return answer

    def answer_many(
        self,
        questions: Sequence[str],
        *,
        monitor: Monitor,
        top_k: int | None = None,
        risk: float | None = None,
        scope: Scope = EVERYTHING,
        passages: Sequence[Sequence[Passage]] | None = None,
        hits: Sequence[Sequence[Hit]] | None = None,
        stage: str = "Answering",
    ) -> list[Answer]:
        """Answer many questions in batches, without cache.

        `passages` gives the passages to read for each question instead of retrieving them (the oracle); `hits` what
        the retriever returned, where that is known already.
        """
        answers: list[Answer] = []
        monitor.progress(stage, 0, len(questions))
        for start in range(0, len(questions), BATCH):
            started = time.perf_counter()
            batch = questions[start : start + BATCH]
            if passages is not None:
                found = [[Hit(passage, 1.0) for passage in given] for given in passages[start : start + BATCH]]
                read = [list(given) for given in passages[start : start + BATCH]]
            else:
                found = (
                    [list(given) for given in hits[start : start + BATCH]]
                    if hits is not None
                    else self._hits(batch, top_k, scope)
                )
                read = [[hit.passage for hit in one[: self._reads(top_k)]] for one in found]
            retrieved = time.perf_counter()
            generated = self._generate(batch, read, found)
            # A question's share of its batch; nothing streams, so the first token comes with the last.
            whole_ms = (time.perf_counter() - started) * 1000 / len(batch)
            timings_ms = {
                "retrieve": (retrieved - started) * 1000 / len(batch),
                "first_token": whole_ms,
                "total": whole_ms,
            }
            answers += [
                self._judged(question, written, list(one), shown, risk, timings_ms)
                for question, written, one, shown in zip(batch, generated, found, read, strict=True)
            ]
            monitor.progress(stage, len(answers), len(questions))
        return answers

    def _generate(
        self, questions: Sequence[str], read: Sequence[Sequence[Passage]], hits: Sequence[Sequence[Hit]]
    ) -> list[Generated]:
        if self._reader is None:
            prompts = [
                self.generator.writer.prompt(question, shown) for question, shown in zip(questions, read, strict=True)
            ]
            return self.generator.generate(prompts, max_tokens=MAX_ANSWER_TOKENS)
        priors = [
            log_priors(found[: len(shown)], self.retriever.fusion, temperature=self.run.temperature)
            for found, shown in zip(hits, read, strict=True)
        ]
        return self._reader.read(questions, read, priors, max_tokens=MAX_ANSWER_TOKENS)

    def _hits(self, questions: Sequence[str], top_k: int | None, scope: Scope) -> list[list[Hit]]:
        hits = self.retriever.search(questions, top_k=max(top_k or 0, SHOWN), scope=scope)
        if not len(self.retriever.index):
            raise QuestionError(
                "There is nothing to answer from: the workspace has no documents.", hint="Add documents first."
            )
        return hits

    def _reads(self, top_k: int | None) -> int:
        return top_k or self.run.passages_per_answer

    def _judged(
        self,
        question: str,
        generated: Generated,
        hits: Sequence[Hit],
        read: Sequence[Passage],
        risk: float | None,
        timings_ms: dict[str, float],
    ) -> Answer:
        refused = not generated.text or generated.text.casefold().rstrip(".") == REFUSAL.casefold().rstrip(".")
        abstained = refused or (risk is not None and 1 - generated.likelihood > risk)
        return Answer(
            question=question,
            answer=REFUSAL if abstained else generated.text,
            abstained=abstained,
            confidence=generated.likelihood,
            citations=() if abstained else cite(generated.text, read),
            hits=tuple(hits),
            run=self.run.id,
            cached=False,
            timings_ms=timings_ms,
        )

    def _key(self, question: str, top_k: int | None, risk: float | None, scope: Scope) -> str:
        parts = (
            question,
            self.run.id,
            self.run.fusion,
            self._session.workspace.index_version,
            self._reads(top_k),
            top_k,
            risk,
            self.run.reading,
            scope,
        )
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def open_rag(session: Session, run: Run, monitor: Monitor) -> Rag:
    """Return the run's model; the one asked last stays loaded until documents or the run change."""
    retriever = open_retriever(session, run, monitor)
    generator = session.loaded("generator", run.generator, lambda: load_runtime(session, run.generator))
    reader = load_reader(session, run, generator)
    return Rag(run=run, retriever=retriever, generator=generator, session=session, reader=reader)


def load_reader(session: Session, run: Run, generator: Generator) -> MarginalReader | None:
    """Return what reads the run's passages one by one; None where it reads them together."""
    if run.reading == "together":
        return None
    from engine.generation.marginal import SequenceReader, TokenReader

    if run.reading == "sequence":
        return SequenceReader(generator)
    from engine.generation.weights import load_generator

    model = session.loaded(  # on torch: no other runtime lets several passages write one token
        "token model", run.generator, lambda: load_generator(session.model_files(run.generator))
    )
    return TokenReader(model.to(session.device.kind), generator.writer)


def load_runtime(session: Session, model: str) -> Generator:
    """Load a generator by name on the fastest runtime of this device that gives the same tokens."""
    from engine.generation.weights import load_writer

    files = session.model_files(model)
    writer = load_writer(files)
    if session.device.kind == "cuda":
        from engine.generation.pytorch import TorchGenerator

        return TorchGenerator(files, writer, session.device)
    from engine.generation.ctranslate import CausalGenerator, TranslatorGenerator

    converted = _converted(session, model, files)
    runtime = TranslatorGenerator if writer.kind == "seq2seq" else CausalGenerator
    return runtime(converted, writer, session.device)


def _converted(session: Session, model: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the model in the CPU runtime's form, converted once and kept in the workspace."""
    from engine.generation.ctranslate import QUANTIZATION, convert

    source = model if model.startswith(TUNED) else session.library.get(model).digest
    setting = f"ctranslate2:{QUANTIZATION}:{source}"
    digest = session.workspace.setting(setting)
    if digest is None:
        with session.workspace.scratch() as scratch:
            digest = session.workspace.objects.publish_folder(convert(files, scratch))
        with session.workspace.transaction():
            session.workspace.objects.refer(digest, setting)
            session.workspace.set_setting(setting, digest)
    return session.workspace.objects.read_folder(digest)
