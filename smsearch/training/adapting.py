"""Passages turned towards the questions they answer: one matrix, learned behind the finished table, whose rows stay.

A sentence and its translation use the same words; a question and the paragraph that answers it do not. What would
teach the rows the one makes them worse at the other, so the difference is learned apart: passages pass through a matrix
before they are compared, queries do not. It is symmetric, begins as the identity and is held near it, for half as many
numbers learn less of what the sources look like. It is taught by headings and questions with the text below them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.training.batches import Batch, PairSampler, SamplingPlan, Side, shared_out
from smsearch.training.preparing import Prepared
from smsearch.training.student import Student, StudentPlan, sparse_tensor
from smsearch.training.tokens import CorpusTokens

if TYPE_CHECKING:
    import torch

_LEAST_PROSE: Final = 9  # tokens of the line below a heading
_MOST_HEADING: Final = 12
_LONGEST_HEADING: Final = 70  # characters
_ENDS_SENTENCE: Final = re.compile(r"[.:;!,…。]\W*$")


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """How the matrix of passages is learned.

    Attributes:
        steps: Batches; 0 leaves passages as they are.
        learning_rate: At the start; it falls linearly to a hundredth.
        heading_share: Share of a batch that is a heading or a question with the text below it; the rest are pairs as
            the table was settled with.
        question_weight: How much a question counts among the headings.
        most_lines: Most lines of the text below.
        same_lang_share: Share of the headings that are in the language of the text below.
        lang_exponent: A language is drawn by the number of its headings to this power.
        lang_weights: Times this; `other` for the languages that are not named.
        source_weights: How much a source counts, by the beginning of its name; 1 for the rest.
        temperature: Of the contrastive loss.
        pull: Weight of the squared distance from the identity.
        seed: Of everything that is drawn.
    """

    steps: int = 0
    learning_rate: float = 0.0003
    heading_share: float = 0.5
    question_weight: float = 4.0
    most_lines: int = 5
    same_lang_share: float = 0.5
    lang_exponent: float = 0.5
    lang_weights: Mapping[str, float] = field(default_factory=dict)
    source_weights: Mapping[str, float] = field(default_factory=dict)
    temperature: float = 0.05
    pull: float = 0.003
    seed: int = 4

    def student(self, plan: StudentPlan) -> StudentPlan:
        """How the matrix is trained, where the table was by a plan."""
        return replace(
            plan,
            narrow_steps=0,
            steps=self.steps,
            learning_rate=self.learning_rate,
            warm_up=0,
            temperature=self.temperature,
            piece_share=0.0,
            seed=self.seed,
        )


def headings_of(lines: Sequence[str], lengths: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which English lines are a heading or a question with running text below, and which of these are questions.

    A question ends with a question mark, and the next line does not. A heading is short, begins with a capital
    letter and ends no sentence. The line below ends with a full stop.

    Args:
        lines: In the order of their sources.
        lengths: `(n_lines,)`, tokens of each.
    """
    asks = np.array([line.rstrip().endswith("?") for line in lines], bool)
    titled = np.array([_is_title(line) for line in lines], bool) & (lengths > 1) & (lengths <= _MOST_HEADING)
    prose = np.array([line.rstrip().endswith(".") for line in lines], bool) & (lengths >= _LEAST_PROSE)
    asks_on, stands_over_prose = np.append(asks[1:], [False]), np.append(prose[1:], [False])
    return (titled | (asks & ~asks_on)) & stands_over_prose, asks


def _is_title(line: str) -> bool:
    return len(line) < _LONGEST_HEADING and line[:1].isupper() and not _ENDS_SENTENCE.search(line)


class HeadingSampler(PairSampler):
    """Draws headings and questions with the lines below them, in either language, beside the usual pairs."""

    def __init__(
        self, tokens: CorpusTokens, sampling: SamplingPlan, plan: AdapterPlan, lines: Sequence[str], *, seed: int
    ) -> None:
        """Find the headings among the English lines, and weigh every pair that has one."""
        super().__init__(tokens, sampling, seed=seed)
        self._adapter = plan
        is_heading, asks = headings_of(lines, np.diff(tokens.starts[: tokens.n_english + 1]))
        usable = is_heading[tokens.lines] & (self._followers > 0) & ~self.is_held_out
        weights = np.where(asks[tokens.lines], plan.question_weight, 1.0) * usable
        counts = np.bincount(tokens.langs[usable], minlength=len(tokens.lang_names))
        weights = shared_out(weights, counts, tokens, plan)
        self.n_headings = int((weights > 0).sum())
        self._heading_sums = np.cumsum(weights)

    def draw(self, n_rows: int) -> Batch:
        """The next batch of `n_rows` rows: queries first, what answers them second."""
        n_headings = int(self._adapter.heading_share * n_rows)
        usual = super().draw(n_rows - n_headings)
        return _joined(usual, self._draw_headings(n_headings)) if n_headings else usual

    def _draw_headings(self, n_rows: int) -> Batch:
        rng, plan, tokens = self._rng, self._adapter, self._tokens
        pairs = np.searchsorted(self._heading_sums, rng.random(n_rows) * self._heading_sums[-1], side="right")
        n_below = np.minimum(self._followers[pairs], rng.integers(1, plan.most_lines + 1, n_rows))
        asks_english = rng.random(n_rows) < 0.5  # noqa: PLR2004  either language
        answers_english = asks_english == (rng.random(n_rows) < plan.same_lang_share)
        none, lines = np.zeros_like(n_below), tokens.lines[pairs].astype(np.int64)
        heading = self._segments(pairs, none, none, asks_english)
        below = self._segments(pairs, none + 1, n_below, answers_english)
        return Batch(self._side([heading], lines, none + 1), self._side([below], lines, n_below + 1))


class Adapter(Student):
    """The matrix with its optimiser, trained as a table is: its rows are learned, those of the table are given."""

    def __init__(
        self, query_rows: NDArray[np.float32], passage_rows: NDArray[np.float32], plan: AdapterPlan, table: StudentPlan
    ) -> None:
        """Begin with the identity.

        Args:
            query_rows: `(n_tokens, dim)` float32, rows whose sums are queries.
            passage_rows: The same of passages.
            plan: How the matrix is learned.
            table: How the table was.
        """
        import torch

        super().__init__(0, plan.student(table))
        self._rows = (torch.from_numpy(query_rows), torch.from_numpy(passage_rows))
        self._pull = plan.pull
        self._take(torch.eye(query_rows.shape[1]), {})

    def learn(self, prepared: Prepared) -> dict[str, float]:
        """One step; how far queries are from choosing their passage (InfoNCE), and the matrix from the identity."""
        import torch

        assert self.learned.grad is not None  # noqa: S101  made with the matrix
        used, made = torch.from_numpy(prepared.used), sparse_tensor(prepared.made)
        with torch.no_grad():
            queries, sums = (
                torch.sparse.mm(sparse_tensor(counts), torch.sparse.mm(made, rows[used]))
                for counts, rows in zip(prepared.sums, self._rows, strict=True)
            )
            queries = torch.nn.functional.normalize(queries)
            loss, grad = self._contrast(queries, sums, torch.from_numpy(prepared.near))
            distance = self.table - torch.eye(len(self.table))
            self.learned.grad.copy_((grad + grad.T) / 2 + 2 * self._pull * distance)
            self._make_step()
        return {"pairs": loss, "distance": float(distance.norm())}

    def _contrast(self, queries: torch.Tensor, sums: torch.Tensor, near: torch.Tensor) -> tuple[float, torch.Tensor]:
        """The loss of queries that look for their passages, and its gradient with respect to the matrix."""
        import torch

        turned = sums @ self.table
        lengths = turned.norm(dim=1, keepdim=True).clamp_min(1e-6)
        units = turned / lengths
        scores = (queries @ units.T / self.plan.temperature).masked_fill(near, -torch.inf)
        loss = float((scores.logsumexp(dim=1) - scores.diagonal()).mean())
        chances = scores.softmax(dim=1)
        chances.diagonal().sub_(1)
        grad = chances.T @ queries / (len(queries) * self.plan.temperature)
        raw = (grad - units * (units * grad).sum(1, keepdim=True)) / lengths
        return loss, sums.T @ raw


def _joined(one: Batch, other: Batch) -> Batch:
    return Batch(_joined_sides(one.one, other.one), _joined_sides(one.other, other.other))


def _joined_sides(one: Side, other: Side) -> Side:
    return Side(
        np.concatenate([one.ids, other.ids]),
        np.concatenate([one.lengths, other.lengths]),
        np.concatenate([one.first_lines, other.first_lines]),
        np.concatenate([one.n_lines, other.n_lines]),
    )
