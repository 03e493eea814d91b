"""The mapped vocabulary that cuts queries, beside `tokenizers`, on many lines of many languages.

    python benchmarks/vocabulary.py --texts PATH [--lines 1000000]

PATH is a folder of parallel text; lines are drawn evenly from its files (seeded). Prints how many were cut, how many of
them otherwise than by `tokenizers` (there should be none), and how many are left to `tokenizers` by the mapped one.
Exit code 1 if any differs.
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
from smsearch.encoders.static import StaticEncoder
from smsearch.encoders.vocabulary import open_vocabulary

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


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of parallel text")
    parser.add_argument("--lines", type=int, default=1_000_000)
    options = parser.parse_args()
    encoder = load_encoder("builtin")
    if not isinstance(encoder, StaticEncoder):
        raise SystemExit("the built-in encoder is no static one")
    path = encoder.folder / "tokenizer.json"
    tokenizer, vocabulary = Tokenizer.from_file(str(path)), open_vocabulary(path)
    if vocabulary is None:
        raise SystemExit("the built-in model has no mapped vocabulary")
    lines = lines_of(options.texts, options.lines)
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
