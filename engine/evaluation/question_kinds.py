"""What kind of question one is, by its question word, in the languages that departments write."""

from __future__ import annotations

import re

YES_NO, OTHER = "yes or no", "other"

# Per ISO 639-1 code: the question words, longer ones first, and the words that open a question to answer by yes or no.
_WORDS = {
    "en": (
        "how many|how much|how long|how often|how|what|which|whom|whose|who|when|where|why",
        "is|are|was|were|do|does|did|can|could|may|might|must|shall|should|will|would|has|have|had",
    ),
    "de": (
        "wie viele|wie viel|wie lange|wie oft|wieso|wie|was|welche[mnrs]?|wessen|wer|wem|wen|wann|wohin|woher|wo"
        "|warum|weshalb",
        "ist|sind|war|waren|hat|haben|hatte|kann|können|darf|dürfen|muss|müssen|soll|sollte|sollen|wird|werden|gibt",
    ),
    "fr": (
        "combien|comment|qu'est-ce que?|quel(?:le)?s?|lequel|laquelle|qui|que|quoi|quand|où|pourquoi",
        "est-ce|est|sont|a-t-|y a-t-il|peut|peuvent|doit|doivent|faut-il|existe-t-il",
    ),
    "es": (
        "cuánt[oa]s?|cómo|qué|cuál(?:es)?|quién(?:es)?|cuándo|dónde|por qué",
        "es|son|está|están|puede|pueden|debe|deben|hay|ha|han|se puede",
    ),
    "it": (
        "quant[oiae]|come|che cosa|cosa|quale|quali|chi|quando|dove|perché",
        "è|sono|può|possono|deve|devono|c'è|ci sono|ha|hanno|si può",
    ),
    "pt": (
        "quant[oa]s?|como|o que|qual|quais|quem|quando|onde|por que",
        "é|são|está|estão|pode|podem|deve|devem|há|tem|têm",
    ),
    "nl": (
        "hoeveel|hoe lang|hoe vaak|hoe|wat|welke?|wie|wiens|wanneer|waar|waarom",
        "is|zijn|was|waren|heeft|hebben|kan|kunnen|mag|mogen|moet|moeten|wordt|worden",
    ),
}
_PATTERNS = {
    language: (
        re.compile(rf"(?<!\w)({words})(?!\w)", re.IGNORECASE),
        re.compile(rf"\W*(?:{opening})(?!\w)", re.IGNORECASE),
    )
    for language, (words, opening) in _WORDS.items()
}


def kind_of(question: str, language: str = "en") -> str:
    """Return the first question word in lower case, "yes or no", or "other".

    `language` is an ISO 639-1 code; a language without a table here is looked at as English.

    >>> kind_of("In adults, how many doses?"), kind_of("Is it safe?"), kind_of("Name the parties.")
    ('how many', 'yes or no', 'other')
    >>> kind_of("Was ist die Dosis?", "de"), kind_of("Ist sie sicher?", "de")
    ('was', 'yes or no')
    """
    word, opening = _PATTERNS.get(language, _PATTERNS["en"])
    if opening.match(question):
        return YES_NO
    found = word.search(question)
    return found.group(1).lower() if found else OTHER
