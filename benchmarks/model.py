"""What an encoder is worth: Tatoeba, XQuAD in one language and across, SweFAQ, hubs, mixed pools, size, load, rate.

    python benchmarks/model.py --eval PATH [--model builtin] [--every 1] [--write]

Dense scores are cosines; "+ 2 late" adds twice the late-interaction score, over all passages. Required figures are
those the built-in model was made for; other models' are from the MTEB results repository, where published.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median

from smsearch import load_encoder
from smsearch.encoders.static import TOKENIZER, WEIGHTS, StaticEncoder
from smsearch.evaluation.datasets import CROSS_PAIRS, XQUAD_LANGS
from smsearch.evaluation.encoding import EncoderQuality, evaluate_encoder

OUT = Path(__file__).with_name("model.md")
TATOEBA = {  # required; static-similarity-mrl (430 MB); paraphrase-multilingual-MiniLM (470 MB)
    "sv": (92, 81.2, 94.4),
    "da": (92, 88.7, 94.8),
    "nb": (92, 88.5, 97.7),
    "de": (96, 95.4, 97.0),
    "fr": (91, 88.7, 91.7),
    "es": (94, 93.2, 95.4),
    "ru": (88, 89.5, 91.9),
    "pl": (90, 81.9, 94.3),
    "fi": (90, 77.0, 93.1),
    "zh": (90, 90.0, 94.9),
    "ja": (87, 87.0, 90.4),
    "ar": (75, 82.5, 87.9),
    "tr": (90, 94.5, 95.1),
    "hi": (84, 75.6, 97.6),
    "ko": (75, 62.9, 92.5),
}
REQUIRED_MEANS = {
    "Tatoeba, mean": 87,
    "XQuAD same language, dense": 81,
    "XQuAD same language, dense + 2 late": 94,
    "XQuAD across, dense": 72,
    "XQuAD across, dense + 2 late": 83,
    "SweFAQ, dense": 62,
}
_OPENING = """
import sys, time
import numpy
from smsearch import load_encoder
begin = time.perf_counter()
load_encoder(sys.argv[1]).encode_queries(["why say no to social media"])
print(time.perf_counter() - begin)
"""


def opening_ms(model: str) -> float:
    """Milliseconds until a query is encoded, from a process that has imported numpy; median of 9, after one."""
    command = [sys.executable, "-c", _OPENING, model]
    times = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(10)]
    return 1000 * median(times[1:])


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--every", type=int, default=1, help="every n-th XQuAD question")
    parser.add_argument("--model", default="static")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    begin = time.perf_counter()
    encoder = load_encoder(options.model)
    quality = evaluate_encoder(encoder, options.eval, every=options.every)
    lines = [
        "# The built-in model",
        "",
        f"x100, model `{options.model}`. Command: `python benchmarks/model.py --eval PATH --every {options.every} "
        f"--model {options.model} --write`.",
        f"Digest of the evaluation sets: `{quality.data}`. Machine: {platform.machine()}, Python "
        f"{platform.python_version()}.",
        "",
        *_means(quality),
        "",
        *_tatoeba(quality),
        "",
        *_xquad(quality),
        "",
        *_controls(quality),
    ]
    if isinstance(encoder, StaticEncoder):
        sizes = [(encoder.folder / name).stat().st_size / 1e6 for name in (WEIGHTS, TOKENIZER)]
        lines += ["", "## Size and start", ""]
        lines += [f"- weights {sizes[0]:.1f} MB + tokenizer {sizes[1]:.1f} MB = {sum(sizes):.1f} MB (required: 60)"]
        lines += [f"- ready and one query encoded in {opening_ms(options.model):.0f} ms after numpy (required: 60)"]
    text = "\n".join(lines) + "\n"
    print(text, f"{time.perf_counter() - begin:.0f} s")
    if options.write:
        OUT.write_text(text, encoding="utf-8")
        OUT.with_suffix(".json").write_text(json.dumps(asdict(quality), indent=2) + "\n", encoding="utf-8")


def _means(quality: EncoderQuality) -> list[str]:
    rows = quality.summary().items()
    return [
        "| measure | required | measured |",
        "|---|--:|--:|",
        *(f"| {name} | {REQUIRED_MEANS.get(name, '-')} | **{value:.1f}** |" for name, value in rows),
    ]


def _tatoeba(quality: EncoderQuality) -> list[str]:
    rows = []
    for lang, value in quality.tatoeba.items():
        required, static, transformer = TATOEBA.get(lang, ("-", "-", "-"))
        back = quality.tatoeba_from_english[lang]
        rows.append(f"| {lang} | {required} | **{value:.1f}** | {back:.1f} | {static} | {transformer} |")
    return [
        "## Tatoeba, weighted F1",
        "",
        "Sentences and their translations are texts of one kind: both sides are encoded as queries. With the English "
        f"ones encoded as passages the mean is {quality.tatoeba_passages:.1f}.",
        "",
        "| language | required | to English | from English | static-similarity-mrl | paraphrase-multilingual-MiniLM |",
        "|---|--:|--:|--:|--:|--:|",
        *rows,
    ]


def _xquad(quality: EncoderQuality) -> list[str]:
    keys = [f"{lang}->{lang}" for lang in XQUAD_LANGS] + [f"{one}->{other}" for one, other in CROSS_PAIRS]
    late = quality.xquad_late
    return [
        "## XQuAD, nDCG@10, question -> paragraph",
        "",
        "| languages | dense | + 2 late |",
        "|---|--:|--:|",
        *(f"| {key} | {quality.xquad[key]:.1f} | {late[key]:.1f} |" for key in keys if late),
        *(f"| {key} | {quality.xquad[key]:.1f} | - |" for key in keys if not late),
    ]


def _controls(quality: EncoderQuality) -> list[str]:
    return [
        "## Hubs, mixed languages, control",
        "",
        f"- Share of queries whose top hit is one of the 1 % commonest paragraphs (XQuAD, 12 languages): "
        f"{quality.hubness:.1f} %",
        f"- All 12 languages in one pool of 2,880 paragraphs: top hit right, whatever its language, "
        f"{quality.mixed_right:.1f} %; top hit in the query's own language {quality.mixed_own_lang:.1f} %",
        f"- The same pool without the query's own language: nDCG@10 of the best right one {quality.mixed_cross:.1f}",
        f"- Control, right paragraphs shuffled (en -> en): nDCG@10 {quality.control:.1f}",
    ]


if __name__ == "__main__":
    main()
