"""The lexical index: BM25 by SQLite's FTS5 over title, section and text, kept by the workspace with every passage."""

from __future__ import annotations

import re

from engine.workspace.workspace import Workspace

MAX_TERMS = 64  # a pasted page is a query too; more terms add time, not precision

# Words that stand in every question and say nothing about the passage.
_STOP_WORDS = """
    a an and are as at be been by can could did do does for from had has have how if in into is it its may might
    of on or shall should such than that the their them there these they this those to was were what when where
    which who whom whose why will with would
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

_WORD = re.compile(r"\w+", re.UNICODE)


def match_expression(question: str) -> str:
    """Turn a question into an FTS5 expression: its words quoted and joined by OR, so that no syntax is read into it."""
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(question)))
    telling = [word for word in words if word not in STOP_WORDS] or words
    return " OR ".join(f'"{word}"' for word in telling[:MAX_TERMS])


class LexicalIndex:
    """BM25 (k1 = 1.2, b = 0.75) over the workspace's passages."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def search(self, question: str, *, top_k: int) -> list[tuple[str, float]]:
        """Return passage ids and BM25 scores, higher is better, best first."""
        expression = match_expression(question)
        if not expression:
            return []
        rows = self._workspace.connection().execute(
            "SELECT passages.id, -scores.score FROM (SELECT rowid, bm25(passages_fts) AS score FROM passages_fts"
            " WHERE passages_fts MATCH ? ORDER BY score LIMIT ?) AS scores"
            " JOIN passages ON passages.rowid = scores.rowid ORDER BY scores.score",
            (expression, top_k),
        )
        return [(str(row[0]), float(row[1])) for row in rows]
