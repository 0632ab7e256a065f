"""E-mails (EML): who, when and what about, then the message; what is attached is read as documents of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import cast

from engine.documents.content import Content, one_line
from engine.documents.decoding import decode
from engine.documents.mail import Mail, to_content
from engine.errors import DocumentError

_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def read(data: bytes) -> Content:
    """Return the text of a message. Its title is its subject."""
    message = _parsed(data)
    if message.get_content_type() == "application/pkcs7-mime" and "signed" not in str(message.get_param("smime-type")):
        raise DocumentError(
            "{name} is encrypted (S/MIME).", hint="Open it in its mail program, save it decrypted and import that."
        )
    mail = Mail(
        headers=tuple((name, _header(message, name)) for name in _HEADERS),
        bodies=tuple(_bodies(message)),
        attachments=tuple(_name(part, number) for number, part in enumerate(_attachments(message))),
    )
    return to_content(mail, kind="eml")


def attachment(data: bytes, number: int) -> tuple[str, bytes]:
    """Return name and bytes of an attached file."""
    part = _attachments(_parsed(data))[number]
    return _name(part, number), _bytes(part)


def _parsed(data: bytes) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(data.lstrip(b"\xef\xbb\xbf\r\n"), policy=policy.default))


def _header(message: Message, name: str) -> str:
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    # Beside encoded words there are bytes as they were typed, in whatever encoding the mail is in.
    text = one_line(decode(raw.encode("utf-8", "surrogateescape"), declared=message.get_content_charset("") or ""))
    try:
        return one_line(str(policy.default.header_factory(name, text)))
    except Exception:  # noqa: BLE001 - the standard library's header parser stumbles over some that others wrote
        return text


def _bodies(message: EmailMessage) -> Iterator[str | bytes]:
    """Yield the texts in order; of alternatives the plain ones, where they say something."""
    leaves = [leaf for leaf in _leaves(message) if _is_body(leaf)]
    plainly = {id(leaf.alternative) for leaf in leaves if not _is_page(leaf.part) and _text(leaf.part).strip()}
    for leaf in leaves:
        if leaf.alternative is not None and _is_page(leaf.part) == (id(leaf.alternative) in plainly):
            continue
        text = _text(leaf.part)
        yield text.encode("utf-8") if _is_page(leaf.part) else text


def _attachments(message: EmailMessage) -> list[Message]:
    """The attached files, however deep the parts nest; pictures that belong to the text are none."""
    return [leaf.part for leaf in _leaves(message) if _is_attached(leaf)]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A part that holds something itself."""

    part: Message
    alternative: Message | None = None  # the outermost choice of alternatives that it belongs to
    leads: bool = False  # it opens the mail, or is what its related parts belong to: text, whatever its name


def _leaves(message: Message) -> Iterator[_Leaf]:
    opened = False
    waiting = [_Leaf(message, leads=True)]
    while waiting:
        leaf = waiting.pop()
        part = leaf.part
        if not part.is_multipart() or (part.get_content_type() == "message/rfc822" and part is not message):
            opens = not opened and _is_text(part) and part.get_content_disposition() != "attachment"
            opened = opened or opens
            yield replace(leaf, leads=leaf.leads or opens)
            continue
        kind = part.get_content_type()
        alternative = leaf.alternative or (part if kind == "multipart/alternative" else None)
        inner = cast(list[Message], part.get_payload())
        related = kind == "multipart/related"
        waiting += [_Leaf(one, alternative, leads=related and one is inner[0]) for one in reversed(inner)]


def _is_text(part: Message) -> bool:
    """Whether a part is words, as one is whose own parts can't be told apart."""
    return part.get_content_type() in ("text/plain", "text/html") or part.get_content_maintype() == "multipart"


def _is_body(leaf: _Leaf) -> bool:
    if not _is_text(leaf.part):
        return False
    if leaf.leads:
        return True
    named = leaf.part.get_filename() and leaf.alternative is None
    return not named and leaf.part.get_content_disposition() != "attachment"


def _is_attached(leaf: _Leaf) -> bool:
    part = leaf.part
    if _is_body(leaf) or _is_inline(part):
        return False
    if part.get_filename():
        return True
    # Without a name another form of the text, the proof of who signed it and the head of a returned mail are no files.
    in_words = leaf.alternative is not None and part.get_content_maintype() == "text"
    return not in_words and part.get_content_type() not in (*_SIGNATURES, "text/rfc822-headers")


def _is_inline(part: Message) -> bool:
    nameless = part.get_content_disposition() == "inline" and not part.get_filename()
    return part.get_content_maintype() == "image" and (nameless or part.get("Content-ID") is not None)


def _is_page(part: Message) -> bool:
    return part.get_content_type() == "text/html"


def _text(part: Message) -> str:
    return decode(_bytes(part), declared=part.get_content_charset("") or "")


def _name(part: Message, number: int) -> str:
    if part.get_content_type() == "message/rfc822":
        inner = cast(list[Message], part.get_payload())
        subject = _header(inner[0], "Subject") if inner else ""
        return f"{subject.replace('/', '-') or f'message {number + 1}'}.eml"
    return one_line(part.get_filename() or "").replace("/", "-") or f"attachment {number + 1}"


def _bytes(part: Message) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = cast(list[Message], part.get_payload())
        return inner[0].as_bytes() if inner else b""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
