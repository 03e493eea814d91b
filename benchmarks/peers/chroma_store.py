"""Chroma with vectors handed in: `chroma_store.py WORK`, prints a line of JSON."""

import json
import shutil
import sys
import time
from pathlib import Path

import chromadb
from store_times import data, size, times

work = Path(sys.argv[1])
folder = work / "chroma"
shutil.rmtree(folder, ignore_errors=True)
ids, texts, vectors, queries, query_vectors = data(work)
begin = time.perf_counter()
client = chromadb.PersistentClient(str(folder), settings=chromadb.Settings(anonymized_telemetry=False))
collection = client.create_collection("passages", metadata={"hnsw:space": "cosine"}, embedding_function=None)
for start in range(0, len(ids), 5000):
    part = slice(start, start + 5000)
    collection.add(ids=ids[part], documents=texts[part], embeddings=vectors[part])
found = {"build_s": round(time.perf_counter() - begin, 2)}


def dense(vector):
    """Ten passages by cosine."""
    return collection.query(query_embeddings=[vector], n_results=10)


dense(query_vectors[0])
found["dense_ms"] = times(dense, query_vectors)
print(json.dumps(found | {"disk_bytes": size(folder)}))
