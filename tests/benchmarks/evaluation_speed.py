"""Questions answered per second: an evaluation's batches beside one-at-a-time transformers `generate`.

`python -m tests.benchmarks.evaluation_speed WORKSPACE [--run R] [--questions N] [--alone M]`, on a trained workspace
without passphrase. Both write from the same prompts, the run's own passages; transformers in float32 as it
comes, greedily, one question after the other.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from engine.device import Device
from engine.evaluation.asked import held_out
from engine.evaluation.outcome import Asker
from engine.generation.prompt import MAX_ANSWER_TOKENS
from engine.generation.rag import open_rag
from engine.generation.weights import load_generator
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.workspace.workspace import Workspace


def main() -> None:
    """Print questions per second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--run", default="active")
    parser.add_argument("--questions", type=int, default=290)
    parser.add_argument("--alone", type=int, default=40, help="questions asked of transformers, spread over all")
    chosen = parser.parse_args()
    with Workspace.open(chosen.workspace) as workspace:
        session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
        torch.set_num_threads(session.device.cores)
        run, monitor = session.run(chosen.run), Monitor()
        questions = held_out(session, "test")[: chosen.questions]
        asker = Asker(session, monitor, workspace.index_version, workspace.answers.clearings())
        hits = asker.hits(run, questions)
        rag = open_rag(session, run, monitor)
        texts = [question.question for question in questions]
        rag.answer_many(texts[:8], monitor=monitor, hits=hits[:8])  # warm
        started = time.perf_counter()
        rag.answer_many(texts, monitor=monitor, hits=hits)
        batched = len(texts) / (time.perf_counter() - started)

        model = load_generator(session.model_files(run.generator))
        writer = rag.generator.writer
        rows = range(0, len(texts), max(1, len(texts) // chosen.alone))
        prompts = [
            writer.prompt(texts[row], [hit.passage for hit in hits[row][: run.passages_per_answer]]) for row in rows
        ]
        with torch.inference_mode():
            model.generate(input_ids=torch.tensor([prompts[0]]), max_new_tokens=4, do_sample=False)  # warm
            started = time.perf_counter()
            for prompt in prompts:
                model.generate(input_ids=torch.tensor([prompt]), max_new_tokens=MAX_ANSWER_TOKENS, do_sample=False)
            alone = len(prompts) / (time.perf_counter() - started)
    print(
        json.dumps(
            {
                "run": run.id,
                "questions": len(texts),
                "passages read": run.passages_per_answer,
                "batched, questions a second": round(batched, 2),
                "transformers one at a time, questions a second": round(alone, 2),
                "times as fast": round(batched / alone, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
