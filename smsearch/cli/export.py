"""`smsearch export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smsearch.cli.options import IndexOption
from smsearch.cli.output import say_json
from smsearch.errors import InputError


def export(
    index: IndexOption = None,
    vectors: Annotated[
        Path | None,
        typer.Option(help="Also write the vectors, a row for each line, to this .npy file.", show_default=False),
    ] = None,
) -> None:
    """Print every passage as a line of JSON.

    Example: smsearch export --vectors vectors.npy > passages.jsonl
    """
    from smsearch.api import open_index  # noqa: PLC0415

    with open_index(index) as opened:
        ids = []
        for record in opened.passages():
            ids.append(record["passage_id"])
            say_json(record)
        if vectors is not None:
            _write_vectors(vectors, opened.vectors(ids))


def _write_vectors(path: Path, rows: object) -> None:
    import numpy as np  # noqa: PLC0415

    try:
        with path.open("wb") as file:
            np.save(file, np.asarray(rows), allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r} ({error.strerror}); name another file") from None
