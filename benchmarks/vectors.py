"""The vector search alone, at sizes beyond what is worth building here as a whole index; prints one line of JSON.

    python benchmarks/vectors.py --texts PATH [--n 10000000] [--queries 100] [--work FOLDER]

PATH is a folder of parallel text. Its sentences, then runs of two, three ... neighbours, are encoded by the built-in
model until there are n vectors; these are arranged in clusters as those of an index are, tuned, written to a file,
mapped again and asked on one thread. Queries are stretches of 4 to 12 words out of sentences of all languages. Vectors
as the database would hold them (float16) and the clusters stand in FOLDER, a temporary one unless named: 1.2 kB each.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from measuring import private_megabytes, say, times
from passages import sentences_of
from scale import K, stream_times

from smsearch.encoders import load_encoder
from smsearch.index.clustered import ClusteredIndex, open_vectors
from smsearch.index.tuning import tune

AT_ONCE = 50_000
SAMPLE = 400_000


def texts_of(sentences: dict[str, list[str]]) -> Iterator[str]:
    """Every sentence, then every run of two neighbours, of three ..., language by language."""
    for length in count(1):
        for found in sentences.values():
            for start in range(len(found) - length + 1):
                yield " ".join(found[start : start + length])


def queries_of(sentences: dict[str, list[str]], n: int) -> list[str]:
    """Stretches of sentences, of all languages in turn."""
    draw = random.Random(29)  # noqa: S311  a sample, not a secret
    queries = []
    for lang in islice(cycle(sorted(sentences)), n):
        words = draw.choice(sentences[lang]).split()
        length = draw.randint(4, 12)
        start = draw.randint(0, max(len(words) - length, 0))
        queries.append(" ".join(words[start : start + length]))
    return queries


def encode(sentences: dict[str, list[str]], n: int, path: Path) -> np.ndarray:
    """The vectors, `(n, dim)` float16, mapped."""
    encoder = load_encoder("static")
    vectors = np.memmap(path, np.float16, "w+", shape=(n, encoder.dim))
    texts = texts_of(sentences)
    for start in range(0, n, AT_ONCE):
        block = list(islice(texts, min(AT_ONCE, n - start)))
        vectors[start : start + len(block)] = encoder.encode_passages(block)
    return vectors


def measure(vectors: np.ndarray, queries: np.ndarray, path: Path) -> dict[str, Any]:
    """Arrange, tune, write, map and ask."""

    def fetch(rows: np.ndarray) -> np.ndarray:
        return vectors[rows].astype(np.float32)

    begin = time.perf_counter()
    sample = np.sort(np.random.default_rng(5).choice(len(vectors), min(SAMPLE, len(vectors)), replace=False))
    index = ClusteredIndex.train(fetch(sample), len(vectors), fetch=fetch)
    trained = time.perf_counter()
    for start in range(0, len(vectors), AT_ONCE):
        index.add(vectors[start : start + AT_ONCE].astype(np.float32))
    added = time.perf_counter()
    tuned = tune(index)
    codes = path.with_name("codes.faiss")
    for place, serialize in ((path, index.serialize), (codes, index.serialize_codes)):
        with place.open("wb") as file:
            serialize(file.write)
    del index
    opened = open_vectors(path, vectors.shape[1], codes=codes, n_probes=tuned.n_probes, fetch=fetch)

    def search(one: np.ndarray, *, exact: bool = False) -> np.ndarray:
        _, (rows,) = opened.search(one[None], K, exact=exact)
        return rows

    recalls = [float(np.isin(search(one, exact=True), search(one)).mean()) for one in queries]
    return {
        "n": len(vectors),
        "kind": tuned.as_dict(),
        "train_s": round(trained - begin, 1),
        "add_s": round(added - trained, 1),
        "vector_bytes": path.stat().st_size + codes.stat().st_size,
        "recall_all": round(statistics.mean(recalls), 4),
        "vectors_all_ms": times(search, queries),
        "exact_ms": times(lambda one: search(one, exact=True), queries[:20]),
        "stream_ms": stream_times(vectors.size),
        "private_mb": round(private_megabytes()),
    }


def main() -> None:
    """Encode, arrange, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of parallel text")
    parser.add_argument("--n", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--work", type=Path, help="folder with room for the vectors")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        sentences = sentences_of(options.texts)
        begin = time.perf_counter()
        vectors = encode(sentences, options.n, Path(name) / "vectors.f16")
        encoded = round(time.perf_counter() - begin, 1)
        queries = load_encoder("static").encode_queries(queries_of(sentences, options.queries))
        del sentences
        say({"encode_s": encoded} | measure(vectors, queries, Path(name) / "vectors.faiss"))


if __name__ == "__main__":
    main()
