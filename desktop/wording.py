"""How numbers, times and names of the engine are said to a person."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from engine.records import Fusion, Run


def _tr(text: str) -> str:
    return QCoreApplication.translate("Wording", text)


def duration(seconds: float) -> str:
    """Return a time as a person says it: "40 s", "3 min", "1 h 20 min"."""
    if seconds < 60:
        return _tr("{0} s").format(max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 60:
        return _tr("{0} min").format(minutes)
    return _tr("{0} h {1} min").format(minutes // 60, minutes % 60)


def milliseconds(time_ms: float) -> str:
    """Return a short time: "35 ms", "1.2 s"."""
    return _tr("{0} ms").format(round(time_ms)) if time_ms < 1000 else _tr("{0:.1f} s").format(time_ms / 1000)


def points(share: float) -> str:
    """Return a share of 0 to 1 as points of 100: "52.3"."""
    return f"{share * 100:.1f}"


def counted(number: int, one: str, many: str) -> str:
    """Return "1 document", "1,204 documents"."""
    return f"{number:,} {one if number == 1 else many}"


def plainly_joined(parts: Sequence[str]) -> str:
    """Return the parts that say something, as one line."""
    return " · ".join(part for part in parts if part)


def metric(name: str) -> str:
    """Return a metric as a person reads it; unknown ones as they are."""
    known = {
        "hit@1": _tr("right passage first"),
        "hit@5": _tr("right passage in 5"),
        "hit@20": _tr("right passage in 20"),
        "recall@20": _tr("evidence in 20"),
        "mrr@10": _tr("MRR@10"),
        "ndcg@10": _tr("nDCG@10"),
        "exact_match": _tr("exact match"),
        "strict_exact_match": _tr("exact match, strict"),
        "f1": _tr("F1, words in common"),
        "bleu": _tr("BLEU"),
        "rouge1": _tr("ROUGE-1"),
        "rouge2": _tr("ROUGE-2"),
        "rougeL": _tr("ROUGE-L"),
        "wrong_document@1": _tr("wrong document first"),
        "wrong_document@5": _tr("wrong documents in 5"),
        "cited_precision": _tr("citations, precision"),
        "cited_recall": _tr("citations, recall"),
        "cited_f1": _tr("citations, F1"),
        "support": _tr("sentences supported"),
        "numbers_covered": _tr("numbers covered"),
        "answered": _tr("not declined"),
    }
    return known.get(name, name)


def run_outcome(run: Run) -> str:
    """Return how a run ended, and in a second line its validation scores before and after."""
    parts = []
    for name, after in run.after.items():
        if name.endswith("kept"):
            continue
        before = run.before.get(name)
        scale = points if 0 <= after <= 1 and not name.endswith("loss") else "{:.3g}".format
        parts.append(
            f"{name.replace('_', ' ')} {scale(before)} → {scale(after)}"
            if before is not None
            else f"{name.replace('_', ' ')} {scale(after)}"
        )
    return f"{run.reason}\n{plainly_joined(parts)}".strip()


def metric_explained(name: str) -> str:
    """Return what a metric is, for those who ask; "" for unknown ones."""
    known = {
        "hit@1": _tr("hit@1: how often the passage found first holds the evidence"),
        "hit@5": _tr("hit@5: how often one of the first 5 passages holds the evidence"),
        "hit@20": _tr("hit@20: how often one of the first 20 passages holds the evidence"),
        "recall@20": _tr("recall@20: how much of the evidence is among the first 20 passages"),
        "mrr@10": _tr(
            "Mean reciprocal rank: 1 where the evidence is found first, 1/2 where second, … 0 after the tenth"
        ),
        "ndcg@10": _tr("Normalised discounted cumulative gain: how high the evidence stands among the first 10"),
        "exact_match": _tr(
            "The answer is one of the known ones, case, articles and punctuation aside (as SQuAD counts it)"
        ),
        "strict_exact_match": _tr("Exact match in which numbers and negations must agree too: 5.0 mg is not 50 mg"),
        "f1": _tr("The share of words that answer and known answer have in common (as SQuAD counts it)"),
        "bleu": _tr("BLEU by sacrebleu, 0 to 100: runs of words in common, over all answers together"),
        "rouge1": _tr("ROUGE-1: single words in common"),
        "rouge2": _tr("ROUGE-2: pairs of words in common"),
        "rougeL": _tr("ROUGE-L: the longest common sequence of words"),
        "wrong_document@1": _tr("How often the first passage is from a document without evidence: less is better"),
        "wrong_document@5": _tr("The share of the first 5 passages from documents without evidence: less is better"),
        "cited_precision": _tr("How much of what is cited, by characters, is where the known answer stands"),
        "cited_recall": _tr("How much of where the known answer stands, by characters, is cited"),
        "cited_f1": _tr("The mean of both: do the citations point at the right place"),
        "support": _tr("The share of the answers' sentences that a passage it read says, by the words in common"),
        "numbers_covered": _tr("The share of the answers' numbers that stand in a passage it read"),
        "answered": _tr("How many questions got an answer and not the sentence that the documents do not say"),
    }
    return known.get(name, "")


def untuned_run() -> Run:
    """The bundled models, in a list of runs."""
    return Run("base", "base", "", "", Fusion(), kept=True, reason="The bundled models as they come, untuned.")
