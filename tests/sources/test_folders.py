from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from smsearch.sources.folders import walk_folder

if TYPE_CHECKING:
    from pathlib import Path


def plant(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text", encoding="utf-8")
    return root


def to_read(root: Path) -> list[str]:
    return [one.relative for one in walk_folder(root) if one.reason is None]


def test_files_come_sorted_by_their_path(tmp_path: Path) -> None:
    plant(tmp_path, "b.txt", "a/z.txt", "a.txt", "a/ä.txt", "c/d/e.txt")
    assert to_read(tmp_path) == ["a.txt", "a/z.txt", "a/ä.txt", "b.txt", "c/d/e.txt"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, ".hidden.txt", ".git/config", "a/.x/b.txt", "a/b.txt")
    assert [one.relative for one in walk_folder(tmp_path)] == ["a/b.txt"]


def test_ignore_file_names_files_and_folders_and_takes_back(tmp_path: Path) -> None:
    plant(tmp_path, "a.log", "keep.log", "drafts/a.txt", "x/drafts/b.txt", "x/c.txt", "drafts.txt")
    (tmp_path / ".smsearchignore").write_text("# comment\n*.log\n!keep.log\ndrafts/\n", encoding="utf-8")
    assert to_read(tmp_path) == ["drafts.txt", "keep.log", "x/c.txt"]


def test_nested_ignore_file_is_relative_to_its_folder_and_decides(tmp_path: Path) -> None:
    plant(tmp_path, "a.txt", "x/a.txt", "x/b.log", "x/y/a.txt", "b.log")
    (tmp_path / ".smsearchignore").write_text("*.log\n", encoding="utf-8")
    (tmp_path / "x" / ".smsearchignore").write_text("/a.txt\n!b.log\n", encoding="utf-8")
    assert to_read(tmp_path) == ["a.txt", "x/b.log", "x/y/a.txt"]


def test_links_that_lead_out_or_to_folders_are_named_and_not_read(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", "a.txt", "sub/b.txt")
    plant(tmp_path, "outside.txt")
    (root / "in.txt").symlink_to("a.txt")
    (root / "out.txt").symlink_to(tmp_path / "outside.txt")
    (root / "sub" / "loop").symlink_to(root)
    (root / "dead.txt").symlink_to("nothing")
    (root / "self.txt").symlink_to("self.txt")
    found = {one.relative: (one.reason, one.failed) for one in walk_folder(root)}
    assert found["in.txt"] == (None, False)
    assert found["out.txt"] == ("a link to a file outside the folder, read only with --follow-links", False)
    assert found["sub/loop"] == ("a link to a folder, followed only with --follow-links", False)
    assert found["dead.txt"] == ("no such file or directory", True)
    assert found["self.txt"][1] is True
    assert sorted(found) == ["a.txt", "dead.txt", "in.txt", "out.txt", "self.txt", "sub/b.txt", "sub/loop"]


def test_root_may_be_a_link_itself(tmp_path: Path) -> None:
    plant(tmp_path / "real", "a.txt")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert to_read(tmp_path / "link") == ["a.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipe_is_named_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (found,) = walk_folder(tmp_path)
    assert (found.reason, found.failed) == ("no regular file (a pipe, socket or device)", False)


def test_broken_ignore_file_does_not_hide_the_folder(tmp_path: Path) -> None:
    plant(tmp_path, "a.txt")
    (tmp_path / ".smsearchignore").write_text("!\n", encoding="utf-8")
    found = {one.relative: one.failed for one in walk_folder(tmp_path)}
    assert found == {".smsearchignore": True, "a.txt": False}


def test_empty_folder_gives_nothing(tmp_path: Path) -> None:
    assert list(walk_folder(tmp_path)) == []


def found_below(root: Path) -> dict[str, str | None]:
    return {one.relative: one.reason for one in walk_folder(root, follow_links=True)}


def test_followed_links_lead_out_and_each_folder_is_entered_once(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", "a.txt", "sub/b.txt")
    plant(tmp_path / "outside", "far.txt")
    (tmp_path / "outside" / "back").symlink_to(root)
    (root / "0_first").symlink_to("sub")  # sorted before the folder, whose own name counts all the same
    (root / "one").symlink_to(tmp_path / "outside")
    (root / "two").symlink_to("../outside")
    (root / "up.txt").symlink_to("../outside/far.txt")
    again = "a link to a folder that is read already"
    assert found_below(root) == {
        "0_first": again,
        "a.txt": None,
        "one/back": again,
        "one/far.txt": None,
        "sub/b.txt": None,
        "two": again,
        "up.txt": None,
    }


def test_followed_links_still_obey_ignore_files_and_pass_over_indexes(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", "a.txt")
    plant(tmp_path / "outside", "b.log", "c.txt")
    plant(tmp_path / "index", "index.sqlite", "d.txt")
    (root / ".smsearchignore").write_text("*.log\nno\n", encoding="utf-8")
    (root / "yes").symlink_to(tmp_path / "outside")
    (root / "no").symlink_to(tmp_path / "outside")
    (root / "index").symlink_to(tmp_path / "index")
    assert found_below(root) == {"a.txt": None, "yes/c.txt": None}


def test_link_to_a_device_is_named_even_when_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "zero.txt").symlink_to(os.devnull)
    assert found_below(tmp_path) == {"zero.txt": "no regular file (a pipe, socket or device)"}


@pytest.mark.parametrize("pattern", ["*a" * 4, "**/" * 7 + "a", "a*/b*/c*/d*/e*/f*/g*"])
def test_pattern_that_takes_too_long_makes_the_ignore_file_unusable(tmp_path: Path, pattern: str) -> None:
    plant(tmp_path, "a" * 200)
    (tmp_path / ".smsearchignore").write_text(f"# **** * * * *\n{pattern}\n", encoding="utf-8")
    found = {one.relative: one.reason for one in walk_folder(tmp_path)}
    reason = "unusable ignore file: line 2 has too many asterisks; write it as several patterns"
    assert found == {".smsearchignore": reason, "a" * 200: None}


def test_ignore_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", "a.log")
    (tmp_path / "rules").write_text("*.log\n", encoding="utf-8")
    (root / ".smsearchignore").symlink_to("../rules")
    found = {one.relative: one.reason for one in walk_folder(root)}
    assert found == {
        ".smsearchignore": "unusable ignore file: a link to a file outside the folder",
        "a.log": None,
    }
