"""Sources to documents: files, folders, patterns and exports in, `Document` and `Unread` out."""

from smsearch.sources.formats import FORMATS
from smsearch.sources.reading import count_files, read_source, resolve_source

__all__ = ["FORMATS", "count_files", "read_source", "resolve_source"]
