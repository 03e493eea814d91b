"""Mixed collections through the public door: XQuAD's twelve languages in one index, and the collection of public posts.

    python benchmarks/mixed.py --eval PATH [--collection FOLDER] [--every 7] [--models static e5-small]
        [--indexes FOLDER] [--write]

The three pools of `smsearch.evaluation.mixed` show whether a search finds what is in another language while much in the
query's own is beside it. FOLDER is what `benchmarks/collection.py` checked out; its questions are reported by half: the
weights of the ranking were chosen on `choose`. Flagship: of the 62 translations of one question in
`tests/data/flagship.tsv`, how many find the right seed first.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from collection import read_questions
from datasets import XQUAD_LANGS, read_jsonl, read_qrels, xquad_documents

import smsearch
from smsearch.evaluation.mixed import DEPTH, MixedQuestion, evaluate_mixed
from smsearch.search.question import MODES

ROOT = Path(__file__).parents[1]
OUT = Path(__file__).with_name("mixed.md")
FLAGSHIP_ANSWER = "003_820c8e683cad6f24.txt"
Rows = dict[str, list[str]]


def xquad_rows(root: Path, folder: Path, model: str, every: int) -> Rows:
    """Figures of the three pools, a row for each pool, a cell for each mode."""
    rows: Rows = {"other": [], "pair": [], "own": []}
    with index_of_xquad(root, folder, model) as index:
        for mode in MODES:

            def ask(query: str, langs: Sequence[str] | None, mode: str = mode) -> list[str]:
                return [hit.doc_id for hit in index.search(query, DEPTH, mode=mode, langs=langs, per_document=1)]

            quality = evaluate_mixed(ask, xquad_questions(root, every))
            for pool, cells in rows.items():
                cells.append(f"{getattr(quality, pool):.1f}")
    return rows


def index_of_xquad(root: Path, folder: Path, model: str) -> smsearch.Index:
    """An index of the paragraphs of all twelve languages."""
    documents = [document for lang in XQUAD_LANGS for document in xquad_documents(root, lang)]
    rows = ({"id": document.doc_id, "text": document.text, "lang": document.lang} for document in documents)
    path = folder / "xquad.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return smsearch.build_index(path, folder / "xquad", model=model)


def xquad_questions(root: Path, every: int) -> Iterator[MixedQuestion]:
    """Every n-th question of each language, with its paragraph in all of them."""
    qrels = read_qrels(root / "xquad" / "qrels.tsv")
    rows = list(read_jsonl(root / "xquad" / "queries.jsonl"))
    for lang in XQUAD_LANGS:
        for row in [row for row in rows if row["id"].startswith(f"{lang}-")][::every]:
            answers = {doc_id.partition("-")[0]: doc_id for doc_id in qrels[row["id"]]}
            yield MixedQuestion(lang, row["text"], answers)


def collection_rows(collection: Path, folder: Path, model: str) -> Rows:
    """RR@10 x100 of the questions about the collection: a row for each half, same language and across."""
    found: dict[str, list[list[float]]] = {}
    with smsearch.build_index(collection, folder / "collection", model=model) as index:
        for question in read_questions():
            right = set(question.docs)
            is_same = question.lang.partition("-")[0] == question.answer_lang.partition("-")[0]
            key = f"collection, {question.split}, {'same language' if is_same else 'across'}"
            ranks = [_reciprocal_rank(index, question.query, mode, right) for mode in MODES]
            found.setdefault(key, []).append(ranks)
    return {
        f"{key} ({len(rows)})": [f"{100 * statistics.mean(column):.1f}" for column in zip(*rows, strict=True)]
        for key, rows in sorted(found.items())
    }


def seed_rows(folder: Path, model: str, *, target_tokens: int | None = None) -> Rows:
    """How often the flagship question finds its seed first, and RR@10 x100 of the other questions about the seeds."""
    with smsearch.build_index(ROOT / "seeds", folder / "seeds", model=model, target_tokens=target_tokens) as index:
        flagship = [row for row in _tsv("flagship.tsv") if row["lang"] != "en"]
        first = [
            sum(_reciprocal_rank(index, row["query"], mode, {FLAGSHIP_ANSWER}) == 1 for row in flagship)
            for mode in MODES
        ]
        others = [
            statistics.mean(
                _reciprocal_rank(index, row["query"], mode, {row["doc_id"]}) for row in _tsv("seed_queries.tsv")
            )
            for mode in MODES
        ]
    return {
        f"flagship question, right post first, of {len(flagship)} languages": [str(n) for n in first],
        "questions about the seeds, RR@10": [f"{100 * value:.1f}" for value in others],
    }


def _reciprocal_rank(index: smsearch.Index, query: str, mode: str, right: set[str]) -> float:
    hits = index.search(query, 10, mode=mode, per_document=1)
    return next((1 / hit.rank for hit in hits if hit.doc_id in right), 0.0)


def _tsv(name: str) -> list[dict[str, str]]:
    with (ROOT / "tests" / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def page(figures: dict[str, Rows], every: int) -> str:
    """The page, a table for each model."""
    lines = [
        "# Mixed collections",
        "",
        f"nDCG@10 x100 of XQuAD's pools (every {every}th question), RR@10 x100 of the collection and the seeds.",
        f"Command: `python benchmarks/mixed.py --eval PATH --collection FOLDER --every {every} --write`",
        "",
        "Pools of XQuAD, all 12 languages in one index. `other`: the paragraph in the query's own language is",
        "removed, and any other counts. `pair`: only the query's language and one other (English and de, es, ru, tr,",
        "zh), its own paragraph removed. `own`: the paragraph in the other eleven languages is removed.",
    ]
    for model, rows in figures.items():
        lines += ["", f"## {model}", "", "| | " + " | ".join(MODES) + " |", "|---|" + "--:|" * len(MODES)]
        lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def index_folder(kept: Path | None, temporary: Path, model: str) -> Path:
    """Where the indexes of a model are built: a folder that is kept, or a temporary one."""
    folder = temporary if kept is None else kept / model
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True)
    parser.add_argument("--collection", type=Path)
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--models", nargs="+", default=["static", "e5-small"])
    parser.add_argument("--indexes", type=Path, help="keep the indexes here, and use those that are here")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    begin, figures = time.perf_counter(), dict[str, Rows]()
    for model in options.models:
        with tempfile.TemporaryDirectory() as name:
            folder = index_folder(options.indexes, Path(name), model)
            rows = {
                f"XQuAD, {pool}": cells
                for pool, cells in xquad_rows(options.eval, folder, model, options.every).items()
            }
            rows |= seed_rows(folder, model)
            if options.collection:
                rows |= collection_rows(options.collection, folder, model)
        figures[model] = rows
    text = page(figures, options.every)
    print(text, f"{time.perf_counter() - begin:.0f} s")
    if options.write:
        OUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
