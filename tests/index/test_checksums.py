"""What the checksums of rows are made of, and that nothing can come between."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from zlib import crc32

import pytest

from smsearch.index.checksums import FUNCTION, checksum_of, crc_sql
from tests.index.building import new_writer, put


@pytest.fixture
def calculate() -> Callable[..., int]:
    connection = sqlite3.connect(":memory:")
    connection.create_function(FUNCTION, 1, crc32)

    def crc_of(*values: object) -> int:
        sql = crc_sql(f"?{i + 1}" for i in range(len(values)))
        return int(connection.execute(f"SELECT {sql}", values).fetchone()[0])

    return crc_of


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (("a",), b"\0a"),
        ((b"\xff\0\xfe", "é", 7), b"\0\xff\0\xfe\0\xc3\xa9\x007"),
        ((None, "", b""), b"\0\0none\0\0"),
        (("\0", "a\0b"), b"\0\0\0a\0b"),
        (("x",) * 17, b"\0x" * 17),
    ],
)
def test_a_zero_byte_stands_before_each_value(
    calculate: Callable[..., int], values: tuple[object, ...], text: bytes
) -> None:
    assert calculate(*values) == crc32(text)


def test_nothing_of_python_runs_within_a_statement(tmp_path: Path) -> None:
    """There a Ctrl-C would be lost, and what SQLite says of it taken for damage."""
    called: list[str] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_name)

    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee", "cat")
        connection = writer.store.connection
        sql = f"UPDATE meta SET checksum = {checksum_of('meta', ('key', 'value'))}"
        sys.setprofile(note)
        try:
            connection.execute(sql)
        finally:
            sys.setprofile(None)
    assert called == []
