"""What SQLite says of the derived files: their names, their digests, and how they were tuned."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from smsearch.errors import IndexDamagedError
from smsearch.files import file_identity, file_sha256
from smsearch.index.checksums import REPAIR
from smsearch.index.store import Store
from smsearch.index.tuning import Tuned

SUFFIXES: Final = {"tokens": "bin", "words": "bin", "filters": "bin", "vectors": "faiss", "codes": "faiss"}
PATTERNS: Final = (*(f"{part}-*.{suffix}" for part, suffix in SUFFIXES.items()), *(f".{part}-*" for part in SUFFIXES))

FILTERS: Final = "filters"
"""A part that an index of an earlier format does without until it is written to."""

CODES: Final = "codes"
"""Another; and one that there is only where vectors stand in clusters."""

_META: Final = "derived"
_NAME: Final = re.compile(rf"({'|'.join(SUFFIXES)})-[0-9]{{6,12}}\.(bin|faiss)")
_READ_EACH_TIME: Final = 1 << 25  # bytes; 20 ms


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """One derived file as it was written.

    Attributes:
        name: Within the folder of the index.
        bytes: Its length.
        identity: What `file_identity` said; empty where the file must be written again.
        sha256: 64 hexadecimal digits.
    """

    name: str
    bytes: int
    identity: list[int]
    sha256: str

    @classmethod
    def of(cls, path: Path, sha256: str) -> DerivedFile:
        """A file that was just written."""
        identity = file_identity(path)
        return cls(path.name, identity[0], identity, sha256)

    def fault(self, folder: Path) -> str | None:
        """What is wrong with it, or None.

        Large files are not read each time: while it is the very file that was written, its digest holds.
        """
        path = folder / self.name
        try:
            identity = file_identity(path)
            if identity[0] != self.bytes:
                return f"{str(path)!r} has {identity[0]} bytes, {self.bytes} were written"
            if self.bytes > _READ_EACH_TIME and identity == self.identity:
                return None
            return None if file_sha256(path) == self.sha256 else f"{str(path)!r} has changed since it was written"
        except OSError as error:
            return f"{str(path)!r} cannot be read ({error.strerror})"


@dataclass(frozen=True, slots=True)
class DerivedRecord:
    """The derived files as they were written.

    Attributes:
        generation: How many times they were written or tuned.
        rows: Representatives in them.
        files: By their part, as `SUFFIXES` names them.
        tuned: How well the vectors are found, where not all are compared.
        langs: Languages of all passages, most frequent first.
    """

    generation: int
    rows: int
    files: dict[str, DerivedFile]
    tuned: Tuned | None
    langs: list[str]

    def faults(self, folder: Path) -> list[str]:
        """What is wrong with the files, a sentence each."""
        return [fault for file in self.files.values() if (fault := file.fault(folder))]

    @property
    def missing(self) -> list[str]:
        """Parts that an earlier format did not write."""
        wanted = [FILTERS, CODES] if self.tuned else [FILTERS]
        return [part for part in wanted if part not in self.files]

    def store(self, store: Store) -> None:
        """Let SQLite say this; call within a write transaction."""
        store.set_meta(_META, asdict(self))

    def forgotten(self) -> DerivedRecord:
        """The same, of files that count as damaged."""
        return replace(self, files={part: replace(file, sha256="", identity=[]) for part, file in self.files.items()})


def read_derived_record(store: Store) -> DerivedRecord | None:
    """What SQLite says of the derived files; None where they were never written.

    Raises:
        IndexDamagedError: If it says what no writer of ours would, a path out of the folder for one.
    """
    found = store.get_meta(_META)
    if found is None:
        return None
    try:
        files = {part: DerivedFile(**entry) for part, entry in found["files"].items()}
        tuned = Tuned(**found["tuned"]) if found["tuned"] else None
        record = DerivedRecord(int(found["generation"]), int(found["rows"]), files, tuned, list(found["langs"]))
        is_ours = SUFFIXES.keys() - files.keys() <= {FILTERS, CODES} and all(
            part in SUFFIXES and _NAME.fullmatch(file.name) for part, file in files.items()
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        is_ours = False
    if not is_ours:
        raise IndexDamagedError(f"what the index says of its derived files makes no sense; {REPAIR}")
    return record
