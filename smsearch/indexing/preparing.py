"""Documents made ready to be stored: cut into passages, and the passages encoded."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders import token_encoder_for
from smsearch.encoders.protocol import Encoder, PoolingEncoder, TokenEncoder
from smsearch.errors import EncoderError
from smsearch.index.postings import pack_words
from smsearch.index.stored import EncodedPassage
from smsearch.index.tokens import Sentences, pack_tokens
from smsearch.index.words import passage_keys, passage_names, passage_terms
from smsearch.records import UNKNOWN_LANG, Document, Passage, Span
from smsearch.text.boilerplate import recurring_in
from smsearch.text.passages import Cut, PassageLimits, encoder_lines, encoder_text, split_passages

_VERSION = 1  # of the way documents are cut; a new number cuts all documents again
_CONTEXT_TOKENS = 48
_SMALLEST_MAXIMUM = 8
_SPACES = " \t\r\n"  # that tokenizers take for white space; what else there is, not all of them do


@dataclass(frozen=True, slots=True)
class CutOptions:
    """How documents are cut.

    Attributes:
        target_tokens: Length at which packing stops, in the encoder's tokens; None takes what suits the encoder.
        keep_boilerplate: Whether boilerplate stays in the passages.
    """

    target_tokens: int | None = None
    keep_boilerplate: bool = False

    def limits(self, encoder: Encoder) -> PassageLimits:
        """Lengths that leave room for title and heading within what the encoder sees.

        Raises:
            EncoderError: If the encoder reads too few tokens to cut for.
        """
        target = self.target_tokens or encoder.passage_tokens
        maximum = target * 3 // 2
        if encoder.max_tokens is not None:
            room = max(encoder.max_tokens - _CONTEXT_TOKENS, encoder.max_tokens // 2)
            target, maximum = min(target, room), min(maximum, room)
        if maximum < _SMALLEST_MAXIMUM:
            raise EncoderError(
                f"the encoder {encoder.name!r} reads only {encoder.max_tokens} tokens of a text, too few for "
                "passages; choose another with --model"
            )
        return PassageLimits(target, maximum)


def document_fingerprint(
    document: Document, *, encoder: Encoder, options: CutOptions, recurring: frozenset[str]
) -> str:
    """Digest of all that decides what is stored of a document."""
    parts = (
        document.fingerprint,
        encoder.fingerprint,
        str(_VERSION),
        str(options),
        *recurring_in(document.text, recurring),
    )
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def passage_fingerprint(title: str, passage: Passage) -> bytes:
    """Digest of all that decides the encoding of a passage and its keys; 16 bytes."""
    of_keys = [passage.text] if passage.kind == "comment" else sorted(passage_names(title, passage))
    seen = "\0".join((passage.lang, passage.kind, encoder_text(title, passage), *of_keys))
    return hashlib.blake2b(seen.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def main_lang(document: Document, passages: Sequence[Passage]) -> str:
    """The language a document states, else the one most of its post is written in; `und` without either."""
    if document.lang != UNKNOWN_LANG:
        return document.lang
    of_post = [passage for passage in passages if passage.kind == "post"] or passages
    lengths: Counter[str] = Counter()
    for passage in of_post:
        lengths[passage.lang] += len(passage.text)
    return max(lengths, key=lambda lang: (lengths[lang], lang), default=UNKNOWN_LANG)


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents to prepare together.

    Attributes:
        documents: The documents.
        standing: For each, numbers of its stored passages by their fingerprint.
        recurring: Folded lines that recur across their source.
    """

    documents: Sequence[Document]
    standing: Sequence[Mapping[bytes, Sequence[int]]]
    recurring: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be stored.

    Attributes:
        new: Passages that do not stand in the index yet.
        kept: Numbers of passages that do, and their new places.
        left_out: The stretches no passage holds.
        lang: The language it is shown with.
    """

    new: tuple[EncodedPassage, ...]
    kept: tuple[tuple[int, Passage], ...]
    left_out: tuple[Span, ...]
    lang: str


class Preparer:
    """Cuts and encodes one batch of documents; each sentence is divided into tokens once."""

    def __init__(self, encoder: Encoder, options: CutOptions, token_encoder: TokenEncoder | None = None) -> None:
        """Prepare documents for an index.

        Args:
            encoder: Gives the vectors.
            options: How documents are cut.
            token_encoder: Gives the token ids for late interaction; None takes what `token_encoder_for` gives.
        """
        self._encoder = encoder
        self._options = options
        self._token_encoder = token_encoder or token_encoder_for(encoder)
        self._tokens: dict[str, NDArray[np.int32]] = {}

    def prepare(self, batch: Batch) -> list[Prepared]:
        """All that is stored of some documents.

        Raises:
            EncoderError: If the encoder reads too few tokens to cut for.
        """
        cuts = self.cut(batch.documents, recurring=batch.recurring)
        divided = [
            _divide(document.title, cut.passages, standing)
            for document, cut, standing in zip(batch.documents, cuts, batch.standing, strict=True)
        ]
        titles = [d.title for d, (new, _) in zip(batch.documents, divided, strict=True) for _ in new]
        encoded = iter(self.encode(titles, [passage for new, _ in divided for passage in new]))
        return [
            Prepared(tuple(islice(encoded, len(new))), tuple(kept), cut.left_out, main_lang(document, cut.passages))
            for document, cut, (new, kept) in zip(batch.documents, cuts, divided, strict=True)
        ]

    def cut(self, documents: Sequence[Document], *, recurring: frozenset[str]) -> list[Cut]:
        """Cut documents so that no passage is longer than the encoder reads.

        Raises:
            EncoderError: If the encoder reads too few tokens to cut for.
        """
        return split_passages(
            documents,
            count_tokens=self._count,
            count_passages=self._count_passages,
            limits=self._options.limits(self._encoder),
            recurring=recurring,
            keep_boilerplate=self._options.keep_boilerplate,
        )

    def encode(self, titles: Sequence[str], passages: Sequence[Passage]) -> list[EncodedPassage]:
        """Encode passages, each under its title, in one go."""
        vectors = self._vectors(titles, passages).astype("<f2")
        tokens = pack_tokens(self._sentences_of(titles, passages))
        terms = [passage_terms(title, passage) for title, passage in zip(titles, passages, strict=True)]
        words = pack_words([found.words for found in terms], [found.plain for found in terms])
        fingerprints = map(passage_fingerprint, titles, passages)
        rows = [vector.tobytes() for vector in vectors]
        keys = [
            tuple(passage_keys(title, passage, found.words))
            for title, passage, found in zip(titles, passages, terms, strict=True)
        ]
        return list(map(EncodedPassage, passages, fingerprints, rows, tokens, words, keys))

    def _vectors(self, titles: Sequence[str], passages: Sequence[Passage]) -> NDArray[np.float32]:
        """Vectors of passages, each under its title and heading as far as the encoder reads these."""
        lines = [encoder_lines(title, passage) for title, passage in zip(titles, passages, strict=True)]
        if self._encoder.max_tokens is not None:
            counts = self._encoder.count_tokens(["\n".join(each) for each in lines])
            fits = counts <= self._encoder.max_tokens
            lines = [each if fit else each[-1:] for each, fit in zip(lines, fits.tolist(), strict=True)]
        texts = ["\n".join(each) for each in lines]
        if not isinstance(self._encoder, PoolingEncoder):
            return self._encoder.encode_passages(texts)
        self._count_passages(passages)
        self._count([line for each in lines for line in each[:-1]])
        self._join(dict(zip(texts, lines, strict=True)))
        self._count(texts)
        return self._encoder.encode_token_ids([self._tokens[text] for text in texts])

    def _sentences_of(self, titles: Sequence[str], passages: Sequence[Passage]) -> Sentences:
        """Token ids of each sentence of each passage, after those of the title and heading above it."""
        above = ["\n".join(encoder_lines(title, passage)[:-1]) for title, passage in zip(titles, passages, strict=True)]
        texts = [
            [*([line] if line else []), *(passage.text[start:end] for start, end in passage.sentences)]
            for line, passage in zip(above, passages, strict=True)
        ]
        self._tokenise([text for of_passage in texts for text in of_passage])
        lists = [[self._tokens[text] for text in of_passage] for of_passage in texts]
        lengths = self._token_encoder.sum_lengths([ids for of_passage in lists for ids in of_passage])
        firsts = np.cumsum([0, *map(len, lists)])[:-1]
        is_above = firsts[[bool(line) for line in above]]
        lengths[is_above] *= -1
        return Sentences.from_lists(lists, lengths)

    def _tokenise(self, texts: Sequence[str]) -> None:
        """Keep the token ids of texts for late interaction."""
        new = list(dict.fromkeys(text for text in texts if text not in self._tokens))
        self._tokens.update(zip(new, self._token_encoder.token_ids(new), strict=True))

    def _count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text for the encoder."""
        if self._encoder is not self._token_encoder:
            counts: list[int] = self._encoder.count_tokens(texts).tolist()
            return counts
        self._tokenise(texts)
        return [len(self._tokens[text]) for text in texts]

    def _count_passages(self, passages: Sequence[Passage]) -> list[int]:
        """Tokens of each passage, told from those of its sentences where they can be."""
        if isinstance(self._encoder, PoolingEncoder):
            self._join({passage.text: _sentence_texts(passage) for passage in passages})
        return self._count([passage.text for passage in passages])

    def _join(self, wholes: Mapping[str, Sequence[str]]) -> None:
        """Keep the tokens of texts whose parts, with white space between them, have tokens that tell them."""
        encoder, tokens = self._encoder, self._tokens
        if not isinstance(encoder, PoolingEncoder):
            return
        for whole, parts in wholes.items():
            if whole not in tokens and parts and all(part in tokens for part in parts):
                ids = encoder.joined_token_ids([tokens[part] for part in parts])
                if ids is not None:
                    tokens[whole] = ids


def _sentence_texts(passage: Passage) -> list[str]:
    """The texts of its sentences, or none where there is more between them than plain white space."""
    text, spans = passage.text, passage.sentences
    if not spans or spans[0][0] != 0 or spans[-1][1] != len(text):
        return []
    between = [text[before[1] : after[0]] for before, after in pairwise(spans)]
    if any(not space or space.strip(_SPACES) for space in between):
        return []
    return [text[start:end] for start, end in spans]


def _divide(
    title: str, passages: Sequence[Passage], standing: Mapping[bytes, Sequence[int]]
) -> tuple[list[Passage], list[tuple[int, Passage]]]:
    """The passages to encode, and those that stand in the index already, each with its number."""
    left = {fingerprint: list(numbers) for fingerprint, numbers in standing.items()}
    new, kept = [], []
    for passage in passages:
        same = left.get(passage_fingerprint(title, passage)) if left else None
        if same:
            kept.append((same.pop(0), passage))
        else:
            new.append(passage)
    return new, kept
