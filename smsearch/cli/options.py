"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smsearch.errors import QueryError

IndexOption = Annotated[
    Path | None,
    typer.Option("--index", "-i", help="Folder of the index.", envvar="SMSEARCH_INDEX", show_default="indexes/default"),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="static, e5-small, a sentence-transformers model, or a directory.", show_default=False
    ),
]
QueryPromptOption = Annotated[
    str | None, typer.Option(help="Text before every query, for models that want one.", show_default=False)
]
PassagePromptOption = Annotated[
    str | None, typer.Option(help="Text before every passage, for models that want one.", show_default=False)
]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda, mps, ...", show_default=False)]
BatchSizeOption = Annotated[int | None, typer.Option(min=1, help="Passages encoded at a time.", show_default=False)]
BackendOption = Annotated[str | None, typer.Option(help="torch, onnx or openvino.", show_default=False)]
TruncateDimOption = Annotated[
    int | None, typer.Option(min=1, help="Keep this many dimensions of each vector.", show_default=False)
]
RevisionOption = Annotated[str | None, typer.Option(help="Revision of a model on the hub.", show_default=False)]
TargetTokensOption = Annotated[
    int | None, typer.Option(min=16, help="Length of a passage, in the model's tokens.", show_default="160")
]
KeepBoilerplateOption = Annotated[
    bool | None,
    typer.Option(
        "--keep-boilerplate/--drop-boilerplate",
        help="Whether comment forms, navigation and the like stay in the passages.",
        show_default="drop",
    ),
]
FollowLinksOption = Annotated[
    bool, typer.Option("--follow-links", help="Follow links to folders and out of the source; recorded for updates.")
]
AllowShrinkOption = Annotated[bool, typer.Option(help="Allow more than half of the documents to be removed.")]
CountOption = Annotated[int, typer.Option("-k", help="How many hits.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON array of hits.")]
JsonlOption = Annotated[bool, typer.Option("--jsonl", help="Print one JSON object a line.")]
FullOption = Annotated[bool, typer.Option("--full", help="Print whole passages, however long.")]


def model_options(**given: object) -> dict[str, Any]:
    """Those of the keywords of `load_encoder` that were given."""
    return {name: value for name, value in given.items() if value is not None}


def parse_where(conditions: list[str] | None) -> dict[str, str] | None:
    """`FIELD=VALUE` conditions as a mapping.

    Raises:
        QueryError: If one has no `=`.
    """
    if not conditions:
        return None
    pairs = [condition.partition("=") for condition in conditions]
    for field, equals, _ in pairs:
        if not (field and equals):
            raise QueryError(f"the condition {field!r} has no value; write it as FIELD=VALUE")
    return {field: value for field, _, value in pairs}
