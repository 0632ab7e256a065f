"""What is packed in blocks of several kinds is read by every xz, and the tar in it holds each file once, in order."""

from __future__ import annotations

import lzma
import random
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

MADE = 1_700_000_000


@pytest.fixture
def xz_blocks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    import xz_blocks

    monkeypatch.setattr(xz_blocks, "BLOCK", 1 << 16)
    return xz_blocks


@pytest.fixture
def sorted_tar() -> ModuleType:
    import sorted_tar

    return sorted_tar


def packed(path: Path, xz_blocks: ModuleType, pieces: list[tuple[bytes, object]]) -> bytes:
    with path.open("wb") as file, xz_blocks.BlockWriter(file) as writer:
        for content, kind in pieces:
            writer.write(content, kind)
    return path.read_bytes()


def floats(count: int) -> bytes:
    drawn = random.Random(0)
    return struct.pack(f"<{count}f", *(drawn.gauss(0, 0.02) for _ in range(count)))


def test_every_xz_reads_blocks_of_all_kinds(tmp_path: Path, xz_blocks: ModuleType) -> None:
    kinds = (xz_blocks.TEXT, xz_blocks.WORDS, xz_blocks.HALVES, xz_blocks.BYTES, xz_blocks.CODE, xz_blocks.TEXT)
    contents = [b"a" * 200_001, floats(40_000), b"seven b", b"", Path("/bin/sh").read_bytes(), b"end"]
    path = tmp_path / "all.xz"
    content = packed(path, xz_blocks, list(zip(contents, kinds, strict=True)))
    assert lzma.decompress(content) == b"".join(contents)
    assert packed(path, xz_blocks, list(zip(contents, kinds, strict=True))) == content
    assert lzma.decompress(packed(path, xz_blocks, [])) == b""


def test_the_number_of_cores_changes_nothing(
    tmp_path: Path, xz_blocks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [(floats(40_000), xz_blocks.WORDS), (b"text" * 50_000, xz_blocks.TEXT), (b"code", xz_blocks.CODE)]
    made = set[bytes]()
    for cores in (1, 7):
        monkeypatch.setattr(xz_blocks.os, "cpu_count", lambda cores=cores: cores)
        made.add(packed(tmp_path / "all.xz", xz_blocks, pieces))
    assert len(made) == 1


@pytest.mark.skipif(shutil.which("xz") is None, reason="no xz here")
def test_blocks_say_their_sizes_so_that_all_cores_unpack(tmp_path: Path, xz_blocks: ModuleType) -> None:
    packed(tmp_path / "all.xz", xz_blocks, [(floats(40_000), xz_blocks.WORDS), (b"text", xz_blocks.TEXT)])
    command = ["xz", "--list", "-vv", tmp_path / "all.xz"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
    assert "Sizes in headers:  Yes" in shown
    assert "Blocks:            4" in shown  # three of floats


def test_floats_shrink_by_their_place(tmp_path: Path, xz_blocks: ModuleType) -> None:
    content = floats(16_000)
    as_words = packed(tmp_path / "all.xz", xz_blocks, [(content, xz_blocks.WORDS)])
    assert len(as_words) < 0.95 * len(packed(tmp_path / "all.xz", xz_blocks, [(content, xz_blocks.TEXT)]))


def test_a_failure_ends_the_writing_without_an_index(tmp_path: Path, xz_blocks: ModuleType) -> None:
    path = tmp_path / "all.xz"
    with pytest.raises(RuntimeError, match="stop"), path.open("wb") as file, xz_blocks.BlockWriter(file) as writer:
        writer.write(b"text", xz_blocks.TEXT)
        raise RuntimeError("stop")
    with pytest.raises(lzma.LZMAError):
        lzma.decompress(path.read_bytes())


def weights(path: Path) -> bytes:
    import numpy as np
    from safetensors.numpy import save_file

    save_file(
        {
            "bias": np.arange(3, dtype=np.float16),
            "codes": np.arange(5, dtype=np.uint8),
            "scale": np.ones(7, np.float32),
        },
        path,
    )
    return path.read_bytes()


def test_the_sections_of_weights_are_all_of_the_file(tmp_path: Path, sorted_tar: ModuleType) -> None:
    content = weights(tmp_path / "model.safetensors")
    found = list(sorted_tar.sections(tmp_path / "model.safetensors"))
    assert sum(size for _, size in found) == len(content)
    assert [(kind, size) for kind, size in found[1:]] == [
        (sorted_tar.WORDS, 28),
        (sorted_tar.HALVES, 6),
        (sorted_tar.BYTES, 5),
    ]


def test_floats_of_both_formats_are_packed_as_such(tmp_path: Path, sorted_tar: ModuleType) -> None:
    weights(tmp_path / "model.safetensors")
    (tmp_path / "model.onnx").write_bytes(b"ONNX")
    assert sorted_tar.kind_of(tmp_path / "model.safetensors") is sorted_tar.WORDS
    assert sorted_tar.kind_of(tmp_path / "model.onnx") is sorted_tar.WORDS
    assert sorted_tar.kind_of(b"text") is sorted_tar.TEXT


def test_folders_come_first_and_files_by_kind_and_ending(
    tmp_path: Path, sorted_tar: ModuleType, xz_blocks: ModuleType
) -> None:
    content = weights(tmp_path / "model.safetensors")
    shutil.copy("/bin/sh", tmp_path / "program")
    long = "ä" * 90 + ".py"
    (tmp_path / long).write_text("print()", encoding="utf-8")
    folder = tarfile.TarInfo("./deep")
    folder.type = tarfile.DIRTYPE
    entries = [
        sorted_tar.Entry(sized(tmp_path / name), tmp_path / name) for name in ("model.safetensors", "program", long)
    ]
    entries += [sorted_tar.Entry(folder), sorted_tar.Entry(sized(tmp_path / long, "b.txt"), b"print()")]
    with (tmp_path / "all.tar.xz").open("wb") as file, xz_blocks.BlockWriter(file) as writer:
        sorted_tar.write_tar(entries, writer)
    with tarfile.open(tmp_path / "all.tar.xz") as tar:
        assert tar.getnames() == ["./deep", f"./{long}", "./b.txt", "./program", "./model.safetensors"]
        read = tar.extractfile("./model.safetensors")
        assert read is not None
        assert read.read() == content


def sized(path: Path, name: str | None = None) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"./{name or path.name}")
    info.size, info.mtime = path.stat().st_size, MADE
    return info
