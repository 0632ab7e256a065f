"""Follow-up questions: "and for children?" is searched for as a question that stands on its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.retrieval.lexical import STOP_WORDS
from engine.workspace.matching import matched_text

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
# Words that point back to something said before. "that", "this" and "there" mostly don't; nor do those of German,
# French, Spanish and Italian that are other words too, such as "sie", "sein", "il", "son" and "sue".
_POINTING_WRITTEN = """
    it its itself they them their theirs he him his she her hers these those
    ihn ihm ihre ihrem ihren ihrer ihres seine seinem seinen seiner seines deren dessen davon dafür dazu daran dabei
    elle elles lui leur leurs sa ses celui celle ceux celles
    su sus suyo suya ella ellos ellas suo sua suoi loro esso essa essi
"""
_POINTING = frozenset(_POINTING_WRITTEN.split())
_POINTING_UNSPACED = re.compile("(?<!其)[它他她]|それ|その(?!他)")  # 其他, その他: "other"
_FILLING_IT = re.compile(r"\bit (?:possible|necessary|true|known|likely|safe|legal|allowed|required)\b", re.IGNORECASE)
_OPENINGS = (
    *("and ", "or ", "but ", "what about", "how about", "what else", "why not", "also ", "then ", "so "),
    *("und ", "oder ", "aber ", "auch ", "was ist mit", "wie ist es ", "wie sieht es ", "wie steht es "),
    *("et ", "ou ", "mais ", "qu'en est-il", "qu’en est-il", "y ", "pero ", "también ", "qué hay de", "e ", "ma "),
)
# Words of the four languages that say nothing to search for, but those that say something in English, such as "die".
_SMALL_WRITTEN = """
    der das dem den des ein eine einen einem einer eines ist sind wird werden wurde wie warum wieso wer wem wen wo wann
    welche welcher welches welchen und oder aber auch für von bei mit zu zum zur im auf aus nach über nicht es wir ich
    hat haben kann können muss müssen soll sollen darf dürfen
    le la les un une du de au aux et ou où est qui que quoi quel quelle quels quelles pourquoi comment quand combien
    par dans sur avec en il ils ce cet cette ces se pas ne doit peut
    el los las unos unas del al y qué cuál cuáles cuándo dónde quién quiénes cuánto cuánta cómo por para con si hay debe
    puede lo gli uno dei della di da e è qual quale quali quando perché quanto quanti cosa chi può deve
"""
_SAYING_NOTHING = STOP_WORDS | _POINTING | frozenset(_SMALL_WRITTEN.split())
_LEAST_CONTENT_WORDS = 2  # a question with fewer says too little to be searched for
_MOST_CONTENT_WORDS = 8  # one with more stands on its own, whatever its "their" means
_CHARACTERS_A_WORD = 3  # of scripts that write no spaces: two say a word, but those for "what is" are among them
_MOST_EARLIER = 3  # questions looked back over
_MOST_WORDS = 12  # taken over from what was asked before


def standalone(question: str, earlier: Sequence[str]) -> str:
    """Return `question` so that it can be searched for without the conversation: what it leaves out, put back.

    A question that points back ("its dose?"), goes on ("and for children?") or says too little is given the content
    words of the question before it, and of the one before that where that pointed back too. Any other question stays as
    it is. No model is asked: it would cost as much as the answer, and the small ones invent.
    """
    if not earlier or not points_back(question):
        return question
    said = {word.casefold() for word in _WORD.findall(question)}
    topic: list[str] = []
    for asked in reversed(earlier[-_MOST_EARLIER:]):
        words = [word for word in _content(asked) if word.casefold() not in said]
        topic = [*words, *(word for word in topic if word not in words)]
        if not points_back(asked):
            break
    return f"{' '.join(topic[:_MOST_WORDS])}: {question}" if topic else question


def points_back(question: str) -> bool:
    """Whether a question is not to be understood without what was asked before it."""
    content = _length(_content(question))
    if content < _LEAST_CONTENT_WORDS or question.lstrip(" \t\n¿¡").casefold().startswith(_OPENINGS):
        return True
    words = {word.casefold() for word in _WORD.findall(_FILLING_IT.sub("", question))}
    return content <= _MOST_CONTENT_WORDS and bool(_POINTING & words or _POINTING_UNSPACED.search(question))


def _length(words: Sequence[str]) -> int:
    """How much `words` say, in words: one of a script that writes no spaces may be a whole sentence."""
    apart = [(matched_text(word) or "").split() for word in words]
    return apart.count([]) + sum(map(len, apart)) // _CHARACTERS_A_WORD


def _content(question: str) -> list[str]:
    return [word for word in _WORD.findall(question) if word.casefold() not in _SAYING_NOTHING]
