"""How many passages a hybrid search must score word by word: the table behind `smsearch/search/candidates.py`.

    python benchmarks/depth.py --eval PATH --passages FILE [--n 12000] [--every 48] [--write]

FILE is what `benchmarks/passages.py` wrote; its first n documents stand around XQuAD's paragraphs in Arabic, Chinese,
English and German. Questions in all of XQuAD's languages should find their paragraph in any of the four. All
passages scored are the reference; a depth scores the best so many by meaning and words.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from datasets import XQUAD_LANGS, read_jsonl, read_qrels
from measuring import summary

import smsearch
from smsearch.search import candidates

OUT = Path(__file__).with_name("depth.md")
K = 10
PARAGRAPHS = ("ar", "de", "en", "zh")
DEPTHS = (400, 200, 100, 50)
EVERYTHING = 1 << 60


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one depth."""

    name: str
    reciprocal_rank: float
    same: float
    same_first: float
    times: dict[str, float]


def write_documents(passages: Path, n: int, root: Path, out: Path) -> None:
    """The first n documents, and XQuAD's paragraphs in four languages."""
    with passages.open(encoding="utf-8") as source, out.open("w", encoding="utf-8") as file:
        file.writelines(islice(source, n))
        for row in read_jsonl(root / "xquad" / "corpus.jsonl"):
            if row["id"].startswith(tuple(f"{lang}-" for lang in PARAGRAPHS)):
                file.write(json.dumps({"id": f"xquad-{row['id']}", "text": row["text"]}) + "\n")


def questions(root: Path, every: int) -> list[tuple[str, set[str]]]:
    """Every n-th question of each language, with the paragraphs that answer it."""
    qrels = read_qrels(root / "xquad" / "qrels.tsv")
    rows = list(read_jsonl(root / "xquad" / "queries.jsonl"))
    of_lang = [[row for row in rows if row["id"].startswith(f"{lang}-")][::every] for lang in XQUAD_LANGS]
    return [(row["text"], {f"xquad-{doc_id}" for doc_id in qrels[row["id"]]}) for row in chain.from_iterable(of_lang)]


def measure(index: smsearch.Index, asked: Sequence[tuple[str, set[str]]], depth: int) -> tuple[list[list[str]], Row]:
    """Ask all questions at one depth; the documents found, and the figures but for the comparison."""
    candidates._EXHAUSTIVE = depth if depth == EVERYTHING else 0  # noqa: SLF001  what is measured
    candidates._DEPTH = depth  # noqa: SLF001
    found, ranks, taken = [], [], []
    for text, _ in asked[: len(asked) // 10]:
        index.search(text, K)
    for text, right in asked:
        begin = time.perf_counter()
        hits = index.search(text, K)
        taken.append(1000 * (time.perf_counter() - begin))
        found.append([hit.doc_id for hit in hits])
        ranks.append(next((1 / hit.rank for hit in hits if hit.doc_id in right), 0.0))
    name = "all" if depth == EVERYTHING else str(depth)
    return found, Row(name, 100 * statistics.mean(ranks), 1.0, 1.0, summary(taken))


def compared(row: Row, found: list[list[str]], reference: list[list[str]]) -> Row:
    """The row with the share of the reference's hits that were found, and of its first ones."""
    pairs = list(zip(found, reference, strict=True))
    same = statistics.mean(len(set(a) & set(b)) / max(len(set(b)), 1) for a, b in pairs)
    return Row(row.name, row.reciprocal_rank, same, statistics.mean(a[:1] == b[:1] for a, b in pairs), row.times)


def page(rows: Sequence[Row], n_passages: int, n_questions: int, n: int) -> str:
    """The page."""
    lines = [
        "# Depth of a hybrid search",
        "",
        f"{n_questions} questions of XQuAD in {len(XQUAD_LANGS)} languages; {n_passages:,} passages, "
        f"XQuAD's among them in {', '.join(PARAGRAPHS)}.",
        f"Command: `python benchmarks/depth.py --eval PATH --passages FILE --n {n} --write`",
        "",
        "| scored word by word | RR@10 x100 | hits of all-scored found | first hit the same | p50 | p95 |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.name} | {row.reciprocal_rank:.1f} | {row.same:.3f} | {row.same_first:.3f} | "
        f"{row.times['p50']:.1f} ms | {row.times['p95']:.1f} ms |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Build the index, ask at each depth, print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True)
    parser.add_argument("--passages", type=Path, required=True)
    parser.add_argument("--n", type=int, default=12_000)
    parser.add_argument("--every", type=int, default=48)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    asked = questions(options.eval, options.every)
    with tempfile.TemporaryDirectory() as name:
        documents = Path(name) / "documents.jsonl"
        write_documents(options.passages, options.n, options.eval, documents)
        with smsearch.build_index(documents, Path(name) / "index", model="static") as index:
            reference, row = measure(index, asked, EVERYTHING)
            rows = [row]
            for depth in DEPTHS:
                found, row = measure(index, asked, depth)
                rows.append(compared(row, found, reference))
            text = page(rows, index.status().n_passages, len(asked), options.n)
    print(text)
    if options.write:
        OUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
