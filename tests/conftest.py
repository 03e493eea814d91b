"""Fixtures that tests of several floors share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import smsearch
from smsearch.encoders import Encoder

SEEDS = Path(__file__).parents[1] / "seeds"

os.environ.setdefault("SMSEARCH_MODEL", "static")  # fast, and there without an extra; tests of e5-small name it


@pytest.fixture(scope="package")
def seeds_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[smsearch.Index]:
    """The seeds, indexed once; for tests that only read."""
    with smsearch.build_index(SEEDS, tmp_path_factory.mktemp("seeds") / "index") as index:
        yield index


@pytest.fixture(scope="package")
def _indexed_copy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with a copy of the seeds and its index, and a template to restore it from: sources are absolute."""
    live = tmp_path_factory.mktemp("copy") / "live"
    shutil.copytree(SEEDS, live / "seeds")
    smsearch.build_index(live / "seeds", live / "index").close()
    return live, Path(shutil.copytree(live, live.with_name("template")))


@pytest.fixture
def seeds(_indexed_copy: tuple[Path, Path]) -> Path:
    """A copy of the seeds, to be changed; beside it an index of it in `index`."""
    live, template = _indexed_copy
    shutil.rmtree(live, ignore_errors=True)
    shutil.copytree(template, live)
    return live / "seeds"


@pytest.fixture
def index(seeds: Path) -> Iterator[smsearch.Index]:
    """An index of the copy, to be changed."""
    with smsearch.open_index(seeds.with_name("index")) as opened:
        yield opened


@pytest.fixture(scope="session")
def _model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def model_cache(_model_cache: Path) -> Iterator[Path]:
    """The cache folder of this run, in which exported models are kept; the user's own is not touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMSEARCH_CACHE", str(_model_cache))
        yield _model_cache


MakeIndex = Callable[..., smsearch.Index]


@pytest.fixture
def make_index(tmp_path: Path) -> Iterator[MakeIndex]:
    """Makes an index of documents that belong to no source, with the built-in encoder or another."""
    from smsearch.index.recorded_encoder import record_of
    from smsearch.index.writer import open_writer
    from smsearch.indexing.updating import Updater

    opened: list[smsearch.Index] = []

    def make(*documents: smsearch.Document, encoder: Encoder | None = None, name: str = "made") -> smsearch.Index:
        encoder = encoder or smsearch.load_encoder()
        with open_writer(tmp_path / name, encoder=record_of(encoder)) as writer:
            Updater(writer, encoder).add_documents(documents)
        opened.append(smsearch.open_index(tmp_path / name, encoder=encoder))
        return opened[-1]

    yield make
    for index in opened:
        index.close()
