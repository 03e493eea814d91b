"""LanceDB with vectors handed in and its full-text index: `lancedb_store.py WORK`, prints a line of JSON."""

import json
import shutil
import sys
import time
from pathlib import Path

import lancedb
from store_times import data, size, times

work = Path(sys.argv[1])
folder = work / "lancedb"
shutil.rmtree(folder, ignore_errors=True)
ids, texts, vectors, queries, query_vectors = data(work)
begin = time.perf_counter()
rows = [{"id": i, "text": t, "vector": v} for i, t, v in zip(ids, texts, vectors, strict=True)]
table = lancedb.connect(folder).create_table("passages", rows)
table.create_fts_index("text")
found = {"build_s": round(time.perf_counter() - begin, 2)}


def dense(vector):
    """Ten passages by cosine."""
    return table.search(vector).distance_type("cosine").limit(10).to_list()


def lexical(query):
    """Ten passages by BM25."""
    return table.search(query, query_type="fts").limit(10).to_list()


def hybrid(pair):
    """Ten passages by both."""
    return table.search(query_type="hybrid").text(pair[0]).vector(pair[1]).limit(10).to_list()


dense(query_vectors[0]), lexical(queries[0]), hybrid((queries[0], query_vectors[0]))
found["dense_ms"] = times(dense, query_vectors)
found["lexical_ms"] = times(lexical, queries)
found["hybrid_ms"] = times(hybrid, list(zip(queries, query_vectors, strict=True)))
print(json.dumps(found | {"disk_bytes": size(folder)}))
