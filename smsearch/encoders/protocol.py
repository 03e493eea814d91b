"""What an encoder is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LanguageMeans:
    """Means of an encoder's vectors of ordinary text by language.

    Attributes:
        langs: Primary language tags.
        passages: `(n_langs, dim)` float32, of texts encoded as passages.
        queries: `(n_langs, dim)` float32, of texts encoded as queries.
        amount: The part of them that is subtracted, in `[0, 1]`.
    """

    langs: tuple[str, ...]
    passages: NDArray[np.float32]
    queries: NDArray[np.float32]
    amount: float


class Encoder(Protocol):
    """Turns texts into vectors whose inner product says how near they are in meaning."""

    @property
    def name(self) -> str:
        """What the user calls it: `static`, `e5-small`, a model name, or an absolute directory."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of one text that count, prompt included; None for no limit."""

    @property
    def passage_tokens(self) -> int:
        """Length of a passage that suits the encoder, in its tokens."""

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides the vectors: weights, tokenizer, prompts, dimension."""

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values that `load_encoder` needs, beside the name, to make the same encoder again."""

    @property
    def language_means(self) -> LanguageMeans | None:
        """Means by language, subtracted from the vectors in an index; None for an encoder without a language bias."""

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text as a passage, prompt and special tokens included; `(n,)`."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries; `(n, dim)` float32, unit rows (zero rows for texts without tokens)."""

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages; `(n, dim)` float32, unit rows (zero rows for texts without tokens)."""


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder that also has one vector per token of its vocabulary, for late interaction."""

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids of each text in order, repeats included; n arrays of shape `(n_tokens,)`."""

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Unit vectors of tokens; `(len(ids), dim)` float32 (zero rows for tokens without a vector)."""

    def token_cosines(self, vectors: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Cosines of unit vectors with tokens, 0 for those without a vector; `(len(vectors), len(ids))` float32."""

    def token_norms(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Lengths of the tokens' vectors before they are made unit vectors; `(len(ids),)` float32."""

    def sum_lengths(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Length of each text's vector as a passage before it is made a unit vector; `(len(ids),)` float32."""

    def query_direction(self, query: str) -> NDArray[np.float32]:
        """The vector whose inner product with the sum of a text's token vectors tells how near the text is to a query.

        Returns:
            `(dim,)` float32. Divided by what `sum_lengths` gives for the text, that inner product is the cosine of the
            query with the text as a passage.
        """

    def token_weights(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each token counts in a query; `(len(ids),)` float32, at least 0."""


@runtime_checkable
class PoolingEncoder(TokenEncoder, Protocol):
    """An encoder whose vector of a passage is pooled from its token ids, so that texts are cut only once."""

    def joined_token_ids(self, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32] | None:
        """Token ids of texts with white space between them, from those of each; `(n_tokens,)`.

        Returns:
            What `token_ids` gives for the whole; None where that cannot be told from the parts.
        """

    def encode_token_ids(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Vectors of passages whose token ids are known; `(n, dim)` float32, as `encode_passages` gives them."""

    def learn_words(self, texts: Sequence[Sequence[str]], ids: Sequence[NDArray[np.int32]]) -> None:
        """Be told the token ids of texts, of some together all and in any order, before `token_ids` is asked for them.

        What `token_ids` gives is the same; an encoder may find it sooner.
        """
