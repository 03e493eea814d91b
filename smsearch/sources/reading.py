"""Sources to documents: finds the files, picks the readers, and keeps one fault from stopping the rest."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, cast

from smsearch.errors import MissingExtraError, SourceError
from smsearch.records import Document, Fields, Source, Unread
from smsearch.sources.decoding import SAMPLE_BYTES, clean_text, is_binary
from smsearch.sources.folders import Found, found_alone, walk_folder
from smsearch.sources.formats import BYTE_FORMATS, FORMATS, READERS, format_of, is_prose, record_marks
from smsearch.sources.limits import reason_against_text
from smsearch.sources.opening import has_changed, open_regular
from smsearch.sources.patterns import Pattern, has_wildcard, split_pattern
from smsearch.sources.reader import NotOfThisKindError

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN = "-"

_SPOOLED_BYTES = 1 << 24
_BLOCK_BYTES = 1 << 20
_SHOWN_ID = 200
_NO_TEXT = "no text"
_MOST_UNREAD = 100  # of a file; further ones are only counted
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def resolve_source(
    argument: str,
    *,
    format: str | None = None,  # noqa: A002  the field's word
    fields: Fields | None = None,
    follow_links: bool = False,
) -> Source:
    """The source that a user means by a file, a folder, a glob pattern or `-` for standard input.

    Something that exists under exactly this name is taken before a pattern is.

    Args:
        argument: What the user typed; its name in documents, `/` between its parts and none at
            its end.
        format: One of `FORMATS`, to be used for every file; None goes by each file's name.
        fields: Which fields of a table hold what; None takes the usual names.
        follow_links: Whether links in folders lead to folders and out of the source.

    Raises:
        SourceError: If nothing is there, a pattern matches no file, or the format is unknown.
    """
    if format is not None and format not in READERS:
        raise SourceError(f"unknown format {format!r}; choose one of {', '.join(FORMATS)}")
    fields = Fields() if fields is None else fields
    if argument == STDIN:
        return Source(STDIN, STDIN, format, fields, follow_links)
    if not argument.strip() or "\0" in argument:
        raise SourceError(f"{argument!r} is no file, folder or pattern; name one, or - for standard input")
    path = Path(argument).expanduser()
    name = PurePath(argument).as_posix() if os.sep != "/" else argument.rstrip("/") or "/"
    source = Source(os.path.abspath(path), clean_text(name), format, fields, follow_links)  # noqa: PTH100  links stay as named
    _require_something(source, argument)
    return source


def estimate_documents(source: Source) -> int | None:
    """About how many documents a source holds, for a progress bar; None for standard input.

    Exports are looked through for what marks a record, at the speed of the disk; other files
    count as one document each.
    """
    if source.path == STDIN:
        return None
    path = Path(source.path)
    if _exists(path) and not path.is_dir():
        return _estimate_in(found_alone(path), source)
    return sum(_estimate_in(found, source) for found, _ in _files(source))


def read_source(source: Source) -> Iterator[Document | Unread]:
    """The documents of a source, file by file in the order of their paths, and what gave none.

    `doc_id` is the path relative to the folder (of a pattern: to the part before the first
    wildcard), the name of a single file, `-` for standard input, or the export's own id. Two
    files may use one id; both documents come.

    Raises:
        SourceError: If the source as a whole is not there (any more).
        MissingExtraError: If a file named by itself, or the format chosen for every file, needs a
            library that is not installed. In a folder such a file is an `Unread`.
    """
    if source.path == STDIN:
        yield from _read_stdin(source)
        return
    path = Path(source.path)
    if _exists(path) and not path.is_dir():
        yield from _read_found(found_alone(path), source, shown=source.name, alone=True)
        return
    for found, shown in _files(source):
        yield from _read_found(found, source, shown=shown, alone=False)


def _estimate_in(found: Found, source: Source) -> int:
    marks = record_marks(source.format or format_of(found.relative), source.fields)
    if not marks or found.reason is not None:
        return 1
    n, tail = 0, b""
    longest = max(map(len, marks)) - 1  # a mark may lie across two blocks
    try:
        with open_regular(found.path) as file:
            while block := file.read(_BLOCK_BYTES):
                seen = tail + block
                n += sum(seen.count(mark) - tail.count(mark) for mark in marks)
                tail = seen[-longest:] if longest else b""
    except OSError:
        return 1  # reading it will say why
    return max(n, 1)


def _require_something(source: Source, argument: str) -> None:
    if _exists(Path(source.path)):
        return
    if not has_wildcard(argument):
        raise SourceError(f"there is no file or folder {argument!r}; check the name, or quote it if it is a pattern")
    if next(_files(source), None) is None:
        raise SourceError(f"no file matches the pattern {argument!r}; check it, hidden files are never matched")


def _exists(path: Path) -> bool:
    """Whether something is there, a link to nothing included."""
    return os.path.lexists(path)


def _files(source: Source) -> Iterator[tuple[Found, str]]:
    """What a folder or pattern holds, each with its name as the user would write it."""
    path = Path(source.path)
    if path.is_dir():
        yield from (
            (found, _joined(source.name, found.relative))
            for found in walk_folder(path, follow_links=source.follow_links)
        )
        return
    if not has_wildcard(source.path):
        raise SourceError(f"{source.name!r} is no longer there; nothing was read from it")
    pattern, typed = _patterns(source)
    root = Path(pattern.folder)
    if not root.is_dir():
        raise SourceError(f"there is no folder {typed!r} for the pattern {source.name!r}; nothing was read from it")
    for found in walk_folder(root, admits_below=pattern.admits_below, follow_links=source.follow_links):
        if pattern.admits(found.relative):
            yield found, _joined(typed, found.relative)


def _patterns(source: Source) -> tuple[Pattern, str]:
    """The pattern from its absolute path, and its fixed folder as the user typed it."""
    return split_pattern(PurePath(source.path).as_posix()), split_pattern(source.name).folder


def _joined(folder: str, relative: str) -> str:
    if folder == "." and relative:
        return relative
    return f"{folder.rstrip('/')}/{relative}"


def _read_stdin(source: Source) -> Iterator[Document | Unread]:
    with tempfile.SpooledTemporaryFile(max_size=_SPOOLED_BYTES) as spooled:
        shutil.copyfileobj(sys.stdin.buffer, spooled)
        spooled.seek(0)
        file = cast("BinaryIO", spooled)
        yield from _read_file(file, source, doc_id=STDIN, kind=source.format or "text", shown=STDIN)


def _read_found(found: Found, source: Source, *, shown: str, alone: bool) -> Iterator[Document | Unread]:
    """One file of a source, never failing for what is wrong with this file."""
    shown = _CONTROLS.sub("\ufffd", clean_text(shown))
    if found.reason is not None:
        yield Unread(shown, found.reason, failed=found.failed)
        return
    if not alone and source.format is None and not is_prose(found.relative):
        yield Unread(shown, "style or program code", failed=False)
        return
    kind = source.format or format_of(found.relative)
    doc_id = clean_text(found.relative)
    try:
        with open_regular(found.path) as file:
            yield from _few_unread(_read_file(file, source, doc_id=doc_id, kind=kind, shown=shown), shown)
            if has_changed(file):
                yield Unread(shown, "changed while it was read; run the same command again")
    except OSError as error:
        yield Unread(shown, (error.strerror or str(error)).lower())
    except MissingExtraError as error:
        if alone or source.format is not None:
            raise
        yield Unread(shown, str(error))


def _read_file(
    file: BinaryIO,
    source: Source,
    *,
    doc_id: str,
    kind: str,
    shown: str,
) -> Iterator[Document | Unread]:
    """The documents of an open file, under their source's name."""
    sample = file.read(SAMPLE_BYTES)
    file.seek(0)
    if kind not in BYTE_FORMATS and is_binary(sample):
        yield Unread(shown, "binary file", failed=False)
        return
    if len(sample) < SAMPLE_BYTES and not sample.strip():
        yield Unread(shown, _NO_TEXT, failed=False)
        return
    empty = True
    try:
        for one in READERS[kind](file, doc_id=doc_id, fields=source.fields):
            yield _named(one, source, doc_id=doc_id, shown=shown)
            empty = False
    except (OSError, MissingExtraError):
        raise
    except NotOfThisKindError as error:
        yield Unread(shown, str(error), failed=False)
        return
    except ValueError as error:
        yield Unread(shown, str(error))
        return
    except Exception as error:  # noqa: BLE001  the seam: a file must not stop the others, whatever its parser raises
        yield Unread(shown, f"{type(error).__name__}: {error}")
        return
    if empty:
        yield Unread(shown, _NO_TEXT, failed=False)


def _named(one: Document | Unread, source: Source, *, doc_id: str, shown: str) -> Document | Unread:
    """What a reader gave, with the names the user knows; a document without text as unread."""
    if isinstance(one, Unread):
        return replace(one, name=shown)
    where = "" if one.doc_id == doc_id else f" in document {one.doc_id[:_SHOWN_ID]!r}"
    if not one.text.strip():
        return Unread(shown, _NO_TEXT + where, failed=False)
    reason = reason_against_text(one.text)
    return replace(one, source=source.name) if reason is None else Unread(shown, reason + where)


def _few_unread(found: Iterator[Document | Unread], shown: str) -> Iterator[Document | Unread]:
    """The same, but only the first of very many rows that gave no document; how many more is said at the end."""
    n: Counter[bool] = Counter()
    for one in found:
        if isinstance(one, Unread):
            n[one.failed] += 1
            if n[one.failed] > _MOST_UNREAD:
                continue
        yield one
    for failed in (False, True):
        if n[failed] > _MOST_UNREAD:
            what = "could not be read" if failed else "gave no document"
            yield Unread(shown, f"{n[failed] - _MOST_UNREAD:,} more of its rows {what}", failed)
