"""The tokenizer of multilingual-e5-small: SentencePiece unigram over words that white space divides."""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

from smsearch.encoders.derivation import derive_vocabulary
from smsearch.encoders.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from smsearch.encoders.converted import ConvertedFiles
    from smsearch.encoders.e5.weights import E5Weights

VERSION: Final = 1
"""Of the mapped vocabulary; a new number makes the stored one again."""

BEGIN, END, _UNKNOWN = 0, 2, 3
_FEW: Final = 20_000  # characters that the mapped vocabulary tokenises sooner than the tokenizer is loaded


class E5Tokenizer:
    """Divides texts into token ids, without special tokens.

    A few texts are tokenised over the mapped vocabulary, which opens in milliseconds; many with `tokenizers`, which
    takes 1.5 s to load and is fast after that. Both give the same ids.
    """

    def __init__(self, weights: E5Weights, files: ConvertedFiles) -> None:
        """Tokenise with the pieces of the weights.

        Args:
            weights: Hold the pieces.
            files: Where the mapped vocabulary is kept.
        """
        self._weights = weights
        self._files = files
        self._lock = Lock()

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, in order."""
        valid = [_valid(text) for text in texts]
        if "_tokenizer" in self.__dict__ or sum(map(len, valid)) > _FEW:
            return self._ids_of_many(valid)
        found = [self._vocabulary.cut(text) for text in valid]
        return [self._ids_of_many([text])[0] if ids is None else ids for text, ids in zip(valid, found, strict=True)]

    def _ids_of_many(self, texts: Sequence[str]) -> list[list[int]]:
        with self._lock:
            tokenizer = self._tokenizer
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        found = self._files.open("vocabulary.bin", VERSION, self._derived)
        if isinstance(found, bytes):
            return Vocabulary(found)
        with found.open("rb") as file:
            return Vocabulary(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def _derived(self) -> bytes:
        derived = derive_vocabulary(tokenizer_json(self._weights))
        if derived is None:
            raise RuntimeError("the tokenizer is a unigram with nothing that cannot be derived")
        return derived

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        return Tokenizer.from_str(tokenizer_json(self._weights).decode())


def tokenizer_json(weights: E5Weights) -> bytes:
    """The tokenizer as `tokenizers` reads it.

    Characters are replaced as the weight file says, where that differs from NFKC (control characters go, zero-width
    ones become spaces); NFKC follows, and white space is folded.
    """
    odd = {a: b for a, b in weights.replacements.items() if b in {"", " "} and normalize("NFKC", a) != b}
    dropped = [character for character, form in odd.items() if not form]
    blank = [character for character, form in odd.items() if form]
    normalizers: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"Regex": _class_of(characters)}, "content": content}
        for characters, content in ((dropped, ""), (blank, " "))
        if characters
    ]
    normalizers += [
        {"type": "NFKC"},
        {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
        {"type": "Strip", "strip_left": True, "strip_right": True},
    ]
    content: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": _UNKNOWN, "vocab": weights.pieces(), "byte_fallback": False},
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _class_of(characters: Sequence[str]) -> str:
    """A regular expression for any of some characters."""
    return "[" + "".join(f"\\x{{{ord(character):x}}}" for character in characters) + "]"


def _valid(text: str) -> str:
    """The text with lone surrogates replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
