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
    """OpenCV in small: a module over FFmpeg with symbol versions, AVIF and an OpenBLAS; faiss and NumPy with others."""
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
    library(blas, "void sgemm_() {}", f"-Wl,-soname,{blas.name}")
    library(internal / "faiss_cpu.libs" / "libopenblaso-4.so", "void sgemm_() {}")
    library(
        internal / "numpy.libs" / "libscipy_openblas64_-6.so",
        "void scipy_sgemm_64_(void *a, void *b, long *m, void *n, void *k, void *f, void *x, void *p, void *y,"
        " void *q, void *g, float *out) { *out = *m; }",
        "-Wl,-soname,libscipy_openblas64_-6.so",
    )
    library(internal / "faiss_cpu.libs" / "libgfortran-7.so", "int fortran;")
    library(libraries / "libcrypto-5c.so.1", "int old;")
    (internal / "libcrypto-5c.so.1").symlink_to(libraries / "libcrypto-5c.so.1")
    library(
        internal / "cv2" / "cv2.abi3.so",
        "int av_open(void); int avifRead(void); void sgemm_();\n"
        "int film(void) { return av_open() + avifRead(); }\n"
        "int product(void) { int m[2] = {4, 5}; float out;"
        " sgemm_(m, m, m, m, m, m, m, m, m, m, m, &out, m); return out; }",
        *map(str, (codec, avif, blas)),
        "-Wl,-rpath,$ORIGIN/../opencv_python_headless.libs",
    )
    (internal.parent / "vademecum").touch()
    return internal


def test_opencv_computes_without_ffmpeg_and_with_numpys_openblas(internal: Path) -> None:
    import slimming

    slimming.slim(internal.parent)
    assert ctypes.CDLL(internal / "cv2" / "cv2.abi3.so").product() == 4
    assert {path.name for path in internal.rglob("lib*") if path.name.startswith(("libcrypto", "libgfortran"))} == set()
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


def test_a_library_that_nobody_calls_is_empty_and_one_that_is_called_stops_the_build(tmp_path: Path) -> None:
    import slimming

    whole, user = tmp_path / "pyarrow" / "libarrow_substrait.so.26", tmp_path / "pyarrow" / "lib.so"
    library(whole, "int plan(void) { return 1; }", f"-Wl,-soname,{whole.name}")
    library(user, "int plan(void); int go(void) { return plan(); }", str(whole))
    with pytest.raises(ValueError, match=r"lib\.so calls plan of libarrow_substrait\.so\.26"):
        slimming.hollow_substrait(tmp_path)
    library(user, "int go(void) { return 2; }", "-Wl,--no-as-needed", str(whole), "-Wl,-rpath,$ORIGIN")
    slimming.hollow_substrait(tmp_path)
    assert ctypes.CDLL(user).go() == 2
    assert not hasattr(ctypes.CDLL(whole), "plan")


def test_a_list_of_installed_files_keeps_the_names(tmp_path: Path) -> None:
    import slimming

    record = tmp_path / "torch-2.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text('torch/__init__.py,sha256=47DEQ,12\n"a,b.py",,\n', encoding="utf-8")
    slimming.shorten_records(tmp_path)
    assert record.read_text("utf-8") == 'torch/__init__.py,,\n"a,b.py",,\n'


def test_torch_is_packed_without_its_sources_but_for_those_it_reads() -> None:
    import payload

    modes = payload.collected_as()
    assert modes["torch"] == "pyz"
    assert {"torch._dynamo.config", "torch.nn.functional", "torch.functional"} <= modes.keys()
    assert len(modes) < 60
