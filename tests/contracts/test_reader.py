"""Every reader keeps the promises of the `Reader` protocol."""

from __future__ import annotations

import io
import logging
import random
import warnings

import pytest

from smsearch.records import Document, Fields, Unread
from smsearch.sources.formats import READERS
from tests.sources.test_pdf import make_pdf

EXAMPLES: dict[str, bytes] = {
    "csv": "text,n\nEtt på ö,1\nTvå,2\n".encode(),
    "eml": b"Subject: A\n\nEtt",
    "feed": b"<rss><channel><item><description>Ett</description></item></channel></rss>",
    "html": b"<p>Ett</p>",
    "json": b'[{"text": "Ett"}]',
    "jsonl": b'{"text": "Ett"}\n',
    "markdown": b"# Ett\r\n\r\nText",
    "mbox": b"From a Tue Mar  9 10:00:00 2010\nSubject: A\n\nEtt\n",
    "pdf": make_pdf("Ett"),
    "text": b"Ett\r\n\r\nText",
    "tsv": b"text\tn\nEtt\t1\n",
}
NAMES = sorted(READERS)


def read(name: str, data: bytes) -> list[Document | Unread]:
    return list(READERS[name](io.BytesIO(data), doc_id="x/file", fields=Fields()))


def test_every_reader_has_an_example() -> None:
    assert sorted(EXAMPLES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_document_is_named_after_its_file_where_the_file_has_no_name(name: str) -> None:
    for one in read(name, EXAMPLES[name]):
        assert isinstance(one, Document)
        assert one.doc_id == "x/file" or one.doc_id.startswith("x/file#")


@pytest.mark.parametrize("name", NAMES)
def test_text_is_clean_and_holds_the_word(name: str) -> None:
    first = read(name, EXAMPLES[name])[0]
    assert isinstance(first, Document)
    assert "Ett" in first.text
    assert "\r" not in first.text
    assert first.source == ""


@pytest.mark.parametrize("name", NAMES)
def test_same_bytes_give_the_same_documents(name: str) -> None:
    assert read(name, EXAMPLES[name]) == read(name, EXAMPLES[name])


@pytest.mark.parametrize("name", NAMES)
def test_file_is_left_open(name: str) -> None:
    file = io.BytesIO(EXAMPLES[name])
    list(READERS[name](file, doc_id="x", fields=Fields()))
    assert not file.closed


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_give_documents_or_a_reason_and_no_other_error(name: str) -> None:
    chance = random.Random(7)  # noqa: S311  reproducible damage
    for _ in range(60):
        data = bytearray(EXAMPLES[name])
        for _ in range(3):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = read(name, bytes(data[: chance.randrange(1, len(data) + 1)]))
        except ValueError as error:
            assert str(error)  # noqa: PT017  either outcome is right, silence is not
        else:
            assert all(isinstance(one, Document | Unread) for one in found)


@pytest.mark.parametrize("name", NAMES)
def test_further_files_leave_no_handlers_and_filters_behind(name: str) -> None:
    read(name, EXAMPLES[name])
    before = left_in_the_process()
    for _ in range(3):
        read(name, EXAMPLES[name])
    assert left_in_the_process() == before


def left_in_the_process() -> tuple[int, int]:
    """Handlers of all loggers, and filters of warnings: many of either make every message slow."""
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    return sum(len(logger.handlers) for logger in loggers), len(warnings.filters)
