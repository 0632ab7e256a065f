"""A mail as text, whichever format it came in."""

from __future__ import annotations

from dataclasses import dataclass

from engine.documents.content import Content, ContentBuilder
from engine.documents.formats import html


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail consists of."""

    headers: tuple[tuple[str, str], ...]  # name and value, those without a value left out of the text
    bodies: tuple[str | bytes, ...]  # in order: plain text as str, HTML as bytes
    attachments: tuple[str, ...]


def to_content(mail: Mail, *, kind: str) -> Content:
    """Return the mail as a document, titled by its subject."""
    builder = ContentBuilder()
    lines = [f"{name}: {value}" for name, value in mail.headers if value]
    if mail.attachments:
        lines.append(f"Attachments: {', '.join(mail.attachments)}")
    builder.add("\n".join(lines))
    for body in mail.bodies:
        if isinstance(body, bytes):
            html.add_to(builder, body)
            continue
        for block in body.replace("\r\n", "\n").split("\n\n"):
            builder.add(block)
    return builder.build(kind=kind, title=dict(mail.headers).get("Subject", ""), attachments=mail.attachments)
