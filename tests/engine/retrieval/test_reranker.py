"""The reranker: taken from a folder, tried on validation, used only where it helps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from engine.errors import Cancelled, ModelError, TrainingError
from engine.exporting.job import ExportRun, ImportRun
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import DEFAULT_ENCODER, DEFAULT_GENERATOR
from engine.retrieval.fusion import rerank
from engine.retrieval.reranker import Reranker
from engine.retrieval.retriever import RERANKED
from engine.serving.job import Search, SearchMany
from engine.serving.trial import TryModel
from engine.session import BASE, TUNED, Session
from engine.training import reranker_stage
from engine.training.course import settings_of
from engine.training.job import Train
from engine.training.reranker_stage import MEASURE, choose_reranker
from engine.training.stage import Lesson

WORDS = [
    f"{first}{second}{third}" for first in "bdfgk" for second in ("aro", "eli", "umo") for third in ("n", "st", "k")
]


def make_cross_encoder(session: Session, folder: Path, *, labels: int = 1) -> BertForSequenceClassification:
    """Write a two-layer cross-encoder with random weights, as sentence-transformers saves one."""
    source = session.library.folder(DEFAULT_ENCODER)
    given = json.loads((source / "config.json").read_bytes())
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = BertConfig(vocab_size=given["vocab_size"], num_labels=labels, **sizes)
        model = BertForSequenceClassification(config).eval()
        model.classifier.weight.data.normal_(std=2.0)
    folder.mkdir()
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    described = {
        **config.to_diff_dict(),
        "architectures": ["BertForSequenceClassification"],
        "id2label": {str(label): f"LABEL_{label}" for label in range(labels)},
        "sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "4.1.0"},
    }
    (folder / "config.json").write_text(json.dumps(described), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    return model


def test_a_cross_encoder_comes_by_folder_and_scores_as_transformers_does(session: Session, tmp_path: Path) -> None:
    model = make_cross_encoder(session, tmp_path / "judge")
    info = session.library.import_model(tmp_path / "judge")
    assert info.kind == "reranker"
    reranker = Reranker(session.library.files("judge"), session.device)
    texts = ["The lease ends in May.", "word " * 2000, ""]
    scores = reranker.scores("When does the lease end?", texts)
    tokenizer = AutoTokenizer.from_pretrained(info.path, local_files_only=True)
    given = tokenizer("When does the lease end?", texts[0], return_tensors="pt")
    with torch.inference_mode():
        logit = model(given["input_ids"], given["attention_mask"], torch.tensor([[0] * 8 + [1] * 7])).logits[0, 0]
    assert scores[0] == pytest.approx(float(torch.sigmoid(logit)), abs=0.02)
    assert ((scores > 0) & (scores < 1)).all()
    trial = TryModel("judge").run(session, Monitor())
    assert trial.works and trial.said.startswith("score ")


def test_a_classifier_of_several_labels_is_refused(session: Session, tmp_path: Path) -> None:
    make_cross_encoder(session, tmp_path / "moods", labels=3)
    with pytest.raises(ModelError, match="sorts texts into 3 kinds"):
        session.library.import_model(tmp_path / "moods")


def test_a_folder_without_its_last_layer_is_no_reranker(session: Session, tmp_path: Path) -> None:
    make_cross_encoder(session, tmp_path / "judge")
    files = {path.name: path.read_bytes() for path in (tmp_path / "judge").iterdir()}
    encoder = session.library.files(DEFAULT_ENCODER)
    with pytest.raises(ModelError, match=r"classifier\.bias"):
        Reranker({**files, "model.safetensors": encoder["model.safetensors"]}, session.device)


def test_what_is_judged_stays_above_the_rest() -> None:
    scores = rerank(np.array([0.9, 0.8, 0.7, 0.1]), np.array([0, 1]), np.array([0.0, 1.0]), weight=0.6)
    assert np.argsort(-scores).tolist() == [1, 0, 2, 3]


class Oracle:
    """Stands in for a reranker: scores by `judge`."""

    def __init__(self, judge) -> None:
        self._judge = judge
        self.asked: list[int] = []

    def scores(self, question: str, texts: Sequence[str], *, check=lambda: None) -> np.ndarray:
        self.asked.append(len(texts))
        return np.array([self._judge(question, text) for text in texts], dtype=float)


def fill(session: Session, folder: Path) -> None:
    folder.mkdir()
    rows = []
    for number, word in enumerate(WORDS):
        text = f"The code of {word} is {number}0{number}."
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
        question = {"question": "Which code is it? " + word[::-1], "answer": f"{number}0{number}", "context": text}
        rows.append(question | {"split": "validation" if number < 35 else "train"})
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ImportFiles((str(folder),)).run(session, Monitor())


def lesson(session: Session) -> Lesson:
    stored = session.workspace.questions
    run = session.run(BASE)
    return Lesson(
        session,
        Monitor(),
        run,
        run,
        stored.list("train"),
        stored.list("validation"),
        settings_of(Train(preset="quick")),
        0,
        None,
    )


@pytest.mark.parametrize("knows", [True, False])
def test_a_reranker_is_used_only_where_it_helps(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knows: bool
) -> None:
    fill(session, tmp_path / "files")
    make_cross_encoder(session, tmp_path / "judge")
    session.library.import_model(tmp_path / "judge")
    oracle = Oracle(lambda question, text: float((question.split()[-1][::-1] in text) == knows))
    monkeypatch.setattr(reranker_stage, "Reranker", lambda files, device: oracle)
    run = choose_reranker(lesson(session), session.run(BASE))
    assert run.reranker.startswith(TUNED) == knows == bool(run.after["reranker kept"])
    assert run.settings == ({"reranker": "judge"} if knows else {})
    assert (run.after[MEASURE] > run.before[MEASURE]) == knows
    assert max(oracle.asked) <= RERANKED


def test_without_a_reranker_in_the_library_nothing_is_tried(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    assert choose_reranker(lesson(session), session.run(BASE)) == session.run(BASE)


def test_a_search_is_stopped_between_what_the_reranker_reads(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    monitor = Monitor()
    read: list[str] = []

    class Stopped(Oracle):
        def scores(
            self, question: str, texts: Sequence[str], *, check: Callable[[], None] = lambda: None
        ) -> np.ndarray:
            read.append(question)
            monitor.cancel()
            check()
            return super().scores(question, texts)

    run = replace(session.run(BASE), id="retriever-1", reranker="judge", rerank_weight=1.0)
    session.workspace.runs.add(run)
    session.loaded("reranker", "judge", lambda: Stopped(lambda question, text: 0.0))
    with pytest.raises(Cancelled):
        SearchMany(("code one", "code two"), run_name="retriever-1").run(session, monitor)
    assert read == ["code one"]


def test_a_run_keeps_its_reranker_whatever_becomes_of_the_librarys(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    make_cross_encoder(session, tmp_path / "judge")
    session.library.import_model(tmp_path / "judge")
    run = session.bound(replace(session.run(BASE), id="retriever-1", reranker="judge", rerank_weight=1.0))
    assert (run.encoder, run.generator) == (DEFAULT_ENCODER, DEFAULT_GENERATOR)  # bundled: they stay
    session.workspace.runs.add(run)
    search = Search(f"code of {WORDS[3]}", top_k=10, run_name="retriever-1")
    before = search.run(session, Monitor()).hits
    session.library.remove("judge")
    session.workspace.objects.sweep()
    again = Session(workspace=session.workspace, library=session.library, device=session.device)
    after = search.run(again, Monitor()).hits
    assert [hit.passage.id for hit in after] == [hit.passage.id for hit in before]


def test_a_run_with_a_reranker_searches_with_it_and_travels_with_it(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    make_cross_encoder(session, tmp_path / "judge")
    session.library.import_model(tmp_path / "judge")
    run = replace(session.run(BASE), id="retriever-1", reranker="judge", rerank_weight=1.0)
    session.workspace.runs.add(run)
    plain = Search(f"code of {WORDS[3]}", top_k=10).run(session, Monitor()).hits
    judged = Search(f"code of {WORDS[3]}", top_k=10, run_name="retriever-1").run(session, Monitor()).hits
    reranker = Reranker(session.library.files("judge"), session.device)
    expected = reranker.scores(f"code of {WORDS[3]}", [hit.passage.indexed_text for hit in judged])
    assert [hit.score for hit in judged] == pytest.approx(expected.tolist(), abs=0.02)
    assert [hit.passage.id for hit in plain] != [hit.passage.id for hit in judged]
    ExportRun("retriever-1", str(tmp_path / "run.vademecum")).run(session, Monitor())
    session.library.remove("judge")
    taken = session.workspace.runs.get(ImportRun(str(tmp_path / "run.vademecum")).run(session, Monitor()).run)
    assert taken.reranker.startswith("object:")
    with pytest.raises(TrainingError, match="reranker"):
        session.library.import_model(tmp_path / "judge")
        Train("retriever", model="judge").run(session, Monitor())
