"""The questions about the public collection are well formed and evenly divided."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LINES = (BENCHMARKS / "collection_questions.tsv").read_text(encoding="utf-8").splitlines()
ROWS = [tuple(line.split("\t")) for line in LINES[1:]]
REPOSITORIES = tomllib.loads((BENCHMARKS / "collection.toml").read_text(encoding="utf-8"))["repository"]


def test_every_line_has_a_query_a_document_and_an_answer() -> None:
    assert LINES[0] == "lang\tquery\tanswer_lang\tdoc\tanswer\tsplit"
    assert [row for row in ROWS if len(row) != 6 or not all(field.strip() for field in row)] == []
    assert [row for row in ROWS if not all(re.fullmatch(r"[a-z]{2}", lang) for lang in (row[0], row[2]))] == []
    assert [row[4] for row in ROWS if not 10 <= len(row[4]) <= 60] == []
    assert len({(row[0], row[1]) for row in ROWS}) == len(ROWS) >= 120


def test_answers_are_in_many_languages_and_half_are_asked_in_another() -> None:
    assert len({row[2] for row in ROWS}) >= 8
    assert 0.45 <= sum(row[0] != row[2] for row in ROWS) / len(ROWS) <= 0.55


def test_no_document_is_in_both_splits() -> None:
    splits = {split: {doc for row in ROWS if row[5] == split for doc in row[3].split("|")} for split in _sizes()}
    assert set(splits) == {"choose", "report"}
    assert splits["choose"] & splits["report"] == set()


def test_splits_are_of_about_one_size() -> None:
    assert max(_sizes().values()) <= 1.2 * min(_sizes().values())


def test_every_document_is_among_the_files_taken() -> None:
    assert len(REPOSITORIES) >= 8
    assert [doc for row in ROWS for doc in row[3].split("|") if not _is_taken(doc)] == []


def test_every_repository_is_pinned_to_a_commit() -> None:
    assert [each["name"] for each in REPOSITORIES if not re.fullmatch(r"[0-9a-f]{40}", each["commit"])] == []


def _sizes() -> Counter[str]:
    return Counter(row[5] for row in ROWS)


def _is_taken(doc: str) -> bool:
    folder, path = doc.split("/", 1)
    return any(
        each["name"].replace("/", "-") == folder
        and path.startswith(tuple(each["paths"]))
        and path.endswith(tuple(each["suffixes"]))
        for each in REPOSITORIES
    )
