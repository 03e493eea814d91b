"""A mapped vocabulary, and a short exact tokenizer over it for a handful of texts.

Loading a `tokenizer.json` of 200,000 entries takes half a second; mapping its binary form takes
milliseconds. Ids are equal to those of `tokenizers` on every text.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import sys
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import groupby
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from smsearch.encoders.derivation import (
    CHECKSUM,
    DIGIT,
    ISOLATED,
    LETTER,
    MAGIC,
    PREFIX,
    REFUSED,
    SPACE,
    derive_vocabulary,
    entry_key,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILE_NAME = "vocabulary.bin"
_PLANE = 0x10000
_LONGEST_WORD = 400
_CACHED_WORDS = 4096


class Vocabulary:
    """The entries and scores of a unigram tokenizer, mapped from a file.

    Attributes:
        tokenizer_sha256: SHA-256 of the `tokenizer.json` it was derived from.
    """

    def __init__(self, data: mmap.mmap | bytes) -> None:
        """Read the header and check the whole.

        Raises:
            ValueError: If the data are damaged, of another format or from another kind of machine.
            KeyError: If the header lacks an entry.
        """
        view = memoryview(data)
        body, checksum = view[: -CHECKSUM.size], view[-CHECKSUM.size :]
        if bytes(body[: len(MAGIC)]) != MAGIC or CHECKSUM.pack(zlib.crc32(body)) != bytes(checksum):
            raise ValueError("damaged, or of another format")
        start = len(MAGIC) + PREFIX.size
        end = start + PREFIX.unpack(body[len(MAGIC) : start])[0]
        header = json.loads(bytes(body[start:end]))
        if header["byteorder"] != sys.byteorder:
            raise ValueError(f"byte order {header['byteorder']}")
        sections: dict[str, memoryview] = {}
        for name, (typecode, size) in header["sections"].items():
            sections[name] = body[end : end + size].cast(typecode)
            end += size
        self.tokenizer_sha256: str = header["tokenizer_sha256"]
        self._unknown_id: int = header["unknown_id"]
        self._added: list[str] = header["added"]
        self._skeleton_json: str = header["skeleton"]
        self._unknown_score: float = header["unknown_score"]
        self._longest: int = header["longest"]
        self._keys, self._numbers, self._scores = sections["keys"], sections["numbers"], sections["scores"]
        self._ends, self._spellings = sections["ends"], sections["spellings"]
        self._kinds, self._forms = sections["kinds"], sections["forms"]
        self._word_ids = lru_cache(_CACHED_WORDS)(self._best_cut)

    def cut(self, text: str) -> list[int] | None:
        """Token ids of a text, equal to those of `tokenizers`.

        Returns:
            None for a text in which a special token stands literally, for only `tokenizers` knows what
            to do with it, and for one with a stretch of over 400 characters without a space, for
            `tokenizers` is faster then.
        """
        if any(token in text for token in self._added):
            return None
        words = self._plain_words(text)
        if words is None:
            words = self._words(text)
        if any(len(word) > _LONGEST_WORD for word in words):
            return None
        return [i for word in words for i in self._word_ids(word)]

    @property
    def cuts_words_alone(self) -> bool:
        """Whether every text can be cut word by word: no special tokens, and the words of our own tokenizers."""
        return not self._added and any(self._kinds)

    @property
    def whole_entries_win(self) -> bool:
        """Whether a word that is an entry is never cut: two pieces always score less than any one."""
        scores = [score for i, score in enumerate(self._scores) if i != self._unknown_id]
        return min(scores) > 2 * max(scores)

    def character(self, point: int) -> tuple[int, str]:
        """What kind a character of the basic plane is, and what it is normalised to; REFUSED if not by itself."""
        return self._kinds[point], chr(self._forms[point])

    def _plain_words(self, text: str) -> list[str] | None:
        """Words of a text whose characters are all normalised one by one; else None."""
        points = [ord(character) for character in text]
        if points and max(points) >= _PLANE:
            return None
        kinds = self._kinds
        if any(kinds[point] == REFUSED for point in points):
            return None
        characters = ((" ", SPACE) if kinds[p] == SPACE else (chr(self._forms[p]), kinds[p]) for p in points)
        return list(_split_words(list(characters)))

    def _words(self, text: str) -> list[str]:
        normalized = self._skeleton.normalizer.normalize_str(text)
        return [word for word, _ in self._skeleton.pre_tokenizer.pre_tokenize_str(normalized)]

    @cached_property
    def _skeleton(self) -> Tokenizer:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self._skeleton_json)

    def _best_cut(self, word: str) -> tuple[int, ...]:
        """The cut whose scores sum up highest (Viterbi), unknown characters in a row as one.

        Sums are made, and ties broken, as `tokenizers` does: of equal cuts the one whose last
        piece begins first.
        """
        n = len(word)
        best = [0.0] + [-inf] * n
        begins = [0] * (n + 1)
        ids = [self._unknown_id] * (n + 1)
        for begin in range(n):
            so_far = best[begin]
            for end in range(begin + 1, min(n, begin + self._longest) + 1):
                number = self._number(word[begin:end])
                if number is not None:
                    score = self._scores[number] + so_far
                elif end == begin + 1:
                    number, score = self._unknown_id, self._unknown_score + so_far
                else:
                    continue
                if score > best[end]:
                    best[end], begins[end], ids[end] = score, begin, number
        found = list(_steps_back(begins, ids))
        kept = [i for i, after in zip(found, [None, *found], strict=False) if not i == after == self._unknown_id]
        return tuple(reversed(kept))

    def _number(self, piece: str) -> int | None:
        spelling = piece.encode()
        key = entry_key(spelling)
        i = bisect_left(self._keys, key)
        if i == len(self._keys) or self._keys[i] != key:
            return None
        number = self._numbers[i]
        begin = self._ends[number - 1] if number else 0
        return number if self._spellings[begin : self._ends[number]] == spelling else None


def _steps_back(begins: list[int], ids: list[int]) -> Iterator[int]:
    end = len(begins) - 1
    while end > 0:
        yield ids[end]
        end = begins[end]


def open_vocabulary(tokenizer_json: Path) -> Vocabulary | None:
    """The mapped vocabulary of a `tokenizer.json`, derived anew if it is missing, stale or damaged.

    It stands beside the tokenizer, or in the user's cache where that folder cannot be written.

    Returns:
        None where there can be none: another kind of tokenizer, or nowhere to write. Never an
        error, for `tokenizers` does the same work, only later.
    """
    try:
        content = tokenizer_json.read_bytes()
    except OSError:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    places = _places(tokenizer_json)
    for place in places:
        vocabulary = _map(place)
        if vocabulary is not None and vocabulary.tokenizer_sha256 == sha256:
            return vocabulary
    try:
        data = derive_vocabulary(content)
    except (ValueError, KeyError, TypeError):  # `tokenizers` says what is wrong with it
        return None
    return None if data is None else next(_written(places, data), None)


def cache_folder() -> Path:
    """Where this user's derived files go."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "smsearch"


def _places(tokenizer_json: Path) -> list[Path]:
    beside = tokenizer_json.with_name(FILE_NAME)
    key = hashlib.blake2b(str(tokenizer_json.resolve()).encode(errors="surrogateescape"), digest_size=16)
    try:
        return [beside, cache_folder() / f"{key.hexdigest()}.{FILE_NAME}"]
    except RuntimeError:  # no home directory
        return [beside]


def _map(path: Path) -> Vocabulary | None:
    try:
        with path.open("rb") as file:
            return Vocabulary(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _written(places: list[Path], data: bytes) -> Iterator[Vocabulary]:
    from smsearch.files import write_atomically

    for place in places:
        try:
            if place.name != FILE_NAME:
                place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, data)
        except OSError:
            continue
        yield Vocabulary(data)


def _split_words(characters: list[tuple[str, int]]) -> Iterator[str]:
    """Words of normalised characters: marks alone, digits and letters apart, a `▁` before each."""
    folded = _fold_spaces(characters)
    runs = groupby(enumerate(folded), key=_run_key)
    for _, run in runs:
        stretch = "".join(character for _, (character, _) in run)
        for word in stretch.removeprefix(" ").split(" "):
            yield f"▁{word}"


def _run_key(entry: tuple[int, tuple[str, int]]) -> tuple[int, int]:
    i, (_, kind) = entry
    if kind == ISOLATED:
        return kind, i
    return (DIGIT if kind == DIGIT else LETTER), -1


def _fold_spaces(characters: list[tuple[str, int]]) -> list[tuple[str, int]]:
    folded: list[tuple[str, int]] = []
    for character in characters:
        if character[1] != SPACE or (folded and folded[-1][1] != SPACE):
            folded.append(character)
    if folded and folded[-1][1] == SPACE:
        folded.pop()
    return folded
