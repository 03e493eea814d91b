"""How the parts of a score are weighted and calibrated: the figures behind `smsearch/search/fusion.py`.

    python benchmarks/weights.py --eval PATH --collection FOLDER [--every 21] [--models static e5-small]
        [--indexes FOLDER] [--write]

The parts of the candidates are gathered once: for questions of XQuAD over one index of twelve languages, for the
questions about the collection, and for the queries that nothing answers (`tests/data/unanswerable.tsv`). Some
weightings are then compared on both halves: weights are chosen by `choose` (half of the articles, half of the
documents), and `report` says what they are worth. The weights in use are calibrated by logistic regression on
`choose`; on `report` the
expected calibration error and the area under the ROC curve are measured. For each question there is a second one
without an answer: the same question, with the articles or documents that answer it removed.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from collection import read_questions
from mixed import ROOT, index_folder, index_of_xquad, xquad_questions
from numpy.typing import NDArray

import smsearch
from smsearch.records import Filters
from smsearch.search.candidates import gather_candidates
from smsearch.search.fusion import Weights, weights_for
from smsearch.search.question import Question

OUT = Path(__file__).with_name("weights.md")
PARTS = ("dense", "late", "sentence_late", "sentence_cosine", "lexical", "same_language")
DEPTH = 200
HALVES = ("choose", "report")
TOP = 1  # hits of a question whose scores are calibrated
BINS = 10
WORDS = 160  # queries of one word
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """The candidates of one question.

    Attributes:
        group: Of questions that are averaged together.
        half: `choose` or `report`.
        parts: `(n, len(PARTS))`.
        documents: `(n,)`; number of the document of each candidate.
        is_right: `(n,)`; whether it is of a document that answers.
        of_query: Brevity and pieces of the query.
    """

    group: str
    half: str
    parts: Values
    documents: NDArray[np.int64]
    is_right: NDArray[np.bool_]
    of_query: tuple[float, float]

    def without(self, removed: NDArray[np.bool_]) -> Asked:
        """The same question with some candidates removed."""
        left = ~removed
        return replace(self, parts=self.parts[left], documents=self.documents[left], is_right=self.is_right[left])


class Gatherer:
    """Gathers the candidates of questions over one index."""

    def __init__(self, index: smsearch.Index) -> None:
        self._index = index
        self._reader = index._reader  # noqa: SLF001  the parts are not public
        with self._reader.snapshot():
            stored = self._reader.store.read_passages(self._reader.passage_ids.tolist())
            same = self._reader.store.connection.execute(
                "SELECT representative, doc_id FROM passages JOIN documents USING (document_key) "
                "WHERE representative IS NOT NULL"
            )
            self._documents: list[set[str]] = [{stored[i].doc_id} for i in self._reader.passage_ids.tolist()]
            rows = {i: row for row, i in enumerate(self._reader.passage_ids.tolist())}
            for representative, doc_id in same:
                self._documents[rows[representative]].add(doc_id)
        names = sorted({min(names) for names in self._documents})
        number = {name: i for i, name in enumerate(names)}
        self._numbers = np.array([number[min(names)] for names in self._documents], np.int64)

    def ask(self, query: str, right: set[str], group: str, half: str) -> Asked:
        """The candidates of a question, with the documents that answer it."""
        reader = self._reader
        encoders = self._index._searcher()._encoders  # noqa: SLF001
        with reader.snapshot():
            admitted = reader.admitted(Filters())
            found = gather_candidates(reader, encoders, Question(query), admitted=admitted, depth=DEPTH)
            exact = found.dense if found.vector is None else reader.vectors.scores(found.vector, found.rows)
        evidence = found.evidence
        if evidence is None or exact is None:
            raise RuntimeError("a hybrid search has all parts")
        share = np.minimum(found.bm25 / max(found.bound, 1e-9), 1) ** 2
        columns = (exact, evidence.late, evidence.sentence_late, evidence.sentence_cosine, share, found.same_language)
        is_right = np.array([bool(self._documents[row] & right) for row in found.rows.tolist()], np.bool_)
        parts = np.stack(columns, axis=1).astype(np.float64)
        return Asked(group, half, parts, self._numbers[found.rows], is_right, (found.brevity, found.pieces))

    def is_of(self, asked: Asked, doc_ids: set[str]) -> NDArray[np.bool_]:
        """Which candidates are of some documents."""
        numbers = {int(self._numbers[row]) for row, names in enumerate(self._documents) if names & doc_ids}
        return np.isin(asked.documents, list(numbers))

    def rare_words(self, n: int) -> Iterator[tuple[str, set[str]]]:
        """Words that are in one to three documents, drawn at random (seeded), with these."""
        holders: dict[str, set[str]] = defaultdict(set)
        for doc_id in self._index.doc_ids():
            for word in set(re.findall(r"[^\W\d_]{5,14}", self._index.document(doc_id).text.lower())):
                holders[word].add(doc_id)
        rare = sorted(word for word, found in holders.items() if len(found) <= 3)
        for word in random.Random(3).sample(rare, min(n, len(rare))):  # noqa: S311  a sample, not a secret
            yield word, holders[word]


def gather_xquad(index: smsearch.Index, root: Path, every: int) -> tuple[list[Asked], list[Asked]]:
    """Questions with their answer in their own language, and in others only; and both without the article."""
    gatherer, asked, unanswered = Gatherer(index), list[Asked](), list[Asked]()
    for question in xquad_questions(root, every):
        own = question.answers[question.lang]
        number = int(own.rpartition("p")[2])
        article = {f"{lang}-p{5 * (number // 5) + i:03d}" for lang in question.answers for i in range(5)}
        half = HALVES[number // 5 % 2]
        others = set(question.answers.values()) - {own}
        found = gatherer.ask(question.text, {own}, "XQuAD, own", half)
        asked.append(found.without(gatherer.is_of(found, others)))
        other = gatherer.ask(question.text, others, "XQuAD, other", half)
        asked.append(other.without(gatherer.is_of(other, {own})))
        unanswered.append(found.without(gatherer.is_of(found, article)))
    return asked, unanswered


def gather_collection(index: smsearch.Index) -> tuple[list[Asked], list[Asked]]:
    """The questions about the collection, single words, and what nothing answers."""
    gatherer, asked, unanswered = Gatherer(index), list[Asked](), list[Asked]()
    for question in read_questions():
        is_same = question.lang.partition("-")[0] == question.answer_lang.partition("-")[0]
        group = f"collection, {'same language' if is_same else 'across'}"
        found = gatherer.ask(question.query, set(question.docs), group, question.split)
        asked.append(found)
        unanswered.append(found.without(found.is_right))
    for i, (word, holders) in enumerate(gatherer.rare_words(WORDS)):
        asked.append(gatherer.ask(word, holders, "collection, one word", HALVES[i % 2]))
    with (ROOT / "tests" / "data" / "unanswerable.tsv").open(encoding="utf-8", newline="") as file:
        for i, row in enumerate(csv.DictReader(file, delimiter="\t")):
            unanswered.append(gatherer.ask(row["query"], set(), f"nonsense: {row['kind']}", HALVES[i % 2]))
    return asked, unanswered


def vector_of(weights: Weights) -> Values:
    """The weights of the parts, in their order."""
    return np.array([getattr(weights, part) for part in PARTS])


def best_of_each(asked: Asked, weights: Values) -> tuple[Values, NDArray[np.bool_]]:
    """The score of the best candidate of each document, and whether that answers; best first."""
    scores = asked.parts @ weights
    order = np.argsort(-scores, kind="stable")
    _, firsts = np.unique(asked.documents[order], return_index=True)
    kept = order[np.sort(firsts)]
    return scores[kept], asked.is_right[kept]


def reciprocal_rank(asked: Asked, weights: Values) -> float:
    """Of the first document that answers, 0 beyond the tenth."""
    _, is_right = best_of_each(asked, weights)
    places = np.flatnonzero(is_right[:10])
    return 1 / (int(places[0]) + 1) if len(places) else 0.0


def means(asked: Sequence[Asked], weights: Values) -> dict[str, float]:
    """RR@10 x100 by group and half."""
    found: dict[str, list[float]] = defaultdict(list)
    for each in asked:
        found[f"{each.group}, {each.half}"].append(100 * reciprocal_rank(each, weights))
    return {name: float(np.mean(values)) for name, values in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Sample:
    """Hits to calibrate by: their sums, brevity and pieces; whether they answer; how much each counts."""

    features: Values
    answers: NDArray[np.bool_]
    counts: Values

    @classmethod
    def of(cls, asked: Sequence[Asked], unanswered: Sequence[Asked], weights: Values, half: str) -> Sample:
        """The best hits of questions, groups weighted alike; half of the weight is of questions without an answer."""
        rows, answers, counts = list[tuple[float, float, float]](), list[bool](), list[float]()
        for each, top in ((asked, TOP), (unanswered, 1)):
            groups = defaultdict(list)
            for question in each:
                if question.half == half and len(question.parts):
                    groups[question.group.partition(":")[0]].append(question)
            for questions in groups.values():
                for question in questions:
                    scores, is_right = best_of_each(question, weights)
                    for score, right in list(zip(scores.tolist(), is_right.tolist(), strict=True))[:top]:
                        rows.append((score, *question.of_query))
                        answers.append(right)
                        counts.append(1 / len(groups) / len(questions) / min(top, len(scores)))
        return cls(np.array(rows), np.array(answers), np.array(counts))


def fit_logistic(sample: Sample) -> tuple[Values, float]:
    """Coefficients and offset of a logistic regression, by Newton's method."""
    design = np.column_stack([sample.features, np.ones(len(sample.features))])
    scale = np.maximum(np.abs(design).max(axis=0), 1e-9)
    scaled, found = design / scale, np.zeros(design.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-scaled @ found))
        slope = scaled.T @ (sample.counts * (sample.answers - p)) - 1e-6 * found
        curve = (scaled * (sample.counts * p * (1 - p))[:, None]).T @ scaled + 1e-6 * np.eye(len(found))
        step = np.linalg.solve(curve, slope)
        found += step
        if np.abs(step).max() < 1e-9:
            break
    found /= scale
    return found[:-1], float(found[-1])


def calibrated(weights: Values, coefficients: Values, offset: float) -> Weights:
    """What `smsearch/search/fusion.py` holds of a weighting that was calibrated."""
    slope, brevity, pieces = coefficients.tolist()
    parts = dict(zip(PARTS, (slope * weights).round(2).tolist(), strict=True))
    return Weights(**parts, brevity=round(brevity, 2), pieces=round(pieces, 2), offset=round(offset, 2))


def probabilities(asked: Asked, weights: Weights) -> tuple[Values, NDArray[np.bool_]]:
    """Scores of the best candidate of each document as the search gives them, best first."""
    scores, is_right = best_of_each(asked, vector_of(weights))
    brevity, pieces = asked.of_query
    return 1 / (1 + np.exp(-(scores + weights.offset + weights.brevity * brevity + weights.pieces * pieces))), is_right


def reliability(asked: Sequence[Asked], unanswered: Sequence[Asked], weights: Weights) -> tuple[float, list[str]]:
    """Expected calibration error on the half to report, and the rows of the reliability diagram."""
    sample = Sample.of(asked, unanswered, vector_of(weights), "report")
    total = sample.features @ np.array([1, weights.brevity, weights.pieces]) + weights.offset
    p, counts = 1 / (1 + np.exp(-total)), sample.counts / sample.counts.sum()
    error, rows = 0.0, []
    for i in range(BINS):
        inside = (p >= i / BINS) & ((p < (i + 1) / BINS) | (i == BINS - 1))
        if inside.any():
            share = counts[inside].sum()
            mean, true = (np.average(each[inside], weights=counts[inside]) for each in (p, sample.answers))
            error += share * abs(mean - true)
            rows.append(f"| {i / BINS:.1f}-{(i + 1) / BINS:.1f} | {100 * share:.0f} % | {mean:.2f} | {true:.2f} |")
    return error, rows


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Area under the ROC curve: the chance that a positive one has the higher score."""
    one, other = np.array(positive)[:, None], np.array(negative)[None]
    return float((one > other).mean() + (one == other).mean() / 2)


def auc_rows(asked: Sequence[Asked], unanswered: Sequence[Asked], weights: Weights) -> list[str]:
    """How well scores tell right hits, and answerable questions, from what nothing answers."""
    report = [each for each in asked if each.half == "report" and len(each.parts)]
    tops = [(each.group, *probabilities(each, weights)) for each in report]
    right = [float(p[0]) for _, p, is_right in tops if is_right[0]]
    of_collection = [group.startswith("collection") for group, *_ in tops]
    groups: dict[str, list[float]] = defaultdict(list)
    for each in unanswered:
        if each.half == "report" and len(each.parts) and not each.group.startswith("XQuAD"):
            best = float(probabilities(each, weights)[0][0])
            groups["the same questions, documents removed" if each.group.startswith("coll") else each.group].append(
                best
            )
            if each.group.startswith("nonsense"):
                groups["nonsense, all"].append(best)
    kept = [(p, is_right) for (_, p, is_right), belongs in zip(tops, of_collection, strict=True) if belongs]
    right_here, every = [float(p[0]) for p, is_right in kept if is_right[0]], [float(p[0]) for p, _ in kept]
    return [
        f"| {name} | {auc(right, low):.3f} | {auc(right_here, low):.3f} | {auc(every, low):.3f} |"
        for name, low in sorted(groups.items())
    ]


def ways_of(weights: Weights) -> Mapping[str, Values]:
    """Weightings to compare with the one in use."""
    used = vector_of(weights) / weights.late
    dense = np.array([1.0, 0, 0, 0, 0, 0])
    ways = {"in use": used, "dense alone": dense}
    for i, part in enumerate(PARTS[1:], 1):
        ways[f"without {part}"] = np.where(np.arange(len(PARTS)) == i, 0, used)
    ways["dense x 1.5"] = used * [1.5, 1, 1, 1, 1, 1]
    ways["dense x 0.67"] = used * [0.67, 1, 1, 1, 1, 1]
    ways["same_language x 3"] = used * [1, 1, 1, 1, 1, 3]
    ways["lexical x 3"] = used * [1, 1, 1, 1, 3, 1]
    return ways


def section(model: str, asked: Sequence[Asked], unanswered: Sequence[Asked], weights: Weights) -> list[str]:
    """The part of the page about one model."""
    ways = {name: means(asked, way) for name, way in ways_of(weights).items()}
    columns = list(next(iter(ways.values())))
    lines = ["", f"## {model}", "", "| RR@10 x100 | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    lines += [f"| {name} | " + " | ".join(f"{row[each]:.1f}" for each in columns) + " |" for name, row in ways.items()]
    fitted = calibrated(vector_of(weights), *fit_logistic(Sample.of(asked, unanswered, vector_of(weights), "choose")))
    error, rows = reliability(asked, unanswered, weights)
    lines += ["", f"In use: `{weights}`", "", f"The same weighting, calibrated on this run's `choose`: `{fitted}`", ""]
    lines += [f"Expected calibration error on `report`: {error:.3f}", ""]
    lines += ["| score | share | mean score | answers |", "|---|--:|--:|--:|", *rows, ""]
    lines += [
        "| AUC against the best hit of | right first hits | right first hits, collection | first hits, collection |",
        "|---|--:|--:|--:|",
    ]
    return [*lines, *auc_rows(asked, unanswered, weights)]


def main() -> None:
    """Gather, compare, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eval", type=Path, required=True)
    parser.add_argument("--collection", type=Path, required=True)
    parser.add_argument("--every", type=int, default=21)
    parser.add_argument("--models", nargs="+", default=["static", "e5-small"])
    parser.add_argument("--indexes", type=Path, help="keep the indexes here, and use those that are here")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    begin = time.perf_counter()
    lines = [
        "# Weights and calibration",
        "",
        f"Command: `python benchmarks/weights.py --eval PATH --collection FOLDER --every {options.every} --write`",
    ]
    for model in options.models:
        with tempfile.TemporaryDirectory() as name:
            folder = index_folder(options.indexes, Path(name), model)
            with index_of_xquad(options.eval, folder, model) as index:
                asked, unanswered = gather_xquad(index, options.eval, options.every)
            with smsearch.build_index(options.collection, folder / "collection", model=model) as index:
                more, without = gather_collection(index)
                weights = weights_for(index._reader.encoder).hybrid  # noqa: SLF001
        lines += section(model, [*asked, *more], [*unanswered, *without], weights)
    text = "\n".join(lines) + "\n"
    print(text, f"{time.perf_counter() - begin:.0f} s")
    if options.write:
        OUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
