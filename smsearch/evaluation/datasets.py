"""The public evaluation sets, read from a folder that the user names.

The folder holds `xquad/`, `swefaq/` (each `corpus.jsonl`, `queries.jsonl`, `qrels*.tsv`) and `tatoeba/`
(`<iso639-3>.tsv`, English TAB other). Nothing of it is shipped with smsearch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smsearch.errors import SourceError

XQUAD_LANGS: Final = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")
CROSS_PAIRS: Final = tuple(pair for other in ("de", "es", "ru", "tr", "zh") for pair in (("en", other), (other, "en")))
TATOEBA_LANGS: Final = {
    "sv": "swe",
    "da": "dan",
    "nb": "nob",
    "is": "isl",
    "fi": "fin",
    "de": "deu",
    "nl": "nld",
    "fr": "fra",
    "es": "spa",
    "it": "ita",
    "pt": "por",
    "pl": "pol",
    "cs": "ces",
    "ru": "rus",
    "uk": "ukr",
    "tr": "tur",
    "el": "ell",
    "ar": "ara",
    "he": "heb",
    "hi": "hin",
    "zh": "cmn",
    "ja": "jpn",
    "ko": "kor",
    "vi": "vie",
    "th": "tha",
    "id": "ind",
    "hu": "hun",
    "ro": "ron",
    "bg": "bul",
}


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Queries, documents, and the one right document of each query.

    Attributes:
        documents: Texts.
        queries: Texts.
        right: For each query the place of its document.
    """

    documents: list[str]
    queries: list[str]
    right: list[int]


def read_jsonl(path: Path) -> Iterator[dict[str, str]]:
    """The objects of a JSON Lines file.

    Raises:
        SourceError: If it cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read the evaluation set {str(path)!r}: {error}") from None


def read_qrels(path: Path) -> dict[str, list[str]]:
    """Relevant documents of each query."""
    qrels: dict[str, list[str]] = {}
    for line in _lines(path):
        query_id, doc_id, _ = line.split("\t")
        qrels.setdefault(query_id, []).append(doc_id)
    return qrels


def read_tatoeba(root: Path, lang: str) -> tuple[list[str], list[str]]:
    """English sentences and those in another language, side by side (LASER's test)."""
    rows = [line.split("\t") for line in _lines(root / "tatoeba" / f"{TATOEBA_LANGS[lang]}.tsv")]
    return [row[0] for row in rows], [row[1] for row in rows]


def read_xquad(root: Path, lang: str, documents_lang: str) -> Retrieval:
    """1,190 questions in one language, 240 paragraphs in the same or another."""
    texts = {row["id"]: row["text"] for row in read_jsonl(root / "xquad" / "corpus.jsonl")}
    ids = [doc_id for doc_id in texts if doc_id.startswith(f"{documents_lang}-")]
    places = {doc_id: i for i, doc_id in enumerate(ids)}
    qrels = read_qrels(root / "xquad" / "qrels.tsv")
    rows = [row for row in read_jsonl(root / "xquad" / "queries.jsonl") if row["id"].startswith(f"{lang}-")]
    right = [next(places[doc_id] for doc_id in qrels[row["id"]] if doc_id in places) for row in rows]
    return Retrieval([texts[doc_id] for doc_id in ids], [row["text"] for row in rows], right)


def read_swefaq(root: Path) -> Retrieval:
    """219 Swedish questions of authorities with their answers."""
    folder = root / "swefaq"
    documents = {row["id"]: row["text"] for row in read_jsonl(folder / "corpus.jsonl")}
    places = {doc_id: i for i, doc_id in enumerate(documents)}
    qrels = read_qrels(folder / "qrels.tsv")
    rows = list(read_jsonl(folder / "queries.jsonl"))
    return Retrieval(list(documents.values()), [r["text"] for r in rows], [places[qrels[r["id"]][0]] for r in rows])


def digest_of(root: Path) -> str:
    """Digest of the files that are read here, 16 hexadecimal digits: figures of other data cannot be compared."""
    digest = hashlib.blake2b(digest_size=8)
    names = [f"tatoeba/{code}.tsv" for code in TATOEBA_LANGS.values()]
    names += [
        f"{each}/{name}" for each in ("xquad", "swefaq") for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv")
    ]
    for name in names:
        try:
            digest.update((root / name).read_bytes())
        except OSError as error:
            raise SourceError(f"cannot read the evaluation set {str(root / name)!r}: {error.strerror}") from None
    return digest.hexdigest()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read the evaluation set {str(path)!r}: {error}") from None
