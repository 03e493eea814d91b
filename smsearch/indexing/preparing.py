"""Documents made ready to be stored: cut into passages, and the passages encoded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.errors import EncoderError
from smsearch.index.store import EncodedPassage
from smsearch.records import Document, Passage
from smsearch.text.boilerplate import recurring_in
from smsearch.text.passages import Cut, PassageLimits, encoder_text, split_passages

_VERSION = 1  # of the way documents are cut; a new number cuts all documents again
_CONTEXT_TOKENS = 48
_SMALLEST_MAXIMUM = 8


@dataclass(frozen=True, slots=True)
class CutOptions:
    """How documents are cut.

    Attributes:
        target_tokens: Length at which packing stops, in the encoder's tokens.
        keep_boilerplate: Whether boilerplate stays in the passages.
    """

    target_tokens: int = 128
    keep_boilerplate: bool = False

    def limits(self, encoder: Encoder) -> PassageLimits:
        """Lengths that leave room for title and heading within what the encoder sees."""
        target, maximum = self.target_tokens, self.target_tokens * 3 // 2
        if encoder.max_tokens is not None:
            room = max(encoder.max_tokens - _CONTEXT_TOKENS, encoder.max_tokens // 2)
            target, maximum = min(target, room), min(maximum, room)
        return PassageLimits(target, maximum)


def document_fingerprint(
    document: Document, *, encoder: Encoder, options: CutOptions, recurring: frozenset[str]
) -> str:
    """Digest of all that decides what is stored of a document."""
    parts = (
        document.fingerprint,
        document.source,
        encoder.fingerprint,
        str(_VERSION),
        str(options),
        *recurring_in(document.text, recurring),
    )
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def passage_fingerprint(title: str, passage: Passage) -> bytes:
    """Digest of what the encoder and the lexical index see of a passage; 16 bytes."""
    seen = "\0".join((passage.lang, passage.kind, encoder_text(title, passage)))
    return hashlib.blake2b(seen.encode(), digest_size=16).digest()


def cut_documents(
    documents: Sequence[Document], *, encoder: Encoder, options: CutOptions, recurring: frozenset[str]
) -> list[Cut]:
    """Cut documents so that no passage is longer than the encoder reads.

    Raises:
        EncoderError: If the encoder reads too few tokens to cut for.
    """
    limits = options.limits(encoder)
    while True:
        cuts = split_passages(
            documents,
            count_tokens=lambda texts: encoder.count_tokens(texts).tolist(),
            limits=limits,
            recurring=recurring,
            keep_boilerplate=options.keep_boilerplate,
        )
        if all(_fits([passage.text for cut in cuts for passage in cut.passages], encoder)):
            return cuts
        limits = PassageLimits(limits.target // 2, limits.maximum // 2)
        if limits.maximum < _SMALLEST_MAXIMUM:
            raise EncoderError(
                f"the encoder {encoder.name!r} reads only {encoder.max_tokens} tokens of a text, too few for passages; "
                "choose another with --model"
            )


def encode_passages(title_of: Sequence[str], passages: Sequence[Passage], encoder: Encoder) -> list[EncodedPassage]:
    """Encode passages, each with its title, in one go."""
    texts = [encoder_text(title, passage) for title, passage in zip(title_of, passages, strict=True)]
    fitting = _fits(texts, encoder)
    seen = [text if fits else p.text for text, fits, p in zip(texts, fitting, passages, strict=True)]
    vectors = encoder.encode_passages(seen).astype("<f2")
    tokens = iter(_sentence_tokens(passages, encoder))
    encoded = []
    for title, passage, vector in zip(title_of, passages, vectors, strict=True):
        ids = [next(tokens) for _ in passage.sentences]
        triples = [(*span, len(found)) for span, found in zip(passage.sentences, ids, strict=True)]
        encoded.append(
            EncodedPassage(
                passage,
                passage_fingerprint(title, passage),
                vector.tobytes(),
                np.array(triples, dtype="<i4").tobytes(),
                b"".join(found.astype("<i4").tobytes() for found in ids),
            )
        )
    return encoded


def _sentence_tokens(passages: Sequence[Passage], encoder: Encoder) -> list[np.ndarray[tuple[int], np.dtype[np.int32]]]:
    texts = [passage.text[start:end] for passage in passages for start, end in passage.sentences]
    if not isinstance(encoder, TokenEncoder):
        return [np.empty(0, np.int32)] * len(texts)
    return list(encoder.token_ids(texts))


def _fits(texts: Sequence[str], encoder: Encoder) -> list[bool]:
    if encoder.max_tokens is None:
        return [True] * len(texts)
    return [bool(n <= encoder.max_tokens) for n in encoder.count_tokens(texts)]
