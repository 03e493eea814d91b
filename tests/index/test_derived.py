"""Derived files that are missing, damaged, not ours, or half written."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest

from smsearch.errors import IndexStateError
from smsearch.files import FileAside
from smsearch.index.clustered import ClusteredIndex
from smsearch.index.derived import (
    derived_faults,
    derived_generation,
    later_passages,
    make_derived,
    open_derived,
    recall_wanted,
    write_derived,
)
from smsearch.index.derived_record import read_derived_record
from smsearch.index.reader import IndexReader
from smsearch.index.writer import IndexWriter, open_writer
from tests.fakes import KEYWORDS
from tests.index.building import cosines, new_writer, put

FILES = ("vectors-000001.faiss", "tokens-000001.bin", "words-000001.bin", "filters-000001.bin")
FILES_OF_2 = sorted(name.replace("1", "2") for name in FILES)


def make(folder: Path, *texts: str) -> Path:
    with new_writer(folder) as writer:
        for i, text in enumerate(texts):
            put(writer, str(i), text)
        writer.refresh_derived()
    return folder


def derived_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in {".faiss", ".bin"} or path.name[0] == ".")


def answers(folder: Path) -> tuple[bool, dict[int, float], list[list[int]], list[int]]:
    """Whether the derived files had to be made again, the cosines of a query, the token lists, rows with a word."""
    reader = IndexReader(folder)
    try:
        with reader.snapshot():
            tokens = reader.sentences(np.arange(len(reader.passage_ids)))
            ends = tokens.bounds[tokens.offsets]
            lists = [tokens.ids[a:b].tolist() for a, b in pairwise(ends)]
            _, rows = reader.lexical.search([{"ape": 1.0}, {"cat": 1.0}], 9)
            return reader.rebuilt, cosines(reader, "ape bee"), lists, sorted(rows.tolist())
    finally:
        reader.close()


def refresh_in_vain(writer: IndexWriter) -> None:
    with writer.batch():
        put(writer, "new", "dog")
        writer.refresh_derived(force=True)
        raise KeyError


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_first(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def flip_last(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 128
    path.write_bytes(data)


def swap(path: Path) -> None:
    other = make(path.parent / "other", "cat", "bee", "cat", "dog bee")
    shutil.copy(other / path.name, path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [remove, empty, truncate, flip_first, flip_last, swap, replace_by_folder])
def test_damage_is_noticed_made_good_in_memory_and_written_again(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    folder = make(tmp_path, "ape bee", "ape", "cat")
    before = answers(folder)
    # (1, 1, 0) / sqrt 2 with itself, with (1, 0, 0), with (0, 0, 1)
    assert before == (False, {1: 1.0, 2: 0.707, 3: 0.0}, [[0, 1], [0], [2]], [0, 1, 2])
    damage(folder / name)
    assert answers(folder) == (True, *before[1:])
    with open_writer(folder) as writer:
        (fault,) = derived_faults(folder, writer.store)
        assert name in fault
        assert open_derived(folder, writer.store) is None
        assert writer.refresh_derived()
        assert derived_faults(folder, writer.store) == []
        assert not writer.refresh_derived()
    assert answers(folder) == before


def test_index_never_refreshed_says_so_and_answers_all_the_same(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee")
        assert derived_generation(writer.store) == 0
        (fault,) = derived_faults(tmp_path, writer.store)
        assert "never written" in fault
    assert answers(tmp_path) == (True, {1: 1.0}, [[0, 1]], [0])


def test_empty_index_is_written_and_opened(tmp_path: Path) -> None:
    make(tmp_path)
    assert answers(tmp_path) == (False, {}, [], [])


def test_only_the_current_files_stay(tmp_path: Path) -> None:
    make(tmp_path, "ape")
    (tmp_path / ".vectors-000002.faiss.0a1b2c3d").write_bytes(b"half")
    (tmp_path / "tokens-000009.bin").write_bytes(b"stray")
    (tmp_path / "notes.bin").write_bytes(b"not ours")
    with open_writer(tmp_path) as writer:
        assert writer.refresh_derived(force=True)
    assert derived_files(tmp_path) == sorted(["notes.bin", *FILES_OF_2])


def test_write_interrupted_before_it_was_recorded_leaves_the_old_state_usable(tmp_path: Path) -> None:
    make(tmp_path, "ape bee", "cat")
    before = answers(tmp_path)
    (tmp_path / "vectors-000002.faiss").write_bytes(b"half an index")
    (tmp_path / ".tokens-000002.bin.00ff00ff").write_bytes(b"")
    assert answers(tmp_path) == before
    with open_writer(tmp_path) as writer:
        assert writer.refresh_derived(force=True)
    assert answers(tmp_path) == before
    assert derived_files(tmp_path) == FILES_OF_2


@pytest.mark.parametrize("part", ["tokens", "words", "filters", "vectors"])
def test_a_disk_that_fills_up_leaves_the_old_files(tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "ape bee", "cat")
    before, written = answers(tmp_path), FileAside.write

    def write(file: FileAside, piece: bytes | memoryview) -> None:
        if f".{part}-" in file._file.name and file._file.tell():
            raise OSError(errno.ENOSPC, "No space left on device")
        written(file, piece)

    with open_writer(tmp_path) as writer, monkeypatch.context() as patched:
        patched.setattr(FileAside, "write", write)
        with pytest.raises(IndexStateError, match=r"cannot write the derived files .*No space left.* make room"):
            writer.refresh_derived(force=True)
    assert answers(tmp_path) == before
    with open_writer(tmp_path) as writer:
        assert writer.refresh_derived(force=True)
    assert answers(tmp_path) == before
    assert derived_files(tmp_path) == FILES_OF_2


def test_refresh_that_is_taken_back_leaves_the_old_files(tmp_path: Path) -> None:
    make(tmp_path, "ape bee", "cat")
    before = answers(tmp_path)
    with open_writer(tmp_path) as writer:
        with pytest.raises(KeyError):
            refresh_in_vain(writer)
        assert derived_generation(writer.store) == 1
    assert answers(tmp_path) == before


def test_files_of_before_are_there_until_the_batch_is_kept(tmp_path: Path) -> None:
    make(tmp_path, "ape")
    with open_writer(tmp_path) as writer:
        with writer.batch():
            writer.refresh_derived(force=True)
            assert set(FILES) < set(derived_files(tmp_path))
        assert derived_files(tmp_path) == FILES_OF_2


def test_writing_clears_the_changes_and_counts_the_generation(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape")
        assert [writer.store.count(table) for table in ("changes", "touched")] == [1, 1]
        with writer.batch():
            write_derived(tmp_path, writer.store)
        assert [writer.store.count(table) for table in ("changes", "touched")] == [0, 0]
        assert derived_generation(writer.store) == 1


def test_derived_files_hold_representatives_only(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        for doc_id, text in [("a", "ape"), ("b", "ape"), ("c", "cat")]:
            put(writer, doc_id, text)
        derived = make_derived(writer.store)
        assert derived.passage_ids.tolist() == [1, 3]
        assert len(derived.vectors) == len(derived.tokens) == 2
        vectors, tokens, words, langs = later_passages(writer.store, np.array([3, 1]))
        assert vectors.tolist() == [[0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
        assert tokens.take(np.arange(2)).ids.tolist() == [2, 0]
        assert words.lengths.tolist() == [1, 1]
        assert langs == ["und"]


def test_large_file_that_was_not_touched_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path, "ape bee", "ape", "cat")
    before = answers(folder)
    monkeypatch.setattr("smsearch.index.derived_record._READ_EACH_TIME", 0)
    with monkeypatch.context() as patched:
        patched.setattr("smsearch.index.derived_record.file_sha256", lambda _path: pytest.fail("read again"))
        assert answers(folder) == before
    copy = Path(shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("copy")))
    assert answers(copy) == before  # other files with the same bytes: read, and found sound
    flip_last(folder / FILES[0])
    assert answers(folder) == (True, *before[1:])


def test_many_passages_stand_in_clusters_and_are_found_as_if_all_were_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [" ".join(found) for found in product(KEYWORDS, repeat=3)]  # 216 passages
    exact = answers(make(tmp_path / "exact", *texts))
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 100)
    folder = make(tmp_path / "clusters", *texts)
    with open_writer(folder) as writer:
        tuned = writer.tune(recall=1.0)
        assert tuned is not None
        assert (tuned.n_clusters, tuned.wanted, tuned.recall) == (64, 1.0, 1.0)
        assert recall_wanted(writer.store) == 1.0
    assert answers(folder) == exact
    (folder / FILES[0]).unlink()
    assert answers(folder) == (True, *exact[1:])


@pytest.mark.parametrize("damage", [remove, truncate, flip_last])
def test_codes_that_are_damaged_are_made_again_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 100)
    folder = make(tmp_path, *(" ".join(found) for found in product(KEYWORDS, repeat=3)))
    before = answers(folder)
    damage(folder / "codes-000001.faiss")
    assert answers(folder) == (True, *before[1:])
    with open_writer(folder) as writer:
        (fault,) = derived_faults(folder, writer.store)
        assert "codes-000001.faiss" in fault
        assert writer.refresh_derived()
    assert derived_files(folder) == sorted([*FILES_OF_2, "codes-000002.faiss"])
    assert answers(folder) == before


def test_an_index_of_before_there_were_codes_is_searched_without_until_it_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 100)
    folder = make(tmp_path, *(" ".join(found) for found in product(KEYWORDS, repeat=3)))
    before = answers(folder)
    with open_writer(folder) as writer, writer.batch():
        record = read_derived_record(writer.store)
        assert record is not None
        del record.files["codes"]
        record.store(writer.store)
    (folder / "codes-000001.faiss").unlink()
    assert answers(folder) == before
    reader = IndexReader(folder)
    with reader.snapshot():
        assert isinstance(reader._current_base.vectors, ClusteredIndex)
        assert not reader._current_base.vectors.has_codes
    reader.close()
    with open_writer(folder) as writer:
        assert derived_faults(folder, writer.store) == [f"the codes of {str(folder)!r} were never written"]
        assert writer.refresh_derived()
        assert derived_faults(folder, writer.store) == []
    assert derived_files(folder) == sorted([*FILES_OF_2, "codes-000002.faiss"])
    assert answers(folder) == before


def test_a_reader_that_is_closed_holds_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path("/proc/self/fd")
    if not own.exists():
        pytest.skip("the system does not say which files are open")
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 100)
    folder = make(tmp_path, *(" ".join(found) for found in product(KEYWORDS, repeat=3)))

    def held() -> set[str]:
        return {at.name for each in own.iterdir() if each.exists() and (at := each.readlink()).parent == folder}

    reader = IndexReader(folder)
    with reader.snapshot():
        assert held() >= {"codes-000001.faiss", "vectors-000001.faiss", "tokens-000001.bin", "words-000001.bin"}
    reader.close()
    assert held() == set()


def test_tuning_looks_past_passages_that_are_gone_and_open_readers_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 100)
    make(tmp_path, *(" ".join(found) for found in product(KEYWORDS, repeat=3)))
    reader = IndexReader(tmp_path)
    with open_writer(tmp_path) as writer:
        for number in range(0, 216, 3):
            writer.remove_document(str(number))
        for recall in (1.0, 0.01):
            tuned = writer.tune(recall=recall)
            assert tuned is not None
            with reader.snapshot():
                assert reader.tuned == tuned
        assert tuned.n_probes == 1
        assert derived_faults(tmp_path, writer.store) == []
    reader.close()


def test_few_passages_need_no_tuning(tmp_path: Path) -> None:
    with open_writer(make(tmp_path, "ape")) as writer:
        assert writer.tune(recall=0.9) is None
