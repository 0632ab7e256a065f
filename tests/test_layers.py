"""The direction of the house: who may import whom, and that every module says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
MAX_LINES = 400

# Lowest first. A room imports from rooms on lower floors, and from its own floor only itself.
FLOORS = (
    {"errors", "scripts"},
    {"records", "settings", "machine_settings", "staging", "home"},
    {"jobs", "device", "offline", "privacy", "addon"},
    {"workspace", "models"},
    {"session"},
    {"questions", "documents"},
    {"importing", "watching"},
    {"retrieval"},
    {"generation"},
    {"training"},
    {"serving", "evaluation", "exporting"},
    {"worker"},
    {"selftest"},
    {"cli"},
    {"__main__"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What one room takes from another on its own floor, the taker first.
NEIGHBOURS = {
    ("settings", "records"),
    ("device", "jobs"),
    ("addon", "jobs"),
    ("models", "workspace"),
    ("questions", "documents"),
    ("evaluation", "serving"),
}

# Pure functions over lists, with no import of ours: training measures with them what evaluation will.
PURE = "engine.evaluation.metrics"

NEVER_IN_ENGINE = {"PySide6", "shiboken6", "desktop", "pyqtgraph", "pytestqt"}
NEVER_IN_DESKTOP = {
    "torch", "transformers", "faiss", "datasets", "evaluate", "ctranslate2", "tokenizers", "safetensors",
    "docx", "bs4", "lxml", "markdown_it", "charset_normalizer", "sqlcipher3",
}  # fmt: skip


def modules(top: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield every module under one of the repository's folders, parsed."""
    for path in sorted((REPOSITORY / top).rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"), filename=str(path))


def imported(tree: ast.Module, *, for_types_only: bool) -> Iterator[str]:
    """Yield the dotted names a module imports, late ones included; those under TYPE_CHECKING only when asked for."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in skipped and not for_types_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY / "engine").parts
    return parts[0].removesuffix(".py")


def test_rooms_import_only_from_lower_floors() -> None:
    wrong: list[str] = []
    for path, tree in modules("engine"):
        room = room_of(path)
        if room == "__init__":
            continue
        for name in imported(tree, for_types_only=False):
            parts = name.split(".")
            if parts[0] != "engine" or len(parts) < 2 or parts[1] not in FLOOR_OF or name.startswith(PURE):
                continue
            other = parts[1]
            if other != room and FLOOR_OF[other] >= FLOOR_OF[room] and (room, other) not in NEIGHBOURS:
                wrong.append(f"{path.relative_to(REPOSITORY)} imports {name}")
    assert wrong == []


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(path) for path, _ in modules("engine")} - {"__init__"}
    assert rooms <= FLOOR_OF.keys()


def test_metrics_stand_on_their_own() -> None:
    tree = ast.parse((REPOSITORY / "engine" / "evaluation" / "metrics.py").read_text("utf-8"))
    assert [name for name in imported(tree, for_types_only=True) if name.startswith("engine")] == []


def test_the_engine_knows_no_window() -> None:
    assert _forbidden("engine", NEVER_IN_ENGINE) == []


def test_the_window_knows_no_tensor_and_no_parser() -> None:
    assert _forbidden("desktop", NEVER_IN_DESKTOP) == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for top in ("engine", "desktop") for path, tree in modules(top) if not ast.get_docstring(tree)]
    assert silent == []


def test_no_module_is_longer_than_400_lines() -> None:
    long = [
        f"{path.relative_to(REPOSITORY)}: {lines}"
        for top in ("engine", "desktop", "packaging")
        for path in sorted((REPOSITORY / top).rglob("*.py"))
        if (lines := len(path.read_text("utf-8").splitlines())) > MAX_LINES
    ]
    assert long == []


def test_every_folder_of_code_is_a_package_except_packaging() -> None:
    folders = {path.parent for top in ("engine", "desktop", "tests") for path in (REPOSITORY / top).rglob("*.py")}
    missing = [
        str(folder.relative_to(REPOSITORY)) for folder in sorted(folders) if not (folder / "__init__.py").exists()
    ]
    assert missing == []
    assert not (REPOSITORY / "packaging" / "__init__.py").exists()  # it would hide the library of that name


def test_jobs_are_imported_without_model_libraries() -> None:
    late = {"torch", "transformers", "faiss", "datasets", "evaluate", "ctranslate2", "docx", "pypdfium2", "lxml"}
    files = [*(REPOSITORY / "engine").glob("*/job.py"), REPOSITORY / "engine" / "importing.py"]
    eager = [
        f"{path.relative_to(REPOSITORY)} imports {name} at once"
        for path in files
        if path.exists()
        for name in _imported_at_once(path)
        if name.split(".")[0] in late
    ]
    assert eager == []


def _imported_at_once(path: Path) -> Iterator[str]:
    """Yield what a module's own top level imports."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _forbidden(top: str, names: set[str]) -> list[str]:
    return [
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path, tree in modules(top)
        for name in imported(tree, for_types_only=True)
        if name.split(".")[0] in names
    ]
