"""Token lists side by side, held to the naive loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smsearch.index.tokens import PackedTokens, TokenLists, pack_tokens

IDS = st.integers(0, 9) | st.integers(0, 2**31 - 1) | st.sampled_from([65534, 65535, 65536, 131070, 131071])
LISTS = st.lists(st.lists(IDS, max_size=6), max_size=8)


def packed(lists: list[list[int]]) -> TokenLists:
    return TokenLists.from_lists(np.array(found, dtype=np.int32) for found in lists)


def unpacked(tokens: TokenLists) -> list[list[int]]:
    return [tokens.ids[tokens.offsets[i] : tokens.offsets[i + 1]].tolist() for i in range(len(tokens))]


def distinct(lists: list[list[int]]) -> list[list[int]]:
    return [sorted(set(found)) for found in lists]


def test_lists_are_made_distinct_and_ascending() -> None:
    tokens = packed([[3, 1, 3], [], [2]])
    assert tokens.offsets.tolist() == [0, 2, 2, 3]
    assert tokens.ids.tolist() == [1, 3, 2]
    assert (tokens.offsets.dtype, tokens.ids.dtype) == (np.int64, np.int32)


def test_no_lists_are_no_rows() -> None:
    tokens = packed([])
    assert len(tokens) == 0
    assert tokens.ids.dtype == np.int32
    stored = PackedTokens.from_bytes(pack_tokens(tokens))
    assert len(stored) == len(stored.take(np.array([], dtype=np.int64))) == 0


def test_ids_are_stored_as_steps_and_far_ones_in_several() -> None:
    assert pack_tokens(packed([[5, 7], [], [65535, 65536]])) == [
        np.array([5, 2], "<u2").tobytes(),
        b"",
        np.array([65535, 0, 1], "<u2").tobytes(),
    ]


@given(LISTS, st.data())
def test_take_is_the_loop_over_the_rows(lists: list[list[int]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=10)) if lists else []
    taken = PackedTokens.from_bytes(pack_tokens(packed(lists))).take(np.array(rows, dtype=np.int64))
    assert unpacked(taken) == [distinct(lists)[row] for row in rows]


@given(LISTS, LISTS)
def test_joined_are_these_rows_and_then_the_others(one: list[list[int]], other: list[list[int]]) -> None:
    joined = packed(one).joined(packed(other))
    assert unpacked(joined) == distinct(one + other)
    assert joined.ids.dtype == np.int32
