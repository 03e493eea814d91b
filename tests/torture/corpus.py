"""Some thousand short documents, drawn by a seed, and a later version of them."""

from __future__ import annotations

import json
import random
from pathlib import Path

_BEGINNINGS = (
    "The lighthouse keeper writes a letter",
    "Fyrvaktaren skriver ett brev",
    "Fyrmesteren skriver et brev",
    "Der Leuchtturmwärter schreibt einen Brief",
    "El farero escribe una carta",
    "灯台守は手紙を書く",
)
_THINGS = (
    *("about the storm", "om stormen", "om stormen i nat", "über den Sturm", "sobre la tormenta", "嵐について"),
    *("to the baker", "till bagaren", "til bageren", "an den Bäcker", "al panadero", "パン屋へ"),
)
_WORDS = [
    "anchor",
    "bread",
    "candle",
    "door",
    "engine",
    "feather",
    "garden",
    "hammer",
    "island",
    "jacket",
    "kettle",
    "ladder",
    "mirror",
    "needle",
    "orchard",
    "pencil",
    "quilt",
    "river",
    "saddle",
    "table",
    "umbrella",
    "valley",
    "window",
    "yard",
    "apple",
    "bridge",
    "cloud",
    "drum",
    "eagle",
    "forest",
    "ankare",
    "bröd",
    "dörr",
    "fjäder",
    "trädgård",
    "hammare",
    "ö",
    "jacka",
    "kittel",
    "stege",
    "spegel",
    "nål",
    "penna",
    "flod",
    "bord",
    "fönster",
    "äpple",
    "bro",
    "moln",
    "trumma",
    "skog",
]
QUERIES = ("a letter about the storm", "brev till bagaren", "嵐について", "carta al panadero 17", "kettle saddle 400")


def write_corpus(path: Path, n: int, *, seed: int, version: int = 1) -> list[dict[str, str]]:
    """Write documents as JSON Lines; returns them.

    In the second version a third is changed, a tenth gone, and a tenth new.
    """
    draw = random.Random(seed)  # noqa: S311  a test
    rows = [_row(i, draw) for i in range(n)]
    if version > 1:
        rows = [_changed(row, draw) for row in rows if draw.random() > 0.1]
        rows += [_row(n + i, draw) for i in range(n // 10)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return rows


def _row(i: int, draw: random.Random) -> dict[str, str]:
    number = i if draw.random() > 0.1 else i // 100  # some say the same as others
    words = " ".join(random.Random(number).choices(_WORDS, k=8))  # noqa: S311  a test
    text = f"{_BEGINNINGS[number % 6]} {_THINGS[number % 12]}. {words} {number * 7919 % 1013}."
    return {"id": f"d{i:05}", "text": text, "shelf": str(i % 7)}


def _changed(row: dict[str, str], draw: random.Random) -> dict[str, str]:
    return (
        row if draw.random() > 1 / 3 else {**row, "text": f"{row['text']} Later: {draw.randrange(1000)} {row['id']}."}
    )
