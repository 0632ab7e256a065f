"""faiss computes the same with NumPy's OpenBLAS as NumPy does, through integers of their own width."""

from __future__ import annotations

import ctypes
import shutil
from ctypes import byref, c_char_p, c_float, c_int, c_void_p
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
N = 7


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The thin library, made for the faiss that is installed here."""
    site = Path(str(metadata.distribution("faiss-cpu").locate_file("")))
    if not list(site.glob("numpy.libs/libscipy_openblas64_*.so*")):
        pytest.skip("another NumPy than PyPI's for Linux")
    internal = tmp_path_factory.mktemp("ä 中") / "_internal"
    internal.mkdir()
    for name in ("faiss", "numpy.libs"):
        (internal / name).symlink_to(site / name)
    shutil.copytree(site / "faiss_cpu.libs", internal / "faiss_cpu.libs")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "packaging"))
        import blas

        blas.share_blas(internal)
        (made,) = internal.joinpath("faiss_cpu.libs").glob(blas.BLAS)
    assert made.stat().st_size < 200_000
    return ctypes.CDLL(made)


def call(library: ctypes.CDLL, name: str, *arguments: bytes | int | float | np.ndarray | c_int) -> None:
    """Call by address, as Fortran does."""
    passed: list[object] = []
    for argument in arguments:
        match argument:
            case bytes():
                passed.append(c_char_p(argument))
            case float():
                passed.append(byref(c_float(argument)))
            case int():
                passed.append(byref(c_int(argument)))
            case c_int():
                passed.append(byref(argument))
            case _:
                passed.append(argument.ctypes.data_as(c_void_p))
    getattr(library, name)(*passed)


def drawn(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.asfortranarray(np.random.default_rng(sum(shape)).normal(size=shape), dtype=dtype)


def positive(dtype: type = np.float32) -> np.ndarray:
    square = drawn(N, N, dtype=dtype)
    return np.asfortranarray(square @ square.T + N * np.eye(N), dtype=dtype)


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.allclose(found, wanted, atol=1e-3))


def test_products(library: ctypes.CDLL) -> None:
    a, b, out = drawn(N, 3), drawn(3, 5), np.zeros((N, 5), np.float32, order="F")
    call(library, "sgemm_", b"N", b"N", N, 5, 3, 1.0, a, N, b, 3, 0.0, out, N)
    assert close(out, a @ b)
    vector = np.zeros(N, np.float32)
    call(library, "sgemv_", b"N", N, 3, 1.0, a, N, b[:, 0].copy(), 1, 0.0, vector, 1)
    assert close(vector, a @ b[:, 0])
    squared = np.zeros((N, N), np.float32, order="F")
    call(library, "ssyrk_", b"L", b"N", N, 3, 1.0, a, N, 0.0, squared, N)
    assert close(np.tril(squared), np.tril(a @ a.T))


def test_inverse(library: ctypes.CDLL) -> None:
    square, pivots, info = positive(), np.zeros(N, np.int32), c_int(9)
    factors = square.copy(order="F")
    call(library, "sgetrf_", N, N, factors, N, pivots, info)
    assert info.value == 0
    assert pivots.min() >= 1
    call(library, "sgetri_", N, factors, N, pivots, np.zeros(64 * N, np.float32), 64 * N, info)
    assert close(factors, np.linalg.inv(square))
    singular = np.zeros((N, N), np.float32, order="F")
    call(library, "sgetrf_", N, N, singular, N, pivots, info)
    assert info.value == 1


def test_least_squares(library: ctypes.CDLL) -> None:
    tall, right, info, rank = drawn(20, N), drawn(20, 1), c_int(9), c_int(9)
    wanted = np.linalg.lstsq(tall, right, rcond=None)[0]
    work = np.zeros(10_000, np.float32)
    solved, values, room = right.copy(order="F"), np.zeros(N, np.float32), np.zeros(1, np.int32)
    call(
        library, "sgelsd_", 20, N, 1, tall.copy(order="F"), 20, solved, 20, values, -1.0, rank, work, -1, room, info
    )  # how much room is needed?
    room = np.zeros(room[0], np.int32)
    assert len(room) > 0
    call(
        library, "sgelsd_", 20, N, 1, tall.copy(order="F"), 20, solved, 20, values, -1.0, rank, work, 10_000, room, info
    )
    assert (info.value, rank.value) == (0, N)
    assert close(solved[:N], wanted)


def test_factors(library: ctypes.CDLL) -> None:
    tall, info, work = drawn(20, N), c_int(9), np.zeros(10_000, np.float32)
    values, left = np.zeros(N, np.float32), np.zeros((20, N), np.float32, order="F")
    right = np.zeros((N, N), np.float32, order="F")
    a = tall.copy(order="F")
    call(library, "sgesvd_", b"S", b"S", 20, N, a, 20, values, left, 20, right, N, work, 10_000, info)
    assert close(left * values @ right, tall)
    q, scales = tall.copy(order="F"), np.zeros(N, np.float32)
    call(library, "sgeqrf_", 20, N, q, 20, scales, work, 10_000, info)
    upper = np.triu(q[:N])
    call(library, "sorgqr_", 20, N, N, q, 20, scales, work, 10_000, info)
    assert close(q @ upper, tall)


def test_eigenvalues(library: ctypes.CDLL) -> None:
    square, info, work = positive(np.float64), c_int(9), np.zeros(10_000)
    wanted, values, vectors = np.linalg.eigvalsh(square), np.zeros(N), square.copy(order="F")
    call(library, "dsyev_", b"V", b"U", N, vectors, N, values, work, 10_000, info)
    assert close(values, wanted)
    assert close(vectors * values @ vectors.T, square)


def test_a_function_that_is_not_in_the_table_stops_the_build() -> None:
    import blas

    with pytest.raises(KeyError):
        blas.function("sgbsv_")
    with pytest.raises(KeyError):
        blas.function("cgetrf_")
