"""The Python door: build an index, open it, ask it, keep it up to date."""

from smsearch.api.building import (
    DEFAULT_INDEX,
    INDEX_VARIABLE,
    build_index,
    estimate_documents,
    index_folder,
    open_index,
    salvage_index,
)
from smsearch.api.opened import Index
from smsearch.api.options import load_for

__all__ = [
    "DEFAULT_INDEX",
    "INDEX_VARIABLE",
    "Index",
    "build_index",
    "estimate_documents",
    "index_folder",
    "load_for",
    "open_index",
    "salvage_index",
]
