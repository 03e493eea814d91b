"""Write a corpus of real text for measurements of scale: one passage of 40 to 120 words a document, as JSON Lines.

    python benchmarks/passages.py --texts PATH --out FILE [--passages 1000000]

PATH holds parallel text as `smsearch train corpus` reads it: `english.txt` and a file for each language, whose
sentences stand in the order of their documents. Runs of neighbouring sentences of one language are joined, no
run twice; where a language is used up, its runs begin at other sentences. Seeded: the same texts give the same file.
Fourteen documents, spread evenly, carry the metadata `shelf: rare`, all others `shelf: open`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from smsearch.training.corpus import read_lines

SEED = 17
FEWEST, MOST = 40, 120
RARE = 14
WITHOUT_SPACES = {"zh", "ja", "th"}  # some two and a half characters to a word
TEN_PERCENT = "sv"
"""Its passages are a tenth of the corpus; the others share the rest evenly."""


def sentences_of(texts: Path) -> dict[str, list[str]]:
    """The sentences of each language, in order; words and phrases of dictionaries are left out."""
    names = (
        dict(line.split("\t")[:2] for line in read_lines(texts / "sources.tsv"))
        if (texts / "sources.tsv").exists()
        else {}
    )
    of_words = {number for number, name in names.items() if name.startswith(("dict_", "gloss_", "terms_"))}
    found = {"en": [line for line in read_lines(next(texts.glob("english.txt*"))) if " " in line]}
    for path in sorted(texts.glob("*.tsv*")):
        lang = path.name.split(".")[0]
        if len(lang) in {2, 3}:
            lines = [line.split("\t") for line in read_lines(path)]
            kept = [parts[2] for parts in lines if len(parts) == 3 and parts[1] not in of_words]
            if len(kept) > 5000:
                found[lang] = kept
    return found


def passages_of(sentences: list[str], lang: str, draw: random.Random) -> Iterator[str]:
    """Joined runs of neighbours, endlessly: a later round begins a run of another length at every place."""
    while True:
        at = draw.randrange(8)
        while at < len(sentences):
            wanted, parts, words = draw.randint(FEWEST, MOST), list[str](), 0.0
            while words < wanted and at < len(sentences):
                parts.append(sentences[at])
                words += len(sentences[at]) / 2.5 if lang in WITHOUT_SPACES else sentences[at].count(" ") + 1
                at += 1
            if words >= FEWEST:
                yield " ".join(parts)


def write_passages(texts: Path, out: Path, n: int) -> None:
    """Write n documents of one passage each, languages mixed."""
    draw = random.Random(SEED)  # noqa: S311  a corpus, not a secret
    sentences = sentences_of(texts)
    runs = {lang: passages_of(found, lang, draw) for lang, found in sentences.items()}
    langs = sorted(set(runs) - {TEN_PERCENT})
    rare = set(range(n // RARE // 2, n, max(n // RARE, 1)))
    seen: set[int] = set()
    with out.open("w", encoding="utf-8") as file:
        for number in range(n):
            lang = TEN_PERCENT if TEN_PERCENT in runs and number % 10 == 0 else draw.choice(langs)
            text = next(runs[lang])
            while hash(text) in seen:
                text = next(runs[lang])
            seen.add(hash(text))
            row = {"id": f"{lang}-{number:07d}", "text": text, "shelf": "rare" if number in rare else "open"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of parallel text")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--passages", type=int, default=1_000_000)
    options = parser.parse_args()
    write_passages(options.texts, options.out, options.passages)


if __name__ == "__main__":
    main()
