"""bm25s over the words of the passages: `bm25s_words.py WORK`, prints a line of JSON."""

import json
import shutil
import sys
import time
from pathlib import Path

import bm25s
from store_times import data, size, times

work = Path(sys.argv[1])
folder = work / "bm25s"
shutil.rmtree(folder, ignore_errors=True)
_, texts, _, queries, _ = data(work)
begin = time.perf_counter()
retriever = bm25s.BM25()
retriever.index(bm25s.tokenize(texts, stopwords=None, show_progress=False), show_progress=False)
retriever.save(str(folder), corpus=texts)
found = {"build_s": round(time.perf_counter() - begin, 2)}


def lexical(query):
    """Ten passages by BM25."""
    tokens = bm25s.tokenize([query], stopwords=None, show_progress=False)
    return retriever.retrieve(tokens, corpus=texts, k=10, show_progress=False)


lexical(queries[0])
found["lexical_ms"] = times(lexical, queries)
print(json.dumps(found | {"disk_bytes": size(folder)}))
