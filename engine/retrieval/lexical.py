"""The lexical index: BM25 by SQLite's FTS5 over title, section and text, kept by the workspace with every passage.

A tuned run also weighs whether the question's words stand next to or near each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

from engine.records import Hit, Matching
from engine.workspace.database import listed
from engine.workspace.matching import query_terms
from engine.workspace.scope import EVERYTHING, Scope
from engine.workspace.workspace import Workspace

PLAIN = Matching()
CANDIDATES = 100  # BM25's best that a learnt matching orders anew; taken from either index before fusion
MAX_TERMS = 64  # a pasted page is a query too; more terms add time, not precision
MAX_ROWS = 45_000  # matches that BM25 scores for one question over many passages: rare terms first
EXACT_PASSAGES = 50_000  # up to this many passages every term is scored, however frequent

# Words that stand in every question and say nothing about the passage.
_STOP_WORDS = """
    a an and are as at be been by can could did do does for from had has have how if in into is it its may might
    of on or shall should such than that the their them there these they this those to was were what when where
    which who whom whose why will with would
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

MAX_PAIRED = 8  # words of a question of which every pair is looked for
NEAR = 12  # words at most between the two of a pair


def telling_terms(words: Sequence[str]) -> list[str]:
    """Return the terms of a question, each once, without stop words unless there is nothing else."""
    once = list(dict.fromkeys(words))
    return ([word for word in once if word not in STOP_WORDS] or once)[:MAX_TERMS]


def match_expression(terms: Sequence[str]) -> str:
    """Return an FTS5 expression for any of the terms: quoted, so that no syntax is read into them."""
    return " OR ".join(f'"{term}"' for term in terms)


def phrase_expression(words: Sequence[str], terms: Sequence[str]) -> str:
    """Return an FTS5 expression for neighbouring words as phrases, where one of the two is among `terms`."""
    neighbours = dict.fromkeys(pairwise(words[:MAX_TERMS]))
    return " OR ".join(f'"{one} {other}"' for one, other in neighbours if not set(terms).isdisjoint((one, other)))


def near_expression(terms: Sequence[str]) -> str:
    """Return an FTS5 expression for pairs of terms near each other, in either order."""
    return " OR ".join(f'NEAR("{one}" "{other}", {NEAR})' for one, other in combinations(terms[:MAX_PAIRED], 2))


class LexicalIndex:
    """BM25 (k1 = 1.2, b = 0.75) over the workspace's passages, with what a run has learnt about matching."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.exact = workspace.documents.passage_count() <= EXACT_PASSAGES  # and so takes a few milliseconds
        self._frequencies: dict[str, int] = {}  # passages a term matches, at most MAX_ROWS + 1

    def search(
        self, question: str, *, top_k: int, matching: Matching = PLAIN, allowed: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        """Return row numbers of passages and their lexical scores, higher is better, best first.

        The passages are BM25's best; `matching` scores and orders them anew. `allowed` are the row numbers that may be
        found; None for all.
        """
        if matching == PLAIN:
            _, terms = self._terms(question)
            return [(row, score) for row, score, _ in self._found(terms, top_k, allowed)]
        rows, features = self._features(question, top_k, allowed)
        scores = features @ np.array([1.0, matching.phrase, matching.near, matching.length])
        return [(rows[place], float(scores[place])) for place in np.argsort(-scores, kind="stable")]

    def hits(
        self,
        questions: Sequence[str],
        *,
        top_k: int,
        matching: Matching = PLAIN,
        scope: Scope = EVERYTHING,
    ) -> list[list[Hit]]:
        """Return for each question what its words alone find within `scope`, best first: no model, no vector is used.

        Raises QuestionError when no document is within the scope.
        """
        allowed = self._workspace.selection.passages_within(scope) if scope.limits else None
        results: list[list[Hit]] = []
        for question in questions:
            found = dict(self.search(question, top_k=max(top_k, CANDIDATES), matching=matching, allowed=allowed))
            ids = self._workspace.documents.passage_ids([*found])
            kept = [number for number in found if number in ids][:top_k]
            passages = self._workspace.documents.passages_by_id([ids[number] for number in kept])
            results.append(
                [
                    Hit(passages[ids[number]], found[number], lexical=found[number])
                    for number in kept
                    if ids[number] in passages
                ]
            )
        return results

    def features(self, question: str, *, top_k: int) -> tuple[list[str], np.ndarray]:
        """Return the ids of BM25's best passages and what may count, of shape (passages, 4).

        The columns: BM25; BM25 of phrases; BM25 of near pairs; BM25 times the logarithm of the passage's length in
        relation to the mean of the passages found (all after the sequential dependence model, Metzler & Croft 2005).
        """
        rows, features = self._features(question, top_k, None)
        ids = self._workspace.documents.passage_ids(rows)
        return [ids[row] for row in rows], features

    def _features(self, question: str, top_k: int, allowed: np.ndarray | None) -> tuple[list[int], np.ndarray]:
        words, terms = self._terms(question)
        found = self._found(terms, top_k, allowed)
        if not found:
            return [], np.empty((0, 4))
        rows = [row for row, _, _ in found]
        phrases, near = self._scores(phrase_expression(words, terms), rows), self._scores(near_expression(terms), rows)
        scores = np.array([score for _, score, _ in found])
        lengths = np.array([length for _, _, length in found], dtype=np.float64)
        columns = (
            scores,
            [phrases.get(row, 0.0) for row in rows],
            [near.get(row, 0.0) for row in rows],
            scores * np.log(lengths / lengths.mean()),
        )
        return rows, np.stack(columns, axis=1)

    def _terms(self, question: str) -> tuple[list[str], list[str]]:
        """Return the question's words, and its terms to look for."""
        words = list(query_terms(question))
        terms = telling_terms(words)
        return words, terms if self.exact else self._rarest(terms)

    def _found(self, terms: Sequence[str], top_k: int, allowed: np.ndarray | None) -> list[tuple[int, float, int]]:
        if not terms:
            return []
        # The plus keeps SQLite from running the match once for each allowed row.
        among = "" if allowed is None else " AND +rowid IN (SELECT value FROM json_each(?))"
        parameters = [match_expression(terms), *([] if allowed is None else [listed(allowed.tolist())]), top_k]
        return (
            self._workspace.connection()
            .execute(
                "SELECT passages.rowid, -scores.score, length(passages.text) FROM"
                f" (SELECT rowid, bm25(passages_fts) AS score FROM passages_fts WHERE passages_fts MATCH ?{among}"
                " ORDER BY score LIMIT ?) AS scores"
                " JOIN passages ON passages.rowid = scores.rowid ORDER BY scores.score",
                parameters,
            )
            .fetchall()
        )

    def _scores(self, expression: str, among: Sequence[int]) -> dict[int, float]:
        if not expression:
            return {}
        return dict(
            self._workspace.connection().execute(
                "SELECT rowid, -bm25(passages_fts) FROM passages_fts WHERE passages_fts MATCH ?"
                " AND +rowid IN (SELECT value FROM json_each(?))",
                (expression, listed(among)),
            )
        )

    def _rarest(self, terms: Sequence[str]) -> list[str]:
        """Return the rarest terms that together match no more than MAX_ROWS passages, in their order.

        A term in every tenth passage weighs a fifth of one in every hundred-thousandth, and costs ten thousand times
        as much. The rarest is looked for whatever it costs: there is nothing else to go by.
        """
        kept: set[str] = set()
        matches = 0
        for term in sorted(terms, key=self._frequency):
            matches += self._frequency(term)
            if matches > MAX_ROWS and kept:
                break
            if self._frequency(term):
                kept.add(term)
        return [term for term in terms if term in kept]

    def _frequency(self, term: str) -> int:
        if term not in self._frequencies:
            row = self._workspace.connection().execute(
                "SELECT count(*) FROM (SELECT 1 FROM passages_fts WHERE passages_fts MATCH ? LIMIT ?)",
                (match_expression([term]), MAX_ROWS + 1),
            )
            self._frequencies[term] = int(row.fetchone()[0])
        return self._frequencies[term]
