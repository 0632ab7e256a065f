"""Training the generator here against transformers' own trainers: `python -m tests.benchmarks.training_speed`.

Theirs run with their defaults, on the same model and the same examples, drawn by the program's recipe; each trainer in
a process of its own, whose peak memory is compared. Tokens are those of prompts and answers without padding; the first
step warms up and is not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.generation.likelihood import Example
from engine.generation.prompt import PromptWriter
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR, ModelLibrary
from engine.records import Passage
from engine.settings import GeneratorSettings
from engine.training.generator import Grounded, example

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
BATCH = 8  # questions a step: the default of both
QUESTIONS = 400
DISTRACTORS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA / "med_covidqa", help="folder with a train.jsonl")
    parser.add_argument("--models", nargs="*", default=[DEFAULT_GENERATOR, CHAT_GENERATOR])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--only", nargs=2, metavar=("WHOSE", "MODEL"), help="one of them, in this process")
    chosen = parser.parse_args()
    if chosen.only:
        whose, model = chosen.only
        print(json.dumps((_ours if whose == "ours" else _theirs)(model, chosen.data, chosen.steps)))
        return
    for model in chosen.models:
        told = {whose: _in_a_process(whose, model, chosen.data, chosen.steps) for whose in ("theirs", "ours")}
        for name in ("tokens_s", "peak_bytes", "padding"):
            theirs, ours = (told[whose][name] for whose in ("theirs", "ours"))
            print(f"{model:28}{name:12}theirs {theirs:14,.1f}  ours {ours:14,.1f}  {ours / theirs:.2f} ×", flush=True)


def _in_a_process(whose: str, model: str, data: Path, steps: int) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, "--data", str(data), "--steps", str(steps), "--only", whose, model]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return json.loads(done.stdout.splitlines()[-1])


def _ours(model: str, data: Path, steps: int) -> dict[str, float]:
    from engine.device import Device
    from engine.generation.weights import load_generator, load_writer
    from engine.jobs import Monitor
    from engine.training.generator import GeneratorTask
    from engine.training.loop import time_steps

    device = Device.detect("cpu")
    device.set_threads()
    files = ModelLibrary.default().files(model)
    grounded = _grounded(data)
    task = GeneratorTask(
        load_generator(files),
        load_writer(files),
        training=grounded,
        validation=grounded[:1],
        settings=GeneratorSettings(batch_size=BATCH),
        seed=0,
        monitor=Monitor(),
    )
    task.fit_memory(device)
    padded = task.step_tokens()[: steps + 1]
    real = [sum(len(prompt) + len(target) for prompt, target in task.batch(step)) for step in range(steps + 1)]
    pace = time_steps(task, range(steps + 1), device)
    seconds = sum(pace.steps_s[step] for step in range(1, steps + 1)) + steps * pace.update_s
    prompts = [sum(len(prompt) for prompt, _ in task.batch(step)) for step in range(steps + 1)]
    return {"tokens_s": sum(real[1:]) / seconds, "peak_bytes": _peak_bytes(), "padding": sum(padded) / sum(prompts)}


def _theirs(model: str, data: Path, steps: int) -> dict[str, float]:
    import torch
    from safetensors.torch import save_file
    from transformers import (
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from engine.generation.weights import load_writer
    from engine.models.packing import read_weights

    files = ModelLibrary.default().files(model)
    writer = load_writer(files)
    examples = _examples(data, writer)
    encodes = writer.kind == "seq2seq"
    family = AutoModelForSeq2SeqLM if encodes else AutoModelForCausalLM
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        save_file(read_weights(files["model.safetensors"]), Path(folder, "model.safetensors"))
        loaded = family.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    ended: list[float] = []
    seen: list[int] = []
    padded: list[int] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *given: Any, **named: Any) -> None:
            ended.append(time.perf_counter())

    def collate(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        rows = [one["prompt"] if encodes else one["prompt"] + one["target"] for one in batch]
        labels = [one["target"] if encodes else [-100] * len(one["prompt"]) + one["target"] for one in batch]
        seen.append(sum(len(one["prompt"]) + len(one["target"]) for one in batch))
        padded.append(len(rows) * max(map(len, rows)))
        return {
            "input_ids": _filled(rows, writer.end_id),
            "attention_mask": _filled([[1] * len(row) for row in rows], 0),
            "labels": _filled(labels, -100),
        }

    def _filled(rows: list[list[int]], filling: int) -> torch.Tensor:
        longest = max(map(len, rows))
        return torch.tensor([row + [filling] * (longest - len(row)) for row in rows])

    with tempfile.TemporaryDirectory() as scratch:
        kind, trainer = (Seq2SeqTrainingArguments, Seq2SeqTrainer) if encodes else (TrainingArguments, Trainer)
        arguments = kind(
            output_dir=scratch,
            max_steps=steps + 1,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            remove_unused_columns=False,
            disable_tqdm=True,
        )
        trainer(
            model=loaded,
            args=arguments,
            train_dataset=[{"prompt": prompt, "target": target} for prompt, target in examples],
            data_collator=collate,
            callbacks=[Clock()],
        ).train()
    tokens = sum(seen[1 : steps + 1])
    return {
        "tokens_s": tokens / (ended[-1] - ended[0]),
        "peak_bytes": _peak_bytes(),
        "padding": sum(padded[: steps + 1]) / sum(seen[: steps + 1]),
    }


def _examples(data: Path, writer: PromptWriter) -> list[Example]:
    chance = random.Random(0)
    return [example(one, writer, GeneratorSettings(), chance) for one in _grounded(data)]


def _grounded(data: Path) -> list[Grounded]:
    lines = (data / "train.jsonl").read_text("utf-8").splitlines()[:QUESTIONS]
    rows = [json.loads(line) for line in lines]
    passages = [
        Passage(str(number), str(number), "", row["context"][:1200], None, "", 0, len(row["context"][:1200]))
        for number, row in enumerate(rows)
    ]
    chance = random.Random(0)
    return [
        Grounded(row["question"], row["answer"], (passage,), tuple(chance.sample(passages, DISTRACTORS)))
        for row, passage in zip(rows, passages, strict=True)
    ]


def _peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
