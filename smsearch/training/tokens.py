"""A corpus as token ids: flat arrays, mapped from files, from which batches are gathered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.table import unit_rows
from smsearch.files import file_sha256, read_json_object, write_atomically
from smsearch.ragged import ranges
from smsearch.training.corpus import ENGLISH, corpus_langs, read_lines, read_pairs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_NAMES: Final = "names.json"
_AT_ONCE: Final = 50_000
_BLOCK: Final = 1 << 14  # texts whose vectors are made at once
_ARRAYS: Final = ("ids", "starts", "lines", "sources", "langs")


@dataclass(frozen=True, slots=True)
class CorpusTokens:
    """The texts of a corpus as ids: the English lines first, then the texts of every language.

    Attributes:
        ids: `(n_ids,)` int32, all texts one after the other.
        starts: `(n_texts + 1,)` int64; text i is `ids[starts[i]:starts[i + 1]]`.
        n_english: So many texts are English; text `n_english + p` belongs to pair p.
        lines: `(n_pairs,)` int32, the English line of each pair.
        sources: `(n_pairs,)` int16, its source, a place in `source_names`.
        langs: `(n_pairs,)` int16, its language, a place in `lang_names`.
        source_names: Names of the sources.
        lang_names: Languages but English.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    n_english: int
    lines: NDArray[np.int32]
    sources: NDArray[np.int16]
    langs: NDArray[np.int16]
    source_names: tuple[str, ...]
    lang_names: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> CorpusTokens:
        """Map what `write_tokens` wrote."""
        names = json.loads((folder / _NAMES).read_bytes())
        arrays: dict[str, Any] = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
        return cls(
            **arrays,
            n_english=int(names["n_english"]),
            source_names=tuple(names["sources"]),
            lang_names=tuple(names["langs"]),
        )

    def vectors(self, rows: NDArray[np.float32], texts: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        """The unit vectors of some texts by a table, in blocks of `(n, dim)` float32.

        Args:
            rows: `(n_tokens, dim)` float32, the table.
            texts: Their numbers.
        """
        from scipy.sparse import csr_matrix

        for start in range(0, len(texts), _BLOCK):
            some = texts[start : start + _BLOCK]
            lengths = self.starts[some + 1] - self.starts[some]
            ids = self.ids[ranges(self.starts[some], lengths)]
            ends = np.concatenate([[0], np.cumsum(lengths)])
            counts = csr_matrix((np.ones(len(ids), np.float32), ids, ends), shape=(len(some), len(rows)))
            yield unit_rows(counts @ rows)


def write_tokens(
    corpus: Path, tokenizer_json: Path, out: Path, *, advance: Callable[[str], object] = lambda _lang: None
) -> CorpusTokens:
    """Cut all texts of a corpus and write the arrays; nothing is done if they are there for this tokenizer."""
    from tokenizers import Tokenizer

    digest = file_sha256(tokenizer_json)
    if read_json_object(out / _NAMES).get("tokenizer_sha256") == digest:
        return CorpusTokens.open(out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    lang_names = corpus_langs(corpus)
    source_names: dict[str, int] = {}
    pieces = [_cut(tokenizer, read_lines(corpus / ENGLISH))]
    n_english = len(pieces[0][1])
    advance("en")
    lines, sources, langs = [], [], []
    for number, lang in enumerate(lang_names):
        rows = list(read_pairs(corpus / f"{lang}.tsv"))
        pieces.append(_cut(tokenizer, (text for _, _, text in rows)))
        lines.append(np.array([line for line, _, _ in rows], np.int32))
        sources.append(np.array([source_names.setdefault(name, len(source_names)) for _, name, _ in rows], np.int16))
        langs.append(np.full(len(rows), number, np.int16))
        advance(lang)
    lengths = np.concatenate([lengths for _, lengths in pieces])
    arrays = {
        "ids": np.concatenate([ids for ids, _ in pieces]),
        "starts": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        "lines": np.concatenate(lines),
        "sources": np.concatenate(sources),
        "langs": np.concatenate(langs),
    }
    for name, array in arrays.items():
        np.save(out / f"{name}.npy", array)
    names = {"tokenizer_sha256": digest, "n_english": n_english, "sources": list(source_names), "langs": lang_names}
    write_atomically(out / _NAMES, json.dumps(names).encode())  # last: it says that the arrays are whole
    return CorpusTokens.open(out)


def _cut(tokenizer: Tokenizer, texts: Iterator[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    ids: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
    lengths: list[int] = []
    while block := list(islice(texts, _AT_ONCE)):
        encodings = tokenizer.encode_batch_fast(block, add_special_tokens=False)
        lengths += [len(encoding) for encoding in encodings]
        ids.append(np.fromiter((i for encoding in encodings for i in encoding.ids), np.int32))
    return np.concatenate(ids), np.array(lengths, np.int64)
