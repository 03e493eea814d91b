"""Files made from a model's weights once, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from smsearch.encoders.vocabulary import cache_folder
from smsearch.files import file_identity, file_sha256, read_json_object, write_atomically

_KEY_BYTES: Final = 12


class ConvertedFiles:
    """What was made from one file, with digests; made again when missing, damaged, or made from another file.

    Nothing here is needed twice: where the cache cannot be written, files are made in memory each time.
    """

    def __init__(self, source: Path) -> None:
        """Read what the cache records of a source.

        Args:
            source: The file that others are made from.
        """
        self._source = source
        key = hashlib.blake2b(str(source.resolve()).encode(errors="surrogateescape"), digest_size=_KEY_BYTES)
        try:
            self._folder: Path | None = cache_folder()
        except RuntimeError:  # no home directory
            self._folder = None
        self._stem = key.hexdigest()
        self._record = read_json_object(self._path("json")) if self._folder else {}

    def source_sha256(self) -> str:
        """SHA-256 of the source; read again only when the file has changed since it was last read.

        Raises:
            OSError: If the source cannot be read.
        """
        identity = file_identity(self._source)
        if self._record.get("identity") != identity or not isinstance(self._record.get("sha256"), str):
            self._record = {"identity": identity, "sha256": file_sha256(self._source), "files": {}}
            self._save()
        sha256: str = self._record["sha256"]
        return sha256

    def open(self, name: str, version: int, make: Callable[[], bytes]) -> Path | bytes:
        """The path of a converted file, or its content where it cannot be stored.

        Args:
            name: Of the file, with its suffix.
            version: Of the way it is made; a new number makes it again.
            make: Gives the content.
        """
        self.source_sha256()
        path = self._path(name) if self._folder else None
        if path is not None and self._is_whole(path, name, version):
            return path
        content = make()
        if path is None:
            return content
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sha256 = write_atomically(path, content)
            self._enter(name, version, file_identity(path), sha256)
        except OSError:
            return content
        return path

    def _is_whole(self, path: Path, name: str, version: int) -> bool:
        entry = self._files().get(name)
        if not isinstance(entry, dict) or entry.get("version") != version:
            return False
        try:
            identity = file_identity(path)
            if identity == entry.get("identity"):
                return True
            if file_sha256(path) != entry.get("sha256"):
                return False
        except OSError:
            return False
        self._enter(name, version, identity, str(entry["sha256"]))
        return True

    def _files(self) -> dict[str, Any]:
        files = self._record.setdefault("files", {})
        return files if isinstance(files, dict) else {}

    def _enter(self, name: str, version: int, identity: list[int], sha256: str) -> None:
        newest = read_json_object(self._path("json"))  # another process may have made another file meanwhile
        if newest.get("sha256") == self._record.get("sha256") and isinstance(newest.get("files"), dict):
            self._record["files"] = newest["files"]
        self._record["files"] = {
            **self._files(),
            name: {"version": version, "identity": identity, "sha256": sha256},
        }
        self._save()

    def _save(self) -> None:
        if self._folder is None:
            return
        path = self._path("json")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(self._record).encode())
        except OSError:
            return  # read-only: the next process reads the source again

    def _path(self, name: str) -> Path:
        return (self._folder or Path()) / f"{self._stem}.{name}"
