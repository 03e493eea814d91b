"""Indexes of every format there was: opened, brought to ours, or refused with what to do."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import smsearch
from smsearch.errors import IndexDamagedError, IndexStateError
from smsearch.index.formats import FORMAT
from smsearch.index.seal import set_seal

DATA = Path(__file__).parents[1] / "data"
TEXTS = {
    "fyr.txt": "Fyrmesteren skriver hver aften et brev til bageren i byen.\n\n"
    "Stormen tog taget af huset ved havnen, og ingen kom til skade.\n",
    "lamp.txt": "The lighthouse keeper cleans the great lamp before the sun goes down.\n",
}


def copy_of(number: int, folder: Path) -> Path:
    return Path(shutil.copytree(DATA / f"index-format-{number}", folder / "index"))


def test_an_index_of_every_format_up_to_ours_is_kept() -> None:
    assert sorted(DATA.glob("index-format-*")) == [DATA / f"index-format-{n}" for n in range(1, FORMAT + 1)]


@pytest.mark.parametrize("number", range(2, FORMAT + 1))
def test_an_index_of_an_earlier_format_is_brought_to_ours_and_answers(tmp_path: Path, number: int) -> None:
    folder = copy_of(number, tmp_path)
    set_seal(folder, folder / "index.sqlite")
    smsearch.open_index(folder).close()
    with smsearch.open_index(folder) as index:
        assert {doc_id: index.document(doc_id).text for doc_id in index.doc_ids()} == TEXTS
        assert [hit.doc_id for hit in index.search("lighthouse lamp", mode="lexical")] == ["lamp.txt"]
        index.repair()  # another stemmer may fold words otherwise
        assert index.verify() == []
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)


def test_a_row_that_was_damaged_before_is_not_made_good_by_the_upgrade(tmp_path: Path) -> None:
    folder = copy_of(3, tmp_path)
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE documents SET text = REPLACE(text, 'lamp', 'lump')")
    for _ in range(2):
        with pytest.raises(IndexDamagedError, match=r"a row of documents is damaged|'lamp\.txt' is damaged"):
            smsearch.open_index(folder).document("lamp.txt")


def test_an_index_that_is_too_old_is_refused_with_what_to_do_and_left_alone(tmp_path: Path) -> None:
    folder = copy_of(1, tmp_path)
    before = (folder / "index.sqlite").read_bytes()
    with pytest.raises(IndexStateError, match=r"has format 1, .* it is too old; make it again .*`smsearch index PATH"):
        smsearch.open_index(folder)
    assert (folder / "index.sqlite").read_bytes() == before


def test_an_earlier_format_where_nothing_may_be_written_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = copy_of(2, tmp_path)
    (folder / "writer.lock").mkdir()  # stops even an administrator
    with pytest.raises(IndexStateError, match="open it once where its folder can be written"):
        smsearch.open_index(folder)
