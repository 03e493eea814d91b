"""Words as they are typed without marks, or in the other script.

- Latin: combining marks go (`får`: `far`), and letters that do not decompose are written with plain ones (`ø`: `o`).
- Greek, Cyrillic, Armenian, Georgian, Arabic: words of three letters and more are transliterated to Latin
  (`anyascii`), so that `дорога` is found by its Latin letters, and `القهوة` by `القهوه`.
- Han: the reading of each character in Mandarin, so that simplified and traditional ones meet; Katakana: Hiragana.
- The scripts of India: without nukta. All others are left as they are.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from unicodedata import normalize

# Combining diacritical marks, and nukta.
_MARKS: Final = re.compile(
    r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc]"
)
_LETTERS: Final = str.maketrans({
    "æ": "a", "œ": "o", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ŧ": "t", "ŋ": "ng", "ı": "i",
    "ƒ": "f", "ə": "e", "ɛ": "e", "ɔ": "o", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ƴ": "y", "ĸ": "k", "ǝ": "e", "ɖ": "d",
    "ʻ": "", "ʼ": "",
})  # fmt: skip
# What stands for ä, æ, å, ö, œ, ø, ü and đ where there is no key for them.
_TWO_FOR_ONE: Final = re.compile("a[ae]|[ou]e|dj")
_TWO: Final = str.maketrans({"ä": "ae", "æ": "ae", "å": "aa", "ö": "oe", "œ": "oe", "ø": "oe", "ü": "ue", "đ": "dj"})

_FEWEST_LETTERS: Final = 3  # shorter words say little, and in Latin letters each is a word of some language
_TRANSLITERATED: Final = re.compile(
    r"[\u0370-\u052f\u0531-\u058f\u0600-\u06ff\u0750-\u077f\u10a0-\u10ff\u1c80-\u1cbf\u1f00-\u1fff\u2d00-\u2d2f]"
)
_HAN_LETTERS: Final = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN: Final = re.compile(f"[{_HAN_LETTERS}]")
_SPELT_OTHERWISE: Final = re.compile(rf"[\u30a1-\u30f6{_HAN_LETTERS}]")
_HAS_OTHER_SPELLINGS: Final = re.compile(rf"[\u3041-\u30ff{_HAN_LETTERS}]")
_HIRAGANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_NOT_PLAIN: Final = re.compile("[^a-z0-9]+")


def plain_letters(word: str) -> str:
    """Return a folded word in plain letters; a word without marks, in a script that is not transliterated, as it is.

    Examples:
        >>> [plain_letters(word) for word in ("får", "rødgrød", "δρόμος", "ђаци", "ज़मीन", "อักษร")]
        ['far', 'rodgrod', 'dromos', 'djatsi', 'जमीन', 'อักษร']
    """
    if word.isascii():
        return word
    if is_transliterated(word):
        return _in_latin(word) or word if len(word) >= _FEWEST_LETTERS else word
    bare = _MARKS.sub("", normalize("NFD", word)).translate(_LETTERS)
    return bare if bare.isascii() and bare else normalize("NFC", bare) or word


def is_transliterated(word: str) -> bool:
    """Whether a word is in a script of which plain letters are the Latin ones."""
    return _TRANSLITERATED.search(word) is not None


def is_spelt_otherwise(stretch: str) -> bool:
    """Whether a stretch without spaces holds Han or Katakana, so that `plain_pair` changes some pairs."""
    return _SPELT_OTHERWISE.search(stretch) is not None


def has_other_spellings(stretch: str) -> bool:
    """Whether others may write a stretch without spaces so that `plain_pair` gives the same: it holds Han or Kana."""
    return _HAS_OTHER_SPELLINGS.search(stretch) is not None


def plain_pair(pair: str) -> str:
    """Return characters of Chinese or Japanese as others may write them: Han by its reading, Katakana as Hiragana.

    An apostrophe ends a reading, so that no word in Latin letters is taken for one.

    Examples:
        >>> plain_pair("圖書"), plain_pair("图书"), plain_pair("ラー"), plain_pair("らー")
        ("tu'shu'", "tu'shu'", 'らー', 'らー')
    """
    if _HAN.search(pair):
        pair = _HAN.sub(lambda letter: _reading(letter[0]), pair)
    return pair.translate(_HIRAGANA)


def typed_variants(word: str) -> list[str]:
    """Return how else a word may be spelt by who has no key for one of its letters, each once, itself not among them.

    Examples:
        >>> typed_variants("mueller"), typed_variants("møller"), typed_variants("rose")
        (['muller'], ['moller', 'moeller'], [])
    """
    if word.isascii():
        variants = [_TWO_FOR_ONE.sub(lambda two: two[0][0], word)]
    else:
        variants = [plain_letters(word), plain_letters(word.translate(_TWO))]
    return [variant for variant in dict.fromkeys(variants) if variant != word]


@cache
def _reading(letter: str) -> str:
    reading = _in_latin(letter)
    return f"{reading}'" if reading else letter


def _in_latin(word: str) -> str:
    from anyascii import anyascii

    return _NOT_PLAIN.sub("", anyascii(word).lower())
