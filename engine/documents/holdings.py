"""What the workspace holds while files are imported: which content is where, and where else it was met.

A document goes where its content goes. A content met where it isn't held is a copy as long as it is still where it is
held, and has moved otherwise; which of the two is known when all files are read. Until then nothing is removed.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from engine.records import Document
from engine.workspace.moving import Move, move
from engine.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Place:
    """Where an import met a content, and what the document there is to be called."""

    path: str
    digest: str
    ids: tuple[str, ...] = ()  # the best first; none: a document that comes here keeps its own
    title: str = ""  # of a document without a title: the name of its file
    original: str = ""  # object digest of the file that holds it, where that differs from the content


@dataclass(slots=True)
class Holdings:
    """The documents of a workspace by path, content and id, kept up with what an import adds, moves and removes."""

    workspace: Workspace
    paths: dict[str, tuple[str, str]] = field(default_factory=dict)  # path → document id and digest
    parts: dict[str, set[str]] = field(default_factory=dict)  # file → paths of its records, attachments or contexts
    contexts: dict[str, str] = field(default_factory=dict)  # digest → path of what stands in for a document
    _holders: dict[str, str] = field(default_factory=dict)  # digest → path
    _owners: dict[str, str] = field(default_factory=dict)  # document id → path
    _met: dict[str, Place] = field(default_factory=dict)  # digest → where else it was met first
    _overwritten: set[str] = field(default_factory=set)  # paths that have another content now, held elsewhere
    _vanished: set[str] = field(default_factory=set)  # paths that are no more

    def __post_init__(self) -> None:
        contexts = self.workspace.documents.contexts()
        for path, (document_id, digest) in self.workspace.documents.paths().items():
            self._put(path, document_id, digest, is_context=document_id in contexts)

    def holds(self, digest: str) -> bool:
        """Whether a document has this content, wherever."""
        return digest in self._holders

    def has(self, place: Place) -> bool:
        """Whether the document at this place has this content."""
        return self.paths.get(place.path, ("", ""))[1] == place.digest

    def meet(self, place: Place) -> int:
        """Remember where a content was met that another path holds, and return how much is attached to it."""
        holder = self._holders[place.digest]
        attached = self.parts.get(holder, set())
        self._met.setdefault(place.digest, place)
        for part in attached:
            self._met.setdefault(self.paths[part][1], Place(place.path + part[len(holder) :], self.paths[part][1]))
        if place.path in self.paths:
            self._overwritten.add(place.path)
        self.vanish_parts(place.path, but=())
        return len(attached)

    def give_up(self, path: str) -> Place | None:
        """Note that another content comes to `path`; return where else the one that is there was met."""
        digest = self.paths[path][1]
        if self._holders.get(digest) != path:
            return None
        del self._holders[digest]
        return self._met.pop(digest, None)

    def put(self, document: Document) -> None:
        """Take a document in, in place of what was at its path."""
        self._overwritten.discard(document.path)
        self._vanished.discard(document.path)
        self._put(document.path, document.id, document.digest, is_context=document.kind == "context")

    def vanish(self, paths: Iterable[str]) -> None:
        """Note paths that are no more. Their documents go with `settle`, unless their content was met elsewhere."""
        self._vanished |= {path for path in paths if path in self.paths and not _is_there(Path(path))}

    def vanish_parts(self, file: str, *, but: Iterable[str]) -> None:
        """Note that a file has no more parts than these; contexts are those of questions, and go with them."""
        self.vanish(self.parts.get(file, set()).difference(but, self.contexts.values()))

    def missing(self, folders: Sequence[Path]) -> list[str]:
        """Return the paths of the documents whose file was in one of `folders` and is no longer there."""
        files = {path: self.file_of(path) for path in self.paths}
        inside = {file for file in files.values() if any(file.is_relative_to(folder) for folder in folders)}
        gone = {file for file in inside if _is_gone(file)}
        return [path for path, file in files.items() if file in gone]

    def moved_within(self, file: Path, places: Mapping[str, Place]) -> dict[str, Place]:
        """Return, by the path they had, the records of `file` that are at other `places` of it now."""
        own = self.parts.get(str(file), set())
        moves: dict[str, Place] = {}
        for place in places.values():
            holder = self._holders.get(place.digest, "")
            if holder in own and not self.has(place) and not (holder in places and self.has(places[holder])):
                moves.setdefault(holder, place)
        return moves

    def moved(self) -> dict[str, Place]:
        """Return, by the path they had, the documents whose content is no longer there but was met elsewhere."""
        moves: dict[str, Place] = {}
        for digest, place in self._met.items():
            holder = self._holders.get(digest, place.path)
            if holder != place.path and (
                holder in self._overwritten or holder in self._vanished or _is_gone(self.file_of(holder))
            ):
                moves[holder] = place
        return moves

    def move(self, moves: Mapping[str, Place]) -> None:
        """Give stored documents other places. One that is in the way gets a place that another leaves."""
        targets = {path: place.path for path, place in moves.items()}
        left = iter(sorted(targets.keys() - set(targets.values())))
        ways = targets | {path: next(left) for path in targets.values() if path in self.paths and path not in targets}
        held = {path: self._take(path) for path in ways}
        steps: list[Move] = []
        for path, target in ways.items():
            document_id, digest = held[path]
            place = moves.get(path, Place(target, digest))
            name = self.free_id(place.ids or (document_id,), target, digest)
            self._put(target, name, digest)
            renamed = place.title and not _is_name(place.title, path)
            title = title_at(place, path, self.workspace.documents.get(document_id).title) if renamed else ""
            date = last_changed(self.file_of(target)) if path in moves else ""
            steps.append(Move(document_id, target, name, title, date, place.original))
        move(self.workspace, steps)

    def settle(self, moves: Mapping[str, Place]) -> int:
        """Let documents follow their content, then remove those that have none left; return how many had no path."""
        overwritten = self._overwritten - moves.keys()
        leaving = (self._overwritten | self._vanished | moves.keys()) - {place.path for place in moves.values()}
        with self.workspace.transaction():
            self.move(moves)
            gone = sorted(leaving & self.paths.keys())
            if gone:
                self.workspace.documents.remove([self.paths[path][0] for path in gone])
        for path in gone:
            self._take(path)
        self._met, self._overwritten, self._vanished = {}, set(), set()
        return len(gone) - len(overwritten)

    def free_id(self, wanted: Sequence[str], path: str, digest: str) -> str:
        """Return the first of the wanted ids that no other document has, or one made of the last."""
        for name in wanted:
            if self._owners.get(name, path) == path:
                return name
        return f"{wanted[-1]}-{hashlib.sha256(f'{path}{digest}'.encode()).hexdigest()[:8]}"

    def file_of(self, path: str) -> Path:
        """The file a document came from: that of the mail or corpus it was in."""
        file, part, _ = path.partition("#")
        return Path(file) if part and path in self.parts.get(file, ()) and not _is_there(Path(path)) else Path(path)

    def _put(self, path: str, document_id: str, digest: str, *, is_context: bool = False) -> None:
        self.paths[path] = (document_id, digest)
        (self.contexts if is_context else self._holders).setdefault(digest, path)
        self._owners[document_id] = path
        file, part, _ = path.partition("#")
        if part:
            self.parts.setdefault(file, set()).add(path)

    def _take(self, path: str) -> tuple[str, str]:
        document_id, digest = self.paths.pop(path)
        del self._owners[document_id]
        for holders in (self._holders, self.contexts):
            if holders.get(digest) == path:
                del holders[digest]
        self.parts.get(path.partition("#")[0], set()).discard(path)
        return document_id, digest


def title_at(place: Place, path: str, title: str) -> str:
    """Return the title of a document that comes from `path`: the name of its file changes with the file."""
    return place.title if place.title and _is_name(title, path) else title


def _is_name(title: str, path: str) -> bool:
    """Whether a title is the name of the file at `path`: in a mail, its number stands before it."""
    stem = PurePath(path).stem
    return stem == title or ("#" in path and stem.endswith(f"-{title}"))


def last_changed(path: Path) -> str:
    """Return the ISO date a file was last changed on, in local time; "" when it is gone or its clock was wrong."""
    try:
        return datetime.date.fromtimestamp(path.stat().st_mtime).isoformat()
    except (OSError, ValueError, OverflowError):
        return ""


def _is_gone(file: Path) -> bool:
    """Whether a file is surely no longer there: one that can't be looked at may be."""
    try:
        return file.is_absolute() and not file.exists()
    except OSError:
        return False


def _is_there(file: Path) -> bool:
    """Whether a file is surely there: the id of a record may make its path too long for one."""
    try:
        return file.exists()
    except OSError:
        return False
