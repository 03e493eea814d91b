from __future__ import annotations

from pathlib import Path

import pytest

from smsearch.sources.plaintext import read_plain_text, title_and_date
from tests.sources.reading_help import only_document, read_bytes

SEEDS = Path(__file__).parents[2] / "seeds"


@pytest.mark.parametrize(
    ("seed", "title", "date"),
    [
        ("000", "Vad sociala medier INTE är!", "2010-03-09"),
        ("001", "Sociala medier behöver inte ens Internet", None),
        ("002", "Stoppa hypen kring sociala medier, fokusera istället på nyttan", None),
        ("003", "", None),
        ("004", "Social media bästa källan till social media", None),
    ],
)
def test_seed_has_its_title_and_date(seed: str, title: str, date: str | None) -> None:
    (path,) = SEEDS.glob(f"{seed}_*.txt")
    document = only_document(read_bytes(read_plain_text, path.read_bytes()))
    assert (document.title, document.date) == (title, date)
    assert document.text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Titel\n\nText", "Titel"),
        ("\n\n  Titel \n\nText", "Titel"),
        ("Titel\nText", ""),
        ("En mening.\n\nText", ""),
        ("Så här:\n\nText", ""),
        ("x" * 120 + "\n\nText", "x" * 120),
        ("x" * 121 + "\n\nText", ""),
        ("Bara en rad", ""),
        ("Bara en rad\n\n", ""),
        ("9 mars 2010\nTitel\n\nText", "Titel"),
        ("9 mars 2010\n\nText som är lång.\n\nMer", ""),
        ("", ""),
    ],
)
def test_title_is_the_line_that_stands_alone_on_top(text: str, title: str) -> None:
    assert title_and_date(text)[0] == title


def test_text_keeps_everything() -> None:
    document = only_document(read_bytes(read_plain_text, b"\xef\xbb\xbf2010-03-09\r\rTitel\r\r  Text \r"))
    assert document.text == "2010-03-09\n\nTitel\n\n  Text \n"
    assert (document.title, document.date) == ("Titel", "2010-03-09")
