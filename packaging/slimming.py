"""Takes out of the folder that PyInstaller made on Linux what its libraries do without, and their symbols."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

from blas import share_blas
from icu import slim_icu
from opencv import slim_opencv
from shared_libraries import defined, needed, undefined

# `strip` breaks what patchelf has moved in these: their segments are no longer where the loader wants them.
NOT_STRIPPED = "numpy.libs"


def slim(internal: Path, *, opencv: Path) -> None:
    """Make of PyInstaller's folder the one that is packed; `opencv` is the library that takes the whole one's place."""
    slim_opencv(internal, opencv)
    share_blas(internal)
    slim_icu(internal)
    hollow_substrait(internal)
    shorten_records(internal)
    strip(internal)


def strip(internal: Path) -> None:
    """Take the symbols out of every library."""
    libraries = [
        path
        for path in sorted(internal.rglob("*.so*"))
        if path.is_file() and not path.is_symlink() and NOT_STRIPPED not in path.parts
    ]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)


def hollow_substrait(internal: Path) -> None:
    """Put an empty library in the place of pyarrow's Substrait: the others are linked against it and never call it."""
    for library in list(internal.glob("pyarrow/libarrow_substrait.so*")):
        offered = defined(library)
        for user in internal.glob("pyarrow/*.so*"):
            if user != library and library.name in needed(user):
                called = offered & undefined(user)
                if called:
                    raise ValueError(f"{user.name} calls {min(called)} of {library.name}.")
        library.unlink()
        command = ["gcc", "-shared", "-fPIC", "-s", f"-Wl,-soname,{library.name}", "-o", library]
        subprocess.run([*command, "-x", "c", "/dev/null"], check=True)


def shorten_records(internal: Path) -> None:
    """Leave the names in the lists of installed files: transformers tells by them which distribution a module is of.

    The digests beside them are of files that are here in another form, or not at all, and don't shrink.
    """
    for record in sorted(internal.glob("*.dist-info/RECORD")):
        rows = csv.reader(record.read_text("utf-8").splitlines())
        with record.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([row[0], "", ""] for row in rows if row)
