"""Parallel text of our own: simple English sentences, and two invented languages that say the same."""

from __future__ import annotations

import random
from pathlib import Path

SUBJECTS = (
    "teacher",
    "child",
    "farmer",
    "doctor",
    "neighbour",
    "sailor",
    "painter",
    "baker",
    "singer",
    "writer",
    "judge",
    "pilot",
)
VERBS = (
    "sees",
    "finds",
    "paints",
    "buys",
    "sells",
    "carries",
    "breaks",
    "hides",
    "likes",
    "needs",
    "cleans",
    "repairs",
)
OBJECTS = (
    "house",
    "boat",
    "lamp",
    "garden",
    "letter",
    "bicycle",
    "picture",
    "bread",
    "window",
    "mirror",
    "basket",
    "piano",
)
PLACES = (
    "school",
    "harbour",
    "forest",
    "kitchen",
    "market",
    "station",
    "church",
    "library",
    "island",
    "village",
    "river",
    "bridge",
)
XX_SYLLABLES = ("ka", "lo", "mi", "ru", "ne", "sa", "ti", "vo", "ba", "du", "fe", "gi")
YY_SYLLABLES = ("øl", "ær", "ug", "if", "ok", "an", "et", "is")
CONFIG = """
name = "small"
version = "1"

[vocabulary]
size = 400
pieces = 100

[vocabulary.words]
en = 80
other = 80

[teacher]
model = "builtin"

[sampling]
held_out = 1000

[student]
dim = 32
steps = 120
batch = 128
warm_up = 10
"""


def english_lines(n: int, *, seed: int = 1) -> list[str]:
    """Distinct sentences."""
    everything = [
        f"The {s} {v} the {o} near the {p}." for s in SUBJECTS for v in VERBS for o in OBJECTS for p in PLACES
    ]
    return random.Random(seed).sample(everything, n)  # noqa: S311  no secret


def translate(line: str, lang: str) -> str:
    """The sentence in an invented language: every word by another, in another order in the second."""
    words = [_invent(word, lang) for word in line.rstrip(".").split()]
    return " ".join(reversed(words) if lang == "yy" else words) + "."


def write_parallel(folder: Path, n: int) -> Path:
    """`xx.tsv` and `yy.tsv`, English TAB text."""
    folder.mkdir()
    for lang in ("xx", "yy"):
        rows = [f"{line}\t{translate(line, lang)}\n" for line in english_lines(n)]
        (folder / f"{lang}.tsv").write_text("".join(rows), encoding="utf-8")
    return folder


def _invent(word: str, lang: str) -> str:
    letters = random.Random(f"{word.casefold()} {lang}")  # noqa: S311  no secret
    syllables = XX_SYLLABLES if lang == "xx" else YY_SYLLABLES
    return "".join(letters.choices(syllables, k=3)) + ("å" if lang == "xx" else "")
