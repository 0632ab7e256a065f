"""What a report depends on: digests of the data, the run's settings, and the versions of what computed it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

import msgspec

from engine import __version__
from engine.evaluation.report import Provenance
from engine.evaluation.significance import RESAMPLES
from engine.records import Question, Run

if TYPE_CHECKING:
    from engine.session import Session

_LIBRARIES = (
    "torch", "transformers", "ctranslate2", "faiss-cpu", "tokenizers", "datasets", "evaluate", "sacrebleu",
    "rouge-score", "numpy",
)  # fmt: skip


def provenance(session: Session, run: Run, questions: Sequence[Question], *, seed: int) -> Provenance:
    """Describe the run, the documents and the questions as they are now."""
    workspace = session.workspace
    documents = sorted(row.digest for row in workspace.documents.list())
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        workspace=workspace.name,
        documents=len(documents),
        documents_digest=_digest(documents),
        questions_digest=_digest(sorted(msgspec.json.encode(question).decode("utf-8") for question in questions)),
        index_version=workspace.index_version,
        amended=sum(question.edited for question in questions),
        excluded=sum(question.excluded for question in workspace.questions.every()),
        device=session.device.kind,
        seed=seed,
        resamples=RESAMPLES,
        versions={"vademecum": __version__, "python": platform.python_version(), **_versions()},
        settings=settings_of(run),
    )


def settings_of(run: Run) -> dict[str, str]:
    """What binds a run, in words."""
    settings = {
        "encoder": run.encoder,
        "generator": run.generator,
        **({"reranker": f"{run.reranker}, weight {run.rerank_weight:g}"} if run.reranker else {}),
        "weight of the dense score": f"{run.fusion.weight:g}",
        "passages read": str(run.passages_shown),
        "trained": run.what,
        "parent": run.parent or "–",
        "created": run.created or "–",
        "steps": f"{run.steps}, best {run.best_step}",
    }
    return {**settings, **{f"training {name}": str(value) for name, value in run.settings.items() if value != ""}}


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a frozen program may carry a library without its papers
            continue
    return found
