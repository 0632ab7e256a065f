"""The exception tree: every failure a person can meet is a sentence and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EngineError(Exception):
    """A failure that is shown to the person: `message` says what happened, `hint` what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class WorkspaceError(EngineError):
    """The workspace can't be made, opened or trusted."""


class LockedError(WorkspaceError):
    """Another instance has the workspace open."""


class PassphraseError(WorkspaceError):
    """The passphrase is missing or wrong."""


class SchemaError(WorkspaceError):
    """The workspace was written by a newer version."""


class DamagedError(WorkspaceError):
    """Stored bytes don't match their digest."""


class StorageError(EngineError):
    """The disk is full, read-only or gone."""


class DocumentError(EngineError):
    """A document can't be read."""


class PasswordError(DocumentError):
    """A document opens with a password only, and the right one was not given."""


class QuestionError(EngineError):
    """A question file, or the set of questions, can't be used."""


class ModelError(EngineError):
    """A model folder is missing, unsafe or unsupported."""


class RunError(EngineError):
    """There is no such run, or it can't be used as asked."""


class TrainingError(EngineError):
    """Training can't start or go on."""


class DeviceError(EngineError):
    """The device asked for is not there or has too little memory."""


class WorkerError(EngineError):
    """The engine's process ended or can't be reached."""


class ServerError(EngineError):
    """The local server can't listen as asked."""


class Cancelled(BaseException):
    """Cancel was asked. A BaseException, so that no library's `except Exception` swallows it."""


@contextmanager
def translated(
    into: type[EngineError], message: str, *, hint: str, foreign: type[Exception] | tuple[type[Exception], ...]
) -> Iterator[None]:
    """Raise `into(message, hint)` in place of a `foreign` exception; ours pass through unchanged."""
    try:
        yield
    except EngineError:
        raise
    except foreign as error:
        raise into(message, hint=hint) from error
