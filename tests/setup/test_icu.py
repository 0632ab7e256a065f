"""ICU without what Qt never asks for still sorts words and knows letters."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import PySide6
import pytest

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None or not sys.platform.startswith("linux"), reason="needs gcc on Linux"
)
LIBRARIES = Path(PySide6.__file__).parent / "Qt" / "lib"

SORTS = """
import ctypes, sys
from ctypes import byref, c_char_p, c_int, c_void_p
data = ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
common = ctypes.CDLL(sys.argv[2] + "/libicuuc.so." + sys.argv[3], ctypes.RTLD_GLOBAL)
sorting = ctypes.CDLL(sys.argv[2] + "/libicui18n.so." + sys.argv[3])
opening = getattr(sorting, "ucol_open_" + sys.argv[3]); opening.restype = c_void_p
comparing = getattr(sorting, "ucol_strcollUTF8_" + sys.argv[3])
comparing.argtypes = [c_void_p, c_char_p, c_int, c_char_p, c_int, c_void_p]
for language, less, more in (("de", "Äpfel", "Zelle"), ("sv", "Zebra", "Äpple"), ("en", "a", "B")):
    error = c_int(0)
    collator = opening(language.encode(), byref(error))
    assert error.value <= 0, error.value
    assert comparing(collator, less.encode(), -1, more.encode(), -1, byref(error)) == -1, language
print(*{line.split()[-1] for line in open("/proc/self/maps") if "libicudata" in line})
"""


def test_words_are_sorted_as_before_with_a_quarter_of_the_data(tmp_path: Path) -> None:
    import icu

    (whole,) = LIBRARIES.glob("libicudata.so.*")
    version = whole.suffix.removeprefix(".")
    made = tmp_path / "PySide6" / "Qt" / "lib" / whole.name
    made.parent.mkdir(parents=True)
    shutil.copy(whole, made)
    icu.slim_icu(tmp_path)
    assert made.stat().st_size < 0.35 * whole.stat().st_size
    arguments = [str(made), str(LIBRARIES), version]
    done = subprocess.run([sys.executable, "-c", SORTS, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(made)


def test_only_the_unused_items_go_and_the_others_stay_where_the_table_says(tmp_path: Path) -> None:
    import icu

    items = [(b"icudt1l/coll/root.res", b"sorting"), (b"icudt1l/ibm-1.cnv", b"x" * 100), (b"icudt1l/unit/de.res", b"y")]
    head = struct.pack("<H", 32) + icu.MAGIC + bytes(8) + icu.FORMAT + bytes(16)
    found = icu.without_unused(b"ELF" + head + icu._archive(items))
    assert found[:32] == head
    table = found[32:]
    count, name, data = struct.unpack_from("<III", table)
    assert count == 1
    assert table[name:].startswith(b"icudt1l/coll/root.res\0")
    assert table[data:] == b"sorting".ljust(16, b"\0")


def test_a_library_without_data_stops_the_build() -> None:
    import icu

    with pytest.raises(ValueError, match="no data"):
        icu.without_unused(b"\x7fELF")
