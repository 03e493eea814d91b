"""Which language a text is in, and language tags."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsearch.text.language import detect_languages, language_chances, normalise_lang

SWEDISH = (
    "Jag har bott i Göteborg hela mitt liv, men på sommaren åker vi alltid ut till stugan vid havet. "
    "Där finns varken ström eller vatten, och det är just det som är så skönt."
)
DANISH = (
    "Jeg har boet i Aarhus hele mit liv, men om sommeren tager vi altid ud til sommerhuset ved havet. "
    "Der er hverken strøm eller vand, og det er netop det, der er så dejligt."
)
BOKMAL = (
    "Jeg har bodd i Bergen hele livet, men om sommeren drar vi alltid ut til hytta ved sjøen. "
    "Der har vi verken strøm eller vann, og det er akkurat det som er så deilig, synes jeg ikke du?"
)
NYNORSK = (
    "Eg har budd i Bergen heile livet, men om sommaren dreg vi alltid ut til hytta ved sjøen. "
    "Der har vi korkje straum eller vatn, og det er nett det som er så fint, synest eg. Kva meiner du?"
)
FINNISH = "Olen asunut Turussa koko elämäni, mutta kesäisin lähdemme aina mökille meren rannalle."


def test_scandinavian_paragraphs_are_told_apart() -> None:
    assert detect_languages([SWEDISH, DANISH, BOKMAL, NYNORSK, FINNISH]) == ["sv", "da", "nb", "nn", "fi"]


def test_tags_come_in_the_order_of_the_texts() -> None:
    assert detect_languages([FINNISH, SWEDISH]) == ["fi", "sv"]
    assert detect_languages([SWEDISH, FINNISH]) == ["sv", "fi"]


def test_no_texts_give_no_tags() -> None:
    assert detect_languages([]) == []


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "\0\0", "12 345,67", "?!", "😀👨‍👩‍👧", "a", "ok", "xkcd", "https://example.com/det-er-en-fin-dag"],
)
def test_texts_that_say_too_little_are_und(text: str) -> None:
    assert detect_languages([text]) == ["und"]


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("สวัสดี", "th"),
        ("Καλά", "el"),
        ("안녕", "ko"),
        ("שלום", "he"),
        ("ありがとう", "ja"),
        ("東京へ行きます", "ja"),
        ("我们明天一起去公园吧", "zh"),
        ("Բարեւ", "hy"),
        ("გამარჯობა", "ka"),
        ("வணக்கம்", "ta"),
        ("ជំរាបសួរ", "km"),
    ],
)
def test_scripts_of_one_language_decide_even_short_texts(text: str, lang: str) -> None:
    assert detect_languages([text]) == [lang]


def test_few_han_characters_alone_may_be_japanese_too() -> None:
    assert detect_languages(["東京"]) == ["und"]


def test_a_name_in_another_script_does_not_decide() -> None:
    assert detect_languages([f"{SWEDISH} (東京, Αθήνα)"]) == ["sv"]
    assert detect_languages(["ฉันชอบดูวิดีโอใน YouTube ทุกวัน"]) == ["th"]


def test_addresses_do_not_influence_the_language() -> None:
    address = "https://www.dr.dk/nyheder/indland/hvordan-det-gaar-med-den-danske-skole-og-alle-de-andre "
    mail = "formanden.for.den.danske.forening@kobenhavn-og-omegn.dk "
    assert detect_languages([address * 5 + mail * 5 + SWEDISH]) == ["sv"]


def test_arabic_and_cyrillic_are_left_to_the_model() -> None:
    russian = "Я прожил в этом городе всю свою жизнь, но летом мы всегда уезжаем на дачу к морю."
    ukrainian = "Я прожив у цьому місті все своє життя, але влітку ми завжди їдемо на дачу до моря."
    persian = "من تمام عمرم را در این شهر زندگی کرده‌ام، اما تابستان‌ها همیشه به ویلا می‌رویم."
    assert detect_languages([russian, ukrainian, persian]) == ["ru", "uk", "fa"]


def test_a_megabyte_without_spaces_takes_no_time() -> None:
    assert detect_languages(["x" * 1_000_000, "@" * 1_000_000, "a." * 500_000]) == ["und"] * 3


def test_threads_get_the_same_answers() -> None:
    texts = [SWEDISH, DANISH, BOKMAL, NYNORSK] * 10
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(detect_languages, [texts] * 8))
    assert answers == [["sv", "da", "nb", "nn"] * 10] * 8


@given(st.text())
def test_any_text_gets_one_canonical_tag_and_always_the_same(text: str) -> None:
    [tag] = detect_languages([text])
    assert tag == normalise_lang(tag)
    assert detect_languages([text]) == [tag]


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("sv", "sv"),
        ("SV", "sv"),
        ("swe", "sv"),
        ("sv_SE.UTF-8", "sv-SE"),
        (" sv-se ", "sv-SE"),
        ("no", "nb"),
        ("nor", "nb"),
        ("no-NO", "nb-NO"),
        ("nno", "nn"),
        ("nob", "nb"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("cmn-Hans", "zh-Hans"),
        ("ger", "de"),
        ("iw", "he"),
        ("sr_latn", "sr-Latn"),
        ("es-419", "es-419"),
        ("ca-valencia", "ca-valencia"),
        ("yue", "yue"),
        ("uz_UZ@cyrillic", "uz-UZ"),
        ("und", "und"),
        ("mul", "und"),
        ("zxx", "und"),
        ("xx", "und"),
        ("C", "und"),
        ("english", "und"),
        ("", "und"),
        ("sv SE", "und"),
        ("sv-", "und"),
        ("sv--se", "und"),
        ("в", "und"),
        ("sv\0", "und"),
    ],
)
def test_tags_become_canonical_or_und(tag: str, canonical: str) -> None:
    assert normalise_lang(tag) == canonical


@given(st.one_of(st.text(), st.from_regex(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,3}", fullmatch=True)))
def test_normalising_twice_changes_nothing_more(tag: str) -> None:
    assert normalise_lang(normalise_lang(tag)) == normalise_lang(tag)


def test_import_loads_neither_numpy_nor_the_detector() -> None:
    code = "import sys, smsearch.text.language; print({'numpy', 'py3langid'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout == "set()\n"


def test_one_letter_has_no_language() -> None:
    assert detect_languages(["א", "1 אב", "א 2", "..."]) == ["und", "he", "und", "und"]


def test_chances_of_a_script_of_one_language_are_certain() -> None:
    assert language_chances(["สวัสดี", "我们明天一起去公园吧", "ありがとう"]) == [{"th": 1.0}, {"zh": 1.0}, {"ja": 1.0}]


def test_chances_of_near_languages_are_shared_and_the_right_one_has_most() -> None:
    danish, swedish = language_chances(["Hvad er problemet med sociale medier?", "Varför ska man säga nej?"])
    assert max(danish, key=lambda lang: danish[lang]) == "da"
    assert danish["nb"] > 0.05
    assert max(swedish, key=lambda lang: swedish[lang]) == "sv"


def test_a_query_too_short_to_be_told_has_chances_where_detection_says_nothing() -> None:
    assert detect_languages(["東京"]) == ["und"]
    (chances,) = language_chances(["東京"])
    assert set(chances) <= {"ja", "zh"}
    assert sum(chances.values()) > 0.9


@pytest.mark.parametrize("text", ["", " \n", "123", "?!", "🙂", "a", "@someone https://example.org/a"])
def test_a_text_without_letters_has_no_chances(text: str) -> None:
    assert language_chances([text]) == [{}]


def test_chances_come_in_the_order_of_the_texts_and_alike_alone() -> None:
    texts = [SWEDISH, "", "สวัสดี", DANISH, "hola que tal amigo"]
    assert language_chances(texts) == [language_chances([text])[0] for text in texts]
    assert language_chances([]) == []


def test_kinds_of_one_language_add_up() -> None:
    # py3langid knows kinds of Arabic apart; their chances are those of `ar`.
    (chances,) = language_chances(["ازيك عامل ايه النهارده يا صاحبي"])
    assert {"arz", "ary"}.isdisjoint(chances)
    assert chances["ar"] > 0.5


@given(st.text(max_size=60))
def test_chances_are_of_primary_tags_in_canonical_spelling_and_at_most_one_in_all(text: str) -> None:
    (chances,) = language_chances([text])
    assert all(lang == normalise_lang(lang) and "-" not in lang for lang in chances)
    assert all(chance >= 0.01 for chance in chances.values())
    assert sum(chances.values()) <= 1 + 1e-5
