"""What goes into a package: the distributions the program needs to run, the modules it doesn't, and the data."""

from __future__ import annotations

import ast
import re
import sys
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
    "PySide6.QtSql", "PySide6.QtTest",  # QtOpenGL and its widgets stay: pyqtgraph imports them
    "pyarrow.tests", "pandas.tests", "numpy.tests", "sympy.testing", "numpy.distutils", "numpy.f2py",
    "pyarrow._s3fs", "pyarrow._gcsfs", "pyarrow._azurefs", "pyarrow._hdfs", "pyarrow._flight", "pyarrow._substrait",
    "hf_xet",  # downloads
    "PIL._avif", "PIL._imagingtk",  # pictures in AVIF, and in Tk's windows
    "readline", "_gdbm", "_dbm",  # GPL libraries under them
)  # fmt: skip

# What PyInstaller runs before every start of the program, its worker and its parsers, for parts that are not used: the
# first imports all of nltk to say where its data lies, of which there is none; the last setuptools, which builds.
UNUSED_HOOKS = ("pyi_rth_nltk", "pyi_rth_pyqtgraph_multiprocess", "pyi_rth_setuptools")

# Files that are collected with a library and never loaded: headers, type stubs, test data, Qt's QML, GTK's theme.
# Kept on purpose: torch/bin/torch_shm_manager and torch.testing._internal, without which torch can't be imported.
UNUSED_FILES = re.compile(
    r"torch/include/|torch/share/|torch/test/|torch/bin/(?!torch_shm_manager)|pyarrow/include/|\.cmake$|\.pyi$|\.a$"
    r"|torch/lib/lib(torchbind_test|jitbackend_test|backend_with_compiler|aoti_custom_ops)"
    r"|/tests?/.*\.(csv|parquet|json|npz)$|\.(pyx|pxd|pxi|doctest|c|cc|cpp|h|hpp)$|pyarrow/(src|tests)/"
    r"|libQt6(Qml|Quick|VirtualKeyboard|Pdf|WaylandEgl|EglFS|Designer|Help|Sql|Test)[^/]*\.so"
    r"|PySide6/Qt/qml/|PySide6/Qt/translations/(?!qtbase_|qt_)"
    r"|plugins/(qmltooling|qmllint|qmlls|sqldrivers|designer|virtualkeyboard|egldeviceintegrations|generic"
    r"|platforminputcontexts/libqtvirtualkeyboard|platforms/libq(eglfs|vnc|linuxfb|vkkhr|minimalegl|wayland-egl)"
    r"|platformthemes/libqgtk3|wayland-graphics-integration)"
    r"|libarrow_(flight|s3|python_flight)|pyarrow/_(flight|s3fs|gcsfs|azurefs|hdfs|substrait)"
    r"|libarrow_python(_parquet_encryption)?\.so(\.\d+\.\d.*)?$"  # the same file thrice: only .so.NUMBER is loaded
    r"|pillow\.libs/libavif"
    r"|libcudart"  # NVIDIA's: belongs to the add-on
    # The machine's own is as new as its graphics driver needs it; a bundled older one breaks the driver.
    r"|(^|/)lib(stdc\+\+|gcc_s)\.so"
)


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
    return sorted({*foreign, *UNUSED_MODULES, *unused_models()})


def unused_models() -> list[str]:
    """Name the architectures of transformers that neither the model library knows nor one of those is made of."""
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    sys.path.insert(0, str(REPOSITORY))
    from engine.models.architectures import ARCHITECTURES

    root = Path(str(metadata.distribution("transformers").locate_file("transformers/models")))
    wanted = {"auto", "rag", *(model_type_to_module_name(known.model_type) for known in ARCHITECTURES.values())}
    kept: set[str] = set()
    while wanted:
        name = wanted.pop()
        kept.add(name)
        for path in root.joinpath(name).glob("*.py"):
            if not path.name.startswith(("modular_", "convert_")):  # what their authors generate the others from
                wanted |= set(_siblings(path)) - kept
    return sorted(
        f"transformers.models.{path.name}" for path in root.iterdir() if path.is_dir() and path.name not in kept
    )


def _siblings(path: Path) -> Iterator[str]:
    """Yield the other architectures that a module of one imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.level == 2:
                yield node.module.split(".")[0]
            elif node.level == 3 and node.module.startswith("models."):
                yield node.module.split(".")[1]


def collected_as() -> dict[str, str]:
    """How PyInstaller collects torch: compiled, without its sources but for those that torch reads as it is imported.

    PyInstaller's hook packs them all (46 MB) for TorchScript, which compiles functions from their source. Nothing of
    ours does.
    """
    root = Path(str(metadata.distribution("torch").locate_file("torch")))
    read = {path.relative_to(root.parent).with_suffix("").parts for path in sources_torch_reads(root)}
    return {"torch": "pyz"} | {".".join(parts): "pyz+py" for parts in sorted(read)}


def sources_torch_reads(torch: Path) -> list[Path]:
    """Name the modules of the folder `torch` whose source it reads as it is imported.

    It reads the comments of its modules of settings, and warns where it can't read overloads.
    """

    def is_read(content: bytes) -> bool:
        return b"install_config_module(" in content or (b"_jit_internal" in content and b"_overload" in content)

    return [path for path in sorted(torch.rglob("*.py")) if is_read(path.read_bytes())]


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


def without_foreign_metadata(collected: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Drop the metadata of developers' tools, which PyInstaller collects for their entry points: no bill names them."""
    needed = {canonicalize_name(distribution.name) for distribution in runtime_distributions()}

    def is_foreign(name: str) -> bool:
        folder, _, inside = name.replace("\\", "/").partition(".dist-info/")
        return bool(inside) and "/" not in folder and canonicalize_name(folder.rpartition("-")[0]) not in needed

    return [entry for entry in collected if not is_foreign(entry[0])]


def without_orphans(binaries: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Drop the distribution's own libraries that nothing needs any more once the unused is gone."""
    from PyInstaller.depend.bindepend import get_imports

    kept = list(binaries)
    needs = {entry[0]: {name for name, _ in get_imports(entry[1])} for entry in kept if entry[2] != "SYMLINK"}
    while True:
        needed = set[str]().union(*(needs[entry[0]] for entry in kept if entry[0] in needs))
        gone = [
            entry
            for entry in kept
            if re.fullmatch(r"lib[^/]+\.so\.[\d.]+", entry[0])
            and entry[0] not in needed
            and not entry[0].startswith("libpython")
            and entry[2] != "SYMLINK"
        ]
        if not gone:
            return kept
        kept = [entry for entry in kept if entry not in gone]
