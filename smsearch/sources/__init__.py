"""Sources to documents: files, folders, patterns and exports in, `Document` and `Unread` out."""

from smsearch.sources.formats import FORMATS
from smsearch.sources.reading import estimate_documents, read_source, resolve_source

__all__ = ["FORMATS", "estimate_documents", "read_source", "resolve_source"]
