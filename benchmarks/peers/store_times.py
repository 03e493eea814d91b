"""What the scripts of stores share: the data they are given, and how a query is timed."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np


def data(work: Path) -> tuple[list[str], list[str], Any, list[str], Any]:
    """Ids, texts and vectors of the passages; queries and their vectors."""
    rows = [json.loads(line) for line in (work / "corpus.jsonl").read_text("utf-8").splitlines()]
    vectors = np.load(work / "vectors.npz")
    queries = json.loads((work / "queries.json").read_text("utf-8"))
    return [row["id"] for row in rows], [row["text"] for row in rows], vectors["passages"], queries, vectors["queries"]


def times(work: Callable[[Any], object], items: Iterable[Any]) -> dict[str, float]:
    """Milliseconds of each call: median, 95th percentile, number."""
    taken = []
    for item in items:
        begin = time.perf_counter()
        work(item)
        taken.append(1000 * (time.perf_counter() - begin))
    taken.sort()
    p95 = taken[min(int(0.95 * len(taken)), len(taken) - 1)]
    return {"p50": round(statistics.median(taken), 3), "p95": round(p95, 3), "n": len(taken)}


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
