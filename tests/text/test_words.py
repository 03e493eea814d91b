"""Which terms a passage is indexed under, and which a query looks for."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsearch.text import words
from smsearch.text.words import _special, fold_words, folding_version, index_terms, query_words


def in_full(words: list[dict[str, float]]) -> list[list[str]]:
    """The forms that count in full."""
    return [[form for form, weight in word.items() if weight == 1] for word in words]


LANGS = ["sv", "en", "de", "ru", "ar", "tr", "fi", "hi", "th", "zh", "und", "xx", ""]
QUERY_TERM = re.compile(r"~?(?:[a-z0-9]|'|[^\x00-\x7f\s]){1,64}")
TERM = re.compile(r"(?:[a-z0-9]|[^\x00-\x7f\s]){1,64}")


def test_words_are_folded_and_stemmed_by_the_language_of_the_passage() -> None:
    assert fold_words("Flickorna SPRINGER", "sv") == ["flick", "spring"]
    assert fold_words("The girls were running", "en") == ["the", "girl", "were", "run"]
    assert fold_words("Flickorna SPRINGER", "und") == ["flickorna", "springer"]


def test_a_longer_tag_has_the_stemmer_of_its_language() -> None:
    assert fold_words("flickorna", "sv-FI") == ["flick"]


@pytest.mark.parametrize("lang", ["", "und", "xx", "vi", "zh-Hant"])
def test_languages_without_a_stemmer_leave_words_whole(lang: str) -> None:
    assert fold_words("running", lang) == ["running"]


def test_diacritics_distinguish_words() -> None:
    assert fold_words("får far får", "und") == ["får", "far", "får"]
    assert fold_words("SMÖRGÅS ærø", "und") == ["smörgås", "ærø"]


def test_composed_and_decomposed_letters_are_one() -> None:
    assert fold_words("cafe\u0301 sma\u030a", "und") == ["café", "små"]


def test_accents_that_compose_with_no_letter_are_dropped() -> None:
    assert fold_words("замо\u0301к q\u0308", "und") == ["замок", "q"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("l'amour", ["l", "amour"]),
        ("l’amour", ["l", "amour"]),
        ("don't", ["don", "t"]),
        ("e-mail", ["e", "mail"]),
        ("EU:s", ["eu", "s"]),
        ("snake_case", ["snake", "case"]),
        ("3.5 km²", ["3", "5", "km2"]),
        ("ＦＵＬＬ ﬁn", ["full", "fin"]),
        ("Straße", ["strasse"]),
        ("so\u00adft", ["soft"]),
        ("١٢٣", ["123"]),
        ("a\0b", ["a", "b"]),
        ("foo😀bar", ["foo", "😀", "bar"]),
    ],
)
def test_where_words_end(text: str, terms: list[str]) -> None:
    assert fold_words(text, "und") == terms


def test_urls_give_the_words_of_their_host_and_path() -> None:
    assert fold_words("https://www.svt.se/nyheter/om_oss", "und") == ["svt", "se", "nyheter", "om", "oss"]


def test_words_with_digits_are_not_stemmed() -> None:
    assert fold_words("1990s covid19s cats", "en") == ["1990s", "covid19s", "cat"]


def test_vowel_signs_stay_with_their_letters() -> None:
    assert fold_words("हिन्दी में", "und") == ["हिन्दी", "में"]
    assert fold_words("தமிழ் மொழி", "und") == ["தமிழ்", "மொழி"]


def test_vowel_points_of_arabic_and_hebrew_do_not_count() -> None:
    assert fold_words("كِتَابٌ", "und") == fold_words("كتاب", "und") == ["كتاب"]
    assert fold_words("שָׁלוֹם", "und") == fold_words("שלום", "und") == ["שלום"]


def test_turkish_dotted_and_dotless_i_meet() -> None:
    assert fold_words("KADINLAR kadınlar İstanbul", "tr") == ["kadin", "kadin", "istanbul"]
    assert in_full(query_words("KADINLAR", ["tr"])) == [["kadinlar", "kadin"]]
    assert in_full(query_words("kadinlar", ["tr"])) == [["kadinlar", "kadin"]]


def test_every_mark_of_the_basic_plane_belongs_to_a_word() -> None:
    enclosing = {*range(0xFE00, 0xFE10), *range(0x20D0, 0x2100)}
    lost = []
    for code in range(0x0900, 0xFE20):
        mark = unicodedata.normalize("NFKC", chr(code))
        if code not in enclosing and unicodedata.category(chr(code)) in {"Mn", "Mc"}:
            terms = fold_words(f"ह{mark}ह", "und")
            if terms != [f"ह{mark}ह"] and not (_special().some.match(mark) and any(mark in term for term in terms)):
                lost.append(hex(code))
    assert lost == []


def test_han_and_kana_give_letters_and_pairs() -> None:
    assert fold_words("東京へ", "ja") == ["東", "東京", "京", "京へ", "へ"]
    assert fold_words("コンピュ", "ja") == ["コ", "コン", "ン", "ンピ", "ピ", "ピュ", "ュ"]


def test_halfwidth_kana_are_folded() -> None:
    assert fold_words("ｶﾞｽ", "ja") == ["ガ", "ガス", "ス"]


def test_hangul_words_give_syllables_and_pairs() -> None:
    assert fold_words("학교에서", "ko") == ["학", "학교", "교", "교에", "에", "에서", "서"]


def test_thai_letters_keep_their_vowels_and_tones() -> None:
    assert fold_words("เด็กดี", "th") == ["เด็", "เด็ก", "ก", "กดี", "ดี"]


def test_khmer_subscripts_stay_with_their_letter() -> None:
    assert fold_words("ខ្មែរ", "km") == ["ខ្មែ", "ខ្មែរ", "រ"]


def test_punctuation_and_other_scripts_end_a_stretch() -> None:
    assert fold_words("東京。iPhone買", "ja") == ["東", "東京", "京", "iphone", "買"]


def test_words_beside_a_stretch_are_stemmed() -> None:
    assert fold_words("flickorna 東京 pojkarna", "sv") == ["flick", "東", "東京", "京", "pojk"]


@pytest.mark.parametrize(
    ("text", "term"), [("👨‍👩‍👧", "👨‍👩‍👧"), ("❤️", "❤"), ("🇸🇪", "🇸🇪"), ("👍🏽", "👍🏽"), ("🏳️‍🌈", "🏳\u200d🌈")]
)
def test_an_emoji_sequence_is_one_word(text: str, term: str) -> None:
    assert fold_words(f"x {text} y", "und") == ["x", term, "y"]
    assert query_words(text, ["sv"]) == [{term: 1.0}]


@pytest.mark.parametrize("text", ["", " \n", "\0", "!?…—", "_", "\ufe0f", "\u0301"])
def test_texts_without_words_have_no_terms(text: str) -> None:
    assert fold_words(text, "sv") == []
    assert query_words(text, ["sv"]) == []


def test_right_to_left_words_come_in_the_order_of_the_text() -> None:
    assert fold_words("\u200fשלום עולם\u200e", "he") == ["שלום", "עולם"]


def test_a_query_word_looks_for_itself_and_its_stem_in_every_language() -> None:
    assert in_full(query_words("Läsande flickor", ["sv", "en"])) == [["läsande", "läs", "läsand"], ["flickor", "flick"]]


def test_a_query_without_languages_looks_for_the_words_themselves() -> None:
    assert in_full(query_words("running cats", [])) == [["running"], ["cats"]]


def test_queries_look_for_pairs_and_single_letters_only_alone() -> None:
    assert in_full(query_words("東京都", ["ja"])) == [["東京"], ["京都"]]
    assert in_full(query_words("水", ["zh"])) == [["水"]]
    assert in_full(query_words("เด็กดี", ["th"])) == [["เด็ก"], ["กดี"]]


def test_the_same_word_twice_is_asked_for_twice() -> None:
    assert in_full(query_words("hej hej", [])) == [["hej"], ["hej"]]


@pytest.mark.parametrize(
    ("text", "lang", "plain"),
    [
        ("Får far", "sv", {"~far"}),
        ("Hemförsäkringen", "sv", {"~hemforsakring"}),
        ("as ascii as can be", "en", set()),
        ("Ngân hàng", "vi", {"~ngan", "~hang"}),
        ("Færgen til øen", "da", {"~farg", "~oen"}),
        ("βιβλιοθήκη", "el", {"~vivliothiki"}),
        ("Весной", "ru", {"~vesnoy"}),
        ("القهوة", "ar", {"~lqhwh"}),
        ("کتاب\u200cخانه", "fa", {"~ktb", "~khnh", "~ktbkhnh"}),
        ("ज़मीन", "und", {"~जमीन"}),
        ("KADINLAR", "tr", set()),
        ("e-mail", "en", {"~email"}),
        ("2021-03-04", "en", set()),
        ("圖書館", "zh", {"~tu'shu'", "~shu'guan'"}),
        ("ラーメン", "ja", {"~らー", "~ーめ", "~めん"}),
        ("らーめん", "ja", set()),
        ("도서관 ห้องสมุด שלום", "und", set()),
        ("😀", "und", set()),
    ],
)
def test_words_that_are_written_otherwise_have_a_second_term(text: str, lang: str, plain: set[str]) -> None:
    words, found = index_terms(text, lang)
    assert found == plain
    assert words == fold_words(text, lang)


@pytest.mark.parametrize(
    ("typed", "written", "lang"),
    [
        ("hemforsakring", "Hemförsäkringen", "sv"),
        ("rodgrod", "Rødgrød", "da"),
        ("roedgroed", "Rødgrød", "da"),
        ("faergen", "Færgen", "da"),
        ("aalen", "Ålen", "da"),
        ("Müller", "Mueller", "und"),
        ("Mueller", "Müller", "und"),
        ("Muller", "Müller", "und"),
        ("djaci", "đaci", "hr"),
        ("đaci", "djaci", "hr"),
        ("ngan", "ngân", "vi"),
        ("ngân", "ngan", "vi"),
        ("kafes", "καφές", "el"),
        ("καφες", "καφές", "el"),
        ("scoala", "Școala", "ro"),
        ("şcoala", "Școala", "und"),
        ("macas", "maçãs", "pt"),
        ("doroga", "дорога", "ru"),
        ("القهوه", "القهوة", "ar"),
        ("کتابخانه", "کتاب\u200cخانه", "fa"),
        ("کتاب\u200cخانه", "کتابخانه", "fa"),
        ("email", "e-mail", "en"),
        ("e-mail", "email", "en"),
        ("图书", "圖書", "zh"),
        ("らーめん", "ラーメン", "ja"),
        ("ラーメン", "らーめん", "ja"),
        ("जमीन", "ज़मीन", "und"),
    ],
)
def test_who_types_a_word_otherwise_finds_it_with_less_weight(typed: str, written: str, lang: str) -> None:
    words, plain = index_terms(written, lang)
    forms = query_words(typed, [lang])[0]
    assert max(forms.get(term, 0.0) for term in {*words, *plain}) == 0.6


def test_the_weights_of_the_terms_of_a_query() -> None:
    assert query_words("får", ["sv"]) == [{"får": 1.0, "far": 0.6, "faar": 0.6, "~far": 0.6}]
    assert query_words("far", ["sv"]) == [{"far": 1.0, "~far": 0.6}]
    assert query_words("faar", ["sv"]) == [{"faar": 1.0, "far": 0.6, "~faar": 0.6, "~far": 0.6}]
    assert query_words("ラー", ["ja"]) == [{"ラー": 1.0, "~らー": 0.6, "らー": 0.6}]
    assert query_words("ดี 학교 😀 42", ["th"]) == [{"ดี": 1.0}, {"학교": 1.0}, {"😀": 1.0}, {"42": 1.0}]


def test_what_is_remembered_of_words_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"flickorna läser bok{'en' * i} och sjunger" for i in range(60)]
    expected = [fold_words(text, lang) for lang in ("sv", "de", "fi", "sv-SE") for text in texts]
    monkeypatch.setattr(words, "_MOST_REMEMBERED", 20)
    monkeypatch.setattr(words, "_remembered", words._Remembered())
    assert [fold_words(text, lang) for lang in ("sv", "de", "fi", "sv-SE") for text in texts] == expected
    kept = sum(len(terms) + len(plain) for terms, plain in words._remembered.by_algorithm.values())
    assert 0 < kept <= 20


def test_long_words_are_cut_at_64_characters() -> None:
    assert fold_words("x" * 100 + " y", "sv") == ["x" * 64, "y"]
    assert in_full(query_words("x" * 100, ["sv"])) == [["x" * 64]]


@pytest.mark.parametrize("letter", ["x", "å", "漢", "ก", "\u0e48", "😀", "क", "https://", "www.", "1", "İ", "\u17d2"])
def test_a_megabyte_without_spaces_takes_seconds(letter: str) -> None:
    text = letter * (1_000_000 // len(letter))
    started = time.perf_counter()
    terms = fold_words(text, "sv")
    assert time.perf_counter() - started < 10
    assert all(TERM.fullmatch(term) for term in set(terms))


@given(st.text(max_size=100), st.sampled_from(LANGS))
def test_terms_fit_the_lexical_index(text: str, lang: str) -> None:
    terms = fold_words(text, lang)
    asked = [term for alternatives in query_words(text, [lang]) for term in alternatives]
    assert [term for term in terms if not TERM.fullmatch(term)] == []
    assert [term for term in asked if not QUERY_TERM.fullmatch(term)] == []
    assert fold_words(text, lang) == terms


@given(st.text(st.characters(max_codepoint=0x0DFF), max_size=60))
def test_folding_terms_again_changes_nothing(text: str) -> None:
    terms = fold_words(text, "und")
    assert fold_words(" ".join(terms), "und") == terms


@given(st.text(max_size=60), st.sampled_from([lang for lang in LANGS if lang != "tr"]))
def test_a_passage_is_found_by_its_own_words(text: str, lang: str) -> None:
    terms = set(fold_words(text, lang))
    assert all(terms & alternatives.keys() for alternatives in query_words(text, [lang]))


def test_sqlite_takes_the_terms_as_they_are() -> None:
    text = "Flickorna läser 東京 เด็กดี हिन्दी 👨‍👩‍👧 🇸🇪 كتاب"
    terms = fold_words(text, "sv")
    table = sqlite3.connect(":memory:")
    table.execute("CREATE VIRTUAL TABLE passages USING fts5(terms, tokenize = ascii)")
    table.execute("CREATE VIRTUAL TABLE vocabulary USING fts5vocab(passages, instance)")
    table.execute("INSERT INTO passages VALUES (?)", [" ".join(terms)])
    kept = [term for (term,) in table.execute("SELECT term FROM vocabulary ORDER BY offset")]
    table.close()
    assert kept == terms


def test_threads_get_the_same_terms() -> None:
    texts = ["flickorna springer", "pojkarna läste böckerna", "hundarnas svansar"] * 50
    expected = [fold_words(text, "sv") for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda text: fold_words(text, "sv"), texts)) == expected


def test_the_version_names_the_rules_and_the_stemmers() -> None:
    assert re.fullmatch(r"2 snowball \d+\.\d+\.\d+ anyascii \d+\.\d+\.\d+", folding_version())


def test_import_loads_no_stemmer() -> None:
    code = "import sys, smsearch.text.words; print({'numpy', 'Stemmer', 'regex', 'anyascii'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout == "set()\n"
