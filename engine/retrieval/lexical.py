"""The lexical index: BM25 by SQLite's FTS5 over title, section and text, kept by the workspace with every passage.

A tuned run also weighs whether the question's words stand next to or near each other.
"""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import numpy as np

from engine.records import Matching
from engine.workspace.workspace import Workspace

PLAIN = Matching()
MAX_TERMS = 64  # a pasted page is a query too; more terms add time, not precision

# Words that stand in every question and say nothing about the passage.
_STOP_WORDS = """
    a an and are as at be been by can could did do does for from had has have how if in into is it its may might
    of on or shall should such than that the their them there these they this those to was were what when where
    which who whom whose why will with would
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

MAX_PAIRED = 8  # words of a question of which every pair is looked for
NEAR = 12  # words at most between the two of a pair
MOST_PAIRED = 1000  # passages that hold phrases or pairs and are scored for them

_WORD = re.compile(r"\w+", re.UNICODE)


def match_expression(question: str) -> str:
    """Turn a question into an FTS5 expression: its words quoted and joined by OR, so that no syntax is read into it."""
    return " OR ".join(f'"{word}"' for word in _telling(question)[:MAX_TERMS])


def phrase_expression(question: str) -> str:
    """Turn a question into an FTS5 expression for its neighbouring words as phrases."""
    words = [word.lower() for word in _WORD.findall(question)][:MAX_TERMS]
    neighbours = dict.fromkeys(pairwise(words))
    return " OR ".join(f'"{one} {other}"' for one, other in neighbours if not STOP_WORDS.issuperset((one, other)))


def near_expression(question: str) -> str:
    """Turn a question into an FTS5 expression for pairs of its words near each other, in either order."""
    return " OR ".join(
        f'NEAR("{one}" "{other}", {NEAR})' for one, other in combinations(_telling(question)[:MAX_PAIRED], 2)
    )


class LexicalIndex:
    """BM25 (k1 = 1.2, b = 0.75) over the workspace's passages, with what a run has learnt about matching."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def search(self, question: str, *, top_k: int, matching: Matching = PLAIN) -> list[tuple[str, float]]:
        """Return passage ids and lexical scores, higher is better, best first.

        The passages are BM25's best; `matching` scores and orders them anew.
        """
        if matching == PLAIN:
            return [(passage_id, score) for passage_id, _, score, _ in self._found(question, top_k)]
        ids, features = self.features(question, top_k=top_k)
        scores = features @ np.array([1.0, matching.phrase, matching.near, matching.length])
        return [(ids[row], float(scores[row])) for row in np.argsort(-scores, kind="stable")]

    def features(self, question: str, *, top_k: int) -> tuple[list[str], np.ndarray]:
        """Return the ids of BM25's best passages and what may count, of shape (passages, 4).

        The columns: BM25; BM25 of phrases; BM25 of near pairs; BM25 times the logarithm of the passage's length in
        relation to the mean of the passages found (all after the sequential dependence model, Metzler & Croft 2005).
        """
        found = self._found(question, top_k)
        if not found:
            return [], np.empty((0, 4))
        phrases, near = (self._scores(build(question)) for build in (phrase_expression, near_expression))
        scores = np.array([score for _, _, score, _ in found])
        lengths = np.array([length for _, _, _, length in found], dtype=np.float64)
        columns = (
            scores,
            [phrases.get(row, 0.0) for _, row, _, _ in found],
            [near.get(row, 0.0) for _, row, _, _ in found],
            scores * np.log(lengths / lengths.mean()),
        )
        return [passage_id for passage_id, _, _, _ in found], np.stack(columns, axis=1)

    def _found(self, question: str, top_k: int) -> list[tuple[str, int, float, int]]:
        expression = match_expression(question)
        if not expression:
            return []
        return (
            self._workspace.connection()
            .execute(
                "SELECT passages.id, passages.rowid, -scores.score, length(passages.text) FROM"
                " (SELECT rowid, bm25(passages_fts) AS score FROM passages_fts"
                " WHERE passages_fts MATCH ? ORDER BY score LIMIT ?) AS scores"
                " JOIN passages ON passages.rowid = scores.rowid ORDER BY scores.score",
                (expression, top_k),
            )
            .fetchall()
        )

    def _scores(self, expression: str) -> dict[int, float]:
        if not expression:
            return {}
        return dict(
            self._workspace.connection().execute(
                "SELECT rowid, -bm25(passages_fts) FROM passages_fts WHERE passages_fts MATCH ?"
                " ORDER BY bm25(passages_fts) LIMIT ?",
                (expression, MOST_PAIRED),
            )
        )


def _telling(question: str) -> list[str]:
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(question)))
    return [word for word in words if word not in STOP_WORDS] or words
