"""workspace.json: schema, id, name, and how the key is protected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import msgspec

from engine.errors import DamagedError, WorkspaceError
from engine.workspace.keys import Protection
from engine.workspace.publishing import publish_file, storage_error
from engine.workspace.schema import refuse_newer

DESCRIPTION = "workspace.json"


@dataclass(frozen=True, slots=True)
class _SchemaOnly:
    schema: int


@dataclass(frozen=True, slots=True)
class Description:
    """What must be known of a workspace before its database can be opened."""

    schema: int
    id: str
    name: str
    created: str  # ISO 8601, UTC
    protection: Protection | None = None  # None: not encrypted

    def save(self, folder: Path) -> None:
        """Write workspace.json, whole or not at all."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=2)
        publish_file([text], staging=folder, target=lambda digest: folder / DESCRIPTION)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read workspace.json.

        Raises WorkspaceError when the folder holds no workspace, DamagedError when the file is damaged, SchemaError
        when a newer program wrote it: only the number is read then, the rest may look otherwise.
        """
        try:
            if not folder.exists():
                raise WorkspaceError(
                    f"There is no folder {folder}.", hint="Check the path, or make a new workspace there."
                )
            if not folder.is_dir():
                raise WorkspaceError(
                    f"{folder} is a file, not a workspace folder.", hint="Name the folder of a workspace."
                )
            text = (folder / DESCRIPTION).read_bytes()
        except FileNotFoundError as error:
            raise WorkspaceError(
                f"{folder} is not a workspace: it has no {DESCRIPTION}.",
                hint="Name the folder of a workspace, or make a new one.",
            ) from error
        except OSError as error:
            raise storage_error(error, folder / DESCRIPTION) from error
        try:
            refuse_newer(msgspec.json.decode(text, type=_SchemaOnly).schema)
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise DamagedError(
                f"{DESCRIPTION} is damaged.", hint="Restore it from a backup of the workspace."
            ) from error

    def with_schema(self, schema: int) -> Self:
        """Return the description of the workspace after a migration."""
        return replace(self, schema=schema)
