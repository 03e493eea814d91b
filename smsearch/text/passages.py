"""Documents cut into the passages that are encoded and retrieved.

Cuts fall at headings, then between paragraphs, then between sentences; only a sentence beyond the
encoder's limit is cut inside. Every passage is an exact stretch of its document, and every
character of a document that is not white space stands in a passage or in a left-out span.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from smsearch.records import UNKNOWN_LANG, Document, Passage, Section, Span
from smsearch.text.boilerplate import find_boilerplate
from smsearch.text.comments import find_comments
from smsearch.text.language import detect_languages
from smsearch.text.lines import iter_lines
from smsearch.text.outline import Unit, heading_text, outline
from smsearch.text.repeats import Run, repeated_runs
from smsearch.text.sentences import split_long, split_sentences

CountTokens = Callable[[Sequence[str]], Sequence[int]]
CountPassages = Callable[[Sequence[Passage]], Sequence[int]]

_CONTEXT_CHARACTERS = 160
_LANGUAGE_SAMPLE = 2000
_SURE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class PassageLimits:
    """How long passages are, in the encoder's tokens, their context not counted.

    Attributes:
        target: Packing stops here.
        maximum: No passage is longer, unless a single visible character is.
    """

    target: int = 160
    maximum: int = 240


@dataclass(frozen=True, slots=True)
class Cut:
    """A document cut into passages.

    Attributes:
        passages: The passages in order of their start.
        left_out: The stretches that no passage holds, in order, with the reason of each.
    """

    passages: tuple[Passage, ...]
    left_out: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch that is never cut: a paragraph, a sentence, or a part of an overlong sentence."""

    start: int
    end: int
    n_tokens: int
    sentences: tuple[tuple[int, int], ...]
    starts_passage: bool = False
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """A section with its units.

    Attributes:
        section: The section.
        lang: Its language.
        units: Its units.
        sentences: Those of each unit.
        breaks: Units at which passages have to start.
        beginnings: `(start, end)` in the document of copies of what stands above the first heading.
    """

    section: Section
    lang: str
    units: list[Unit]
    sentences: list[list[tuple[int, int]]]
    breaks: frozenset[int]
    beginnings: tuple[tuple[int, int], ...]


def split_passages(
    documents: Sequence[Document],
    *,
    count_tokens: CountTokens,
    count_passages: CountPassages | None = None,
    limits: PassageLimits | None = None,
    recurring: frozenset[str] = frozenset(),
    keep_boilerplate: bool = False,
) -> list[Cut]:
    """Cut documents into passages, with comments told from posts and boilerplate left out.

    Args:
        documents: The documents.
        count_tokens: Tokens of each text, as the encoder counts them.
        count_passages: The same of passages whose sentences were counted; None counts their texts.
        limits: How long passages are.
        recurring: Folded lines that recur across the source, to be left out.
        keep_boilerplate: Whether boilerplate stays in the passages.
    """
    limits = limits or PassageLimits()
    structures = [_structure(document, recurring, keep_boilerplate=keep_boilerplate) for document in documents]
    parts = _parts(documents, structures)
    flat = [
        document.text[start:end]
        for document, of_document in zip(documents, parts, strict=True)
        for part in of_document
        for sentences in part.sentences
        for start, end in sentences
    ]
    counts = iter(count_tokens(flat))
    cuts = []
    for document, of_document, (_, left_out) in zip(documents, parts, structures, strict=True):
        passages = []
        for part in of_document:
            passages += _pack_part(document.text, part, counts, count_tokens, limits)
        cuts.append(Cut(tuple(passages), tuple(left_out)))
    return _with_languages(_within_maximum(cuts, count_passages or _by_text(count_tokens), limits))


def encoder_text(title: str, passage: Passage) -> str:
    """The passage as the encoder sees it: under its title and heading, unless it holds them itself."""
    return "\n".join(encoder_lines(title, passage))


def encoder_lines(title: str, passage: Passage) -> list[str]:
    """The lines of `encoder_text`: title and heading, as far as they go above the passage, and last its whole text.

    A title and a heading count up to 160 characters, once where they are the same, and not where they stand in the
    first 160 of the passage.
    """
    beginning = passage.text[:_CONTEXT_CHARACTERS]
    context = [line[:_CONTEXT_CHARACTERS] for line in (title, passage.heading) if line]
    return [*dict.fromkeys(line for line in context if line not in beginning), passage.text]


def _structure(
    document: Document, recurring: frozenset[str], *, keep_boilerplate: bool
) -> tuple[list[Section], list[Span]]:
    """Sections of a document, and what is left out of them."""
    text = document.text
    sections, left_out = _marked_sections(document) if document.sections else find_comments(text)
    for section in () if keep_boilerplate else sections:
        found = find_boilerplate(text[section.start : section.end], recurring)
        left_out += [Span(section.start + span.start, section.start + span.end, span.reason) for span in found]
    return sections, sorted(left_out, key=lambda span: span.start)


def _marked_sections(document: Document) -> tuple[list[Section], list[Span]]:
    """The sections a source marks, without overlap and within the text, and what stands outside them."""
    text = document.text
    sections, outside, at = [], list[Span](), 0
    for section in sorted(document.sections, key=lambda section: section.start):
        start = min(max(section.start, at), len(text))
        end = min(max(section.end, start), len(text))
        sections.append(replace(section, start=start, end=end))
        outside += _outside(text, at, start)
        at = end
    return sections, [*outside, *_outside(text, at, len(text))]


def _outside(text: str, start: int, end: int) -> list[Span]:
    lines = [line for line in iter_lines(text, start, end) if line.text]
    return [Span(lines[0].start, lines[-1].end, "outside sections")] if lines else []


def _parts(documents: Sequence[Document], structures: Sequence[tuple[list[Section], list[Span]]]) -> list[list[_Part]]:
    samples = [
        document.text[section.start : section.end][:_LANGUAGE_SAMPLE]
        for document, (sections, _) in zip(documents, structures, strict=True)
        for section in sections
    ]
    langs = iter(detect_languages(samples))
    return [
        _parts_of(document, sections, left_out, [next(langs) for _ in sections])
        for document, (sections, left_out) in zip(documents, structures, strict=True)
    ]


def _parts_of(
    document: Document, sections: Sequence[Section], left_out: Sequence[Span], langs: Sequence[str]
) -> list[_Part]:
    text = document.text
    own_lang = document.lang if document.lang != UNKNOWN_LANG else langs[0]
    parts = []
    for section, detected in zip(sections, langs, strict=True):
        lang = own_lang if detected == UNKNOWN_LANG else detected
        if document.lang != UNKNOWN_LANG and section.kind == "post":
            lang = document.lang
        units = outline(text, section, left_out)
        runs = repeated_runs([text[unit.start : unit.end] for unit in units])
        breaks = frozenset(position for run in runs for position in run.breaks)
        sentences = [_sentences(text, unit, lang) for unit in units]
        parts.append(_Part(section, lang, units, sentences, breaks, _beginnings(units, runs)))
    return parts


def _beginnings(units: Sequence[Unit], runs: Sequence[Run]) -> tuple[tuple[int, int], ...]:
    """Copies of what stands above the first heading: there the text begins again, whatever heading came before."""
    first = next((i for i, unit in enumerate(units) if unit.is_heading), len(units))
    return tuple((units[run.start].start, units[run.end - 1].end) for run in runs if run.original < first)


def _sentences(text: str, unit: Unit, lang: str) -> list[tuple[int, int]]:
    if unit.is_heading:
        return [(unit.start, unit.end)]
    found = split_sentences(text[unit.start : unit.end], lang)
    return [(unit.start + start, unit.start + end) for start, end in found]


def _pack_part(
    text: str, part: _Part, counts: Iterator[int], count_tokens: CountTokens, limits: PassageLimits
) -> list[Passage]:
    pieces = _pieces(text, part, counts, count_tokens, limits)
    headings = [unit for unit in part.units if unit.is_heading]
    starts = [unit.start for unit in headings]
    passages = []
    for group in _pack(text, pieces, limits):
        start, end = group[0].start, group[-1].end
        sentences = tuple((a - start, b - start) for piece in group for a, b in piece.sentences)
        above = headings[: bisect_right(starts, start)][-1:]
        if above and any(a <= start < b and above[0].start < a for a, b in part.beginnings):
            above = []
        heading = heading_text(text[above[0].start : above[0].end]) if above else ""
        passage = Passage(start, end, text[start:end], lang=part.lang, heading=heading, sentences=sentences)
        passages.append(replace(passage, kind=part.section.kind, author=part.section.author, date=part.section.date))
    return passages


def _pieces(
    text: str, part: _Part, counts: Iterator[int], count_tokens: CountTokens, limits: PassageLimits
) -> list[_Piece]:
    pieces: list[_Piece] = []
    for i, (unit, sentences) in enumerate(zip(part.units, part.sentences, strict=True)):
        n_tokens = [next(counts) for _ in sentences]
        starts = unit.is_heading or i in part.breaks
        if sum(n_tokens) <= limits.maximum:
            whole = _Piece(unit.start, unit.end, sum(n_tokens), tuple(sentences), starts, unit.is_heading)
            pieces.append(whole)
            continue
        for (start, end), n in zip(sentences, n_tokens, strict=True):
            piece = _Piece(start, end, n, ((start, end),), starts)
            pieces += [piece] if n <= limits.maximum else _cut_sentence(text, piece, count_tokens, limits)
            starts = False
    return pieces


def _cut_sentence(text: str, piece: _Piece, count_tokens: CountTokens, limits: PassageLimits) -> list[_Piece]:
    """An overlong sentence in parts of at most the maximum, cut where it hurts least."""
    stretches = split_long(text, piece.start, piece.end, longest=max(limits.target // 2, 1))
    counts = count_tokens([text[start:end] for start, end in stretches])
    parts: list[_Piece] = []
    for (start, end), n in zip(stretches, counts, strict=True):
        last = parts[-1] if parts else None
        if last and last.n_tokens + n <= limits.target:
            parts[-1] = _Piece(last.start, end, last.n_tokens + n, ((last.start, end),), last.starts_passage)
        else:
            parts.append(_Piece(start, end, n, ((start, end),), piece.starts_passage and not parts))
    return parts


def _pack(text: str, pieces: Sequence[_Piece], limits: PassageLimits) -> list[list[_Piece]]:
    groups: list[list[_Piece]] = []
    total = 0
    for piece in pieces:
        if groups and _may_join(text, groups[-1], piece) and _fits(total, piece.n_tokens, limits):
            groups[-1].append(piece)
            total += piece.n_tokens
            continue
        groups.append([piece])
        total = piece.n_tokens
    return _without_crumbs(text, groups, limits)


def _may_join(text: str, group: Sequence[_Piece], piece: _Piece) -> bool:
    if text[group[-1].end : piece.start].strip():  # boilerplate stands between
        return False
    return not piece.starts_passage or all(before.is_heading for before in group)


def _fits(total: int, n_tokens: int, limits: PassageLimits) -> bool:
    joined = total + n_tokens
    return joined <= limits.target or (total < limits.target // 2 and joined <= limits.maximum)


def _without_crumbs(text: str, groups: list[list[_Piece]], limits: PassageLimits) -> list[list[_Piece]]:
    """Join a last passage of a few words to the one before it."""
    kept: list[list[_Piece]] = []
    for group in groups:
        size = sum(piece.n_tokens for piece in group)
        above = sum(piece.n_tokens for piece in kept[-1]) if kept else limits.maximum
        is_crumb = size < limits.target // 4 and above + size <= limits.maximum
        if is_crumb and kept and _may_join(text, kept[-1], group[0]):
            kept[-1] = kept[-1] + group
        else:
            kept.append(group)
    return kept


def _by_text(count_tokens: CountTokens) -> CountPassages:
    return lambda passages: count_tokens([passage.text for passage in passages])


def _within_maximum(cuts: Sequence[Cut], count: CountPassages, limits: PassageLimits) -> list[Cut]:
    """Halve the passages that count more tokens than their pieces did one by one."""
    counts = iter(count([passage for cut in cuts for passage in cut.passages]))
    held = []
    for cut in cuts:
        parts = [_halved(p, count, limits) if next(counts) > limits.maximum else [p] for p in cut.passages]
        held.append(replace(cut, passages=tuple(passage for halves in parts for passage in halves)))
    return held


def _halved(passage: Passage, count: CountPassages, limits: PassageLimits) -> list[Passage]:
    text, sentences = passage.text, passage.sentences
    if len(sentences) > 1:
        cut = min(range(1, len(sentences)), key=lambda i: abs(2 * sentences[i][0] - len(text)))
        halves = [sentences[:cut], sentences[cut:]]
    else:
        halves = [(stretch,) for stretch in split_long(text, 0, len(text), longest=max((len(text) + 1) // 2, 1))]
    if len(halves) == 1:
        return [passage]
    parts = [_part_of(passage, half) for half in halves]
    counts = count(parts)
    return [
        held
        for part, n in zip(parts, counts, strict=True)
        for held in ([part] if n <= limits.maximum else _halved(part, count, limits))
    ]


def _part_of(passage: Passage, sentences: Sequence[tuple[int, int]]) -> Passage:
    start, end = sentences[0][0], sentences[-1][1]
    return replace(
        passage,
        start=passage.start + start,
        end=passage.start + end,
        text=passage.text[start:end],
        sentences=tuple((a - start, b - start) for a, b in sentences),
    )


def _with_languages(cuts: Sequence[Cut]) -> list[Cut]:
    """Give each passage its own language; short passages keep that of their section."""
    texts = [passage.text for cut in cuts for passage in cut.passages]
    langs = iter(detect_languages(texts))
    result = []
    for cut in cuts:
        passages = [_with_language(passage, next(langs)) for passage in cut.passages]
        result.append(replace(cut, passages=tuple(passages)))
    return result


def _with_language(passage: Passage, detected: str) -> Passage:
    sure = len(passage.text) >= _SURE_LENGTH or passage.lang == UNKNOWN_LANG
    return replace(passage, lang=detected) if sure and detected != UNKNOWN_LANG else passage
