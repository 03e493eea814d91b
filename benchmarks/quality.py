"""Retrieval quality through the public door: XQuAD in its own language and across languages, SweFAQ.

    python benchmarks/quality.py --eval PATH [--every 1] [--model static] [--write]

Indexes are built by `Index.add`, questions asked by `Index.search(per_document=1, k=10)`, nDCG@10 computed by
ir_measures. A question of XQuAD has one right paragraph among the 240 of the language searched.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import ir_measures
from datasets import CROSS_PAIRS, XQUAD_LANGS, Query, index_of, swefaq, xquad_documents, xquad_queries
from ir_measures import Qrel, ScoredDoc, nDCG

from smsearch.api import Index
from smsearch.search.question import MODES

OUT = Path(__file__).with_name("quality.md")


def ndcg(index: Index, queries: Sequence[Query], mode: str) -> float:
    """Mean nDCG@10, times 100; a document that repeats the right one counts as right."""
    run, qrels = [], []
    for query in queries:
        hits = index.search(query.text, 10, mode=mode, per_document=1)
        run += [ScoredDoc(query.query_id, hit.doc_id, -float(hit.rank)) for hit in hits]
        right = {query.answer} | {
            hit.doc_id for hit in hits if hit.duplicates and _repeats(index, query.answer, hit.doc_id)
        }
        best = [hit.doc_id for hit in hits if hit.doc_id in right][:1] or [query.answer]
        qrels.append(Qrel(query.query_id, best[0], 1))
    return 100 * float(ir_measures.calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10])


def _repeats(index: Index, one: str, other: str) -> bool:
    return " ".join(index.document(one).text.split()) == " ".join(index.document(other).text.split())


def main() -> None:
    """Measure, print, and write the tables if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--every", type=int, default=1, help="every n-th XQuAD question")
    parser.add_argument("--model", default="static")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        rows = measure(options.eval, Path(name), options.every, options.model)
    lines = [
        "# Retrieval quality",
        "",
        f"nDCG@10 x100, encoder `{options.model}`. Command: `python benchmarks/quality.py --eval PATH "
        f"--every {options.every} --model {options.model} --write`",
        "",
        "| question -> paragraph | " + " | ".join(MODES) + " |",
        "|---|" + "--:|" * len(MODES),
        *(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + " |" for name, values in rows),
    ]
    text = "\n".join(lines) + "\n"
    print(text, f"{time.perf_counter() - begin:.0f} s")
    if options.write:
        OUT.write_text(text, encoding="utf-8")


def measure(root: Path, folder: Path, every: int, model: str) -> list[tuple[str, list[float]]]:
    """Rows of the table: a name and the figure of each mode."""
    indexes = {lang: index_of(xquad_documents(root, lang), folder / lang, model) for lang in XQUAD_LANGS}
    same = [(lang, lang) for lang in XQUAD_LANGS]
    rows = [
        (f"{a} -> {b}", [ndcg(indexes[b], xquad_queries(root, a, b, every=every), mode) for mode in MODES])
        for a, b in [*same, *CROSS_PAIRS]
    ]
    documents, queries = swefaq(root)
    faq = index_of(documents, folder / "swefaq", model)
    n = len(same)
    return [
        *rows[:n],
        ("**same language, mean of 12**", _means(rows[:n])),
        *rows[n:],
        ("**across languages, mean of 10**", _means(rows[n:])),
        ("SweFAQ (sv -> sv)", [ndcg(faq, queries, mode) for mode in MODES]),
    ]


def _means(rows: Sequence[tuple[str, list[float]]]) -> list[float]:
    return [sum(values[i] for _, values in rows) / len(rows) for i in range(len(MODES))]


if __name__ == "__main__":
    main()
