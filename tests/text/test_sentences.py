"""Where sentences begin and end, and where an overlong stretch may be cut."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsearch.text.sentences import split_long, split_sentences

LANGS = st.sampled_from(["sv", "da", "ca", "nb", "en", "de", "zh", "ja", "th", "hi", "ar", "und", "xx", "", "zh-Hant"])


def sentences(text: str, lang: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, lang)]


def pieces(text: str, longest: int) -> list[str]:
    return [text[start:end] for start, end in split_long(text, 0, len(text), longest=longest)]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", "\u2029\u3000"])
def test_blank_texts_have_no_sentences(text: str) -> None:
    assert split_sentences(text, "sv") == []


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("sv", ["Vi har t.ex. bra mat, bl.a. fisk.", "Kl. 10 kom dr. Berg.", "Ca. 5 st. kom."]),
        ("da", ["Jeg bor f.eks. i byen.", "Det er ca. 10 km. væk, bl.a. i Odense."]),
        ("nb", ["Han sa f.eks. dette.", "Så gikk hr. Berg kl. 10 til prof. Hansen."]),
        ("fi", ["Esim. tämä on hyvä.", "Se on mm. hyvä.", "Joo!"]),
        ("de", ["Das ist z.B. gut.", "Am 3. Mai kam Dr. Meier.", "Schön!"]),
        ("en", ["Mr. Smith paid $3.50.", "See www.example.com for more.", "Really?"]),
        ("ru", ["Это т. е. хорошо.", "А. С. Пушкин родился в 1799 г. в Москве.", "Да."]),
        ("el", ["Πες μου πώς.", "Δεν ξέρω.", "Έλα π.χ. αύριο."]),
        ("hi", ["यह अच्छा है।", "वह गया।", "क्या?"]),
        ("ar", ["هذا جيد.", "هل ذهبت؟", "نعم!"]),
        ("km", ["នេះ។", "បាទ"]),
    ],
)
def test_sentences_end_at_full_stops_but_not_at_abbreviations(lang: str, expected: list[str]) -> None:
    assert sentences(" ".join(expected), lang) == expected


@pytest.mark.parametrize(
    ("lang", "expected"),
    [("zh", ["今天天气很好。", "我们去公园吧！", "你说呢？"]), ("ja", ["今日は天気がいい。", "行こう！", "はい"])],
)
def test_sentences_without_spaces_between_are_split(lang: str, expected: list[str]) -> None:
    assert sentences("".join(expected), lang) == expected


def test_offsets_count_characters_after_emoji_and_combining_marks() -> None:
    text = "Hej 👨‍👩‍👧! Cafe\u0301 är 𝔬𝔭𝔢𝔫. Ja."
    assert split_sentences(text, "sv") == [(0, 10), (11, 25), (26, 29)]


def test_space_around_sentences_is_left_out() -> None:
    assert split_sentences("  Hej du.  Hej då. \n", "sv") == [(2, 9), (11, 18)]


@pytest.mark.parametrize("blank", ["\n\n", "\n \t\n", "\r\n\r\n", "\n\n\n\n", "\u2029"])
def test_a_blank_line_ends_a_sentence(blank: str) -> None:
    assert sentences(f"utan punkt{blank}nästa stycke", "sv") == ["utan punkt", "nästa stycke"]


def test_a_wrapped_line_does_not_end_a_sentence() -> None:
    text = "This line was wrapped by a mail program at\nColumn Forty and goes on\nto here. Next."
    assert sentences(text, "en") == [text[:-6], "Next."]


def test_a_heading_line_ends_a_sentence() -> None:
    assert sentences("Om mig\nJag heter Eva.", "sv") == ["Om mig", "Jag heter Eva."]
    assert sentences("标题\n正文很好。", "zh") == ["标题", "正文很好。"]


def test_a_line_longer_than_a_wrapped_one_ends_a_sentence() -> None:
    line = "ord " * 30 + "slut"
    assert sentences(f"{line}\nnästa rad", "sv") == [line, "nästa rad"]


def test_list_items_are_sentences_with_their_numbers() -> None:
    assert sentences("- ett\n- två", "sv") == ["- ett", "- två"]
    assert sentences("1. Första punkten.\n2. Andra punkten.", "sv") == ["1. Första punkten.", "2. Andra punkten."]


def test_an_abbreviation_before_a_capital_ends_a_sentence() -> None:
    assert sentences("Vi såg hus, bilar osv. Sedan gick vi.", "sv") == ["Vi såg hus, bilar osv.", "Sedan gick vi."]


def test_a_word_before_a_small_letter_still_ends_a_sentence() -> None:
    assert sentences("det gick bra. men inte så bra.", "sv") == ["det gick bra.", "men inte så bra."]
    assert sentences("πες μου πώς. δεν ξέρω.", "el") == ["πες μου πώς.", "δεν ξέρω."]


def test_thai_is_cut_at_spaces_only_when_long() -> None:
    phrase = "ฉันชอบอาหารไทยมาก"  # 17 characters
    assert sentences(f"{phrase} {phrase}", "th") == [f"{phrase} {phrase}"]
    # eleven phrases and ten spaces are 197 characters, twelve are 215
    assert sentences(" ".join([phrase] * 12), "th") == [" ".join([phrase] * 11), phrase]


def test_a_few_thai_letters_do_not_make_a_sentence_thai() -> None:
    text = "ordet ไทย " + "och mycket mer " * 20 + "slut"
    assert sentences(text, "sv") == [text]


def test_lone_surrogates_and_nul_are_characters_like_others() -> None:
    assert split_sentences("a\ud800 bok. C\0d.", "en") == [(0, 7), (8, 12)]


@given(st.text(st.sampled_from("aBäÅ .!?。\n\r\t,1)(-ก ម។é\u0301😀\u200d👨\0\u2029"), max_size=60), LANGS)
@example("1.\n\n2. a", "en")
@example(". a . . b", "sv")
def test_every_character_but_white_space_is_in_exactly_one_sentence(text: str, lang: str) -> None:
    spans = split_sentences(text, lang)
    covered = [at for start, end in spans for at in range(start, end) if not text[at].isspace()]
    assert covered == [at for at, character in enumerate(text) if not character.isspace()]
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)


@given(st.text(max_size=200), LANGS)
def test_any_text_is_covered(text: str, lang: str) -> None:
    joined = "".join(sentences(text, lang))
    assert "".join(joined.split()) == "".join(text.split())
    assert split_sentences(text, lang) == split_sentences(text, lang)


@pytest.mark.parametrize(
    "unit", ["x", "a. ", "t.ex. a ", "1.\n", "!-", "!\u00a0", "ก", "ก ", "(", " \n", "\u0301", "🇸", "a\n"]
)
def test_a_megabyte_of_anything_takes_seconds(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.perf_counter()
    split_sentences(text, "sv")
    split_sentences(text, "da")
    split_long(text, 0, len(text), longest=500)
    assert time.perf_counter() - started < 30


def test_a_block_of_very_many_sentences_is_cut_as_a_short_one_is_and_takes_no_minutes() -> None:
    started = time.perf_counter()
    assert split_sentences("社。" * 100_000, "zh") == [(2 * i, 2 * i + 2) for i in range(100_000)]
    assert time.perf_counter() - started < 30  # seconds; it took 40
    once = split_sentences("Vi har t.ex. bra mat i dag. Kom kl. 10! ", "sv")
    assert split_sentences("Vi har t.ex. bra mat i dag. Kom kl. 10! " * 300, "sv") == [
        (40 * i + start, 40 * i + end) for i in range(300) for start, end in once
    ]


def test_long_stretches_are_cut_at_clauses_first() -> None:
    assert pieces("en två tre, fyra fem sex", 16) == ["en två tre,", "fyra fem sex"]
    assert pieces("一二三四五六，七八九十", 10) == ["一二三四五六，", "七八九十"]


def test_then_at_spaces() -> None:
    assert pieces("ett två tre fyra", 8) == ["ett två", "tre fyra"]


def test_then_anywhere() -> None:
    assert pieces("abcdefgh", 3) == ["abc", "def", "gh"]


def test_cuts_are_offsets_into_the_whole_text() -> None:
    assert split_long("xx röd grön yy", 3, 11, longest=5) == [(3, 6), (7, 11)]


def test_a_short_stretch_stays_whole_and_a_blank_one_vanishes() -> None:
    assert split_long(" hej ", 0, 5, longest=3) == [(1, 4)]
    assert split_long("   ", 0, 3, longest=3) == []


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("e\u0301" * 3, 3, ["e\u0301", "e\u0301", "e\u0301"]),
        ("🇸🇪🇩🇰🇳🇴", 3, ["🇸🇪", "🇩🇰", "🇳🇴"]),
        ("👨‍👩‍👧👍🏽", 3, ["👨‍👩‍👧", "👍🏽"]),
        ("क्षक्ष", 4, ["क्ष", "क्ष"]),
        ("น้ำน้ำ", 4, ["น้ำ", "น้ำ"]),
        ("\u1112\u1161\u11ab\u1112\u1161\u11ab", 4, ["\u1112\u1161\u11ab", "\u1112\u1161\u11ab"]),
    ],
)
def test_no_visible_character_is_ever_cut(text: str, longest: int, expected: list[str]) -> None:
    assert pieces(text, longest) == expected


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="longest is 0"):
        split_long("a", 0, 1, longest=0)


@given(st.text(st.sampled_from("ab ,.，、;—\n漢"), max_size=80), st.integers(1, 20))
def test_pieces_keep_the_limit_and_every_character(text: str, longest: int) -> None:
    found = pieces(text, longest)
    assert all(0 < len(piece) <= longest for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.text(max_size=80), st.integers(1, 20))
def test_pieces_of_any_text_are_in_order_and_do_not_begin_with_a_mark(text: str, longest: int) -> None:
    spans = split_long(text, 0, len(text), longest=longest)
    ends = [0, *(at for span in spans for at in span)]
    assert ends == sorted(ends)
    assert "".join("".join(text[start:end] for start, end in spans).split()) == "".join(text.split())
    for start, _ in spans[1:]:
        assert unicodedata.category(text[start])[0] != "M" or text[start - 1].isspace()
