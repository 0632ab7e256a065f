"""What the local server is asked, checked: our own two questions, and a conversation in OpenAI's form."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from engine.errors import QuestionError
from engine.records import Asking
from engine.serving.job import AnswerQuestion, Search
from engine.workspace.scope import Scope

Request = TypeVar("Request")

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What both questions have: the run, and where to look."""

    question: str
    run: str = "active"
    documents: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    @property
    def scope(self) -> Scope:
        return Scope(self.documents, self.folders, self.tags, self.since, self.until)


class SearchRequest(_Where, frozen=True, kw_only=True):
    """The body of POST /search."""

    top_k: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"

    def job(self) -> Search:
        """What it asks for."""
        return Search(self.question, self.top_k, self.run, self.mode, self.scope)


class AskRequest(_Where, frozen=True, kw_only=True):
    """The body of POST /ask."""

    top_k: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    risk: _Share | None = None
    extractive: bool = False
    earlier: tuple[str, ...] = ()

    def job(self) -> AnswerQuestion:
        """What it asks for."""
        asking = Asking(self.top_k, self.risk, self.extractive, self.earlier)
        return AnswerQuestion(self.question, self.run, asking, self.scope)


class _Part(msgspec.Struct, frozen=True):
    type: str
    text: str = ""


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | tuple[_Part, ...] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, tuple):
            return "".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /v1/chat/completions: what other programs send to a language model. The rest is passed over."""

    messages: tuple[_Message, ...]
    model: str | None = None
    stream: bool | None = None

    @property
    def run(self) -> str:
        return self.model or "active"

    def job(self) -> AnswerQuestion:
        """The last thing the person said is the question; what they said before it, the conversation."""
        said = tuple(message.text for message in self.messages if message.role == "user")
        if not said:
            raise QuestionError("No message is from the user.", hint='Send {"role": "user", "content": "…"} last.')
        return AnswerQuestion(said[-1], self.run, Asking(earlier=said[:-1]))


def decoded(body: bytes, kind: type[Request]) -> Request:
    """Return a request. Raises QuestionError with what is wrong about it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise QuestionError(
            f"The request can't be understood: {error}.", hint="docs/cli.md shows what to send."
        ) from error
