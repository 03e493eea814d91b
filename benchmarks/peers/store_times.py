"""What the scripts of stores share: the data they are given, and how a query is timed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from measuring import times

__all__ = ["data", "size", "times"]


def data(work: Path) -> tuple[list[str], list[str], Any, list[str], Any]:
    """Ids, texts and vectors of the passages; queries and their vectors."""
    rows = [json.loads(line) for line in (work / "corpus.jsonl").read_text("utf-8").splitlines()]
    vectors = np.load(work / "vectors.npz")
    queries = json.loads((work / "queries.json").read_text("utf-8"))
    return [row["id"] for row in rows], [row["text"] for row in rows], vectors["passages"], queries, vectors["queries"]


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
