"""One record of a question file as it stands there, before it is linked to documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from engine.documents.content import clean
from engine.errors import QuestionError
from engine.records import Split

# What a field may be called, by what it is.
NAMES: dict[str, tuple[str, ...]] = {
    "question": ("question", "query", "prompt"),
    # Where a file of answers that were tested has the right ones too, these come first.
    "answer": (
        "ground_truth",
        "ground_truths",
        "reference_answer",
        "answers",
        "answer",
        "response",
        "output",
        "completion",
        "long_answer",
    ),
    "context": ("context", "passage", "evidence", "contexts", "passages"),
    "document": ("context_ids", "context_id", "document", "document_id"),
    "unanswerable": ("unanswerable", "is_impossible"),
}
_SPLITS: dict[str, Split] = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test",
}  # fmt: skip
_CHAT = ("messages", "conversations")  # OpenAI's and ShareGPT's forms of a conversation
_ASKS, _ANSWERS = {"user", "human"}, {"assistant", "gpt"}
_TEXTS = ("text", "contexts", "sentences", "paragraphs")  # what holds the text of a context that is an object
_TRUE = {"true", "1", "yes", "y"}
QUESTION_CHARACTERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """A question with what its file says about where the answer is."""

    question: str
    answers: tuple[str, ...] = ()
    answer_start: int | None = None  # of the first answer, in `context`; None when the file doesn't say
    context: str = ""
    documents: tuple[str, ...] = ()  # ids, paths or names of documents with the evidence, best first
    title: str = ""  # of the context
    id: str = ""
    group: str = ""
    context_group: str = ""  # of the document that `context` becomes when no imported document holds it
    split: Split | None = None
    unanswerable: bool = False
    line: int = 0  # where the record is in its file, 1-based; 0 when it has no line
    place: str = ""  # the same as a person calls it: "line 7", "sheet Doses, row 7"


def split_named(name: str) -> Split | None:
    """Return the split that a file or a person calls `name`, None when it is none of them."""
    return _SPLITS.get(name.strip().lower())


def has_question(record: Mapping[str, object]) -> bool:
    """Whether a record has one of the names a question may go by."""
    names = {plain_name(name) for name in record}
    return any(name in names for name in NAMES["question"])


def is_chat(record: Mapping[str, object]) -> bool:
    """Whether a record is a conversation, as files to fine-tune chat models with have them."""
    turns = next((record[name] for name in _CHAT if isinstance(record.get(name), list)), None)
    return isinstance(turns, list) and bool(turns) and all(isinstance(turn, Mapping) for turn in turns)


def from_chat(record: Mapping[str, object], *, line: int = 0, place: str = "") -> RawQuestion:
    """Return the first question of a conversation with its answer; what is asked later can't be understood alone.

    Raises QuestionError when nobody asks or nobody answers.
    """
    turns = cast("Sequence[Mapping[str, object]]", next(record[name] for name in _CHAT if name in record))
    said = [(_text(_first(turn, ("role", "from"))).lower(), _first(turn, ("content", "value"))) for turn in turns]
    asked = next((row for row, (who, _) in enumerate(said) if who in _ASKS), None)
    if asked is None:
        raise QuestionError("it has no question", hint="A conversation needs a message of the role `user`.")
    answer = next((text for who, text in said[asked + 1 :] if who in _ANSWERS), None)
    beside = {name: value for name, value in record.items() if name not in _CHAT}
    return from_record(
        {**beside, "question": "\n".join(_answers(said[asked][1])[0]), "answer": answer}, line=line, place=place
    )


def from_record(record: Mapping[str, object], *, line: int = 0, place: str = "") -> RawQuestion:
    """Return the question in `record`. Raises QuestionError with the reason when there is none to use."""
    fields = {plain_name(name): value for name, value in record.items() if value is not None}
    question = _text(_first(fields, NAMES["question"])).strip()
    if not question:
        raise _no_question(record)
    if len(question) > QUESTION_CHARACTERS_MAX:
        raise QuestionError(f"its question has {len(question):,} characters", hint="Put the document into `context`.")
    known = _first(fields, NAMES["answer"])
    answers, answer_start = _answers(known)
    if answer_start is None and (start := _text(fields.get("answer_start", ""))).isdecimal():  # a table's is text
        answer_start = int(start)
    context = _joined(_first(fields, NAMES["context"]))
    told = _first(fields, NAMES["unanswerable"])
    unanswerable = _is_empty_list(known) if told is None else _text(told).strip().lower() in _TRUE
    documents = _documents(fields)
    if not (answers or context.strip() or documents or unanswerable):
        raise QuestionError(
            "it has neither an answer nor a context", hint="A record needs `answer` or `context` beside its question."
        )
    named_split = _text(fields.get("split", ""))
    split = split_named(named_split)
    if named_split.strip() and split is None:
        raise QuestionError(f"its split is {named_split!r}", hint="A split is train, validation or test.")
    return RawQuestion(
        question=question,
        answers=() if unanswerable else answers,
        answer_start=answer_start,
        context=context,
        documents=documents,
        title=_text(fields.get("title", "")).strip(),
        id=_text(fields.get("id", "")).strip(),
        group=_text(fields.get("group", "")).strip(),
        split=split,
        unanswerable=unanswerable,
        line=line,
        place=place,
    )


def from_squad(article: Mapping[str, object], *, number: int, stem: str) -> tuple[list[RawQuestion], list[str]]:
    """Return the questions of one article of SQuAD's nested form, and what is wrong with the others.

    Its paragraphs are of one source, so its questions stay on one side of the split: they are grouped by title.
    """
    title = _text(article.get("title", "")).strip()
    paragraphs = cast("Sequence[object]", article.get("paragraphs") or ())
    group = title or (f"{stem}#{number}" if len(paragraphs) > 1 else "")
    questions: list[RawQuestion] = []
    problems: list[str] = []
    for row, paragraph in enumerate(paragraphs, start=1):
        if not isinstance(paragraph, Mapping):
            problems.append("a paragraph is not an object")
            continue
        shared = {"context": paragraph.get("context", ""), "title": title}
        for place, entry in enumerate(paragraph.get("qas") or (), start=1):
            if not isinstance(entry, Mapping):
                problems.append("a question is not an object")
                continue
            try:
                raw = from_record({**shared, **entry}, line=number, place=f"article {number}")
            except QuestionError as error:
                called = f"question {place} of paragraph {row}" + (f" ({entry['id']})" if entry.get("id") else "")
                problems.append(f"{called}: {error.message}. {error.hint}")
                continue
            questions.append(replace(raw, group=raw.group or group, context_group=group))
    return questions, problems


def plain_name(name: object) -> str:
    """Return a field's name without case, spaces and hyphens."""
    return str(name).strip().lstrip("\ufeff").lower().replace(" ", "_").replace("-", "_")


def _first(fields: Mapping[str, object], names: Sequence[str]) -> object:
    return next((fields[name] for name in names if fields.get(name) not in (None, "", [])), None)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(str(value))


def _no_question(record: Mapping[str, object]) -> QuestionError:
    empty = next((name for name in record if plain_name(name) in NAMES["question"]), None)
    if empty is not None:
        reason = f"it has no question: its field {str(empty)!r} is empty"
        return QuestionError(reason, hint="Write the question into it, or leave the record out.")
    return QuestionError(
        f"it has no question (fields found: {_listed(record)})", hint="A record needs `question`, `query` or `prompt`."
    )


def _listed(fields: Mapping[str, object]) -> str:
    return ", ".join(str(name) for name in list(fields)[:12]) or "none"


def _joined(value: object) -> str:
    """A context given in several pieces is one text. Raises QuestionError where it holds something else."""
    if isinstance(value, Mapping):
        if not any(name in value for name in _TEXTS):
            raise QuestionError(
                f"its context is not text (fields found: {_listed(value)})",
                hint="Call what holds the text `text`, or say which field it is: --map context=context.FIELD.",
            )
        value = _first(value, _TEXTS)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n\n".join(_joined(part) for part in value)
    return _text(value)


def _answers(value: object) -> tuple[tuple[str, ...], int | None]:
    """Accepted answers without repeats, and where the first stands in the context.

    Text, a list of texts, SQuAD's list of {text, answer_start}, or its flat copies' {text: […], answer_start: […]}.
    """
    starts: object = None
    if isinstance(value, Mapping):
        starts, value = value.get("answer_start"), value.get("text")
    if value is None:
        return (), None
    if not isinstance(value, Sequence) or isinstance(value, str):
        value = [value]
    texts: list[str] = []
    start: int | None = None
    for part in value:
        if isinstance(part, Mapping):
            if not texts and isinstance(part.get("answer_start"), int):
                start = part["answer_start"]
            part = part.get("text")
        text = _text(part).strip()
        if text and text not in texts:
            texts.append(text)
    if isinstance(starts, Sequence) and not isinstance(starts, str) and starts and isinstance(starts[0], int):
        start = starts[0]
    return tuple(texts), start if texts else None


def _is_empty_list(known: object) -> bool:
    """Whether it is the answers of a question that has none, in SQuAD 2's flat copies: {text: [], answer_start: []}."""
    return isinstance(known, Mapping) and known.get("text") == []


def _documents(fields: Mapping[str, object]) -> tuple[str, ...]:
    """Named documents, best first: `context_id` is the best of `context_ids`."""
    named: list[str] = []
    best = _text(fields.get("context_id", "")).strip()
    for name in NAMES["document"]:
        value = fields.get(name)
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        named += [_text(part).strip() for part in values]
    return tuple(dict.fromkeys(name for name in [best, *named] if name))
