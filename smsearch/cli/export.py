"""`smsearch export`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

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
    from smsearch.api import open_index

    with open_index(index) as opened, _file_to_write(vectors) as file:
        ids = []
        for record in opened.passages():
            ids.append(record["passage_id"])
            say_json(record)
        if file is not None:
            import numpy as np

            np.save(file, opened.vectors(ids), allow_pickle=False)


@contextmanager
def _file_to_write(path: Path | None) -> Iterator[BinaryIO | None]:
    """The file, opened before anything is printed, or None."""
    if path is None:
        yield None
        return
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
            yield file
        aside.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r} ({error.strerror}); name another file") from None
    finally:
        aside.unlink(missing_ok=True)
