"""The folder of a finished encoder: weights, vocabulary, the matrix of passages, and what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.static import CONFIG, KIND, MATRIX, TOKENIZER, WEIGHTS, StaticConfig
from smsearch.encoders.table import TokenTable
from smsearch.files import file_sha256, write_atomically
from smsearch.training.compression import mean_cosine, save_matrix, save_table
from smsearch.training.configuration import TrainingConfig


def write_model(
    folder: Path,
    config: TrainingConfig,
    table: TokenTable,
    rows: NDArray[np.float32],
    tokenizer: Path,
    *,
    matrix: NDArray[np.float32] | None,
) -> None:
    """Write a folder that `load_encoder` reads, but for its card.

    Args:
        folder: Made where it is missing.
        config: What the model was trained from.
        table: The finished table, compressed.
        rows: `(n_tokens, dim)` float32, the same before it was compressed.
        tokenizer: File of the vocabulary.
        matrix: What passages are multiplied by, `(dim, dim)`; None to leave them as they are.
    """
    folder.mkdir(exist_ok=True)
    shutil.copyfile(tokenizer, folder / TOKENIZER)
    digests = {WEIGHTS: save_table(folder / WEIGHTS, table), TOKENIZER: file_sha256(folder / TOKENIZER)}
    if matrix is None:
        (folder / MATRIX).unlink(missing_ok=True)
    else:
        digests[MATRIX] = save_matrix(folder / MATRIX, matrix)
    made = StaticConfig(
        model=config.name,
        version=config.version,
        late_exponent=config.late_exponent,
        query_power=config.query_power,
        turns_passages=matrix is not None,
    )
    content = {
        "kind": KIND,
        "format": made.format,
        "name": made.model,
        "version": made.version,
        "dim": table.dim,
        "tokens": len(table),
        "pooling": "mean",
        "late_exponent": made.late_exponent,
        "query_power": made.query_power,
        "turns_passages": made.turns_passages,
        "compression_cosine": round(mean_cosine(rows, table), 6),
        "sha256": digests,
    }
    write_atomically(folder / CONFIG, (json.dumps(content, indent=2) + "\n").encode())  # last: it makes it a model
