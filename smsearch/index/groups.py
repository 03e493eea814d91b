"""Groups of passages that hold (nearly) the same text: one represents the others.

Only representatives stand in the derived files and the key table.
"""

from __future__ import annotations

from collections.abc import Sequence

from smsearch.index.postings import pack_words
from smsearch.index.store import EncodedPassage, Store
from smsearch.index.words import passage_keys, passage_words
from smsearch.text.repeats import is_repeat

_MOST_COMPARED = 20  # keeps texts made from one template from being compared each with each


class Groups:
    """Adds passages to groups and takes them out, keeping what is derived in step."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, document_key: int, title: str, encoded: Sequence[EncodedPassage]) -> None:
        """Store new passages, each as a representative or under the one that says the same."""
        for each in encoded:
            representative = self._find(title, each)
            passage_id = self._store.insert_passage(document_key, each)
            if representative is None:
                self._enter(passage_id, each.keys)
            else:
                self._store.set_representative(passage_id, representative)

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Take out passages; where a representative goes, the first it stood for takes its place."""
        going = set(passage_ids)
        for passage_id in sorted(going):
            if self._store.representative_of(passage_id) is None:
                self._replace(passage_id, going)
        # Those that point to others first, so that no reference is left hanging.
        for passage_id in sorted(going, key=lambda i: (self._store.representative_of(i) is None, i)):
            self._store.delete_passage(passage_id)

    def clear(self) -> None:
        """Take out every passage of every document."""
        for table in ("repeats", "encodings", "passages", "changes"):
            self._store.connection.execute(f"DELETE FROM {table}")

    def fold_again(self) -> None:
        """Store all words and keys again, as they are folded now."""
        connection = self._store.connection
        connection.execute("DELETE FROM repeats")
        for stored in self._store.iter_passages():
            words = passage_words(stored.title, stored.passage)
            (packed,) = pack_words([words])
            connection.execute("UPDATE encodings SET words = ? WHERE passage_id = ?", (packed, stored.passage_id))
            if self._store.representative_of(stored.passage_id) is None:
                self._meet(stored.passage_id, passage_keys(stored.passage, words))

    def _find(self, title: str, encoded: EncodedPassage) -> int | None:
        exact, *near = encoded.keys
        marks = ", ".join("?" * len(encoded.keys))
        rows = self._store.connection.execute(
            f"SELECT passage_id, MAX(key = ?) FROM repeats WHERE key IN ({marks}) "
            f"GROUP BY passage_id ORDER BY 2 DESC, COUNT(*) DESC, passage_id LIMIT {_MOST_COMPARED}",
            (exact, exact, *near),
        ).fetchall()
        for passage_id, is_exact in rows:
            if is_exact or is_repeat(passage_words(title, encoded.passage), self._words_of(passage_id)):
                return int(passage_id)
        return None

    def _enter(self, passage_id: int, keys: Sequence[int]) -> None:
        self._meet(passage_id, keys)
        self._store.connection.execute("INSERT INTO changes (passage_id, added) VALUES (?, 1)", (passage_id,))

    def _meet(self, passage_id: int, keys: Sequence[int]) -> None:
        self._store.connection.executemany(
            "INSERT OR IGNORE INTO repeats VALUES (?, ?)", [(key, passage_id) for key in keys]
        )

    def _replace(self, passage_id: int, going: set[int]) -> None:
        keys = self._keys_of(passage_id)
        connection = self._store.connection
        connection.executemany(
            "DELETE FROM repeats WHERE key = ? AND passage_id = ?", [(key, passage_id) for key in keys]
        )
        connection.execute("INSERT INTO changes (passage_id, added) VALUES (?, 0)", (passage_id,))
        staying = [i for i in self._store.represented_by(passage_id) if i not in going]
        if staying:
            heir, *others = staying
            self._store.set_representative(heir, None)
            for other in others:
                self._store.set_representative(other, heir)
            self._enter(heir, self._keys_of(heir))

    def _words_of(self, passage_id: int) -> list[str]:
        stored = self._store.read_passages([passage_id])[passage_id]
        return passage_words(stored.title, stored.passage)

    def _keys_of(self, passage_id: int) -> list[int]:
        stored = self._store.read_passages([passage_id])[passage_id]
        return passage_keys(stored.passage, passage_words(stored.title, stored.passage))
