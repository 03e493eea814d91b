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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from smsearch.text.lines import fold_letters

KEYS_VERSION = 1
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


def repeat_breaks(units: Sequence[str]) -> set[int]:
    """Positions where a document must be cut so that both copies of a repeated run are cut alike.

    A run is a sequence of units (paragraphs) that stands earlier in the same order; runs of fewer
    than 100 letters are ignored.

    Returns:
        Positions `i` meaning "cut before unit i"; `len(units)` may be among them.
    """
    if len(units) < 2:  # noqa: PLR2004  nothing to repeat
        return set()
    keys = [fold_letters(unit) for unit in units]
    first_seen: dict[str, int] = {}
    breaks: set[int] = set()
    start = original = length = letters = 0
    for i, key in enumerate([*keys, ""]):
        follows = length and key and original + length < start and keys[original + length] == key
        if follows:
            length, letters = length + 1, letters + len(key)
            continue
        if letters >= _SHORTEST_RUN:
            breaks.update((start, start + length, original, original + length))
        seen = first_seen.get(key) if key else None
        start, original, length, letters = (i, seen, 1, len(key)) if seen is not None else (0, 0, 0, 0)
        first_seen.setdefault(key, i)
    return breaks


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
    """

    pairs: Shingles
    numbers: frozenset[str]

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Wording:
        """Of a text with these folded words."""
        return cls(shingles(words), frozenset(_numbers(words)))


def is_repeat(one: Wording, of: Wording) -> bool:
    """Whether two texts say the same: similar enough, and the same numbers in both."""
    return one.numbers == of.numbers and similarity(one.pairs, of.pairs) >= SIMILARITY


def exact_key(text: str) -> int:
    """Key that equal texts share, whatever their case, spacing and punctuation; 64 bits, signed.

    What stands between two digits parts them: `1.5` is not `15`. In a text without letters and digits
    every sign counts.
    """
    parts = _BETWEEN_DIGITS.split(text) if _DIGIT.search(text) else [text]
    letters = " ".join(map(fold_letters, parts))
    folded = letters if letters.strip() else "".join(unicodedata.normalize("NFKC", text).split())
    digest = hashlib.blake2b(folded.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def near_keys(words: Sequence[str]) -> list[int]:
    """Keys under which near-duplicates of a text meet; 64 bits, signed, different for each band.

    Texts of fewer than 7 different pairs of words have none: a word more or less makes them another text. Texts with
    different numbers never meet.
    """
    found = shingles(words)
    if len(found) < _FEWEST_WORDS - 1:
        return []
    from rensa import RMinHash

    sketch = RMinHash(num_perm=N_BANDS * N_ROWS, seed=_SEED)  # its batch call starts threads, which cost more
    sketch.update(list(found))
    digest = sketch.digest()
    numbers = " ".join(sorted(_numbers(words))).encode()
    rows = struct.pack(f"<{N_BANDS * N_ROWS}I", *digest)
    width = len(rows) // N_BANDS
    return [_band_key(band, rows[band * width : (band + 1) * width] + numbers) for band in range(N_BANDS)]


def _numbers(words: Iterable[str]) -> set[str]:
    """The words that hold a digit."""
    return {word for word in words if not word.isalpha() and any(map(str.isdigit, word))}


def _band_key(band: int, content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(bytes([band]) + content, digest_size=8).digest(), "big", signed=True)
