"""The student: a table of token vectors, trained so that the normalised sum of a text's rows says what the text says.

The gradients are written out, for everything that is learned is one table: products in bfloat16 where the processor
has instructions for it, sums through sparse matrices that hold the rows of a batch alone.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.files import read_json_object, write_atomically
from smsearch.training.preparing import BatchPreparer, Prepared

if TYPE_CHECKING:
    import torch
    from scipy.sparse import csr_matrix

CHECKPOINT: Final = "checkpoint.safetensors"
STATE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class StudentPlan:
    """How the table is trained.

    Attributes:
        dim: Length of a vector.
        narrow_dim: Length while the first `narrow_steps` are made: those directions of the teacher that hold most.
        narrow_steps: Steps before the table is widened to `dim`; 0 for all at full length.
        steps: Batches in all.
        batch: Rows of a batch.
        learning_rate: At the start; it falls linearly to a hundredth.
        warm_up: Steps in which it rises from zero.
        temperature: Of the contrastive loss.
        teacher_contrast: Weight of the contrast of each side with the other's teacher vector.
        teacher_cosine: Weight of `1 - cosine` of each side with its own teacher vector.
        piece_share: An entry's vector holds this much of the mean of its smaller pieces' vectors; what is
            exported is the sum.
        seed: Of everything that is drawn.
        checkpoint_minutes: Between checkpoints.
    """

    dim: int = 256
    narrow_dim: int = 128
    narrow_steps: int = 0
    steps: int = 20_000
    batch: int = 2048
    learning_rate: float = 0.02
    warm_up: int = 100
    temperature: float = 0.05
    teacher_contrast: float = 0.5
    teacher_cosine: float = 1.0
    piece_share: float = 0.5
    seed: int = 1
    checkpoint_minutes: float = 5.0


class Student:
    """The table with its optimiser."""

    def __init__(self, n_tokens: int, plan: StudentPlan) -> None:
        """Draw the table anew."""
        import torch

        self.plan = plan
        self.step = 0
        self.seconds = 0.0
        self._held = 0
        generator = torch.Generator().manual_seed(plan.seed)
        dim = min(plan.narrow_dim, plan.dim) if plan.narrow_steps else plan.dim
        self._take(0.1 * torch.randn(n_tokens, dim, generator=generator), {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says once in a process that sparse tensors are beta
            torch.sparse_csr_tensor([0], [], [], size=(0, 0))

    @classmethod
    def of(cls, rows: NDArray[np.float32], plan: StudentPlan, *, held: int = 0) -> Student:
        """Go on with rows that stand already, of which the first `held` stay as they are."""
        import torch

        student = cls(0, plan)
        student._held = held
        student._take(torch.from_numpy(np.array(rows, np.float32)), {})
        return student

    def save(self, folder: Path) -> None:
        """Write table, optimiser and step, the step last."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = self.optimiser.state.get(self.learned, {})
        tensors = {"table": self.table} | {name: state[name] for name in ("exp_avg", "exp_avg_sq") if state}
        aside = folder / f".{CHECKPOINT}"
        save_file(tensors, aside)
        aside.replace(folder / CHECKPOINT)
        write_atomically(folder / STATE, json.dumps({"step": self.step, "seconds": round(self.seconds, 1)}).encode())

    def load(self, folder: Path) -> bool:
        """Go on from a checkpoint; False when there is none."""
        from safetensors.torch import load_file

        state = read_json_object(folder / STATE)
        if not state:
            return False
        tensors = load_file(folder / CHECKPOINT)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self._take(tensors.pop("table"), tensors)
        return True

    def _take(self, table: torch.Tensor, moments: dict[str, torch.Tensor]) -> None:
        """Go on with this table and these moments of the optimiser."""
        import torch

        self.table = table
        self.learned = torch.nn.Parameter(table[self._held :])  # the same memory
        self.learned.grad = torch.zeros_like(self.learned)
        self.optimiser = torch.optim.Adam([self.learned], lr=self.plan.learning_rate, fused=True)
        if moments:
            self.optimiser.state[self.learned] = {**moments, "step": torch.tensor(float(self.step))}
        self._touched = torch.zeros(0, dtype=torch.long)

    def _widen(self) -> None:
        """Add the directions that are missing: zero, with the mean second moment of their row."""
        import torch

        missing = self.plan.dim - self.table.shape[1]
        table = self.table
        moments = {name: self.optimiser.state[self.learned][name] for name in ("exp_avg", "exp_avg_sq")}
        zeros = table.new_zeros(len(table), missing)
        spread = moments["exp_avg_sq"].mean(1, keepdim=True).expand(-1, missing)
        self._take(
            torch.cat([table, zeros], dim=1),
            {
                "exp_avg": torch.cat([moments["exp_avg"], zeros], dim=1),
                "exp_avg_sq": torch.cat([moments["exp_avg_sq"], spread], dim=1),
            },
        )

    def learn(self, prepared: Prepared) -> dict[str, float]:
        """One step; the parts of the loss."""
        import torch

        plan = self.plan
        if self.step >= plan.narrow_steps and self.table.shape[1] < plan.dim:
            self._widen()
        grad = self.learned.grad
        assert grad is not None  # noqa: S101  made with the table
        grad[self._touched] = 0
        used = torch.from_numpy(prepared.used)
        learned = used >= self._held
        self._touched = used[learned] - self._held
        with torch.no_grad():
            vectors = torch.sparse.mm(sparse_tensor(prepared.made), self.table[used])
            raw = [torch.sparse.mm(sparse_tensor(sums), vectors) for sums in prepared.sums]
            norms = [each.norm(dim=1, keepdim=True).clamp_min(1e-6) for each in raw]
            units = [each / norm for each, norm in zip(raw, norms, strict=True)]
            losses, unit_grads = self._losses(units, prepared)
            vector_grad = torch.zeros_like(vectors)
            for unit, norm, unit_grad, sums in zip(units, norms, unit_grads, prepared.sums, strict=True):
                raw_grad = (unit_grad - unit * (unit * unit_grad).sum(1, keepdim=True)) / norm
                vector_grad += torch.sparse.mm(sparse_tensor(sums.T.tocsr()), raw_grad)
            grad[self._touched] = torch.sparse.mm(sparse_tensor(prepared.made.T.tocsr()), vector_grad)[learned]
            self._make_step()
        return losses

    def _make_step(self) -> None:
        """Follow the gradient, at the rate of this step."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.learning_rate * self._rate()
        self.optimiser.step()
        self.step += 1

    def _rate(self) -> float:
        plan = self.plan
        rising = min(1.0, (self.step + 1) / plan.warm_up) if plan.warm_up else 1.0
        return rising * max(0.01, 1 - self.step / plan.steps)

    def _losses(self, units: Sequence[torch.Tensor], prepared: Prepared) -> tuple[dict[str, float], list[torch.Tensor]]:
        """Values, and gradients with respect to the unit rows of both sides."""
        import torch

        plan = self.plan
        one, other = units
        teacher_one, teacher_other = (
            torch.nn.functional.normalize(torch.from_numpy(each[:, : one.shape[1]])) for each in prepared.teacher
        )
        near = torch.from_numpy(prepared.near)
        losses: dict[str, float] = {}
        losses["pairs"], grad_one, grad_other = contrast(one, other, near, plan.temperature)
        if plan.teacher_contrast:
            value, grad, _ = contrast(one, teacher_other, near, plan.temperature)
            grad_one += plan.teacher_contrast * grad
            losses["teacher"], grad, _ = contrast(other, teacher_one, near, plan.temperature)
            grad_other += plan.teacher_contrast * grad
            losses["teacher"] = (losses["teacher"] + value) / 2
        share = plan.teacher_cosine / len(one)
        grad_one -= share * teacher_one
        grad_other -= share * teacher_other
        losses["cosine"] = float((one * teacher_one).sum(1).mean() + (other * teacher_other).sum(1).mean()) / 2
        return losses, [grad_one, grad_other]


def contrast(
    one: torch.Tensor, other: torch.Tensor, near: torch.Tensor, temperature: float
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """The in-batch contrastive loss (InfoNCE; van den Oord et al., 2018) in both directions, and its gradients.

    Args:
        one: `(n, dim)`, unit rows.
        other: `(n, dim)`, unit rows; row i belongs to row i of `one`.
        near: `(n, n)` bool: which pairs do not count; the diagonal must.
        temperature: The cosines are divided by it.

    Returns:
        Mean of the two directions, and the gradients with respect to `one` and `other`.
    """
    n = len(one)
    kind = _product_kind()
    one_half, other_half = one.to(kind), other.to(kind)
    chances = (one_half @ other_half.T).float().sub_(1).div_(temperature)  # cosines are 1 at most
    right = chances.diagonal().clone()
    chances.exp_().masked_fill_(near, 0)
    by_row, by_column = chances.sum(1), chances.sum(0)
    loss = float((by_row.log() + by_column.log() - 2 * right).mean()) / 2
    chances.mul_(by_row.reciprocal()[:, None] + by_column.reciprocal()[None, :])
    chances.diagonal().sub_(2)
    grad = chances.mul_(0.5 / (n * temperature)).to(kind)
    return loss, (grad @ other_half).float(), (grad.T @ one_half).float()


@lru_cache(maxsize=1)
def _product_kind() -> torch.dtype:
    """Return the kind of number in which this processor multiplies matrices faster: bfloat16, or float32."""
    import torch

    taken = {}
    for kind in (torch.float32, torch.bfloat16):
        matrix = torch.ones(512, 512, dtype=kind)
        for _ in range(2):  # the first prepares
            begun = time.perf_counter()
            matrix @ matrix
            taken[kind] = time.perf_counter() - begun
    return min(taken, key=taken.__getitem__)


def sparse_tensor(matrix: csr_matrix) -> torch.Tensor:
    """The same matrix for torch, sharing its values."""
    import torch

    return torch.sparse_csr_tensor(
        torch.from_numpy(matrix.indptr.astype(np.int32)),
        torch.from_numpy(matrix.indices.astype(np.int32)),
        torch.from_numpy(matrix.data),
        size=matrix.shape,
        check_invariants=False,
    )


def train_student(
    student: Student,
    preparer: BatchPreparer,
    folder: Path,
    *,
    until: int | None = None,
    advance: Callable[[int, dict[str, float]], object] = lambda _step, _losses: None,
) -> None:
    """Train to the last step, with a checkpoint every few minutes, and go on from one where there is one.

    Args:
        student: What to train.
        preparer: Where batches come from.
        folder: Of the checkpoint.
        until: Stop after this step, as if interrupted; None for the plan's last.
        advance: Called after each step with its number and the parts of the loss.
    """
    last = min(until or student.plan.steps, student.plan.steps)
    saved = time.monotonic()
    with preparer.batches() as batches:
        while student.step < last:
            begun = time.monotonic()
            losses = student.learn(next(batches))
            student.seconds += time.monotonic() - begun
            advance(student.step, losses)
            if time.monotonic() - saved > 60 * student.plan.checkpoint_minutes:
                student.save(folder)
                saved = time.monotonic()
    student.save(folder)
