"""Documents cut into passages."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsearch.records import Document, Passage, Section
from smsearch.text.boilerplate import recurring_lines
from smsearch.text.passages import Cut, PassageLimits, encoder_text, split_passages
from smsearch.text.repeats import exact_key
from smsearch.text.sentences import split_long
from tests.strategies import texts

SEEDS = {path.name[:3]: path for path in (Path(__file__).parents[2] / "seeds").glob("0*.txt")}

Counter_ = Callable[[Sequence[str]], list[int]]


def by_words(found: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in found]


def by_characters(found: Sequence[str]) -> list[int]:
    return [len(text) for text in found]


def by_bytes(found: Sequence[str]) -> list[int]:
    return [len(text.encode()) for text in found]


def by_words_and_two(found: Sequence[str]) -> list[int]:
    return [len(text.split()) + 2 for text in found]


def by_square(found: Sequence[str]) -> list[int]:
    return [len(text.split()) ** 2 for text in found]


COUNTERS: tuple[Counter_, ...] = (by_words, by_characters, by_bytes, by_words_and_two, by_square)


def cut(document: Document | str, *, count_tokens: Counter_ = by_words, limits: PassageLimits | None = None) -> Cut:
    document = Document("a", document) if isinstance(document, str) else document
    return split_passages([document], count_tokens=count_tokens, limits=limits)[0]


def seed(number: str) -> Document:
    return Document(number, SEEDS[number].read_text(encoding="utf-8"))


def left_out(document: Document, found: Cut) -> list[tuple[str, str]]:
    return [(span.reason, document.text[span.start : span.end]) for span in found.left_out]


def assert_complete(text: str, found: Cut) -> None:
    """Passages are exact stretches in order; each visible character is in one passage or left-out span."""
    at = 0
    for start, end in sorted((s.start, s.end) for s in (*found.passages, *found.left_out)):
        assert start >= at
        assert not text[at:start].strip()
        at = end
    assert not text[at:].strip()
    for passage in found.passages:
        assert passage.start < passage.end
        assert text[passage.start : passage.end] == passage.text == passage.text.strip()
        inside = 0
        for start, end in passage.sentences:
            assert start >= inside
            assert not passage.text[inside:start].strip()
            inside = end
        assert inside == len(passage.text)
    assert [p.start for p in found.passages] == sorted(p.start for p in found.passages)


@settings(max_examples=150, deadline=None)
@given(texts(), st.sampled_from(COUNTERS), st.sampled_from([(4, 6), (12, 18), (128, 192)]))
def test_every_visible_character_is_in_one_passage_or_left_out(
    text: str, count_tokens: Counter_, lengths: tuple[int, int]
) -> None:
    limits = PassageLimits(*lengths)
    found = cut(text, count_tokens=count_tokens, limits=limits)
    assert_complete(text, found)
    for passage in found.passages:
        is_short = count_tokens([passage.text])[0] <= limits.maximum
        assert is_short or len(split_long(passage.text, 0, len(passage.text), longest=1)) == 1


@settings(max_examples=100, deadline=None)
@given(texts(), st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=4))
def test_exported_sections_of_any_kind_lose_and_repeat_nothing(text: str, places: list[tuple[int, int]]) -> None:
    sections = tuple(Section(start, end, "comment") for start, end in places)
    assert_complete(text, cut(Document("a", text, sections=sections)))


@pytest.mark.parametrize("number", sorted(SEEDS))
@pytest.mark.parametrize("count_tokens", COUNTERS)
def test_every_visible_character_of_a_seed_is_in_one_passage_or_left_out(number: str, count_tokens: Counter_) -> None:
    document, limits = seed(number), PassageLimits(40, 60)
    found = cut(document, count_tokens=count_tokens, limits=limits)
    assert_complete(document.text, found)
    assert max(count_tokens([p.text for p in found.passages])) <= limits.maximum


@pytest.mark.parametrize("text", ["", " ", "\n\n\u3000"])
def test_blank_document_has_no_passages(text: str) -> None:
    assert cut(text) == Cut((), ())


def test_no_documents_give_no_cuts() -> None:
    assert split_passages([], count_tokens=by_words) == []


def test_documents_are_cut_alike_alone_and_together() -> None:
    documents = [seed(number) for number in sorted(SEEDS)]
    assert split_passages(documents, count_tokens=by_words) == [cut(document) for document in documents]


def test_seed_000_leaves_out_its_links_and_comment_headings() -> None:
    document = seed("000")
    found = left_out(document, cut(document))
    assert Counter(reason for reason, _ in found) == {"links": 6, "comment heading": 2}
    assert found[-2:] == [("comment heading", "1 kommentar:"), ("comment heading", "Lena Carlsson sa...")]


def test_seed_001_leaves_out_the_way_to_the_top() -> None:
    document = seed("001")
    assert left_out(document, cut(document)) == [("navigation", "Till toppen")]


def test_seed_002_leaves_out_comment_headings_and_pingbacks() -> None:
    document = seed("002")
    assert left_out(document, cut(document)) == [
        ("comment heading", "8 svar"),
        ("comment heading", "• Peter Krantz"),
        ("comment heading", "• Krister"),
        ("comment heading", "• efa"),
        ("comment heading", "• Jeanette Fors"),
        ("comment heading", "• Annelie Näs"),
        ("comment heading", "• Jeanette Fors"),
        ("pingback", "• Pingback: jfd98ayhcim()"),
        ("pingback", "• Pingback: fsgb80v7cbwe()"),
    ]


def test_seed_003_leaves_out_its_comment_form() -> None:
    document = seed("003")
    assert left_out(document, cut(document)) == [
        ("comment form", "Leave a Comment"),
        ("comment form", "Din e-mailadresse vil ikke blive publiceret. Krævede felter er markeret med *"),
        ("comment form", "*"),
        ("comment form", "This site uses Akismet to reduce spam. Learn how your comment data is processed."),
    ]


def test_seed_004_leaves_out_heading_pingbacks_form_and_likes() -> None:
    document = seed("004")
    found = left_out(document, cut(document))
    expected = {"comment heading": 1, "pingback": 2, "comment form": 11, "navigation": 1}
    assert Counter(reason for reason, _ in found) == expected
    assert found[-1] == ("navigation", "%d bloggers like this:")


@pytest.mark.parametrize(
    ("number", "authors"),
    [
        ("000", ["Lena Carlsson"]),
        ("001", []),
        ("002", ["Peter Krantz", "Krister", "efa", "Jeanette Fors", "Annelie Näs", "Jeanette Fors"]),
        ("003", []),
        ("004", [None, None, None]),
    ],
)
def test_comments_of_a_seed_have_their_authors(number: str, authors: list[str | None]) -> None:
    passages = cut(seed(number)).passages
    assert [p.author for p in passages if p.kind == "comment"] == authors
    assert all(p.author is None for p in passages if p.kind == "post")


def test_each_passage_of_the_second_copy_in_seed_003_repeats_one_of_the_first() -> None:
    document = seed("003")
    second = document.text.index("Det ligner umiddelbart", document.text.index("Det ligner umiddelbart") + 1)
    passages = cut(document).passages
    first_keys = {(exact_key(p.text), p.heading) for p in passages if p.start < second}
    copies = [p for p in passages if p.start >= second]
    assert len(copies) == 7
    assert all((exact_key(p.text), p.heading) in first_keys for p in copies)


def test_seed_003_is_danish_and_the_others_are_swedish() -> None:
    langs = {number: {p.lang for p in cut(seed(number)).passages} for number in SEEDS}
    assert langs == {"000": {"sv"}, "001": {"sv"}, "002": {"sv"}, "003": {"da"}, "004": {"sv"}}


def test_passage_under_a_heading_names_it() -> None:
    body = "Ett stycke som är längre än rubriken ovanför, så att den är en rubrik."
    passages = cut(f"# Ett\n\n{body}\n\n## Två ##\n\n{body} Mer.").passages
    assert [(p.heading, p.text[:5]) for p in passages] == [("Ett", "# Ett"), ("Två", "## Tv")]


def test_heading_stays_with_the_paragraph_below_it() -> None:
    passages = cut("# Ett\n\n# Två\n\nText.\n\n# Tre\n\nText.").passages
    assert [p.text for p in passages] == ["# Ett\n\n# Två\n\nText.", "# Tre\n\nText."]


def test_paragraphs_are_packed_up_to_the_target() -> None:
    passages = cut("a b c.\n\nd e f.\n\ng h i.", limits=PassageLimits(6, 8)).passages
    assert [p.text for p in passages] == ["a b c.\n\nd e f.", "g h i."]


def test_last_few_words_join_the_passage_before() -> None:
    passages = cut("a b c d e f g.\n\nh.", limits=PassageLimits(8, 12)).passages
    assert [p.text for p in passages] == ["a b c d e f g.\n\nh."]


def test_overlong_paragraph_is_cut_between_sentences() -> None:
    text = "En två tre fyra. Fem sex sju åtta. Nio tio elva."
    passages = cut(text, limits=PassageLimits(5, 6)).passages
    assert [p.text for p in passages] == ["En två tre fyra.", "Fem sex sju åtta.", "Nio tio elva."]


def test_overlong_sentence_is_cut_after_a_clause() -> None:
    text = "aa bb cc dd, ee ff gg hh"
    passages = cut(text, count_tokens=by_characters, limits=PassageLimits(14, 16)).passages
    assert "".join(p.text for p in passages).replace(" ", "") == text.replace(" ", "")
    assert all(len(p.text) <= 16 for p in passages)
    assert any(p.text.endswith("dd,") for p in passages)


def test_emoji_sequence_is_never_cut() -> None:
    family = "👨\u200d👩\u200d👧"
    passages = cut(family * 6, count_tokens=by_characters, limits=PassageLimits(6, 8)).passages
    assert [p.text for p in passages] == [family] * 6


def test_thai_without_spaces_is_cut_within_the_maximum() -> None:
    text = "ฉันรักคุณมากและจะไม่ไปไหนอีกแล้ว" * 10
    passages = cut(text, count_tokens=by_characters, limits=PassageLimits(40, 60)).passages
    assert "".join(p.text for p in passages) == text
    assert max(len(p.text) for p in passages) <= 60


def test_passages_do_not_reach_across_boilerplate() -> None:
    assert [p.text for p in cut("Ett.\nTill toppen\nTvå.").passages] == ["Ett.", "Två."]


def test_exported_sections_decide_kind_and_author() -> None:
    text = "Inlägg.\n\n1 svar\n\nHej från Eva."
    document = Document("a", text, sections=(Section(0, 15), Section(17, len(text), "comment", "Eva")))
    found = cut(document)
    assert [(p.kind, p.author, p.text) for p in found.passages] == [
        ("post", None, "Inlägg.\n\n1 svar"),
        ("comment", "Eva", "Hej från Eva."),
    ]
    assert found.left_out == ()


def test_text_outside_exported_sections_is_left_out_and_said_to_be() -> None:
    document = Document("a", "Meny\n\nInlägg.\n\nFot", sections=(Section(6, 13),))
    found = cut(document)
    assert [p.text for p in found.passages] == ["Inlägg."]
    assert left_out(document, found) == [("outside sections", "Meny"), ("outside sections", "Fot")]


def test_recurring_lines_of_a_source_are_left_out_unless_boilerplate_is_kept() -> None:
    documents = [Document(str(i), f"Hem | Om mig\n\nText nummer {i}.\n\nTill toppen") for i in range(4)]
    recurring = recurring_lines(document.text for document in documents)
    found = split_passages(documents, count_tokens=by_words, recurring=recurring)
    assert [[p.text for p in each.passages] for each in found] == [[f"Text nummer {i}."] for i in range(4)]
    assert left_out(documents[0], found[0]) == [("recurring", "Hem | Om mig"), ("navigation", "Till toppen")]
    kept = split_passages(documents, count_tokens=by_words, recurring=recurring, keep_boilerplate=True)
    assert [each.left_out for each in kept] == [()] * 4
    assert [p.text for p in kept[2].passages] == ["Hem | Om mig\n\nText nummer 2.\n\nTill toppen"]


def test_stated_language_holds_for_posts_but_comments_may_have_their_own() -> None:
    swedish = "Det här är en ganska lång kommentar på svenska som nog går att känna igen."
    document = Document("a", f"Hello.\n\n{swedish}", lang="nb", sections=(Section(0, 6), Section(8, 83, "comment")))
    assert [p.lang for p in cut(document).passages] == ["nb", "sv"]


def test_encoder_sees_title_and_heading_above_the_text_unless_it_holds_them() -> None:
    passage = Passage(0, 5, "Text.", heading="Rubrik")
    assert encoder_text("Titel", passage) == "Titel\nRubrik\nText."
    assert encoder_text("Rubrik", passage) == "Rubrik\nText."
    assert encoder_text("", replace(passage, text="Rubrik\nText.")) == "Rubrik\nText."


def test_title_longer_than_the_context_is_not_repeated_above_itself() -> None:
    title = "Titel " * 40
    assert encoder_text(title, Passage(0, 300, title + "Text.")) == title + "Text."


@pytest.mark.parametrize("line", ["Det här är en rad som någon skrev.\n", "a\n", "***\n", "8 svar\n"])
def test_long_documents_are_cut_in_linear_time(line: str) -> None:
    begin = time.perf_counter()
    assert_complete(line * 20_000, cut(line * 20_000))
    assert time.perf_counter() - begin < 10


def test_thousands_of_comments_are_cut_in_linear_time() -> None:
    text = "Inlägg.\n5 svar\n" + "\n".join(f" • Namn {chr(97 + i % 26)}\n\n text" for i in range(5_000))
    begin = time.perf_counter()
    assert len(cut(text).passages) == 5_001
    assert time.perf_counter() - begin < 10
