from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from smsearch.encoders import words
from smsearch.encoders.vocabulary import open_vocabulary
from smsearch.encoders.words import WordCutter

ROOT = Path(__file__).parents[2]
TOKENIZER = ROOT / "smsearch" / "models" / "builtin" / "tokenizer.json"


@cache
def builtin() -> tuple[WordCutter, Tokenizer]:
    return fresh(), Tokenizer.from_file(str(TOKENIZER))


def fresh() -> WordCutter:
    vocabulary = open_vocabulary(TOKENIZER)
    assert vocabulary is not None
    assert vocabulary.cuts_words_alone
    return WordCutter(Tokenizer.from_file(str(TOKENIZER)), vocabulary)


def cut(cutter: WordCutter, texts: list[str]) -> list[list[int]]:
    ids, lengths = cutter.cut(texts)
    return [row.tolist() for row in np.split(ids, np.cumsum(lengths)[:-1])] if texts else []


def expected(texts: list[str]) -> list[list[int]]:
    return [each.ids for each in builtin()[1].encode_batch_fast(texts, add_special_tokens=False)]


def test_every_line_of_the_seeds_is_cut_like_tokenizers_once_and_again() -> None:
    lines = [line for path in sorted(ROOT.glob("seeds/*.txt")) for line in path.read_text("utf-8").splitlines()]
    cutter = fresh()
    for _ in range(2):
        assert cut(cutter, lines) == expected(lines)


def test_every_character_is_cut_like_tokenizers_among_words() -> None:
    characters = [chr(point) for point in range(0x3000) if not 0xD800 <= point < 0xE000]
    texts = [f"{c} a{c}b {c}{c} 1{c} {c}." for c in characters]
    assert [
        text for text, one, other in zip(texts, cut(builtin()[0], texts), expected(texts), strict=True) if one != other
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a , b",
        "2010 2011 , ,x",
        "\x1c a\x1fb",
        "ΟΔΟΣ ΟΔΟΣ.",
        "İstanbul",
        "e\u0301 \u0301x",
        "▁ a▁b _▁_",
        "\U0001f9ff👩‍👩‍👧",
        "x" * 5000,
        "\ufeffa\u2028b\u3000c\u200bd",
    ],
)
def test_edges_are_cut_like_tokenizers(text: str) -> None:
    assert cut(builtin()[0], ["før", text, "efter"]) == expected(["før", text, "efter"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), max_size=4))
def test_any_texts_are_cut_like_tokenizers(texts: list[str]) -> None:
    assert cut(builtin()[0], texts) == expected(texts)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet="aAåÅ 12½,.▁-’é\u0301İßΣσ\t\n\u00a0ﬁか\u3099가\u11a8ไ", max_size=30), max_size=3))
def test_texts_of_awkward_characters_are_cut_like_tokenizers(texts: list[str]) -> None:
    assert cut(builtin()[0], texts) == expected(texts)


def joined(parts: list[str]) -> list[int] | None:
    ids = builtin()[0].joined([np.array(each, np.int32) for each in cut(builtin()[0], parts)])
    return None if ids is None else ids.tolist()


def test_the_tokens_of_sentences_tell_those_of_their_paragraph() -> None:
    lines = [line for path in sorted(ROOT.glob("seeds/*.txt")) for line in path.read_text("utf-8").splitlines()]
    sentences = [re.split(r"(?<=[.!?…:,]) +", line) for line in lines]
    told = [joined(parts) for parts in sentences]
    assert max(map(len, sentences)) > 5
    assert told.count(None) < 0.02 * len(told)
    whole = expected([" ".join(parts) for parts in sentences])
    assert [ids for ids in told if ids is not None] == [
        ids for ids, one in zip(whole, told, strict=True) if one is not None
    ]


def test_every_character_a_part_begins_with_tells_or_says_that_it_does_not() -> None:
    characters = [chr(point) for point in range(0x3000) if not 0xD800 <= point < 0xE000]
    told = [joined(["a", f"{c}b", c]) for c in characters]
    whole = expected([f"a\n{c}b\t{c}" for c in characters])
    wrong = [c for c, ids, right in zip(characters, told, whole, strict=True) if ids not in (None, right)]
    assert wrong == []
    assert all(joined(["a", c]) is not None for c in 'abcåд123("-–.,’«')


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(alphabet="aAåÅ 12½,.▁-’é\u0301İßΣσ\t\n\u00a0ﬁか\u3099가\u11a8ไ☃\u00ad", max_size=12), max_size=5)
)
def test_tokens_of_awkward_parts_tell_the_whole_or_nothing(parts: list[str]) -> None:
    assert joined(parts) in (None, *expected([" ".join(parts)]))


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_MOST_WORDS", 50)
    draw = random.Random(1)  # noqa: S311  no secret
    cutter = fresh()
    for _ in range(20):
        texts = [" ".join(draw.choices("abcdefghij", k=3)) + f" {draw.random()}" for _ in range(20)]
        assert cut(cutter, texts) == expected(texts)
        assert len(cutter._numbers) <= 50 + 20 * 4


def test_words_that_are_met_again_and_again_stay_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_MOST_WORDS", 50)
    cutter = fresh()
    for i in range(40):
        texts = [f"vinterdækkets {i}.{j}" for j in range(4)]
        assert cut(cutter, texts) == expected(texts)
        assert "vinterdækkets" in cutter._numbers
    assert len(cutter._numbers) < 50 + 8


def test_an_interruption_leaves_no_word_without_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_cutter: WordCutter) -> None:
        raise KeyboardInterrupt

    cutter = fresh()
    with monkeypatch.context() as patched:
        patched.setattr(WordCutter, "_learn", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cutter.cut(["hej med dig"])
    texts = ["noget helt andet", "hej med dig"]
    assert cut(cutter, texts) == expected(texts)
