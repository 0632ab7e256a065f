"""The metrics as pure functions: each with its definition, its source and a worked example.

Shares are between 0 and 1; BLEU is on sacrebleu's own scale, 0 to 100.
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

# --- retrieval: `ranked` are passage ids, best first; `evidence` are the ids that hold the evidence -----------------


def hit_rank(ranked: Sequence[str], evidence: Collection[str]) -> int | None:
    """The 1-based rank of the first evidence passage; None where none was retrieved.

    >>> hit_rank(["a", "b", "c"], {"b", "c"})
    2
    """
    return next((rank for rank, passage_id in enumerate(ranked, start=1) if passage_id in evidence), None)


def hit_at(ranked: Sequence[str], evidence: Collection[str], *, k: int) -> float:
    """1 where at least one evidence passage is among the first `k`, else 0; also called success@k.

    >>> hit_at(["a", "b"], {"b"}, k=1), hit_at(["a", "b"], {"b"}, k=2)
    (0.0, 1.0)
    """
    rank = hit_rank(ranked[:k], evidence)
    return 0.0 if rank is None else 1.0


def recall_at(ranked: Sequence[str], evidence: Collection[str], *, k: int) -> float:
    """The share of the evidence passages that are among the first `k` (Manning et al. 2008, eq. 8.2, cut at k).

    >>> recall_at(["a", "b", "c"], {"b", "z"}, k=3)
    0.5
    """
    wanted = set(evidence)
    return len(wanted.intersection(ranked[:k])) / len(wanted) if wanted else 0.0


def reciprocal_rank_at(ranked: Sequence[str], evidence: Collection[str], *, k: int = 10) -> float:
    """1 / rank of the first evidence passage among the first `k`, else 0; its mean is MRR@k (Voorhees, TREC-8 1999).

    >>> reciprocal_rank_at(["a", "b"], {"b"})
    0.5
    """
    rank = hit_rank(ranked[:k], evidence)
    return 0.0 if rank is None else 1.0 / rank


def ndcg_at(ranked: Sequence[str], evidence: Collection[str], *, k: int = 10) -> float:
    """Normalised discounted cumulative gain, binary relevance, discount 1/log2(rank+1) (Järvelin & Kekäläinen 2002).

    The ideal ranking has all evidence first, so 1 is reachable however many evidence passages there are.

    >>> round(ndcg_at(["a", "b"], {"b"}), 4)
    0.6309
    """
    wanted = set(evidence)
    seen: set[str] = set()
    gain = 0.0
    for rank, passage_id in enumerate(ranked[:k], start=1):
        if passage_id in wanted and passage_id not in seen:
            seen.add(passage_id)
            gain += 1.0 / math.log2(rank + 1)
    ideal = sum(1.0 / math.log2(rank + 1) for rank in range(1, min(len(wanted), k) + 1))
    return gain / ideal if ideal else 0.0


def wrong_document_at(ranked_documents: Sequence[str], evidence_documents: Collection[str], *, k: int) -> float:
    """The share of the first `k` passages that come from a document without evidence; lower is better.

    The document-level retrieval mismatch of Reuter et al. 2025 ("Towards Reliable Retrieval in RAG Systems for Large
    Legal Datasets"). `ranked_documents` names the document of each passage, best first. Nothing found: all wrong.

    >>> wrong_document_at(["lease", "will", "lease"], {"lease"}, k=2)
    0.5
    """
    first = ranked_documents[:k]
    return sum(document not in evidence_documents for document in first) / len(first) if first else 1.0


# --- answers ---------------------------------------------------------------------------------------------------------

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def squad_normalised(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces (Rajpurkar et al. 2016).

    >>> squad_normalised("The  5.0 mg, dose!")
    '50 mg dose'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?!,?\d)")  # 0,125 has a decimal comma
_FRACTIONS = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞↉])")  # 12½ is not 121⁄2
_EDGES = "\"'`()[]{},;:!?.…“”‘’«»*_~≈"  # never: signs, comparisons, per cent, currency


def strict_normalised(text: str) -> str:
    """What strict exact match compares: numbers with sign, decimals, range and unit, and every word, stay as they are.

    Lower case; Unicode compatibility forms and dashes unified; thousands separators dropped; punctuation dropped at the
    edges of a word only; an article dropped where a word follows it ("vitamin A" keeps its letter).

    >>> strict_normalised("The 5.0 mg, dose!"), strict_normalised("1,200 – not -.5%")
    ('5.0 mg dose', '1200 not -.5%')
    """
    unified = _DASHES.sub("-", unicodedata.normalize("NFKC", _FRACTIONS.sub(" ", text)).lower())
    joined = _THOUSANDS.sub(lambda number: number.group().replace(",", ""), unified)
    words = [word for word in map(_without_edges, joined.split()) if word]
    last = len(words) - 1
    return " ".join(word for place, word in enumerate(words) if place == last or word not in {"a", "an", "the"})


def _without_edges(word: str) -> str:
    word = word.rstrip(_EDGES + "-")
    while word and (word[0] in _EDGES or word[0] == "-"):
        if re.match(r"[-.]{1,2}\d", word):  # the sign or the decimal point of a number
            break
        word = word[1:]
    return word


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """SQuAD's EM: 1 where the prediction equals one of the accepted answers after SQuAD's normalisation.

    No accepted answer means that the question can't be answered: then the empty prediction is right.
    For comparison with published numbers only: it takes "5.0 mg" for "50 mg". See `strict_exact_match`.

    >>> exact_match("the 5.0 mg", ["50 mg"]), exact_match("not approved", ["approved"])
    (1.0, 0.0)
    """
    said = squad_normalised(prediction)
    return float(any(said == squad_normalised(answer) for answer in answers or ("",)))


def strict_exact_match(prediction: str, answers: Sequence[str]) -> float:
    """EM where numbers with units, and negations, must agree too: equal by SQuAD's and by the strict normalisation.

    >>> [strict_exact_match(*pair) for pair in (("5.0 mg", ["50 mg"]), ("1-2", ["12"]), ("The 5 mg.", ["5 mg"]))]
    [0.0, 0.0, 1.0]
    """
    said = strict_normalised(prediction)
    return float(
        any(said == strict_normalised(answer) and exact_match(prediction, [answer]) for answer in answers or ("",))
    )


def f1(prediction: str, answers: Sequence[str]) -> float:
    """SQuAD's F1: harmonic mean of word precision and recall with multiplicity, the best over the accepted answers.

    >>> round(f1("mother to child", ["mother-to-child", "mother to"]), 4)
    0.8
    """
    return max(
        _f1(squad_normalised(prediction).split(), squad_normalised(answer).split()) for answer in answers or ("",)
    )


def _f1(said: list[str], accepted: list[str]) -> float:
    if not said or not accepted:  # no answer: 1 when both say so (evaluate-v2.0.py)
        return float(said == accepted)
    common = sum((Counter(said) & Counter(accepted)).values())
    if common == 0:
        return 0.0
    precision = common / len(said)
    recall = common / len(accepted)
    return 2 * precision * recall / (precision + recall)


def answer_match(prediction: str, answers: Sequence[str]) -> dict[str, float]:
    """EM, strict EM and F1 as an evaluation counts them: SQuAD's, save for answers that its normalisation empties.

    Of "A", "A+" and "%" it leaves nothing, so each would equal the others, and silence: they are taken as they stand.

    >>> [answer_match(said, ["A"])["exact_match"] for said in ("", "A+", "the", "a")], exact_match("", ["A"])
    ([0.0, 0.0, 0.0, 1.0], 1.0)
    """
    worded = [answer for answer in answers if squad_normalised(answer)]
    bare = [_literal(answer) for answer in answers or ("",) if not squad_normalised(answer)]
    said = _literal(prediction)

    def counted(score: Callable[[str, Sequence[str]], float], literally: float) -> float:
        return max(score(prediction, worded), literally) if worded else literally

    same = float(said in bare)
    return {
        "exact_match": counted(exact_match, same),
        "strict_exact_match": counted(strict_exact_match, same),
        "f1": counted(f1, max((_f1(said, one) for one in bare), default=0.0)),
    }


def _literal(text: str) -> list[str]:
    """The words, their edges too where nothing else is there: "-" is an answer."""
    return (strict_normalised(text) or text).split()


@dataclass(frozen=True, slots=True)
class Bleu:
    """Corpus BLEU with what is needed to repeat it and to resample it."""

    score: float  # 0 to 100
    signature: str  # sacrebleu's, so that the number can be compared
    statistics: tuple[tuple[int, ...], ...]  # a row a prediction: 4 matches, 4 totals, length, reference length


def bleu(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Bleu:
    """Corpus BLEU (Papineni et al. 2002) as sacrebleu computes it (Post 2018), several references allowed.

    By words; by characters, as the signature says, where most letters of the references are of scripts without spaces.

    >>> round(bleu(["the cat sat on the mat"], [["the cat sat on a mat"]]).score, 2)
    53.73
    """
    from sacrebleu.metrics import BLEU  # late: status and documents start without it

    if not predictions:
        return Bleu(0.0, "", ())
    letters = _letters(answer for answers in references for answer in answers)
    unspaced = sum(map(_stands_apart, letters))
    scorer = BLEU(tokenize="char") if unspaced > len(letters) / 2 else BLEU()
    width = max(len(answers) for answers in references)
    columns = [[answers[place] if place < len(answers) else None for answers in references] for place in range(width)]
    score = scorer.corpus_score(list(predictions), columns)  # type: ignore[arg-type]  # sacrebleu takes None for "no further reference"
    signature = f"BLEU|{scorer.get_signature()}"
    rows = [
        scorer.corpus_score([prediction], [[answer] for answer in answers])
        for prediction, answers in zip(predictions, references, strict=True)
    ]
    statistics = tuple((*row.counts, *row.totals, row.sys_len, row.ref_len) for row in rows)
    return Bleu(score.score, signature, statistics)


def bleu_of(statistics: Sequence[float]) -> float:
    """BLEU of summed statistics (a row of `Bleu.statistics`, or any sum of rows)."""
    from sacrebleu.metrics import BLEU

    return BLEU.compute_bleu(
        correct=[int(count) for count in statistics[:4]],
        total=[int(count) for count in statistics[4:8]],
        sys_len=int(statistics[8]),
        ref_len=int(statistics[9]),
        smooth_method="exp",  # what corpus_score uses, and what the signature says
    ).score


ROUGE_TYPES = ("rouge1", "rouge2", "rougeL")


def rouge_scorer() -> Callable[[str, Sequence[str]], dict[str, float]]:
    """A function (prediction, answers) → ROUGE-1, -2 and -L F-measure (Lin 2004), by Google's rouge-score, no stemming.

    Of several accepted answers the best counts, for each type by itself. rouge-score knows the letters a to z only:
    where most letters of the answers are not Latin, the words are those of Unicode, and the characters in scripts
    without spaces. Made once because the scorer is slow to build.

    >>> scores = rouge_scorer()("the cat sat", ["the cat sat down"])
    >>> {name: round(value, 4) for name, value in scores.items()}
    {'rouge1': 0.8571, 'rouge2': 0.8, 'rougeL': 0.8571}
    """
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import Tokenizer

    class Words(Tokenizer):
        def tokenize(self, text: str) -> list[str]:
            return _words(text)

    latin = RougeScorer(list(ROUGE_TYPES), use_stemmer=False)
    others = RougeScorer(list(ROUGE_TYPES), tokenizer=Words())

    def rouge(prediction: str, answers: Sequence[str]) -> dict[str, float]:
        scorer = latin if _are_latin(answers) else others
        scores = scorer.score_multi(list(answers), prediction)
        return {name: float(scores[name].fmeasure) for name in ROUGE_TYPES}

    return rouge


def _are_latin(texts: Sequence[str]) -> bool:
    """Whether at least half of the letters are: a μ makes no text Greek."""
    letters = _letters(texts)
    return sum("LATIN" in unicodedata.name(letter, "") for letter in letters) >= len(letters) / 2


_UNSPACED = ("CJK ", "HIRAGANA ", "KATAKANA ", "THAI ", "LAO ", "KHMER ", "MYANMAR ", "TIBETAN ")  # in Unicode's names


def _words(text: str) -> list[str]:
    """Letters and digits in a row with their marks, in lower case; in scripts without spaces each by itself.

    >>> _words("По 5-10 мг, 北京市")
    ['по', '5', '10', 'мг', '北', '京', '市']
    """
    words: list[str] = []
    goes_on = False
    for character in text.lower():
        kind = unicodedata.category(character)[0]
        apart = kind in "LN" and _stands_apart(character)
        if words and (kind == "M" or (goes_on and kind in "LN" and not apart)):
            words[-1] += character
        elif kind in "LN":
            words.append(character)
        if kind != "M":
            goes_on = kind in "LN" and not apart
    return words


def _stands_apart(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED)


def _letters(texts: Iterable[str]) -> list[str]:
    return [character for text in texts for character in text if character.isalpha()]
