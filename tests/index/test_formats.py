"""Indexes of another format are refused with what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import smsearch
from smsearch.errors import IndexStateError

OLD = Path(__file__).parents[1] / "data" / "index-format-1"


def test_an_index_that_is_too_old_is_refused_with_what_to_do_and_not_changed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(OLD, tmp_path / "index"))
    before = (folder / "index.sqlite").read_bytes()
    with pytest.raises(IndexStateError, match=r"has format 1, .* it is too old; make it again .*`smsearch index PATH"):
        smsearch.open_index(folder)
    assert (folder / "index.sqlite").read_bytes() == before
