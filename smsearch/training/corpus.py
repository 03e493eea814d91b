"""Parallel text read from a folder, cleaned, and written as the corpus that is trained on."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import math
import os
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from smsearch.errors import SourceError
from smsearch.files import write_atomically
from smsearch.training.decontamination import ForbiddenTexts

ENGLISH: Final = "english.txt"
REPORT: Final = "report.json"
_OPENERS: Final[dict[str, Callable[..., IO[Any]]]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
_FIELDS: Final = {2: "English and text", 3: "number or English, source, text"}
_SCRIPTS: Final = {
    **dict.fromkeys(("ar", "fa", "ur"), "ARABIC"),
    **dict.fromkeys(("be", "bg", "kk", "mk", "ru", "uk"), "CYRILLIC"),
    **dict.fromkeys(("hi", "mr"), "DEVANAGARI"),
    "bn": "BENGALI",
    "el": "GREEK",
    "he": "HEBREW",
    "hy": "ARMENIAN",
    "ka": "GEORGIAN",
    "ko": "HANGUL",
    "ml": "MALAYALAM",
    "ta": "TAMIL",
    "te": "TELUGU",
    "th": "THAI",
    "zh": "CJK",
}
_WORDS: Final = re.compile(r"[^\W\d_]{3,}")
_LATIN_IN_ENGLISH: Final = 0.6  # share of the words that also stand in the English line: untranslated
_FEWEST_COMPARED: Final = 5  # words; shorter texts may be names
_TOLD: Final = 40  # characters from which a language is told well enough to drop a text


@dataclass(frozen=True, slots=True)
class CorpusLimits:
    """What a pair must keep to.

    Attributes:
        max_characters: Longest text, on either side.
        max_length_factor: A text may be so many times longer or shorter, beside its English line, than is
            usual in its language.
        word_sources: Sources of words and short phrases, by the beginning of their names; these
            may equal the English side, and their language is not told.
    """

    max_characters: int = 600
    max_length_factor: float = 3.0
    word_sources: tuple[str, ...] = ("dict_", "gloss_", "terms_")


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What was read, kept and dropped.

    Attributes:
        english_lines: Lines of the English file.
        pairs: Pairs kept, by language.
        sources: Pairs kept, by source.
        dropped: Pairs dropped, by reason, over all languages.
    """

    english_lines: int
    pairs: dict[str, int]
    sources: dict[str, int]
    dropped: dict[str, int]


@dataclass(slots=True)
class _Language:
    """One language of a corpus while it is read."""

    lines: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def build_corpus(
    folder: Path,
    out: Path,
    *,
    langs: Sequence[str] = (),
    forbidden: Path | None = None,
    limits: CorpusLimits | None = None,
    advance: Callable[[str], object] = lambda _lang: None,
) -> CorpusReport:
    """Read parallel text, drop what should not be trained on, and write what is left.

    The folder holds one `<lang>.tsv` a language (or `.tsv.xz`, `.gz`, `.bz2`), UTF-8, in one of two forms:
    with `english.txt` beside them, a line is `English line number TAB source TAB text`, lines numbered from 0; without,
    it is `English TAB text` or `English TAB source TAB text`. The order of lines is kept, for passages are made of
    neighbours.

    Written to `out`: `english.txt`, `<lang>.tsv` in the first form, and `report.json`. A language whose file is there
    already is not read again; delete the folder to start afresh.

    Args:
        folder: Where the parallel text is.
        out: Where to write; made if missing.
        langs: Which languages; empty for all that are there.
        forbidden: File of keys of evaluation texts, see `decontamination`.
        limits: What a pair must keep to.
        advance: Called with each language that is done.

    Raises:
        SourceError: If the folder holds no such files, a language is missing, or a line is in another form.
    """
    files = _language_files(folder, langs)
    out.mkdir(parents=True, exist_ok=True)
    numbered = _english_file(folder) is not None
    if not (out / ENGLISH).exists():
        english = list(read_lines(_english_file(folder))) if numbered else _distinct_english(files.values())
        _write_lines(out / ENGLISH, english)
    work = partial(_clean_language, out=out, numbered=numbered, forbidden=forbidden, limits=limits or CorpusLimits())
    reports = []
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(files))) as pool:
        for lang, report in zip(files, pool.map(work, files, files.values()), strict=True):
            reports.append(report)
            advance(lang)
    total = _sum_reports(sum(1 for _ in read_lines(out / ENGLISH)), dict(zip(files, reports, strict=True)))
    write_atomically(out / REPORT, (json.dumps(asdict(total), indent=2) + "\n").encode())
    return total


def read_lines(path: Path | None) -> Iterator[str]:
    """Lines of a text file, plain or compressed; only LF and CR LF end a line.

    Raises:
        SourceError: If it cannot be read.
    """
    if path is None:
        return
    opener = _OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line.rstrip("\r\n")
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise SourceError(f"cannot read {str(path)!r}: {error}") from None


def read_pairs(path: Path) -> Iterator[tuple[int, str, str]]:
    """`(English line number, source, text)` of each pair of a written corpus."""
    for line in read_lines(path):
        number, source, text = line.split("\t", 2)
        yield int(number), source, text


def corpus_langs(corpus: Path) -> list[str]:
    """Languages of a written corpus, sorted."""
    return sorted(path.stem for path in corpus.glob("*.tsv"))


def _language_files(folder: Path, langs: Sequence[str]) -> dict[str, Path]:
    found = {
        path.name.split(".", 1)[0]: path
        for path in sorted(folder.glob("*.tsv*"))
        if re.fullmatch(r"[a-z]{2,3}\.tsv(\.xz|\.gz|\.bz2)?", path.name)
    }
    if not found:
        raise SourceError(f"{str(folder)!r} holds no parallel text; put a <lang>.tsv for each language there")
    missing = [lang for lang in langs if lang not in found]
    if missing:
        raise SourceError(f"{str(folder)!r} has no text in {', '.join(missing)}; it has {', '.join(found)}")
    return {lang: found[lang] for lang in langs or found}


def _english_file(folder: Path) -> Path | None:
    names = (ENGLISH, *(ENGLISH + suffix for suffix in _OPENERS))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _distinct_english(paths: Iterable[Path]) -> list[str]:
    return list(dict.fromkeys(_split(path, line, i)[0] for path in paths for i, line in enumerate(read_lines(path), 1)))


def _split(path: Path, line: str, number: int) -> tuple[str, str, str]:
    parts = line.split("\t")
    if len(parts) not in _FIELDS:
        raise SourceError(
            f"{str(path)!r}: line {number} has {len(parts)} fields; write {' or '.join(_FIELDS.values())}"
        )
    return parts[0], parts[1] if len(parts) > 2 else path.name.split(".", 1)[0], parts[-1]  # noqa: PLR2004


def _clean_language(
    lang: str, path: Path, *, out: Path, numbered: bool, forbidden: Path | None, limits: CorpusLimits
) -> dict[str, Any]:
    """Read, filter and write one language; its report."""
    target, note = out / f"{lang}.tsv", out / f".{lang}.json"
    if target.exists() and note.exists():
        return dict(json.loads(note.read_text()))
    english = list(read_lines(out / ENGLISH))
    read = _read_language(path, english, numbered=numbered)
    reasons = _reasons(lang, read, english, ForbiddenTexts(forbidden), limits)
    kept = [i for i, reason in enumerate(reasons) if not reason]
    _write_lines(target, [f"{read.lines[i]}\t{read.sources[i]}\t{read.texts[i]}" for i in kept])
    report = {
        "pairs": len(kept),
        "sources": Counter(read.sources[i] for i in kept),
        "dropped": Counter(reason for reason in reasons if reason),
    }
    write_atomically(note, json.dumps(report).encode())
    return report


def _read_language(path: Path, english: list[str], *, numbered: bool) -> _Language:
    read = _Language()
    numbers = {} if numbered else {line: i for i, line in enumerate(english)}
    names = _source_names(path.parent)
    for i, line in enumerate(read_lines(path), 1):
        first, source, text = _split(path, line, i)
        try:
            number = int(first) if numbered else numbers[first]
        except ValueError:
            raise SourceError(f"{str(path)!r}: line {i} begins with {first!r}, which is no line number") from None
        if number >= len(english):
            raise SourceError(f"{str(path)!r}: line {i} names English line {number} of {len(english)}")
        read.lines.append(number)
        read.sources.append(names.get(source, source))
        read.texts.append(unicodedata.normalize("NFC", text).strip())
    return read


def _source_names(folder: Path) -> dict[str, str]:
    """Names by number, where `sources.tsv` gives them (`id TAB name`)."""
    path = folder / "sources.tsv"
    rows = [line.split("\t") for line in read_lines(path)] if path.is_file() else []
    return {row[0]: row[1] for row in rows[1:]}


def _reasons(
    lang: str, read: _Language, english: list[str], forbidden: ForbiddenTexts, limits: CorpusLimits
) -> list[str]:
    """Why each pair is dropped; an empty string where it stays."""
    sides = [english[i] for i in read.lines]
    usual = _usual_ratio(read.texts, sides)
    seen: set[tuple[int, str]] = set()
    is_word = [source.startswith(limits.word_sources) for source in read.sources]
    reasons = []
    for line, text, side, word in zip(read.lines, read.texts, sides, is_word, strict=True):
        pair = (line, text)
        reason = ""
        if not text or not side:
            reason = "empty"
        elif pair in seen:
            reason = "repeated"
        elif max(len(text), len(side)) > limits.max_characters:
            reason = "too long"
        elif not word and _is_lopsided(text, side, usual, limits.max_length_factor):
            reason = "lengths differ"
        elif _is_in_other_script(text, lang):
            reason = "other script"
        elif not word and _is_untranslated(text, side):
            reason = "untranslated"
        elif text in forbidden or side in forbidden:
            reason = "evaluation text"
        seen.add(pair)
        reasons.append(reason)
    _mark_english(reasons, read.texts, is_word)
    return reasons


def _usual_ratio(texts: Sequence[str], sides: Sequence[str]) -> float:
    ratios = [math.log(len(text) / len(side)) for text, side in zip(texts, sides, strict=True) if text and side]
    return statistics.median(ratios) if ratios else 0.0


def _is_lopsided(text: str, side: str, usual: float, factor: float) -> bool:
    slack = 5  # characters added to both, so that short texts may differ more
    return abs(math.log((len(text) + slack) / (len(side) + slack)) - usual) > math.log(factor)


def _is_in_other_script(text: str, lang: str) -> bool:
    """Whether less than half of the letters are in the script of the language, where that is not Latin."""
    script = _SCRIPTS.get(lang)
    if script is None:
        return False
    letters = [char for char in text if char.isalpha()]
    of_script = sum(unicodedata.name(char, "").startswith(script) for char in letters)
    return 2 * of_script < len(letters)


def _is_untranslated(text: str, side: str) -> bool:
    folded, english = text.casefold(), side.casefold()
    words = _WORDS.findall(folded)
    if folded == english:
        return len(words) > 1
    if len(words) < _FEWEST_COMPARED:
        return False
    known = frozenset(_WORDS.findall(english))
    return sum(word in known for word in words) > _LATIN_IN_ENGLISH * len(words)


def _mark_english(reasons: list[str], texts: Sequence[str], is_word: Sequence[bool]) -> None:
    """Give those that are kept, long enough and told to be English the reason `in English`."""
    from smsearch.text.language import detect_languages

    asked = [
        i
        for i, reason in enumerate(reasons)
        if not (reason or is_word[i]) and len(texts[i]) >= _TOLD and texts[i].isascii()
    ]
    for i, found in zip(asked, detect_languages([texts[i] for i in asked]), strict=True):
        if found == "en":
            reasons[i] = "in English"


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    write_atomically(path, "".join(line + "\n" for line in lines).encode())


def _sum_reports(english_lines: int, reports: dict[str, dict[str, Any]]) -> CorpusReport:
    sources: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for report in reports.values():
        sources.update(report["sources"])
        dropped.update(report["dropped"])
    pairs = {lang: int(report["pairs"]) for lang, report in reports.items()}
    return CorpusReport(english_lines, pairs, dict(sorted(sources.items())), dict(sorted(dropped.items())))
