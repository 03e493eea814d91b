"""Groups of passages that hold (nearly) the same text under the same title and heading: one represents the others.

Only representatives stand in the derived files and the key table.
"""

from __future__ import annotations

from collections.abc import Sequence

from smsearch.errors import IndexDamagedError
from smsearch.index.changes import Changes
from smsearch.index.checksums import REPAIR
from smsearch.index.keys import RepeatKeys
from smsearch.index.postings import pack_words
from smsearch.index.store import Store
from smsearch.index.stored import EncodedPassage
from smsearch.index.words import passage_keys, passage_terms, passage_wording, passage_words, said_key
from smsearch.records import Passage
from smsearch.text.repeats import Wording, is_repeat

_MOST_COMPARED = 20  # keeps texts made from one template from being compared each with each


class Groups:
    """Adds passages to groups and takes them out, keeping what is derived in step."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store = store
        self._changes = changes
        self.keys = RepeatKeys(store.connection)

    def add(self, document_key: int, title: str, encoded: Sequence[EncodedPassage]) -> None:
        """Store new passages, each as a representative or under the one that says the same."""
        for each in encoded:
            representative = self._find(title, each.passage, each.keys)
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
        self.keys.clear()
        for table in ("encodings", "passages"):
            self._store.connection.execute(f"DELETE FROM {table}")
        self._changes.clear()

    def fold_again(self) -> None:
        """Store all words and keys again, as they are folded now, and part those that are no repeats any more."""
        self.keys.clear()
        represented = []
        for stored in self._store.iter_passages():
            words, plain = passage_terms(stored.title, stored.passage)
            (packed,) = pack_words([words], [plain])
            self._store.set_words(stored.passage_id, packed)
            if self._store.representative_of(stored.passage_id) is None:
                self.keys.enter(stored.passage_id, passage_keys(stored.title, stored.passage, words))
            else:
                represented.append(stored.passage_id)
        for passage_id in sorted(represented):
            self._represent_again(passage_id)

    def _represent_again(self, passage_id: int) -> None:
        """Find the representative of a passage that had one, or let it stand for itself."""
        title, passage = self._store.read_content(passage_id)
        keys = passage_keys(title, passage, passage_words(title, passage))
        representative = self._find(title, passage, keys)
        if representative != self._store.representative_of(passage_id):
            self._store.set_representative(passage_id, representative)
            self._changes.document_of(passage_id)
            if representative is None:
                self._enter(passage_id, keys)

    def _find(self, title: str, passage: Passage, keys: Sequence[int]) -> int | None:
        wording: Wording | None = None
        for passage_id, is_exact in self.keys.met(keys, most=_MOST_COMPARED):
            other_title, other = self._store.read_content(passage_id)
            if is_exact and said_key(other_title, other) == keys[0]:
                return passage_id
            wording = wording or passage_wording(title, passage)
            if is_repeat(wording, passage_wording(other_title, other)):
                return passage_id
        return None

    def _enter(self, passage_id: int, keys: Sequence[int]) -> None:
        self.keys.enter(passage_id, keys)
        self._changes.representative(passage_id, came=True)

    def _replace(self, passage_id: int, going: set[int]) -> None:
        self.keys.leave(passage_id, self._keys_of(passage_id))
        self._changes.representative(passage_id, came=False)
        staying = [i for i in self._store.represented_by(passage_id) if i not in going]
        if staying:
            heir, *others = staying
            for each, representative in ((heir, None), *((other, heir) for other in others)):
                self._store.set_representative(each, representative)
                self._changes.document_of(each)
            self._enter(heir, self._keys_of(heir))

    def _keys_of(self, passage_id: int) -> list[int]:
        stored = self._store.read_passages([passage_id]).get(passage_id)  # its encoding too must be there, and intact
        if stored is None:
            raise IndexDamagedError(f"passage {passage_id} is gone; {REPAIR}")
        return passage_keys(stored.title, stored.passage, passage_words(stored.title, stored.passage))
