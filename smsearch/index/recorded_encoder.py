"""What an index remembers of the encoder that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smsearch.encoders.protocol import Encoder
from smsearch.errors import EncoderError, IndexDamagedError
from smsearch.index.store import Store


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """The encoder of an index.

    Attributes:
        name: What `load_encoder` is given.
        dim: Length of the vectors.
        fingerprint: Digest of all that decides the vectors.
        settings: Further keywords of `load_encoder`.
    """

    name: str
    dim: int
    fingerprint: str
    settings: dict[str, Any]


def record_of(encoder: Encoder) -> EncoderRecord:
    """What an index remembers of an encoder."""
    return EncoderRecord(encoder.name, encoder.dim, encoder.fingerprint, encoder.settings)


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
    return EncoderRecord(**recorded)


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
