"""The words under which a passage can be found, and the keys under which its repeats meet."""

from __future__ import annotations

from collections.abc import Sequence

from smsearch.records import Passage
from smsearch.text.passages import encoder_text
from smsearch.text.repeats import exact_key, near_keys
from smsearch.text.words import Terms, fold_words, index_terms


def passage_words(title: str, passage: Passage) -> list[str]:
    """The folded words of a passage, its title and its heading."""
    return fold_words(encoder_text(title, passage), passage.lang)


def passage_terms(title: str, passage: Passage) -> Terms:
    """The terms a passage is indexed under: those words, and the terms in plain letters."""
    return index_terms(encoder_text(title, passage), passage.lang)


def passage_keys(passage: Passage, words: Sequence[str]) -> list[int]:
    """The key of a passage's exact text, then those of its words, near which its near-duplicates lie."""
    return [exact_key(passage.text), *near_keys(words)]
