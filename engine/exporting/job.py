"""Jobs that carry a run from one workspace to another: export it as a package, import a package."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import __version__
from engine.errors import ModelError, RunError
from engine.jobs import Monitor
from engine.machine_settings import machine_settings
from engine.records import Run

if TYPE_CHECKING:
    import numpy as np

    from engine.exporting.package import Manifest, OpenPackage
    from engine.session import Session

BASE = "base"
_TUNED = "object:"
_MODELS = ("encoder", "passage_encoder", "generator", "reranker")  # of a run


@dataclass(frozen=True, slots=True)
class Packaged:
    """A package that was written or read."""

    package: str  # its path
    digest: str  # SHA-256 of the file
    size_bytes: int
    run: str  # its id in this workspace


@dataclass(frozen=True, slots=True)
class ExportRun:
    """Write a run as one file: its models, the vectors of its index, its settings, curves and scores."""

    run_name: str
    path: str

    def run(self, session: Session, monitor: Monitor) -> Packaged:
        """Raises RunError when the run has not ended or the file is there already, StorageError when it can't be
        written."""
        import msgspec

        from engine.exporting.package import FORMAT, VECTORS, Manifest, digest_of, write_package
        from engine.questions.identity import FINGERPRINT, fingerprints
        from engine.retrieval.index import stored_vectors
        from engine.retrieval.retriever import vectors_key
        from engine.workspace.publishing import storage_errors

        run = session.run(self.run_name)
        target = Path(self.path).absolute()
        if run.state != "finished":
            raise RunError(f"Run {run.id} has not ended.", hint="Resume it, and export it when it is finished.")
        with storage_errors(target):
            if target.exists():
                raise RunError(f"{target} is there already.", hint="Choose another name, or move it away.")
        files: dict[str, bytes] = {}
        models: dict[str, str] = {}
        for part in _MODELS:
            name: str = getattr(run, part)
            if not name:
                continue
            monitor.progress(f"Reading the {part.replace('_', ' ')}", 0, None)
            models[part] = name
            files |= {f"models/{part}/{file}": data for file, data in session.model_files(name).items()}
        ids, vectors = stored_vectors(session.workspace, vectors_key(session, run.indexed_by))
        embedded = session.workspace.documents.passages_by_id(ids)
        if ids:
            files[VECTORS] = vectors.astype("<f4").tobytes()
        stored = [
            report for report in session.workspace.runs.reports() if report.run == run.id and "/" not in report.split
        ]
        digests = {row.id: row.digest for row in session.workspace.documents.list()}
        trained = session.workspace.runs.trained(run.id)
        here = [question for question in session.workspace.questions.every() if question.id in trained]
        elsewhere = [one for one in trained if one.startswith(FINGERPRINT)]
        manifest = Manifest(
            format=FORMAT,
            program=__version__,
            run=run,
            models=models,
            points=session.workspace.runs.points(run.id) if run.id != BASE else (),
            reports={
                report.split: msgspec.json.encode({**msgspec.json.decode(report.json), "per_question": ""}).decode()
                for report in stored
            },
            passages=tuple((passage_id, _digest(embedded[passage_id].indexed_text)) for passage_id in ids),
            dimension=int(vectors.shape[1]) if ids else 0,
            learned_from=tuple((one, digests.get(one, "")) for one in sorted(session.workspace.runs.learned(run.id))),
            trained_on=tuple(sorted({*fingerprints(here, session.workspace), *elsewhere})),
        )
        monitor.progress("Writing the package", 0, None)
        with storage_errors(target):
            digest = write_package(target, manifest, files, check=monitor.check)
            session.workspace.audit.record("run exported", f"{run.id} {digest}")
            return Packaged(str(target), digest_of(target), target.stat().st_size, run.id)


@dataclass(frozen=True, slots=True)
class ImportRun:
    """Take a run from a package. It does not answer before it is promoted."""

    path: str

    def run(self, session: Session, monitor: Monitor) -> Packaged:
        """Raises RunError or ModelError with what is wrong with the package; nothing of it is kept then."""
        from engine.exporting.package import digest_of, open_package

        if not machine_settings().allow_model_import:
            raise ModelError(
                "On this machine no models may be imported, and a run brings its own.",
                hint="Ask whoever administers it; what is trained here stays.",
            )
        path = Path(self.path).absolute()
        with open_package(path) as package:
            monitor.progress("Checking the package", 0, None)
            vectors = self._vectors(package)  # first: a package with a damaged member leaves nothing
            run = self._taken(package, session, monitor)
            with session.workspace.transaction():
                session.workspace.runs.add(run)
                here = session.workspace.documents.ids_by_digest()
                session.workspace.runs.learned_from(
                    run.id, [here.get(digest, document) for document, digest in package.manifest.learned_from]
                )
                session.workspace.runs.trained_on(run.id, package.manifest.trained_on)
                for point in package.manifest.points:
                    session.workspace.runs.add_point(run.id, point)
                for split, report in package.manifest.reports.items():
                    session.workspace.runs.save_report(run.id, split, report)
            self._index(package.manifest, vectors, session=session, run=run, monitor=monitor)
        digest = digest_of(path)
        session.workspace.audit.record("run imported", f"{run.id} {digest}")
        return Packaged(str(path), digest, path.stat().st_size, run.id)

    def _taken(self, package: OpenPackage, session: Session, monitor: Monitor) -> Run:
        from engine.models.safety import check_folder

        described = package.manifest.run
        models: dict[str, str] = {}
        for part in _MODELS:
            if part not in package.manifest.models:
                continue
            monitor.progress(f"Checking the {part.replace('_', ' ')}", 0, None)
            files = dict(package.folder(part))
            with session.workspace.scratch() as scratch:
                folder = scratch / part
                folder.mkdir()
                for name, data in files.items():
                    (folder / name).write_bytes(data)
                kind = check_folder(folder).kind  # before anything of it is parsed by a model library
            wanted = {"generator": ("seq2seq", "causal"), "reranker": ("reranker",)}.get(part, ("encoder",))
            if kind not in wanted:
                raise ModelError(f"The {part} of the package is a {kind}.", hint="Export the run again.")
            models[part] = _same_in_library(session, package.manifest.models[part], files) or (
                _TUNED + session.workspace.objects.publish_folder(files)
            )
        if not {"encoder", "generator"} <= models.keys():
            raise RunError("The package lacks a model.", hint="Export the run again.")
        taken = {run.id for run in session.workspace.runs.list()} | {BASE}
        free = (f"{described.id}-{number}" if number > 1 else described.id for number in range(1, len(taken) + 2))
        return replace(
            described,
            id=next(name for name in free if name not in taken),
            encoder=models["encoder"],
            passage_encoder=models.get("passage_encoder", ""),
            generator=models["generator"],
            reranker=models.get("reranker", ""),
            parent=BASE,
            state="finished",
            reason=f"Imported. {described.reason}",
        )

    def _vectors(self, package: OpenPackage) -> np.ndarray:
        """Return the vectors of the package's passages, float32 of shape (len(passages), dimension)."""
        import numpy as np

        from engine.exporting.package import VECTORS

        shape = (len(package.manifest.passages), package.manifest.dimension)
        data = package.read(VECTORS) if VECTORS in package.manifest.files else b""
        if len(data) != math.prod(shape) * np.dtype("<f4").itemsize:
            raise RunError("The index of the package is damaged.", hint="Copy it again, or export it again.")
        return np.frombuffer(data, dtype="<f4").reshape(shape)

    def _index(self, manifest: Manifest, vectors: np.ndarray, *, session: Session, run: Run, monitor: Monitor) -> None:
        """Keep the vectors of passages that this workspace has with the same text; the others are embedded later."""
        from engine.retrieval.retriever import vectors_key

        here = session.workspace.documents.passages_by_id([passage_id for passage_id, _ in manifest.passages])
        rows = [
            row
            for row, (passage_id, digest) in enumerate(manifest.passages)
            if passage_id in here and _digest(here[passage_id].indexed_text) == digest
        ]
        if rows:
            ids = [manifest.passages[row][0] for row in rows]
            session.workspace.vectors.add(vectors_key(session, run.indexed_by), ids, vectors[rows])
        monitor.progress("Keeping the vectors", len(rows), len(manifest.passages))


def _same_in_library(session: Session, name: str, files: dict[str, bytes]) -> str:
    """Return the bundled model of this name if its files are the same; "" otherwise."""
    if not session.library.is_bundled(name):
        return ""
    return name if session.library.files(name) == files else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
