"""The short form of `tests/torture/limits.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.limits import fill_all, read_only_folder
from tests.torture.works import Work

SEEDS = Path(__file__).parents[2] / "seeds"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and rights of POSIX")


def test_writers_that_run_into_a_limit_lose_nothing(works: list[Work], tmp_path: Path) -> None:
    outcomes = fill_all(works, tmp_path, 2 * len(works), seed=4)
    assert [fault for outcome in outcomes for fault in outcome.wrong] == []


def test_a_folder_that_may_not_be_written_can_be_asked_and_writers_refuse(tmp_path: Path) -> None:
    assert read_only_folder(SEEDS, tmp_path).wrong == ()
