"""Vectors straight from SQLite, as searches compare them: centred by language where the index says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import LanguageMeans
from smsearch.errors import NotFoundError
from smsearch.index.centring import Centring, read_centring
from smsearch.index.checksums import intact_sql, require_intact
from smsearch.index.database import Connection
from smsearch.index.recorded_encoder import read_record
from smsearch.index.store import Store

_AMOUNT: Final = 0.5  # the part of the means that is subtracted, as chosen for e5-small
_FEWEST_LANGS: Final = 2
_UNKNOWN: Final = "und"
_BLOCK: Final = 16_384
_BYTES: Final = 2  # of a number of a stored vector
_BOUND: Final = 500  # values; SQLite before 3.32 binds at most 999
_COLUMNS: Final = f"e.passage_id, {intact_sql('encodings', 'e.')}, e.vector, p.lang"
_JOINED: Final = "encodings e JOIN passages p USING (passage_id)"

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """The vectors of an index.

    Attributes:
        connection: To its database.
        dim: Length of a vector.
        centring: What is subtracted by language, or None.
    """

    connection: Connection
    dim: int
    centring: Centring | None

    @classmethod
    def of_index(cls, store: Store) -> StoredVectors:
        """The vectors of an open index, compared as it records.

        Raises:
            IndexDamagedError: If what it records makes no sense.
        """
        dim = read_record(store).dim
        return cls(store.connection, dim, read_centring(store.get_meta("centring"), dim))

    def of(self, passage_ids: NDArray[np.int64], *, as_encoded: bool = False) -> Vectors:
        """Vectors of some passages, in the order given; `(n, dim)` float32.

        Args:
            passage_ids: Numbers of passages.
            as_encoded: Whether to give them as the encoder gave them, not centred.

        Raises:
            NotFoundError: If there is no such passage.
        """
        wanted, places = np.unique(passage_ids, return_inverse=True)
        vectors = np.empty((len(wanted), self.dim), np.float32)
        for start in range(0, len(wanted), _BOUND):
            block = wanted[start : start + _BOUND].tolist()
            marks = ", ".join("?" * len(block))
            query = f"SELECT {_COLUMNS} FROM {_JOINED} WHERE e.passage_id IN ({marks}) ORDER BY e.passage_id"
            found = self.connection.execute(query, block).fetchall()
            if len(found) < len(block):
                (missing, *_) = set(block) - {row[0] for row in found}
                raise NotFoundError(f"there is no passage {missing} in the index")
            vectors[start : start + len(block)] = self._read(found, as_encoded=as_encoded)
        return vectors[places]

    def blocks(self) -> Iterator[Vectors]:
        """Vectors of all representatives in order, some thousand at a time.

        Raises:
            IndexDamagedError: If one is damaged.
        """
        for rows in self._batches():
            yield self._read(rows)

    def language_means(self, *, least: int) -> LanguageMeans | None:
        """Means of the vectors, as encoded, of each language that has so many passages; None for fewer than two.

        Queries have the same means, for nothing tells what they would be.

        Raises:
            IndexDamagedError: If a vector is damaged.
        """
        counted = "SELECT lang, count(*) FROM passages WHERE representative IS NULL GROUP BY lang"
        counts: Counter[str] = Counter()
        for lang, n in self.connection.execute(counted):
            counts[_primary(lang)] += n
        langs = sorted(lang for lang, n in counts.items() if n >= least and lang != _UNKNOWN)
        if len(langs) < _FEWEST_LANGS:
            return None
        sums = np.zeros((len(langs), self.dim))
        numbers = {lang: i for i, lang in enumerate(langs)}
        for rows in self._batches():
            vectors = self._read(rows, as_encoded=True)
            of_lang = np.array([numbers.get(_primary(row[3]), -1) for row in rows])
            for i in np.unique(of_lang[of_lang >= 0]):
                sums[i] += vectors[of_lang == i].sum(axis=0)
        means = (sums / [[counts[lang]] for lang in langs]).astype(np.float32)
        return LanguageMeans(tuple(langs), means, means, _AMOUNT)

    def _batches(self) -> Iterator[list[Any]]:
        cursor = self.connection.execute(
            f"SELECT {_COLUMNS} FROM {_JOINED} WHERE p.representative IS NULL ORDER BY e.passage_id"
        )
        while rows := cursor.fetchmany(_BLOCK):
            yield rows

    def _read(self, rows: Sequence[Any], *, as_encoded: bool = False) -> Vectors:
        for passage_id, is_intact, vector, _ in rows:
            require_intact(is_intact and len(vector) == _BYTES * self.dim, f"what stands of passage {passage_id}")
        packed = b"".join(row[2] for row in rows)
        vectors = np.frombuffer(packed, "<f2").reshape(-1, self.dim).astype(np.float32)
        if self.centring is None or as_encoded:
            return vectors
        return self.centring.centre_passages(vectors, [row[3] for row in rows])


def _primary(lang: str) -> str:
    return lang.partition("-")[0]
