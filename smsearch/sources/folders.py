"""The files of a folder that a reader should see, in a fixed order; the one address of pathspec."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".smsearchignore"
INDEX_FILE = "index.sqlite"  # a folder that holds it is an index of ours


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a folder, or a reason why something in it is not read.

    Attributes:
        relative: Path relative to the folder, its parts divided by `/`.
        path: Where it is.
        reason: Why it is not read, or None for a file to read.
        failed: Whether it should have been readable.
    """

    relative: str
    path: Path
    reason: str | None = None
    failed: bool = False


def walk_folder(root: Path, *, admits_below: Callable[[str], bool] | None = None) -> Iterator[Found]:
    """The files below a folder, sorted by their relative path.

    Hidden files and folders, indexes of smsearch, and what the `.smsearchignore` files name (gitignore syntax, each
    relative to its own folder), are passed over without a word. Links to folders, links that
    lead out of the root, and what is no regular file come with a reason and are not read.

    Args:
        root: An existing folder.
        admits_below: Says by its relative path whether a folder is entered; None enters all.
    """
    found = list(_walk(root, "", _Rules(), root=Path(os.path.realpath(root)), admits_below=admits_below))
    return iter(sorted(found, key=lambda one: one.relative.encode("utf-8", "surrogateescape")))


def reason_against(path: Path) -> str | None:
    """Why something is not read as a file, None for a regular file.

    Raises:
        OSError: If nothing is there, or it may not be looked at.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return None
    return "a folder" if stat.S_ISDIR(mode) else "no regular file (a pipe, socket or device)"


class _Rules:
    """The ignore files from the root down to a folder; the deepest that has an opinion decides."""

    def __init__(self, specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()) -> None:
        self._specs = specs

    def with_file(self, path: Path, folder: str) -> _Rules:
        """These rules and those of one more file; `folder` is its path relative to the root.

        Raises:
            OSError: If the file is there and cannot be read.
            ValueError: If it holds a pattern that is none.
        """
        if not path.is_file():
            return self
        from pathspec import GitIgnoreSpec

        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        return _Rules((*self._specs, (folder, GitIgnoreSpec.from_lines(lines))))

    def ignores(self, relative: str, *, is_folder: bool) -> bool:
        """Whether a file or folder is to be passed over."""
        for folder, spec in reversed(self._specs):
            opinion = spec.check_file(relative[len(folder) :] + ("/" if is_folder else "")).include
            if opinion is not None:
                return opinion
        return False


def _walk(
    folder: Path, prefix: str, rules: _Rules, *, root: Path, admits_below: Callable[[str], bool] | None
) -> Iterator[Found]:
    """What is below a folder, in no order; `prefix` is its relative path with a `/` at its end."""
    try:
        rules = rules.with_file(folder / IGNORE_FILE, prefix)
    except (OSError, ValueError) as error:
        yield Found(prefix + IGNORE_FILE, folder / IGNORE_FILE, f"unusable ignore file: {error}", failed=True)
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        yield Found(prefix.rstrip("/") or ".", folder, _why(error), failed=True)
        return
    for entry in entries:
        relative = prefix + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if rules.ignores(relative, is_folder=is_folder):
            continue
        if is_folder and Path(entry.path, INDEX_FILE).is_file():
            continue
        if not is_folder:
            yield _found_file(relative, Path(entry.path), root=root)
        elif admits_below is None or admits_below(relative):
            yield from _walk(Path(entry.path), f"{relative}/", rules, root=root, admits_below=admits_below)


def _found_file(relative: str, path: Path, *, root: Path) -> Found:
    try:
        if not path.is_symlink():
            return Found(relative, path, reason_against(path))
        if path.is_dir():
            return Found(relative, path, "a link to a folder, which is not followed")
        if not Path(os.path.realpath(path)).is_relative_to(root):
            return Found(relative, path, "a link to a file outside the folder")
        return Found(relative, path, reason_against(path))
    except OSError as error:
        return Found(relative, path, _why(error), failed=True)


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
