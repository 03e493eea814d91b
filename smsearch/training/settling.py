"""The finished table settled: trained on as it will be used, its words often cut into their pieces.

A contrastive student gives telling words large norms, which are made smaller after training; settling lets the rows
find their places under the norms they then have. Words that are cut now and then teach the pieces what the words mean,
so that a form which the vocabulary lacks says something too (subword regularisation; Kudo, ACL 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.table import unit_rows
from smsearch.ragged import ranges
from smsearch.training.batches import Batch, PairSampler, SamplingPlan, Side
from smsearch.training.pieces import Pieces
from smsearch.training.student import StudentPlan
from smsearch.training.tokens import CorpusTokens

_ENGLISH: Final = "en"
_BLOCK: Final = 1 << 16  # rows of the teacher turned at once


@dataclass(frozen=True, slots=True)
class SettlingPlan:
    """How the table is settled.

    Attributes:
        steps: Batches; 0 leaves the table as it is.
        learning_rate: At the start; it falls linearly to a hundredth.
        warm_up: Steps in which it rises from zero.
        cut_shares: How often an entry is cut into its pieces, by the language that uses it most; `other` for the rest.
        passage_share: As in `sampling`.
        lang_weights: Those of `sampling`, times this.
        source_weights: Before those of `sampling`.
        seed: Of everything that is drawn.
    """

    steps: int = 0
    learning_rate: float = 0.0015
    warm_up: int = 100
    cut_shares: Mapping[str, float] = field(default_factory=dict)
    passage_share: float = 0.25
    lang_weights: Mapping[str, float] = field(default_factory=dict)
    source_weights: Mapping[str, float] = field(default_factory=dict)
    seed: int = 2

    def student(self, plan: StudentPlan) -> StudentPlan:
        """How the table is trained, where it is settled."""
        return replace(
            plan,
            narrow_steps=0,
            steps=self.steps,
            learning_rate=self.learning_rate,
            warm_up=self.warm_up,
            piece_share=0.0,
            seed=self.seed,
        )

    def sampling(self, plan: SamplingPlan) -> SamplingPlan:
        """What is drawn how often, where the table is settled."""
        weights = {**plan.lang_weights}
        for lang, factor in self.lang_weights.items():
            weights[lang] = weights.get(lang, weights.get("other", 1.0)) * factor
        sources = {**self.source_weights, **plan.source_weights, **self.source_weights}
        return replace(plan, passage_share=self.passage_share, lang_weights=weights, source_weights=sources)


class CuttingSampler:
    """Draws batches in which entries are cut into their pieces now and then."""

    def __init__(self, sampler: PairSampler, tokens: CorpusTokens, pieces: Pieces, plan: SettlingPlan) -> None:
        """Find out which language uses each entry most."""
        self._sampler, self._pieces = sampler, pieces
        self._rng = np.random.default_rng(plan.seed)
        rest = plan.cut_shares.get("other", 0.0)
        langs = [_ENGLISH, *tokens.lang_names]
        shares = np.array([plan.cut_shares.get(lang, rest) for lang in langs])
        self._shares = shares[_langs_of_entries(tokens, pieces.n_entries)]

    def draw(self, n_rows: int) -> Batch:
        """The next batch of `n_rows` rows."""
        batch = self._sampler.draw(n_rows)
        return Batch(self._cut(batch.one), self._cut(batch.other))

    def _cut(self, side: Side) -> Side:
        ids, counts = self._pieces.cut(side.ids, self._rng.random(len(side.ids)) < self._shares[side.ids])
        rows = np.repeat(np.arange(len(side.lengths)), side.lengths)
        lengths = np.bincount(rows, weights=counts, minlength=len(side.lengths)).astype(np.int64)
        return Side(ids, lengths, side.first_lines, side.n_lines)


def turned(teacher: NDArray[np.float16], matrix: NDArray[np.float32]) -> NDArray[np.float16]:
    """The teacher's vectors under the whitening of the table, unit rows again."""
    found = np.empty(teacher.shape, np.float16)
    for start in range(0, len(teacher), _BLOCK):
        block = teacher[start : start + _BLOCK].astype(np.float32)
        found[start : start + _BLOCK] = unit_rows(block @ matrix)
    return found


def _langs_of_entries(tokens: CorpusTokens, n_entries: int) -> NDArray[np.int64]:
    """For each entry which language uses it most: 0 for English, else one more than its number."""
    langs = np.zeros(n_entries, np.int64)
    most = np.zeros(n_entries)
    for number in range(len(tokens.lang_names) + 1):
        others = np.flatnonzero(tokens.langs == number - 1) + tokens.n_english
        texts = others if number else np.arange(tokens.n_english)
        ids = tokens.ids[ranges(tokens.starts[texts], tokens.starts[texts + 1] - tokens.starts[texts])]
        use = np.bincount(ids, minlength=n_entries) / max(len(ids), 1)
        langs[use > most] = number
        most = np.maximum(most, use)
    return langs
