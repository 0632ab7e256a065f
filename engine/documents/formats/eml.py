"""E-mails (EML): who, when and what about, then the message; what is attached is read as documents of its own."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import cast

from engine.documents.content import Content, one_line
from engine.documents.decoding import decode
from engine.documents.mail import Mail, to_content
from engine.errors import DocumentError

_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def read(data: bytes) -> Content:
    """Return the text of a message. Its title is its subject."""
    message = _parsed(data)
    if message.get_content_type() == "application/pkcs7-mime" and "signed" not in str(message.get_param("smime-type")):
        raise DocumentError(
            "{name} is encrypted (S/MIME).", hint="Open it in its mail program, save it decrypted and import that."
        )
    plain = _body(message, "plain")
    page = "" if plain.strip() else _body(message, "html")
    mail = Mail(
        headers=tuple((name, _header(message, name)) for name in _HEADERS),
        plain=plain,
        html=page.encode("utf-8"),
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


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None or part.get_content_maintype() != "text":
        return ""
    payload = part.get_payload(decode=True)
    return decode(payload if isinstance(payload, bytes) else b"", declared=part.get_content_charset("") or "")


def _attachments(message: EmailMessage) -> list[Message]:
    """The attached files, however deep the parts nest; pictures that belong to the text are none."""
    bodies = [message.get_body(preferencelist=(kind,)) for kind in ("plain", "html")]
    found: list[Message] = []
    waiting: list[Message] = [message]
    while waiting:
        part = waiting.pop()
        if part.get_content_type() == "message/rfc822" and part is not message:
            found.append(part)
        elif part.is_multipart():
            waiting.extend(reversed(cast(list[Message], part.get_payload())))
        elif part.get_filename() and not any(part is body for body in bodies) and not _is_inline(part):
            found.append(part)
    return found


def _is_inline(part: Message) -> bool:
    return part.get_content_maintype() == "image" and part.get("Content-ID") is not None


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
