"""Every metric: its worked example, its edges, and equality with the reference implementations."""

from __future__ import annotations

import collections
import doctest
import math
import re
import string

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

from engine.evaluation import metrics
from tests.engine.evaluation.pairs import generated_pairs

PAIRS = generated_pairs(500, seed=7)


def test_the_worked_examples_in_the_docstrings_are_right() -> None:
    found = doctest.testmod(metrics)

    assert found.attempted >= 10
    assert found.failed == 0


def test_retrieval_metrics_on_a_ranking_done_by_hand() -> None:
    ranked = ["a", "b", "c", "d"]
    evidence = {"b", "d", "z"}

    assert metrics.hit_rank(ranked, evidence) == 2
    assert [metrics.hit_at(ranked, evidence, k=k) for k in (1, 2)] == [0.0, 1.0]
    assert metrics.recall_at(ranked, evidence, k=4) == 2 / 3
    assert metrics.reciprocal_rank_at(ranked, evidence) == 0.5
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert metrics.ndcg_at(ranked, evidence) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal, abs=1e-12)


def test_a_ranking_without_evidence_scores_zero_and_a_perfect_one_scores_one() -> None:
    assert metrics.hit_rank(["a"], {"b"}) is None
    assert metrics.ndcg_at(["a"], {"b"}) == metrics.reciprocal_rank_at(["a"], {"b"}) == 0.0
    assert metrics.ndcg_at(["a", "b", "c"], {"a", "b"}) == 1.0
    assert metrics.recall_at([], {"a"}, k=20) == metrics.ndcg_at([], set()) == 0.0


def test_rank_eleven_is_beyond_mrr_at_10() -> None:
    ranked = [str(rank) for rank in range(1, 12)]

    assert metrics.reciprocal_rank_at(ranked, {"11"}) == metrics.ndcg_at(ranked, {"11"}) == 0.0
    assert metrics.hit_at(ranked, {"11"}, k=20) == 1.0


def test_a_passage_returned_twice_counts_once() -> None:
    assert metrics.ndcg_at(["a", "a"], {"a"}) == metrics.recall_at(["a", "a"], {"a"}, k=2) == 1.0


# --- SQuAD: the logic of the official evaluate-v2.0.py, written out -----------------------------------------------


def _reference_normalize(s: str) -> str:
    def remove_articles(text: str) -> str:
        return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

    def remove_punc(text: str) -> str:
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return " ".join(remove_articles(remove_punc(s.lower())).split())


def _reference_f1(a_gold: str, a_pred: str) -> float:
    gold_toks = _reference_normalize(a_gold).split() if a_gold else []
    pred_toks = _reference_normalize(a_pred).split() if a_pred else []
    common = collections.Counter(gold_toks) & collections.Counter(pred_toks)
    num_same = sum(common.values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision = 1.0 * num_same / len(pred_toks)
    recall = 1.0 * num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


def test_exact_match_and_f1_equal_squads_script_on_generated_pairs() -> None:
    for prediction, answers in PAIRS:
        exact = max(int(_reference_normalize(answer) == _reference_normalize(prediction)) for answer in answers)
        assert metrics.exact_match(prediction, answers) == exact
        expected = max(_reference_f1(answer, prediction) for answer in answers)
        assert metrics.f1(prediction, answers) == pytest.approx(expected, abs=1e-12)


def test_unanswerable_is_matched_by_saying_nothing() -> None:
    assert metrics.exact_match("", []) == metrics.strict_exact_match("", []) == metrics.f1("", []) == 1.0
    assert metrics.exact_match("yes", []) == metrics.strict_exact_match("yes", []) == metrics.f1("yes", []) == 0.0


@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        ("5.0 mg", "50 mg"),
        ("1-2", "12"),
        ("not approved", "approved"),
        ("-5", "5"),
        ("50%", "50"),
        ("3/4", "34"),
        (".5 ml", "5 ml"),
        ("< 5", "> 5"),
        ("<5", "5"),
        ("1,5", "15"),
        ("€50", "$50"),
        ("vitamin A", "vitamin"),
        ("no evidence", "evidence"),
        ("5 mg", "5 g"),
        ("0,125 mg", "0125 mg"),
        ("1234,567", "1234567"),
        ("1,234,56", "123456"),
    ],
)
def test_strict_exact_match_tells_apart_what_squad_may_not(prediction: str, answer: str) -> None:
    assert metrics.strict_exact_match(prediction, [answer]) == 0.0
    assert metrics.strict_exact_match(answer, [prediction]) == 0.0


@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        ("The dose, 5.0 mg.", "dose 5.0 mg"),
        ("1–2 days", "1-2 days"),
        ("−5 °C", "-5 °C"),
        ("1,200 patients", "1200 patients"),
        ("12,345,678 and 2,500.", "12345678 and 2500"),
        ("“Not approved”", "not approved"),
        ("(HIV-1)", "hiv-1"),
        ("an  apple", "apple"),
        ("~ 65% similarity", "65% similarity"),
    ],
)
def test_strict_exact_match_forgives_case_edges_and_articles(prediction: str, answer: str) -> None:
    agreed = metrics.strict_normalised(prediction) == metrics.strict_normalised(answer)

    assert agreed
    assert metrics.strict_exact_match(prediction, [answer]) == metrics.exact_match(prediction, [answer])


def test_a_fraction_is_no_further_digit() -> None:
    assert metrics.strict_normalised("12½ mg") == metrics.strict_normalised("12 ½ mg") != "121⁄2 mg"


def test_an_evaluation_counts_as_squad_does_where_its_normalisation_leaves_something() -> None:
    for prediction, answers in PAIRS:
        worded = [answer for answer in answers if metrics.squad_normalised(answer)] or ["none"]
        counted = metrics.answer_match(prediction, worded)
        assert counted == {name: getattr(metrics, name)(prediction, worded) for name in counted}


@pytest.mark.parametrize(
    ("prediction", "answers", "exact", "overlap"),
    [
        ("", ["A"], 0.0, 0.0),
        ("", ["A", "group A"], 0.0, 0.0),
        ("A+", ["A"], 0.0, 0.0),
        ("The", ["A"], 0.0, 0.0),
        ("a.", ["A"], 1.0, 1.0),
        ("blood group A", ["A"], 0.0, 0.5),
        ("group A", ["A", "group A"], 1.0, 1.0),
        ("-", ["-"], 1.0, 1.0),
        ("+", ["-"], 0.0, 0.0),
        ("", [], 1.0, 1.0),
        ("A", [], 0.0, 0.0),
    ],
)
def test_an_answer_that_squad_would_empty_is_taken_as_it_stands(
    prediction: str, answers: list[str], exact: float, overlap: float
) -> None:
    counted = metrics.answer_match(prediction, answers)

    assert counted == {"exact_match": exact, "strict_exact_match": exact, "f1": pytest.approx(overlap)}


def test_strict_exact_match_never_exceeds_exact_match() -> None:
    for prediction, answers in PAIRS:
        assert metrics.strict_exact_match(prediction, answers) <= metrics.exact_match(prediction, answers)


def test_bleu_equals_sacrebleu_on_generated_pairs() -> None:
    predictions = [prediction for prediction, _ in PAIRS]
    references = [answers for _, answers in PAIRS]
    padded = [[answers[place] if place < len(answers) else None for answers in references] for place in range(3)]
    reference = BLEU()

    found = metrics.bleu(predictions, references)

    assert found.score == pytest.approx(reference.corpus_score(predictions, padded).score, abs=1e-9)
    assert found.signature == f"BLEU|{reference.get_signature()}"


def test_bleu_of_the_summed_statistics_is_the_corpus_bleu() -> None:
    found = metrics.bleu([prediction for prediction, _ in PAIRS], [answers for _, answers in PAIRS])
    summed = [sum(column) for column in zip(*found.statistics, strict=True)]

    assert metrics.bleu_of(summed) == pytest.approx(found.score, abs=1e-9)


def test_bleu_of_one_reference_each_has_the_usual_signature() -> None:
    found = metrics.bleu(["a b c d e"], [["a b c d e"]])

    assert found.score == pytest.approx(100.0)
    assert found.signature.startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_rouge_equals_rouge_score_on_generated_pairs() -> None:
    reference = RougeScorer(["rouge1", "rouge2", "rougeL"])
    rouge = metrics.rouge_scorer()

    for prediction, answers in PAIRS:
        scores = [reference.score(answer, prediction) for answer in answers]
        expected = {name: max(score[name].fmeasure for score in scores) for name in metrics.ROUGE_TYPES}
        assert rouge(prediction, answers) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("prediction", "answer", "rouge1", "rouge2"),
    [
        ("Москва", "Москва", 1.0, 0.0),
        ("в Москве летом", "в москве зимой", 2 / 3, 1 / 2),
        ("北京市", "北京", 4 / 5, 2 / 3),
        ("हिन्दी में", "हिन्दी", 2 / 3, 0.0),
        ("วิตามิน", "ตามิน", 8 / 9, 6 / 7),
        ("Москва", "Минск", 0.0, 0.0),
    ],
)
def test_rouge_reads_scripts_that_rouge_score_has_no_letters_of(
    prediction: str, answer: str, rouge1: float, rouge2: float
) -> None:
    found = metrics.rouge_scorer()(prediction, [answer])

    assert (found["rouge1"], found["rouge2"]) == (pytest.approx(rouge1), pytest.approx(rouge2))


@pytest.mark.parametrize("answer", ["5 μg/ml of β-lactam", "12", "naïve Größe", "p < 0,05"])
def test_a_foreign_letter_changes_no_figure_of_rouge_score(answer: str) -> None:
    reference = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(answer, "5 g/ml of -lactam 12 p 05 gr e")

    found = metrics.rouge_scorer()("5 g/ml of -lactam 12 p 05 gr e", [answer])

    assert found == {name: pytest.approx(reference[name].fmeasure, abs=1e-9) for name in metrics.ROUGE_TYPES}


def test_bleu_counts_characters_where_words_are_not_spaced() -> None:
    reference = BLEU(tokenize="char")
    predictions, answers = ["北京市是首都", "上海"], ["北京是中国的首都", "Shanghai 上海市"]

    found = metrics.bleu(predictions, [[answer] for answer in answers])

    assert found.score == pytest.approx(reference.corpus_score(predictions, [answers]).score, abs=1e-9)
    assert "tok:char" in found.signature
    assert "tok:13a" in metrics.bleu(["в Москве"], [["в Москве (北京)"]]).signature
