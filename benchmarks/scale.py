"""Build rate, memory, disk and the cost of one more post at a given number of passages.

    python benchmarks/scale.py --eval PATH [--passages 100000] [--write]

The corpus is made of Tatoeba sentences of one language each, joined at random (seeded) to about 60 words
and a few XQuAD paragraphs, one passage a document, as one JSON Lines file. Every command is a process of
its own, `smsearch` as a user runs it; memory is the peak of that process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from datasets import XQUAD_LANGS, xquad_documents

OUT = Path(__file__).with_name("scale.md")
WORDS = 60
LANGS = ("swe", "dan", "nob", "deu", "fra", "spa", "ita", "nld", "pol", "rus", "fin", "ces", "tur", "ell", "heb", "hun")


@dataclass(frozen=True, slots=True)
class Run:
    """One command: seconds, peak memory in MB, and what it printed."""

    seconds: float
    megabytes: float
    output: str


def write_corpus(root: Path, path: Path, n: int) -> None:
    """Write n documents of one passage each."""
    draw = random.Random(7)  # noqa: S311  a corpus, not a secret
    sentences = {
        lang: [line.split("\t")[1] for line in (root / "tatoeba" / f"{lang}.tsv").read_text("utf-8").splitlines()]
        for lang in LANGS
    }
    whole = [document.text for lang in XQUAD_LANGS for document in xquad_documents(root, lang)]
    with path.open("w", encoding="utf-8") as file:
        for i in range(n):
            text = whole[i // 50 % len(whole)] if i % 50 == 0 else _joined(sentences[draw.choice(LANGS)], draw)
            file.write(json.dumps({"id": f"d{i:07d}", "text": text}, ensure_ascii=False) + "\n")


def _joined(sentences: list[str], draw: random.Random) -> str:
    parts: list[str] = []
    while sum(part.count(" ") + 1 for part in parts) < WORDS:
        parts.append(draw.choice(sentences))
    return " ".join(parts)


def run(*arguments: str) -> Run:
    """Run one smsearch command and take its time and peak memory."""
    before = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "smsearch", *arguments], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    if status:
        raise SystemExit(f"smsearch {' '.join(arguments)} ended with status {status}")
    return Run(seconds, usage.ru_maxrss / 1000, output)


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as name:
        lines = measure(Path(name), options.eval, options.passages)
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        OUT.write_text(text, encoding="utf-8")


def measure(folder: Path, root: Path, n: int) -> list[str]:
    """The table, line by line."""
    corpus, index, post = folder / "corpus.jsonl", folder / "index", folder / "one.txt"
    write_corpus(root, corpus, n)
    post.write_text("Ett nytt inlägg om sociala medier och varför man ibland bör säga nej.", encoding="utf-8")
    built = run("index", str(corpus), "--index", str(index))
    status = json.loads(run("status", "--json", "--index", str(index)).output)
    sizes = {path.name: path.stat().st_size for path in index.iterdir()}
    added = run("index", str(post), "--index", str(index))
    after = {path.name: path.stat().st_size for path in index.iterdir()}
    rewritten = sum(size for name, size in after.items() if name not in sizes)
    unchanged = run("update", "--index", str(index))
    asked = [run("ask", "why say no to social media", "--index", str(index), "--json") for _ in range(5)]
    seconds = sorted(each.seconds for each in asked)[2]
    found = json.loads(asked[0].output)[0]["doc_id"]
    n_passages = status["n_passages"]
    derived = sum(size for name, size in sizes.items() if ".sqlite" not in name)
    return [
        f"# {n_passages:,} passages",
        "",
        f"`python benchmarks/scale.py --eval PATH --passages {n} --write`, {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
        "| what | figure |",
        "|---|--:|",
        f"| `smsearch index`, from text to finished index | {built.seconds:.1f} s |",
        f"| the same | {n_passages / built.seconds:,.0f} passages/s |",
        f"| its peak memory | {built.megabytes:,.0f} MB |",
        f"| on disk, text included | {sum(sizes.values()) / n_passages:,.0f} bytes/passage |",
        f"| of which the text itself | {corpus.stat().st_size / n_passages:,.0f} bytes/passage |",
        f"| of which derived files | {derived / n_passages:,.0f} bytes/passage |",
        f"| `smsearch index one.txt` into it | {added.seconds:.2f} s, {added.megabytes:,.0f} MB |",
        f"| derived bytes written by that | {rewritten:,} |",
        f"| `smsearch update`, nothing changed | {unchanged.seconds:.1f} s |",
        f"| `smsearch ask`, cold process, median of 5 | {seconds:.2f} s, {asked[0].megabytes:,.0f} MB |",
        f"| first hit of `why say no to social media` | `{found}` |",
    ]


if __name__ == "__main__":
    main()
