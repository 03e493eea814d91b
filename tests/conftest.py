"""Fixtures that tests of several floors share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import smsearch

SEEDS = Path(__file__).parents[1] / "seeds"


@pytest.fixture(scope="session")
def seeds_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[smsearch.Index]:
    """The seeds, indexed once; for tests that only read."""
    with smsearch.build_index(SEEDS, tmp_path_factory.mktemp("seeds") / "index") as index:
        yield index


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A copy of the seeds, to be changed."""
    return Path(shutil.copytree(SEEDS, tmp_path / "seeds"))


@pytest.fixture
def index(seeds: Path, tmp_path: Path) -> Iterator[smsearch.Index]:
    """An index of the copy, to be changed."""
    with smsearch.build_index(seeds, tmp_path / "index") as built:
        yield built
