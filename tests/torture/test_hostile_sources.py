from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.torture.hostile_sources import TRIALS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.torture.outcomes import Outcome

SHORT = [(name, trial) for name, trial, is_long in TRIALS if not is_long]


@pytest.mark.parametrize("trial", [trial for _, trial in SHORT], ids=[name for name, _ in SHORT])
def test_hostile_source_harms_nothing(tmp_path: Path, trial: Callable[[Path], Outcome]) -> None:
    assert trial(tmp_path).wrong == ()
