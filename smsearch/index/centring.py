"""Vectors centred by language, so that texts are near each other by what they say, not by the language they are in.

Some multilingual encoders put the texts of one language together: the nearest passages of a question are then those in
its own language. From each vector a part of its language's mean, less the mean of all languages, is subtracted, and it
is made a unit vector again (`benchmarks/mixed.md` has the figures; the effect is known as language bias, Roy et al.,
EMNLP 2020).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import LanguageMeans
from smsearch.encoders.table import unit_rows
from smsearch.errors import IndexDamagedError


@dataclass(frozen=True, slots=True)
class Centring:
    """What is subtracted from vectors, by language.

    Attributes:
        langs: Primary language tags, in the order of the rows.
        passages: `(n_langs, dim)` float32, subtracted from passages.
        queries: `(n_langs, dim)` float32, subtracted from queries.
    """

    langs: tuple[str, ...]
    passages: NDArray[np.float32]
    queries: NDArray[np.float32]

    @classmethod
    def from_means(cls, means: LanguageMeans) -> Centring:
        """What is subtracted where languages have these means."""
        offsets = [means.amount * (each - each.mean(axis=0)) for each in (means.passages, means.queries)]
        return cls(means.langs, *(offset.astype(np.float16).astype(np.float32) for offset in offsets))

    def centre_passages(self, vectors: NDArray[np.float32], langs: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of passages in these languages; `(n, dim)`. Unknown languages keep their vectors."""
        rows = {lang: row for row, lang in enumerate(self.langs)}
        numbers = np.array([rows.get(lang.partition("-")[0], -1) for lang in langs], np.int64)
        known = numbers >= 0
        centred = vectors.copy()
        centred[known] -= self.passages[numbers[known]]
        return unit_rows(centred)

    def centre_query(self, vector: NDArray[np.float32], chances: Mapping[str, float]) -> NDArray[np.float32]:
        """The unit vector of a query that is in each language with some probability; `(dim,)`.

        Languages without a mean do not count; where none has one, the vector stays.
        """
        weights = np.array([chances.get(lang, 0.0) for lang in self.langs], np.float32)
        total = float(weights.sum())
        if not total:
            return vector
        offset = np.asarray((weights / total) @ self.queries, dtype=np.float32)
        centred: NDArray[np.float32] = unit_rows((vector - offset)[None])[0]
        return centred

    def as_meta(self) -> dict[str, Any]:
        """Plain values, numbers as float16."""
        packed = [base64.b64encode(each.astype("<f2").tobytes()).decode() for each in (self.passages, self.queries)]
        return {"langs": list(self.langs), "passages": packed[0], "queries": packed[1]}


def read_centring(recorded: object, dim: int) -> Centring | None:
    """The centring that an index records; None where vectors are compared as they are.

    Raises:
        IndexDamagedError: If the record makes no sense.
    """
    if recorded is None:
        return None
    try:
        langs = tuple(map(str, recorded["langs"]))  # type: ignore[index]
        passages, queries = (
            np.frombuffer(base64.b64decode(recorded[part], validate=True), "<f2").reshape(len(langs), dim)  # type: ignore[index]
            for part in ("passages", "queries")
        )
    except (TypeError, KeyError, ValueError) as error:
        raise IndexDamagedError(
            f"what the index records of its languages makes no sense ({error}); "
            "make it again with `smsearch index PATH`"
        ) from None
    if not (np.isfinite(passages).all() and np.isfinite(queries).all()):
        raise IndexDamagedError(
            "a mean by language in the index is not finite; make it again with `smsearch index PATH`"
        )
    return Centring(langs, passages.astype(np.float32), queries.astype(np.float32))
