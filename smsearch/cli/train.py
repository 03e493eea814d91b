"""`smsearch train`: the stages of making a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from smsearch.cli.interrupts import kept_on_interrupt
from smsearch.cli.output import say

app = typer.Typer(
    name="train",
    help="Train a static encoder of your own. Each stage goes on where it was cut off. Needs the extra `train`.",
    no_args_is_help=True,
)

ConfigArgument = Annotated[Path, typer.Argument(help="TOML file of the configuration.", show_default=False)]
FolderOption = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")]
TextsOption = Annotated[
    Path, typer.Option("--texts", help="Folder of <lang>.tsv files of parallel text.", show_default=False)
]
ForbiddenOption = Annotated[
    Path | None, typer.Option("--forbidden", help="File of keys of evaluation texts to leave out.", show_default=False)
]
ModelOption = Annotated[Path, typer.Option("--model", help="Folder of the model.", show_default=False)]
SetsOption = Annotated[Path, typer.Option("--eval", help="Folder of tatoeba, xquad, swefaq.", show_default=False)]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Threads of torch.", show_default="one a core")]
EveryOption = Annotated[int, typer.Option(min=1, help="Only every n-th XQuAD question.")]
_FOLDER = Path("training")
_KEPT = "stopped; what was finished is kept, and the same command goes on from there"


@app.command("corpus")
def corpus(
    config: ConfigArgument, texts: TextsOption, out: FolderOption = _FOLDER, forbidden: ForbiddenOption = None
) -> None:
    """Read parallel text, clean it, leave evaluation texts out.

    Example: smsearch train corpus training.toml --texts parallel
    """
    from smsearch.training.pipeline import TrainingRun

    with kept_on_interrupt(_KEPT):
        report = TrainingRun(config, out).build_corpus(texts, forbidden=forbidden, progress=_tell)
    say(
        f"{sum(report.pairs.values()):,} pairs in {len(report.pairs)} languages, {report.english_lines:,} English lines"
    )
    for reason, n in report.dropped.items():
        say(f"  dropped, {reason}: {n:,}")


@app.command("vocabulary")
def vocabulary(config: ConfigArgument, out: FolderOption = _FOLDER) -> None:
    """Choose the vocabulary.

    Example: smsearch train vocabulary training.toml
    """
    from smsearch.training.pipeline import TrainingRun

    run = TrainingRun(config, out)
    with kept_on_interrupt(_KEPT):
        run.train_vocabulary(progress=_tell)
    say(f"{run.tokenizer}: {run.tokenizer.stat().st_size / 1e6:.1f} MB")


@app.command("teacher")
def teacher(config: ConfigArgument, out: FolderOption = _FOLDER) -> None:
    """Encode the English lines with the teacher.

    Example: smsearch train teacher training.toml
    """
    from smsearch.cli.progress import progress_bar
    from smsearch.training.pipeline import TrainingRun

    with kept_on_interrupt(_KEPT), progress_bar("encoding") as advance:
        encoded = TrainingRun(config, out).encode_english(progress=advance)
    say(f"{encoded:,} English lines encoded")


@app.command("student")
def student(config: ConfigArgument, out: FolderOption = _FOLDER, threads: ThreadsOption = None) -> None:
    """Train the table of token vectors.

    Example: smsearch train student training.toml
    """
    from smsearch.training.pipeline import TrainingRun

    with kept_on_interrupt(_KEPT):
        losses = TrainingRun(config, out).train_student(threads=threads, progress=_tell)
    say("trained; " + _figures(losses))


@app.command("settle")
def settle(config: ConfigArgument, out: FolderOption = _FOLDER, threads: ThreadsOption = None) -> None:
    """Settle the trained table: train it on as it will be used, words often cut into their pieces.

    Example: smsearch train settle training.toml
    """
    from smsearch.training.pipeline import TrainingRun

    with kept_on_interrupt(_KEPT):
        losses = TrainingRun(config, out).settle(threads=threads, progress=_tell)
    say("settled; " + _figures(losses) if losses else "nothing to settle: the configuration asks for no steps")


@app.command("grow")
def grow(config: ConfigArgument, out: FolderOption = _FOLDER, threads: ThreadsOption = None) -> None:
    """Add entries to the vocabulary, pieces that often stand side by side in a word, and train their rows alone.

    Example: smsearch train grow training.toml
    """
    from smsearch.training.pipeline import TrainingRun

    with kept_on_interrupt(_KEPT):
        losses = TrainingRun(config, out).grow(threads=threads, progress=_tell)
    say("grown; " + _figures(losses) if losses else "nothing to grow: the configuration asks for no entries")


@app.command("begin")
def begin(config: ConfigArgument, model: ModelOption, out: FolderOption = _FOLDER) -> None:
    """Begin with a finished static model: it takes the place of all stages from `vocabulary` to `grow`.

    Example: smsearch train begin training.toml --model folder-of-a-model
    """
    from smsearch.training.pipeline import TrainingRun

    TrainingRun(config, out).begin(model)
    say(f"{out}: begun with {model}")


@app.command("words")
def words(config: ConfigArgument, out: FolderOption = _FOLDER, threads: ThreadsOption = None) -> None:
    """Add frequent whole words to the vocabulary, and train their rows alone. Needs the extra `e5` too.

    Example: smsearch train words training.toml
    """
    from smsearch.training.pipeline import TrainingRun

    with kept_on_interrupt(_KEPT):
        losses = TrainingRun(config, out).add_words(threads=threads, progress=_tell)
    say("words added; " + _figures(losses) if losses else "no words to add: the configuration asks for none")


@app.command("adapt")
def adapt(config: ConfigArgument, out: FolderOption = _FOLDER, threads: ThreadsOption = None) -> None:
    """Turn passages towards the questions they answer: learn one matrix from headings and the text below them.

    Example: smsearch train adapt training.toml
    """
    from smsearch.training.pipeline import TrainingRun

    with kept_on_interrupt(_KEPT):
        losses = TrainingRun(config, out).adapt(threads=threads, progress=_tell)
    say("adapted; " + _figures(losses) if losses else "nothing to adapt: the configuration asks for no steps")


@app.command("export")
def export(config: ConfigArgument, out: FolderOption = _FOLDER) -> None:
    """Write the trained table as a model folder with its card.

    Example: smsearch train export training.toml
    """
    from smsearch.training.pipeline import TrainingRun

    say(f"{TrainingRun(config, out).export().folder}")


@app.command("evaluate")
def evaluate(config: ConfigArgument, sets: SetsOption, out: FolderOption = _FOLDER, every: EveryOption = 1) -> None:
    """Measure the exported model on public evaluation sets and write the figures into its card.

    Example: smsearch train evaluate training.toml --eval sets
    """
    from smsearch.training.pipeline import TrainingRun

    quality = TrainingRun(config, out).evaluate(sets, every=every, progress=_tell)
    for name, value in quality.summary().items():
        say(f"{name}: {value:.1f}")


@app.command("all")
def train_all(
    config: ConfigArgument,
    texts: TextsOption,
    out: FolderOption = _FOLDER,
    forbidden: ForbiddenOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Every stage in turn, from the text to the model folder.

    Example: smsearch train all training.toml --texts parallel
    """
    corpus(config, texts, out, forbidden)
    vocabulary(config, out)
    teacher(config, out)
    student(config, out, threads)
    settle(config, out, threads)
    grow(config, out, threads)
    words(config, out, threads)
    adapt(config, out, threads)
    export(config, out)


def _figures(losses: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in losses.items())


def _tell(what: str) -> None:
    say(what, err=True)
