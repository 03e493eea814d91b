"""Batches of pairs drawn from a corpus: sentences, passages of joined lines, and questions cut out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smsearch.ragged import ranges
from smsearch.training.tokens import CorpusTokens


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """What is drawn how often.

    Attributes:
        lang_exponent: A language is drawn by the number of its pairs to this power.
        lang_weights: Times this.
        source_weights: How much a source counts, by the beginning of its name; 1 for the rest.
        short_weight: How much a pair counts whose English side has fewer than 4 tokens.
        cluster: So many rows of a batch stand close together in their source, for texts of one document are the
            hardest to tell apart; 1 for rows drawn one by one.
        cluster_lines: How close: pairs before or after the first.
        passage_share: Share of the drawn pairs that become passages, where lines follow each other.
        most_lines: Most lines of a passage.
        query_share: Share of those passages that stand against one of their sentences, not against their translation.
        same_lang_share: Share of those sentences that are in the passage's own language.
        crop_share: Share of those sentences that are cut to a stretch of 30-100 % of their tokens.
        removed_share: Share of those passages, in the sentence's own language, that do without the sentence.
        most_tokens: Longer sides are cut there.
        held_out: Every n-th English line is kept for checks along the way, with all its pairs.
    """

    lang_exponent: float = 0.6
    lang_weights: Mapping[str, float] = field(default_factory=dict)
    source_weights: Mapping[str, float] = field(default_factory=dict)
    short_weight: float = 0.6
    cluster: int = 1
    cluster_lines: int = 200
    passage_share: float = 0.35
    most_lines: int = 8
    query_share: float = 0.7
    same_lang_share: float = 0.5
    crop_share: float = 0.5
    removed_share: float = 0.3
    most_tokens: int = 256
    held_out: int = 300


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a batch: for each row its tokens and the English lines it says the same as.

    Attributes:
        ids: `(n_ids,)` int32, the tokens of all rows one after the other.
        lengths: `(n_rows,)` int64, tokens of each row.
        first_lines: `(n_rows,)` int64, its first English line.
        n_lines: `(n_rows,)` int64, how many.
    """

    ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    first_lines: NDArray[np.int64]
    n_lines: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows whose two sides belong together.

    Attributes:
        one: Texts of all languages, and questions.
        other: Their English sides, and passages.
    """

    one: Side
    other: Side


class PairSampler:
    """Draws batches without end; the same seed gives the same batches."""

    def __init__(self, tokens: CorpusTokens, plan: SamplingPlan, *, seed: int) -> None:
        """Weigh every pair of the corpus."""
        self._tokens, self._plan = tokens, plan
        self._rng = np.random.default_rng(seed)
        self.is_held_out = tokens.lines % plan.held_out == plan.held_out - 1
        weights = _pair_weights(tokens, plan)
        weights[self.is_held_out] = 0
        self._sums = np.cumsum(weights)
        self._followers = _followers(tokens)

    def draw(self, n_rows: int) -> Batch:
        """The next batch of `n_rows` rows."""
        rng, plan = self._rng, self._plan
        pairs = self._draw_pairs(n_rows)
        more = np.minimum(self._followers[pairs], rng.integers(1, plan.most_lines, n_rows))
        is_passage = (more > 0) & (rng.random(n_rows) < plan.passage_share)
        more[~is_passage] = 0
        is_query = is_passage & (rng.random(n_rows) < plan.query_share)
        asked = np.where(is_query, rng.integers(0, more + 1), 0)  # which line of the passage is the question
        asks_english = is_query & (rng.random(n_rows) < 0.5)  # noqa: PLR2004  either language
        same = is_query & (rng.random(n_rows) < plan.same_lang_share)
        answers_english = asks_english == same
        first = np.where(is_query, asked, 0)
        last = np.where(is_query, asked, more)
        one = self._segments(pairs, first, last, asks_english)
        one = self._crop(*one, is_query & (rng.random(n_rows) < plan.crop_share))
        whole = self._segments(pairs, np.zeros_like(more), more, answers_english)
        out = same & (rng.random(n_rows) < plan.removed_share)
        hole = self._segments(pairs, first, last, answers_english)
        before = (whole[0], np.where(out, hole[0] - whole[0], whole[1]))
        after_start = hole[0] + hole[1]
        after = (after_start, np.where(out, whole[0] + whole[1] - after_start, 0))
        lines = self._tokens.lines[pairs].astype(np.int64)
        return Batch(self._side([one], lines + first, last - first + 1), self._side([before, after], lines, more + 1))

    def _draw_pairs(self, n_rows: int) -> NDArray[np.int64]:
        """Pairs by weight; of each cluster the first is drawn, the others stand around it."""
        rng, plan, tokens = self._rng, self._plan, self._tokens
        drawn = rng.random(-(-n_rows // plan.cluster)) * self._sums[-1]
        first = np.repeat(np.searchsorted(self._sums, drawn, side="right"), plan.cluster)[:n_rows]
        if plan.cluster == 1:
            return first
        shift = rng.integers(-plan.cluster_lines, plan.cluster_lines + 1, n_rows)
        shift[:: plan.cluster] = 0
        pairs = np.clip(first + shift, 0, len(tokens.lines) - 1)
        fits = (tokens.langs[pairs] == tokens.langs[first]) & (tokens.sources[pairs] == tokens.sources[first])
        return np.where(fits & ~self.is_held_out[pairs], pairs, first)

    def _segments(
        self, pairs: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64], english: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and length in `ids` of lines `first ... last` after each pair, in one of its two languages."""
        tokens = self._tokens
        texts = np.where(english, tokens.lines[pairs], tokens.n_english + pairs)
        starts = tokens.starts[texts + first]
        return starts, tokens.starts[texts + last + 1] - starts

    def _crop(
        self, starts: NDArray[np.int64], lengths: NDArray[np.int64], chosen: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        share = self._rng.uniform(0.3, 1.0, len(starts))
        kept = np.where(chosen, np.maximum(np.ceil(lengths * share).astype(np.int64), np.minimum(lengths, 2)), lengths)
        shift = (self._rng.random(len(starts)) * (lengths - kept + 1)).astype(np.int64)
        return starts + shift, kept

    def _side(
        self,
        segments: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
        first_lines: NDArray[np.int64],
        n_lines: NDArray[np.int64],
    ) -> Side:
        left = np.full(len(first_lines), self._plan.most_tokens)
        limited = []
        for starts, lengths in segments:
            kept = np.minimum(lengths, left)
            left = left - kept
            limited.append((starts, kept))
        starts = np.stack([starts for starts, _ in limited], axis=1).ravel()
        lengths = np.stack([lengths for _, lengths in limited], axis=1)
        ids = self._tokens.ids[ranges(starts, lengths.ravel())]
        return Side(ids, lengths.sum(axis=1), first_lines, n_lines)


def _pair_weights(tokens: CorpusTokens, plan: SamplingPlan) -> NDArray[np.float64]:
    """Weight of each pair: its language's share, divided among the language's pairs by source and length."""
    english_lengths = np.diff(tokens.starts[: tokens.n_english + 1])
    weights = np.where(english_lengths[tokens.lines] < 4, plan.short_weight, 1.0)  # noqa: PLR2004  a phrase
    counts = np.bincount(tokens.langs, minlength=len(tokens.lang_names))
    return shared_out(weights, counts, tokens, plan)


class Shares(Protocol):
    """How often languages and sources are drawn; see `SamplingPlan`."""

    @property
    def lang_exponent(self) -> float:
        """A language is drawn by its number to this power."""

    @property
    def lang_weights(self) -> Mapping[str, float]:
        """Times this; `other`, or else 1, for languages that are not named."""

    @property
    def source_weights(self) -> Mapping[str, float]:
        """How much a source counts, by the beginning of its name; 1 for the rest."""


def shared_out(
    weights: NDArray[np.float64], counts: NDArray[np.int64], tokens: CorpusTokens, plan: Shares
) -> NDArray[np.float64]:
    """Weights of pairs, made such that each language has its share.

    Args:
        weights: `(n_pairs,)`, how much each counts within its language and source.
        counts: `(n_langs,)`, the numbers that the shares go by.
        tokens: The corpus.
        plan: How often languages and sources are drawn.
    """
    weights = weights * np.array([_weight(name, plan.source_weights) for name in tokens.source_names])[tokens.sources]
    rest = plan.lang_weights.get("other", 1.0)
    share = counts**plan.lang_exponent * np.array([plan.lang_weights.get(lang, rest) for lang in tokens.lang_names])
    totals = np.bincount(tokens.langs, weights, minlength=len(counts))
    factors = np.divide(share, totals, out=np.zeros_like(totals), where=totals > 0)
    shared: NDArray[np.float64] = weights * factors[tokens.langs]
    return shared


def _weight(name: str, weights: Mapping[str, float]) -> float:
    return next((weight for prefix, weight in weights.items() if name.startswith(prefix)), 1.0)


def _followers(tokens: CorpusTokens) -> NDArray[np.int64]:
    """How many pairs follow each pair line by line in its language and source."""
    follows = np.zeros(len(tokens.lines), bool)
    same = (np.diff(tokens.langs) == 0) & (np.diff(tokens.sources) == 0)
    words = np.array([name.startswith(("dict_", "gloss_", "terms_")) for name in tokens.source_names])
    follows[:-1] = (np.diff(tokens.lines) == 1) & same & ~words[tokens.sources[:-1]]
    ends = np.flatnonzero(~follows)
    followers: NDArray[np.int64] = ends[np.searchsorted(ends, np.arange(len(follows)))] - np.arange(len(follows))
    return followers
