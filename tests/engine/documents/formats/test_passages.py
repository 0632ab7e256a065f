"""Passages brought along: every form gives the same records; pickles and indexes stay closed, with a sentence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from datasets import Dataset

from engine.documents.formats.corpus import Record, read_records
from engine.errors import DocumentError
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.session import Session

ROWS = [
    {"title": "Heparin", "text": "Heparin is given by injection."},
    {"title": "Insulin", "text": 'Insulin, a "hormone", is injected.'},
]


def write(path: Path) -> Path:
    """Write ROWS in the form the name asks for."""
    dataset = Dataset.from_list([{**row, "embeddings": [0.0, 1.0]} for row in ROWS])
    if path.suffix == ".parquet":
        dataset.to_parquet(path)
    elif path.suffix == ".csv":
        dataset.remove_columns("embeddings").to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    else:
        dataset.save_to_disk(path)
    return path


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv", "p.parquet", "saved"])
def test_every_form_holds_the_same_passages(session: Session, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    records = list(read_records(path))
    assert [(one.title, one.text) for one in records if isinstance(one, Record)] == [
        (row["title"], row["text"]) for row in ROWS
    ]
    report = ImportFiles((str(path),), "passages").run(session, Monitor())
    assert (report.documents_added, report.passages, report.skipped) == (2, 2, ())
    assert ImportFiles((str(path),), "passages").run(session, Monitor()).documents_unchanged == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("psgs_w100.tsv.pkl", "a pickle, which can run any program"),
        ("hf_bert_base.hnswSQ8_correct_phi_128.c_index.index_meta.dpr", "a pickle"),
        ("wiki_dpr.faiss", "exact, compressed and legacy"),
        ("psgs.c_index", "exact, compressed and legacy"),
    ],
)
def test_pickles_and_indexes_stay_closed(session: Session, tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps([1]))
    report = ImportFiles((str(tmp_path / name),), "passages").run(session, Monitor())
    assert report.documents_added == 0
    assert reason in report.skipped[0].reason and "Parquet" in report.skipped[0].reason


def test_a_data_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "saved")
    (folder / "state.json").write_text('{"_data_files": [{"filename": "../p.arrow"}]}', encoding="utf-8")
    with pytest.raises(DocumentError, match="not in it"):
        list(read_records(folder))


def test_a_linked_data_file_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "saved")
    (data,) = folder.glob("*.arrow")
    data.rename(tmp_path / "elsewhere.arrow")
    data.symlink_to(tmp_path / "elsewhere.arrow")
    with pytest.raises(DocumentError, match="links"):
        list(read_records(folder))


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "saved"])
def test_a_table_without_texts_says_what_is_missing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    dataset = Dataset.from_list([{"body": "x", "n": 1}])
    write_as = {".csv": dataset.to_csv, ".parquet": dataset.to_parquet, "": dataset.save_to_disk}[path.suffix]
    write_as(path)
    with pytest.raises(DocumentError, match="no column text"):
        list(read_records(path))


def test_a_damaged_table_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DocumentError, match="damaged"):
        list(read_records(tmp_path / "p.parquet"))
