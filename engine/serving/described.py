"""Passages and answers as what a script reads: the JSON of the command line and of the local server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.records import Answer, Citation, Hit

if TYPE_CHECKING:
    from engine.serving.job import SearchResult


def found_value(result: SearchResult) -> dict[str, Any]:
    """Return what a search found."""
    return {
        "question": result.question,
        "run": result.run,
        "passages": [passage_value(hit) for hit in result.hits],
        "timings_ms": result.timings_ms,
    }


def passage_value(hit: Hit) -> dict[str, Any]:
    """Return a passage with its scores."""
    passage = hit.passage
    return {
        "id": passage.id,
        "document_id": passage.document_id,
        "title": passage.title,
        "page": passage.page,
        "section": passage.section,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "score": hit.score,
        "scores": {"dense": hit.dense, "lexical": hit.lexical},
    }


def answer_value(answer: Answer) -> dict[str, Any]:
    """Return an answer with its citations, sentence by sentence."""
    return {
        "question": answer.question,
        "answer": answer.answer,
        "abstained": answer.abstained,
        "confidence": answer.confidence,
        "citations": [msgspec.to_builtins(citation) for citation in answer.citations],
        "passages": [passage_value(hit) for hit in answer.hits],
        "run": answer.run,
        "cached": answer.cached,
        "timings_ms": answer.timings_ms,
        "sentences": [
            {
                "text": answer.answer[sentence.start : sentence.end],
                "supported": sentence.supported,
                "citation": sentence.citation,
                "missing": list(sentence.missing),
            }
            for sentence in answer.sentences
        ],
        "searched": answer.searched or answer.question,
    }


def cited(citation: Citation) -> str:
    """Return a citation as a person reads it."""
    page = f", page {citation.page}" if citation.page is not None else ""
    return f"{citation.title}{page}: “{' '.join(citation.quote.split())}”"
