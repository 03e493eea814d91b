"""The frozen records."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from smsearch.records import Document, Filters, Hit, Section

DOCUMENT = Document("a", "Text.", title="T", source="s", metadata={"x": 1, "y": None})


def test_fingerprint_has_32_hexadecimal_digits() -> None:
    assert len(DOCUMENT.fingerprint) == 32
    assert int(DOCUMENT.fingerprint, 16) > 0


@pytest.mark.parametrize("same", [{"doc_id": "b"}, {"source": "other"}, {"metadata": {"y": None, "x": 1}}])
def test_fingerprint_does_not_depend_on_identifier_source_or_order_of_metadata(same: dict[str, object]) -> None:
    assert replace(DOCUMENT, **same).fingerprint == DOCUMENT.fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Text"},
        {"title": ""},
        {"author": "A"},
        {"author": ""},
        {"date": "2010"},
        {"lang": "sv"},
        {"metadata": {"x": "1", "y": None}},
        {"metadata": {"x": 1}},
        {"sections": (Section(0, 5),)},
        {"sections": (Section(0, 5, "comment"),)},
    ],
)
def test_fingerprint_depends_on_everything_else(other: dict[str, object]) -> None:
    assert replace(DOCUMENT, **other).fingerprint != DOCUMENT.fingerprint  # type: ignore[arg-type]


def test_text_moved_from_title_to_text_changes_the_fingerprint() -> None:
    assert Document("a", "bc", title="a").fingerprint != Document("a", "c", title="ab").fingerprint


def test_records_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DOCUMENT.text = "Other."  # type: ignore[misc]


def test_filters_are_empty_until_one_is_set_even_to_nothing() -> None:
    assert Filters().empty
    assert not Filters(langs=()).empty
    assert not Filters(since="2010").empty


def test_hit_as_dict_gives_plain_values_in_the_order_of_the_attributes() -> None:
    hit = Hit("q", 1, 0.5, "a", 7, "T", "s", "sv", "post", 0, 4, "Text", "Text", 0, 4, matches=((0, 4),))
    plain = hit.as_dict()
    assert list(plain)[:5] == ["query", "rank", "score", "doc_id", "passage_id"]
    assert list(plain)[-2:] == ["metadata", "score_kind"]
    assert plain["matches"] == ((0, 4),)
    assert plain["metadata"] == {}
