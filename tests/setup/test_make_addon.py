"""The add-on's folder is made of the right wheels, or a sentence says why not."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from engine.addon.folder import read_manifest

CUDA = "torch/lib/libtorch_cuda.so"


@pytest.fixture
def make_addon() -> ModuleType:
    import make_addon

    return make_addon


def wheels(folder: Path, name: str, *, holds: str = CUDA) -> Path:
    """Write a folder with a wheel of torch and one that it needs."""
    folder.mkdir()
    for wheel, entry in ((name, holds), ("nvidia_cublas-13.0.0.19-py3-none-manylinux_2_27_x86_64.whl", "nvidia/x")):
        with zipfile.ZipFile(folder / wheel, "w") as archive:
            archive.writestr(entry, "")
    return folder


@pytest.mark.parametrize(
    ("tag", "holds", "platform"),
    [
        ("linux_x86_64", CUDA, "linux-x86_64"),
        ("manylinux_2_28_x86_64", CUDA, "linux-x86_64"),
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", CUDA, "linux-x86_64"),
        ("manylinux_2_28_aarch64", CUDA, "linux-aarch64"),
        ("win_amd64", "torch/lib/torch_cuda.dll", "windows-amd64"),
    ],
)
def test_the_manifest_names_the_machine_that_the_wheel_is_for(
    tag: str, holds: str, platform: str, make_addon: ModuleType, tmp_path: Path
) -> None:
    source = wheels(tmp_path / "wheels", f"torch-2.13.0+cu130-cp311-cp311-{tag}.whl", holds=holds)
    (source / "numpy-2.0.2-cp311-cp311-win_amd64.whl").write_bytes(b"")
    assert make_addon.main([str(source), str(tmp_path / "out")]) == 0
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.platform, manifest.python, manifest.torch) == (platform, "cp311", "2.13.0+cu130")
    assert {path.name for path in (tmp_path / "out").glob("*.whl")} == manifest.files.keys()
    assert len(manifest.files) == 2


@pytest.mark.parametrize(
    ("name", "holds", "problem"),
    [
        ("torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl", "torch/lib/libtorch_cpu.so", "is no CUDA build"),
        ("torch-2.13.0-cp311-none-macosx_14_0_arm64.whl", CUDA, "a system that Vademecum doesn't run on"),
        ("torchvision-0.28.0-cp311-cp311-linux_x86_64.whl", CUDA, "holds no wheel of torch"),
    ],
)
def test_what_is_no_addon_is_a_sentence_and_leaves_nothing(
    name: str,
    holds: str,
    problem: str,
    make_addon: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = wheels(tmp_path / "wheels", name, holds=holds)
    assert make_addon.main([str(source), str(tmp_path / "out")]) == 1
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_left_as_it_is(
    make_addon: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = wheels(tmp_path / "wheels", "torch-2.13.0+cu130-cp311-cp311-linux_x86_64.whl")
    (tmp_path / "out").mkdir()
    assert make_addon.main([str(source), str(tmp_path / "out")]) == 1
    assert "name a new folder" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
