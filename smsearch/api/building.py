"""Indexes made, brought up to date, and opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smsearch.api.opened import Index
from smsearch.api.options import PathLike, load_for, make_updater, record_choice, recorded_options
from smsearch.encoders import Encoder
from smsearch.errors import IndexStateError, SourceError
from smsearch.index.database import has_index
from smsearch.index.recorded_encoder import record_of
from smsearch.records import Fields, SalvageReport

if TYPE_CHECKING:
    from smsearch.indexing.updating import Progress

DEFAULT_INDEX = "indexes/default"
INDEX_VARIABLE = "SMSEARCH_INDEX"


def index_folder(path: PathLike | None = None) -> Path:
    """The folder of an index: the one named, else `$SMSEARCH_INDEX`, else `indexes/default`."""
    return Path(path or os.environ.get(INDEX_VARIABLE) or DEFAULT_INDEX)


def open_index(path: PathLike | None = None, *, encoder: Encoder | None = None) -> Index:
    """Open an index for asking and changing.

    Args:
        path: Its folder; None takes `$SMSEARCH_INDEX`, else `indexes/default`.
        encoder: The encoder to use; None loads the one the index was made with, when needed.

    Raises:
        NotFoundError: If there is no index.
        IndexStateError: If it is damaged, or from a newer version.
        EncoderError: If the encoder does not fit the index.
    """
    return Index(index_folder(path), encoder=encoder)


def build_index(
    sources: PathLike | Sequence[PathLike],
    path: PathLike | None = None,
    *,
    model: PathLike | None = None,
    model_options: Mapping[str, Any] | None = None,
    format: str | None = None,  # noqa: A002  the field's word
    fields: Fields | None = None,
    follow_links: bool = False,
    target_tokens: int | None = None,
    keep_boilerplate: bool | None = None,
    allow_shrink: bool = False,
    progress: Progress | None = None,
) -> Index:
    """Read files, folders and exports into an index; made if it is not there, else brought up to date.

    Only what is new or changed is encoded, and what vanished from these sources is removed.

    Args:
        sources: Files, folders, glob patterns, or `-` for standard input.
        path: Folder of the index; None takes `$SMSEARCH_INDEX`, else `indexes/default`.
        model: `static`, `e5-small`, the name of a sentence-transformers model, or a directory; None takes the
            one the index was made with, for a new index `e5-small` if its extra is installed, else `static`.
        model_options: Further keywords of `load_encoder`: prompts, device, backend and so on.
        format: Reader to use for every file; None goes by each file's name.
        fields: Which fields of JSONL and CSV files hold what.
        follow_links: Whether links in folders lead to other folders and out of the source; each
            folder is entered once. Recorded with the sources, so that an update does the same.
        target_tokens: Length at which a passage is full, in the encoder's tokens; None takes what the
            index was built with, for a new one what suits the encoder (100 for e5-small, 160 for others).
        keep_boilerplate: Whether comment forms, navigation and the like stay in the passages (no,
            unless the index says otherwise).
        allow_shrink: Whether more than half of all documents may be removed.
        progress: Called with the number of documents dealt with since the last call.

    Returns:
        The index, open; `index.report` says what was done.

    Raises:
        SourceError: If a source is not there.
        EncoderError: If the model cannot be loaded, or the index was made with another one.
        ShrinkError: If more than half of all documents would be removed.
        IndexLockedError: If another process is writing to the index.
    """
    from smsearch.index.writer import open_writer
    from smsearch.sources import resolve_source

    named = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not named:
        raise SourceError("no source was named; name a file, a folder, a pattern, or - for standard input")
    resolved = [
        resolve_source(os.fspath(each), format=format, fields=fields or Fields(), follow_links=follow_links)
        for each in named
    ]
    folder = index_folder(path)
    encoder = load_for(folder, model, dict(model_options or {}))
    is_new = not has_index(folder)
    with open_writer(folder, encoder=record_of(encoder)) as writer:
        if is_new:
            record_choice(writer, model)
        options = recorded_options(writer, target_tokens=target_tokens, keep_boilerplate=keep_boilerplate)
        report = make_updater(writer, encoder, options, progress).index_sources(resolved, allow_shrink=allow_shrink)
    index = Index(folder, encoder=encoder)
    index.report = report
    return index


def salvage_index(
    path: PathLike | None = None,
    out: PathLike | None = None,
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> SalvageReport:
    """Put what can be read of a damaged index into a new one; the damaged one stays as it is.

    Documents whose rows are whole are cut and encoded again. What was lost comes back from its sources with
    `update` on the new index, as far as they still have it.

    Args:
        path: Folder of the damaged index; None takes `$SMSEARCH_INDEX`, else `indexes/default`.
        out: Folder of the new one; None takes the first free of `path` with `-saved`, `-saved-2` and so on behind it.
        encoder: The encoder of the new index; None loads the one the damaged index was made with, or the built-in one
            where that one is not recorded any more or cannot be loaded.
        progress: Called with the number of documents dealt with since the last call.

    Raises:
        NotFoundError: If there is no index.
        IndexDamagedError: If nothing can be read of it.
        IndexStateError: If `out` holds an index already.
    """
    from smsearch.indexing.salvaging import salvage

    folder = index_folder(path)
    target = Path(out) if out is not None else _free_folder(folder)
    if has_index(target):
        raise IndexStateError(f"{str(target)!r} holds an index already; name another folder for what is saved")
    return salvage(folder, target, encoder=encoder, progress=progress)


def _free_folder(folder: Path) -> Path:
    names = chain(["-saved"], (f"-saved-{n}" for n in count(2)))
    return next(each for name in names if not (each := folder.with_name(folder.name + name)).exists())


def estimate_documents(
    sources: Sequence[PathLike],
    *,
    format: str | None = None,  # noqa: A002  the field's word
    fields: Fields | None = None,
    follow_links: bool = False,
) -> int | None:
    """About how many documents some sources hold, for a progress bar; None where that cannot be known beforehand.

    Raises:
        SourceError: If a source is not there.
    """
    from smsearch.sources import estimate_documents as estimate
    from smsearch.sources import resolve_source

    resolved = [
        resolve_source(os.fspath(each), format=format, fields=fields, follow_links=follow_links) for each in sources
    ]
    counts = [estimate(source) for source in resolved]
    return None if None in counts else sum(n for n in counts if n is not None)
