"""Sentences of a passage that say something: no headings, no mark-up, no line that only says the question again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

from smsearch.index.stored import StoredPassage
from smsearch.index.words import passage_names
from smsearch.records import Section
from smsearch.text.language import without_addresses
from smsearch.text.lines import fold_letters
from smsearch.text.outline import outline
from smsearch.text.repeats import fold_text
from smsearch.text.words import fold_words

# Scores that differ by less are alike, and the order of the sentences decides. In 87 of 181 answers of SweFAQ the first
# sentence has the best score, in 41 more it is as close as this and mostly the better answer.
_CLOSE = 0.15
_FEWEST_LETTERS = 0.5  # of the characters of a sentence
_LONGEST_NAME = 300
_SAME_WORDS = 0.5  # of those of a query and a question together

_TAG = re.compile(r"<[^<>]*>")
_ENDS_QUESTION = re.compile(r"[?\uff1f\u061f\u055e\u1367\u2047\u2048]\W*$")
_ENDS_GREEK_QUESTION = re.compile(r"[?;]\W*$")
_ENDS_STATEMENT = re.compile(r"[.!。！．।…]\W*$")


class Excerpts:
    """Tells which sentences of a passage are worth showing for a query."""

    def __init__(self, query: str, stored: StoredPassage) -> None:
        """Look at the sentences of a passage, or at all of it where it has none."""
        self._query = query
        self._title = stored.title
        self._passage = stored.passage
        self.spans = stored.passage.sentences or ((0, len(stored.passage.text)),)

    def is_bare(self, place: int) -> bool:
        """Tell whether the sentence at a place says nothing of its own.

        That is: it is a heading or the title; fewer than half of its characters are letters, addresses and tags not
        counted; or it says the query again, as a question on a line of its own does, in whatever language.
        """
        start, end = self.spans[place]
        sentence = self._passage.text[start:end]
        return _is_markup(sentence) or self._is_heading(start, end) or self._is_question_again(sentence, start, end)

    def _is_heading(self, start: int, end: int) -> bool:
        if end - start > _LONGEST_NAME:
            return False
        is_name = fold_text(self._passage.text[start:end]) in self._names
        return is_name or (self._is_whole_line(start, end) and (start, end) in self._headings)

    def _is_question_again(self, sentence: str, start: int, end: int) -> bool:
        ends_question = _ENDS_GREEK_QUESTION if self._passage.lang == "el" else _ENDS_QUESTION
        if not ends_question.search(sentence):
            same = fold_letters(sentence) == fold_letters(self._query)
            return same and not _ENDS_STATEMENT.search(sentence)
        if self._is_whole_line(start, end):
            return True
        asked, said = (set(fold_words(text, self._passage.lang)) for text in (self._query, sentence))
        return len(asked & said) >= _SAME_WORDS * len(asked | said)

    def _is_whole_line(self, start: int, end: int) -> bool:
        """Tell whether a sentence stands alone between line breaks."""
        text = self._passage.text
        before, after = text[:start].rstrip(" \t"), text[end:].lstrip(" \t")
        return before[-1:] in {"", "\n"} and after[:1] in {"", "\n"}

    @property
    def _names(self) -> frozenset[str]:
        return passage_names(self._title, self._passage)

    @cached_property
    def _headings(self) -> frozenset[tuple[int, int]]:
        text = self._passage.text
        return frozenset((unit.start, unit.end) for unit in outline(text, Section(0, len(text)), ()) if unit.is_heading)


def best_sentence(scores: Sequence[float], is_bare: Callable[[int], bool]) -> int:
    """The place of the sentence to show: the best that is not bare, the first of equals.

    Where the best of all is bare, the next that is not is taken if its score is close to the best of those left: an
    answer stands below its question. If all are bare, the best of all is shown.

    Args:
        scores: Of each sentence, at least one.
        is_bare: Whether the sentence at a place says nothing of its own.
    """
    ranked = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    telling = next((place for place in ranked if not is_bare(place)), None)
    if telling is None or telling == ranked[0]:
        return ranked[0]
    below = next((place for place in range(ranked[0] + 1, len(scores)) if not is_bare(place)), telling)
    return below if scores[below] >= scores[telling] - _CLOSE else telling


def _is_markup(sentence: str) -> bool:
    letters = fold_letters(without_addresses(_TAG.sub(" ", sentence)))
    return len(letters) < _FEWEST_LETTERS * len("".join(sentence.split()))
