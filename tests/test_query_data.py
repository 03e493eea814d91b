"""The query files in `tests/data` are complete: every language, every kind, no query twice."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

DATA = Path(__file__).parent / "data"
LANGS = (
    "en af ar az be bg bn bs ca cs cy da de el eo es et eu fa fi fo fr ga gl he hi hr hu hy id is it ja "
    "ka kk ko lt lv mk ml mr ms nb nl nn pl pt ro ru sk sl sq sr sv sw ta te th tr uk ur vi zh"
)


def read_rows(name: str) -> tuple[list[str], list[list[str]]]:
    header, *rows = [line.split("\t") for line in (DATA / name).read_text("utf-8").splitlines()]
    return header, rows


def test_the_flagship_question_stands_in_every_language_of_the_model() -> None:
    header, rows = read_rows("flagship.tsv")
    assert header == ["lang", "query"]
    assert [lang for lang, _ in rows] == LANGS.split()
    assert rows[0] == ["en", "why say no to social media"]
    assert Counter(query for _, query in rows).most_common(2) == [
        ("zašto reći ne društvenim mrežama", 2),  # Bosnian and Croatian
        ("why say no to social media", 1),
    ]


def test_unanswerable_queries_are_of_four_kinds_and_stand_once() -> None:
    header, rows = read_rows("unanswerable.tsv")
    assert header == ["lang", "query", "kind"]
    assert Counter(kind for _, _, kind in rows) == {"greeting": 51, "unrelated": 41, "nonsense": 34, "letter": 26}
    assert len({query for _, query, _ in rows}) == 152
    assert len({lang for lang, _, kind in rows if kind == "unrelated"}) == 29


def test_queries_are_composed_and_trimmed() -> None:
    queries = [row[1] for name in ("flagship.tsv", "unanswerable.tsv") for row in read_rows(name)[1]]
    assert [query for query in queries if query != unicodedata.normalize("NFC", query).strip() or not query] == []
