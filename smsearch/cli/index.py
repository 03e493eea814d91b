"""`smsearch index`."""

from __future__ import annotations

from typing import Annotated

import typer

from smsearch.cli.interrupts import kept_on_interrupt
from smsearch.cli.options import (
    AllowShrinkOption,
    BackendOption,
    BatchSizeOption,
    DeviceOption,
    FollowLinksOption,
    IndexOption,
    KeepBoilerplateOption,
    ModelOption,
    PassagePromptOption,
    QueryPromptOption,
    RevisionOption,
    TargetTokensOption,
    TruncateDimOption,
    model_options,
)
from smsearch.cli.output import say_report
from smsearch.cli.progress import progress_bar
from smsearch.records import Fields

_ADVICE = "--model static is about 20 times as fast (its answers are less good: see the table in README.md)"


def index(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, patterns, or - for stdin.")],
    index: IndexOption = None,
    model: ModelOption = None,
    format: Annotated[  # noqa: A002  the field's word
        str | None,
        typer.Option(
            help="Read every file so: text, markdown, html, pdf, feed, jsonl, csv, mbox...", show_default=False
        ),
    ] = None,
    text_field: Annotated[str, typer.Option(help="Field of the text in JSONL and CSV; several by commas.")] = "text",
    id_field: Annotated[str | None, typer.Option(help="Field of the identifier.", show_default="id")] = None,
    title_field: Annotated[str, typer.Option(help="Field of the title.")] = "title",
    author_field: Annotated[str, typer.Option(help="Field of the author.")] = "author",
    date_field: Annotated[str, typer.Option(help="Field of the date.")] = "date",
    lang_field: Annotated[str, typer.Option(help="Field of the language.")] = "lang",
    follow_links: FollowLinksOption = False,
    keep_boilerplate: KeepBoilerplateOption = None,
    target_tokens: TargetTokensOption = None,
    allow_shrink: AllowShrinkOption = False,
    query_prompt: QueryPromptOption = None,
    passage_prompt: PassagePromptOption = None,
    device: DeviceOption = None,
    batch_size: BatchSizeOption = None,
    backend: BackendOption = None,
    truncate_dim: TruncateDimOption = None,
    revision: RevisionOption = None,
) -> None:
    """Read files, folders and exports into an index; only what is new or changed is encoded.

    Example: smsearch index seeds
    """
    from smsearch.api import build_index, estimate_documents, index_folder
    from smsearch.encoders import STATIC, canonical_name

    folder = index_folder(index)
    fields = Fields(text_field, id_field, title_field, author_field, date_field, lang_field)
    with (
        kept_on_interrupt("interrupted; finished batches are kept, and the same command goes on from there"),
        progress_bar(
            "indexing",
            estimate_documents(paths, format=format, fields=fields, follow_links=follow_links),
            advice="" if model and canonical_name(model) == STATIC else _ADVICE,
        ) as progress,
    ):
        built = build_index(
            paths,
            folder,
            model=model,
            model_options=model_options(
                query_prompt=query_prompt,
                passage_prompt=passage_prompt,
                device=device,
                batch_size=batch_size,
                backend=backend,
                truncate_dim=truncate_dim,
                revision=revision,
            ),
            format=format,
            fields=fields,
            follow_links=follow_links,
            target_tokens=target_tokens,
            keep_boilerplate=keep_boilerplate,
            allow_shrink=allow_shrink,
            progress=progress,
        )
    with built:
        if built.report is not None:
            say_report(built.report, str(folder))
            if built.report.failed:
                raise typer.Exit(1)
