"""What goes into a package: the distributions the program needs to run, the modules it doesn't, and the data."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
OURS = ("engine", "desktop")

# Parts of what is needed that nothing of ours reaches.
UNUSED_MODULES = (
    "tkinter", "tensorboard", "tensorflow", "jax", "flax", "triton", "IPython", "matplotlib", "scipy", "sklearn",
    "torch.utils.tensorboard", "pyqtgraph.examples", "pyqtgraph.opengl", "OpenGL",
    "PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtQuickWidgets", "PySide6.QtDesigner", "PySide6.QtHelp",
    "PySide6.QtSql", "PySide6.QtTest",
    "pyarrow.tests", "pandas.tests", "numpy.tests", "sympy.testing",
    "readline", "_gdbm", "_dbm",  # GPL libraries under them
)  # fmt: skip

# Files that are collected with a library and never loaded: headers, type stubs, test data, Qt's QML.
# Kept on purpose: torch/bin/torch_shm_manager and torch.testing._internal, without which torch can't be imported.
UNUSED_FILES = re.compile(
    r"torch/include/|torch/share/|torch/test/|torch/bin/(?!torch_shm_manager)|pyarrow/include/|\.cmake$|\.pyi$|\.a$"
    r"|/tests?/.*\.(csv|parquet|json|npz)$"
    r"|libQt6(Qml|Quick|VirtualKeyboard|Pdf|WaylandEgl|EglFS|OpenGLWidgets|Designer|Help|Sql|Test)[^/]*\.so"
    r"|PySide6/Qt/qml/|PySide6/Qt/translations/(?!qtbase_|qt_)"
    r"|plugins/(qmltooling|qmllint|qmlls|sqldrivers|designer|virtualkeyboard|egldeviceintegrations"
    r"|platforminputcontexts/libqtvirtualkeyboard|platforms/libq(eglfs|vnc|linuxfb|vkkhr|minimalegl))"
    r"|libarrow_flight|pyarrow/_flight|libparquet_enc"
    # The machine's own is as new as its graphics driver needs it; a bundled older one breaks the driver.
    r"|(^|/)lib(stdc\+\+|gcc_s)\.so"
)

# What loses its symbols: the only libraries that carry enough of them to matter and take it well.
STRIPPED = ("torch/lib/libtorch_cpu.so", "torch/lib/libtorch_python.so", "libpython3.11.so.1.0")


def requirements() -> list[Requirement]:
    """What pyproject.toml says the program needs to run."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    return [Requirement(line) for line in project["dependencies"]]


def runtime_distributions(environment: dict[str, str] | None = None) -> list[metadata.Distribution]:
    """Return every installed distribution that the program needs, those that are needed in turn included."""
    found: dict[str, metadata.Distribution] = {}
    wanted = [(requirement, "") for requirement in requirements()]
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement, extra = wanted.pop()
        if requirement.marker and not requirement.marker.evaluate({**(environment or {}), "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        distribution = found.setdefault(name, metadata.distribution(name))
        for asked in ("", *requirement.extras):
            if (name, asked) not in seen:
                seen.add((name, asked))
                wanted += [(Requirement(line), asked) for line in distribution.requires or ()]
    return [found[name] for name in sorted(found)]


def excluded_modules() -> list[str]:
    """Name what must not be drawn in: modules of installed distributions that no requirement leads to."""
    needed = {canonicalize_name(distribution.name) for distribution in runtime_distributions()}
    foreign = [
        module
        for module, owners in metadata.packages_distributions().items()
        if "/" not in module
        and not needed & {canonicalize_name(owner) for owner in owners}
        and module not in ("engine", "desktop")
    ]
    return sorted({*foreign, *UNUSED_MODULES})


def data_files() -> Iterator[tuple[str, str]]:
    """Yield (file, folder inside the package) of resources, bundled models, and the metrics that are loaded by path."""
    for top in ("resources", "engine/evaluation/modules"):
        for path in sorted((REPOSITORY / top).rglob("*")):
            inside = path.relative_to(REPOSITORY)
            if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in inside.parts):
                yield str(path), str(inside.parent)


def without_unused(collected: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Drop what nothing loads from what PyInstaller collected."""
    return [entry for entry in collected if not UNUSED_FILES.search(entry[0].replace("\\", "/"))]
