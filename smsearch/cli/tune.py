"""`smsearch tune`."""

from __future__ import annotations

from typing import Annotated

import typer

from smsearch.cli.options import IndexOption
from smsearch.cli.output import say


def tune(
    index: IndexOption = None,
    recall: Annotated[float, typer.Option(help="Share of the ten nearest passages that a search must find.")] = 0.98,
) -> None:
    """Choose how much of a large index a search looks at, by trying it on the index's own passages.

    Means by language that were learned from the collection (for sentence-transformers models) are learned anew.

    Example: smsearch tune --recall 0.99
    """
    from smsearch.api import open_index

    with open_index(index) as opened:
        status = opened.tune(recall)
    say(f"{status.folder}: {status.vector_index}")
