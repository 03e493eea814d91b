"""What an index remembers of the encoder that made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smsearch.encoders import token_encoder_for
from smsearch.encoders.protocol import Encoder
from smsearch.errors import EncoderError, IndexDamagedError
from smsearch.index.centring import Centring
from smsearch.index.store import Store


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """The encoder of an index.

    Attributes:
        name: What `load_encoder` is given.
        dim: Length of the vectors.
        fingerprint: Digest of all that decides the vectors.
        settings: Further keywords of `load_encoder`.
        token_fingerprint: Digest of the encoder whose token ids are stored.
        centring: What is subtracted from the vectors by language; recorded apart, for it is long.
    """

    name: str
    dim: int
    fingerprint: str
    settings: dict[str, Any]
    token_fingerprint: str = ""
    centring: Centring | None = field(default=None, compare=False)

    @property
    def is_token_table(self) -> bool:
        """Whether it is the encoder whose token ids are stored: a table, which has no bias towards a language."""
        return self.token_fingerprint == self.fingerprint

    def as_meta(self) -> dict[str, Any]:
        """What the index stores, by key."""
        recorded = {"name": self.name, "dim": self.dim, "fingerprint": self.fingerprint, "settings": self.settings}
        centring = None if self.centring is None else self.centring.as_meta()
        return {"encoder": {**recorded, "token_fingerprint": self.token_fingerprint}, "centring": centring}


def record_of(encoder: Encoder) -> EncoderRecord:
    """What an index remembers of an encoder."""
    tokens = token_encoder_for(encoder).fingerprint
    means = encoder.language_means
    centring = None if means is None else Centring.from_means(means)
    return EncoderRecord(encoder.name, encoder.dim, encoder.fingerprint, encoder.settings, tokens, centring)


def read_record(store: Store) -> EncoderRecord:
    """The encoder an index was made with.

    Raises:
        IndexDamagedError: If the index does not say.
    """
    recorded = store.get_meta("encoder")
    if not isinstance(recorded, dict):
        raise IndexDamagedError(
            "the index does not say which encoder made it; make it again with `smsearch index PATH`"
        )
    try:
        return EncoderRecord(**recorded)
    except TypeError:
        raise IndexDamagedError(
            "the index was made by another version of smsearch; make it again with `smsearch index PATH`"
        ) from None


def check_encoder(recorded: EncoderRecord, encoder: Encoder) -> None:
    """Make sure that an encoder gives the vectors an index holds.

    Raises:
        EncoderError: If it does not; the message names the command that encodes the index again.
    """
    if recorded.fingerprint != encoder.fingerprint:
        what = "another version of " if recorded.name == encoder.name else ""
        raise EncoderError(
            f"the index was made with {what}{recorded.name!r} ({recorded.dim} dimensions), not with {encoder.name!r} "
            f"({encoder.dim}); to encode it again say `smsearch update --re-encode --model {encoder.name}`"
        )


def check_tokens(recorded: EncoderRecord, encoder: Encoder) -> None:
    """Make sure that an encoder has the tokens whose ids an index holds.

    Raises:
        EncoderError: If it has not; the message names the command that makes them again.
    """
    if recorded.token_fingerprint != encoder.fingerprint:
        raise EncoderError(
            f"the index was made with another version of the token table {encoder.name!r}; to make it again say "
            f"`smsearch update --re-encode`"
        )
