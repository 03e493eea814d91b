"""An encoder whose vectors can be worked out by hand: one dimension per keyword."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEYWORDS = ("ape", "bee", "cat", "dog", "eel", "fox")


class KeywordEncoder:
    """Counts keywords, whole words in any case; implements `Encoder` and `TokenEncoder`."""

    def __init__(self, *keywords: str, name: str = "keywords", max_tokens: int | None = None) -> None:
        self.keywords = keywords or KEYWORDS
        self.name = name
        self.max_tokens = max_tokens
        self.dim = len(self.keywords)
        self.fingerprint = "keywords " + " ".join(self.keywords)
        self.settings: dict[str, Any] = {}
        self.language_means = None
        self.passage_tokens = 160
        self.learned: dict[tuple[str, ...], list[int]] = {}  # tokens told last, by sentences

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.array([len(text.split()) for text in texts], dtype=np.int64)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_token_ids(self.token_ids(texts))

    def encode_token_ids(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        vectors = np.zeros((len(ids), self.dim), dtype=np.float32)
        for vector, of_text in zip(vectors, ids, strict=True):
            np.add.at(vector, of_text, 1)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        numbers = {keyword: i for i, keyword in enumerate(self.keywords)}
        words = [text.casefold().split() for text in texts]
        return [np.array([numbers[word] for word in found if word in numbers], dtype=np.int32) for found in words]

    def joined_token_ids(self, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        return np.concatenate([np.empty(0, np.int32), *parts])

    def learn_words(self, texts: Sequence[Sequence[str]], ids: Sequence[NDArray[np.int32]]) -> None:
        self.learned = dict(zip(map(tuple, texts), map(np.ndarray.tolist, ids), strict=True))

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.eye(self.dim, dtype=np.float32)[ids]

    def token_cosines(self, vectors: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return vectors @ self.token_vectors(ids).T

    def token_norms(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.ones(len(ids), dtype=np.float32)

    def sum_lengths(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        sums = [np.bincount(of_text, minlength=self.dim) for of_text in ids]
        return np.array([np.linalg.norm(each) for each in sums], dtype=np.float32)

    def query_direction(self, query: str) -> NDArray[np.float32]:
        (vector,) = self.encode_queries([query])
        return vector

    def token_weights(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.ones(len(ids), dtype=np.float32)
