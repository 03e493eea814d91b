"""Passages of a ranking that are translations of each other, and which of them comes first.

Two passages are taken for translations if each is the nearest of its language to the other, their lengths are alike
and their numbers agree. The thresholds were measured on XQuAD, 240 paragraphs in 12 languages. With the static table,
among 60 candidates, 99.9 % of the pairs within a group are translations, and 91 % of all translations are in one group.
Of paragraphs beside others of the same article in another language, but not their own, 0.6 % are paired. Names in Latin
letters are not compared: half of the translations share less than a sixth of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders import E5_SMALL, STATIC, canonical_name
from smsearch.errors import NotFoundError
from smsearch.index.reader import IndexReader
from smsearch.index.stored_vectors import StoredVectors
from smsearch.records import UNKNOWN_LANG

_LONGER = 2.0  # times as long as its translation a passage may be; 1.96 is the most on XQuAD
_SAME_NUMBERS = 0.5  # of the numbers of both; 97 % of the translations on XQuAD, 13 % of others of the same article
_DENSE_LETTERS = 3  # letters of an alphabet that a Chinese character, kana or Hangul syllable stands for
_ALONE = 4 * 65_536  # multiplications that OpenBLAS leaves to one thread

_NUMBER = re.compile(r"\d{2,30}")  # small numbers are often written as words
_IN_NUMBER = re.compile(r"(?<=\d)[.,'’\u066c\u00a0\u202f ](?=\d{3}(?!\d))")
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near the vectors of translations are at least.

    Attributes:
        with_numbers: Cosine of two passages that have numbers which agree.
        without_numbers: Cosine of two passages without numbers.
    """

    with_numbers: float
    without_numbers: float


MEASURED: Final = {STATIC: Likeness(0.45, 0.6), E5_SMALL: Likeness(0.84, 0.88)}
"""Of the built-in encoders. By e5-small, 60 % of the translations of XQuAD's paragraphs have a cosine of at least 0.88,
and 0.9 % of the nearest others."""

UNMEASURED: Final = Likeness(-1.0, 2.0)
"""Of another encoder, whose cosines may be high for any two texts: nearest neighbours need numbers that agree."""


@dataclass(frozen=True, slots=True)
class Content:
    """What must agree in a text and its translation.

    Attributes:
        length: In letters of an alphabet, white space included.
        numbers: Of two digits or more, in decimal digits, without separators of thousands.
    """

    length: int
    numbers: frozenset[str]

    @classmethod
    def from_text(cls, text: str) -> Content:
        """Of a text in any script."""
        joined = _IN_NUMBER.sub("", unicodedata.normalize("NFKC", text))
        numbers = frozenset(str(int(number)) for number in _NUMBER.findall(joined))
        return cls(len(text) + (_DENSE_LETTERS - 1) * len(_DENSE.findall(text)), numbers)


@dataclass(frozen=True, slots=True)
class Translations:
    """Which of the passages of a ranking are translations of each other.

    Attributes:
        languages: Of each place, as `language_of` gives them.
        groups: Places that are translations of each other, ascending.
    """

    languages: tuple[str, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()

    def with_first(self, lang: str) -> tuple[list[int], frozenset[int]]:
        """The order with the passages in a language first, and the places in it of those that stand behind theirs.

        Args:
            lang: A tag; `und` keeps the order.
        """
        order = asked_first(len(self.languages), self.groups, self.languages, language_of(lang))
        now = {place: i for i, place in enumerate(order)}
        behind = [place for group in self.groups for place in sorted(now[each] for each in group)[1:]]
        return order, frozenset(behind)


def language_of(tag: str) -> str:
    """The language of a tag without script and region, or the empty string where it is unknown."""
    language = tag.partition("-")[0]
    return "" if language == UNKNOWN_LANG else language


def nearest_pairs(
    vectors: NDArray[np.float32], languages: Sequence[str], documents: Sequence[int], *, likeness: Likeness
) -> dict[Pair, float]:
    """Pairs of places, each the nearest of its language to the other, with their cosines, highest first.

    Args:
        vectors: Of the passages of a ranking, `(n, dim)`, unit rows.
        languages: Of each, as `language_of` gives them; unknown ones are in no pair.
        documents: Of each, the number of its document; passages of one document are no pair.
        likeness: Least cosines.
    """
    known = np.array([bool(language) for language in languages], np.bool_)
    _, of_language = np.unique(np.array(languages, dtype=np.str_), return_inverse=True)
    of_document = np.array(documents, np.int64)
    may_pair = known[:, None] & known[None, :]
    may_pair &= (of_language[:, None] != of_language[None, :]) & (of_document[:, None] != of_document[None, :])
    cosines = _cosines(vectors)
    least = min(likeness.with_numbers, likeness.without_numbers)
    ones, others = np.nonzero(np.triu(may_pair & (cosines >= least), 1))
    order = np.lexsort((others, ones, -cosines[ones, others]))
    seen: set[tuple[int, str]] = set()
    pairs: dict[Pair, float] = {}
    for one, other in zip(ones[order].tolist(), others[order].tolist(), strict=True):
        sides = {(one, languages[other]), (other, languages[one])}
        if seen.isdisjoint(sides):
            pairs[one, other] = float(cosines[one, other])
        seen |= sides
    return pairs


def are_alike(one: Content | None, other: Content | None, cosine: float, *, likeness: Likeness) -> bool:
    """Tell whether length, numbers and cosine of two passages speak for translations."""
    if one is None or other is None:
        return False
    shorter, longer = sorted((one.length, other.length))
    if longer > _LONGER * shorter:
        return False
    numbers = one.numbers | other.numbers
    if not numbers:
        return cosine >= likeness.without_numbers
    return cosine >= likeness.with_numbers and len(one.numbers & other.numbers) >= _SAME_NUMBERS * len(numbers)


def join_pairs(pairs: Sequence[Pair], languages: Sequence[str]) -> list[list[int]]:
    """Groups of places that pairs join, each with at most one passage of a language; places ascend.

    Args:
        pairs: The surest first; one that would bring a language into a group twice is skipped.
        languages: Of each place.
    """
    groups: dict[int, list[int]] = {}
    for one, other in pairs:
        mine, others = groups.get(one, [one]), groups.get(other, [other])
        joined = sorted({*mine, *others})
        if len({languages[place] for place in joined}) == len(joined):
            groups.update(dict.fromkeys(joined, joined))
    return sorted({id(group): group for group in groups.values()}.values())


def asked_first(n: int, groups: Sequence[Sequence[int]], languages: Sequence[str], asked: str) -> list[int]:
    """The order of `n` places in which, of each group, the passage in the asked language takes the best place.

    All others keep their order.

    Examples:
        >>> asked_first(5, [[1, 2, 4]], ["en", "en", "de", "en", "sv"], "sv")
        [0, 4, 1, 2, 3]
    """
    ahead = {group[0]: place for group in groups for place in group[1:] if languages[place] == asked}
    moved = set(ahead.values())
    order: list[int] = []
    for place in range(n):
        if place in ahead:
            order.append(ahead[place])
        if place not in moved:
            order.append(place)
    return order


def find_translations(reader: IndexReader, rows: NDArray[np.int64]) -> Translations:
    """Find which passages are translations of each other; only the texts of those that may be are read.

    Args:
        reader: The index, within a snapshot.
        rows: Rows of the passages, best first.
    """
    if not _are_several(map(language_of, reader.langs)):
        return Translations()
    ids = reader.passage_ids[rows]
    origins = reader.store.origins(ids.tolist())
    found = [origins.get(each, (-1, UNKNOWN_LANG)) for each in ids.tolist()]
    languages = tuple(language_of(tag) for _, tag in found)
    if not _are_several(languages):
        return Translations()
    likeness = MEASURED.get(canonical_name(reader.encoder.name), UNMEASURED)
    try:
        vectors = StoredVectors.of_index(reader.store).of(ids)
    except NotFoundError:
        return Translations()  # damage, which is named where such a passage is shown
    pairs = nearest_pairs(vectors, languages, [document for document, _ in found], likeness=likeness)
    stored = reader.store.read_passages(ids[sorted({place for pair in pairs for place in pair})].tolist())
    contents = [Content.from_text(stored[each].passage.text) if each in stored else None for each in ids.tolist()]
    sure = [
        (one, other)
        for (one, other), cosine in pairs.items()
        if are_alike(contents[one], contents[other], cosine, likeness=likeness)
    ]
    return Translations(languages, tuple(map(tuple, join_pairs(sure, languages))))


def _cosines(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of each with each, in pieces too small for BLAS to share out among threads, which wait for each other."""
    cosines = np.empty((len(vectors), len(vectors)), np.float32)
    step = max(_ALONE // max(vectors.size, 1), 1)
    for start in range(0, len(vectors), step):
        np.matmul(vectors[start : start + step], vectors.T, out=cosines[start : start + step])
    return cosines


def _are_several(languages: Iterable[str]) -> bool:
    return len(set(languages) - {""}) > 1
