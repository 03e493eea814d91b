"""Copies of one text among the hits, some of which lack a title or a heading."""

from __future__ import annotations

from smsearch.index.stored import StoredPassage
from smsearch.index.words import passage_names
from smsearch.text.repeats import fold_text


class Copies:
    """Tells which passages only repeat one that was admitted before.

    Texts that are the same under different titles are groups of their own in an index, and so is a copy without a
    title: which of them it belongs to cannot be told. Beside a hit that shows the same text it says nothing new.
    """

    def __init__(self) -> None:
        self._admitted: dict[str, list[frozenset[str]]] = {}

    def admit(self, stored: StoredPassage) -> bool:
        """Admit a passage, unless it repeats one of the same text: has fewer names, or is the first to have more."""
        names = passage_names(stored.title, stored.passage)
        before = self._admitted.setdefault(fold_text(stored.passage.text), [])
        if any(names < other for other in before):
            return False
        for i, other in enumerate(before):
            if other < names:
                before[i] = names  # that copy is one of this text, so it is none of the next under another title
                return False
        before.append(names)
        return True
