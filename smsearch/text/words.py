"""Words for lexical search: the terms a passage is indexed under, and those a query looks for.

What counts as a word is decided by the script, not by the language:

- Latin, Cyrillic, Arabic, Devanagari and every other script that puts spaces between words: a run of
  letters, digits and vowel signs. Apostrophes, hyphens, colons and underscores end a word, so `l'amour` is
  `l` and `amour`, and `e-mail` is `e` and `mail`. Diacritics stay: `får` is not `far`.
- Han, Hiragana, Katakana, Hangul, Thai, Lao, Khmer and Burmese: every character and every pair of
  neighbours (a character is a letter with its vowel signs). The figures are in `benchmarks/languages.md`.
- Emoji: a whole sequence is one word, with or without variation selectors.

A term holds no ASCII characters but `a-z` and `0-9`, no white space, and at most 64 characters.

Whoever types without marks, or in the other script, finds a word by a second term: `~` and the word in plain letters
(`plain_letters.py`). A passage has one for each distinct word that is written otherwise. A query looks for both terms,
the second with 0.6 of the weight.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, pairwise
from operator import add
from typing import Any, NamedTuple
from unicodedata import decimal, normalize

from smsearch.text.plain_letters import (
    has_other_spellings,
    is_spelt_otherwise,
    is_transliterated,
    plain_letters,
    plain_pair,
    typed_variants,
)

PLAIN = "~"
"""Begins the terms in plain letters, and no other."""

_LONGEST = 64
_MOST_REMEMBERED = 200_000  # words of all languages together: some 30 MB
_PLAIN_WEIGHT = 0.6
# Languages where I and ı, İ and i are one letter each.
_DOTLESS = frozenset({"az", "tr"})

_ALGORITHMS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}

# Combining marks (Mn, Mc), which `\w` leaves out; gaps are closed over letters, digits and unassigned.
_MARKS = (
    r"\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    r"\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711-\u07f3\u07fd\u0816-\u082d\u0859-\u085b\u0898-\u08e1"
    r"\u08e3-\u0963\u0981-\u09e3\u09fe-\u0a75\u0a81-\u0ae3\u0afa-\u0b63\u0b82-\u0bd7\u0c00-\u0c63\u0c81-\u0c83"
    r"\u0cbc-\u0d4d\u0d57-\u0d63\u0d81-\u0df3\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ecd\u0f18-\u0f19\u0f35\u0f37"
    r"\u0f39\u0f3e-\u0f84\u0f86-\u0fbc\u0fc6\u102b-\u103e\u1056-\u109d\u135d-\u135f\u1712-\u1734\u1752-\u17d3"
    r"\u17dd\u180b-\u180d\u180f-\u193b\u1a17-\u1a1b\u1a55-\u1a7f\u1ab0-\u1abd\u1abf-\u1b44\u1b6b-\u1b73"
    r"\u1b80-\u1bf3\u1c24-\u1c37\u1cd0-\u1cd2\u1cd4-\u1dff\u2cef-\u2cf1\u2d7f-\u2dff\u302a-\u302f\u3099-\u309a"
    r"\ua66f\ua674-\ua67d\ua69e-\ua6f1\ua802-\ua827\ua82c\ua880-\ua8c5\ua8e0-\ua8f1\ua8ff-\ua92d\ua947-\ua953"
    r"\ua980-\ua9c0\ua9e5-\uaa4d\uaa7b-\uaac1\uaaeb-\uaaef\uaaf5-\uaaf6\uabe3-\uabea\uabec-\uabed\ufb1e"
    r"\ufe20-\ufe2f\U00010a01-\U00010a3f\U00011000-\U00011046\U00011070-\U000110ba\U00011100-\U00011134"
    r"\U00011145-\U00011173\U00011180-\U000111c0\U0001122c-\U00011237\U000112df-\U00011446"
    r"\U0001145e-\U000114c3\U0001e8d0-\U0001e94a"
)
# Thai, Lao, Burmese, Hangul, Khmer, Kana, Bopomofo, Han.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3105-\u318e\u31a0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_PICTURES = r"\u231a\u231b\u23e9-\u23f3\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff"
_PICTURE = rf"[{_PICTURES}][\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:\u200d{_PICTURE})*"

_WORD = re.compile(rf"([\w{_MARKS}]{{1,{_LONGEST}}})[\w{_MARKS}]*")
# One letter of an unspaced script with what is written around it: Thai and Lao vowels before and after,
# Burmese and Khmer vowel signs and subscripts, voicing marks of Kana.
_SIGNS = (
    r"\u0e30-\u0e3a\u0e45\u0e47-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u105e-\u1060"
    r"\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d\u17b4-\u17d1\u17d3\u17dd"
    r"\u302a-\u302f\u3099\u309a"
)
_LETTER = re.compile(rf"[\u0e40-\u0e44\u0ec0-\u0ec4]?.(?:[{_SIGNS}]|\u17d2.)*", re.DOTALL)
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d]")
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
# Parts that others write as one word: `e-mail`, and Persian words with a zero-width non-joiner.
_JOINTS = "-\u2010\u200c"
_JOINT = re.compile(f"[{_JOINTS}]")
_JOINED = re.compile(rf"[^\W\d_]+(?:[{_JOINTS}][^\W\d_]+)+")
_SCHEME = re.compile(r"\b(?:https?|ftp)://(?:www\.)?|\bwww\.")
# Accents that compose with no letter, vowel points of Hebrew and Arabic, tatweel, soft hyphens, direction
# marks, and joiners inside Indic words.
_SILENT_ALWAYS = (
    r"\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0652\u0670\u00ad\u200e\u200f"
    r"\u202a-\u202e\u2060\u2066-\u2069\ufeff"
)
_SILENT = re.compile(rf"[{_SILENT_ALWAYS}]|(?<=[\u0900-\u0dff])[\u200c\u200d]")
_MAYBE_SILENT = re.compile(f"[{_SILENT_ALWAYS}\u200c\u200d]")  # in half the time


_WRITTEN = re.compile(rf"(?!_)[\w{_MARKS}]+(?:['’-](?!_)[\w{_MARKS}]+)*")


class _Special:
    """Patterns for pictures and scripts without spaces: 7 ms to compile, which a Latin query is spared."""

    def __init__(self) -> None:
        self.some = re.compile(f"[{_UNSPACED}{_PICTURES}]")
        self.run = re.compile(rf"{_EMOJI}|[\w{_MARKS}]+")
        self.stretch = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
        self.picture = re.compile(f"[{_PICTURES}]")


_special = cache(_Special)
# Below it there are neither.
_FIRST_SPECIAL = "\u0e00"


class Terms(NamedTuple):
    """The terms of a passage.

    Attributes:
        words: In the order of the text, repeated as often as they stand there.
        plain: The terms in plain letters.
    """

    words: list[str]
    plain: frozenset[str]


class _Terms(dict[str, str]):
    """The term of each word of a language; running text repeats its words, so that few have to be stemmed."""

    def __init__(self, stemmer: Any) -> None:  # noqa: ANN401  (PyStemmer has no types)
        super().__init__()
        self._stemmer = stemmer

    def __missing__(self, word: str) -> str:
        stem = "" if _DIGIT.search(word) else self._stemmer.stemWord(word)
        _remembered.make_room()
        term = self[word] = _undotted(stem or word)
        return term


class _WholeTerms(_Terms):
    """The term of each word of a language without a stemmer."""

    def __init__(self) -> None:
        super().__init__(None)

    def __getitem__(self, word: str) -> str:
        return _undotted(word)


class _PlainTerms(dict[str, str]):
    """The term in plain letters of each word of a language; empty where it is that of the word itself."""

    def __init__(self, terms: _Terms) -> None:
        super().__init__()
        self._terms = terms

    def __missing__(self, word: str) -> str:
        # Stems of other scripts are not those of the Latin letters, which are looked for as they are typed.
        term = self._terms[word]
        plain = plain_letters(word if is_transliterated(term) else term)
        _remembered.make_room()
        found = self[word] = "" if plain == term else PLAIN + self._terms[plain[: _LONGEST - 1]]
        return found

    def always(self, word: str) -> str:
        """The term in plain letters, whether or not it is that of the word itself."""
        return self[word] or PLAIN + self._terms[word][: _LONGEST - 1]


class _PlainPairs(dict[str, str]):
    """The term in plain letters of each pair of Chinese or Japanese characters; empty where it is the pair itself."""

    def __missing__(self, pair: str) -> str:
        plain = plain_pair(pair)
        _remembered.make_room()
        found = self[pair] = "" if plain == pair else PLAIN + plain
        return found


class _Remembered(threading.local):
    """The terms of each Snowball algorithm, and of none, in this thread, for stemmers keep state while they work."""

    def __init__(self) -> None:
        self.by_algorithm: dict[str, tuple[_Terms, _PlainTerms]] = {}
        self.pairs = _PlainPairs()
        self._n = 0

    def make_room(self) -> None:
        """Make room for another term, if need be by forgetting all."""
        self._n += 1
        if self._n > _MOST_REMEMBERED:
            for terms in (self.pairs, *chain.from_iterable(self.by_algorithm.values())):
                terms.clear()
            self._n = 1


_remembered = _Remembered()


def fold_words(text: str, lang: str) -> list[str]:
    """The terms a passage is indexed under, in the order of the text, repeated as often as they stand there.

    NFKC and case folding; a word of a language with a Snowball stemmer is given as its stem only, unless
    it holds a digit. The scheme of a URL is left out; its host and path are words.

    Args:
        text: A passage.
        lang: Its BCP 47 tag; `und` and languages without a stemmer leave the words as they are.

    Examples:
        >>> fold_words("Flickorna läser L'Équipe", "sv")
        ['flick', 'läs', 'l', 'équip']
        >>> fold_words("東京へ", "ja")
        ['東', '東京', '京', '京へ', 'へ']
    """
    return index_terms(text, lang, plain=False).words


def index_terms(text: str, lang: str, *, plain: bool = True) -> Terms:
    """The terms a passage is indexed under: those of `fold_words`, and those in plain letters where they differ.

    Args:
        text: A passage.
        lang: Its BCP 47 tag.
        plain: False leaves out the terms in plain letters.

    Examples:
        >>> words, plain = index_terms("Får får e-post", "sv")
        >>> words, sorted(plain)
        (['får', 'får', 'e', 'post'], ['~epost', '~far'])
        >>> sorted(index_terms("東京へ", "ja").plain)
        ["~dong'jing'", "~jing'へ"]
    """
    if _primary(lang) in _DOTLESS:
        text = text.replace("İ", "i").replace("I", "ı")
    folded = _fold(text)
    if folded.isascii() or not _special().some.search(folded):
        spaced = _WORD.findall(folded)
        terms = _stem_words(spaced, lang)
        return Terms(terms, _plain_terms(folded, spaced, lang) if plain else frozenset())
    terms, all_spaced, pairs = list[str](), list[str](), set[str]()
    spaced = []
    for run, unspaced in _iter_runs(folded):
        if unspaced:
            if spaced:
                terms += _stem_words(spaced, lang)
                all_spaced += spaced
                spaced = []
            letters = _letters(run)
            terms += _letters_and_pairs(letters)
            if plain and is_spelt_otherwise(run):
                pairs.update(map(add, letters, letters[1:]))
        else:
            spaced.append(run)
    terms += _stem_words(spaced, lang)
    if not plain:
        return Terms(terms, frozenset())
    of_pairs = set(map(_remembered.pairs.__getitem__, pairs)) - {""}
    return Terms(terms, _plain_terms(folded, all_spaced + spaced, lang) | of_pairs)


def query_words(query: str, langs: Sequence[str]) -> list[dict[str, float]]:
    """For each word of a query, in order, the terms it may be indexed under, each with its weight in `(0, 1]`.

    The first alternatives are the word itself, then its stem in each language. Those that count less are
    the spellings of who has no key for a letter, and the terms in plain letters; where `e-mail` is asked for, its
    parts may also stand as one word. A run of Han, Kana, Hangul, Thai, Lao, Khmer or Burmese gives its pairs of
    neighbours, one word each, or its only character.

    Args:
        query: What the user asks.
        langs: BCP 47 tags of the languages of the index.

    Examples:
        >>> query_words("läsande flickor", ["sv"])[1]
        {'flickor': 1.0, 'flick': 1.0, '~flick': 0.6, '~flickor': 0.6}
        >>> query_words("får", ["sv"])
        [{'får': 1.0, 'far': 0.6, 'faar': 0.6, '~far': 0.6}]
        >>> query_words("東京都", ["ja"])
        [{'東京': 1.0, "~dong'jing'": 0.6}, {'京都': 1.0, "~jing'dou'": 0.6}]
    """
    folded = _fold(query)
    joined = _joined_parts(folded)
    known: dict[str, dict[str, float]] = {}
    words: list[dict[str, float]] = []
    for run, unspaced in _iter_runs(folded):
        if unspaced:
            words += [_pair_forms(pair) for pair in _pairs(run)]
            continue
        if run not in known:
            known[run] = _word_forms(run, langs)
            for whole in joined.get(run, ()):
                for form in _word_forms(whole, langs):
                    known[run].setdefault(form, _PLAIN_WEIGHT)
        words.append(known[run])
    return words


def written_words(text: str) -> Iterator[tuple[int, int]]:
    """`(start, end)` of each word as it is written: with its marks, and in one with `'` and `-`; emoji are none.

    Examples:
        >>> text = "L'amour, हिन्दी: e-mail"
        >>> [text[start:end] for start, end in written_words(text)]
        ["L'amour", 'हिन्दी', 'e-mail']
    """
    return (match.span() for match in _WRITTEN.finditer(text))


def count_words(text: str) -> int:
    """Number of different words of a text; in a script without spaces, one for each two characters.

    Examples:
        >>> count_words("Why, why not?"), count_words("東京都へ")
        (3, 2)
    """
    words = {text[start:end] for start, end in written_words(text)}
    return sum((len(word) + 1) // 2 if is_unspaced(word) else 1 for word in words)


def is_unspaced(word: str) -> bool:
    """Whether a word holds characters of a script without spaces, so that it may be several words."""
    return max(word, default="") >= _FIRST_SPECIAL and _special().some.search(word) is not None


def folding_version() -> str:
    """What decides the terms of an index besides the texts: our rules and the releases of Snowball and anyascii.

    Passages folded under one version and queries under another may miss each other.
    """
    from importlib.metadata import version as version_of

    from Stemmer import version

    return f"2 snowball {version()} anyascii {version_of('anyascii')}"


def _fold(text: str) -> str:
    if text.isascii():
        folded = text.lower()
    else:
        folded = normalize("NFKC", normalize("NFKC", text).casefold())
        if _MAYBE_SILENT.search(folded):
            folded = _SILENT.sub("", folded)
        folded = _FOREIGN_DIGIT.sub(lambda digit: str(decimal(digit[0])), folded)
    if "://" in folded or "www." in folded:
        folded = _SCHEME.sub(" ", folded)
    return folded.replace("_", " ")


def _iter_runs(folded: str) -> Iterator[tuple[str, bool]]:
    """Each word, and each stretch of a script without spaces, with whether it is such a stretch."""
    if max(folded, default="") < _FIRST_SPECIAL:
        yield from ((word, False) for word in _WORD.findall(folded))
        return
    special = _special()
    for run in special.run.findall(folded):
        if not special.some.search(run):
            yield run[:_LONGEST], False
        elif special.picture.match(run):
            yield run.replace("\ufe0f", "")[:_LONGEST], False
        else:
            for stretch in special.stretch.findall(run):
                unspaced = bool(special.some.match(stretch))
                yield stretch if unspaced else stretch[:_LONGEST], unspaced


def _letters(stretch: str) -> list[str]:
    return [letter[: _LONGEST // 2] for letter in _LETTER.findall(stretch)]


def _letters_and_pairs(letters: Sequence[str]) -> Iterable[str]:
    for letter, following in pairwise(letters):
        yield letter
        yield letter + following
    yield letters[-1]


def _pairs(stretch: str) -> list[str]:
    letters = _letters(stretch)
    return [letter + following for letter, following in pairwise(letters)] or letters


def _plain_terms(folded: str, spaced: Iterable[str], lang: str) -> frozenset[str]:
    """The terms in plain letters of words, and of those that others write as one."""
    _, plain = _terms_of(lang)
    marked = [word for word in set(spaced) if not word.isascii()]
    found = set(map(plain.__getitem__, marked))
    found.update(plain.always(whole) for whole in _joined(folded))
    return frozenset(found - {""})


def _joined(folded: str) -> Iterator[str]:
    """Words that are divided by a hyphen or a zero-width non-joiner, without it."""
    for joint in _JOINTS:
        if joint in folded:
            for stretch in folded.split():
                if joint in stretch:
                    yield from (_JOINT.sub("", found)[:_LONGEST] for found in _JOINED.findall(stretch))


def _joined_parts(folded: str) -> dict[str, list[str]]:
    """For each part of such words, the wholes, each once."""
    wholes: dict[str, dict[str, None]] = {}
    for found in _JOINED.findall(folded):
        parts = _JOINT.split(found)
        whole = "".join(parts)[:_LONGEST]
        for part in parts:
            wholes.setdefault(part, {})[whole] = None
    return {part: list(found) for part, found in wholes.items()}


def _word_forms(word: str, langs: Sequence[str]) -> dict[str, float]:
    forms = dict.fromkeys([_undotted(word), *_stems(word, langs)], 1.0)
    if not _LETTERS.search(word):
        return forms
    variants = typed_variants(word)
    less = [form for variant in variants for form in (variant, *_stems(variant, langs))]
    for spelling in (word, *variants) if word.isascii() else (word,):
        less += [_terms_of(lang)[1].always(spelling) for lang in (*langs, "und")]
    for form in less:
        forms.setdefault(form[:_LONGEST], _PLAIN_WEIGHT)
    return forms


def _stems(word: str, langs: Sequence[str]) -> list[str]:
    return [stem for lang in langs for stem in _stem_words(_spellings(word, lang), lang)]


def _pair_forms(pair: str) -> dict[str, float]:
    """A pair of characters, and how else it may be written: in Hiragana, or under the readings of the characters."""
    forms = {pair: 1.0}
    if not has_other_spellings(pair):
        return forms
    plain = plain_pair(pair)
    forms[PLAIN + plain] = _PLAIN_WEIGHT
    if "'" not in plain:
        forms.setdefault(plain, _PLAIN_WEIGHT)
    return forms


def _stem_words(words: list[str], lang: str) -> list[str]:
    return list(map(_terms_of(lang)[0].__getitem__, words))


def _spellings(word: str, lang: str) -> list[str]:
    """A word of a query, and in Turkish also with every i dotless: the stem depends on it."""
    return [word, word.replace("i", "ı")] if _primary(lang) in _DOTLESS else [word]


def _undotted(term: str) -> str:
    """The term with Turkish dotless i written as i, which is how others type it."""
    return term.replace("ı", "i")


def _primary(lang: str) -> str:
    return lang.partition("-")[0].lower()


def _terms_of(lang: str) -> tuple[_Terms, _PlainTerms]:
    """The terms of a language's words; those of languages without a Snowball stemmer are the same."""
    algorithm = _ALGORITHMS.get(_primary(lang), "")
    found = _remembered.by_algorithm.get(algorithm)
    if found is None:
        terms: _Terms = _WholeTerms()
        if algorithm:
            from Stemmer import Stemmer, algorithms

            terms = _Terms(Stemmer(algorithm)) if algorithm in algorithms() else terms
        found = _remembered.by_algorithm[algorithm] = terms, _PlainTerms(terms)
    return found
