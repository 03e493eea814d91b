"""Inputs made from valid ones: bytes and tokens changed, moved, repeated and cut, each again by its number."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.strategies import FRAGMENTS

_LONGEST: Final = 20_000
_USUAL: Final = 2_000
_LONG_SHARE: Final = 0.03
_NUMBERS: Final = (
    b"0 -1 1e999 -1e999 NaN 1e-400 127 128 255 256 65535 65536 2147483647 2147483648 4294967295 4294967296 "
    b"9223372036854775807 9223372036854775808 18446744073709551616 0x7fffffff 0.1 00 1_000 ++1 1e5"
)
_EXTREMES: Final = (*_NUMBERS.split(), b"9" * 5_000, b"0x" + b"f" * 4_500, b"-" + b"1" * 400 + b".5")
_STRANGE_BYTES: Final = (
    b"\0\x01\t\n\r\x1a\x1b\x1c\"'&<>\\/%=:;,.-+#{}[]()|~`$@!?* \x7f\x80\x85\xa0\xad\xc0\xd8\xed\xfe\xff"
)
_STRANGE_TEXTS: Final = (
    *(fragment.encode() for fragment in FRAGMENTS),
    "\u2028\u2029\u0130ıſß\u1e9e\ufb03Ǆǆ".encode(),
    "\U0001d7d8\u0661\u06f1\u0e51\u00b2\u00bd\u2460".encode(),
    "\ud800".encode("utf-8", "surrogatepass"),
    "\uffff\U0010ffff\U000e0001".encode(),
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xff\xfe\0\0",
    b"%PDF-",
)
_NUMBER: Final = re.compile(rb"\d+")
_CODECS: Final = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "utf-8-sig", "shift_jis", "cp1251", "utf-7")


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the inputs of a target are made from.

    Attributes:
        seeds: Small valid inputs.
        tokens: Words of the format, to be put anywhere.
    """

    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...]


def nth_input(corpus: Corpus, name: str, seed: int, n: int) -> bytes:
    """The `n`-th input of a target under a seed; the same on every machine, whatever came before it."""
    chance = random.Random(f"{name} {seed} {n}")  # noqa: S311  reproducible inputs
    data = bytearray(chance.choice(corpus.seeds))
    for _ in range(min(int(chance.expovariate(0.35)) + 1, 24)):
        data = chance.choices(_MUTATIONS, _WEIGHTS)[0](data, chance, corpus)
    longest = _LONGEST if chance.random() < _LONG_SHARE else _USUAL
    return bytes(data[: max(longest, *map(len, corpus.seeds))])


def _place(data: bytearray, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _span(data: bytearray, chance: random.Random) -> slice:
    start = _place(data, chance)
    return slice(start, min(start + int(chance.expovariate(1 / 12)) + 1, len(data)))


def _change_bit(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _change_byte(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    if data:
        strange = chance.random() < 0.7
        data[chance.randrange(len(data))] = chance.choice(_STRANGE_BYTES) if strange else chance.randrange(256)
    return data


def _insert_bytes(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    at = _place(data, chance)
    data[at:at] = chance.randbytes(chance.randrange(1, 9))
    return data


def _insert_text(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    at = _place(data, chance)
    data[at:at] = chance.choice(_STRANGE_TEXTS)
    return data


def _insert_token(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    at = _place(data, chance)
    data[at:at] = chance.choice(corpus.tokens)
    return data


def _swap_token(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    """Put another token in the place of one that is there."""
    token = chance.choice(corpus.tokens)
    at = bytes(data).find(token, _place(data, chance))
    if at >= 0:
        data[at : at + len(token)] = chance.choice(corpus.tokens)
    return data


def _swap_number(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    found = list(_NUMBER.finditer(bytes(data)))
    if found:
        start, end = chance.choice(found).span()
        data[start:end] = chance.choice(_EXTREMES)
    return data


def _delete(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    del data[_span(data, chance)]
    return data


def _double(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    span = _span(data, chance)
    at = _place(data, chance)
    data[at:at] = data[span]
    return data


def _repeat(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    """Say one thing many times: nesting, long lines, many fields."""
    what = chance.choice(corpus.tokens) if chance.random() < 0.6 else bytes(data[_span(data, chance)])
    times = min(int(10 ** chance.uniform(0.5, 4)), _LONGEST // max(len(what), 1))
    at = _place(data, chance)
    data[at:at] = what * times
    return data


def _splice(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    other = chance.choice(corpus.seeds)
    return data[: _place(data, chance)] + other[chance.randrange(len(other) + 1) :]


def _cut_off(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    return data[: _place(data, chance)]


def _recode(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    return bytearray(data.decode("utf-8", "replace").encode(chance.choice(_CODECS), "replace"))


def _change_line_ends(data: bytearray, chance: random.Random, corpus: Corpus) -> bytearray:
    del corpus
    return data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b"\r\r\n", b"\0", b"")))


_MUTATIONS: Final[Sequence[Callable[[bytearray, random.Random, Corpus], bytearray]]] = (
    _change_bit,
    _change_byte,
    _insert_bytes,
    _insert_text,
    _insert_token,
    _swap_token,
    _swap_number,
    _delete,
    _double,
    _repeat,
    _splice,
    _cut_off,
    _recode,
    _change_line_ends,
)
_WEIGHTS: Final = (8, 10, 5, 8, 14, 8, 6, 10, 6, 3, 6, 4, 1, 1)
