"""Where a plain text turns from the post to its readers' comments, and who wrote each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from smsearch.records import Section, Span
from smsearch.text.lines import Line, iter_lines

_COMMENT_WORD = (
    r"svar|kommentar(?:er|en|e)?|indlæg|responses?|comments?|repl(?:y|ies)|reaktioner|antworten?"
    r"|commentaires?|réponses?|comentarios?|respuestas?|comentários?|respostas?|comment[oi]|risposte"
    r"|reacties?|kommentti(?:a)?|vastaus(?:ta)?|komentarz(?:y|e)?|odpowiedzi|комментари(?:й|я|ев)|ответ(?:а|ов)?"
    r"|yorum|yanıt"
)
_HEADING = re.compile(
    rf"\d{{1,5}} (?:{_COMMENT_WORD})(?: (?:till|til|på|to|on|zu|à|a|su|op)\b.{{0,120}})?:?"
    rf"|(?:{_COMMENT_WORD}) ?\(\d{{1,5}}\):?"
    r"|\d{1,5} thoughts? on .{1,120}"
    r"|(?:kommentarer|comments|kommentare|commentaires|comentarios|comentários|commenti|reacties|kommentit"
    r"|komentarze|комментарии|コメント|评论|留言|댓글):"
    r"|\d{1,5} ?件のコメント:?|コメント ?[（(]\d{1,5}[）)]:?|\d{1,5} ?(?:条|則|个)(?:评论|留言|回复):?"
    r"|댓글 ?\d{1,5}개:?",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"(?P<name>\S.{0,58}?) (?:sa|sade|skrev|skriver|säger|sagde|siger|said|says|wrote|writes|sagt|sagte|schrieb"
    r"|schreibt|sanoi|kirjoitti|dijo|dice|disse|ha detto|a dit|dit|zei|schreef|napisał\(?a?\)?|пишет|сказал\(?а?\)?)"
    r"(?: ?(?P<mark>\.\.\.|…|:))"
    r"|(?P<name_ja>\S.{0,40}?)(?:さんのコメント|さんは書きました)(?P<mark_ja>\.\.\.|…|:|：)",
)
_NAME_ENDS = re.compile(r"[.!?:;,)\]…」。！？]$")
_LONGEST_NAME = 60
_LONGEST_NAME_WORDS = 6


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a comment starts: its first character, its author, and the line that only introduces it."""

    start: int
    author: str | None
    introduction: Span | None


def find_comments(text: str) -> tuple[list[Section], list[Span]]:
    """Divide a plain text into its post and the comments below it.

    Comments begin under a line that counts them ("8 svar", "5 Responses", "1 kommentar:") or at
    Blogger's "Lena Carlsson sa...". Below, each comment begins at a bullet, a number, or a line
    that names its author.

    Returns:
        The sections in order (the post first, one section for each comment), and the lines that
        only introduce comments and belong to neither.
    """
    lines = [line for line in iter_lines(text) if line.text]
    first, heading = _find_first(lines)
    if first is None:
        return [Section(0, len(text))], []
    starts = _find_starts(text, lines[first:])
    spans = [heading] if heading else []
    spans += [start.introduction for start in starts if start.introduction]
    post_end = heading.start if heading else (starts[0].introduction or starts[0]).start
    sections = [Section(0, post_end)]
    ends = [_start_of(start) for start in starts[1:]] + [len(text)]
    for start, end in zip(starts, ends, strict=True):
        sections.append(Section(start.start, end, "comment", start.author))
    return sections, sorted(spans, key=lambda span: span.start)


def _start_of(start: _Start) -> int:
    return start.introduction.start if start.introduction else start.start


def _find_first(lines: Sequence[Line]) -> tuple[int | None, Span | None]:
    """Index of the first line of the comments, and the line that announces them."""
    for i, line in enumerate(lines):
        if i and i + 1 < len(lines) and _HEADING.fullmatch(line.text):
            return i + 1, Span(line.start, line.end, "comment heading")
        said = _SAID.fullmatch(line.text)
        if i and said and _mark(said) in {"...", "…"}:
            return i, None
    return None, None


def _mark(said: re.Match[str]) -> str | None:
    return said["mark"] or said["mark_ja"]


def _find_starts(text: str, lines: Sequence[Line]) -> list[_Start]:
    starts = [start for i, line in enumerate(lines) if (start := _as_start(text, lines, i, line))]
    if not starts or _start_of(starts[0]) > lines[0].start:
        starts.insert(0, _Start(lines[0].start, None, None))
    return starts


def _as_start(text: str, lines: Sequence[Line], i: int, line: Line) -> _Start | None:
    following = lines[i + 1] if i + 1 < len(lines) else None
    if said := _SAID.fullmatch(line.text):
        return _introduced(line, said["name"] or said["name_ja"], following)
    if not line.has_bullet:
        return None
    if following and _is_name(line.content) and text.count("\n", line.end, following.start) > 1:
        return _introduced(line, line.content, following)
    return _Start(line.start, None, None)


def _introduced(line: Line, author: str, following: Line | None) -> _Start:
    start = following.start if following else line.end
    return _Start(start, author.strip(), Span(line.start, line.end, "comment heading"))


def _is_name(text: str) -> bool:
    short = len(text) <= _LONGEST_NAME and len(text.split()) <= _LONGEST_NAME_WORDS
    return short and not _NAME_ENDS.search(text) and "://" not in text
