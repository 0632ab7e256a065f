"""E-mails (EML): who, when and what about, then the message; what is attached is read as documents of its own."""

from __future__ import annotations

from collections.abc import Iterator
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
    try:
        return one_line(str(message.get(name, "")))
    except Exception:  # noqa: BLE001 - the standard library's header parser stumbles over some that others wrote
        return one_line(next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), ""))


def _bodies(message: EmailMessage) -> Iterator[str | bytes]:
    """Yield the texts in order; of alternatives the plain ones, where they say something."""
    leaves = [(part, alternative) for part, alternative in _leaves(message) if _is_body(part, alternative, message)]
    plainly = {id(alternative) for part, alternative in leaves if not _is_page(part) and _text(part).strip()}
    for part, alternative in leaves:
        if alternative is not None and _is_page(part) == (id(alternative) in plainly):
            continue
        yield _text(part).encode("utf-8") if _is_page(part) else _text(part)


def _attachments(message: EmailMessage) -> list[Message]:
    """The attached files, however deep the parts nest; pictures that belong to the text are none."""
    return [part for part, alternative in _leaves(message) if _is_attached(part, alternative, message)]


def _leaves(message: Message) -> Iterator[tuple[Message, Message | None]]:
    """Yield the parts that hold something, each with the outermost choice of alternatives that it belongs to."""
    waiting: list[tuple[Message, Message | None]] = [(message, None)]
    while waiting:
        part, alternative = waiting.pop()
        if not part.is_multipart() or (part.get_content_type() == "message/rfc822" and part is not message):
            yield part, alternative
            continue
        if part.get_content_type() == "multipart/alternative":
            alternative = alternative or part
        waiting += [(inner, alternative) for inner in reversed(cast(list[Message], part.get_payload()))]


def _is_body(part: Message, alternative: Message | None, message: Message) -> bool:
    if part.get_content_type() not in ("text/plain", "text/html"):
        return False
    if part is message:
        return True
    named = part.get_filename() and alternative is None
    return not named and part.get_content_disposition() != "attachment"


def _is_attached(part: Message, alternative: Message | None, message: Message) -> bool:
    if _is_body(part, alternative, message) or _is_inline(part):
        return False
    if part.get_filename():
        return True
    # Without a name another form of the text, and the proof of who signed it, are no files.
    in_words = alternative is not None and part.get_content_maintype() == "text"
    return not in_words and part.get_content_type() not in _SIGNATURES


def _is_inline(part: Message) -> bool:
    return part.get_content_maintype() == "image" and part.get("Content-ID") is not None


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
