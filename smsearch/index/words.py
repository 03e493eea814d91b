"""The words under which a passage can be found, and which version of the folding made them."""

from __future__ import annotations

from smsearch.records import Passage
from smsearch.text.passages import encoder_text
from smsearch.text.words import fold_words

_VERSION = 1


def passage_words(title: str, passage: Passage) -> list[str]:
    """The folded words of a passage, its title and its heading."""
    return fold_words(encoder_text(title, passage), passage.lang)


def words_version() -> str:
    """Names the folding; words folded by another version cannot be taken out one by one."""
    import Stemmer  # noqa: PLC0415  loaded by writers only

    return f"{_VERSION} Snowball {Stemmer.version()}"
