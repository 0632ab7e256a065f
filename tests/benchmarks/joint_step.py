"""Time and memory of a joint step against a supervised step over the same four passages.

    .venv/bin/python -m tests.benchmarks.joint_step [--model flan-t5-small]

Each way runs in a process of its own, so that the peak is its own, on one thread, and its processor time is taken: that
other work on the machine changes little. Both tune the generator from one question and four
passages of about 220 words, and neither counts the encoder, which the supervised step does not have.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

STEPS = 3
PASSAGES = 4
WAYS = ("loaded", "supervised", "joint", "rows")


def main() -> None:
    """Measure both ways and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="flan-t5-small")
    parser.add_argument("--way", choices=WAYS)
    chosen = parser.parse_args()
    if chosen.way:
        _measure(chosen.way, chosen.model)
        return
    found: dict[str, tuple[float, float]] = {}
    for way in WAYS:
        command = [sys.executable, "-m", "tests.benchmarks.joint_step", "--way", way, "--model", chosen.model]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        found[way] = float(output[-2]), float(output[-1])
        print(f"{way:12} {found[way][0]:8.3f} s a step, peak {found[way][1]:8.0f} MiB")
    for way in ("joint", "rows"):
        ratios = [mine / theirs for mine, theirs in zip(found[way], found["supervised"], strict=True)]
        print(f"{way} / supervised: time {ratios[0]:.2f}, peak memory {ratios[1]:.2f}")


def _measure(way: str, model_name: str) -> None:
    import torch

    from engine.device import Device
    from engine.generation.likelihood import answer_log_probabilities
    from engine.generation.weights import load_generator, load_writer
    from engine.models.library import ModelLibrary
    from engine.records import Passage
    from engine.retrieval.encoder import autocast, length_buckets
    from engine.training.generator import PART_TOKENS, freeze_position_bias
    from engine.training.marginal import gradients, sequence_loss
    from engine.training.retriever import without_dropout

    device = Device.detect("cpu")
    torch.set_num_threads(1)
    files = ModelLibrary.default().files(model_name)
    model, writer = load_generator(files), load_writer(files)
    without_dropout(model)
    freeze_position_bias(model)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-5, fused=True)
    text = "The agreement may be ended by either party with thirty days' notice to the other in writing. " * 10
    passages = [Passage(str(k), "d", f"Contract {k}", f"{k} {text}", None, "", 0, 1) for k in range(PASSAGES)]
    question, target = "How may the agreement be ended?", writer.target("with thirty days' notice in writing")
    together = [(writer.prompt(question, passages), target)]
    alone = [(writer.prompt(question, [passage]), target) for passage in passages]
    scores = torch.linspace(0, 1, PASSAGES).unsqueeze(0)
    mask = torch.ones(1, len(target))

    def supervised() -> None:
        with autocast(device, "bf16"):
            loss = -answer_log_probabilities(model, writer, together).mean()
        loss.backward()

    def two_passes(budget: int) -> None:
        parts = list(length_buckets([len(prompt) for prompt, _ in alone], budget))
        logs = torch.empty(1, PASSAGES, len(target))
        with torch.no_grad(), autocast(device, "bf16"):
            for part in parts:
                found = answer_log_probabilities(model, writer, [alone[row] for row in part])
                logs[0, part] = found.view(len(part), -1)
        _, (_, weights) = gradients(lambda *both: sequence_loss(*both, mask), scores, logs)
        for part in parts:
            with autocast(device, "bf16"):
                found = answer_log_probabilities(model, writer, [alone[row] for row in part])
                worth = (found * weights[0, part].flatten()).sum()
            worth.backward()

    step = {
        "loaded": lambda: None,
        "supervised": supervised,
        "joint": lambda: two_passes(PART_TOKENS["cpu"]),  # as it is trained
        "rows": lambda: two_passes(1),  # one row at a time: the least memory
    }[way]
    seconds: list[float] = []
    for _ in range(STEPS + 1):
        started = time.process_time()
        step()
        if way != "loaded":
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seconds.append(time.process_time() - started)
    print(min(seconds[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
