"""Our `evaluate` modules load by local path, write nothing elsewhere, and say what metrics.py says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.evaluation import metrics
from engine.evaluation.measure import Measures, load_measures
from tests.engine.evaluation.pairs import generated_pairs

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def measures(tmp_path_factory: pytest.TempPathFactory) -> Measures:
    return load_measures(tmp_path_factory.mktemp("scratch"))


def test_answers_are_scored_as_by_the_pure_functions(measures: Measures) -> None:
    pairs = [*generated_pairs(50, seed=1), ("", []), ("something", [])]

    found = measures.compute("answer", predictions=[one for one, _ in pairs], references=[two for _, two in pairs])

    expected = [metrics.answer_match(*pair) for pair in pairs]
    assert found == {name: [one[name] for one in expected] for name in ("exact_match", "strict_exact_match", "f1")}


def test_bleu_and_rouge_are_scored_as_by_the_pure_functions(measures: Measures) -> None:
    pairs = generated_pairs(50, seed=2)
    predictions = [prediction for prediction, _ in pairs]
    references = [answers for _, answers in pairs]

    bleu = measures.compute("bleu", predictions=predictions, references=references)
    rouge = measures.compute("rouge", predictions=predictions, references=references)

    expected = metrics.bleu(predictions, references)
    assert (bleu["bleu"], bleu["signature"]) == (expected.score, expected.signature)
    score = metrics.rouge_scorer()
    assert rouge["rougeL"] == [score(*pair)["rougeL"] for pair in pairs]


def test_rankings_are_scored_as_by_the_pure_functions(measures: Measures) -> None:
    ranked = [["a", "b", "c"], ["b"], []]
    evidence = [["c", "z"], ["b"], ["a"]]

    found = measures.compute("retrieval", predictions=ranked, references=evidence)

    assert found["hit@1"] == [0.0, 1.0, 0.0]
    assert found["recall@20"] == [0.5, 1.0, 0.0]
    assert found["mrr@10"] == [1 / 3, 1.0, 0.0]
    assert found["ndcg@10"] == [metrics.ndcg_at(*pair) for pair in zip(ranked, evidence, strict=True)]


def test_nothing_to_score_is_no_error(measures: Measures) -> None:
    assert measures.compute("answer", predictions=[], references=[]) == {}


def test_modules_can_be_loaded_again_from_another_folder(measures: Measures, tmp_path: Path) -> None:
    again = load_measures(tmp_path)

    assert again.compute("answer", predictions=["x"], references=[["x"]])["exact_match"] == [1.0]
    assert not [entry for entry in sys.path if entry.startswith(str(tmp_path))]


def test_loading_writes_nothing_to_the_home_folder(tmp_path: Path) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    code = (
        "import sys; from pathlib import Path; from engine.offline import go_offline; go_offline();"
        "from engine.evaluation.measure import load_measures;"
        "print(load_measures(Path(sys.argv[1])).compute('answer', predictions=['x'], references=[['x']])['f1'])"
    )
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}

    done = subprocess.run(
        [sys.executable, "-c", code, str(scratch)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[1.0]"
    assert list(home.rglob("*")) == []
