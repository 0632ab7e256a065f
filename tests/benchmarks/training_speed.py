"""Training the generator here against transformers' own trainers: `python -m tests.benchmarks.training_speed`.

Theirs run with their defaults, on the same model and the same examples, drawn by the program's recipe; each trainer in
a process of its own, whose peak memory is compared. Tokens are those of prompts and answers without padding; the first
step warms up and is not counted. `--f1 60` then trains an epoch with either and compares the token F1 of what they
answer to so many of the questions that follow, the right passage among wrong ones.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from engine.device import Device
from engine.evaluation.metrics import f1
from engine.generation.pytorch import TorchGenerator
from engine.generation.weights import load_generator, load_writer, model_files, own_weights
from engine.jobs import Monitor
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR, ModelLibrary
from engine.records import Fusion, Passage, Run
from engine.settings import GeneratorSettings
from engine.training.generator import GeneratorTask, Grounded, example
from engine.training.loop import Plan, time_steps, train
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
BATCH = 8  # questions a step: the default of both
DISTRACTORS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA / "med_covidqa", help="folder with a train.jsonl")
    parser.add_argument("--models", nargs="*", default=[DEFAULT_GENERATOR, CHAT_GENERATOR])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--questions", type=int, default=400, help="to train on")
    parser.add_argument("--f1", type=int, default=0, metavar="N", help="questions to answer after an epoch")
    parser.add_argument("--only", nargs=2, metavar=("WHOSE", "MODEL"), help="one of them, in this process")
    chosen = parser.parse_args()
    if chosen.only:
        whose, model = chosen.only
        terms = Terms(chosen.data, chosen.questions, chosen.steps, chosen.f1)
        print(json.dumps(_ours(model, terms) if whose == "ours" else _theirs(model, terms)))
        return
    steps = chosen.questions // BATCH - 1 if chosen.f1 else chosen.steps
    terms = Terms(chosen.data, chosen.questions, steps, chosen.f1)
    for model in chosen.models:
        told = {whose: _in_a_process(whose, model, terms) for whose in ("theirs", "ours")}
        for name in told["ours"]:
            theirs, ours = (told[whose][name] for whose in ("theirs", "ours"))
            print(f"{model:28}{name:12}theirs {theirs:14,.1f}  ours {ours:14,.1f}  {ours / theirs:.2f} ×", flush=True)


@dataclass(frozen=True, slots=True)
class Terms:
    """What both train on."""

    data: Path
    questions: int  # to train on
    steps: int  # to time, after one to warm up
    f1: int  # questions to answer after an epoch

    def rows(self) -> list[Grounded]:
        """The questions to train on, each with its passage and others'."""
        return _grounded(self.data, 0, self.questions)

    def asked(self) -> list[Grounded]:
        """The questions that follow."""
        return _grounded(self.data, self.questions, self.questions + self.f1)


def _in_a_process(whose: str, model: str, terms: Terms) -> dict[str, float]:
    options = [f"--{name}={getattr(terms, name)}" for name in ("data", "questions", "steps", "f1")]
    command = [sys.executable, "-m", __spec__.name, *options, "--only", whose, model]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return json.loads(done.stdout.splitlines()[-1])


def _ours(model: str, terms: Terms) -> dict[str, float]:
    device = Device.detect("cpu")
    device.set_threads()
    files = ModelLibrary.default().files(model)
    steps = terms.steps
    task = _task(files, terms)
    task.fit_memory(device)
    padded = task.step_tokens()[: steps + 1]
    real = [sum(len(prompt) + len(target) for prompt, target in task.batch(step)) for step in range(steps + 1)]
    pace = time_steps(task, range(steps + 1), device)
    seconds = sum(pace.steps_s[step] for step in range(1, steps + 1)) + steps * pace.update_s
    prompts = [sum(len(prompt) for prompt, _ in task.batch(step)) for step in range(steps + 1)]
    told = {"tokens_s": sum(real[1:]) / seconds, "peak_bytes": _peak_bytes(), "padding": sum(padded) / sum(prompts)}
    if terms.f1:
        task = _task(files, terms)  # anew: timing spoiled the other
        task.fit_memory(device)
        _train_an_epoch(task, device)
        told["f1"] = _f1(task.model, files, terms)
    return told


def _task(files: Mapping[str, bytes], terms: Terms) -> GeneratorTask:
    rows = terms.rows()
    return GeneratorTask(
        load_generator(files),
        load_writer(files),
        training=rows,
        validation=rows[:1],
        settings=GeneratorSettings(batch_size=BATCH),
        seed=0,
        monitor=Monitor(),
    )


def _train_an_epoch(task: GeneratorTask, device: Device) -> None:
    """Train to the end: the one example of validation decides nothing."""
    settings = GeneratorSettings()
    plan = Plan(1, settings.learning_rate, settings.warmup_share, patience=1)
    with tempfile.TemporaryDirectory() as folder, Workspace.create(Path(folder) / "w") as workspace:
        workspace.runs.add(Run("g", "generator", "e", "g", Fusion(), state="running"))
        train(_LastWins(task), plan, run_id="g", workspace=workspace, device=device, monitor=Monitor())


class _LastWins:
    """A task whose every validation is better than the one before, as their trainer keeps the last weights."""

    def __init__(self, task: GeneratorTask) -> None:
        self._task = task
        self._asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def validate(self) -> dict[str, float]:
        self._asked += 1
        return {"validations": float(self._asked)}


def _f1(model: PreTrainedModel, files: Mapping[str, bytes], terms: Terms) -> float:
    """Token F1, in percent, of the model's greedy answers to questions that follow those trained on."""
    import torch

    trained = model_files(files, {name: tensor.float() for name, tensor in own_weights(model).items()})
    writer = load_writer(files)
    with torch.inference_mode():
        generator = TorchGenerator(trained, writer, Device.detect("cpu"))
        chance = random.Random(1)
        rows = terms.asked()
        prompts = [example(one, writer, GeneratorSettings(alone_share=0), chance)[0] for one in rows]
        answers = [generator.generate([one], max_tokens=writer.most_answer_tokens)[0].text for one in prompts]
    return 100 * sum(f1(text, [one.answer]) for text, one in zip(answers, rows, strict=True)) / len(rows)


def _theirs(model: str, terms: Terms) -> dict[str, float]:
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

    from engine.models.packing import read_weights

    files = ModelLibrary.default().files(model)
    writer = load_writer(files)
    chance = random.Random(0)
    examples = [example(one, writer, GeneratorSettings(), chance) for one in terms.rows()]
    steps = terms.steps
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
    told = {
        "tokens_s": tokens / (ended[-1] - ended[0]),
        "peak_bytes": _peak_bytes(),
        "padding": sum(padded[: steps + 1]) / sum(seen[: steps + 1]),
    }
    if terms.f1:
        told["f1"] = _f1(loaded, files, terms)
    return told


def _grounded(data: Path, first: int, end: int) -> list[Grounded]:
    lines = (data / "train.jsonl").read_text("utf-8").splitlines()[first:end]
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
