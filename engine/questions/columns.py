"""Which column of a question file is what: known by its name, or told by a person and remembered in the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from engine.errors import QuestionError
from engine.questions.raw import NAMES, plain_name

if TYPE_CHECKING:
    from engine.workspace.workspace import Workspace

Role = Literal["question", "answer", "context", "document", "group", "split", "id", "title", "unanswerable"]
Header = Literal["auto", "yes", "no"]  # whether the first row of a table names its columns
ROLES: tuple[Role, ...] = get_args(Role)
_SETTING = "question_columns"
_REMEMBERED_MAX = 50
# What columns are called elsewhere: only proposed to a person, never taken for granted.
_LIKELY: dict[Role, tuple[str, ...]] = {
    "question": (
        "frage",
        "pregunta",
        "domanda",
        "vraag",
        "pergunta",
        "pytanie",
        "vopros",
        "soru",
        "quest",
        "instruction",
        "user_input",
        "问题",
        "質問",
    ),
    "answer": (
        "antwort",
        "respuesta",
        "réponse",
        "reponse",
        "risposta",
        "antwoord",
        "resposta",
        "gold",
        "reference",
        "答",
    ),
    "context": (
        "kontext",
        "contexto",
        "contesto",
        "text",
        "absatz",
        "paragraph",
        "abstract",
        "quelle",
        "support",
        "input",
        "reference_contexts",
        "positive",
    ),
    "document": ("dokument", "datei", "file", "document", "doc", "fichier", "source"),
    "group": ("gruppe", "topic", "thema", "case", "akte", "matter"),
    "split": ("fold", "set", "partition"),
}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """What a person said about a file's columns: the column of each role; `header` whether the first row names them."""

    columns: Mapping[Role, str]
    header: Header = "auto"

    def applied(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record under our own names. What is known by its name stays, unless a mapped column is that."""
        used = set(self.columns.values())
        taken = {name for role in self.columns for name in NAMES.get(role, (role,))}
        kept = {name: value for name, value in record.items() if name not in used and plain_name(name) not in taken}
        return kept | {role: at(record, column) for role, column in self.columns.items()}


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a file whose columns nobody has named yet, and what they probably are."""

    path: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    guess: ColumnMap


class UnmappedError(QuestionError):
    """A file whose columns are unknown: a person has to say which is what."""

    def __init__(self, message: str, *, hint: str, preview: Preview) -> None:
        super().__init__(message, hint=hint)
        self.preview = preview


def needs_map(columns: Sequence[str]) -> bool:
    """Whether the names of the columns don't say which one is the question, and which say the answer or where it is."""
    names = {plain_name(name) for name in columns}
    if "paragraphs" in names:
        return False
    beside = {name for role in ("answer", "context", "document", "unanswerable") for name in NAMES[role]}
    return not (names & set(NAMES["question"]) and names & beside)


def likely_questions(columns: Sequence[str]) -> bool:
    """Whether one column is called question and another answer, in whatever language: enough to ask a person."""
    words = [{plain_name(column), *plain_name(column).replace(".", "_").split("_")} for column in columns]

    def called(role: Role) -> set[int]:
        names = {*NAMES[role], *_LIKELY[role]}
        return {place for place, found in enumerate(words) if found & names}

    return len(called("question") | called("answer")) > 1 and bool(called("question")) and bool(called("answer"))


def parse_map(text: str) -> ColumnMap:
    """Return the map that `text` gives as "question=COLUMN,answer=COLUMN". Raises QuestionError."""
    columns: dict[Role, str] = {}
    for part in text.split(","):
        role, found, column = (piece.strip() for piece in part.partition("="))
        if not found or not column or role not in ROLES:
            raise QuestionError(
                f"{part.strip()!r} doesn't say which column is what.",
                hint=f"Write question=COLUMN,answer=COLUMN; what can be named: {', '.join(ROLES)}.",
            )
        columns[role] = column  # type: ignore[index]  # checked above
    if "question" not in columns:
        raise QuestionError("No column is named for the question.", hint="Write question=COLUMN,answer=COLUMN.")
    return ColumnMap(columns)


def resolved(chosen: ColumnMap, columns: Sequence[str], file_name: str) -> ColumnMap:
    """Return the map with columns given by number (from 1) under their names.

    Raises QuestionError when one isn't there.
    """
    found: dict[Role, str] = {}
    plain = {plain_name(name): name for name in reversed(columns)}
    for role, column in chosen.columns.items():
        if column in columns:
            found[role] = column
        elif plain_name(column) in plain:
            found[role] = plain[plain_name(column)]
        elif column.isdecimal() and 1 <= int(column) <= len(columns):
            found[role] = columns[int(column) - 1]
        else:
            raise QuestionError(
                f"{file_name} has no column {column!r} (columns found: {', '.join(columns[:12])}).",
                hint="Name one of its columns, or give its number, from 1 on.",
            )
    return ColumnMap(found, chosen.header)


@dataclass(slots=True)
class ColumnMemory:
    """The maps a person has given in this workspace, the newest first."""

    workspace: Workspace
    _maps: list[tuple[tuple[str, ...], ColumnMap]] = field(default_factory=list)

    def __post_init__(self) -> None:
        stored = self.workspace.setting(_SETTING)
        if stored:
            self._maps = msgspec.json.decode(stored, type=list[tuple[tuple[str, ...], ColumnMap]])

    def find(self, columns: Sequence[str]) -> ColumnMap | None:
        """Return the map for a file with these columns: of the very same ones, else of one whose mapped columns it has.

        A file whose columns say what they are needs none, unless a person mapped the very same ones.
        """
        for known, chosen in self._maps:
            if set(known) == set(columns):
                return chosen
        if not needs_map(columns):
            return None
        return next((chosen for _, chosen in self._maps if set(chosen.columns.values()) <= set(columns)), None)

    def remember(self, columns: Sequence[str], chosen: ColumnMap) -> None:
        """Keep a map for the next file with the same columns."""
        others = [(known, old) for known, old in self._maps if set(known) != set(columns)]
        self._maps = [(tuple(columns), chosen), *others][:_REMEMBERED_MAX]
        self.workspace.set_setting(_SETTING, msgspec.json.encode(self._maps).decode())


def guessed(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> ColumnMap:
    """Return what the columns probably are, by their names and by what stands in them: a proposal for a person."""
    found: dict[Role, str] = {}
    names = {column: plain_name(column) for column in columns}
    for is_called in (_is_named, _has_word, _holds):  # the surest first, for every role
        for role in (one for one in ROLES if one not in found):
            free = [column for column in columns if column not in found.values()]
            likely = (*NAMES.get(role, (role,)), *_LIKELY.get(role, ()))
            match = next((column for name in likely for column in free if is_called(names[column], name)), None)
            if match:
                found[role] = match
    cells = {column: [row[place] for row in rows if row[place]] for place, column in enumerate(columns)}
    free = [column for column in columns if column not in found.values() and cells[column]]
    if "question" not in found:
        asking = {column: sum(cell.strip().endswith(("?", "？", "؟")) for cell in cells[column]) for column in free}
        best = max(free, key=lambda column: asking[column], default=None)
        if best is not None and asking[best]:
            found["question"] = best
            free.remove(best)
    if "answer" not in found and "question" in found:
        texts = [column for column in free if not all(cell.isdecimal() for cell in cells[column])]
        if texts:
            found["answer"] = min(texts, key=lambda column: sum(map(len, cells[column])) / len(cells[column]))
    return ColumnMap({role: found[role] for role in ROLES if role in found})


def _is_named(column: str, name: str) -> bool:
    return column == name


def _has_word(column: str, name: str) -> bool:
    return name in column.replace(".", "_").split("_")


def _holds(column: str, name: str) -> bool:
    return len(name) > 3 and name in column


def at(record: Mapping[str, Any], column: str) -> Any:
    """Return the value of a field, or of one inside an object: "outer.inner"."""
    if column in record:
        return record[column]
    outer, _, inner = column.partition(".")
    value = record.get(outer)
    return value.get(inner) if isinstance(value, Mapping) else None
