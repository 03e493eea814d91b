"""The words under which a passage can be found."""

from __future__ import annotations

from smsearch.records import Passage
from smsearch.text.passages import encoder_text
from smsearch.text.words import fold_words


def passage_words(title: str, passage: Passage) -> list[str]:
    """The folded words of a passage, its title and its heading."""
    return fold_words(encoder_text(title, passage), passage.lang)
