"""What the numbers mean, in sentences for a reader who knows no statistics, and the metrics' names."""

from __future__ import annotations

from engine.evaluation.report import LESS_IS_BETTER, Difference, Part, Report, largest

NAMES = {
    "hit@1": "right passage first",
    "hit@5": "right passage in 5",
    "hit@20": "right passage in 20",
    "recall@20": "evidence in 20",
    "mrr@10": "MRR@10",
    "ndcg@10": "nDCG@10",
    "wrong_document@1": "wrong document first",
    "wrong_document@5": "wrong documents in 5",
    "exact_match": "exact match",
    "strict_exact_match": "exact match, strict",
    "f1": "F1, words in common",
    "bleu": "BLEU",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "cited_precision": "citations, precision",
    "cited_recall": "citations, recall",
    "cited_f1": "citations, F1",
    "support": "sentences supported",
    "numbers_covered": "numbers covered",
    "answered": "not declined",
}
_PLAINLY = {"f1": "answers", "hit@1": "finds the right passage"}


def metric_name(name: str) -> str:
    """A metric as a person reads it; unknown ones as they are."""
    return NAMES.get(name, name)


def percent(share: float) -> str:
    """A share as "39.7 %"."""
    return f"{share * 100:.1f} %"


def value(name: str, number: float) -> str:
    """A metric's value in points of 100."""
    return f"{number * 100 / largest(name):.1f}"


def difference(name: str, found: Difference) -> str:
    """ "+5.1 (+2.0 to +8.3)", in points of 100."""
    scale = 100 / largest(name)
    low, high = found.interval
    return f"{found.difference * scale:+.1f} ({low * scale:+.1f} to {high * scale:+.1f})"


def headline(report: Report) -> str:
    """The sentence that is read first."""
    asked = f"On {_counted(report.questions, report.split + ' question')} about {_counted(report.groups, 'document')}"
    told = report.against
    if told is None:
        return (
            f"{asked}, {report.run} answered {percent(report.answers['exact_match'])} exactly as known; "
            "it was compared with no other run."
        )
    theirs = {**told.retrieval, **told.answers}[told.metric]
    ours = {**report.retrieval, **report.answers}[told.metric]
    does = _PLAINLY.get(told.metric, told.metric)
    numbers = f"{ours * 100:.1f} against {theirs * 100:.1f} points of 100 by {metric_name(told.metric)}"
    low, high = told.interval
    if told.verdict in ("better", "worse"):
        return (
            f"{asked}, {report.run} {does} {told.verdict} than {told.run}: {numbers}. The difference is between "
            f"{low * 100:+.1f} and {high * 100:+.1f} points with 95 % confidence: more than chance alone explains."
        )
    if told.verdict == "no difference shown":
        return (
            f"{asked}, no difference between {report.run} and {told.run} is shown: {numbers}, and a difference of "
            "5 points or more would have been seen."
        )
    unsure = (
        f"but the difference may be anything between {low * 100:+.1f} and {high * 100:+.1f} points"
        if round(low, 3) or round(high, 3)
        else "and no difference was seen, on too few questions to rule one out"
    )
    return (
        f"{asked}, it can't be told whether {report.run} {does} better than {told.run}: {numbers}, {unsure}. "
        f"{more_questions(told.questions_needed, report.questions)}"
    )


def more_questions(needed: int, have: int) -> str:
    """How many more questions would do."""
    return f"About {needed - have:,} more questions would tell." if needed > have else ""


def part_sentence(part: Part) -> str:
    """One split of the questions in a sentence."""
    text = f"{part.name[:1].upper()}{part.name[1:]}: {_counted(part.questions, 'question')}"
    if part.against is None:
        return f"{text}, F1 {part.answers['f1'] * 100:.1f}."
    more = more_questions(part.against.questions_needed, part.against.questions)
    return f"{text}, {part.against.verdict}: {difference(part.metric, part.against)} points. {more}".strip()


def reader_or_retriever(report: Report) -> str:
    """Which half loses more: what the right passage would give, against what the run's own passages give."""
    if not report.with_evidence:
        return ""
    lost_in_search = report.oracle_answers["f1"] - report.answers["f1"]
    lost_in_reading = 1 - report.oracle_answers["f1"]
    half = "the reading of the passages" if lost_in_reading > lost_in_search else "the search for the passages"
    return (
        f"With the right passage given, F1 is {report.oracle_answers['f1'] * 100:.1f} in place of "
        f"{report.answers['f1'] * 100:.1f}: most is lost in {half}."
    )


def knows_sentence(report: Report) -> str:
    """What is known of its not knowing."""
    knows = report.abstention
    if knows is None:
        return ""
    sure = "" if knows.auroc is None else percent(knows.auroc)
    told = (
        f"Of a right and a wrong answer, the right one has the higher confidence in {sure} of cases. " if sure else ""
    )
    under = (
        f" and answered {percent(knows.under_refusal)} of the {knows.unanswerable} that have none"
        if knows.unanswerable
        else ""
    )
    return (
        f"{told}Letting at most 5 % of the answers be wrong, it could answer {percent(knows.coverage_at_risk)} of the "
        f"questions. It declined {percent(knows.over_refusal)} of the questions that have an answer{under}."
    )


def verdict_word(name: str, found: Difference) -> str:
    """The verdict; where less is better, that is said."""
    return found.verdict + (" (less is better)" if name in LESS_IS_BETTER else "")


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"
