"""The short form of `tests/torture/damage.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.damage import Whole, damage_all, prepare, said_by_command

SEEDS = Path(__file__).parents[2] / "seeds"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


@pytest.fixture(scope="module")
def wholes(folder: Path) -> dict[str, Whole]:
    return prepare(folder, SEEDS)


def test_no_damaged_file_leads_to_a_wrong_answer(wholes: dict[str, Whole], folder: Path) -> None:
    outcomes = list(damage_all(wholes, folder, flips=3, seed=3))
    assert len(outcomes) == 9
    assert [fault for outcome in outcomes for fault in outcome.wrong] == []


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def test_ask_says_in_one_line_that_a_derived_file_was_made_again(wholes: dict[str, Whole], folder: Path) -> None:
    code, out, err = said_by_command(wholes["as its writer left it"], folder, "vectors", cut_off)
    assert (code, err) == (0, "derived files were missing or damaged and have been written again\n")
    assert out.startswith(" 1. ")


def test_ask_says_in_one_line_that_the_database_is_damaged(wholes: dict[str, Whole], folder: Path) -> None:
    code, out, err = said_by_command(wholes["as its writer left it"], folder, "index.sqlite", cut_off)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "1000 bytes" in err
    assert "`smsearch verify --repair`" in err
