"""BM25 by hand, its bound, and the words of several layers as if they stood in one."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsearch.errors import IndexStateError
from smsearch.index.lexical import LexicalIndex
from smsearch.index.mapped import MappedFile
from smsearch.index.postings import Postings, PostingsBuilder, pack_words, word_number
from smsearch.index.reader import IndexReader
from smsearch.records import Filters
from smsearch.text.words import query_words
from tests.index.building import new_writer, put

PASSAGES = [["ape", "ape", "bee"], ["ape"], ["cat", "cat"]]
WORDS = ("ape", "bee", "cat", "dog")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=8), min_size=1, max_size=12)


def index_of(*layers: list[list[str]], dead: tuple[int, ...] = ()) -> LexicalIndex:
    alive = np.ones(sum(map(len, layers)), np.bool_)
    alive[list(dead)] = False
    return LexicalIndex([Postings.from_packed(pack_words(layer), ["en"] * len(layer)) for layer in layers], alive)


def whole(*words: list[str]) -> list[dict[str, float]]:
    """Words of a query whose forms count in full."""
    return [dict.fromkeys(forms, 1.0) for forms in words]


def search(lexical: LexicalIndex, *words: list[str] | dict[str, float], k: int = 10) -> list[tuple[int, float]]:
    scores, rows = lexical.search([dict.fromkeys(word, 1.0) if isinstance(word, list) else word for word in words], k)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    return list(zip(rows.tolist(), scores.tolist(), strict=True))


def oracle(passages: list[list[str]], langs: list[str], query: list[str]) -> dict[int, float]:
    """BM25 of every passage that holds a word of the query, by the formula."""
    n, average = len(passages), max(sum(map(len, passages)) / len(passages), 1.0)
    scores: dict[int, float] = {}
    for word in dict.fromkeys(query):
        df = sum(word in words for words in passages)
        idf = 0.0
        for lang in dict.fromkeys(langs):
            of_lang = [words for words, each in zip(passages, langs, strict=True) if each == lang]
            if df_lang := sum(word in words for words in of_lang):
                share = (df_lang + 0.5 + 100 * (df + 0.5) / (n + 1)) / (len(of_lang) + 101)
                idf += df_lang / df * max(math.log((1 - share) / share), 1e-6)
        for row, words in enumerate(passages):
            if tf := Counter(words)[word]:
                worth = idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(words) / average))
                scores[row] = scores.get(row, 0.0) + worth
    return scores


def test_scores_are_bm25_worked_by_hand() -> None:
    lexical = index_of(PASSAGES)
    # 3 passages of 2 words on average; df 1: idf = ln(2.5 / 1.5) = 0.510826
    # bee: tf 1, length 3: 0.510826 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / 2)) = 1.123816 / 2.65
    assert search(lexical, ["bee"]) == [(0, pytest.approx(0.424082, abs=1e-6))]
    # cat: tf 2, length 2: 0.510826 * 4.4 / (2 + 1.2) = 2.247632 / 3.2
    assert search(lexical, ["cat"]) == [(2, pytest.approx(0.702385, abs=1e-6))]
    # ape: df 2 of 3, for which the formula would be negative: 1e-6; 2.2 / 1.75 and 4.4 / 3.65
    expected = [(1, pytest.approx(1.257143e-6, rel=1e-5)), (0, pytest.approx(1.205479e-6, rel=1e-5))]
    assert search(lexical, ["ape"]) == expected
    assert search(lexical, ["bee"], ["cat"], k=1) == [(2, pytest.approx(0.702385, abs=1e-6))]


def test_equal_scores_are_ordered_by_row() -> None:
    lexical = index_of([["ape"], ["bee"], ["ape"], ["bee"], ["ape"]])
    assert [found for found, _ in search(lexical, ["ape"], k=2)] == [0, 2]


def test_forms_of_a_word_are_alternatives() -> None:
    assert [found for found, _ in search(index_of(PASSAGES), ["bee", "cat", "bee"])] == [2, 0]


@pytest.mark.parametrize("words", [[], [[]], [["unknown"]]])
def test_words_that_occur_nowhere_find_nothing(words: list[list[str]]) -> None:
    assert search(index_of(PASSAGES), *words) == []
    assert search(index_of([]), *words) == []


@pytest.mark.parametrize("word", ["and", "or", "not", "near", "东京", "ฉัน", "👨\u200d👩", "får", "הרצל", "\ud800"])
def test_operators_and_words_of_any_script_are_plain_words(word: str) -> None:
    assert [found for found, _ in search(index_of([*PASSAGES, [word]]), [word])] == [3]


def test_a_word_counts_once_and_with_its_best_form() -> None:
    lexical = index_of([["ape", "bee"], ["ape"], ["bee"], ["cat"], ["cat"], ["cat"], ["dog"]])
    # 7 passages of 8 / 7 words; ape and bee: ln(5.5 / 2.5), times 2.2 / (1 + 1.2 * (0.25 + 0.75 * 7 / 8 * n))
    one, two = 0.7884574 * 2.2 / 2.0875, 0.7884574 * 2.2 / 2.875
    both = search(lexical, ["ape", "bee"])
    assert both == [(1, pytest.approx(one)), (2, pytest.approx(one)), (0, pytest.approx(two))]
    assert search(lexical, {"ape": 1.0, "bee": 0.5}) == [
        (1, pytest.approx(one)),
        (0, pytest.approx(two)),
        (2, pytest.approx(one / 2)),
    ]
    assert search(lexical, ["ape", "bee"], ["ape", "bee"]) == both
    assert lexical.upper_bound([{"ape": 1.0, "bee": 0.5}]) == pytest.approx(2.2 * 0.7884574)
    assert lexical.upper_bound([{"bee": 0.5}, {"bee": 0.5}]) == pytest.approx(1.1 * 0.7884574)


def test_how_rare_a_word_is_is_judged_within_languages() -> None:
    passages = [["war", "die", "und"]] * 3 + [["und"]] + [["war"]] + [["the"]] * 195
    langs = ["de"] * 4 + ["en"] * 196
    alive = np.ones(200, np.bool_)
    lexical = LexicalIndex([Postings.from_packed(pack_words(passages), langs)], alive)
    prior = 100 / 201
    # und: 4 of 4 German ones, as if 4 + 4.5 * prior of 104: ln((104 - 6.238806 + 0.5) / 6.738806)
    assert lexical.upper_bound(whole(["und"])) == pytest.approx(2.2 * math.log(98.261194 / 6.738806))
    # war: 3 of 4 German ones and 1 of 196 English ones, which hold three and one of the four rows
    german = math.log((104 - 3 - 4.5 * prior + 0.5) / (3 + 4.5 * prior + 0.5))
    english = math.log((296 - 1 - 4.5 * prior + 0.5) / (1 + 4.5 * prior + 0.5))
    assert lexical.upper_bound(whole(["war"])) == pytest.approx(2.2 * (3 * german + english) / 4)
    # a word that occurs nowhere: as if in one of 200
    assert lexical.upper_bound(whole(["nowhere"])) == pytest.approx(2.2 * math.log(199.5 / 1.5))
    apart = LexicalIndex(
        [
            Postings.from_packed(pack_words(passages[:3]), langs[:3]),
            Postings.from_packed(pack_words(passages[:2:-1]), langs[:2:-1]),
        ],
        alive,
    )
    assert apart.upper_bound(whole(["war"], ["und"])) == lexical.upper_bound(whole(["war"], ["und"]))


def test_function_words_of_a_small_language_count_little_once_it_shows_them() -> None:
    function, content = [["ist", f"w{i}"] for i in range(200)], [["the", f"e{i}"] for i in range(1800)]
    of_two = LexicalIndex(
        [Postings.from_packed(pack_words(function + content), ["de"] * 200 + ["en"] * 1800)], np.ones(2000, np.bool_)
    )
    of_one = index_of(function + content)
    assert of_one.upper_bound(whole(["ist"])) == pytest.approx(2.2 * math.log(1800.5 / 200.5))  # 4.8
    # 200 + 100 * 200.5 / 2001 of 300: more than half
    assert of_two.upper_bound(whole(["ist"])) == pytest.approx(2.2e-6)


def test_bound_is_the_sum_over_the_words_of_their_rarest_forms() -> None:
    lexical = index_of(PASSAGES)
    rare = 2.2 * math.log(2.5 / 1.5)
    assert lexical.upper_bound(whole(["bee"])) == pytest.approx(rare)
    assert lexical.upper_bound(whole(["ape", "bee"])) == pytest.approx(rare)
    assert lexical.upper_bound(whole(["bee"], ["cat"])) == pytest.approx(2 * rare)
    assert lexical.upper_bound(whole(["ape"])) == pytest.approx(2.2e-6)
    assert lexical.upper_bound(whole(["nowhere"])) == pytest.approx(rare)
    assert lexical.upper_bound(whole()) == 0


@given(TEXTS, st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.integers(0, 12), st.data())
def test_any_layers_give_the_scores_of_the_formula(
    passages: list[list[str]], query: list[str], cut: int, data: st.DataObject
) -> None:
    dead = tuple(data.draw(st.sets(st.integers(0, len(passages) - 1), max_size=3)))
    langs = data.draw(st.lists(st.sampled_from(["sv", "en"]), min_size=len(passages), max_size=len(passages)))
    parts = [(passages[:cut], langs[:cut]), (passages[cut:], langs[cut:])]
    alive = np.ones(len(passages), np.bool_)
    alive[list(dead)] = False
    lexical = LexicalIndex([Postings.from_packed(pack_words(layer), of_layer) for layer, of_layer in parts], alive)
    numbers = [row for row in range(len(passages)) if row not in dead]
    expected = oracle([passages[i] for i in numbers], [langs[i] for i in numbers], query) if numbers else {}
    ranked = sorted(((numbers[i], score) for i, score in expected.items()), key=lambda pair: (-pair[1], pair[0]))
    found = search(lexical, *([word] for word in query), k=len(passages))
    assert dict(found) == {row: pytest.approx(score, rel=1e-4) for row, score in ranked}
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    bound = lexical.upper_bound(whole(*([word] for word in query)))
    assert all(0 < score <= bound * (1 + 1e-6) for _, score in found)
    for k in (1, 2, 3):  # however few are wanted, no score changes and none is missed
        assert search(lexical, *([word] for word in query), k=k) == found[:k]


@given(st.integers(0, 10_000))
def test_common_words_count_only_where_they_can_matter_and_change_nothing(seed: int) -> None:
    draw = np.random.default_rng(seed)
    words = [f"w{i}" for i in range(30)]
    weights = 1 / np.arange(1, 31)
    passages = [list(draw.choice(words, 12, p=weights / weights.sum())) for _ in range(300)]
    query = list(draw.choice(words, 5))
    lexical = index_of(passages[:200], passages[200:])
    admitted = draw.random(300) < 0.7
    everything = search(lexical, *([word] for word in query), k=300)
    assert search(lexical, *([word] for word in query), k=5) == everything[:5]
    scores, rows = lexical.search(whole(*([word] for word in query)), 5, admitted=admitted)
    inside = [pair for pair in everything if admitted[pair[0]]]
    assert list(zip(rows.tolist(), scores.tolist(), strict=True)) == inside[:5]


@given(st.integers(0, 10_000))
def test_words_of_many_forms_score_as_the_best_form_of_each(seed: int) -> None:
    draw = np.random.default_rng(seed)
    names = [f"w{i}" for i in range(30)]
    weights = 1 / np.arange(1, 31)
    passages = [list(draw.choice(names, 12, p=weights / weights.sum())) for _ in range(300)]
    chosen = draw.permutation(names)[:12].reshape(4, 3)
    query = [dict(zip(forms, [1.0, 1.0, 0.5], strict=True)) for forms in chosen.tolist()]
    expected = np.zeros(300)
    for word in query:
        best = np.zeros(300)
        for form, weight in word.items():
            for row, score in oracle(passages, ["en"] * 300, [form]).items():
                best[row] = max(best[row], weight * score)
        expected += best
    lexical = index_of(passages[:200], passages[200:])
    found = search(lexical, *query, k=300)
    assert dict(found) == {row: pytest.approx(expected[row], rel=1e-4) for row in np.flatnonzero(expected).tolist()}
    assert max(expected) <= lexical.upper_bound(query)
    for k in (1, 5, 20):
        assert search(lexical, *query, k=k) == found[:k]


def test_counts_and_lengths_end_where_their_numbers_do() -> None:
    postings = Postings.from_packed(pack_words([["ape"] * 300, [], ["bee", "ape"]]), ["en"] * 3)
    assert postings.lengths.tolist() == [255, 0, 2]
    rows, counts = postings.of(word_number("ape"))
    assert (rows.tolist(), counts.tolist()) == ([0, 2], [255, 1])
    assert postings.of(word_number("cat"))[0].tolist() == []


def test_terms_in_plain_letters_are_found_and_do_not_count_as_words() -> None:
    packed = pack_words([["får", "far"], ["får"], ["x"]], [["~far"], ["~far"], []])
    postings = Postings.from_packed(packed, ["sv"] * 3)
    assert postings.lengths.tolist() == [2, 1, 1]
    rows, counts = postings.of(word_number("~far"))
    assert (rows.tolist(), counts.tolist()) == ([0, 1], [0, 0])
    assert pack_words([["får", "far"], ["får"], ["x"]]) != packed
    assert [each[: len(each) // 5 * 4] for each in packed] == [
        np.sort(np.array([word_number(term) for term in terms], "<u4")).tobytes()
        for terms in (["får", "far", "~far"], ["får", "~far"], ["x"])
    ]


def test_the_word_as_it_is_typed_stays_ahead_of_the_one_with_marks() -> None:
    sheep, father, neither = ["ett", "får", "betar"], ["min", "far", "betar"], ["x", "y", "z"]
    passages = [sheep, father, *[neither] * 8]
    plain = [["~far"], [], *[[]] * 8]
    postings = Postings.from_packed(pack_words(passages, plain), ["sv"] * 10)
    lexical = LexicalIndex([postings], np.ones(10, np.bool_))
    idf = math.log(9.5 / 1.5)  # all of one length: a match is worth the idf
    assert search(lexical, *query_words("far", ["sv"])) == [
        (1, pytest.approx(idf)),
        (0, pytest.approx(0.6 * idf)),
    ]
    assert search(lexical, *query_words("får", ["sv"])) == [
        (0, pytest.approx(idf)),
        (1, pytest.approx(0.6 * idf)),
    ]


def test_more_rows_than_can_be_numbered_are_refused() -> None:
    builder = PostingsBuilder()
    builder._n = (1 << 24) - 1
    with pytest.raises(IndexStateError, match="more than 16777216 passages are too many"):
        builder.add([b"", b""], ["en", "en"])


@given(TEXTS)
def test_a_file_of_postings_gives_them_back(passages: list[list[str]]) -> None:
    langs = [("sv", "en-GB", "und")[len(words) % 3] for words in passages]
    postings = Postings.from_packed(pack_words(passages), langs)
    assert [postings.lang_names[lang] for lang in postings.langs] == [lang.partition("-")[0] for lang in langs]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "words"
        path.write_bytes(b"".join(each.tobytes() for each in postings.buffers()))
        read = Postings.from_file(MappedFile(path))
    for before, after in zip(postings.buffers(), read.buffers(), strict=True):
        assert (before.dtype, before.tolist()) == (after.dtype, after.tolist())
    for number in (*postings.numbers.tolist(), word_number("eel")):
        for before, after in zip(postings.of(number), read.of(number), strict=True):
            assert (before.dtype, before.tolist()) == (after.dtype, after.tolist())


def test_filters_admit_a_representative_for_any_it_stands_for(tmp_path: Path) -> None:
    with new_writer(tmp_path) as writer:
        put(writer, "a", "ape bee", source="x")
        put(writer, "b", "ape bee", source="y")
        put(writer, "c", "ape cat", source="z")
    reader = IndexReader(tmp_path)
    with reader.snapshot():
        found = {}
        for name in "xyzw":
            _, rows = reader.lexical.search(whole(["ape"]), 9, admitted=reader.admitted(Filters(sources=(name,))))
            found[name] = reader.passage_ids[rows].tolist()
        assert found == {"x": [1], "y": [1], "z": [3], "w": []}
    reader.close()
