"""Glob patterns: where their fixed part ends, and what they match."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_WILDCARD = re.compile(r"[*?\[]")
_ANY_FOLDERS = "**"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern cut into the folder it starts from and the parts that vary.

    Attributes:
        folder: Everything before the first part with a wildcard; `.` when there is nothing.
        parts: The part with the first wildcard, and those after it.
    """

    folder: str
    parts: tuple[str, ...]

    def admits(self, path: str) -> bool:
        """Whether a file is matched, by its path relative to `folder`.

        `*` and `?` stay within a part; `**` stands for any number of folders, none included,
        and at the end for every file below.
        """
        return len(self.parts) in self._reached(path)

    def admits_below(self, path: str) -> bool:
        """Whether any file in a folder could be matched, by the folder's path."""
        return any(i < len(self.parts) for i in self._reached(path))

    def _reached(self, path: str) -> set[int]:
        """How many of the pattern's parts may be used up when the path is read."""
        reached = self._with_empty({0})
        for name in path.split("/"):
            reached = self._with_empty({i for before in reached for i in self._step(before, name)})
        return reached

    def _step(self, i: int, name: str) -> set[int]:
        if i == len(self.parts):
            return set()
        if self.parts[i] == _ANY_FOLDERS:
            return {i}
        return {i + 1} if fnmatchcase(name, self.parts[i]) else set()

    def _with_empty(self, reached: set[int]) -> set[int]:
        """The same, and what is reached when `**` stands for no folder."""
        for i in sorted(reached):
            following = i
            while following < len(self.parts) and self.parts[following] == _ANY_FOLDERS:
                following += 1
                reached = reached | {following}
        return reached


def has_wildcard(path: str) -> bool:
    """Whether a path is a pattern."""
    return _WILDCARD.search(path) is not None


def split_pattern(path: str) -> Pattern:
    """The pattern in a path whose parts are divided by `/`; it must hold a wildcard."""
    parts = path.split("/")
    first = next(i for i, part in enumerate(parts) if has_wildcard(part))
    folder = "/".join(parts[:first]) or ("/" if path.startswith("/") else ".")
    return Pattern(folder, tuple(part for part in parts[first:] if part not in {"", "."}))
