"""What is taken out of the frozen folder is gone, and what bears its name still loads."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def library(path: Path, source: str, *options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-shared", "-fPIC", "-o", path, "-x", "c", "-", "-x", "none", *options]
    subprocess.run(command, input=source.encode(), check=True)


@pytest.fixture
def internal(tmp_path: Path) -> Path:
    """OpenCV in small: a module over FFmpeg with symbol versions, AVIF and an OpenBLAS; faiss with another."""
    internal = tmp_path / "vademecum" / "_internal"
    libraries = internal / "opencv_python_headless.libs"
    script = tmp_path / "versions"
    script.write_text("LIBAVCODEC_62 { global: *; };", encoding="utf-8")
    codec, avif, blas = (
        libraries / "libavcodec-1a.so.62",
        libraries / "libavif-2b.so.16",
        libraries / "libopenblasp-3.so",
    )
    library(codec, "int av_open(void) { return 1; }", f"-Wl,--version-script={script}", f"-Wl,-soname,{codec.name}")
    library(avif, "int avifRead(void) { return 2; }", f"-Wl,-soname,{avif.name}")
    library(blas, "int sgemm(void) { return 3; }", f"-Wl,-soname,{blas.name}")
    library(internal / "faiss_cpu.libs" / "libopenblaso-4.so", "int sgemm(void) { return 4; }")
    library(libraries / "libcrypto-5c.so.1", "int old;")
    (internal / "libcrypto-5c.so.1").symlink_to(libraries / "libcrypto-5c.so.1")
    library(
        internal / "cv2" / "cv2.abi3.so",
        "int av_open(void); int avifRead(void); int sgemm(void);\n"
        "int film(void) { return av_open() + avifRead(); } int product(void) { return sgemm(); }",
        *map(str, (codec, avif, blas)),
        "-Wl,-rpath,$ORIGIN/../opencv_python_headless.libs",
    )
    (internal.parent / "vademecum").touch()
    return internal


def test_opencv_computes_without_ffmpeg_and_with_the_other_openblas(internal: Path) -> None:
    import slimming

    slimming.slim(internal.parent)
    assert ctypes.CDLL(internal / "cv2" / "cv2.abi3.so").product() == 4
    assert {path.name for path in internal.rglob("libcrypto*")} == set()
    names = subprocess.run(
        ["nm", "-D", "--defined-only", *internal.glob("*.libs/libav*")], check=True, capture_output=True, text=True
    ).stdout
    assert "av_open@@LIBAVCODEC_62" in names
    assert "avifRead" in names
    assert (internal.parent / "vademecum-engine").readlink() == Path("vademecum")


def test_a_film_ends_the_process_and_nothing_else(internal: Path) -> None:
    import slimming

    slimming.slim(internal.parent)
    code = f"import ctypes; ctypes.CDLL({str(internal / 'cv2' / 'cv2.abi3.so')!r}).film()"
    assert subprocess.run(["python3", "-c", code], check=False, capture_output=True).returncode == -6


def test_only_the_architectures_we_know_and_what_they_are_made_of_are_packed() -> None:
    import payload

    unused = {name.rpartition(".")[2] for name in payload.unused_models()}
    assert not unused & {"auto", "bert", "t5", "llama", "rag", "dpr", "bart", "gemma3", "encoder_decoder"}
    assert {"whisper", "clip", "deepseek_v3"} <= unused
