"""The lexical index: BM25 over folded words, in SQLite's FTS5.

Passages are stored under the stem of their own language; a query names, for each of its words,
every form under which the word may stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smsearch.index.database import Connection
from smsearch.index.filtering import filter_sql
from smsearch.records import Filters

_K1 = 1.2  # of FTS5's bm25(), which cannot be changed


class LexicalIndex:
    """The words of the representatives, over an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, passage_id: int, words: Sequence[str]) -> None:
        """Store the folded words of a passage."""
        self._connection.execute("INSERT INTO words (rowid, folded) VALUES (?, ?)", (passage_id, " ".join(words)))

    def remove(self, passage_id: int, words: Sequence[str]) -> None:
        """Take out a passage; the words must be those it was stored with."""
        self._connection.execute(
            "INSERT INTO words (words, rowid, folded) VALUES ('delete', ?, ?)", (passage_id, " ".join(words))
        )

    def clear(self) -> None:
        """Take out everything."""
        self._connection.execute("INSERT INTO words (words) VALUES ('delete-all')")

    def search(
        self, words: Sequence[Sequence[str]], k: int, *, filters: Filters
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The `k` best passages by BM25 (Robertson et al., TREC-3; k1 1.2, b 0.75), ties by passage.

        Args:
            words: For each word of the query, the forms under which it may stand.
            k: At least 1.
            filters: Which passages a representative must stand for.

        Returns:
            Scores in `(0, inf)` and passage ids, both `(n,)`, `n <= k`; only passages that hold a
            word of the query.
        """
        terms = list(dict.fromkeys(form for forms in words for form in forms))
        if not terms:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        condition, values = "", list[str]()
        if not filters.empty:
            sql, values = filter_sql(filters)
            condition = (
                "AND rowid IN (SELECT COALESCE(p.representative, p.passage_id) "
                f"FROM passages p JOIN documents d ON d.document_key = p.document_key WHERE {sql})"
            )
        match = " OR ".join(f'"{term}"' for term in terms)
        rows = self._connection.execute(
            f"SELECT rowid, -bm25(words) AS score FROM words WHERE words MATCH ? {condition} "
            "ORDER BY score DESC, rowid LIMIT ?",
            (match, *values, k),
        ).fetchall()
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        return np.array([row[1] for row in rows], dtype=np.float32), ids

    def upper_bound(self, words: Sequence[Sequence[str]], n_passages: int) -> float:
        """The BM25 no passage can reach that holds each word in one form: its rarest, as often as you like."""
        return sum((_K1 + 1) * self._rarest(forms, n_passages) for forms in words)

    def _rarest(self, forms: Sequence[str], n_passages: int) -> float:
        """Inverse document frequency, as FTS5 computes it, of the rarest form that occurs at all.

        A word that occurs nowhere counts as if it stood in one passage: the query asked for it.
        """
        frequencies = []
        for form in forms:
            row = self._connection.execute("SELECT doc FROM word_counts WHERE term = ?", (form,)).fetchone()
            frequencies += [row[0]] if row else []
        df = min(frequencies, default=1)
        return max(math.log((n_passages - df + 0.5) / (df + 0.5)), 1e-6)
