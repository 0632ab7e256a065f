"""A published RAG checkpoint, from its folder to an answer; each trap of transformers' classes has its test."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.device import Device
from engine.errors import TrainingError
from engine.evaluation.job import Evaluate
from engine.generation.marginal import SequenceReader, TokenReader
from engine.generation.runtimes import load_runtime
from engine.generation.weights import load_generator, load_writer
from engine.importing import ImportFiles
from engine.jobs import Event, Measured, Monitor
from engine.records import Fusion, Passage, Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.index import passage_dataset
from engine.retrieval.job import BuildIndex
from engine.serving.job import AnswerQuestion
from engine.session import Session
from engine.settings import JointSettings
from engine.training.choice import published_run
from engine.training.job import Train
from engine.training.published import PublishedTask, loss_padding
from engine.workspace.workspace import Workspace
from tests.engine.training.published_folders import make_published

DRUGS = ("amoxicillin", "heparin", "insulin", "digoxin", "warfarin", "codeine", "ramipril", "morphine")
ANSWER = "by mouth after meals"
LONG = "word " * 400


def text_of(drug: str) -> str:
    return f"The usual dose of {drug} is small. It is given {ANSWER}. "


def question_of(drug: str) -> str:
    return f"How is {drug} given?"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("published")
    texts = [text_of(drug) + question_of(drug) + " / // word" for drug in DRUGS]
    return {
        reading: make_published(folder / reading / f"rag-{reading}-tiny", texts=texts, reading=reading)
        for reading in ("sequence", "token")
    }


@pytest.fixture
def filled(session: Session, tmp_path: Path) -> Session:
    folder = tmp_path / "files"
    folder.mkdir()
    rows = []
    for drug in DRUGS:
        (folder / f"{drug}.txt").write_text(text_of(drug), encoding="utf-8")
        row = {"question": question_of(drug), "answer": ANSWER, "context": text_of(drug), "document": f"{drug}.txt"}
        rows.append(row | {"split": "train"})
    rows += [row | {"split": split, "id": split} for row, split in zip(rows[:2], ("validation", "test"), strict=True)]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ImportFiles((str(folder),)).run(session, Monitor())
    return session


def imported(session: Session, folder: Path) -> Run:
    """Import the checkpoint and return a run that answers as it does."""
    name = session.library.import_model(folder).name
    base = session.run("base")
    run = Run("published", "joint", base.encoder, base.generator, base.fusion)
    from dataclasses import replace

    run = replace(run, **published_run(session, name))
    session.workspace.runs.add(run)
    return run


def task_of(session: Session, run: Run, **changes: object) -> PublishedTask:
    questions = session.workspace.questions.list("train")
    passages = {passage.id: passage for passage in session.workspace.documents.passages()}
    question = Encoder(session.model_files(run.encoder), session.device)
    passage = Encoder(session.model_files(run.passage_encoder), session.device)
    files = session.model_files(run.generator)
    ids = list(passages)
    given = {
        "workspace": session.workspace,
        "run_id": run.id,
        "question_encoder": question,
        "passage_encoder": passage,
        "generator": load_generator(files),
        "writer": load_writer(files),
        "passages": passages,
        "vectors": (ids, passage.encode([passage.input_of(passages[one]) for one in ids])),
        "training": questions,
        "validation": questions[:1],
        "settings": JointSettings(batch_size=2),
        "seed": 0,
        "monitor": Monitor(),
    } | changes
    return PublishedTask(**given)  # type: ignore[arg-type]  # as the stage does


@pytest.mark.parametrize("reading", ["sequence", "token"])
def test_a_checkpoint_is_imported_indexed_tuned_evaluated_and_asked(
    filled: Session, checkpoints: dict[str, Path], reading: str, tmp_path: Path
) -> None:
    model = filled.library.import_model(checkpoints[reading])
    assert (model.kind, model.trusted) == ("rag", True)
    assert filled.library.import_model(checkpoints[reading]) == model
    events: list[Event] = []
    job = Train(what="joint", model=model.name, epochs=12, batch_size=4, learning_rate=4e-3)
    run = job.run(filled, Monitor(listen=events.append))
    losses = [
        event.values["joint/train_loss"]
        for event in events
        if isinstance(event, Measured) and "joint/train_loss" in event.values
    ]
    assert losses[-1] < losses[0] / 2
    assert run.kept and run.reading == reading and run.fusion == Fusion(1.0)
    assert BuildIndex(run.id).run(filled, Monitor()).embedded == 0
    report = Evaluate(run.id, "test", None).run(filled, Monitor())
    assert report.answers["f1"] == 1.0
    answer = AnswerQuestion(question_of("heparin"), run_name=run.id).run(filled, Monitor())
    assert answer.answer == ANSWER and answer.citations

    filled.close()  # trap: nothing keeps an absolute path, so a moved workspace answers as before
    shutil.move(filled.workspace.path, tmp_path / "moved")
    with Workspace.open(tmp_path / "moved") as workspace:
        moved = Session(workspace=workspace, library=filled.library, device=Device.detect("cpu"))
        assert AnswerQuestion(question_of("insulin"), run_name=run.id).run(moved, Monitor()).answer == ANSWER


def test_fewer_passages_than_asked_for_are_all_read_once(filled: Session, checkpoints: dict[str, Path]) -> None:
    """Trap: faiss says −1 for a passage that is not there, and transformers then reads the last one."""
    run = imported(filled, checkpoints["sequence"])
    few = dict([(passage.id, passage) for passage in filled.workspace.documents.passages()][:2])
    encoder = Encoder(filled.model_files(run.passage_encoder), filled.device)
    vectors = encoder.encode([encoder.input_of(passage) for passage in few.values()])
    task = task_of(filled, run, passages=few, vectors=(list(few), vectors))
    assert task.model.config.n_docs == 2
    task._refresh(0, 0)
    _, ids, _ = task.model.retriever.retrieve(vectors[:1], task.model.config.n_docs)
    assert sorted(ids[0].tolist()) == [0, 1]


def test_the_right_passage_moves_the_retriever_even_for_an_answer_of_one_token(
    filled: Session, checkpoints: dict[str, Path]
) -> None:
    """Trap: the passages' prior enters the loss at the second written token only."""
    task = task_of(filled, imported(filled, checkpoints["sequence"]))
    short = [_with_answer(question, "a") for question in filled.workspace.questions.list("train")[:2]]
    assert len(task.labels("a")) == 4  # start, opening, the token, the end
    task._refresh(0, 0)
    task._loss(short).sum().backward()
    moved = [
        one.grad.abs().max().item() for one in task.model.rag.question_encoder.parameters() if one.grad is not None
    ]
    assert max(moved) > 0


def test_the_end_token_counts_where_it_is_the_padding_too(filled: Session, checkpoints: dict[str, Path]) -> None:
    """Trap: transformers' loss leaves out the padding, and with it the end of an answer where both are one token."""
    run = imported(filled, checkpoints["sequence"])
    generator = load_generator(filled.model_files(run.generator))
    generator.config.pad_token_id = generator.config.eos_token_id
    task = task_of(filled, run, generator=generator)
    assert task.padding != generator.config.eos_token_id
    whole = task_of(filled, run, generator=load_generator(filled.model_files(run.generator)))
    questions = filled.workspace.questions.list("train")[:2]
    for one in (task, whole):
        one._refresh(0, 0)
    with torch.no_grad():
        assert task._loss(questions).tolist() == pytest.approx(whole._loss(questions).tolist(), rel=1e-5)


def test_a_padding_that_ends_answers_is_never_left_out() -> None:
    assert loss_padding({"pad_token_id": 1, "eos_token_id": 2, "vocab_size": 9}) == 1
    assert loss_padding({"pad_token_id": 8, "eos_token_id": 8, "vocab_size": 9, "bos_token_id": 7}) == 6
    assert loss_padding({"pad_token_id": None, "eos_token_id": [1, 0], "vocab_size": 5}) == 4


def test_unit_vectors_get_a_temperature_and_dprs_do_not(filled: Session, checkpoints: dict[str, Path]) -> None:
    """Trap: without a temperature the prior over unit vectors is nearly the same for every passage."""
    published = imported(filled, checkpoints["sequence"])
    assert (published.temperature, filled.run("base").temperature) == (1.0, 0.05)
    dpr = Encoder(filled.model_files(published.passage_encoder), filled.device)
    vectors = dpr.encode([("heparin", text_of("heparin")), ("insulin", text_of("insulin"))])
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=0.05)
    unit = Encoder(filled.model_files(filled.run("base").encoder), filled.device).encode([text_of("heparin")])
    assert np.linalg.norm(unit, axis=1) == pytest.approx([1.0], abs=1e-3)


def test_a_long_passage_never_cuts_the_question(filled: Session, checkpoints: dict[str, Path]) -> None:
    """Trap: the question stands last and transformers cuts the end."""
    task = task_of(filled, imported(filled, checkpoints["sequence"]))
    task._refresh(0, 0)
    task.model.retriever.asked = [question_of("heparin")]
    ids, mask = task.model.retriever.postprocess_docs([{"title": ["T"], "text": [LONG]}], None, None, 1)
    written = task._writer.text(ids[0][mask[0].bool()].tolist())
    assert written.endswith(question_of("heparin"))
    assert int(mask.sum()) == 128  # max_combined_length


@pytest.mark.parametrize("reading", ["sequence", "token"])
def test_decoding_agrees_with_transformers(filled: Session, checkpoints: dict[str, Path], reading: str) -> None:
    run = imported(filled, checkpoints[reading])
    task = task_of(filled, run)
    task._refresh(0, 0)
    generator = task.model.generator.eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(3)  # far from uniform, so that the likeliest tokens are clear
    task.model.eval()
    passages = filled.workspace.documents.passages_by_id(list(task._passages)[:3])
    shown: list[Passage] = list(passages.values())
    writer = task._writer
    prompts = [writer.prompt(question_of("heparin"), [passage]) for passage in shown]
    scores = torch.tensor([[0.3, 1.4, -0.2]])
    length = max(map(len, prompts))
    ids = torch.tensor([prompt + [1] * (length - len(prompt)) for prompt in prompts])
    mask = (torch.arange(length) < torch.tensor([[len(prompt)] for prompt in prompts])).long()
    prior = scores[0].log_softmax(0).double().numpy()
    reader = TokenReader(generator, writer) if reading == "token" else SequenceReader(_Torch(generator, writer))
    (ours,) = reader.read([question_of("heparin")], [shown], [prior], max_tokens=8)
    if reading == "token":
        theirs = task.model.generate(
            context_input_ids=ids, context_attention_mask=mask, doc_scores=scores, n_docs=3, num_beams=1,
            max_new_tokens=9, do_sample=False, decoder_start_token_id=2, forced_bos_token_id=0, eos_token_id=2,
            pad_token_id=1, bos_token_id=0,
        )  # fmt: skip
        assert ours.text == writer.text(theirs[0].tolist()[: 2 + 8])  # start and opening come first; they write on
    else:
        assert ours.text == _thorough(task, ids, mask, scores, prompts)


class _Torch:
    """A sequence reader's runtime in float32: CTranslate2's int8 rounds."""

    def __init__(self, model: torch.nn.Module, writer: object) -> None:
        from engine.generation.pytorch import TorchGenerator

        self._inner = object.__new__(TorchGenerator)
        self._inner.writer, self._inner._device, self._inner._model = writer, "cpu", model
        self.writer, self.generate, self.score = writer, self._inner.generate, self._inner.score


def _thorough(task: PublishedTask, ids: torch.Tensor, mask: torch.Tensor, scores: torch.Tensor, prompts: list) -> str:
    """The greedy answer of each passage, the best under transformers' own RAG-Sequence loss."""
    writer = task._writer
    written = {one.text for one in _Torch(task.model.generator, writer).generate(prompts, max_tokens=8)}
    losses = {}
    for text in written:
        labels = torch.tensor([task.labels(text)])
        with torch.no_grad():
            losses[text] = task.model(
                context_input_ids=ids, context_attention_mask=mask, doc_scores=scores, labels=labels, n_docs=3
            ).loss.item()
    return min(losses, key=losses.__getitem__)


def test_the_index_of_transformers_finds_what_ours_finds() -> None:
    vectors = np.eye(4, dtype=np.float32)
    dataset = passage_dataset(["a", "b", "c", "d"], ["1", "2", "3", "4"], vectors)
    scores, found = dataset.search("embeddings", vectors[2], k=2)
    assert found[0] == 2 and scores[0] == 1.0


def test_a_checkpoint_without_context_encoder_is_trained_by_our_own_loss(
    filled: Session, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    alone = tmp_path / "alone" / "rag"
    shutil.copytree(checkpoints["sequence"], alone)
    model = filled.library.import_model(alone)
    run = Train(what="joint", model=model.name, epochs=1, batch_size=4).run(filled, Monitor())
    assert run.state == "finished" and run.passage_encoder == ""


def test_a_dpr_question_encoder_goes_with_a_causal_model(filled: Session, checkpoints: dict[str, Path]) -> None:
    model = filled.library.import_model(checkpoints["sequence"])
    job = Train(what="joint", model="SmolLM2-135M-Instruct", encoder=f"{model.name}/question_encoder", epochs=1)
    run = job.run(filled, Monitor())
    assert run.state == "finished" and "joint kept" in run.after


def test_a_checkpoint_is_not_trained_in_halves(filled: Session, checkpoints: dict[str, Path]) -> None:
    model = filled.library.import_model(checkpoints["sequence"])
    with pytest.raises(TrainingError) as refused:
        Train(what="generator", model=model.name).run(filled, Monitor())
    assert "jointly" in refused.value.message


def test_a_published_bart_answers_on_the_cpu_runtime(filled: Session, checkpoints: dict[str, Path]) -> None:
    run = imported(filled, checkpoints["sequence"])
    runtime = load_runtime(filled, run.generator)
    (passage, *_) = filled.workspace.documents.passages()
    prompt = runtime.writer.prompt("How?", [passage])
    target = runtime.writer.target(ANSWER)
    model = load_generator(filled.model_files(run.generator))
    start = [model.config.decoder_start_token_id, *target[:-1]]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([start])).logits
    expected = logits.log_softmax(-1)[0].gather(-1, torch.tensor(target).unsqueeze(-1)).sum().item()
    assert runtime.score([prompt], [target]) == pytest.approx([expected], rel=0.02)
    assert len(runtime.generate([prompt], max_tokens=4)) == 1


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    yield


def _with_answer(question: object, answer: str) -> object:
    from dataclasses import replace

    return replace(question, answers=(answer,))  # type: ignore[type-var]  # a Question
