"""Our side of the comparison of stores: `ours.py FILE WORK prepare|measure N`.

`prepare` writes what the peers get: N passages with their vectors, 200 queries with theirs, our table for
model2vec, and passages of English and Swedish for encoding. `measure` builds an index of the passages and asks it;
prints a line of JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from measuring import say, times
from scale import queries_of, sizes, write_part

import smsearch
from smsearch.encoders.static import StaticEncoder

ENGLISH = 20_000


def prepare(passages: Path, work: Path, n: int) -> None:
    """Write texts, vectors, queries and the table."""
    corpus = work / "corpus.jsonl"
    write_part(passages, n, corpus)
    queries = list(queries_of(corpus, 200))
    encoder = smsearch.load_encoder("static")
    texts = [json.loads(line)["text"] for line in corpus.read_text("utf-8").splitlines()]
    np.savez(work / "vectors.npz", passages=encoder.encode_passages(texts), queries=encoder.encode_queries(queries))
    (work / "queries.json").write_text(json.dumps(queries, ensure_ascii=False), "utf-8")
    with passages.open(encoding="utf-8") as source, (work / "encode.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(islice((line for line in source if '"id": "sv-' in line or '"id": "en-' in line), ENGLISH))
    if not isinstance(encoder, StaticEncoder):
        raise SystemExit("the built-in encoder is no static one")
    table = work / "table"
    table.mkdir(exist_ok=True)
    np.save(table / "vectors.npy", encoder.table.rows(np.arange(len(encoder.table))))
    shutil.copy(encoder.folder / "tokenizer.json", table / "tokenizer.json")


def measure(work: Path) -> None:
    """Build and ask."""
    index = work / "ours"
    shutil.rmtree(index, ignore_errors=True)
    queries = json.loads((work / "queries.json").read_text("utf-8"))
    begin = time.perf_counter()
    with smsearch.build_index(work / "corpus.jsonl", index, model="static") as opened:
        result: dict[str, object] = {"build_s": round(time.perf_counter() - begin, 2)}
        for mode in ("dense", "lexical", "hybrid"):
            opened.search(queries[0], 10, mode=mode)
            result[f"{mode}_ms"] = times(lambda query, mode=mode: opened.search(query, 10, mode=mode), queries)
    say(result | {"disk_bytes": sum(sizes(index).values())})


if __name__ == "__main__":
    file, place, step, number = sys.argv[1:]
    if step == "prepare":
        prepare(Path(file), Path(place), int(number))
    else:
        measure(Path(place))
