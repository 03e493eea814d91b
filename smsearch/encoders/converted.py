"""Files made from a model's weights once, and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smsearch.encoders.digests import file_digests
from smsearch.encoders.vocabulary import cache_folder
from smsearch.files import read_json_object, write_atomically

_KEY_BYTES: Final = 16


class ConvertedFiles:
    """What was made from one file, each with a record of its digest.

    A file that is missing, cut short, damaged, or made from other weights is made again. Where the cache folder cannot
    be written, files are made in memory each time.
    """

    def __init__(self, source: Path) -> None:
        """Keep files made from a source.

        Args:
            source: The file that others are made from.
        """
        self._source = source

    def source_sha256(self) -> str:
        """SHA-256 of the source; read again only when the file has changed since it was last read.

        Raises:
            OSError: If the source cannot be read.
        """
        ((_, sha256),) = file_digests(self._source.parent, [self._source])
        return sha256

    def open(self, name: str, version: int, make: Callable[[], bytes]) -> Path | bytes:
        """The path of a converted file, or its content where it cannot be kept.

        Args:
            name: Of the file, with its suffix.
            version: Of the way it is made; a new number makes it again.
            make: Gives the content.

        Raises:
            OSError: If the source cannot be read.
        """
        identity = json.dumps([self.source_sha256(), name, version])
        key = hashlib.blake2b(identity.encode(), digest_size=_KEY_BYTES).hexdigest()
        try:
            path = cache_folder() / "converted" / f"{key}.{name}"
        except RuntimeError:  # no home directory
            return make()
        record = path.with_name(f"{path.name}.json")
        if _is_sound(path, record):
            return path
        content = make()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sha256 = write_atomically(path, content)
            write_atomically(record, json.dumps({"sha256": sha256}).encode())
        except OSError:
            return content
        return path


def _is_sound(path: Path, record: Path) -> bool:
    """Whether a file is the one that was recorded."""
    recorded = read_json_object(record).get("sha256")
    try:
        ((_, found),) = file_digests(path.parent, [path])
    except OSError:
        return False
    return bool(recorded == found)
