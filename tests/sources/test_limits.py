from __future__ import annotations

import io

import pytest

from smsearch.sources import limits
from smsearch.sources.limits import lines_held, read_held, reason_against_text


def test_file_of_just_the_limit_is_held_and_one_byte_more_is_not() -> None:
    assert read_held(io.BytesIO(b"abc"), limit=3) == b"abc"
    with pytest.raises(ValueError, match="larger than 2 MB, too large to be read as a whole; cut it"):
        read_held(io.BytesIO(b"a" * 2_000_001), limit=2_000_000, instead="cut it")


def test_line_that_is_too_long_is_none_and_the_next_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELD_LIMIT", 4)
    monkeypatch.setattr(limits, "_DISCARDED", 3)
    text = io.StringIO("abc\nabcd\nx\nabcdefghijk\nend")
    assert list(lines_held(text)) == ["abc\n", None, "x\n", None, "end"]


def test_text_is_refused_beyond_its_limits_with_both_numbers() -> None:
    assert reason_against_text("a" * 16_000_000) is None
    reason = "16,000,001 characters, and a document holds at most 16,000,000; split it into several"
    assert reason_against_text("a" * 16_000_001) == reason
    assert reason_against_text("\n" * 1_000_000) is None
    reason = "1,000,001 lines, and a document holds at most 1,000,000; split it into several"
    assert reason_against_text("\n" * 1_000_001) == reason
