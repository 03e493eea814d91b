"""Keys in memory and in the table answer alike, and an interrupted transaction leaves none behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsearch.index import keys as keys_module
from smsearch.index.database import create_database, open_database
from smsearch.index.keys import RepeatKeys
from smsearch.index.writer import IndexWriter
from tests.index.building import new_writer, put

BIG = 2**63 - 1
STEPS = st.lists(st.tuples(st.sampled_from(["enter", "leave", "settle", "reopen"]), st.integers(1, 4)), max_size=14)
KEYS = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True), min_size=4, max_size=4)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[RepeatKeys]:
    create_database(tmp_path, {})
    with closing(open_database(tmp_path, writable=True)) as connection:
        yield RepeatKeys(connection)


def test_new_keys_that_several_share_are_read_again(keys: RepeatKeys) -> None:
    keys.enter(1, [5, 6])
    keys.enter(2, [6, 5])
    keys.forget()
    assert keys.met([5], most=9) == [(1, True), (2, True)]


@pytest.mark.parametrize("settled", [0, 1, 2, 3])
def test_exact_ones_come_first_then_those_that_share_most_then_the_oldest(keys: RepeatKeys, settled: int) -> None:
    for number, of_passage in enumerate([[1, 5, 6], [2, 5, 6], [-BIG, 5], [3, 6]], start=1):
        keys.enter(number, of_passage)
        if number == settled:
            keys.settle()
    assert keys.met([3, 5, 6], most=9) == [(4, True), (1, False), (2, False), (3, False)]
    assert keys.met([3, 5, 6], most=2) == [(4, True), (1, False)]
    assert keys.met([-BIG], most=9) == [(3, True)]
    assert keys.met([9], most=9) == []
    keys.leave(1, [1, 5, 6])
    assert keys.met([3, 5, 6], most=9) == [(4, True), (2, False), (3, False)]


def test_many_new_keys_settle_by_themselves_and_few_wait(keys: RepeatKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_MOST_NEW", 3)
    monkeypatch.setattr(keys_module, "_FEW_NEW", 1)

    def counts() -> list[int]:
        tables = ("repeats", "new_keys")
        return [keys._connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables]

    keys.enter(1, [1, 2])
    keys.settle(few=False)
    assert counts() == [0, 1]
    keys.enter(2, [1, 3])
    keys.settle(few=False)
    assert counts() == [4, 0]
    for number in (3, 4, 5, 6):
        keys.enter(number, [number * 10])
    assert counts() == [8, 0]
    assert keys.met([40], most=3) == [(4, True)]


@settings(max_examples=50, deadline=None)
@given(STEPS, KEYS)
def test_any_order_of_steps_gives_what_a_dictionary_gives(steps: list[tuple[str, int]], of: list[list[int]]) -> None:
    with TemporaryDirectory() as name:
        create_database(Path(name), {})
        with closing(open_database(Path(name), writable=True)) as connection:
            keys, model = RepeatKeys(connection), dict[int, list[int]]()
            for step, number in steps:
                if step == "enter" and number not in model:
                    model[number] = of[number - 1]
                    keys.enter(number, model[number])
                elif step == "leave" and number in model:
                    keys.leave(number, model.pop(number))
                elif step == "settle":
                    keys.settle()
                elif step == "reopen":
                    keys = RepeatKeys(connection)
            for wanted in of:
                assert keys.met(wanted, most=9) == expected_meeting(model, wanted)


def expected_meeting(model: dict[int, list[int]], wanted: list[int]) -> list[tuple[int, bool]]:
    """Who shares a key with the wanted ones, in plain Python."""
    rows = [(wanted[0] not in found, -len(set(wanted) & set(found)), number) for number, found in model.items()]
    return [(number, not is_near) for is_near, n_shared, number in sorted(rows) if n_shared]


def put_in_vain(writer: IndexWriter) -> None:
    with writer.batch():
        put(writer, "a", "ape bee")
        raise KeyError


def test_a_batch_taken_back_leaves_no_key_in_memory(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        with pytest.raises(KeyError):
            put_in_vain(writer)
        put(writer, "b", "ape bee")
        (number,) = writer.store.passage_ids("b")
        assert writer.store.representative_of(number) is None
        assert [row[0] for row in writer.store.connection.execute("SELECT passage_id FROM new_keys")] == [number]
