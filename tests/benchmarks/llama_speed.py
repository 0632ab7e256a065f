"""Answering speed against llama.cpp: `python -m tests.benchmarks.llama_speed SmolLM2.gguf`, with the package xllamacpp.

Five passages a question, two cores, greedy, at most 24 tokens: the default generator and SmolLM2 on our runtime, and
SmolLM2 on llama.cpp; with `--run W` also the default generator as the last run of workspace W tuned it, which weighs
the five and reads the best of them one by one, its answer as long as it is. They take turns, question by question, so
that what else the machine does meets all alike.
The package is no dependency of the program: `pip install xllamacpp` brings llama.cpp ready built.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from engine.device import Device
from engine.generation.generator import Generator, never
from engine.generation.prompt import PromptWriter
from engine.generation.reading import Weighing, doubts, read_apart, weighed
from engine.generation.runtimes import load_runtime
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR, ModelLibrary
from engine.records import Hit, Passage
from engine.session import Session
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "med_covidqa" / "train.jsonl"
MOST_TOKENS = 24
PASSAGES = 5
PASSAGE_CHARACTERS = 1000  # some 220 tokens

# question, passages → seconds to the first token and to the last, tokens
Answerer = Callable[[str, Sequence[Passage]], tuple[float, float, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--run", type=Path, metavar="W")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as opened:
        library, device = ModelLibrary.default(), Device.detect("cpu", threads=2)
        session = Session(workspace=Workspace.create(Path(scratch) / "workspace"), library=library, device=device)
        opened.callback(session.close)
        session.device.set_threads()
        default, chat = (load_runtime(session, name) for name in (DEFAULT_GENERATOR, CHAT_GENERATOR))
        asked = _asked(chosen.questions + 1)
        runs: dict[str, Answerer] = {
            f"{DEFAULT_GENERATOR}, here": _ours(default),
            f"{CHAT_GENERATOR}, here": _ours(chat),
            f"{CHAT_GENERATOR}, llama.cpp": _llama(chosen.gguf, chat.writer),
        }
        if chosen.run:
            tuned = Session(workspace=Workspace.open(chosen.run), library=library, device=device)
            opened.callback(tuned.close)
            runs[f"{DEFAULT_GENERATOR}, tuned"] = _tuned(tuned)
        taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in runs}
        for question, passages in asked:
            for name, answer in runs.items():
                taken[name].append(answer(question, passages))
                first, whole, tokens = taken[name][-1]
                print(f"  {name:34}{1000 * first:7.0f} ms {1000 * whole:7.0f} ms {tokens:3} tokens", flush=True)
        base_first, base_whole = (_median(taken[f"{CHAT_GENERATOR}, llama.cpp"], place) for place in (0, 1))
        for name, times in taken.items():
            first, whole, tokens = (_median(times, place) for place in (0, 1, 2))
            print(
                f"{name:36}first token {1000 * first:7.0f} ms {first / base_first:5.2f} ×   "
                f"whole answer {1000 * whole:7.0f} ms {whole / base_whole:5.2f} ×   {tokens:.0f} tokens"
            )


def _asked(count: int) -> list[tuple[str, list[Passage]]]:
    rows = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()[: count * PASSAGES]]
    cut = [row["context"][:PASSAGE_CHARACTERS] for row in rows]
    passages = [Passage(str(place), "", "", text, None, "", 0, len(text)) for place, text in enumerate(cut)]
    return [
        (rows[PASSAGES * place]["question"], passages[PASSAGES * place : PASSAGES * (place + 1)])
        for place in range(count)
    ]


def _median(times: list[tuple[float, float, int]], place: int) -> float:
    return statistics.median(one[place] for one in times[1:])  # the first one warms up


def _ours(generator: Generator) -> Answerer:
    def answer(question: str, passages: Sequence[Passage]) -> tuple[float, float, int]:
        ids = generator.writer.prompt(question, passages)
        first: list[float] = []
        started = time.perf_counter()
        written = generator.stream(
            ids,
            max_tokens=MOST_TOKENS,
            on_text=lambda text: first.append(time.perf_counter() - started) if text else None,
        )
        whole = time.perf_counter() - started
        return (first[0] if first else whole), whole, len(generator.writer.target(written.text))

    return answer


def _tuned(session: Session) -> Answerer:
    run = [one for one in session.workspace.runs.list() if one.state == "finished"][-1]
    if run.reading != "apart":
        raise SystemExit(f"{run.id} reads its passages {run.reading}.")
    generator = load_runtime(session, run.generator)
    how = Weighing(run.temperature, run.doubt, run.trust)

    def answer(question: str, passages: Sequence[Passage]) -> tuple[float, float, int]:
        started = time.perf_counter()
        hits = [Hit(passage, 1 - place / PASSAGES) for place, passage in enumerate(passages)]
        (doubted,) = doubts(generator, [(question, hits)])
        asked = [(question, weighed(hits, doubted, how))]
        (draft,) = read_apart(generator, asked, how, passages=run.passages_per_answer, stopped=never)
        whole = time.perf_counter() - started  # nothing is shown before it is chosen
        return whole, whole, len(generator.writer.target(draft.text))

    return answer


def _llama(gguf: Path, writer: PromptWriter) -> Answerer:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(gguf)
    settings.n_ctx, settings.n_parallel = 2048, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(settings)

    def answer(question: str, passages: Sequence[Passage]) -> tuple[float, float, int]:
        prompt = writer.prompt(question, passages)
        asked = {"prompt": prompt, "n_predict": MOST_TOKENS, "temperature": 0, "cache_prompt": False}
        timings = server.handle_completions(asked)["timings"]
        first = (timings["prompt_ms"] + timings["predicted_per_token_ms"]) / 1000
        return first, (timings["prompt_ms"] + timings["predicted_ms"]) / 1000, timings["predicted_n"]

    return answer


if __name__ == "__main__":
    main()
