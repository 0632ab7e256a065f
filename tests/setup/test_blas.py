"""faiss and OpenCV compute the same with NumPy's OpenBLAS as NumPy does, through integers of their own width."""

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
    """The thin library, made for the faiss and the OpenCV that are installed here."""
    site = Path(str(metadata.distribution("faiss-cpu").locate_file("")))
    if not list(site.glob("numpy.libs/libscipy_openblas64_*.so*")):
        pytest.skip("another NumPy than PyPI's for Linux")
    internal = tmp_path_factory.mktemp("ä 中") / "_internal"
    internal.mkdir()
    for name in ("faiss", "cv2", "numpy.libs"):
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


def test_products_by_the_interface_of_c(library: ctypes.CDLL) -> None:
    columns, plain = 102, 111
    a, b, out = drawn(N, 3), drawn(3, 5), np.zeros((N, 5), np.float32, order="F")
    addresses = [c_void_p(matrix.ctypes.data) for matrix in (a, b, out)]
    library.cblas_sgemm(
        columns, plain, plain, N, 5, 3, c_float(1), addresses[0], N, addresses[1], 3, c_float(0), addresses[2], N
    )
    assert close(out, a @ b)
    a, b = a.astype(np.complex128, order="F") * 1j, b.astype(np.complex128, order="F")
    result, one, none = np.zeros((N, 5), np.complex128, order="F"), np.ones(1, complex), np.zeros(1, complex)
    given = [c_void_p(matrix.ctypes.data) for matrix in (one, a, b, none, result)]
    library.cblas_zgemm(columns, plain, plain, N, 5, 3, given[0], given[1], N, given[2], 3, given[3], given[4], N)
    assert close(result, a @ b)


def test_systems_of_equations(library: ctypes.CDLL) -> None:
    square, right, pivots, info = positive(), drawn(N, 2), np.zeros(N, np.int32), c_int(9)
    factors, solved = square.copy(order="F"), right.copy(order="F")
    call(library, "sgesv_", N, 2, factors, N, pivots, solved, N, info)
    assert info.value == 0
    assert close(square @ solved, right)
    again, known = square.copy(order="F"), np.zeros(N, np.int32)
    call(library, "sgetrf_", N, N, again, N, known, info)
    assert (known == pivots).all()
    assert close(again, factors)
    call(library, "sgetri_", N, again, N, known, np.zeros(64 * N, np.float32), 64 * N, info)
    assert close(again, np.linalg.inv(square))
    lower, solved = square.copy(order="F"), right.copy(order="F")
    call(library, "sposv_", b"L", N, 2, lower, N, solved, N, info)
    assert close(square @ solved, right)
    call(library, "spotrf_", b"L", N, np.asfortranarray(-square), N, info)
    assert info.value == 1  # not positive


def test_least_squares(library: ctypes.CDLL) -> None:
    tall, right, info, rank = drawn(20, N), drawn(20, 1), c_int(9), c_int(9)
    wanted = np.linalg.lstsq(tall, right, rcond=None)[0]
    work = np.zeros(10_000, np.float32)
    solved = right.copy(order="F")
    call(library, "sgels_", b"N", 20, N, 1, tall.copy(order="F"), 20, solved, 20, work, 10_000, info)
    assert close(solved[:N], wanted)
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
    right, room = np.zeros((N, N), np.float32, order="F"), np.zeros(8 * N, np.int32)
    a = tall.copy(order="F")
    call(library, "sgesdd_", b"S", 20, N, a, 20, values, left, 20, right, N, work, 10_000, room, info)
    assert close(left * values @ right, tall)
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
    real, imaginary, none = np.zeros(N), np.zeros(N), np.zeros((N, N), order="F")
    a = square.copy(order="F")
    call(library, "dgeev_", b"N", b"N", N, a, N, real, imaginary, none, N, none, N, work, 10_000, info)
    assert close(np.sort(real), wanted)


def test_a_function_that_is_not_in_the_table_stops_the_build() -> None:
    import blas

    with pytest.raises(KeyError):
        blas.function("sgbsv_")
    with pytest.raises(KeyError):
        blas.function("cgetrf_")
