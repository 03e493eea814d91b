"""The short form of `tests/torture/kills.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.torture.kills import STEPS, interrupt_all, kill_all, kill_at_steps
from tests.torture.works import Work

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


def test_thirty_killed_writers_lose_nothing(works: list[Work], tmp_path: Path) -> None:
    outcomes = kill_all(works, tmp_path, 30, seed=5, jobs=2)
    assert sum(outcome.tried for outcome in outcomes) == 30
    assert [fault for outcome in outcomes for fault in outcome.wrong] == []


def test_twelve_interrupted_commands_say_so_and_lose_nothing(works: list[Work], tmp_path: Path) -> None:
    outcomes = interrupt_all(works, tmp_path, 12, seed=5, jobs=2)
    assert sum(outcome.tried for outcome in outcomes) == 12
    assert [fault for outcome in outcomes for fault in outcome.wrong] == []


def test_every_named_step_is_one_that_some_writer_dies_at(works: list[Work], tmp_path: Path) -> None:
    outcome, died_at = kill_at_steps(works, tmp_path)
    assert outcome.wrong == ()
    assert died_at == set(STEPS)
