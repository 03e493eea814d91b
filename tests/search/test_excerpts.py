"""Which sentence of a passage is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smsearch import Document, Index
from smsearch.index.stored import StoredPassage
from smsearch.records import Passage
from smsearch.search.excerpts import Excerpts, best_sentence

MakeIndex = Callable[..., Index]


def bare(query: str, *sentences: str, title: str = "", heading: str = "", lang: str = "en", by: str = " ") -> list[int]:
    """Places of the bare sentences of a passage that consists of these, with a space or a line break between."""
    text, spans = "", []
    for sentence in sentences:
        start = len(text) + len(by) if text else 0
        text += (by if text else "") + sentence
        spans.append((start, len(text)))
    passage = Passage(0, len(text), text, lang=lang, heading=heading, sentences=tuple(spans))
    excerpts = Excerpts(query, StoredPassage(1, passage, "x", title, "", None, None, {}, 0))
    return [i for i in range(len(spans)) if excerpts.is_bare(i)]


LONG = "The reading room is open from Monday to Friday between ten and six, in summer until four."


def test_headings_and_titles_are_bare() -> None:
    assert bare("hours", "## Hours", LONG, heading="Hours", by="\n\n") == [0]
    assert bare("hours", "The Library", "Opening hours", LONG, title="THE LIBRARY!", by="\n\n") == [0, 1]
    assert bare("時間", "図書館", "図書館は毎日開いています。", title="図書館", lang="ja", by="\n") == [0]


@pytest.mark.parametrize(
    "line",
    [
        "https://example.org/opening-hours/of/the/library",
        "[Hours](https://example.org/opening-hours/of/the/library)",
        "See www.example.org/opening/hours.",
        '<img src="hours.png" alt="Opening hours">',
        "* * *",
        "---|---|---",
        "🙂",
    ],
)
def test_markup_and_addresses_are_bare(line: str) -> None:
    assert bare("hours", line, LONG) == [0]


@pytest.mark.parametrize(
    "line", ["Oui !", "E = mc² (1).", "ห้องสมุด", "हिन्दी में", "«Нет», — сказал он.", "<b>Open</b> daily."]
)
def test_short_sentences_with_letters_are_not_bare(line: str) -> None:
    assert bare("hours", line, LONG) == []


def test_a_question_on_a_line_of_its_own_is_bare_in_any_language() -> None:
    assert bare("when is it open", "När öppnar biblioteket?", "Klockan tio.", lang="sv", by="\n") == [0]
    assert bare("when is it open", "図書館はいつ開きますか？", "十時です。", lang="ja", by="\n") == [0]
    assert bare("when is it open", "متى تفتح المكتبة؟", "في العاشرة.", lang="ar", by="\n") == [0]
    assert bare("when is it open", "Πότε ανοίγει;", "Στις δέκα.", lang="el", by="\n") == [0]
    assert bare("when is it open", "at ten;", "at eleven.", by="\n") == []


def test_a_question_within_a_paragraph_is_bare_only_if_it_says_the_query_again() -> None:
    assert bare("when does the library open", "When does the library open?", "At ten.") == [0]
    assert bare("when does the library open", "Who reads books today?", "Nobody.") == []
    assert bare("図書館はいつ開く", "図書館はいつ開きますか？", "十時です。", lang="ja", by="") == [0]


def test_a_line_that_is_the_query_is_bare_unless_it_is_a_statement() -> None:
    assert bare("library hours", "Library hours", "At ten.") == [0]
    assert bare("The library opens.", "The library opens.", "At ten.") == []


@pytest.mark.parametrize(
    ("scores", "without", "place"),
    [
        ([0.9, 0.2, 0.3], [], 0),
        ([0.3, 0.9, 0.9], [], 1),
        ([0.9, 0.2, 0.34], [0], 1),  # close to the best of those left
        ([0.9, 0.2, 0.36], [0], 2),
        ([0.3, 0.9, 0.25, 0.2], [1], 2),  # below the question, not above it
        ([0.3, 0.2, 0.9], [2], 0),  # nothing is below it
        ([0.9, 0.8, 0.2], [0, 1], 2),
        ([0.2, 0.9], [0, 1], 1),  # nothing else is there
        ([0.5], [0], 0),
    ],
)
def test_the_best_sentence_that_is_not_bare_is_shown(scores: list[float], without: list[int], place: int) -> None:
    assert best_sentence(scores, without.__contains__) == place


FAQ = "# När öppnar biblioteket?\n\nMåndag till fredag klockan tio. Ta med lånekortet om du kommer."


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_the_answer_is_shown_and_not_the_question_above_it(make_index: MakeIndex, mode: str) -> None:
    index = make_index(Document("faq", FAQ, title="Frågor", lang="sv"))
    for query in ("när öppnar biblioteket", "När öppnar biblioteket?", "biblioteket öppnar"):
        assert index.search(query, 1, mode=mode)[0].sentence == "Måndag till fredag klockan tio."


def test_what_is_shown_changes_no_score(make_index: MakeIndex) -> None:
    index = make_index(Document("faq", FAQ, lang="sv"), Document("other", "Klockan tio öppnar kaféet.", lang="sv"))
    assert [hit.doc_id for hit in index.search("när öppnar biblioteket", 2)] == ["faq", "other"]
