from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from smsearch.sources.dates import iso_date, written_date


@pytest.mark.parametrize(
    "line",
    [
        "2010-03-09",
        "2010/03/09",
        "09.03.2010",
        "9. 3. 2010",
        "9 March 2010",
        "March 9th, 2010",
        "Tuesday, March 9, 2010",
        "tisdag, mars 09, 2010",
        "den 9 mars 2010 kl 10:30",
        "tirsdag d. 9. marts 2010",
        "9. März 2010",
        "mardi 9 mars 2010",
        "9 de marzo de 2010",
        "9 maaliskuuta 2010",
        "9 марта 2010 г.",
        "2010年3月9日",
    ],
)
def test_date_line_gives_the_day(line: str) -> None:
    assert written_date(line) == "2010-03-09"


@pytest.mark.parametrize(
    "line", ["", "3/4/2010", "30 February 2010", "2010", "1 maj", "9 mars 2010 blev allt bättre", "Möte 9 mars 2010"]
)
def test_other_line_is_no_date(line: str) -> None:
    assert written_date(line) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2010-03-09", "2010-03-09"),
        ("20100309", "2010-03-09"),
        ("2010-03-09 10:00:00", "2010-03-09T10:00:00"),
        ("2010-03-09T10:00:00Z", "2010-03-09T10:00:00+00:00"),
        ("2010-03-09T10:00:00.123+01:00", "2010-03-09T10:00:00+01:00"),
        ("Tue, 09 Mar 2010 10:00:00 +0000", "2010-03-09T10:00:00+00:00"),
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24+00:00"),
        (" 9 mars 2010 ", "2010-03-09"),
        (date(2010, 3, 9), "2010-03-09"),
        (datetime(2010, 3, 9, 10, tzinfo=UTC), "2010-03-09T10:00:00+00:00"),
    ],
)
def test_date_becomes_iso(value: object, expected: str) -> None:
    assert iso_date(value) == expected


@pytest.mark.parametrize("value", [None, "", "soon", "2010-02-30", "0000-00-00 00:00:00", 20100309, ["2010"]])
def test_what_is_no_date_gives_none(value: object) -> None:
    assert iso_date(value) is None
