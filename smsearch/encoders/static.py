"""The static encoder: a text is the sum of its tokens' vectors. No torch, no prompts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.table import TokenTable, read_matrix, unit_rows
from smsearch.encoders.vocabulary import Vocabulary, open_vocabulary
from smsearch.errors import EncoderError
from smsearch.ragged import divided

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from smsearch.encoders.words import WordCutter

CONFIG: Final = "config.json"
KIND: Final = "smsearch-static"
WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
MATRIX: Final = "passages.safetensors"
FORMATS: Final = (2, 3)  # 2: queries and passages are encoded alike
_LARGEST_EXPONENT: Final = 10  # of norms; larger ones leave the range of float32
_FEW: Final = 40_000  # characters cut at once without the tokenizer: half the time it takes to load that
_LOOKUPS: Final = 600_000  # for texts cut without it in all: about the time it takes to load it
_BLOCK_CHARACTERS: Final = 1 << 18  # cut at once
_BLOCK_TOKENS: Final = 1 << 16  # summed at once: about as many as there are in so many characters
Cut: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int64]]  # ids one after the other, how many each text has


@dataclass(frozen=True, slots=True)
class StaticConfig:
    """What `config.json` of a static model says.

    Attributes:
        model: Name of the weights.
        version: Their version.
        late_exponent: A query token counts in late interaction as its vector's norm to this power.
        query_power: The tokens of a query count as their vectors' norms to this power in its vector.
        turns_passages: Whether the sums of passages are multiplied by a matrix.
        sha256: SHA-256 of the files by name, where they are recorded.
    """

    model: str
    version: str
    late_exponent: float
    query_power: float = 0.0
    turns_passages: bool = False
    sha256: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> StaticConfig:
        """Read the `config.json` of a folder.

        Raises:
            EncoderError: If it is missing, damaged or of a newer format.
        """
        path = folder / CONFIG
        try:
            content = json.loads(path.read_bytes())
            number = content["format"]
            config = cls(
                model=str(content["name"]),
                version=str(content["version"]),
                late_exponent=_exponent(content["late_exponent"]),
                query_power=_exponent(content["query_power"]) if number == FORMATS[-1] else 0.0,
                turns_passages=bool(content["turns_passages"]) if number == FORMATS[-1] else False,
                sha256=dict(content.get("sha256") or {}),
            )
        except OSError as error:
            raise EncoderError(f"cannot read the model's {str(path)!r}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise EncoderError(f"the model's {str(path)!r} is damaged ({error!r}); copy it anew") from None
        if number not in FORMATS:
            raise EncoderError(
                f"{str(path)!r} is of format {number!r}, and this smsearch reads {' and '.join(map(str, FORMATS))}; "
                "update smsearch, or export the model anew with `smsearch train export`"
            )
        return config

    @property
    def format(self) -> int:
        """The oldest format that can say this."""
        return FORMATS[0] if self.encodes_alike else FORMATS[-1]

    @property
    def encodes_alike(self) -> bool:
        """Whether a text has one vector, as a query and as a passage."""
        return not self.query_power and not self.turns_passages

    @property
    def files(self) -> tuple[str, ...]:
        """What decides the vectors, beside the configuration."""
        return (WEIGHTS, TOKENIZER, MATRIX) if self.turns_passages else (WEIGHTS, TOKENIZER)


class StaticEncoder:
    """A table of token vectors with its tokenizer, read from one folder.

    Texts may be of any length. Two texts of one kind, such as a sentence and its translation, are
    both compared as queries. Opening it maps the weights and reads nothing else: the tokenizer is
    loaded when many texts are to be cut.
    """

    def __init__(self, folder: Path, *, name: str | None = None) -> None:
        """Open the folder.

        Args:
            folder: Holds `config.json`, `model.safetensors`, `tokenizer.json`, and `passages.safetensors` where
                passages are turned.
            name: What the user calls it; None for the absolute path.

        Raises:
            EncoderError: If a file is missing or damaged.
        """
        self.folder = folder.absolute()
        self._name = name or str(self.folder)
        self._lock = Lock()
        self.config = StaticConfig.read(self.folder)
        self.table = TokenTable.open(self.folder / WEIGHTS)
        for needed in self.config.files:
            if not (self.folder / needed).is_file():
                raise EncoderError(f"the model {str(self.folder)!r} has no {needed}; copy it anew")
        self.matrix = read_matrix(self.folder / MATRIX, self.dim) if self.config.turns_passages else None

    @property
    def name(self) -> str:
        """What the user calls it: `static`, or an absolute directory."""
        return self._name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.table.dim

    @property
    def passage_tokens(self) -> int:
        """Length of a passage that suits the encoder: 160 tokens, a paragraph."""
        return 160

    @property
    def max_tokens(self) -> int | None:
        """None: every token counts."""
        return None

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all that decides the vectors, 32 hexadecimal digits.

        Taken from the digests that `config.json` records; where it records none, the files are
        read (some 60 MB at most: 50 ms).

        Raises:
            OSError: If the files have to be read and cannot be.
        """
        from smsearch.files import file_sha256

        config = self.config
        digests = [config.sha256.get(name) or file_sha256(self.folder / name) for name in config.files]
        powers = [config.late_exponent, *([config.query_power] if config.format > FORMATS[0] else [])]
        content = json.dumps([config.format, *powers, *digests])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """Empty: the folder decides everything."""
        return {}

    @property
    def language_means(self) -> None:
        """None: vectors are compared as they are."""

    def verify(self) -> None:
        """Read the files and compare them with the digests in `config.json`.

        Raises:
            EncoderError: If a file is not the one recorded.
            OSError: If a file cannot be read.
        """
        from smsearch.files import file_sha256

        for name, expected in self.config.sha256.items():
            found = file_sha256(self.folder / name)
            if found != expected:
                path = str(self.folder / name)
                raise EncoderError(f"{path!r} has SHA-256 {found}, and {CONFIG} records {expected}; copy it anew")

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text; `(n,)`."""
        return np.concatenate([np.zeros(0, np.int64), *(lengths for _, lengths in self._cut_blocks(texts))])

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries; `(n, dim)` float32, unit rows (zero rows for texts without tokens)."""
        power = self.config.query_power
        blocks = (
            unit_rows(self.table.sums(ids, lengths, norm_power=power)) for ids, lengths in self._cut_blocks(texts)
        )
        return self._stacked(len(texts), blocks)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages; `(n, dim)` float32, unit rows (zero rows for texts without tokens)."""
        return self._stacked(
            len(texts), (self._passage_vectors(ids, lengths) for ids, lengths in self._cut_blocks(texts))
        )

    def encode_token_ids(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Vectors of passages whose token ids are known; `(n, dim)` float32, as `encode_passages` gives them."""
        sizes = list(map(len, ids))
        blocks = (
            self._passage_vectors(np.concatenate(ids[start:end]), np.array(sizes[start:end], np.int64))
            for start, end in _blocks(sizes, _BLOCK_TOKENS)
        )
        return self._stacked(len(ids), blocks)

    def _passage_vectors(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        return unit_rows(self._passage_sums(ids, lengths))

    def _passage_sums(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        sums = self.table.sums(ids, lengths)
        if self.matrix is None:
            return sums
        # In float64: in float32 the number of threads would change the last bit.
        turned: NDArray[np.float32] = (sums.astype(np.float64) @ self.matrix).astype(np.float32)
        return turned

    def _stacked(self, n: int, blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The blocks in one array of `n` rows, which never stand in memory twice."""
        vectors = np.empty((n, self.dim), np.float32)
        start = 0
        for block in blocks:
            vectors[start : start + len(block)] = block
            start += len(block)
        return vectors

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids of each text in order, repeats included; n arrays of shape `(n_tokens,)`."""
        return [row for ids, lengths in self._cut_blocks(texts) for row in divided(ids, lengths)]

    def joined_token_ids(self, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32] | None:
        """Token ids of texts with white space between them, from those of each; `(n_tokens,)`.

        Returns:
            What `token_ids` gives for the whole; None where that cannot be told from the parts, and as long as the
            tokenizer is not loaded.
        """
        words: WordCutter | None = self.__dict__.get("_words")  # for a few texts it is not worth loading the tokenizer
        return None if words is None else words.joined(parts)

    def learn_words(self, texts: Sequence[Sequence[str]], ids: Sequence[NDArray[np.int32]]) -> None:
        """Be told the token ids of texts that are cut next, so that their words need not be looked for.

        Args:
            texts: The sentences of some passages, say.
            ids: All token ids of each passage's sentences, in any order.
        """
        if self._vocabulary is not None and not self._is_loaded:
            valid = [[_valid(text) for text in of_one] for of_one in texts]
            self._vocabulary.learn([(of_one, found.tolist()) for of_one, found in zip(valid, ids, strict=True)])

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Unit vectors of tokens; `(len(ids), dim)` float32 (zero rows for tokens without a vector)."""
        return self.table.unit_rows(ids)

    def token_cosines(self, vectors: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Cosines of unit vectors with tokens, 0 for those without a vector; `(len(vectors), len(ids))` float32."""
        return self.table.cosines(vectors, ids)

    def token_weights(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each token counts in a query: the norm of its row to `late_exponent`.

        Returns:
            `(len(ids),)` float32, at least 0. The norm has learned what idf measures.
        """
        weights: NDArray[np.float32] = (self.token_norms(ids) ** self.config.late_exponent).astype(np.float32)
        return weights

    def token_norms(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Lengths of the tokens' vectors before they are made unit vectors; `(len(ids),)` float32."""
        return self.table.lengths(ids)

    def sum_lengths(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Length of each text's vector as a passage before it is made a unit vector; `(len(ids),)` float32."""
        sizes = list(map(len, ids))
        blocks = (
            self._passage_sums(np.concatenate(ids[start:end]), np.array(sizes[start:end], np.int64))
            for start, end in _blocks(sizes, _BLOCK_TOKENS)
        )
        return np.concatenate([np.empty(0, np.float32), *(np.linalg.norm(block, axis=1) for block in blocks)])

    def query_direction(self, query: str) -> NDArray[np.float32]:
        """The vector whose inner product with the sum of a text's token vectors tells how near it is; `(dim,)`."""
        (vector,) = self.encode_queries([query])
        direction: NDArray[np.float32] = vector if self.matrix is None else (self.matrix @ vector).astype(np.float32)
        return direction

    def _cut_blocks(self, texts: Sequence[str]) -> Iterator[Cut]:
        """Token ids of texts, a bounded number of texts at a time."""
        cut = self._cutter(texts)
        for start, end in _blocks(map(len, texts), _BLOCK_CHARACTERS):
            yield cut([_valid(text) for text in texts[start:end]])

    def _cutter(self, texts: Sequence[str]) -> Callable[[Sequence[str]], Cut]:
        is_much = self._is_loaded or self._vocabulary is None or sum(map(len, texts)) > _FEW
        return self._cut_many if is_much else self._cut_few

    @property
    def _is_loaded(self) -> bool:
        """Whether the tokenizer is."""
        return "_tokenizer" in self.__dict__

    def _cut_few(self, texts: Sequence[str]) -> Cut:
        vocabulary = self._vocabulary
        cut = [
            None if vocabulary is None or vocabulary.n_lookups > _LOOKUPS else vocabulary.cut(text) for text in texts
        ]
        return _flat(
            [self._cut_many([text])[0].tolist() if ids is None else ids for text, ids in zip(texts, cut, strict=True)]
        )

    def _cut_many(self, texts: Sequence[str]) -> Cut:
        with self._lock:  # the tokenizer is loaded once, and its words are remembered by one thread at a time
            if self._words is not None:
                return self._words.cut(texts)
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return _flat([encoding.ids for encoding in encodings])

    @cached_property
    def _words(self) -> WordCutter | None:
        from smsearch.encoders.words import WordCutter

        tokenizer, vocabulary = self._tokenizer, self._vocabulary
        return WordCutter(tokenizer, vocabulary) if vocabulary is not None and vocabulary.cuts_words_alone else None

    @cached_property
    def _vocabulary(self) -> Vocabulary | None:
        return open_vocabulary(self.folder / TOKENIZER)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        path = self.folder / TOKENIZER
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001  tokenizers raises bare Exception
            raise EncoderError(f"the tokenizer {str(path)!r} is damaged ({error}); copy it anew") from None
        if tokenizer.get_vocab_size() > len(self.table):
            size = tokenizer.get_vocab_size()
            raise EncoderError(f"{str(path)!r} has {size} tokens, and the table {len(self.table)} rows")
        _ = self._vocabulary  # derived now, so that the next query need not wait
        return tokenizer


def is_static_folder(folder: Path) -> bool:
    """Whether a folder says that it holds a static model of ours."""
    try:
        content = json.loads((folder / CONFIG).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("kind") == KIND


def _exponent(value: object) -> float:
    number = float(str(value))
    if not abs(number) <= _LARGEST_EXPONENT:
        raise ValueError(f"{value!r} is no exponent from -{_LARGEST_EXPONENT} to {_LARGEST_EXPONENT}")
    return number


def _flat(ids: Sequence[Sequence[int]]) -> Cut:
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    return np.fromiter(chain.from_iterable(ids), np.int32, int(lengths.sum())), lengths


def _blocks(sizes: Iterable[int], most: int) -> Iterator[tuple[int, int]]:
    """`(start, end)` of stretches that end where their sizes add up to `most`."""
    start = end = read = 0
    for end, total in enumerate(accumulate(sizes), 1):
        if total - read >= most:
            yield start, end
            start, read = end, total
    if start < end:
        yield start, end


def _valid(text: str) -> str:
    """The text, lone surrogates (from undecodable arguments) replaced; `tokenizers` takes none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
