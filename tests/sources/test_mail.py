from __future__ import annotations

import pytest

from smsearch.sources import mail
from smsearch.sources.mail import read_eml, read_mbox
from tests.sources.reading_help import documents, ids, only_document, read_bytes, unread

FIRST = """From anna@example.org Tue Mar  9 10:00:00 2010
From: =?utf-8?q?=C3=85sa?= Ek <asa@example.org>
To: lista@example.org
Subject: =?iso-8859-1?q?Sm=F6rg=E5s?=
Date: Tue, 09 Mar 2010 10:00:00 +0100
Message-ID: <m1@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

> Vad äter du?
Smörgås.

From here on it is body.
>From the archive.
"""
SECOND = """
From bo@example.org Tue Mar  9 11:00:00 2010
From: bo@example.org
Subject: Two

Second
"""
HTML = """Subject: Page
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<p>One</p><p>Two</p>
"""
BOTH = """Subject: Both
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/html

<p>no</p>
--b
Content-Type: text/plain

plain
--b--
"""


def test_mailbox_gives_each_message() -> None:
    found = read_bytes(read_mbox, (FIRST + SECOND).encode("latin-1"), doc_id="list.mbox")
    assert ids(found) == ["m1@example.org", "list.mbox#2"]
    assert documents(found)[1].text == "Second"


def test_message_has_its_headers_and_body() -> None:
    document = documents(read_bytes(read_mbox, FIRST.encode("latin-1")))[0]
    assert document.title == "Smörgås"
    assert document.author == "Åsa Ek <asa@example.org>"
    assert document.date == "2010-03-09T10:00:00+01:00"
    assert document.metadata == {"to": "lista@example.org"}
    assert document.text == "> Vad äter du?\nSmörgås.\n\nFrom here on it is body.\nFrom the archive."


def test_mailbox_with_windows_line_ends_is_read() -> None:
    found = read_bytes(read_mbox, (FIRST + SECOND).replace("\n", "\r\n").encode("latin-1"))
    assert [one.title for one in documents(found)] == ["Smörgås", "Two"]


def test_file_without_envelope_line_is_no_mailbox() -> None:
    with pytest.raises(ValueError, match="no mailbox"):
        read_bytes(read_mbox, b"Subject: x\n\nbody")


def test_html_message_becomes_text() -> None:
    document = only_document(read_bytes(read_eml, HTML.encode(), doc_id="a.eml"))
    assert (document.doc_id, document.text) == ("a.eml", "One\n\nTwo")


def test_plain_text_is_taken_before_html() -> None:
    assert only_document(read_bytes(read_eml, BOTH.encode())).text == "plain"


def test_unknown_charset_does_not_lose_the_message() -> None:
    data = b"Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=x-none\n\nR\xf8dgr\xf8d"
    assert only_document(read_bytes(read_eml, data)).text == "Rødgrød"


def test_damaged_headers_do_not_stop_the_mailbox() -> None:
    bad = b'From x Tue Mar  9 09:00:00 2010\nFrom: <\nTo: "a\xff\nDate: never\nMessage-ID: <\n\nbody\n\n'
    found = read_bytes(read_mbox, bad + FIRST.encode("latin-1"))
    assert ids(found)[-1] == "m1@example.org"
    assert len(found) == 2
    assert len(documents(found)) + len(unread(found)) == 2


def test_date_header_beyond_every_number_is_a_reason_and_stops_nothing() -> None:
    bad = b"From x Tue Mar  9 09:00:00 2010\nDate: Tue, 09 Mar 2010 10:" + b"9" * 30 + b"\n\nbody\n\n"
    found = read_bytes(read_mbox, bad + FIRST.encode("latin-1"))
    assert ids(found) == ["m1@example.org"]
    assert [one.reason.partition(":")[0] for one in unread(found)] == ["message 1 cannot be read"]


@pytest.mark.parametrize("header", ["Subject: " + "=?utf-8?q?a?= " * 20_000, "To: " + "a@b.example, " * 50_000])
def test_endless_header_is_cut_and_the_body_is_there(header: str) -> None:
    (document,) = documents(read_bytes(read_eml, f"{header}\n\nbody\n".encode()))
    assert document.text == "body"
    assert len(document.title) <= 1_000
    assert len(str(document.metadata.get("to", ""))) <= 4_000


def test_message_of_very_many_parts_is_refused() -> None:
    data = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1_001
    assert [one.reason for one in unread(read_bytes(read_eml, data))] == [
        "message 1 cannot be read: it has more than 1,000 parts"
    ]


def test_message_too_large_is_named_and_the_next_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "HELD_LIMIT", 1_000_000)
    large = b"From x Tue Mar  9 09:00:00 2010\n\n" + b"a line of it\n" * 100_000 + b"\n"
    found = read_bytes(read_mbox, large + FIRST.encode("latin-1"))
    assert ids(found) == ["m1@example.org"]
    assert [one.reason for one in unread(found)] == ["message 1 is larger than 1 MB"]
