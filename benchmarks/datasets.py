"""The public evaluation sets as documents and queries; the files are read by `smsearch.evaluation.datasets`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smsearch import Document, Index, build_index, open_index
from smsearch.evaluation.datasets import CROSS_PAIRS, XQUAD_LANGS, read_jsonl, read_qrels

__all__ = [
    "CROSS_PAIRS",
    "XQUAD_LANGS",
    "Query",
    "index_of",
    "read_jsonl",
    "swefaq",
    "xquad_documents",
    "xquad_queries",
]


@dataclass(frozen=True, slots=True)
class Query:
    """A query and the document that answers it."""

    query_id: str
    text: str
    answer: str


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


def index_of(documents: Sequence[Document], folder: Path, model: str, target_tokens: int | None = None) -> Index:
    """An index of documents handed in."""
    folder.mkdir(parents=True)
    (folder / "empty").mkdir()
    build_index(folder / "empty", folder, model=model, target_tokens=target_tokens).close()
    index = open_index(folder)
    index.add(documents)
    return index
