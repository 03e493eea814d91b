"""Mail: mailboxes (mbox) and single messages (eml)."""

from __future__ import annotations

import re
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, BinaryIO, cast

from smsearch.records import Document, Fields, Unread
from smsearch.sources.decoding import clean_text, decode_bytes
from smsearch.sources.drafting import new_document
from smsearch.sources.limits import HELD_LIMIT, read_held
from smsearch.sources.markup import html_to_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from email.policy import EmailPolicy, Policy

# "From someone Tue Mar  9 10:00:00 2010"; the time keeps "From here on" in a body from matching
_ENVELOPE = re.compile(rb"From \S.*\d{1,2}:\d{2}")
_QUOTED_ENVELOPE = re.compile(rb"^>(>*From )", re.MULTILINE)
_LONGEST_LINE = 1 << 20
_LONGEST_HEADER = 4_000
_MOST_PARTS = 1_000
# what the header parser of the standard library is known to raise on damaged headers
_DAMAGE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)


def read_mbox(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    """Each message of a mailbox as a document; one message is held in memory at a time.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file does not begin with a `From ` line.
    """
    del fields
    for number, data in enumerate(_messages(file), start=1):
        if data is None:
            yield Unread(doc_id, f"message {number} is larger than {HELD_LIMIT // 1_000_000} MB")
        else:
            yield _message_or_reason(data, doc_id=doc_id, fallback_id=f"{doc_id}#{number}", number=number)


def read_eml(file: BinaryIO, *, doc_id: str, fields: Fields) -> Iterator[Document | Unread]:
    """The file as one message; its name is the message's own, else `doc_id`.

    Raises:
        OSError: If the file cannot be read.
    """
    del fields
    yield _message_or_reason(read_held(file), doc_id=doc_id, fallback_id=doc_id, number=1)


def _messages(file: BinaryIO) -> Iterator[bytes | None]:
    """The bytes of each message, envelope lines taken off and quoted ones restored; None for one that is too large."""
    lines = bytearray()
    begun, blank = False, True
    while line := file.readline(_LONGEST_LINE):
        if blank and _ENVELOPE.match(line):
            if begun:
                yield _unquoted(lines)
            lines, begun = bytearray(), True
        elif begun and len(lines) <= HELD_LIMIT:
            lines += line
        elif not begun and line.strip():
            raise ValueError("no mailbox: its first line is no 'From ' line")
        blank = not line.strip()
    if begun:
        yield _unquoted(lines)


def _unquoted(lines: bytearray) -> bytes | None:
    return _QUOTED_ENVELOPE.sub(rb"\1", lines) if len(lines) <= HELD_LIMIT else None


def _message_or_reason(data: bytes, *, doc_id: str, fallback_id: str, number: int) -> Document | Unread:
    try:
        return message_to_document(data, fallback_id=fallback_id)
    except _DAMAGE as error:
        return Unread(doc_id, f"message {number} cannot be read: {error}")


def message_to_document(data: bytes, *, fallback_id: str) -> Document:
    """One message as a document; its plain text, else the text of its HTML.

    Lines quoted from other messages stay in the text.

    Args:
        data: The message, headers first.
        fallback_id: Name of the document where the message has no `Message-ID`.
    """
    from email import message_from_bytes

    message = message_from_bytes(data, policy=_policy())
    return new_document(
        _header(message, "message-id").strip("<> ") or fallback_id,
        _body(message),
        title=_header(message, "subject"),
        author=_header(message, "from"),
        date=_header(message, "date"),
        lang=_header(message, "content-language"),
        metadata={"to": _header(message, "to"), "in_reply_to": _header(message, "in-reply-to").strip("<> ")},
    )


@cache
def _short_headers() -> EmailPolicy[EmailMessage]:
    """The usual way to parse messages, but with long headers cut: they take quadratic time and memory."""
    from email.policy import EmailPolicy

    class ShortHeaders(EmailPolicy):
        def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
            name, value = super().header_source_parse(sourcelines)
            return name, value[:_LONGEST_HEADER]

    return cast("EmailPolicy[EmailMessage]", ShortHeaders())


def _policy() -> EmailPolicy[EmailMessage]:
    """How one message is parsed; the parser's time grows with its parts, of which a few bytes make one."""
    from email.message import EmailMessage

    parts = count(1)

    def next_part(policy: Policy[EmailMessage] | None = None) -> EmailMessage:
        if next(parts) > _MOST_PARTS:
            raise ValueError(f"it has more than {_MOST_PARTS:,} parts")
        return EmailMessage(policy)

    return _short_headers().clone(message_factory=next_part)


def _header(message: EmailMessage, name: str) -> str:
    return " ".join(clean_text(str(message[name] or "")).split())


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    text = decode_bytes(payload, declared=part.get_content_charset()) if isinstance(payload, bytes) else ""
    text = html_to_text(text) if part.get_content_subtype() == "html" else text
    return text.strip("\n")
