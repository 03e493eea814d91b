"""Multilingual semantic search over posts: ask in one language, find the passage in another, offline.

    import smsearch

    index = smsearch.build_index("seeds")
    for hit in index.search("why say no to social media", k=3):
        print(hit.score, hit.doc_id, hit.sentence)

Every name is loaded when it is first used, so that `import smsearch` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smsearch.api.building import build_index, open_index, salvage_index
    from smsearch.api.opened import Index
    from smsearch.encoders import load_encoder
    from smsearch.errors import SmsearchError
    from smsearch.notebook import Hits
    from smsearch.records import BuildReport, Document, Fields, Hit, SalvageReport, Section, Status

__version__ = "0.1.0"

_HOMES = {
    "BuildReport": "smsearch.records",
    "Document": "smsearch.records",
    "Fields": "smsearch.records",
    "Hit": "smsearch.records",
    "Hits": "smsearch.notebook",
    "Index": "smsearch.api.opened",
    "SalvageReport": "smsearch.records",
    "Section": "smsearch.records",
    "SmsearchError": "smsearch.errors",
    "Status": "smsearch.records",
    "build_index": "smsearch.api.building",
    "load_encoder": "smsearch.encoders",
    "open_index": "smsearch.api.building",
    "salvage_index": "smsearch.api.building",
}

__all__ = [
    "BuildReport",
    "Document",
    "Fields",
    "Hit",
    "Hits",
    "Index",
    "SalvageReport",
    "Section",
    "SmsearchError",
    "Status",
    "build_index",
    "load_encoder",
    "open_index",
    "salvage_index",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'smsearch' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
