"""`smsearch update`."""

from __future__ import annotations

from typing import Annotated

import typer

from smsearch.cli.interrupts import kept_on_interrupt
from smsearch.cli.options import (
    AllowShrinkOption,
    IndexOption,
    KeepBoilerplateOption,
    ModelOption,
    PassagePromptOption,
    QueryPromptOption,
    TargetTokensOption,
    TruncateDimOption,
    model_options,
)
from smsearch.cli.output import say_report
from smsearch.cli.progress import progress_bar
from smsearch.errors import QueryError


def update(
    index: IndexOption = None,
    allow_shrink: AllowShrinkOption = False,
    re_encode: Annotated[
        bool, typer.Option("--re-encode", help="Cut and encode all stored documents again; reads no source.")
    ] = False,
    model: ModelOption = None,
    query_prompt: QueryPromptOption = None,
    passage_prompt: PassagePromptOption = None,
    truncate_dim: TruncateDimOption = None,
    target_tokens: TargetTokensOption = None,
    keep_boilerplate: KeepBoilerplateOption = None,
) -> None:
    """Read the recorded sources again: encode what is new or changed, remove what vanished.

    Example: smsearch update
    """
    from smsearch.api import open_index

    options = model_options(query_prompt=query_prompt, passage_prompt=passage_prompt, truncate_dim=truncate_dim)
    recut = target_tokens is not None or keep_boilerplate is not None
    if not re_encode and (model or options or recut):
        raise QueryError("a model, its prompts or the length of passages change only with --re-encode; add it")
    with (
        open_index(index) as opened,
        kept_on_interrupt(
            "interrupted; the index is as it was"
            if re_encode
            else "interrupted; finished batches are kept, and the same command goes on from there"
        ),
        progress_bar("encoding" if re_encode else "updating", len(opened)) as progress,
    ):
        if re_encode:
            report = opened.reencode(
                model,
                model_options=options,
                target_tokens=target_tokens,
                keep_boilerplate=keep_boilerplate,
                progress=progress,
            )
        else:
            report = opened.update(allow_shrink=allow_shrink, progress=progress)
    say_report(report, str(opened.folder))
    if report.failed:
        raise typer.Exit(1)
