from __future__ import annotations

import pytest

from tests.torture.works import Work, prepare


@pytest.fixture(scope="package")
def works(tmp_path_factory: pytest.TempPathFactory) -> list[Work]:
    """Every kind of work, on few enough documents for the default suite."""
    return prepare(tmp_path_factory.mktemp("works"), 800, seed=1)
