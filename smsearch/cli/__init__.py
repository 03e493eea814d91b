"""Floor 7, the command line: one module for each command; parse, call one function, print."""

from __future__ import annotations

import sys

import typer

from smsearch import __version__
from smsearch.cli.ask import ask
from smsearch.cli.export import export
from smsearch.cli.index import index
from smsearch.cli.output import Interrupted, silence_closed_pipe, tolerate_encodings
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

app = typer.Typer(
    name="smsearch",
    help="Search posts by meaning, across languages, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("index")(index)
app.command("update")(update)
app.command("ask")(ask)
app.command("search", hidden=True, help="The same as `ask`.")(ask)
app.command("similar")(similar)
app.command("status")(status)
app.command("verify")(verify)
app.command("tune")(tune)
app.command("remove")(remove)
app.command("show")(show)
app.command("export")(export)
app.add_typer(train)


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
    tolerate_encodings()
    with silence_closed_pipe():
        try:
            app(prog_name="smsearch")
        except SmsearchError as error:
            typer.echo(f"smsearch: {error}", err=True)
            sys.exit(_BAD_INPUT)
        except Interrupted as error:
            typer.echo(f"smsearch: {error}", err=True)
            sys.exit(_INTERRUPTED)
