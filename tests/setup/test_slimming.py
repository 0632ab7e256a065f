"""What is taken out of the frozen folder is gone, and what bears its name still loads."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import PySide6
import pytest

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def library(path: Path, source: str, *options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-shared", "-fPIC", "-o", path, "-x", "c", "-", "-x", "none", *options]
    subprocess.run(command, input=source.encode(), check=True)


@pytest.fixture
def internal(tmp_path: Path) -> Path:
    """A frozen folder in small: OpenCV over FFmpeg, faiss over an OpenBLAS of its own, NumPy's, and Qt's ICU."""
    internal = tmp_path / "vademecum" / "_internal"
    film = internal / "opencv_python_headless.libs" / "libavcodec-1a.so.62"
    library(film, "int av_open(void) { return 1; }", f"-Wl,-soname,{film.name}")
    (internal / film.name).symlink_to(film)
    library(internal / "cv2" / "cv2.abi3.so", "int av_open(void); int turned(void) { return av_open(); }", str(film))
    for folder in ("data", "typing", "utils"):
        (internal / "cv2" / folder).mkdir()
    own = internal / "faiss_cpu.libs" / "libopenblaso-4.so"
    library(own, "void sgemm_() {}", f"-Wl,-soname,{own.name}")
    library(internal / "faiss_cpu.libs" / "libgfortran-7.so", "int fortran;")
    library(
        internal / "numpy.libs" / "libscipy_openblas64_-6.so",
        "void scipy_sgemm_64_(void *a, void *b, long *m, void *n, void *k, void *f, void *x, void *p, void *y,"
        " void *q, void *g, float *out) { *out = *m; }",
        "-Wl,-soname,libscipy_openblas64_-6.so",
    )
    library(
        internal / "faiss" / "libfaiss.so",
        "void sgemm_(); int product(void) { int m[2] = {4, 5}; float out;"
        " sgemm_(m, m, m, m, m, m, m, m, m, m, m, &out, m); return out; }",
        str(own),
        "-Wl,-rpath,$ORIGIN/../faiss_cpu.libs",
    )
    (data,) = Path(PySide6.__file__).parent.glob("Qt/lib/libicudata.so.*")
    (internal / "PySide6" / "Qt" / "lib").mkdir(parents=True)
    shutil.copy(data, internal / "PySide6" / "Qt" / "lib")
    return internal


def test_opencv_is_the_compiled_one_and_faiss_computes_with_numpys_openblas(internal: Path, tmp_path: Path) -> None:
    import slimming

    compiled = tmp_path / "cv2.abi3.so"
    library(compiled, "int turned(void) { return 7; }")
    slimming.slim(internal, opencv=compiled)
    assert ctypes.CDLL(internal / "cv2" / "cv2.abi3.so").turned() == 7
    assert ctypes.CDLL(internal / "faiss" / "libfaiss.so").product() == 4
    assert {path.name for path in internal.rglob("lib*") if path.name.startswith(("libav", "libgfortran"))} == set()
    assert {path.name for path in (internal / "cv2").iterdir()} == {"cv2.abi3.so", "utils"}


def test_another_opencv_than_the_pinned_one_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import opencv
    from system_libraries import SetupError

    monkeypatch.setattr(opencv, "VERSION", "4.0")
    with pytest.raises(SetupError, match="pin its source"):
        opencv.compiled_opencv(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import opencv
    from system_libraries import SetupError

    monkeypatch.setattr(opencv.shutil, "which", lambda tool: None if tool == "ninja" else tool)
    with pytest.raises(SetupError, match="apt-get install ninja-build"):
        opencv.compiled_opencv(tmp_path)


def test_a_library_that_was_compiled_is_taken_again(tmp_path: Path) -> None:
    import opencv

    held = opencv.place(tmp_path)
    held.parent.mkdir()
    held.touch()
    assert opencv.compiled_opencv(tmp_path) == held


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


def test_the_oldest_glibc_is_that_of_the_newest_function_called(tmp_path: Path) -> None:
    import shared_libraries

    old, new, text = tmp_path / "old.so", tmp_path / "new.so", tmp_path / "text"
    library(old, "void qsort_r(); void sorted(void) { qsort_r(); }", "-nostartfiles")  # 2.8
    library(new, "int getentropy(); int drawn(void) { return getentropy(); }", "-nostartfiles")  # 2.25
    text.write_text("Name: GLIBC_9.9  Flags: none", encoding="utf-8")
    assert shared_libraries.glibc_needed([old, text]) == "2.8"
    assert shared_libraries.glibc_needed([old, new]) == "2.25"


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
