"""Repeated text: where a document repeats itself, and keys under which near-duplicates meet.

Near-duplicates are found by MinHash (Broder, SEQUENCES 1997) over pairs of neighbouring words with
banding (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, section 3.4): 8 bands of 5 rows
let a pair with Jaccard similarity 0.8 meet with probability 0.96 and one of 0.2 with 0.003.
"""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from smsearch.text.lines import fold_letters

KEYS_VERSION = 2
"""Of the way keys are made; a new number makes them again."""

N_BANDS = 8
N_ROWS = 5
SIMILARITY = 0.85

_SEED = 20101
_FEWEST_WORDS = 8
_SHORTEST_RUN = 100

_DIGIT = re.compile(r"\d")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\W_]+(?=\d)")

Shingles = frozenset[str]


@dataclass(frozen=True, slots=True)
class Run:
    """A sequence of units (paragraphs) that stands earlier in the same order.

    Attributes:
        start: Its first unit.
        end: One past its last unit.
        original: The first unit of what it repeats.
    """

    start: int
    end: int
    original: int

    @property
    def breaks(self) -> tuple[int, int, int, int]:
        """Positions `i` meaning "cut before unit i", so that both copies are cut alike; one may be past the last."""
        return self.start, self.end, self.original, self.original + self.end - self.start


def repeated_runs(units: Sequence[str]) -> list[Run]:
    """The runs that a document repeats, in order; those of fewer than 100 letters are ignored."""
    if len(units) < 2:  # noqa: PLR2004  nothing to repeat
        return []
    keys = [fold_letters(unit) for unit in units]
    first_seen: dict[str, int] = {}
    runs: list[Run] = []
    start = original = length = letters = 0
    for i, key in enumerate([*keys, ""]):
        follows = length and key and original + length < start and keys[original + length] == key
        if follows:
            length, letters = length + 1, letters + len(key)
            continue
        if letters >= _SHORTEST_RUN:
            runs.append(Run(start, start + length, original))
        seen = first_seen.get(key) if key else None
        start, original, length, letters = (i, seen, 1, len(key)) if seen is not None else (0, 0, 0, 0)
        first_seen.setdefault(key, i)
    return runs


def shingles(words: Sequence[str]) -> Shingles:
    """Pairs of neighbouring words; a single word stands for itself."""
    if len(words) == 1:
        return frozenset(words)
    return frozenset(map(" ".join, pairwise(words)))


def similarity(one: Shingles, other: Shingles) -> float:
    """Jaccard similarity in `[0, 1]`; two empty sets are alike."""
    shared = len(one & other)
    union = len(one) + len(other) - shared
    return shared / union if union else 1.0


@dataclass(frozen=True, slots=True)
class Wording:
    """What is compared of a text with those it may repeat.

    Attributes:
        pairs: Of neighbouring words.
        numbers: The words that hold a digit.
        names: Its title and its heading, as `fold_text` gives them.
    """

    pairs: Shingles
    numbers: frozenset[str]
    names: frozenset[str]

    @classmethod
    def from_words(cls, words: Sequence[str], names: Collection[str] = ()) -> Wording:
        """Of a text with these folded words and names."""
        return cls(shingles(words), frozenset(_numbers(words)), frozenset(names))


def is_repeat(one: Wording, of: Wording) -> bool:
    """Whether two texts say the same: similar enough, and the same numbers and names in both."""
    return one.numbers == of.numbers and one.names == of.names and similarity(one.pairs, of.pairs) >= SIMILARITY


def fold_text(text: str) -> str:
    """The form under which texts are equal, whatever their case, spacing and punctuation.

    What stands between two digits parts them: `1.5` is not `15`. In a text without letters and digits
    every sign counts.
    """
    parts = _BETWEEN_DIGITS.split(text) if _DIGIT.search(text) else [text]
    letters = " ".join(map(fold_letters, parts))
    return letters if letters.strip() else "".join(unicodedata.normalize("NFKC", text).split())


def exact_key(text: str) -> int:
    """Key that texts share which `fold_text` makes equal; 64 bits, signed."""
    digest = hashlib.blake2b(fold_text(text).encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def near_keys(words: Sequence[str], names: Collection[str] = ()) -> list[int]:
    """Keys under which near-duplicates of a text meet; 64 bits, signed, different for each band.

    Texts of fewer than 7 different pairs of words have none: a word more or less makes them another text. Texts with
    different numbers or names never meet, so that thousands with one body under as many titles are not compared.

    Args:
        words: Folded words of the text.
        names: Its title and its heading, as `fold_text` gives them.
    """
    found = shingles(words)
    if len(found) < _FEWEST_WORDS - 1:
        return []
    from rensa import RMinHash

    sketch = RMinHash(num_perm=N_BANDS * N_ROWS, seed=_SEED)  # its batch call starts threads, which cost more
    sketch.update(list(found))
    digest = sketch.digest()
    told_apart = "\0".join([" ".join(sorted(_numbers(words))), *sorted(names)]).encode(errors="surrogatepass")
    rows = struct.pack(f"<{N_BANDS * N_ROWS}I", *digest)
    width = len(rows) // N_BANDS
    return [_band_key(band, rows[band * width : (band + 1) * width] + told_apart) for band in range(N_BANDS)]


def _numbers(words: Iterable[str]) -> set[str]:
    """The words that hold a digit."""
    return {word for word in words if not word.isalpha() and any(map(str.isdigit, word))}


def _band_key(band: int, content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(bytes([band]) + content, digest_size=8).digest(), "big", signed=True)
