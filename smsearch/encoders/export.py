"""A static encoder written as a StaticEmbedding model of sentence-transformers, without torch."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.static import TOKENIZER, WEIGHTS, StaticEncoder
from smsearch.errors import EncoderError
from smsearch.files import write_atomically

_EMBEDDING: Final = "0_StaticEmbedding"
_NORMALIZE: Final = "1_Normalize"
_MODULES: Final = [
    {"idx": 0, "name": "0", "path": _EMBEDDING, "type": "sentence_transformers.models.StaticEmbedding"},
    {"idx": 1, "name": "1", "path": _NORMALIZE, "type": "sentence_transformers.models.Normalize"},
]
_CONFIG: Final[dict[str, Any]] = {
    "model_type": "SentenceTransformer",
    "prompts": {"query": "", "document": ""},
    "default_prompt_name": None,
    "similarity_fn_name": "cosine",
}


def write_static_embedding(encoder: StaticEncoder, folder: Path) -> None:
    """Write modules, configuration, float32 table (4 bytes a number) and tokenizer to a new folder.

    `StaticEmbedding` takes the mean where the table is summed; normalised, the two are the same.

    Raises:
        EncoderError: If the folder exists and is not empty.
        OSError: If it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EncoderError(f"{str(folder)!r} exists already; name a new folder to export to")
    for name in (_EMBEDDING, _NORMALIZE):
        (folder / name).mkdir(parents=True)
    rows = encoder.table.rows(np.arange(len(encoder.table), dtype=np.int32))
    write_atomically(folder / _EMBEDDING / WEIGHTS, _safetensors("embedding.weight", rows))
    shutil.copyfile(encoder.folder / TOKENIZER, folder / _EMBEDDING / TOKENIZER)
    write_atomically(folder / "config_sentence_transformers.json", _json(_CONFIG))
    write_atomically(folder / "modules.json", _json(_MODULES))  # last: it makes the folder a model


def _safetensors(name: str, rows: NDArray[np.float32]) -> bytes:
    entry = {"dtype": "F32", "shape": list(rows.shape), "data_offsets": [0, rows.nbytes]}
    header = json.dumps({name: entry}).encode()
    header += b" " * (-len(header) % 8)  # tensors start at a multiple of 8
    return struct.pack("<Q", len(header)) + header + rows.astype("<f4", copy=False).tobytes()


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
