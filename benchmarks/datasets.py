"""The public evaluation sets the benchmarks read, from a folder named by `--eval`.

The folder holds `xquad/`, `swefaq/` (each `corpus.jsonl`, `queries.jsonl`, `qrels*.tsv`) and `tatoeba/`
(`<iso639-3>.tsv`, English TAB other). Nothing of it is in this repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smsearch import Document

XQUAD_LANGS = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")
CROSS_PAIRS = tuple(pair for other in ("de", "es", "ru", "tr", "zh") for pair in (("en", other), (other, "en")))


@dataclass(frozen=True, slots=True)
class Query:
    """A query and the document that answers it."""

    query_id: str
    text: str
    answer: str


def read_jsonl(path: Path) -> Iterator[dict[str, str]]:
    """The objects of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def read_qrels(path: Path) -> dict[str, list[str]]:
    """Relevant documents of each query."""
    qrels: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query_id, doc_id, _ = line.split("\t")
        qrels.setdefault(query_id, []).append(doc_id)
    return qrels


def xquad_documents(root: Path, lang: str) -> list[Document]:
    """The 240 paragraphs of one language."""
    rows = read_jsonl(root / "xquad" / "corpus.jsonl")
    return [Document(row["id"], row["text"], lang=lang) for row in rows if row["id"].startswith(f"{lang}-")]


def xquad_queries(root: Path, lang: str, documents_lang: str, *, every: int = 1) -> list[Query]:
    """Questions in one language, each with its paragraph in another; every n-th of 1,190."""
    qrels = read_qrels(root / "xquad" / "qrels.tsv")
    rows = [row for row in read_jsonl(root / "xquad" / "queries.jsonl") if row["id"].startswith(f"{lang}-")]
    return [
        Query(row["id"], row["text"], next(d for d in qrels[row["id"]] if d.startswith(f"{documents_lang}-")))
        for row in rows[::every]
    ]


def swefaq(root: Path) -> tuple[list[Document], list[Query]]:
    """219 Swedish questions and answers of authorities."""
    folder = root / "swefaq"
    documents = [Document(row["id"], row["text"], lang="sv") for row in read_jsonl(folder / "corpus.jsonl")]
    qrels = read_qrels(folder / "qrels.tsv")
    queries = [Query(row["id"], row["text"], qrels[row["id"]][0]) for row in read_jsonl(folder / "queries.jsonl")]
    return documents, queries
