"""A static encoder written as a StaticEmbedding model of sentence-transformers, without torch.

Where queries and passages are not encoded alike, each has a table of its own behind a `Router`: sums of rows that are
weighed or turned one by one are the sums weighed or turned.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.static import TOKENIZER, WEIGHTS, StaticEncoder
from smsearch.encoders.table import weighted_rows
from smsearch.errors import EncoderError
from smsearch.files import write_atomically

_MODULES: Final = {
    "0_StaticEmbedding": "sentence_transformers.models.StaticEmbedding",
    "1_Normalize": "sentence_transformers.models.Normalize",
}
_ROUTER: Final = "sentence_transformers.models.Router"
_ROUTES: Final = ("query", "document")
_CONFIG: Final[dict[str, Any]] = {
    "model_type": "SentenceTransformer",
    "prompts": {"query": "", "document": ""},
    "default_prompt_name": None,
    "similarity_fn_name": "cosine",
}


def write_static_embedding(encoder: StaticEncoder, folder: Path) -> None:
    """Write modules, configuration, float32 tables (4 bytes a number) and tokenizer to a new folder.

    `StaticEmbedding` takes the mean where the table is summed; normalised, the two are the same. `encode_query` and
    `encode_document` of the written model are `encode_queries` and `encode_passages` here.

    Raises:
        EncoderError: If the folder exists and is not empty.
        OSError: If it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EncoderError(f"{str(folder)!r} exists already; name a new folder to export to")
    rows = encoder.table.rows(np.arange(len(encoder.table), dtype=np.int32))
    if encoder.config.encodes_alike:
        _write_route(encoder, rows, folder, "")
        modules = _MODULES
    else:
        passages = rows if encoder.matrix is None else (rows @ encoder.matrix).astype(np.float32)
        for route, table in zip(_ROUTES, (weighted_rows(rows, encoder.config.query_power), passages), strict=True):
            _write_route(encoder, table, folder, f"{route}_")
        write_atomically(folder / "router_config.json", _json(_router()))
        modules = {"": _ROUTER}
    write_atomically(folder / "config_sentence_transformers.json", _json(_CONFIG))
    listed = [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(modules.items())]
    write_atomically(folder / "modules.json", _json(listed))  # last: it makes the folder a model


def _write_route(encoder: StaticEncoder, rows: NDArray[np.float32], folder: Path, prefix: str) -> None:
    """Write the modules that texts of one kind pass through."""
    embedding, normalize = (folder / f"{prefix}{name}" for name in _MODULES)
    embedding.mkdir(parents=True)
    normalize.mkdir()
    write_atomically(embedding / WEIGHTS, _safetensors("embedding.weight", rows))
    shutil.copyfile(encoder.folder / TOKENIZER, embedding / TOKENIZER)


def _router() -> dict[str, Any]:
    return {
        "types": {f"{route}_{name}": kind for route in _ROUTES for name, kind in _MODULES.items()},
        "structure": {route: [f"{route}_{name}" for name in _MODULES] for route in _ROUTES},
        "parameters": {"default_route": _ROUTES[1], "allow_empty_key": True, "route_mappings": {}},
    }


def _safetensors(name: str, rows: NDArray[np.float32]) -> bytes:
    entry = {"dtype": "F32", "shape": list(rows.shape), "data_offsets": [0, rows.nbytes]}
    header = json.dumps({name: entry}).encode()
    header += b" " * (-len(header) % 8)  # tensors start at a multiple of 8
    return struct.pack("<Q", len(header)) + header + rows.astype("<f4", copy=False).tobytes()


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
