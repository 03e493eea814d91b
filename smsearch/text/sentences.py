"""Where sentences begin and end.

The rules are those of sentencex (300 languages, Rust). Mended here: abbreviations it does not know, numbers
of list items, line ends, Thai, and characters it cannot take.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from smsearch.text.boundaries import Stretch, sentence_boundaries

_LONGEST_WRAPPED = 120
_SHORTEST_WRAPPED = 40
_LONGEST_UNSTOPPED = 200

# A blank line, a paragraph separator, or the full stop of Khmer, Hindi or Tibetan.
_BREAK = re.compile(r"\r?\n[^\S\n]*\n\s*|[\f\x1c-\x1e\u2029]|(?<=[។៕।॥])\s+")
_LINE_END = re.compile(r"\r?\n|[\r\v\x85\u2028]")
_DIVIDING = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029។៕।॥]")  # one of these stands in every break and line end
_BULLET = re.compile(r"\s*(?:[-*+•‣◦–—]|\d{1,3}[.)]|[^\W\d_][.)])\s")
_ENUMERATOR = re.compile(r"[(\[]?(?:\d{1,3}|[ivxlcIVXLC]{1,6}|[^\W\d_])[.)\]]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSTOPPED_SCRIPT = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff]+")
_SPACE = re.compile(r"\s+")

_CLOSING = re.compile(r"[!-/:-@\[-`{-~]{1,20}")
_LONGEST_ABBREVIATION = 20
_LAST_WORD = re.compile(r"(?:[^\W\d_]+[.:])*[^\W\d_]+\.\Z")
_VOWEL = re.compile("[aeiouyæøœıаеиоуыэюяіїєαεηιουω]")
# Abbreviations with vowels, of any language, that go on with a small letter; and those before a number.
_ABBREVIATIONS = frozenset({
    "approx", "apr", "aug", "ca", "capt", "dept", "eds", "eks", "ekskl", "esim", "etc", "ev", "evt", "exkl",
    "feb", "fig", "forts", "hum", "incl", "ing", "inkl", "jan", "kap", "milj", "näml", "nro", "okt", "osv",
    "pag", "prof", "resp", "sept", "spec", "tel", "tilsv", "uppl", "usw", "vanl", "årg", "рис", "стр", "тел",
    "ул",
})  # fmt: skip
_BEFORE_NUMBERS = frozenset({
    "abs", "app", "apr", "art", "aug", "avd", "bd", "bild", "ca", "cap", "cf", "dec", "eks", "feb", "fig",
    "jan", "kap", "kl", "no", "nov", "nr", "nro", "num", "oct", "okt", "p", "pag", "pos", "pp", "s", "sec",
    "sep", "sept", "sid", "str", "tab", "tel", "tfn", "tlf", "vol", "рис", "стр", "тел",
})  # fmt: skip
_CLAUSE = re.compile(r"[,;:)\]]\s|\s[–—-]\s|[，、；：。！？；؛،]|[.!?…]\s")
# Canonical combining class of the sign that joins two Indic consonants.
_VIRAMA = 9
# What joins the letter before it without being a mark.
_EXTENDING = frozenset(
    ["\u200c", "\u200d", "\u0e33", "\u0eb3", "\uff9e", "\uff9f"]
    + [chr(code) for code in (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))]
)


def split_sentences(text: str, lang: str) -> list[Stretch]:
    """The sentences of a text, as `(start, end)` in characters of it.

    In order, without overlap and without the white space around them; every other character is in exactly
    one. A blank line ends a sentence, and so does the end of a line that was not wrapped there: one longer
    than 120 characters, one before a list item, and one shorter than 40 unless a small letter follows.
    Thai, Lao and Khmer have few full stops: a sentence longer than 200 characters is cut at spaces.

    Args:
        text: Any text; an empty or blank one has no sentences.
        lang: BCP 47 tag; the rules for an unknown one are the general ones.

    Examples:
        >>> text = "Vi har t.ex. bra mat. Kom kl. 10!"
        >>> [text[start:end] for start, end in split_sentences(text, "sv")]
        ['Vi har t.ex. bra mat.', 'Kom kl. 10!']
    """
    plain = _SURROGATE.sub("\ufffd", text)
    rules = lang.partition("-")[0].lower() or "und"
    spans: list[Stretch] = []
    for start, end in _iter_blocks(plain):
        for sentence in _mend(plain, _raw_sentences(plain, start, end, rules)):
            spans += _cut_unstopped(plain, *sentence)
    return spans


def split_long(text: str, start: int, end: int, *, longest: int) -> list[Stretch]:
    """Cut `text[start:end]` into pieces of at most `longest` characters.

    Each cut is at the last end of a clause in the second half of the piece, else at its last space, else
    between any two characters a reader sees as two: never inside an emoji sequence, a flag, a letter with
    its combining marks, or a Hangul syllable. White space around a piece belongs to none.

    Returns:
        `(start, end)` in characters of `text`, in order. A single visible character longer than
        `longest` stays whole.

    Raises:
        ValueError: If `longest` is below 1.

    Examples:
        >>> split_long("röd, grön och blå", 0, 17, longest=9)
        [(0, 9), (10, 17)]
    """
    if longest < 1:
        raise ValueError(f"longest is {longest}; it must be at least 1")
    spans = []
    start, end = _trim(text, start, end)
    while start < end:
        cut = end if end - start <= longest else _find_cut(text, start, end, longest)
        spans.append(_trim(text, start, cut))
        start, _ = _trim(text, cut, end)
    return spans


def _iter_blocks(text: str) -> Iterator[Stretch]:
    """Stretches that no sentence leaves: paragraphs, and lines that were not wrapped."""
    if not _DIVIDING.search(text):  # most texts; the patterns that tell breaks apart are slow
        yield 0, len(text)
        return
    start = 0
    for found in _BREAK.finditer(text):
        yield from _iter_lines(text, start, found.start())
        start = found.end()
    yield from _iter_lines(text, start, len(text))


def _iter_lines(text: str, start: int, end: int) -> Iterator[Stretch]:
    """Lines of a paragraph, with those that were wrapped joined to the next."""
    line = start
    for found in _LINE_END.finditer(text, start, end):
        if not _wraps(text, line, found.start(), found.end()):
            yield start, found.start()
            start = found.end()
        line = found.end()
    yield start, end


def _wraps(text: str, start: int, end: int, following: int) -> bool:
    """Whether a sentence may go on from the line `text[start:end]` to the one at `following`."""
    if end - start > _LONGEST_WRAPPED or _BULLET.match(text, following):
        return False
    return end - start >= _SHORTEST_WRAPPED or text[following : following + 1].islower()


def _raw_sentences(text: str, start: int, end: int, lang: str) -> Iterator[Stretch]:
    """What sentencex makes of a block, trimmed, blank ones left out."""
    for first, last in sentence_boundaries(text[start:end], lang):
        span = _trim(text, start + first, start + last)
        if span[0] < span[1]:
            yield span


def _mend(text: str, spans: Iterable[Stretch]) -> Iterator[Stretch]:
    """Join what was cut apart inside one sentence."""
    start = end = -1
    for following, until in spans:
        if start >= 0 and not _belong_together(text, (start, end), (following, until)):
            yield start, end
            start = following
        start, end = following if start < 0 else start, until
    if start >= 0:
        yield start, end


def _belong_together(text: str, before: Stretch, after: Stretch) -> bool:
    first = text[after[0]]
    if _CLOSING.fullmatch(text, *after) or _ENUMERATOR.fullmatch(text, *before):
        return True
    if text[before[1] - 1] != "." or not (first.isdigit() or first.islower()):
        return False
    abbreviation = _LAST_WORD.search(text, max(before[0], before[1] - _LONGEST_ABBREVIATION), before[1])
    if abbreviation is None:
        return False
    word = abbreviation[0][:-1].lower()
    return word in _BEFORE_NUMBERS if first.isdigit() else _is_abbreviation(word)


def _is_abbreviation(word: str) -> bool:
    """Whether a word (in small letters, without its full stop) before a small letter is no sentence end."""
    return (
        "." in word or len(word) == 1 or word in _ABBREVIATIONS or not _VOWEL.search(unicodedata.normalize("NFD", word))
    )


def _cut_unstopped(text: str, start: int, end: int) -> Iterator[Stretch]:
    """Cut an overlong sentence of a script without full stops at the last space within its limit."""
    unstopped = end - start > _LONGEST_UNSTOPPED and _is_unstopped(text[start:end])
    while unstopped and end - start > _LONGEST_UNSTOPPED:
        spaces = list(_SPACE.finditer(text, start, start + _LONGEST_UNSTOPPED))
        space = spaces[-1] if spaces else _SPACE.search(text, start, end)
        if space is None:
            break
        yield start, space.start()
        start = _trim(text, space.end(), end)[0]
    yield start, end


def _is_unstopped(sentence: str) -> bool:
    return 2 * sum(map(len, _UNSTOPPED_SCRIPT.findall(sentence))) > len(sentence)


def _trim(text: str, start: int, end: int) -> Stretch:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _find_cut(text: str, start: int, end: int, longest: int) -> int:
    """Where to end the piece that begins at `start`; the stretch is longer than `longest`."""
    limit = start + longest
    for pattern in (_CLAUSE, _SPACE):
        ends = [found.end() for found in pattern.finditer(text, start + longest // 2, limit + 1)]
        for cut in reversed(ends):
            if (cut <= limit or text[limit].isspace()) and not _is_inside(text, start, cut):
                return cut
    backwards = (cut for cut in range(limit, start, -1) if not _is_inside(text, start, cut))
    forwards = (cut for cut in range(limit + 1, end) if not _is_inside(text, start, cut))
    return next(backwards, None) or next(forwards, end)


def _is_inside(text: str, start: int, cut: int) -> bool:
    """Whether a cut would split a grapheme cluster of `text[start:]` (after Unicode TR 29)."""
    if cut >= len(text):
        return False
    before, after = text[cut - 1], text[cut]
    if after < "\u0300" and before < "\u0300":
        return before == "\r" and after == "\n"
    if before == "\u200d" or after in _EXTENDING or unicodedata.category(after)[0] == "M":
        return True
    if _is_flag(after) and _is_flag(before):
        return _flags_before(text, start, cut) % 2 == 1
    return _joins_hangul(before, after) or unicodedata.combining(before) == _VIRAMA


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flags_before(text: str, start: int, cut: int) -> int:
    """Number of regional indicators that stand just before `cut`."""
    at = cut
    while at > start and _is_flag(text[at - 1]):
        at -= 1
    return cut - at


def _joins_hangul(before: str, after: str) -> bool:
    """Whether two conjoining jamo, or a syllable and a jamo, make one syllable."""
    if "\u1160" <= after <= "\u11ff":
        return "\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3"
    return "\u1100" <= before <= "\u115f" and ("\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3")
