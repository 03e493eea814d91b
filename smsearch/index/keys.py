"""Keys under which representatives of (nearly) the same text meet.

A key is a number out of nowhere, so that each of a passage's nine falls into another page of a table ordered by
key. New ones are therefore only written down, and kept in memory for looking up; many at once are
then entered in their order, which rewrites a page once and not for every passage.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from smsearch.index.database import Connection

_MOST_NEW: Final = 50_000  # passages whose keys are kept in memory
_FEW_NEW: Final = 1_000  # passages whose keys a writer reads when it opens


class RepeatKeys:
    """The keys of the representatives, over an open connection; the caller opens and ends transactions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._new: dict[int, tuple[int, ...]] | None = None  # lists would keep the garbage collector busy
        self._n_new = 0

    def enter(self, passage_id: int, keys: Sequence[int]) -> None:
        """Let a representative be met under its keys, the first of which is that of its exact text."""
        new = self._loaded()
        packed = array("q", keys).tobytes()
        self._connection.execute("INSERT OR REPLACE INTO new_keys VALUES (?, ?)", (passage_id, packed))
        for key in keys:
            new[key] = (*new.get(key, ()), passage_id)
        self._n_new += 1
        if self._n_new > _MOST_NEW:
            self.settle()

    def leave(self, passage_id: int, keys: Sequence[int]) -> None:
        """Let a representative be met no more."""
        new = self._loaded()
        self._connection.executemany(
            "DELETE FROM repeats WHERE key = ? AND passage_id = ?", [(key, passage_id) for key in keys]
        )
        self._connection.execute("DELETE FROM new_keys WHERE passage_id = ?", (passage_id,))
        for key in keys:
            if passage_id in new.get(key, ()):
                new[key] = tuple(each for each in new[key] if each != passage_id)

    def met(self, keys: Sequence[int], *, most: int) -> list[tuple[int, bool]]:
        """Representatives that share a key, and whether it is the first: those first, then by how many they share.

        Args:
            keys: As they are entered.
            most: Representatives at most.
        """
        marks = ", ".join("?" * len(keys))
        rows = self._connection.execute(
            f"SELECT passage_id, MAX(key = ?), COUNT(*) FROM repeats WHERE key IN ({marks}) "
            "GROUP BY passage_id ORDER BY 2 DESC, 3 DESC, passage_id LIMIT ?",
            (keys[0], *keys, most),
        ).fetchall()
        new = self._loaded()
        shared: dict[int, int] = {}
        for key in dict.fromkeys(keys):
            for passage_id in new.get(key, ()):
                shared[passage_id] = shared.get(passage_id, 0) + 1
        exact = set(new.get(keys[0], ()))
        found = [(*map(int, row),) for row in rows] + [(i, int(i in exact), n) for i, n in shared.items()]
        found.sort(key=lambda row: (-row[1], -row[2], row[0]))
        return [(passage_id, bool(is_exact)) for passage_id, is_exact, _ in found[:most]]

    def settle(self, *, few: bool = True) -> None:
        """Enter the new keys into the table.

        Args:
            few: Whether also few are worth it.
        """
        new = self._loaded()
        if self._n_new > (0 if few else _FEW_NEW):
            pairs = sorted((key, passage_id) for key, ids in new.items() for passage_id in ids)
            self._connection.executemany("INSERT OR IGNORE INTO repeats VALUES (?, ?)", pairs)
            self._connection.execute("DELETE FROM new_keys")
            self._new, self._n_new = {}, 0

    def clear(self) -> None:
        """Forget every key."""
        self._connection.execute("DELETE FROM repeats")
        self._connection.execute("DELETE FROM new_keys")
        self._new, self._n_new = {}, 0

    def forget(self) -> None:
        """Forget what is kept in memory: the transaction it belongs to was taken back."""
        self._new = None

    def _loaded(self) -> dict[int, tuple[int, ...]]:
        if self._new is None:
            self._new, self._n_new = {}, 0
            for passage_id, packed in self._connection.execute("SELECT passage_id, keys FROM new_keys"):
                for key in array("q", packed):
                    self._new[key] = (*self._new.get(key, ()), passage_id)
                self._n_new += 1
        return self._new
