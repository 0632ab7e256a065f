"""RAG checkpoint folders: a good one is taken apart; forty hostile ones are refused with a reason, and nothing runs."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.errors import ModelError
from engine.models.library import ModelLibrary
from engine.models.published import LAYOUT
from tests.engine.models.folders import make_folder, write_weights

DPR = {
    "model_type": "dpr", "hidden_size": 4, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
    "vocab_size": 5, "pad_token_id": 0, "projection_dim": 0, "do_sample": False,
}  # fmt: skip
BART = {
    "model_type": "bart", "d_model": 4, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 5, "pad_token_id": 1,
    "bos_token_id": 0, "eos_token_id": 2, "is_encoder_decoder": True, "num_beams": 4,
}  # fmt: skip
RAG = {
    "model_type": "rag", "architectures": ["RagSequenceForGeneration"], "question_encoder": DPR, "generator": BART,
    "n_docs": 5, "title_sep": " / ", "doc_sep": " // ", "index_name": "exact", "dataset": "wiki_dpr",
    "index_path": None, "passages_path": None, "max_combined_length": 300,
}  # fmt: skip


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that a payload would write; it never may."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "a payload ran"


@pytest.fixture
def shelf(tmp_path: Path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "none", tmp_path / "imported")


def make_rag(folder: Path, **changes: Any) -> Path:
    """Write a checkpoint of five weights that passes every check."""
    for name in ("question_encoder_tokenizer", "generator_tokenizer"):
        make_folder(folder / name)
        for left in ("config.json", "model.safetensors"):
            (folder / name / left).unlink()
    save_file(
        {
            "rag.question_encoder.question_encoder.bert_model.embeddings.word_embeddings.weight": np.ones((5, 4), "f4"),
            "rag.question_encoder.question_encoder.bert_model.embeddings.position_ids": np.ones((1, 5), "i8"),
            "rag.generator.model.shared.weight": np.full((5, 4), 2, "f4"),
        },
        folder / "model.safetensors",
    )
    configure(folder, **RAG | changes)
    return folder


def make_context(folder: Path, **changes: Any) -> Path:
    """Write a DPR context encoder that belongs to it."""
    make_folder(folder, config=DPR | {"architectures": ["DPRContextEncoder"]} | changes)
    return folder


def configure(folder: Path, **config: Any) -> None:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


class _Payload:
    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"touch {self._target}",)


def poison(path: Path, canary: Path) -> None:
    """Write a pickle that makes the canary when it is opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(_Payload(canary)))


def test_the_payload_would_run_if_a_pickle_were_opened(tmp_path: Path) -> None:
    poison(tmp_path / "x.bin", tmp_path / "proof")
    pickle.loads((tmp_path / "x.bin").read_bytes())
    assert (tmp_path / "proof").exists()


def test_a_checkpoint_becomes_model_folders_of_its_parts(tmp_path: Path, shelf: ModelLibrary) -> None:
    make_context(tmp_path / "all" / "ctx")
    info = shelf.import_model(make_rag(tmp_path / "all" / "rag-nq"))
    assert (info.name, info.kind, info.trusted) == ("rag-nq", "rag", True)
    assert [one.name for one in shelf.list()] == ["rag-nq"]
    assert shelf.verify() == ()
    question = shelf.files("rag-nq/question_encoder")
    assert json.loads(question["config.json"])["architectures"] == ["DPRQuestionEncoder"]
    assert b"position_ids" not in question["model.safetensors"]
    layout = json.loads(shelf.files("rag-nq/generator")[LAYOUT])
    assert (layout["reading"], layout["passages"], layout["doc_sep"]) == ("sequence", 5, " // ")
    assert shelf.has("rag-nq/context_encoder")
    everything = "".join(
        path.read_text("utf-8", errors="replace") for path in (shelf.imported / "rag-nq").rglob("*.json")
    )
    assert "wiki_dpr" not in everything and "index_name" not in everything
    shelf.remove("rag-nq")
    assert shelf.list() == ()


def test_a_changed_part_is_not_trusted(tmp_path: Path, shelf: ModelLibrary) -> None:
    shelf.import_model(make_rag(tmp_path / "rag"))
    with (shelf.imported / "rag" / "generator" / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x07")
    assert not shelf.get("rag").trusted
    with pytest.raises(ModelError):
        shelf.files("rag/generator")


def _change(**changes: Any) -> Callable[[Path, Path], None]:
    return lambda folder, canary: configure(folder, **RAG | changes)


def _pickle(name: str) -> Callable[[Path, Path], None]:
    return lambda folder, canary: poison(folder / name, canary)


def _file(name: str, content: bytes = b"x") -> Callable[[Path, Path], None]:
    def write(folder: Path, canary: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.replace(b"CANARY", str(canary).encode()))

    return write


def _link(name: str, target: str) -> Callable[[Path, Path], None]:
    def link(folder: Path, canary: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return link


def _without(name: str) -> Callable[[Path, Path], None]:
    return lambda folder, canary: (folder / name).unlink()


def _weights(header: Any, data: bytes = b"") -> Callable[[Path, Path], None]:
    return lambda folder, canary: write_weights(folder / "model.safetensors", header, data)


CODE = b"import os\nos.system('touch CANARY')\n"
ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}

HOSTILE: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "pickled weights": (_pickle("pytorch_model.bin"), "may hold a pickle"),
    "pickled weights of one part": (_pickle("generator/pytorch_model.bin"), "may hold a pickle"),
    "a checkpoint": (_pickle("last.ckpt"), "may hold a pickle"),
    "a torch file": (_pickle("weights.pt"), "may hold a pickle"),
    "another torch file": (_pickle("weights.PTH"), "may hold a pickle"),
    "pickled passages": (_pickle("psgs_w100.tsv.pkl"), "may hold a pickle"),
    "pickled metadata of a legacy index": (_pickle("hf_bert_base.index_meta.dpr"), "of a kind"),
    "a faiss index": (_file("my_index.faiss"), "of a kind"),
    "numpy arrays": (_pickle("vectors.npy"), "may hold a pickle"),
    "joblib": (_pickle("x.joblib"), "may hold a pickle"),
    "a pickled tokenizer": (_pickle("generator_tokenizer/tokenizer.pkl"), "may hold a pickle"),
    "modelling code": (_file("modeling_rag.py", CODE), "program code"),
    "tokenizer code": (_file("question_encoder_tokenizer/tok.py", CODE), "program code"),
    "a dataset script": (_file("wiki_dpr.py", CODE), "program code"),
    "a shared library": (_file("kernel.so"), "program code"),
    "a program": (_file("setup.exe"), "program code"),
    "auto_map": (_change(auto_map={"AutoModel": "evil.Model"}), "its own program code"),
    "auto_map of the generator": (_change(generator=BART | {"auto_map": {"AutoModel": "e.M"}}), "its own program code"),
    "auto_map of the question encoder": (
        _change(question_encoder=DPR | {"auto_map": {"AutoModel": "e.M"}}),
        "its own program code",
    ),
    "auto_map of a tokenizer": (
        _file("generator_tokenizer/tokenizer_config.json", b'{"auto_map": {"AutoTokenizer": ["e.T", null]}}'),
        "its own program code",
    ),
    "a custom pipeline": (_change(custom_pipelines={"x": {"impl": "e.P"}}), "does not know"),
    "an unknown setting of the generator": (_change(generator=BART | {"remote": 1}), "does not know"),
    "a legacy index": (_change(index_name="legacy"), "a pickle"),
    "a legacy index at an address": (
        _change(index_name="legacy", index_path="https://example.org/index"),
        "a pickle",
    ),
    "an index at an address": (_change(index_path="https://example.org/index.faiss"), "names index_path"),
    "an absolute index path": (_change(index_name="custom", index_path="/etc/passwd"), "names index_path"),
    "an absolute passages path": (_change(index_name="custom", passages_path="/home/other"), "names passages_path"),
    "a path out of the folder": (_change(passages_path="../../secret"), "names passages_path"),
    "pickled passages by path": (_change(passages_path="psgs.pkl"), "names passages_path"),
    "a remote dataset": (_change(dataset="evil/wiki"), "remote index"),
    "a revision of a dataset": (_change(dataset_revision="main"), "remote index"),
    "an index of another kind": (_change(index_name="hub://index"), "remote index"),
    "a linked file": (_link("config.txt", "/etc/passwd"), "is a link"),
    "linked weights": (_link("model.safetensors", "/etc/passwd"), "is a link"),
    "a linked tokenizer": (_link("generator_tokenizer/tokenizer.json", "/etc/passwd"), "is a link"),
    "a pipe": (lambda folder, canary: os.mkfifo(folder / "vocab.txt"), "not a regular file"),
    "another architecture": (_change(architectures=["EvilForGeneration"]), "neither a RagSequence"),
    "a generator of another kind": (_change(generator=BART | {"model_type": "llama"}), "is a llama"),
    "a question encoder of another kind": (_change(question_encoder=DPR | {"model_type": "evil"}), "is a evil"),
    "a generator that is no object": (_change(generator="facebook/bart-large"), "doesn't describe its generator"),
    "an endless size": (_change(generator=BART | {"vocab_size": 10**12}), "asks for the size"),
    "too many passages": (_change(n_docs=10**9), "is not 1 to 50"),
    "a separator without end": (_change(doc_sep="x" * 10_000), "no short text"),
    "no weights": (_without("model.safetensors"), "has no model.safetensors"),
    "weights of something else": (_weights({"x": ENTRY}, b"\0" * 4), "holds no weights named"),
    "weights longer than they say": (_weights({"rag.x": ENTRY}, b"\0" * 400), "can't be trusted"),
    "a header without end": (
        lambda folder, canary: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60)),
        "can't be trusted",
    ),
    "no tokenizer": (_without("generator_tokenizer/tokenizer.json"), "holds neither tokenizer.json"),
    "a tokenizer of another model": (
        _file("generator_tokenizer/tokenizer.json", b'{"model": {"type": "None"}}'),
        "can't be read",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_checkpoint_is_refused_and_nothing_of_it_runs(
    tmp_path: Path, shelf: ModelLibrary, canary: Path, kind: str
) -> None:
    spoil, reason = HOSTILE[kind]
    folder = make_rag(tmp_path / "place" / "m")
    spoil(folder, canary)
    with pytest.raises(ModelError) as refused:
        shelf.import_model(folder)
    assert reason in refused.value.message
    assert refused.value.hint
    assert not list(shelf.imported.glob("*"))


def test_there_are_forty_kinds() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"hidden_size": 8}, "other vectors"), ({"auto_map": {"AutoModel": "e.M"}}, "its own program code")],
)
def test_a_context_encoder_that_does_not_belong_is_refused(
    tmp_path: Path, shelf: ModelLibrary, changes: dict[str, Any], reason: str
) -> None:
    make_context(tmp_path / "place" / "ctx", **changes)
    with pytest.raises(ModelError, match=reason):
        shelf.import_model(make_rag(tmp_path / "place" / "m"))


def test_a_context_encoder_with_a_pickle_is_refused(tmp_path: Path, shelf: ModelLibrary, canary: Path) -> None:
    poison(make_context(tmp_path / "place" / "ctx") / "pytorch_model.bin", canary)
    with pytest.raises(ModelError, match="may hold a pickle"):
        shelf.import_model(make_rag(tmp_path / "place" / "m"))


def test_two_context_encoders_are_not_guessed_between(tmp_path: Path, shelf: ModelLibrary) -> None:
    for name in ("one", "two"):
        make_context(tmp_path / "place" / name)
    with pytest.raises(ModelError, match="Several context encoders"):
        shelf.import_model(make_rag(tmp_path / "place" / "m"))
