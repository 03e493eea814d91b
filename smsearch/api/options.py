"""How an index is brought up to date: the options of its last build, and the updater."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smsearch.encoders import Encoder, canonical_name, explain_choice, load_encoder
from smsearch.index.database import has_index
from smsearch.index.reader import IndexReader

if TYPE_CHECKING:
    from smsearch.index.writer import IndexWriter
    from smsearch.indexing.preparing import CutOptions
    from smsearch.indexing.updating import Progress, Updater

PathLike = str | os.PathLike[str]


def load_for(folder: Path, model: PathLike | None, options: dict[str, Any]) -> Encoder:
    """The model named, else that of the index in a folder, else the built-in one.

    Where the index was made with this model, its prompts and dimension hold unless others are given.

    Raises:
        EncoderError: If the model cannot be loaded.
    """
    if not has_index(folder):
        return load_encoder(model, **options)
    with closing(IndexReader(folder)) as reader:
        recorded = reader.encoder
    if model is not None and canonical_name(recorded.name) not in {
        canonical_name(model),
        str(Path(model).expanduser().absolute()),
    }:
        return load_encoder(model, **options)
    return load_encoder(recorded.name, **{**recorded.settings, **options})


def recorded_options(
    writer: IndexWriter, *, target_tokens: int | None = None, keep_boilerplate: bool | None = None
) -> CutOptions:
    """The options given, else those of the last build, else the usual ones; recorded for the next."""
    from smsearch.indexing.preparing import CutOptions

    given = {"target_tokens": target_tokens, "keep_boilerplate": keep_boilerplate}
    recorded = writer.store.get_meta("options") or {}
    options = CutOptions(**{**recorded, **{key: value for key, value in given.items() if value is not None}})
    with writer.batch():
        writer.store.set_meta("options", asdict(options))
    return options


def record_choice(writer: IndexWriter, model: PathLike | None) -> None:
    """Record why the index has its encoder, for `status`."""
    with writer.batch():
        writer.store.set_meta("encoder_choice", explain_choice(model))


def make_updater(
    writer: IndexWriter, encoder: Encoder, options: CutOptions, progress: Progress | None = None
) -> Updater:
    """What writes to an index with an encoder.

    Raises:
        EncoderError: If the index was made with another encoder.
    """
    from smsearch.indexing.updating import Updater

    return Updater(writer, encoder, options=options, progress=progress)
