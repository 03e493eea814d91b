"""Evaluation sets of our own, in the layout of the public ones: every text is a few words of an invented subject."""

from __future__ import annotations

import json
from pathlib import Path

from smsearch.evaluation.datasets import TATOEBA_LANGS, XQUAD_LANGS

SUBJECTS = ("dogs and cats", "ships on the sea", "bread and butter", "winter and snow", "schools for children")


def write_sets(root: Path) -> Path:
    """`tatoeba`, `xquad` and `swefaq`; in every language the same English words."""
    (root / "tatoeba").mkdir(parents=True)
    for code in TATOEBA_LANGS.values():
        (root / "tatoeba" / f"{code}.tsv").write_text("".join(f"We like {s}.\tyou like {s}\n" for s in SUBJECTS))
    write_retrieval(root / "xquad", [f"{lang}-" for lang in XQUAD_LANGS])
    write_retrieval(root / "swefaq", [""])
    return root


def write_retrieval(folder: Path, prefixes: list[str]) -> None:
    folder.mkdir()
    documents = [(f"{p}p{i}", f"All about {s}, and more about {s}.") for p in prefixes for i, s in enumerate(SUBJECTS)]
    queries = [(f"{p}q{i}", f"what of {s}?") for p in prefixes for i, s in enumerate(SUBJECTS)]
    for name, rows in (("corpus", documents), ("queries", queries)):
        lines = [json.dumps({"id": row, "text": text}) + "\n" for row, text in rows]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    right = [f"{p}q{i}\t{other}p{i}\t1\n" for p in prefixes for other in prefixes for i in range(len(SUBJECTS))]
    (folder / "qrels.tsv").write_text("".join(right))
