from __future__ import annotations

import json
from pathlib import Path

import pytest

from smsearch.errors import SourceError
from smsearch.records import Document, Fields
from smsearch.sources import estimate_documents, read_source, resolve_source

_ITEM = "<item><title>Post {0}</title><guid>p{0}</guid><description>Om sociale medier {0}.</description></item>"


def _write_exports(folder: Path) -> None:
    """One export of each kind, with seven documents, and a post."""
    (folder / "rows.jsonl").write_text("".join(f'{{"text": "Linje {i}"}}\n' for i in range(7)), encoding="utf-8")
    (folder / "rows.json").write_text(json.dumps([{"text": f"Række {i}"} for i in range(7)]), encoding="utf-8")
    (folder / "rows.csv").write_text("text\n" + "".join(f"Celle {i}\n" for i in range(7)), encoding="utf-8")
    (folder / "feed.xml").write_text(
        f"<rss version='2.0'><channel><title>B</title>{''.join(map(_ITEM.format, range(7)))}</channel></rss>",
        encoding="utf-8",
    )
    mails = "".join(f"From a@b Mon Jan 1 00:00:00 2024\nSubject: Brev {i}\n\nHej {i}.\n\n" for i in range(7))
    (folder / "mails.mbox").write_text(mails, encoding="utf-8")
    (folder / "post.txt").write_text("Kære læser.\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rows.jsonl", 7),
        ("rows.json", 7),
        ("rows.csv", 7),
        ("feed.xml", 7),
        ("mails.mbox", 7),
        ("post.txt", 1),
        ("", 36),
    ],
)
def test_the_documents_of_an_export_are_known_before_they_are_read(name: str, expected: int, tmp_path: Path) -> None:
    _write_exports(tmp_path)
    source = resolve_source(str(tmp_path / name))
    assert sum(isinstance(each, Document) for each in read_source(source)) == expected
    estimated = estimate_documents(source)
    assert estimated is not None
    assert abs(estimated - expected) <= (1 if name else 4)  # a header, a last line without its end


def test_a_mark_across_two_blocks_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_exports(tmp_path)
    source = resolve_source(str(tmp_path / "feed.xml"))
    for size in (1, 2, 3, 5, 8, 64):
        monkeypatch.setattr("smsearch.sources.reading._BLOCK_BYTES", size)
        assert estimate_documents(source) == 7


def test_the_field_named_by_the_user_marks_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"body": "en"}, {"body": "to"}]', encoding="utf-8")
    assert estimate_documents(resolve_source(str(tmp_path / "a.json"), fields=Fields(text="body"))) == 2


def test_standard_input_has_no_number_and_nothing_is_said_of_what_is_not_there(tmp_path: Path) -> None:
    assert estimate_documents(resolve_source("-")) is None
    with pytest.raises(SourceError, match="there is no file or folder"):
        estimate_documents(resolve_source(str(tmp_path / "nothing")))
