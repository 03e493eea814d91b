"""The files of a folder that a reader should see, in a fixed order; the one address of pathspec."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from smsearch.sources.limits import read_held
from smsearch.sources.opening import IRREGULAR, open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".smsearchignore"
INDEX_FILE = "index.sqlite"  # a folder that holds it is an index of ours

_LARGEST_IGNORE_FILE = 1_000_000
# the regular expressions that pathspec makes take a time that grows with the power of these
_MOST_STARS_IN_A_PART = 3
_MOST_STARS = 6
_STARS = re.compile(r"\*+")


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a folder, or a reason why something in it is not read.

    Attributes:
        relative: Path relative to the folder, its parts divided by `/`.
        path: Where it is; of a link that is read, where it leads.
        reason: Why it is not read, or None for a file to read.
        failed: Whether it should have been readable.
    """

    relative: str
    path: Path
    reason: str | None = None
    failed: bool = False


def walk_folder(
    root: Path, *, admits_below: Callable[[str], bool] | None = None, follow_links: bool = False
) -> Iterator[Found]:
    """The files below a folder, sorted by their relative path.

    Hidden files and folders, indexes of smsearch, and what the `.smsearchignore` files name (gitignore syntax, each
    relative to its own folder), are passed over without a word. Links to folders, links that
    lead out of the root, and what is no regular file come with a reason and are not read.

    Args:
        root: An existing folder.
        admits_below: Says by its relative path whether a folder is entered; None enters all.
        follow_links: Whether links lead to folders and out of the root. Each folder is entered
            once, under its own path where it has one below the root, so that no ring of links
            is walked twice.
    """
    found = list(_Walk(root, admits_below=admits_below, follow_links=follow_links).everything())
    return iter(sorted(found, key=lambda one: one.relative.encode("utf-8", "surrogateescape")))


def found_alone(path: Path) -> Found:
    """A file that the user named by itself; a link is followed."""
    try:
        return Found(path.name, Path(os.path.realpath(path)), reason_against(path))
    except OSError as error:
        return Found(path.name, path, _why(error), failed=True)


def reason_against(path: Path) -> str | None:
    """Why something is not read as a file, None for a regular file.

    Raises:
        OSError: If nothing is there, or it may not be looked at.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return None
    return "a folder" if stat.S_ISDIR(mode) else IRREGULAR


class _Rules:
    """The ignore files from the root down to a folder; the deepest that has an opinion decides."""

    def __init__(self, specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()) -> None:
        self._specs = specs

    def with_file(self, path: Path, folder: str) -> _Rules:
        """These rules and those of one more file; `folder` is its path relative to the root.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it is too large, or holds a pattern that is none or too slow to match.
        """
        from pathspec import GitIgnoreSpec

        with open_regular(path) as file:
            data = read_held(file, limit=_LARGEST_IGNORE_FILE)
        lines = data.decode("utf-8-sig", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            _require_few_stars(line, number)
        return _Rules((*self._specs, (folder, GitIgnoreSpec.from_lines(lines))))

    def ignores(self, relative: str, *, is_folder: bool) -> bool:
        """Whether a file or folder is to be passed over."""
        for folder, spec in reversed(self._specs):
            opinion = spec.check_file(relative[len(folder) :] + ("/" if is_folder else "")).include
            if opinion is not None:
                return opinion
        return False


def _require_few_stars(line: str, number: int) -> None:
    parts = [] if line.startswith("#") else [len(_STARS.findall(part)) for part in line.split("/")]
    if sum(parts) > _MOST_STARS or max(parts, default=0) > _MOST_STARS_IN_A_PART:
        raise ValueError(f"line {number} has too many asterisks; write it as several patterns")


@dataclass(slots=True)
class _Place:
    """A folder to look into; `prefix` is its relative path with a `/` at its end."""

    folder: Path
    prefix: str
    rules: _Rules = field(default_factory=_Rules)


class _Walk:
    """One walk through a folder; links to folders wait until all that has a path of its own was seen."""

    def __init__(self, root: Path, *, admits_below: Callable[[str], bool] | None, follow_links: bool) -> None:
        self._start = root
        self._root = Path(os.path.realpath(root))
        self._admits_below = admits_below
        self._follows = follow_links
        self._entered: set[tuple[int, int]] = set()
        self._links: list[_Place] = []

    def everything(self) -> Iterator[Found]:
        """What is below the root, in no order."""
        yield from self._below(_Place(self._start, ""))
        while self._links:
            links, self._links = sorted(self._links, key=lambda link: os.fsencode(link.prefix)), []
            for link in links:
                yield from self._through(link)

    def _below(self, place: _Place) -> Iterator[Found]:
        waiting = [place]
        while waiting:
            place = waiting.pop()
            try:
                self._entered.add(_identity(place.folder))
                entries = [entry for entry in os.scandir(place.folder) if not entry.name.startswith(".")]
            except OSError as error:
                yield Found(place.prefix.rstrip("/") or ".", place.folder, _why(error), failed=True)
                continue
            try:
                rules = self._rules_in(place)
            except (OSError, ValueError) as error:
                ignore_file = place.folder / IGNORE_FILE
                yield Found(place.prefix + IGNORE_FILE, ignore_file, f"unusable ignore file: {error}", failed=True)
                rules = place.rules
            for entry in entries:
                found = self._entry(entry, place.prefix + entry.name, rules)
                if isinstance(found, _Place):
                    waiting.append(found)
                elif found is not None:
                    yield found

    def _entry(self, entry: os.DirEntry[str], relative: str, rules: _Rules) -> Found | _Place | None:
        """What is to be said of an entry, the folder to look into, or nothing."""
        is_folder = entry.is_dir(follow_symlinks=False)
        if rules.ignores(relative, is_folder=is_folder):
            return None
        path = Path(entry.path)
        if not is_folder:
            return self._file(relative, path, rules)
        return _Place(path, f"{relative}/", rules) if self._enters(relative, path) else None

    def _enters(self, relative: str, path: Path) -> bool:
        admitted = self._admits_below is None or self._admits_below(relative)
        return admitted and not Path(path, INDEX_FILE).is_file()

    def _file(self, relative: str, path: Path, rules: _Rules) -> Found | None:
        try:
            if not path.is_symlink():
                return Found(relative, path, reason_against(path))
            target = Path(os.path.realpath(path))
            if path.is_dir():
                return self._folder_link(relative, target, rules)
            if not (self._follows or target.is_relative_to(self._root)):
                return Found(relative, path, "a link to a file outside the folder, read only with --follow-links")
            return Found(relative, target, reason_against(path))
        except OSError as error:
            return Found(relative, path, _why(error), failed=True)

    def _folder_link(self, relative: str, target: Path, rules: _Rules) -> Found | None:
        if not self._follows:
            return Found(relative, target, "a link to a folder, followed only with --follow-links")
        if self._enters(relative, target):
            self._links.append(_Place(target, f"{relative}/", rules))
        return None

    def _through(self, link: _Place) -> Iterator[Found]:
        try:
            entered = _identity(link.folder) in self._entered
        except OSError as error:
            yield Found(link.prefix.rstrip("/"), link.folder, _why(error), failed=True)
            return
        if entered:
            yield Found(link.prefix.rstrip("/"), link.folder, "a link to a folder that is read already")
        else:
            yield from self._below(link)

    def _rules_in(self, place: _Place) -> _Rules:
        """The rules above a folder and those of its own ignore file, unless that leads out of the root."""
        path = place.folder / IGNORE_FILE
        if not path.is_file():
            return place.rules
        target = Path(os.path.realpath(path))
        if path.is_symlink() and not (self._follows or target.is_relative_to(self._root)):
            raise ValueError("a link to a file outside the folder")
        return place.rules.with_file(target, place.prefix)


def _identity(folder: Path) -> tuple[int, int]:
    about = folder.stat()
    return about.st_dev, about.st_ino


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
