"""The short form of `tests/torture/many.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.many import read_while_written, write_while_written

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


def test_readers_beside_a_writer_see_committed_states_only(tmp_path: Path) -> None:
    outcome = read_while_written(tmp_path, readers=3, seconds=5, seed=6)
    assert outcome.wrong == ()
    assert outcome.tried > 10


def test_a_second_writer_is_told_and_the_lock_of_a_dead_one_taken_over(tmp_path: Path) -> None:
    assert write_while_written(tmp_path).wrong == ()
