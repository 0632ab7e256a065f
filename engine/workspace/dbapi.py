"""The database library, under the types of its twin in the standard library: it has none of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection, Cursor, DatabaseError, Error, Row, connect
else:
    from sqlcipher3 import Connection, Cursor, DatabaseError, Error, Row, connect

__all__ = ["Connection", "Cursor", "DatabaseError", "Error", "Row", "connect"]
