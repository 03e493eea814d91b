from __future__ import annotations

from html.parser import HTMLParser

import pandas as pd

import smsearch
from smsearch.notebook import Hits
from smsearch.records import Hit

TEXT = "<b>Buy & sell</b>. A cat sat\non a <script>mat</script>."
SENTENCE = (19, len(TEXT))
NASTY = '<img src=x onerror="alert(1)">'


def hit(**changes: object) -> Hit:
    known: dict[str, object] = {
        "query": "cat",
        "rank": 1,
        "score": 0.5,
        "doc_id": "a.txt",
        "passage_id": 7,
        "title": "Cats",
        "source": "posts",
        "lang": "en",
        "kind": "post",
        "start": 100,
        "end": 100 + len(TEXT),
        "text": TEXT,
        "sentence": TEXT[slice(*SENTENCE)],
        "sentence_start": 100 + SENTENCE[0],
        "sentence_end": 100 + SENTENCE[1],
        "matches": ((100 + TEXT.index("cat"), 100 + TEXT.index("cat") + 3),),
    }
    return Hit(**{**known, **changes})


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert attrs in ([], [("style", "text-align: left; vertical-align: top")])

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(hits: Hits) -> _Seen:
    parser = _Seen()
    parser.feed(hits._repr_html_())
    return parser


def test_the_best_sentence_is_bold_and_matches_are_marked() -> None:
    html = Hits("cat", [hit()])._repr_html_()
    assert (
        "&lt;b&gt;Buy &amp; sell&lt;/b&gt;. "
        "<b>A <mark>cat</mark> sat<br>on a &lt;script&gt;mat&lt;/script&gt;.</b></td>"
    ) in html


def test_nothing_from_documents_or_queries_becomes_a_tag() -> None:
    hits = Hits(NASTY, [hit(query=NASTY, doc_id=NASTY, title=NASTY, lang=NASTY, date=NASTY, author=NASTY)])
    found = seen(hits)
    allowed = {"table", "caption", "b", "thead", "tr", "th", "tbody", "td", "mark", "br", "code"}
    assert set(found.tags) <= allowed
    assert found.text.count(NASTY) == 5
    assert "<script>mat</script>" in found.text


STEERING = "\x1b[31m\u202e\x9b\u2066"


def test_nothing_from_documents_steers_a_notebook_or_a_terminal() -> None:
    hits = Hits("cat", [hit(doc_id=STEERING, title=STEERING, text=f"{STEERING} {TEXT[len(STEERING) + 1 :]}")])
    assert set(STEERING) & set(hits._repr_html_() + repr(hits)) == {"[", "3", "1", "m"}


def test_matches_at_both_ends_of_the_sentence_lose_no_text() -> None:
    text = "cat and cat"
    both = hit(text=text, start=0, end=11, sentence=text, sentence_start=0, sentence_end=11, matches=((0, 3), (8, 11)))
    assert "<b><mark>cat</mark> and <mark>cat</mark></b></td>" in Hits("cat", [both])._repr_html_()


def test_the_html_of_real_hits_shows_each_passage_in_full(seeds_index: smsearch.Index) -> None:
    hits = seeds_index.search("why say no to social media", 5)
    found = seen(hits)
    for each in hits:
        assert each.text.replace("\n", "") in found.text
    assert found.tags.count("tr") == 6


def test_no_hits_are_an_empty_table() -> None:
    assert seen(Hits("nothing", [])).text.startswith("0 hits for nothing")


def test_pandas_gets_a_row_for_each_hit_and_a_column_for_each_attribute() -> None:
    frame = Hits("cat", [hit(), hit(rank=2, passage_id=8)]).to_pandas()
    assert list(frame.columns) == [
        *("query", "rank", "score", "doc_id", "passage_id", "title", "source", "lang", "kind", "start", "end"),
        *("text", "sentence", "sentence_start", "sentence_end", "matches", "dense", "lexical", "late"),
        *("author", "date", "heading", "duplicates", "metadata", "score_kind"),
    ]
    assert frame["passage_id"].tolist() == [7, 8]
    assert frame.loc[0, "text"] == TEXT


def test_pandas_gets_the_same_columns_without_hits() -> None:
    empty = Hits("cat", []).to_pandas()
    assert isinstance(empty, pd.DataFrame)
    assert list(empty.columns) == list(Hits("cat", [hit()]).to_pandas().columns)


def test_hits_are_a_list_that_slices_compares_and_hashes() -> None:
    hits = Hits("cat", [hit(), hit(rank=2, passage_id=8)])
    assert [each.passage_id for each in hits[1:]] == [8]
    assert hits[1:].query == "cat"
    assert hits == Hits("cat", [hit(), hit(rank=2, passage_id=8)])
    assert hits != hits[:1]
    assert hash(hits[:1]) == hash(Hits("cat", [hit()]))


def test_the_plain_look_is_a_line_for_each_hit() -> None:
    assert repr(Hits("cat", [hit(sentence="A cat.")])) == "<1 hits for 'cat'>\n  1. 0.500 a.txt [en] 'A cat.'"
