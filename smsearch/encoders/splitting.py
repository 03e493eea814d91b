"""The words of a text, as a tokenizer divides it before it cuts each word by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from smsearch.encoders.derivation import DIGIT, ISOLATED, LETTER, REFUSED, SPACE, PreTokenize, kind_among_letters

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PLANE: Final = 0x10000
_MARK, _DIGIT, _UNSURE = "\ud800", "\ud801", "\ud802"  # stand in no text: half characters are refused
_APART: Final = re.compile(f"[{_MARK}{_DIGIT}]+")
_SPACES: Final = re.compile("  +")


class WordSplitter:
    """Divides texts into words: marks alone, digits and letters apart, a `▁` before each.

    Characters are looked up one by one. Where that does not tell, the tokenizer's own normaliser is asked, and where
    what it gives is no plainer, its pre-tokenizer.
    """

    def __init__(self, kinds: Sequence[int], forms: Sequence[int], skeleton_json: str) -> None:
        """Divide as a tokenizer does.

        Args:
            kinds: For each character of the basic plane what it does to the words around it; REFUSED for all of them
                where the tokenizer divides texts otherwise.
            forms: What each is normalised to.
            skeleton_json: The normaliser and the pre-tokenizer of the tokenizer.
        """
        self._skeleton_json = skeleton_json
        self._as_written = _Signs(kinds, forms)
        self._is_plain = any(kinds)

    def words(self, text: str) -> list[str]:
        """The words of a text, in order."""
        signs = text.translate(self._as_written)
        if _UNSURE in signs:
            normalized: str = self._skeleton.normalizer.normalize_str(text)
            signs = normalized.translate(self._as_normalized) if self._is_plain else _UNSURE
            if _UNSURE in signs:
                return [word for word, _ in self._skeleton.pre_tokenizer.pre_tokenize_str(normalized)]
        if "  " in signs:
            signs = _SPACES.sub(" ", signs)
        stretches = _APART.split(signs.strip(" ").replace(_DIGIT + _DIGIT, ""))
        return [f"▁{word}" for each in stretches if each for word in each.removeprefix(" ").split(" ")]

    @cached_property
    def _as_normalized(self) -> _SignsOfNormalized:
        return _SignsOfNormalized(self._skeleton.pre_tokenizer.pre_tokenize_str)

    @cached_property
    def _skeleton(self) -> Tokenizer:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self._skeleton_json)


class _Signs(dict[int, str]):
    """What each character becomes: its form, with signs where a word ends or begins."""

    def __init__(self, kinds: Sequence[int], forms: Sequence[int]) -> None:
        super().__init__()
        self._kinds, self._forms = kinds, forms

    def __missing__(self, point: int) -> str:
        signs = self[point] = self._of(point)
        return signs

    def _of(self, point: int) -> str:
        return _signs(self._kinds[point], chr(self._forms[point])) if point < _PLANE else _UNSURE


class _SignsOfNormalized(_Signs):
    """The same for characters of a text that is normalised; the pre-tokenizer is asked about each."""

    def __init__(self, pre_tokenize: PreTokenize) -> None:
        super().__init__([], [])
        self._pre_tokenize = pre_tokenize

    def _of(self, point: int) -> str:
        character = chr(point)
        return " " if character == " " else _signs(kind_among_letters(character, self._pre_tokenize), character)


def _signs(kind: int, form: str) -> str:
    return {
        REFUSED: _UNSURE,
        LETTER: form,
        DIGIT: f"{_DIGIT}{form}{_DIGIT}",
        ISOLATED: f"{_MARK}{form}{_MARK}",
        SPACE: " ",
    }[kind]
