"""A fake encoder of whole texts only, as a transformer is: it has no vectors of tokens."""

from __future__ import annotations

from tests.fakes import KeywordEncoder


class WholeTextEncoder:
    """Encodes as `KeywordEncoder` does; implements `Encoder` alone."""

    def __init__(self, max_tokens: int | None = None) -> None:
        inner = KeywordEncoder(max_tokens=max_tokens)
        self.name, self.dim, self.max_tokens = inner.name, inner.dim, inner.max_tokens
        self.fingerprint, self.settings = inner.fingerprint, inner.settings
        self.language_means = None
        self.passage_tokens = inner.passage_tokens
        self.count_tokens = inner.count_tokens
        self.encode_queries = inner.encode_queries
        self.encode_passages = inner.encode_passages
