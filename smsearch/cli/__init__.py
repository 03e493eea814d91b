"""Floor 7, the command line: one module for each command; parse, call one function, print."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from smsearch import __version__
from smsearch.cli.ask import ask
from smsearch.cli.export import export
from smsearch.cli.index import index
from smsearch.cli.interrupts import Interrupted, kept_on_interrupt, repeat_swallowed_interrupts
from smsearch.cli.output import prepare_streams, silence_closed_pipe
from smsearch.cli.remove import remove
from smsearch.cli.show import show
from smsearch.cli.similar import similar
from smsearch.cli.status import status
from smsearch.cli.train import app as train
from smsearch.cli.tune import tune
from smsearch.cli.update import update
from smsearch.cli.verify import verify
from smsearch.errors import SmsearchError

_BAD_INPUT = 2
_INTERRUPTED = 130


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  typer has no name for it
        """Run a command; Ctrl-C is one sentence, a command's own where it has one."""
        with kept_on_interrupt("interrupted before it had finished"):
            return super().invoke(ctx)


app = typer.Typer(
    name="smsearch",
    cls=_Commands,
    help="Search posts by meaning, across languages, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes around the help cost a third of its time
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("index", short_help="Read files, folders and exports into an index.")(index)
app.command("update", short_help="Read the recorded sources again.")(update)
app.command("ask", short_help="Find the passages that answer a question.")(ask)
app.command("search", hidden=True, help="The same as `ask`.")(ask)
app.command("similar", short_help="Find documents about the same.")(similar)
app.command("status", short_help="Say what the index holds.")(status)
app.command("verify", short_help="Check that everything in the index is sound.")(verify)
app.command("tune", short_help="Choose how much of a large index a search looks at.")(tune)
app.command("remove", short_help="Take documents out of the index.")(remove)
app.command("show", short_help="Print a document in full.")(show)
app.command("export", short_help="Print every passage as a line of JSON.")(export)
app.add_typer(train, short_help="Train a static encoder of your own.")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        typer.echo(f"smsearch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(  # noqa: FBT001  the callback reads it
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Search posts by meaning, across languages, offline."""


def main() -> None:
    """Run the command line; errors of ours are one sentence and exit code 2."""
    prepare_streams()
    repeat_swallowed_interrupts()
    with silence_closed_pipe():
        try:
            app(prog_name="smsearch")
        except SmsearchError as error:
            typer.echo(f"smsearch: {error}", err=True)
            sys.exit(_BAD_INPUT)
        except Interrupted as error:
            typer.echo(f"smsearch: {error}", err=True)
            sys.exit(_INTERRUPTED)
