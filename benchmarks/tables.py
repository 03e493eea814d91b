"""What can be done to a finished table, and what each brings: dense quality of variants of one trained student.

    python benchmarks/tables.py TRAINING.toml --run FOLDER --eval PATH [--write]

FOLDER is one of `smsearch train` whose student is trained. All variants are made from its exact rows; nothing is
trained again. Figures x100: Tatoeba weighted F1, mean of 29 languages; XQuAD nDCG@10 in the same language and across;
SweFAQ nDCG@10.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer

from smsearch.encoders.table import unit_rows
from smsearch.evaluation.datasets import (
    CROSS_PAIRS,
    TATOEBA_LANGS,
    XQUAD_LANGS,
    digest_of,
    read_swefaq,
    read_tatoeba,
    read_xquad,
)
from smsearch.evaluation.encoding import table_of
from smsearch.evaluation.measures import ndcg_at_10, right_ranks, weighted_f1
from smsearch.ragged import ranges
from smsearch.training.compression import compress_table, temper_norms, whiten
from smsearch.training.pipeline import TrainingRun
from smsearch.training.tokens import CorpusTokens

Rows = NDArray[np.float32]
OUT = Path(__file__).with_name("tables.md")
SAMPLE = 30_000  # texts of a language for its mean
NEIGHBOURS = 10


class Sets:
    """The evaluation sets, cut once: a text is a row of how often it holds each token."""

    def __init__(self, tokenizer: Tokenizer, root: Path) -> None:
        def counts(texts: list[str]) -> csr_matrix:
            ids = [each.ids for each in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
            ends = np.concatenate([[0], np.cumsum([len(each) for each in ids])])
            values = np.ones(ends[-1], np.float32)
            return csr_matrix((values, np.concatenate(ids), ends), shape=(len(texts), tokenizer.get_vocab_size()))

        self.tatoeba = [tuple(map(counts, read_tatoeba(root, lang))) for lang in TATOEBA_LANGS]
        tasks = {lang: read_xquad(root, lang, lang) for lang in XQUAD_LANGS}
        self.questions = {lang: counts(list(task.queries)) for lang, task in tasks.items()}
        self.paragraphs = {lang: counts(list(task.documents)) for lang, task in tasks.items()}
        self.right = np.array(tasks["en"].right)
        faq = read_swefaq(root)
        self.faq = counts(list(faq.queries)), counts(list(faq.documents)), np.array(faq.right)

    def quality(self, rows: Rows, *, csls: bool = False) -> dict[str, float]:
        """The four means; with `csls` a paragraph's score is less its mean cosine with its nearest ones."""

        def ndcg(queries: Rows, documents: Rows, right: NDArray[np.int64]) -> float:
            scores = queries @ documents.T
            if csls:
                near = np.sort(documents @ documents.T, axis=1)[:, -NEIGHBOURS - 1 : -1].mean(axis=1)
                scores = 2 * scores - near
            return 100 * ndcg_at_10(right_ranks(scores, right))

        f1 = [
            weighted_f1((unit_rows(other @ rows) @ unit_rows(english @ rows).T).argmax(axis=1))
            for english, other in self.tatoeba
        ]
        questions = {lang: unit_rows(counts @ rows) for lang, counts in self.questions.items()}
        paragraphs = {lang: unit_rows(counts @ rows) for lang, counts in self.paragraphs.items()}
        same = [ndcg(questions[lang], paragraphs[lang], self.right) for lang in XQUAD_LANGS]
        cross = [ndcg(questions[one], paragraphs[other], self.right) for one, other in CROSS_PAIRS]
        faq = ndcg(*(unit_rows(counts @ rows) for counts in self.faq[:2]), self.faq[2])
        means = 100 * np.mean(f1), np.mean(same), np.mean(cross), faq
        return dict(zip(("Tatoeba", "XQuAD same", "XQuAD across", "SweFAQ"), map(float, means), strict=True))


def language_means(rows: Rows, tokens: CorpusTokens) -> Rows:
    """For each token the mean row of running text of its languages, weighted by how often they use it."""
    rng = np.random.default_rng(0)
    lang_of = np.concatenate([np.zeros(tokens.n_english, np.int16), tokens.langs + 1])
    use = np.zeros((len(tokens.lang_names) + 1, len(rows)), np.float32)
    for number in range(len(use)):
        texts = np.flatnonzero(lang_of == number)
        texts = rng.permutation(texts)[:SAMPLE]
        ids = tokens.ids[ranges(tokens.starts[texts], tokens.starts[texts + 1] - tokens.starts[texts])]
        use[number] = np.bincount(ids, minlength=len(rows)) / len(ids)
    share = use / np.maximum(use.sum(axis=0), np.finfo(np.float32).tiny)
    return (share.T @ (use @ rows)).astype(np.float32)


def in_bits(rows: Rows, bits: int) -> Rows:
    """Rows rounded to numbers of so many bits, a scale for 64 of them."""
    largest = 2 ** (bits - 1) - 1
    groups = rows.reshape(len(rows), -1, 64)
    scales = np.abs(groups).max(axis=2, keepdims=True) / largest * (0.75 if bits < 4 else 1)
    scales = np.maximum(scales, np.finfo(np.float32).tiny)
    return ((groups / scales).round().clip(-largest, largest) * scales).reshape(rows.shape).astype(np.float32)


def variants(rows: Rows, tokens: CorpusTokens) -> Iterator[tuple[str, Callable[[], Rows]]]:
    """Names and how each is made."""
    counts = np.bincount(tokens.ids, minlength=len(rows))
    chances = counts / counts.sum()
    directions = np.linalg.eigh((rows * chances[:, None].astype(np.float32)).T @ rows)[1].astype(np.float32)

    def without(n: int) -> Rows:
        return rows - (rows @ directions[:, -n:]) @ directions[:, -n:].T

    def weighted(weights: NDArray[np.float64]) -> Rows:
        return (rows * weights[:, None]).astype(np.float32)

    yield "as trained", lambda: rows
    for n in (1, 2, 4):
        yield f"without the {n} most common directions", lambda n=n: without(n)
    for power in (0.1, 0.15, 0.2, 0.3, 0.5):
        yield f"whitening {power}", lambda power=power: whiten(rows, counts, power)
    for power in (0.5, 0.65, 0.8, 1.3):
        yield f"norms to the power {power}", lambda power=power: temper_norms(rows, power)
    for power in (0.5, 0.6, 0.7, 0.85):
        yield (
            f"whitening 0.2, norms to the power {power}",
            lambda power=power: temper_norms(whiten(rows, counts, 0.2), power),
        )
    for a in (1e-4, 1e-3):
        yield f"SIF weights, a = {a}", lambda a=a: weighted(a / (a + chances))
    yield "less the means of its languages", lambda: rows - language_means(rows, tokens)
    for bits in (8, 4, 3, 2):
        yield f"numbers of {bits} bits", lambda bits=bits: in_bits(rows, bits)
    yield "4 bits, scales chosen", lambda: compress_table(rows).rows(np.arange(len(rows), dtype=np.int32))
    for dim in (256, 192, 128):
        main = np.linalg.eigh(rows.T @ rows)[1][:, -dim:].astype(np.float32)
        yield f"{dim} principal directions only", lambda main=main: rows @ main
    yield "CSLS with passages", lambda: rows


def main() -> None:
    """Measure every variant and print the table; write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    run = TrainingRun(options.config, options.run)
    rows = run.rows()
    sets = Sets(Tokenizer.from_file(str(run.tokenizer)), options.eval)
    found: dict[str, dict[str, float]] = {}
    for name, made in variants(rows, CorpusTokens.open(run.folder / "tokens")):
        found[name] = sets.quality(made(), csls=name.startswith("CSLS"))
        print(name, json.dumps(found[name]), flush=True)
    text = "\n".join(
        [
            "# What can be done to a finished table",
            "",
            f"Model `{run.config.name}` version {run.config.version}, {rows.shape[0]:,} tokens, {rows.shape[1]} "
            "dimensions; each line is a change to the exact rows alone.",
            f"Command: `python benchmarks/tables.py {options.config.name} --run FOLDER --eval PATH --write`. "
            f"Digest of the evaluation sets: `{digest_of(options.eval)}`.",
            "",
            table_of(found),
        ]
    )
    print(text)
    if options.write:
        OUT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
