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
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from math import inf
from pathlib import Path
from threading import Lock

from smsearch.encoders.derivation import (
    CHECKSUM,
    MAGIC,
    PREFIX,
    derive_vocabulary,
    entry_key,
)
from smsearch.encoders.splitting import WordSplitter

FILE_NAME = "vocabulary.bin"
_LONGEST_WORD = 400
_SHORT = 24  # characters of a text that is remembered as it is: a word, mostly
_MOST_SHORT = 1 << 14
_MOST_CHARACTERS = 700_000  # of words that are remembered: some 15 MB


class Vocabulary:
    """The entries and scores of a unigram tokenizer, mapped from a file.

    Attributes:
        tokenizer_sha256: SHA-256 of the `tokenizer.json` it was derived from.
        n_lookups: How often something was looked up that may be a piece of a word, since `learn` was called last; a
            microsecond each. Who answers questions calls it, who cuts many texts does not.
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
        self._unknown_score: float = header["unknown_score"]
        self._longest: int = header["longest"]
        self._keys, self._numbers, self._scores = sections["keys"], sections["numbers"], sections["scores"]
        self._ends, self._spellings = sections["ends"], sections["spellings"]
        self._kinds, self._forms = sections["kinds"], sections["forms"]
        self._splitter = WordSplitter(self._kinds, self._forms, header["skeleton"])
        self._known: dict[str, tuple[int, ...]] = {}
        self._n_known = 0  # characters of these
        self._untried: Sequence[tuple[Sequence[str], Collection[int]]] = ()
        self._divided: dict[str, list[str]] = {}  # the texts that were told last
        self._lock = Lock()
        self._cut_short = lru_cache(_MOST_SHORT)(self._cut)
        self.n_lookups = 0

    def cut(self, text: str) -> list[int] | None:
        """Token ids of a text, equal to those of `tokenizers`.

        Returns:
            None for a text in which a special token stands literally, for only `tokenizers` knows what
            to do with it, and for one with a stretch of over 400 characters without a space, for
            `tokenizers` is faster then.
        """
        ids = self._cut_short(text) if len(text) <= _SHORT else self._cut(text)
        return None if ids is None else list(ids)

    def _cut(self, text: str) -> Sequence[int] | None:
        words = self._divided.get(text) or self._words(text)
        if words is None:
            return None
        known = self._known
        return [i for word in words for i in known.get(word) or self._ids(word)]

    def learn(self, groups: Sequence[tuple[Sequence[str], Collection[int]]]) -> None:
        """Be told the token ids of texts: their words are cut in a twentieth of the time when a new one is met.

        The pieces that may stand in a word are few then, and the best cut is among them. What was told before and not
        needed is forgotten.

        Args:
            groups: Some texts with all the ids that `cut` gives for them, in any order; there may be others.
        """
        self._untried, self._divided = groups, {}
        self.n_lookups = 0

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

    def _words(self, text: str) -> list[str] | None:
        """The words of a text; None where they are for `tokenizers` to cut."""
        if self._added and any(token in text for token in self._added):
            return None
        words = self._splitter.words(text)
        return None if max(map(len, words), default=0) > _LONGEST_WORD else words

    def _ids(self, word: str) -> tuple[int, ...]:
        ids = self._known.get(word)
        if ids is None and self._untried:
            self._try()
            ids = self._known.get(word)
        if ids is None:
            ids = self._best_cut(word)
            self._remember(word, ids)
        return ids

    def _try(self) -> None:
        """Cut the words of the texts whose token ids are known."""
        untried, self._untried = self._untried, ()
        divided = self._divided
        for texts, ids in untried:
            divided.update((text, found) for text in texts if (found := self._words(text)) is not None)
            words = chain.from_iterable(divided.get(text, ()) for text in texts)
            new = dict.fromkeys(word for word in words if word not in self._known)
            if not new or self._unknown_id in ids or not all(0 <= i < len(self._scores) for i in ids):
                continue
            pieces = _Pieces((self._spelled(i), i, self._scores[i]) for i in ids)
            for word in new:
                cut = pieces.best(word)
                if cut is not None:
                    self._remember(word, cut)

    def _remember(self, word: str, ids: tuple[int, ...]) -> None:
        with self._lock:
            if self._n_known > _MOST_CHARACTERS:
                for old in list(islice(self._known, len(self._known) // 2)):
                    del self._known[old]
                self._n_known = sum(map(len, self._known))
            self._n_known += len(word) if word not in self._known else 0
            self._known[word] = ids

    def _best_cut(self, word: str) -> tuple[int, ...]:
        """The cut whose scores sum up highest (Viterbi), unknown characters in a row as one.

        Sums are made, and ties broken, as `tokenizers` does: of equal cuts the one whose last
        piece begins first.
        """
        n = len(word)
        whole = min(n, self._longest)
        self.n_lookups += whole * (whole + 1) // 2 + (n - whole) * whole
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
        return number if self._spelling(number) == spelling else None

    def _spelled(self, number: int) -> str:
        return bytes(self._spelling(number)).decode()

    def _spelling(self, number: int) -> memoryview:
        return self._spellings[self._ends[number - 1] if number else 0 : self._ends[number]]


class _Pieces:
    """Some entries, of which words are made."""

    def __init__(self, entries: Iterable[tuple[str, int, float]]) -> None:
        """Take their spellings, numbers and scores."""
        self._whole: dict[str, tuple[int, float]] = {}
        self._beginning: dict[str, list[tuple[str, int, float]]] = {}
        for spelling, number, score in entries:
            self._whole[spelling] = number, score
            self._beginning.setdefault(spelling[:2], []).append((spelling, number, score))
        self._highest = max((score for _, score in self._whole.values()), default=0.0)

    def best(self, word: str) -> tuple[int, ...] | None:
        """The cut whose scores sum up highest, ties as `Vocabulary` breaks them; None where there is none."""
        number, score = self._whole.get(word, (0, -inf))
        if score > 2 * self._highest and self._highest <= 0:  # two pieces score less
            return (number,)
        n = len(word)
        best = [0.0] + [-inf] * n
        begins, ids = [0] * (n + 1), [0] * (n + 1)
        for begin in range(n):
            so_far = best[begin]
            if so_far == -inf:  # no pieces end here
                continue
            for beginning in (word[begin : begin + 2], word[begin : begin + 1]):
                for spelling, number, score in self._beginning.get(beginning, ()):
                    if word.startswith(spelling, begin):
                        end = begin + len(spelling)
                        if score + so_far > best[end]:
                            best[end], begins[end], ids[end] = score + so_far, begin, number
        return None if best[n] == -inf else tuple(reversed(list(_steps_back(begins, ids))))


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
    """Where this user's derived files go: `SMSEARCH_CACHE`, else a folder of the system's cache."""
    if given := os.environ.get("SMSEARCH_CACHE"):
        return Path(given)
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
