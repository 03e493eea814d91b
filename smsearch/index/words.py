"""The words under which a passage can be found, and the keys under which its repeats meet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from smsearch.records import Passage
from smsearch.text.passages import encoder_text
from smsearch.text.repeats import Wording, exact_key, fold_text, near_keys
from smsearch.text.words import Terms, fold_words, index_terms


def passage_words(title: str, passage: Passage) -> list[str]:
    """The folded words of a passage, its title and its heading."""
    return fold_words(encoder_text(title, passage), passage.lang)


def passage_terms(title: str, passage: Passage) -> Terms:
    """The terms a passage is indexed under: those words, and the terms in plain letters."""
    return index_terms(encoder_text(title, passage), passage.lang)


def passage_keys(title: str, passage: Passage, words: Sequence[str]) -> list[int]:
    """The key of what exactly a passage says, then those of its words, near which its near-duplicates lie."""
    return [said_key(title, passage), *near_keys(words, passage_names(title, passage))]


def said_key(title: str, passage: Passage) -> int:
    """The key of a passage's exact text with the title and heading that it is found by.

    The title above a comment is that of the post, so it does not count: spam under many posts is one text.
    """
    return exact_key(passage.text if passage.kind == "comment" else encoder_text(title, passage))


def passage_wording(title: str, passage: Passage) -> Wording:
    """What is compared of a passage with those it may repeat."""
    return Wording.from_words(passage_words(title, passage), passage_names(title, passage))


def passage_names(title: str, passage: Passage) -> frozenset[str]:
    """Title and heading of a passage, folded; none of a comment.

    A name counts also where it stands in the passage, and a missing one is another name. That keeps groups
    independent of the order in which passages come: if no title agreed with every title, a copy without one would
    join those with different ones.
    """
    if passage.kind == "comment":
        return frozenset()
    return frozenset(_folded(name) for name in (title, passage.heading) if name)


@lru_cache(maxsize=1 << 10)
def _folded(name: str) -> str:
    return fold_text(name)
