"""The binary form of a unigram vocabulary, derived from a `tokenizer.json`."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import sys
import unicodedata
import zlib
from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, TypeAlias

MAGIC: Final = b"smsearch-vocabulary-2\n"
PREFIX: Final = struct.Struct("<Q")  # bytes of the header
CHECKSUM: Final = struct.Struct("<I")  # CRC-32 of all before it, at the end of the file

UNKNOWN_PENALTY: Final = 10.0  # below the lowest score, as in `tokenizers` and SentencePiece

REFUSED, LETTER, DIGIT, ISOLATED, SPACE = range(5)  # what a character does to the words around it

PreTokenize: TypeAlias = Callable[[str], list[tuple[str, Any]]]

_PLANE: Final = 0x10000
_SURROGATES: Final = range(0xD800, 0xE000)
_COMPOSED: Final = range(0x20000)  # no plane above the second has a character of two parts
_INNER_JAMO: Final = frozenset(map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))))
_OF_A_CHARACTER: Final = re.compile(r"\\s\+|\[(?:[^\[\]\\^]|\\x[0-9a-f]{2}|\\x\{[0-9a-f]{1,6}\}|\\p\{[PS]\})+\]")
"""Patterns that match one character, or white space in a row."""


def is_derivable(tokenizer: dict[str, Any]) -> bool:
    """Whether a `tokenizer.json` is a unigram that the mapped vocabulary cuts exactly alike.

    Everything the short tokenizer does not do must be switched off: byte fallback, sampling,
    truncation, post-processing, special tokens searched in normalised text.
    """
    model = tokenizer["model"]
    return (
        model["type"] == "Unigram"
        and model["unk_id"] is not None
        and not any(model.get(name) for name in ("byte_fallback", "alpha", "nbest_size"))
        and not any(token["normalized"] for token in tokenizer["added_tokens"])
        and tokenizer["normalizer"] is not None
        and tokenizer["pre_tokenizer"] is not None
        and not any(tokenizer.get(name) for name in ("truncation", "padding", "post_processor"))
    )


def derive_vocabulary(tokenizer_json: bytes) -> bytes | None:
    """The mapped form of a `tokenizer.json`; None when it is not one that can be cut that way.

    Layout: the magic line, the length of the header (uint64), the header (JSON), the sections
    that the header names in that order (native byte order, which the header names too), a CRC-32.

    Raises:
        ValueError: If the bytes are no tokenizer.
        KeyError: If a part of the tokenizer is missing.
    """
    tokenizer = json.loads(tokenizer_json)
    if not is_derivable(tokenizer):
        return None
    skeleton = _skeleton(tokenizer)
    entries = tokenizer["model"]["vocab"]
    sections = {**_entry_sections(entries), **_character_sections(tokenizer, skeleton)}
    header = {
        "byteorder": sys.byteorder,
        "tokenizer_sha256": hashlib.sha256(tokenizer_json).hexdigest(),
        "unknown_id": tokenizer["model"]["unk_id"],
        "unknown_score": min(score for _, score in entries) - UNKNOWN_PENALTY,
        "longest": max(len(entry) for entry, _ in entries),
        "added": [token["content"] for token in tokenizer["added_tokens"]],
        "skeleton": skeleton,
        "sections": {name: [items.typecode, len(items) * items.itemsize] for name, items in sections.items()},
    }
    packed = json.dumps(header).encode()
    parts = [MAGIC, PREFIX.pack(len(packed)), packed, *(items.tobytes() for items in sections.values())]
    data = b"".join(parts)
    return data + CHECKSUM.pack(zlib.crc32(data))


def entry_key(entry: bytes) -> int:
    """What entries are looked up by: 8 bytes of BLAKE2b as a number."""
    return int.from_bytes(hashlib.blake2b(entry, digest_size=8).digest(), "big")


def kind_among_letters(character: str, pre_tokenize: PreTokenize) -> int:
    """What a normalised character does to the words around it; REFUSED where that is nothing simple."""
    pieces = tuple([piece for piece, _ in pre_tokenize(text)] for text in (f"x{character}x", character + character))
    kinds = {
        LETTER: ([f"▁x{character}x"], [f"▁{character}{character}"]),
        DIGIT: (["▁x", f"▁{character}", "▁x"], [f"▁{character}{character}"]),
        ISOLATED: (["▁x", f"▁{character}", "▁x"], [f"▁{character}", f"▁{character}"]),
    }
    return next((kind for kind, expected in kinds.items() if pieces == expected), REFUSED)


def _skeleton(tokenizer: dict[str, Any]) -> str:
    """The same normaliser and pre-tokenizer around an empty model: loads at once."""
    empty = {"type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0]]}
    return json.dumps({**tokenizer, "added_tokens": [], "model": empty})


def _entry_sections(entries: list[tuple[str, float]]) -> dict[str, array[Any]]:
    """Entries by key: the keys ascending, and for each its number; spellings and scores by number."""
    spellings = [entry.encode() for entry, _ in entries]
    numbers = {entry_key(spelling): i for i, spelling in enumerate(spellings)}  # of equal entries the last
    keys = sorted(numbers)
    return {
        "keys": array("Q", keys),
        "scores": array("d", [score for _, score in entries]),
        "numbers": array("I", [numbers[key] for key in keys]),
        "ends": array("I", accumulate(map(len, spellings))),
        "spellings": array("B", b"".join(spellings)),
    }


def _character_sections(tokenizer: dict[str, Any], skeleton: str) -> dict[str, array[Any]]:
    """For each character of the basic plane what it is normalised to and what kind it is.

    A character is refused unless it can be normalised by itself, whatever stands beside it: the
    tokenizer's own normaliser and pre-tokenizer are asked about it alone and between letters.
    """
    kinds, forms = array("B", bytes(_PLANE)), array("H", bytes(2 * _PLANE))
    if _goes_by_character(tokenizer["normalizer"]) and _splits_by_character(tokenizer["pre_tokenizer"]):
        from tokenizers import Tokenizer

        model = Tokenizer.from_str(skeleton)
        composing = _composing_characters()
        for point in (point for point in range(_PLANE) if point not in _SURROGATES):
            if _starts_anew(chr(point), composing):
                kind, form = _ask(chr(point), model.normalizer.normalize_str, model.pre_tokenizer.pre_tokenize_str)
                kinds[point], forms[point] = kind, ord(form)
    return {"kinds": kinds, "forms": forms}


def _goes_by_character(normalizer: dict[str, Any]) -> bool:
    """Whether a normaliser treats each character by itself, but for what Unicode composes and white space in a row."""
    parts = normalizer.get("normalizers") or [normalizer]
    is_known = (
        part["type"] in {"NFKC", "Lowercase", "Strip"}
        or (part["type"] == "Replace" and _OF_A_CHARACTER.fullmatch(part["pattern"].get("Regex", "")))
        for part in parts
    )
    folds_spaces = any(part.get("pattern") == {"Regex": "\\s+"} and part["content"] == " " for part in parts)
    return all(is_known) and folds_spaces and {"NFKC", "Strip"} <= {part["type"] for part in parts}


def _splits_by_character(pre_tokenizer: dict[str, Any]) -> bool:
    """Whether a pre-tokenizer divides text before spaces, and at digits and at characters of some kinds."""
    *before, last = pre_tokenizer.get("pretokenizers") or [pre_tokenizer]
    is_known = (
        (part["type"] == "Digits" and not part["individual_digits"])
        or (
            part["type"] == "Split"
            and part["behavior"] == "Isolated"
            and not part["invert"]
            and _OF_A_CHARACTER.fullmatch(part["pattern"].get("Regex", ""))
        )
        for part in before
    )
    marked = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return all(is_known) and last == marked


def _composing_characters() -> frozenset[str]:
    """Characters that may unite with the one before them (Unicode Standard Annex 15)."""
    decompositions = (unicodedata.decomposition(chr(point)).split() for point in _COMPOSED)
    pairs = (parts for parts in decompositions if len(parts) == 2 and not parts[0].startswith("<"))  # noqa: PLR2004
    return _INNER_JAMO | {chr(int(second, 16)) for _, second in pairs}


def _starts_anew(character: str, composing: frozenset[str]) -> bool:
    """Whether normalisation never reaches across the place before a character."""
    if unicodedata.category(character) == "Cn":  # newer than Python's tables
        return False
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.combining(first) == 0 and first not in composing


def _ask(character: str, normalize: Callable[[str], str], pre_tokenize: PreTokenize) -> tuple[int, str]:
    refused = (REFUSED, "\0")
    inside, alone = normalize(f"x{character}x"), normalize(character)
    form = inside[1:-1]
    if len(form) != 1 or ord(form) >= _PLANE or inside != f"x{form}x":
        return refused
    if form == " ":
        return (SPACE, form) if not alone else refused
    kind = kind_among_letters(form, pre_tokenize) if alone == form else REFUSED
    return refused if kind == REFUSED else (kind, form)
