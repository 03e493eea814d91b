"""An index encoded again, with another encoder or cut another way, from the documents it holds."""

from __future__ import annotations

from collections.abc import Callable

from smsearch.encoders.protocol import Encoder
from smsearch.index.recorded_encoder import record_of
from smsearch.index.writer import IndexWriter
from smsearch.indexing.preparing import CutOptions
from smsearch.indexing.updating import Updater
from smsearch.records import BuildReport


def reencode(
    writer: IndexWriter,
    encoder: Encoder,
    *,
    options: CutOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> BuildReport:
    """Cut and encode every stored document again; no source is read.

    All of it is one transaction: readers see the old state until the new one is complete, and an
    interruption leaves the old one.
    """
    with writer.batch():
        stored = list(writer.store.iter_documents())
        writer.start_again(record_of(encoder))
        report = Updater(writer, encoder, options=options, progress=progress).rewrite(stored)
        writer.learn_centring()
        writer.refresh_derived(force=True)
    return report
