"""What makes two questions the same, in one workspace and across two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from engine.documents.content import one_line
from engine.records import Question
from engine.workspace.workspace import Workspace

Content = tuple[str, tuple[str, ...], bool]
FINGERPRINT = "sha256:"


def content_of(question: Question) -> Content:
    """What is asked and answered, white space aside: a context and its copy may be laid out differently."""
    answers = tuple(one_line(answer) for answer in question.answers)
    return one_line(question.question), answers, question.unanswerable


def fingerprints(questions: Sequence[Question], workspace: Workspace) -> list[str]:
    """Return for each question what it is known by in other workspaces, where ids differ and nobody may read it.

    The document it is about counts: of a hundred contracts the same is asked, and answered "Yes".
    """
    digests = {row.id: row.digest for row in workspace.documents.list()}
    described = [(*content_of(question), digests.get(question.document_id, "")) for question in questions]
    return [FINGERPRINT + hashlib.sha256(json.dumps(one, ensure_ascii=False).encode()).hexdigest() for one in described]
