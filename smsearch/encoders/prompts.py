"""What models want to be told before a query and before a passage.

A wrong prompt raises no error, it only makes the ranking worse; so the user's own prompts win over
the model's configuration, and that wins over this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smsearch.files import read_json_object

_BGE_EN = "Represent this sentence for searching relevant passages: "
_BGE_ZH = "为这个句子生成表示以用于检索相关文章："
_INSTRUCT = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
_QWEN3 = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"

_FAMILIES: Final = (  # the first pattern found in the model's name decides
    (r"e5-(small|base|large)-instruct|e5-mistral", _INSTRUCT, ""),
    (r"\be5-|-e5-", "query: ", "passage: "),
    (r"bge-m3", "", ""),
    (r"bge-(small|base|large)-en", _BGE_EN, ""),
    (r"bge-(small|base|large)-zh", _BGE_ZH, ""),
    (r"qwen3-embedding", _QWEN3, ""),
    (r"gte-qwen", _INSTRUCT, ""),
    (r"embeddinggemma", "task: search result | query: ", "title: none | text: "),
    (
        r"jina-embeddings-v3",
        "Represent the query for retrieving evidence documents: ",
        "Represent the document for retrieval: ",
    ),
    (r"jina-embeddings-v5", "Query: ", "Document: "),
    (r"snowflake-arctic-embed-[a-z]+-v2", "query: ", ""),
    (r"snowflake-arctic-embed", _BGE_EN, ""),
    (r"nomic-embed-text|modernbert-embed", "search_query: ", "search_document: "),
    (r"mxbai-embed-large", _BGE_EN, ""),
)
_QUERY_NAMES: Final = ("query", "retrieval.query", "search_query", "s2p_query", "web_search_query")
_PASSAGE_NAMES: Final = ("document", "passage", "corpus", "retrieval.passage", "search_document")
_BASE_MODEL = re.compile(r"^base_model:\s*(?:-\s+)?(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before each query and each passage; either may be empty."""

    query: str = ""
    passage: str = ""


def family_prompts(name: str) -> Prompts | None:
    """Prompts of the model family that a name belongs to; None when it is not a known one."""
    for pattern, query, passage in _FAMILIES:
        if re.search(pattern, name.lower()):
            return Prompts(query=query, passage=passage)
    return None


def find_prompts(name: str, folder: Path) -> Prompts:
    """Prompts of the model in a folder: its own configuration's, else its family's, else none.

    The family is read from the name it goes by, the name of the folder, the model its
    configuration was made from, and the base model of its card, in that order.
    """
    own = _configured_prompts(folder)
    if own is not None:
        return own
    origin = read_json_object(folder / "config.json").get("_name_or_path")
    names = (name, folder.name, origin, _base_model(folder / "README.md"))
    known = (family_prompts(Path(candidate).name) for candidate in names if candidate)
    return next((prompts for prompts in known if prompts is not None), Prompts())


def _configured_prompts(folder: Path) -> Prompts | None:
    """Prompts in the model's configuration; empty ones, which are written by default, say nothing."""
    stored = read_json_object(folder / "config_sentence_transformers.json").get("prompts") or {}
    query = next((stored[name] for name in _QUERY_NAMES if stored.get(name)), "")
    passage = next((stored[name] for name in _PASSAGE_NAMES if stored.get(name)), "")
    return Prompts(query=query, passage=passage) if query or passage else None


def _base_model(card: Path) -> str | None:
    try:
        text = card.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    front = text.split("\n---", 1)[0] if text.startswith("---") else ""
    found = _BASE_MODEL.search(front)
    return found[1].strip("\"'") if found else None
