"""Building, changing and asking an index of any size; prints one line of JSON.

    python benchmarks/scale.py --passages FILE [--n 100000] [--index FOLDER] [--queries 200]

FILE is what `benchmarks/passages.py` wrote; its first n documents are indexed, as a user would do it, with
`smsearch index`. An index that stands already in FOLDER is asked and not built. Every command is a process of its
own. Warm queries run in this process on one thread: sentences of 4 to 12 words out of passages from all over the
corpus, each asked once before the clock runs, but for "hybrid_new": these are others, asked for the first time.
"vectors" and "exact" are the vector search alone, as inside a search; the others are whole searches with their hits.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from array import array
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import numpy as np
from measuring import own_megabytes, private_megabytes, run, say, smsearch, times

import smsearch as library
from smsearch.index.reader import IndexReader
from smsearch.records import Filters

K = 10
MANY = 1000
_DRAWS = 100  # for each query: a file may not hold as many
FILTERS = {"all": Filters(), "lang_sv": Filters(langs=("sv",)), "rare": Filters(where=(("shelf", "rare"),))}


def write_part(passages: Path, n: int, out: Path) -> int:
    """Write the first n documents; returns the bytes of their texts."""
    n_bytes = 0
    with passages.open(encoding="utf-8") as source, out.open("w", encoding="utf-8") as file:
        for line in islice(source, n):
            file.write(line)
            n_bytes += len(json.loads(line)["text"].encode())
    return n_bytes


def queries_of(corpus: Path, n: int) -> dict[str, str]:
    """Sentences of 4 to 12 words, drawn from passages all over the corpus, each with its language.

    One line is in memory at a time: what is read here would count as memory of the searches.
    """
    draw = random.Random(29)  # noqa: S311  a sample, not a secret
    found: dict[str, str] = {}
    with corpus.open("rb") as file:
        begins = array("q", accumulate(map(len, file), initial=0))[:-1]
        for _ in range(_DRAWS * n):
            if len(found) == n:
                break
            file.seek(draw.choice(begins))
            row = json.loads(file.readline())
            sentences = row["text"].replace("? ", ". ").split(". ")
            one = draw.choice(sentences).strip()
            if 4 <= one.count(" ") + 1 <= 12:
                found[one] = row["id"].partition("-")[0]
    return found


def build(corpus: Path, index: Path, n_text_bytes: int) -> dict[str, Any]:
    """Build an index, add one post to it, and ask it, each in a process of its own."""
    built = run(smsearch("index", str(corpus), "--index", str(index), "--model", "static"))
    files = sizes(index)
    n_passages = json.loads(run(smsearch("status", "--json", "--index", str(index))).output)["n_passages"]
    with tempfile.TemporaryDirectory() as name:
        post = Path(name) / "one.txt"
        post.write_text("Ett nytt inlägg om sociala medier och varför man ibland bör säga nej.", encoding="utf-8")
        added = run(smsearch("index", str(post), "--index", str(index)))
        asked = run(smsearch("ask", "why say no to social media", "--index", str(index), "--json"))
    rewritten = sum(size for name, size in sizes(index).items() if name not in files)
    return {
        "build_s": round(built.seconds, 2),
        "build_mb": round(built.megabytes),
        "disk_bytes": sum(files.values()),
        "text_bytes": n_text_bytes,
        "disk_per_passage": round((sum(files.values()) - n_text_bytes) / n_passages),
        "files": files,
        "add_one_s": round(added.seconds, 3),
        "ask_after_s": round(asked.seconds, 3),
        "rewritten_bytes": rewritten,
    }


def sizes(index: Path) -> dict[str, int]:
    """Bytes of each file of an index."""
    return {path.name: path.stat().st_size for path in index.iterdir() if path.stat().st_size}


def ask(index: Path, langs: dict[str, str], many: list[str]) -> dict[str, Any]:
    """Times of cold and warm queries, recall by language, memory; of many at once."""
    queries = list(langs)
    cold = [run(smsearch("ask", query, "--index", str(index), "--json")) for query in queries[:5]]
    found: dict[str, Any] = {"cold_s": round(sorted(each.seconds for each in cold)[2], 3)}
    with library.open_index(index) as opened:
        for mode in ("hybrid", "dense", "lexical"):
            for query in queries:
                opened.search(query, K, mode=mode)
            found[f"{mode}_ms"] = times(lambda query, mode=mode: opened.search(query, K, mode=mode), queries)
        for name, filters in {"lang_sv": {"langs": ["sv"]}, "rare": {"where": {"shelf": "rare"}}}.items():
            first = time.perf_counter()
            n_hits = len(opened.search(queries[0], 20, **filters))
            found[f"filter_{name}_first_s"] = round(time.perf_counter() - first, 3)
            found[f"filter_{name}_hits_of_20"] = n_hits
            found[f"filter_{name}_ms"] = times(lambda query, only=filters: opened.search(query, K, **only), queries)
        found["kind"] = opened.status().vector_index
        found["resident_mb"] = round(own_megabytes(os.getpid()))
        found["private_mb"] = round(private_megabytes())
        new = [query for query in many if query not in langs][: len(queries)]
        if new:
            found["hybrid_new_ms"] = times(lambda query: opened.search(query, K), new)
        asked = np.resize(np.array(many), MANY).tolist()
        opened.nearest(asked, K)
        found["nearest_1000_ms"] = times(lambda _: opened.nearest(asked, K), range(5))
        encoder = opened.encoder
    reader = IndexReader(index)
    with reader.snapshot():
        found |= measure_vectors(reader, encoder.encode_queries(queries), list(langs.values()))
        found |= measure_many(reader, encoder.encode_queries(many), found["vectors_all_ms"]["p50"])
    reader.close()
    return found


def measure_vectors(reader: IndexReader, vectors: np.ndarray, langs: list[str]) -> dict[str, Any]:
    """The vector search alone: time, and recall against the exact one over all and inside filters."""
    found: dict[str, Any] = {}
    for name, filters in FILTERS.items():
        admitted = reader.admitted(filters)

        def search(one: np.ndarray, on: np.ndarray = admitted, *, exact: bool = False) -> np.ndarray:
            _, (rows,) = reader.vectors.search(one[None], K, admitted=on, exact=exact)
            return rows

        if not admitted.any():
            continue
        recalls = [float(np.isin(search(one, exact=True), search(one)).mean()) for one in vectors]
        found[f"recall_{name}"] = round(statistics.mean(recalls), 4)
        found[f"vectors_{name}_ms"] = times(search, vectors)
        if name == "all":
            by_lang = {
                of: [r for r, lang in zip(recalls, langs, strict=True) if lang == of] for of in sorted(set(langs))
            }
            found["recall_by_lang"] = {of: round(statistics.mean(each), 3) for of, each in by_lang.items()}
            found["exact_ms"] = times(lambda one, by=search: by(one, exact=True), vectors[:40])
    found["stream_ms"] = stream_times(len(reader) * vectors.shape[1] * (2 if reader.compares_all else 1))
    return found


def measure_many(reader: IndexReader, vectors: np.ndarray, one_ms: float) -> dict[str, Any]:
    """The vector search for many queries at once, the median of five times after one, beside one by one.

    The queries differ, where there are as many; else some come again.
    """
    many = np.resize(vectors, (MANY, vectors.shape[1]))
    reader.vectors.search(many, K, admitted=reader.alive)
    at_once = times(lambda _: reader.vectors.search(many, K, admitted=reader.alive), range(5))
    return {
        "batch_1000_ms": at_once,
        "batch_1000_per_s": round(1000 * MANY / at_once["p50"]),
        "one_by_one_per_s": round(1000 / one_ms),
    }


def stream_times(n_bytes: int) -> dict[str, float]:
    """Milliseconds to read so many bytes of memory once, on one thread."""
    block = np.ones(max(n_bytes // 8, 1), np.int64)
    return times(lambda _: block.sum(), range(5)) | {"bytes": n_bytes}


def main() -> None:
    """Build if need be, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=Path, required=True, help="file that benchmarks/passages.py wrote")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--index", type=Path, help="folder of the index; kept")
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        corpus, index = Path(name) / "corpus.jsonl", options.index or Path(name) / "index"
        n_bytes = write_part(options.passages, options.n, corpus)
        result: dict[str, Any] = {"n": options.n}
        if not (index / "index.sqlite").exists():
            result |= build(corpus, index, n_bytes)
        many = queries_of(corpus, min(MANY, max(options.n // 10, 1)))
        result |= ask(index, queries_of(corpus, options.queries), list(many))
        say(result)
        if options.index is None:
            shutil.rmtree(index)


if __name__ == "__main__":
    main()
