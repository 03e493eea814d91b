"""The model card: what a model is, what it was made of, what it is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smsearch.encoders.static import MATRIX, TOKENIZER, WEIGHTS
from smsearch.evaluation.datasets import CROSS_PAIRS, XQUAD_LANGS
from smsearch.evaluation.encoding import EncoderQuality
from smsearch.files import write_atomically
from smsearch.training.configuration import TrainingConfig
from smsearch.training.corpus import CorpusReport

CARD = "README.md"


def write_card(
    folder: Path,
    config: TrainingConfig,
    corpus: CorpusReport,
    made: Mapping[str, Any],
    quality: EncoderQuality | None,
) -> None:
    """Write the `README.md` of a model folder.

    Args:
        folder: Holds weights and tokenizer.
        config: What the model was trained from.
        corpus: What its text was.
        made: `step` and `seconds` of the training, under `settled`, `grown`, `words` and `adapted` the same of these
            stages, nothing where the run began from a finished encoder, `tokens` and `compression_cosine` of the rows,
            `cosines` of the check texts.
        quality: What it is worth, where it was measured.
    """
    parts = [
        _head(folder, config, made),
        _making(config, corpus, made),
        *([_checks(config, made["cosines"])] if config.card.check_texts else []),
        *([_worth(quality)] if quality else []),
        *([_weaknesses(config, quality)] if config.card.weaknesses or quality else []),
        _sources(config, corpus),
    ]
    write_atomically(folder / CARD, ("\n\n".join(parts) + "\n").encode())


def _head(folder: Path, config: TrainingConfig, made: Mapping[str, Any]) -> str:
    dim, size = config.student.dim, int(made["tokens"])
    megabytes = [(folder / name).stat().st_size / 1e6 for name in (WEIGHTS, TOKENIZER)]
    return "\n".join(
        [
            f"# `{config.name}`, version {config.version}",
            "",
            *([config.card.description, ""] if config.card.description else []),
            f"A static text encoder: one vector of {dim} numbers for each of the {size:,} entries of its",
            "vocabulary. A text's vector is the sum of its tokens' vectors, divided by its length. It needs numpy and",
            "tokenizers, no torch, no network.",
            "",
            "| file | what it holds |",
            "|---|---|",
            f"| `{WEIGHTS}` | {megabytes[0]:.1f} MB: rows as numbers of 4 bits, `packed` in pairs; `scales` float16 |",
            f"| `{TOKENIZER}` | {megabytes[1]:.1f} MB: unigram for `tokenizers`; no special tokens are added |",
            *([f"| `{MATRIX}` | what passages are multiplied by, float16 |"] if config.adapter.steps else []),
            "| `config.json` | format number, name, pooling, exponents, SHA-256 of the files above |",
            "| `training.toml` | the configuration it was trained from |",
            "| `vocabulary.bin` | derived from the tokenizer at first use; may be deleted at any time |",
            "",
            "No prompts; texts of any length; a text without tokens is the zero vector.",
            *_parts(config),
            f"For late interaction a query token weighs its row's norm to the power {config.late_exponent:g}.",
            *(["", f"Licence of the weights: {config.card.licence}"] if config.card.licence else []),
        ]
    )


def _making(config: TrainingConfig, corpus: CorpusReport, made: Mapping[str, Any]) -> str:
    student = config.student
    steps = int(made.get("step", student.steps))
    narrow = (
        f"; the first {student.narrow_steps:,} with {student.narrow_dim} dimensions" if student.narrow_steps else ""
    )
    dropped = ", ".join(f"{reason} {n:,}" for reason, n in corpus.dropped.items())
    return "\n".join(
        [
            "## How it was made",
            "",
            f"- Text: {corpus.english_lines:,} English lines and {sum(corpus.pairs.values()):,} pairs between English",
            f"  and {len(corpus.pairs)} languages, after dropping: {dropped or 'nothing'}.",
            f"- Teacher: {config.teacher.model} ({config.teacher.backend}), projected to {student.dim} dimensions by",
            "  its principal directions.",
            f"- Student: {steps:,} batches of {student.batch:,} rows ({steps * student.batch / 1e6:.1f}M sampled",
            f"  pairs){_minutes(made)}{narrow}.",
            "- Loss: contrast between the sides, the same against the other side's teacher vector, cosine to its own.",
            f"- Principal directions of the table divided by their mean square to the power {config.whitening:g}, then",
            f"  the norms of its rows raised to the power {config.norm_power:g}.",
            *_settling(config, made["settled"]),
            *_growth(config, made["grown"]),
            *_words(config, made["words"], int(made["tokens"])),
            *_adapter(config, made["adapted"]),
            "- Numbers rounded to 4 bits, what is left passed on, with a scale for each 64 at most: mean cosine "
            f"{made['compression_cosine']:.4f} to the exact rows.",
            "- Everything else stands in `training.toml`; `smsearch train all training.toml` makes it again.",
            "",
            _table(["language", "pairs"], [[lang, f"{n:,}"] for lang, n in corpus.pairs.items()], columns=4),
        ]
    )


def _growth(config: TrainingConfig, grown: Mapping[str, Any]) -> list[str]:
    if not config.growth.entries:
        return []
    langs, steps = (
        ", ".join(lang for lang, n in config.growth.entries.items() if n),
        int(grown.get("step", config.growth.steps)),
    )
    return [
        f"- Grown by {sum(config.growth.entries.values()):,} entries at most, pieces that often stand side by side in",
        f"  a word ({langs}); their rows began as the sum of those pieces' rows and learned over {steps:,} batches of",
        f"  these languages{_minutes(grown)} from the table's own English, all other rows held.",
    ]


def _words(config: TrainingConfig, words: Mapping[str, Any], n_tokens: int) -> list[str]:
    plan = config.words
    if not plan.entries:
        return []
    return [
        f"- Grown to {n_tokens:,} entries by whole words, the commonest of each language in its corpus and in the",
        f"  lists of wordfreq. A row began as the mean of the rows of the {plan.neighbours} words that",
        f"  multilingual-e5-small finds nearest, and learned over {int(words['step']):,} batches{_minutes(words)} from",
        "  the table's own English, all other rows held.",
    ]


def _minutes(made: Mapping[str, Any]) -> str:
    """How long a stage took, where that is known."""
    minutes = round(float(made.get("seconds", 0)) / 60)
    return f" ({minutes} minutes)" if minutes else ""


def _parts(config: TrainingConfig) -> list[str]:
    """How queries and passages differ."""
    if not config.query_power and not config.adapter.steps:
        return ["Queries and passages are encoded alike."]
    query = (
        f"rows count as their norms to the power {config.query_power:g}" if config.query_power else "rows are summed"
    )
    passage = f"the sum is multiplied by the matrix in `{MATRIX}`" if config.adapter.steps else "rows are summed"
    return [f"In a query {query}; in a passage {passage}.", "Two texts of one kind are both compared as queries."]


def _adapter(config: TrainingConfig, adapted: Mapping[str, Any]) -> list[str]:
    if not config.adapter.steps:
        return []
    steps, share = int(adapted.get("step", config.adapter.steps)), config.adapter.heading_share
    return [
        f"- Passages turned towards the questions they answer by a symmetric matrix: {steps:,} batches, {share:.0%} of",
        "  their rows headings and questions with the text below them, the table held.",
    ]


def _settling(config: TrainingConfig, settled: Mapping[str, Any]) -> list[str]:
    steps = int(settled.get("step", config.settling.steps))
    if not steps:
        return []
    rows = steps * config.student.batch / 1e6
    return [
        f"- Settled: {steps:,} more batches ({rows:.1f}M pairs){_minutes(settled)} from there, some words cut",
        "  into their pieces, languages and sources weighted as `training.toml` says.",
    ]


def _checks(config: TrainingConfig, cosines: Sequence[float]) -> str:
    first, *others = config.card.check_texts
    rows = [[text, f"{cosine:.3f}"] for text, cosine in zip(others, cosines, strict=True)]
    return "\n".join(["## Check values", "", _table(["text", f'cosine with "{first}"'], rows, columns=1)])


def _worth(quality: EncoderQuality) -> str:
    figures = asdict(quality)
    langs = [*quality.tatoeba]
    rows = [[lang, f"{quality.tatoeba[lang]:.1f}", f"{quality.tatoeba_from_english[lang]:.1f}"] for lang in langs]
    keys = [f"{lang}->{lang}" for lang in XQUAD_LANGS] + [f"{one}->{other}" for one, other in CROSS_PAIRS]
    late = quality.xquad_late
    xquad = [[key, f"{quality.xquad[key]:.1f}", f"{late[key]:.1f}" if late else "-"] for key in keys]
    return "\n".join(
        [
            "## What it is worth (x100)",
            "",
            *(f"- {name}: {value:.1f}" for name, value in quality.summary().items()),
            f"- Tatoeba, mean, the English sentences encoded as passages: {quality.tatoeba_passages:.1f}",
            f"- Top hits that are one of the commonest 1 % of the paragraphs: {figures['hubness']:.1f} %",
            f"- All 12 XQuAD languages in one pool: top hit right in whatever language {figures['mixed_right']:.1f}",
            f"  %, top hit in the query's own language {figures['mixed_own_lang']:.1f} %; nDCG@10 of the right",
            f"  paragraphs of other languages {figures['mixed_cross']:.1f}",
            f"- Control, right paragraphs shuffled: nDCG@10 {figures['control']:.1f}",
            f"- Digest of the evaluation sets: `{quality.data}`",
            "",
            "Tatoeba, weighted F1, to English and from English, both sides encoded as queries:",
            "",
            _table(["language", "to", "from"], rows, columns=3),
            "",
            "XQuAD, nDCG@10, question -> paragraph:",
            "",
            _table(["languages", "dense", "+ 2 late"], xquad, columns=2),
        ]
    )


def _weaknesses(config: TrainingConfig, quality: EncoderQuality | None) -> str:
    known = [f"- {each}" for each in config.card.weaknesses]
    if quality:
        weakest = sorted(quality.tatoeba.items(), key=lambda row: row[1])[:8]
        known.append("- Weakest on Tatoeba: " + ", ".join(f"{lang} {value:.0f}" for lang, value in weakest) + ".")
    return "\n".join(["## Known weaknesses", "", *known])


def _sources(config: TrainingConfig, corpus: CorpusReport) -> str:
    rows = [[name, f"{n:,}", _licence(name, config.card.licences)] for name, n in corpus.sources.items()]
    return "\n".join(["## Sources", "", _table(["source", "pairs", "licence"], rows, columns=1)])


def _licence(name: str, licences: Mapping[str, str]) -> str:
    return next((licence for prefix, licence in licences.items() if name.startswith(prefix)), "not stated")


def _table(names: list[str], rows: list[list[str]], *, columns: int) -> str:
    """A Markdown table that stands in so many columns side by side."""
    height = -(-len(rows) // columns)
    blank = [""] * len(names)
    side_by_side = [
        [cell for i in range(columns) for cell in (rows[i * height + j] if i * height + j < len(rows) else blank)]
        for j in range(height)
    ]
    return "\n".join(_row(row) for row in [names * columns, ["---"] * len(names) * columns, *side_by_side])


def _row(cells: list[str] | Iterator[str]) -> str:
    return "| " + " | ".join(cells) + " |"
