"""Translations among the candidates, and the one in the language of the query before the others."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from smsearch import Document, Index
from smsearch.encoders import STATIC
from smsearch.search.translations import (
    MEASURED,
    UNMEASURED,
    Content,
    Translations,
    are_alike,
    asked_first,
    join_pairs,
    language_of,
    nearest_pairs,
)
from tests.fakes import KeywordEncoder

MakeIndex = Callable[..., Index]


def vectors(*degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_the_language_of_a_tag_is_without_script_and_region() -> None:
    assert [language_of(tag) for tag in ("sv", "zh-Hant-TW", "und", "")] == ["sv", "zh", "", ""]


def test_pairs_are_the_nearest_of_their_language_to_each_other_surest_first() -> None:
    # 0 and 1 are 10 degrees apart, 1 and 2 are 5 apart; 3 is another language, nearest to 2.
    pairs = nearest_pairs(vectors(0, 10, 15, 35), ["sv", "en", "sv", "de"], [1, 2, 3, 4], likeness=MEASURED[STATIC])
    assert list(pairs) == [(1, 2), (2, 3), (1, 3)]
    assert list(pairs.values()) == pytest.approx(np.cos(np.radians([5, 20, 25])), abs=1e-6)


def test_passages_of_one_document_or_language_or_an_unknown_one_are_no_pair() -> None:
    same = vectors(0, 0)
    for languages, documents in ((["sv", "en"], [1, 1]), (["sv", "sv"], [1, 2]), (["sv", ""], [1, 2])):
        assert nearest_pairs(same, languages, documents, likeness=MEASURED[STATIC]) == {}
    assert list(nearest_pairs(same, ["sv", "en"], [1, 2], likeness=MEASURED[STATIC])) == [(0, 1)]


def test_vectors_that_are_too_far_apart_are_no_pair() -> None:
    # cos 63 degrees = 0.454, cos 64 degrees = 0.438
    assert len(nearest_pairs(vectors(0, 63), ["sv", "en"], [1, 2], likeness=MEASURED[STATIC])) == 1
    assert len(nearest_pairs(vectors(0, 64), ["sv", "en"], [1, 2], likeness=MEASURED[STATIC])) == 0


def test_no_passages_have_no_pairs() -> None:
    assert nearest_pairs(np.zeros((0, 2), np.float32), [], [], likeness=MEASURED[STATIC]) == {}


def test_numbers_are_compared_whatever_the_digits_and_separators() -> None:
    assert Content.from_text("12,500 people in 2010, 3 dogs").numbers == {"12500", "2010"}
    assert Content.from_text("12.500 Menschen im Jahr 2010").numbers == {"12500", "2010"}
    assert Content.from_text("१२,५०० और ２０１０").numbers == {"12500", "2010"}
    assert Content.from_text("3.14 and 0042").numbers == {"14", "42"}
    assert sorted(map(len, Content.from_text("1" * 70).numbers)) == [10, 30]


def test_a_character_of_chinese_counts_as_three_letters() -> None:
    assert Content.from_text("图书馆 a").length == 11


@pytest.mark.parametrize(
    ("one", "other", "cosine", "alike"),
    [
        ("in 2010 and 1999", "år 2010 och 1999", 0.45, True),
        ("in 2010 and 1999", "år 2010 och 1999", 0.44, False),
        ("in 2010 and 1999", "år 2010 och nittio", 0.45, True),
        ("in 2010 and 1999", "år 2011 och 1998", 0.99, False),
        ("in the year 2010", "förra året i maj", 0.99, False),
        ("the cats and dogs", "katter och hundar", 0.6, True),
        ("the cats and dogs", "katter och hundar", 0.59, False),
        ("cats", "katter och hundar", 0.99, False),
        ("", "", 0.99, True),
    ],
)
def test_length_numbers_and_cosine_must_all_speak_for_translations(
    one: str,
    other: str,
    cosine: float,
    alike: bool,  # noqa: FBT001  a case of the table
) -> None:
    assert are_alike(Content.from_text(one), Content.from_text(other), cosine, likeness=MEASURED[STATIC]) is alike


def test_with_another_encoder_only_numbers_that_agree_tell_translations() -> None:
    cats, year = (Content.from_text(text) for text in ("the cats and dogs", "in the year 2010"))
    assert not are_alike(cats, cats, 1.0, likeness=UNMEASURED)
    assert are_alike(year, year, -0.5, likeness=UNMEASURED)


def test_groups_hold_one_passage_of_a_language_and_the_surest_pairs_win() -> None:
    languages = ["sv", "en", "de", "sv"]
    assert join_pairs([(0, 1), (1, 2), (2, 3)], languages) == [[0, 1, 2]]
    assert join_pairs([(2, 3), (0, 1)], languages) == [[0, 1], [2, 3]]
    assert join_pairs([], languages) == []


def test_the_asked_language_takes_the_best_place_and_the_others_keep_their_order() -> None:
    languages = ["en", "de", "sv", "en", "sv"]
    assert asked_first(5, [[0, 2], [1, 3, 4]], languages, "sv") == [2, 0, 4, 1, 3]
    assert asked_first(5, [[0, 2], [1, 3, 4]], languages, "en") == [0, 3, 1, 2, 4]
    assert asked_first(5, [[0, 2], [1, 3, 4]], languages, "fi") == [0, 1, 2, 3, 4]


def test_those_behind_are_all_but_the_first_of_each_group() -> None:
    found = Translations(("en", "de", "sv", "en", "sv"), ((0, 2), (1, 3, 4)))
    assert found.with_first("sv-SE") == ([2, 0, 4, 1, 3], frozenset({1, 3, 4}))
    assert found.with_first("und") == ([0, 1, 2, 3, 4], frozenset({2, 3, 4}))


OPEN = {
    "en": "The library in the old town is open from 10 to 18 on weekdays, and closed for repairs until 15 March 2024.",
    "sv": "Biblioteket i gamla stan är öppet 10 till 18 på vardagar, och stängt för reparation till den 15 mars 2024.",
    "de": "Die Bibliothek in der Altstadt ist werktags von 10 bis 18 Uhr geöffnet und bis 15. März 2024 geschlossen.",
}
OTHER = {
    "en": "The swimming pool by the river has warm water in winter, and children under 12 swim free of charge.",
    "sv": "Badhuset vid ån har varmt vatten om vintern, och barn under 12 år badar gratis.",
}
QUERIES = {
    "en": "when is the library in the old town open",
    "sv": "när är biblioteket i gamla stan öppet",
    "de": "wann ist die Bibliothek in der Altstadt geöffnet",
}


@pytest.fixture
def translated(make_index: MakeIndex) -> Index:
    documents = [Document(f"open-{lang}", text, lang=lang) for lang, text in OPEN.items()]
    documents += [Document(f"pool-{lang}", text, lang=lang) for lang, text in OTHER.items()]
    return make_index(*documents)


@pytest.mark.parametrize("lang", QUERIES)
@pytest.mark.parametrize("mode", ["hybrid", "dense"])
def test_the_translation_in_the_language_of_the_query_comes_first(translated: Index, lang: str, mode: str) -> None:
    hits = translated.search(QUERIES[lang], 5, mode=mode)
    assert hits[0].doc_id == f"open-{lang}"
    assert {hit.doc_id for hit in hits[:3]} == {"open-en", "open-sv", "open-de"}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("lang", QUERIES)
def test_of_grouped_translations_one_is_a_hit(translated: Index, lang: str) -> None:
    hits = translated.search(QUERIES[lang], 5, group="translations")
    assert hits[0].doc_id == f"open-{lang}"
    assert [re.sub("-.*", "", hit.doc_id) for hit in hits] == ["open", "pool"]
    assert [hit.rank for hit in hits] == [1, 2]


def test_an_encoder_that_ranks_another_language_higher_does_not_keep_it_first(make_index: MakeIndex) -> None:
    year = "2010, as we said when it rained all summer"
    index = make_index(
        Document("en", f"cat cat dog {year}", lang="en"),
        Document("sv", "cat dog 2010, som vi sade den sommar det regnade", lang="sv"),
        Document("fox", "fox 1999", lang="en"),
        encoder=KeywordEncoder(),
    )
    swedish = index.search("cat cat när det regnade på sommaren", 3, mode="dense")
    assert [hit.doc_id for hit in swedish] == ["sv", "en", "fox"]
    assert swedish[0].score == swedish[1].score
    assert swedish[1].dense == pytest.approx(0.894, abs=1e-3)
    assert swedish[0].dense == pytest.approx(0.707, abs=1e-3)
    english = index.search("cat cat when it rained in the summer", 3, mode="dense")
    assert [hit.doc_id for hit in english] == ["en", "sv", "fox"]
