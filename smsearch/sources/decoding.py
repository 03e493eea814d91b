"""Bytes to clean text: which encoding, is it text at all, and what is made uniform."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO

from smsearch.sources.limits import read_held

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE_BYTES = 1 << 16

_BLOCK = 1 << 20
_INSTEAD = "split it, or make it rows of a JSON Lines or CSV file"
_FALLBACK = "cp1252"
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_MAX_CONTROL_SHARE = 0.30
# a few NUL bytes in UTF-8 text are damage; more of them, or any in bytes that are no text, mean binary
_MAX_NUL_SHARE = 0.01
# share of letters below U+0100 by which UTF-16 without a mark gives itself away
_MIN_NUL_PAIRS = 0.60
# one stray byte must not turn every other letter of an UTF-8 file into two wrong ones
_MAX_STRAY_SHARE = 0.10
# too short for a guess by letter frequencies
_SHORT_BYTES = 256
_MAX_ACCENTED_SHARE = 0.35
_WESTERN_SIGNS = "‘’‚“”„–—…«»·•°§£€´\u00a0"
_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x89PNG\r\n",
    b"GIF87a",
    b"GIF89a",
    b"\xff\xd8\xff",
    b"\x7fELF",
    b"\x1f\x8b",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x28\xb5\x2f\xfd",
    b"\xd0\xcf\x11\xe0",
    b"SQLite format 3\x00",
)


def clean_text(text: str) -> str:
    """The text in NFC, lines ended by a line feed, NUL and lone surrogates as U+FFFD.

    Cleaning twice changes nothing more. Everything else, spaces and blank lines too, stays.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _UNUSABLE.sub("\ufffd", text))


def decode_bytes(data: bytes, *, declared: str | None = None) -> str:
    """The clean text of some bytes; never fails.

    UTF-8 and UTF-16, with or without a byte order mark, are recognised first; then comes what
    the bytes say about themselves, then a guess, then Windows-1252.

    Args:
        data: The bytes.
        declared: Encoding named by the file itself, say in a mail header; a wrong or unknown
            name is passed over.
    """
    encoding = _mark_of(data) or _utf16_without_mark(data[:SAMPLE_BYTES])
    if encoding is None and _is_utf8(data):
        encoding = "utf-8-sig"
    if encoding is None:
        encoding = _known(declared, data) or _guess(data)
    return clean_text(data.decode(encoding, errors="replace"))


def read_text(file: BinaryIO, *, declared: str | None = None) -> str:
    """The clean text of a whole file, from where it stands to its end.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is too large to be held in memory.
    """
    return decode_bytes(read_held(file, instead=_INSTEAD), declared=declared)


@contextmanager
def text_stream(file: BinaryIO, *, newline: str | None = None) -> Iterator[TextIO]:
    """A file as decoded lines, one after the other, without holding it in memory.

    The file has to be seekable: it is read once to find its encoding. The lines are decoded,
    not yet cleaned.

    Args:
        file: Read from its start, and left open.
        newline: As for `open`; the empty string keeps line ends inside CSV cells.

    Raises:
        OSError: If the file cannot be read.
    """
    encoding = find_encoding(file)
    file.seek(0)
    wrapper = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline=newline)
    try:
        yield wrapper
    finally:
        wrapper.detach()


def find_encoding(file: BinaryIO) -> str:
    """Name of the codec that decodes a file, found without holding more than a block of it.

    Raises:
        OSError: If the file cannot be read.
    """
    file.seek(0)
    block = file.read(_BLOCK)
    encoding = _mark_of(block) or _utf16_without_mark(block[:SAMPLE_BYTES])
    if encoding is not None:
        return encoding
    decoder = codecs.getincrementaldecoder("utf-8")()
    while block:
        following = file.read(_BLOCK)
        try:
            decoder.decode(block, final=not following)
        except UnicodeDecodeError:
            if not _mostly_utf8(block):
                return _guess(block)
            decoder.reset()
        block = following
    return "utf-8-sig"


def is_binary(sample: bytes) -> bool:
    """Whether the first bytes of a file are no text in any encoding known here.

    Args:
        sample: The first `SAMPLE_BYTES` or fewer; no bytes at all count as text.
    """
    if _mark_of(sample) is not None:
        return False
    if sample.startswith(_MAGIC):
        return True
    if _utf16_without_mark(sample) is not None:
        return False
    nul = sample.count(0)
    if nul and (nul > _MAX_NUL_SHARE * len(sample) or not _mostly_utf8(sample)):
        return True
    return len(_CONTROL.findall(sample)) > _MAX_CONTROL_SHARE * len(sample)


def _mark_of(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None)


def _utf16_without_mark(sample: bytes) -> str | None:
    """The byte order, when NUL bytes stand at every second place only and the rest is text."""
    sample = sample[: len(sample) // 2 * 2]
    first, second = sample[::2].count(0), sample[1::2].count(0)
    fewer, more = sorted((first, second))
    if not more or more < _MIN_NUL_PAIRS * len(sample) / 2 or fewer > 0.02 * more:
        return None
    encoding = "utf-16-be" if first > second else "utf-16-le"
    try:
        text, _ = codecs.getdecoder(encoding)(sample[:-2], "strict")
    except UnicodeDecodeError:
        return None
    strange = sum(1 for letter in text if unicodedata.category(letter) in {"Cn", "Co"} or letter < "\t")
    return None if strange > 0.02 * len(text) else encoding


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _mostly_utf8(data)
    return True


def _mostly_utf8(data: bytes) -> bool:
    """Whether nearly every letter outside ASCII is well-formed UTF-8."""
    text = data.decode("utf-8", errors="replace")
    stray = text.count("\ufffd") - data.count(b"\xef\xbf\xbd")
    outside = sum(1 for letter in text if letter > "\x7f")
    return stray <= _MAX_STRAY_SHARE * outside


def _known(declared: str | None, data: bytes) -> str | None:
    if not declared:
        return None
    try:
        name = codecs.lookup(declared.strip()).name
        data.decode(name)
    except (LookupError, ValueError):
        return None
    # browsers read both names as Windows-1252, which only adds letters to them
    return _FALLBACK if name in {"iso8859-1", "ascii"} and _decodes(data, _FALLBACK) else name


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _looks_western(data: bytes) -> bool:
    """Whether the bytes as Windows-1252 are words with an accented letter here and there."""
    text = data.decode(_FALLBACK, errors="replace")
    outside = [letter for letter in text if letter > "\x7f"]
    letters = sum(1 for letter in text if letter.isalpha())
    usual = all(letter.isalpha() or letter in _WESTERN_SIGNS for letter in outside)
    return usual and len(outside) <= _MAX_ACCENTED_SHARE * letters


def _guess(data: bytes) -> str:
    """The likeliest of the old eight-bit and East Asian encodings.

    Short texts fit several equally well; Windows-1252 then wins, being the most used by far.
    """
    from charset_normalizer import from_bytes

    if len(data) <= _SHORT_BYTES and _looks_western(data):
        return _FALLBACK
    guesses = list(from_bytes(data[:_BLOCK]))
    if not guesses:
        return _FALLBACK
    best = guesses[0]
    for guess in guesses:
        if guess.encoding == _FALLBACK and (guess.chaos, -guess.coherence) <= (best.chaos, -best.coherence):
            return _FALLBACK
    return best.encoding
