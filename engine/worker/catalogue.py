"""The jobs the worker runs: by class name, where each lives, its lane, and whether it needs the tensor libraries."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import WorkerError
from engine.jobs import Job
from engine.worker.protocol import Lane


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a job is found and how it is run."""

    module: str
    lane: Lane
    tensors: bool = False  # wait until torch and its kin are imported: two threads importing them at once can deadlock
    spared: bool = False  # cancelled it is waited for no more, instead of ending the worker and what runs beside it

    @property
    def ends_worker(self) -> bool:
        """Whether a worker is ended where the job doesn't hear its cancel: heavy work takes the machine from others."""
        return self.lane == "heavy" and not self.spared


JOBS: dict[str, Entry] = {
    "ImportFiles": Entry("engine.importing", "heavy", tensors=True),  # datasets shares libraries with transformers
    "BuildIndex": Entry("engine.retrieval.job", "heavy", tensors=True),
    "Train": Entry("engine.training.job", "heavy", tensors=True),
    "EstimateTraining": Entry("engine.training.job", "heavy", tensors=True, spared=True),
    "Evaluate": Entry("engine.evaluation.job", "heavy", tensors=True),
    "Verify": Entry("engine.workspace.job", "heavy"),
    "ReadReport": Entry("engine.evaluation.job", "query"),
    "ReadPerQuestion": Entry("engine.evaluation.job", "query"),
    "ReadQuestion": Entry("engine.evaluation.job", "query"),
    "WriteReport": Entry("engine.evaluation.publication", "query"),
    "ReadModelCard": Entry("engine.evaluation.publication", "query"),
    "ReadPinned": Entry("engine.evaluation.job", "query"),
    "Amend": Entry("engine.evaluation.job", "query"),
    "ListAmendments": Entry("engine.evaluation.job", "query"),
    "CheckPinned": Entry("engine.evaluation.job", "heavy", tensors=True),
    "ImportModel": Entry("engine.serving.trial", "heavy", tensors=True),
    "VerifyModels": Entry("engine.models.job", "heavy"),
    "TryModel": Entry("engine.serving.trial", "heavy", tensors=True),
    "WarmUp": Entry("engine.worker.warm_up", "chat", tensors=True),
    "AnswerQuestion": Entry("engine.serving.job", "chat", tensors=True),
    "Search": Entry("engine.serving.job", "chat", tensors=True),
    "ListDocuments": Entry("engine.workspace.job", "query"),
    "ReadPage": Entry("engine.documents.job", "query"),
    "ReadDocument": Entry("engine.workspace.job", "query"),
    "ListPassages": Entry("engine.workspace.job", "query"),
    "RemoveDocuments": Entry("engine.workspace.job", "query"),
    "ReadWatchedFolders": Entry("engine.workspace.job", "query"),
    "KeepWatchedFolders": Entry("engine.workspace.job", "query"),
    "TagDocuments": Entry("engine.workspace.job", "query"),
    "DismissSkipped": Entry("engine.workspace.job", "query"),
    "ListQuestions": Entry("engine.workspace.job", "query"),
    "PreviewQuestions": Entry("engine.questions.job", "query"),
    "SplitQuestions": Entry("engine.questions.job", "heavy"),
    "JudgeQuestions": Entry("engine.questions.job", "query"),
    "EditQuestion": Entry("engine.questions.job", "query"),
    "AddQuestion": Entry("engine.questions.job", "query"),
    "ReadStatus": Entry("engine.workspace.job", "query"),
    "ListRuns": Entry("engine.workspace.job", "query"),
    "ReadPoints": Entry("engine.workspace.job", "query"),
    "ExportRun": Entry("engine.exporting.job", "heavy", tensors=True),
    "ImportRun": Entry("engine.exporting.job", "heavy", tensors=True),
    "Promote": Entry("engine.workspace.job", "query"),
    "Rollback": Entry("engine.workspace.job", "query"),
    "ReadLicence": Entry("engine.models.job", "query"),
    "ListModels": Entry("engine.models.job", "query"),
    "ReadAddon": Entry("engine.addon.job", "query"),
    "InstallAddon": Entry("engine.addon.job", "heavy"),
    "RemoveAddon": Entry("engine.addon.job", "query"),
    "RemoveModel": Entry("engine.models.job", "query"),
}


def entry_of(name: str, jobs: Mapping[str, Entry]) -> Entry:
    """Return the entry of the job called `name`. Raises WorkerError when there is none."""
    entry = jobs.get(name)
    if entry is None:
        raise WorkerError(
            f"The engine knows no job {name}.",
            hint="The window and the engine are of different versions: install both again.",
        )
    return entry


def job_class(name: str, entry: Entry) -> type[Job[Any]]:
    """Return the class of the job called `name`, importing its module."""
    return getattr(importlib.import_module(entry.module), name)


def result_type(job: type[Job[Any]]) -> Any:
    """Return the type a job's `run` is annotated to return."""
    # Session and Monitor are imported for type checking only in most job modules.
    return typing.get_type_hints(job.run, localns={"Session": object, "Monitor": object})["return"]
