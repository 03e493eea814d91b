"""Mixed pools: collections in which many languages are beside each other, as in real ones.

A clean pool of one language hides two faults. A ranking may put whatever is in the query's own language first, and
words that are rare only because few passages are in their language may outweigh meaning. Three pools show them, made of
XQuAD's paragraphs, which are the same in 12 languages:

- `other`: all languages, without the right paragraph in the query's own: rank of the best of the other eleven.
- `pair`: the paragraphs of one other language and those of the query's own, without the right one of these: rank of the
  right paragraph in the other language.
- `own`: all languages, without the right paragraph in the eleven others: rank of the right one in the query's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from smsearch.evaluation.datasets import CROSS_PAIRS, XQUAD_LANGS
from smsearch.evaluation.measures import ndcg_at_10

DEPTH: Final = 40
"""Documents of a ranking that are looked at: more than the 12 that may be removed and the 10 that count."""


class Ask(Protocol):
    """Gives the documents that a search finds."""

    def __call__(self, query: str, langs: Sequence[str] | None) -> Sequence[str]:
        """The first `DEPTH` documents for a query, best first; only those in some languages, where named."""


@dataclass(frozen=True, slots=True)
class MixedQuestion:
    """A question, and the paragraph that answers it in each language.

    Attributes:
        lang: Of the question.
        text: The question.
        answers: Identifier of the paragraph by language.
    """

    lang: str
    text: str
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MixedQuality:
    """Means of nDCG@10 x100 by pool; see the module."""

    other: float
    pair: float
    own: float


def evaluate_mixed(ask: Ask, questions: Iterable[MixedQuestion]) -> MixedQuality:
    """Measure a search over an index of all paragraphs in all languages.

    Args:
        ask: Asks the index.
        questions: In any of XQuAD's languages.
    """
    ranks: dict[str, list[int]] = {"other": [], "pair": [], "own": []}
    targets: dict[str, list[str]] = {}
    for lang, target in CROSS_PAIRS:
        targets.setdefault(lang, []).append(target)
    for question in questions:
        answers, own = question.answers, question.answers[question.lang]
        others = {answers[lang] for lang in XQUAD_LANGS if lang != question.lang}
        ranking = ask(question.text, None)
        ranks["other"].append(rank_without(ranking, others, {own}))
        ranks["own"].append(rank_without(ranking, {own}, others))
        for target in targets.get(question.lang, ()):
            found = ask(question.text, [question.lang, target])
            ranks["pair"].append(rank_without(found, {answers[target]}, {own}))
    means = {pool: 100 * ndcg_at_10(np.array(found, np.int64)) for pool, found in ranks.items()}
    return MixedQuality(**means)


def rank_without(ranking: Sequence[str], right: Collection[str], removed: Collection[str]) -> int:
    """Rank of the first right document, from 1, once others are removed; one past the last where none is right.

    Examples:
        >>> rank_without(["da-1", "sv-1", "de-1"], {"de-1"}, {"da-1"})
        2
    """
    left = [doc_id for doc_id in ranking if doc_id not in removed]
    return next((rank for rank, doc_id in enumerate(left, 1) if doc_id in right), DEPTH + 1)
