"""What can be read of a damaged index, put into a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from smsearch.encoders import load_encoder
from smsearch.encoders.protocol import Encoder
from smsearch.errors import EncoderError
from smsearch.index.damaged import Remains, open_remains
from smsearch.index.recorded_encoder import record_of
from smsearch.index.writer import open_writer
from smsearch.indexing.preparing import CutOptions
from smsearch.indexing.updating import Updater
from smsearch.records import Document, SalvageReport


def salvage(
    folder: Path, out: Path, *, encoder: Encoder | None = None, progress: Callable[[int], None] | None = None
) -> SalvageReport:
    """Put every document of a damaged index that can be read whole into a new one, and its sources with it.

    Args:
        folder: The damaged index; it stays as it is.
        out: Folder of the new one, without an index.
        encoder: The encoder of the new one; None takes that of the damaged one if it can be loaded.
        progress: Called with the number of documents dealt with since the last call.

    Raises:
        IndexDamagedError: If nothing can be read.
    """
    with open_remains(folder) as remains:
        encoder = encoder or _encoder_of(remains.encoder())
        with open_writer(out, encoder=record_of(encoder)) as writer:
            options = _options_of(remains.options())
            with writer.batch():
                numbers = {old: writer.record_source(source) for old, source in remains.sources.items()}
                writer.store.set_meta("options", asdict(options))
            lost: list[int] = []
            documents = _readable(remains, numbers, lost)
            report = Updater(writer, encoder, options=options, progress=progress).rewrite(documents)
            writer.refresh_derived()
    return SalvageReport(str(out), encoder.name, report.changed, len(lost), len(numbers))


def _readable(remains: Remains, numbers: dict[int, int], lost: list[int]) -> Iterator[tuple[Document, int | None]]:
    for key in remains.documents:
        found = remains.read(key)
        if found is None:
            lost.append(key)
        else:
            document, source_id = found
            yield document, None if source_id is None else numbers.get(source_id)


def _encoder_of(recorded: dict[str, Any] | None) -> Encoder:
    """The encoder the index was made with, the default one where that is not known or not there."""
    try:
        return load_encoder(recorded["name"], **recorded["settings"]) if recorded else load_encoder()
    except (EncoderError, KeyError, TypeError):
        return load_encoder()


def _options_of(recorded: dict[str, Any]) -> CutOptions:
    known = {field.name for field in fields(CutOptions)}
    return CutOptions(**{key: value for key, value in recorded.items() if key in known})
