"""The jobs of the model library, for the window and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.jobs import Monitor
from engine.records import ModelInfo

if TYPE_CHECKING:
    from engine.session import Session


@dataclass(frozen=True, slots=True)
class ListModels:
    """List the library's models."""

    def run(self, session: Session, monitor: Monitor) -> tuple[ModelInfo, ...]:
        """Return every model, the bundled ones first."""
        monitor.check()
        return session.library.list()


@dataclass(frozen=True, slots=True)
class RemoveModel:
    """Delete an imported model."""

    name: str

    def run(self, session: Session, monitor: Monitor) -> tuple[ModelInfo, ...]:
        """Return the models that are left."""
        monitor.check()
        session.library.remove(self.name)
        return session.library.list()


@dataclass(frozen=True, slots=True)
class ReadLicence:
    """Read the licence a model came with."""

    name: str

    def run(self, session: Session, monitor: Monitor) -> str:
        """Return its text."""
        monitor.check()
        return session.library.licence(self.name)


@dataclass(frozen=True, slots=True)
class VerifyModels:
    """Read every model's files anew and compare them with their digests."""

    def run(self, session: Session, monitor: Monitor) -> tuple[str, ...]:
        """Return what is wrong, a sentence each; () when all is well."""
        monitor.check()
        return session.library.verify()
