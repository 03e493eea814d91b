"""Sentences side by side, held to the naive loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smsearch.index.tokens import PackedTokens, Sentences, pack_tokens

IDS = st.integers(0, 9) | st.integers(0, 2**31 - 1) | st.sampled_from([65533, 65534, 65535, 65536, 131068, 131069])
SENTENCES = st.tuples(st.lists(IDS, max_size=6), st.sampled_from([0.0, 1.5, -2.25, 60000.0]))
PASSAGES = st.lists(st.lists(SENTENCES, max_size=4), max_size=6)

Passage = list[tuple[list[int], float]]


def packed(passages: list[Passage]) -> Sentences:
    lists = [[np.array(ids, np.int32) for ids, _ in passage] for passage in passages]
    return Sentences.from_lists(lists, [length for passage in passages for _, length in passage])


def unpacked(sentences: Sentences) -> list[Passage]:
    found = [
        (sentences.ids[a:b].tolist(), float(length))
        for a, b, length in zip(sentences.bounds, sentences.bounds[1:], sentences.lengths, strict=False)
    ]
    return [found[a:b] for a, b in zip(sentences.offsets, sentences.offsets[1:], strict=False)]


def ascending(passages: list[Passage]) -> list[Passage]:
    return [[(sorted(ids), length) for ids, length in passage] for passage in passages]


def test_ids_ascend_within_a_sentence_and_repeats_stay() -> None:
    sentences = packed([[([3, 1, 3], 2.0), ([], 0.0)], [], [([2], 1.0)]])
    assert sentences.offsets.tolist() == [0, 2, 2, 3]
    assert sentences.bounds.tolist() == [0, 3, 3, 4]
    assert sentences.ids.tolist() == [1, 3, 3, 2]
    assert sentences.lengths.tolist() == [2.0, 0.0, 1.0]
    assert (sentences.offsets.dtype, sentences.ids.dtype) == (np.int64, np.int32)


def test_no_passages_are_no_rows() -> None:
    sentences = packed([])
    assert len(sentences) == 0
    assert sentences.ids.dtype == np.int32
    stored = PackedTokens.from_bytes(pack_tokens(sentences))
    assert len(stored) == len(stored.take(np.array([], dtype=np.int64))) == 0


def test_ids_are_stored_as_distances_and_far_ones_in_several_numbers() -> None:
    one = np.array([1.0], "<f2").view("<u2")[0]
    assert pack_tokens(packed([[([5, 7], 1.0)], [], [([65534, 65535], 1.0), ([], 1.0)]])) == [
        np.array([5, 2, 65534, one], "<u2").tobytes(),
        b"",
        np.array([65535, 0, 1, 65534, one, 65534, one], "<u2").tobytes(),
    ]


@given(PASSAGES, st.data())
def test_take_is_the_loop_over_the_rows(passages: list[Passage], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(passages) - 1), max_size=10)) if passages else []
    taken = PackedTokens.from_bytes(pack_tokens(packed(passages))).take(np.array(rows, dtype=np.int64))
    expected = [[(ids, float(np.float16(length))) for ids, length in ascending(passages)[row]] for row in rows]
    assert unpacked(taken) == expected


@given(PASSAGES, PASSAGES)
def test_joined_are_these_passages_and_then_the_others(one: list[Passage], other: list[Passage]) -> None:
    joined = packed(one).joined(packed(other))
    assert unpacked(joined) == ascending(one + other)
    assert joined.ids.dtype == np.int32
