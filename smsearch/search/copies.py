"""Copies of one text among the hits, some of which lack a title or a heading."""

from __future__ import annotations

from smsearch.index.stored import StoredPassage
from smsearch.index.words import passage_names
from smsearch.text.lines import fold_letters
from smsearch.text.repeats import fold_text

_LOOKED_AT = 100  # characters, most of which are letters
_BEGINNING = 20  # letters that copies of a text have in common; a fold of all of it takes ten times as long


class Copies:
    """Tells which passages only repeat one that was admitted before.

    Texts that are the same under different titles are groups of their own in an index, and so is a copy without a
    title: which of them it belongs to cannot be told. Beside a hit that shows the same text it says nothing new.
    """

    def __init__(self) -> None:
        self._admitted: dict[str, list[tuple[frozenset[str], str]]] = {}

    def admit(self, stored: StoredPassage) -> bool:
        """Admit a passage, unless it repeats one of the same text: has fewer names, or is the first to have more."""
        text, names = stored.passage.text, passage_names(stored.title, stored.passage)
        before = self._admitted.setdefault(fold_letters(text[:_LOOKED_AT])[:_BEGINNING], [])
        for i, (other_names, other) in enumerate(before):
            if names < other_names and _are_equal(text, other):
                return False
            if other_names < names and _are_equal(text, other):
                before[i] = names, other  # that copy is one of this text, so it is none of the next under another title
                return False
        before.append((names, text))
        return True


def _are_equal(one: str, other: str) -> bool:
    return fold_text(one) == fold_text(other)
