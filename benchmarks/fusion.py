"""How dense, late and lexical scores are best made one: the table behind `smsearch/search/fusion.py`.

    python benchmarks/fusion.py --eval PATH [--every 6] [--model builtin] [--write]

Every passage is scored by every part (XQuAD in its own language and across languages, SweFAQ); then the
ways to fuse are compared on the same parts. A document counts with its best passage.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import CROSS_PAIRS, XQUAD_LANGS, Query, swefaq, xquad_documents, xquad_queries
from numpy.typing import NDArray

from smsearch.api import Index, build_index, open_index
from smsearch.records import Document, Filters
from smsearch.search.candidates import Candidates, gather_candidates, with_late_scores
from smsearch.search.question import Question

OUT = Path(__file__).with_name("fusion.md")
Fuse = Callable[[Candidates], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The scored passages of one query, the document of each, and the right one."""

    candidates: Candidates
    documents: NDArray[np.int64]
    answer: int


def index_of(documents: Sequence[Document], folder: Path, model: str, target_tokens: int | None = None) -> Index:
    """An index of documents handed in."""
    folder.mkdir(parents=True)
    (folder / "empty").mkdir()
    build_index(folder / "empty", folder, model=model, target_tokens=target_tokens).close()
    index = open_index(folder)
    index.add(documents)
    return index


def ask_all(index: Index, queries: Sequence[Query]) -> list[Asked]:
    """Score every passage for every query."""
    reader = index._reader  # noqa: SLF001  the parts are no part of the public door
    asked = []
    with reader.snapshot():
        stored = reader.store.read_passages(reader.passage_ids.tolist())
        names = sorted({each.doc_id for each in stored.values()})
        number = {name: i for i, name in enumerate(names)}
        of_row = np.array([number[stored[i].doc_id] for i in reader.passage_ids.tolist()])
        admitted = reader.admitted(Filters())
        for query in queries:
            candidates = gather_candidates(
                reader, lambda: index.encoder, Question(query.text), admitted=admitted, depth=len(admitted)
            )
            candidates = with_late_scores(candidates, reader, index.encoder, query.text)
            answer = number.get(query.answer)
            if answer is None:  # the same text stands under another id
                first = reader.store.passage_ids(query.answer)[0]
                same = reader.store.representative_of(first)
                answer = number[stored[same].doc_id]
            asked.append(Asked(candidates, of_row[candidates.rows], answer))
    return asked


def ndcg(asked: Sequence[Asked], fuse: Fuse) -> float:
    """Mean nDCG@10 (one relevant document each, so 1 / log2(1 + rank)), times 100."""
    gains = []
    for each in asked:
        scores = fuse(each.candidates)
        best = np.full(int(each.documents.max()) + 1, -np.inf)
        np.maximum.at(best, each.documents, scores)
        rank = 1 + int(np.sum(best > best[each.answer]))
        gains.append(1 / np.log2(1 + rank) if rank <= 10 else 0.0)
    return 100 * float(np.mean(gains))


def linear(late: float, lexical: float) -> Fuse:
    """Dense + weights x the others; BM25 over what the query could reach."""

    def fuse(c: Candidates) -> NDArray[np.float32]:
        total = c.dense + lexical * c.bm25 / max(c.bound, 1e-9)
        return total if c.late is None else total + late * c.late

    return fuse


def by_best(late: float, lexical: float) -> Fuse:
    """Dense + weights x the others; BM25 over that of the best passage."""

    def fuse(c: Candidates) -> NDArray[np.float32]:
        total = c.dense + lexical * c.bm25 / max(float(c.bm25.max(initial=0)), 1e-9)
        return total if c.late is None else total + late * c.late

    return fuse


def min_max(lexical: float) -> Fuse:
    """Dense, late and BM25, each stretched to [0, 1] over the candidates."""

    def stretch(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return (x - x.min()) / max(float(x.max() - x.min()), 1e-9)

    def fuse(c: Candidates) -> NDArray[np.float32]:
        total = stretch(c.dense) + lexical * stretch(c.bm25)
        return total if c.late is None else total + 2 * stretch(c.late)

    return fuse


def rrf(constant: int) -> Fuse:
    """Reciprocal rank fusion (Cormack et al., SIGIR 2009); passages without a shared word are unranked lexically."""

    def reciprocal(x: NDArray[np.float32]) -> NDArray[np.float32]:
        ranks = np.empty(len(x))
        ranks[np.argsort(-x, kind="stable")] = np.arange(1, len(x) + 1)
        return 1 / (constant + ranks)

    def fuse(c: Candidates) -> NDArray[np.float32]:
        total = reciprocal(c.dense) + np.where(c.bm25 > 0, reciprocal(c.bm25), 0)
        return total if c.late is None else total + reciprocal(c.late)

    return fuse


WAYS: dict[str, Fuse] = {
    "dense": lambda c: c.dense,
    "lexical": lambda c: c.bm25,
    "late": lambda c: c.dense if c.late is None else c.late,
    "dense + late": linear(1, 0),
    "dense + 2 late": linear(2, 0),
    "dense + 4 late": linear(4, 0),
    "dense + 2 late + 0.25 lexical": linear(2, 0.25),
    "dense + 2 late + 0.5 lexical": linear(2, 0.5),
    "dense + 2 late + 1 lexical": linear(2, 1),
    "dense + 2 late + 2 lexical": linear(2, 2),
    "dense + 4 late + 2 lexical": linear(4, 2),
    "dense + 2 late + 4 lexical": linear(2, 4),
    "dense + 2 late + 0.5 lexical over the best": by_best(2, 0.5),
    "dense + 2 late + 1 lexical over the best": by_best(2, 1),
    "min-max, lexical 0.5": min_max(0.5),
    "min-max, lexical 1": min_max(1),
    "RRF, constant 60": rrf(60),
    "RRF, constant 10": rrf(10),
}


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--every", type=int, default=6, help="every n-th XQuAD question")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--target-tokens", type=int, help="length of a passage")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        indexes = {
            lang: index_of(xquad_documents(options.eval, lang), root / lang, options.model, options.target_tokens)
            for lang in XQUAD_LANGS
        }
        same = {
            lang: ask_all(indexes[lang], xquad_queries(options.eval, lang, lang, every=options.every))
            for lang in XQUAD_LANGS
        }
        cross = {
            pair: ask_all(indexes[pair[1]], xquad_queries(options.eval, *pair, every=options.every))
            for pair in CROSS_PAIRS
        }
        documents, queries = swefaq(options.eval)
        faq = ask_all(index_of(documents, root / "swefaq", options.model, options.target_tokens), queries)
    lines = [
        "| fusion | XQuAD same language, mean of 12 | XQuAD en<->{de es ru tr zh}, mean of 10 | SweFAQ |",
        "|---|--:|--:|--:|",
    ]
    for name, fuse in WAYS.items():
        mono = np.mean([ndcg(asked, fuse) for asked in same.values()])
        between = np.mean([ndcg(asked, fuse) for asked in cross.values()])
        lines.append(f"| {name} | {mono:.1f} | {between:.1f} | {ndcg(faq, fuse):.1f} |")
    text = (
        f"# Fusion\n\nnDCG@10 x100, encoder `{options.model}`, every {options.every}th question of XQuAD, all 219 of "
        f"SweFAQ.\nCommand: `python benchmarks/fusion.py --eval PATH --every {options.every} --model {options.model} "
        "--write`\n\n" + "\n".join(lines) + "\n"
    )
    print(text, f"{time.perf_counter() - begin:.0f} s")
    if options.write:
        OUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
