from __future__ import annotations

import pytest

from smsearch.sources.patterns import Pattern, has_wildcard, split_pattern


@pytest.mark.parametrize(
    ("path", "folder", "parts"),
    [
        ("posts/**/*.md", "posts", ("**", "*.md")),
        ("*.md", ".", ("*.md",)),
        ("/a/b?/c", "/a", ("b?", "c")),
        ("/*.md", "/", ("*.md",)),
    ],
)
def test_pattern_starts_after_its_fixed_folder(path: str, folder: str, parts: tuple[str, ...]) -> None:
    assert split_pattern(path) == Pattern(folder, parts)


@pytest.mark.parametrize(
    ("pattern", "path", "admitted"),
    [
        ("*.md", "a.md", True),
        ("*.md", "x/a.md", False),
        ("**/*.md", "a.md", True),
        ("**/*.md", "x/y/a.md", True),
        ("**/*.md", "x/y/a.txt", False),
        ("**", "x/y/a.txt", True),
        ("20??/**/[ab].md", "2010/a.md", True),
        ("20??/**/[ab].md", "2010/x/c.md", False),
        ("**/x/**/*.md", "a/x/b/c/d.md", True),
        ("**/x/**/*.md", "a/b/c/d.md", False),
    ],
)
def test_pattern_admits_paths_part_by_part(pattern: str, path: str, *, admitted: bool) -> None:
    assert Pattern(".", tuple(pattern.split("/"))).admits(path) is admitted


@pytest.mark.parametrize(("path", "entered"), [("2010", True), ("2010/x", False), ("old", False)])
def test_folders_that_cannot_match_are_not_entered(path: str, *, entered: bool) -> None:
    assert Pattern(".", ("20??", "*.md")).admits_below(path) is entered


def test_many_double_stars_are_matched_quickly() -> None:
    assert not Pattern(".", ("**",) * 30 + ("end",)).admits("/".join("a" * 60))


def test_plain_path_has_no_wildcard() -> None:
    assert not has_wildcard("posts/a.md")
