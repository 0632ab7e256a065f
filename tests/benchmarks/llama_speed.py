"""Answering speed against llama.cpp: `python -m tests.benchmarks.llama_speed SmolLM2.gguf`, with the package xllamacpp.

Five passages a question, two cores, greedy, at most 24 tokens: the default generator and SmolLM2 on our runtime, and
SmolLM2 on llama.cpp. The three take turns, question by question, so that what else the machine does meets all alike.
The package is no dependency of the program: `pip install xllamacpp` brings llama.cpp ready built.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from engine.device import Device
from engine.generation.generator import Generator
from engine.generation.prompt import PromptWriter
from engine.generation.runtimes import load_runtime
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR, ModelLibrary
from engine.records import Passage
from engine.session import Session
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "med_covidqa" / "train.jsonl"
MOST_TOKENS = 24
PASSAGES = 5
PASSAGE_CHARACTERS = 1000  # some 220 tokens

Answerer = Callable[[list[int]], tuple[float, float, int]]  # ids → seconds to the first token and the last, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--questions", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace.create(Path(scratch) / "workspace")
        session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu", threads=2))
        session.device.set_threads()
        default, chat = (load_runtime(session, name) for name in (DEFAULT_GENERATOR, CHAT_GENERATOR))
        asked = _asked(chosen.questions + 1)
        runs: dict[str, tuple[PromptWriter, Answerer]] = {
            f"{DEFAULT_GENERATOR}, here": (default.writer, _ours(default)),
            f"{CHAT_GENERATOR}, here": (chat.writer, _ours(chat)),
            f"{CHAT_GENERATOR}, llama.cpp": (chat.writer, _llama(chosen.gguf)),
        }
        taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in runs}
        for question, passages in asked:
            for name, (writer, answer) in runs.items():
                taken[name].append(answer(writer.prompt(question, passages)))
                first, whole, tokens = taken[name][-1]
                print(f"  {name:34}{1000 * first:7.0f} ms {1000 * whole:7.0f} ms {tokens:3} tokens", flush=True)
        base_first, base_whole = (_median(taken[f"{CHAT_GENERATOR}, llama.cpp"], place) for place in (0, 1))
        for name, times in taken.items():
            first, whole, tokens = (_median(times, place) for place in (0, 1, 2))
            print(
                f"{name:36}first token {1000 * first:7.0f} ms {first / base_first:5.2f} ×   "
                f"whole answer {1000 * whole:7.0f} ms {whole / base_whole:5.2f} ×   {tokens:.0f} tokens"
            )
        session.close()


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
    def answer(ids: list[int]) -> tuple[float, float, int]:
        first: list[float] = []
        started = time.perf_counter()
        written = generator.stream(
            ids, max_tokens=MOST_TOKENS, on_text=lambda text: first.append(time.perf_counter() - started)
        )
        whole = time.perf_counter() - started
        return (first[0] if first else whole), whole, len(generator.writer.target(written.text))

    return answer


def _llama(gguf: Path) -> Answerer:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(gguf)
    settings.n_ctx, settings.n_parallel = 2048, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(settings)

    def answer(ids: list[int]) -> tuple[float, float, int]:
        asked = {"prompt": ids, "n_predict": MOST_TOKENS, "temperature": 0, "cache_prompt": False}
        timings = server.handle_completions(asked)["timings"]
        first = (timings["prompt_ms"] + timings["predicted_per_token_ms"]) / 1000
        return first, (timings["prompt_ms"] + timings["predicted_ms"]) / 1000, timings["predicted_n"]

    return answer


if __name__ == "__main__":
    main()
