"""What an index holds, counted."""

from __future__ import annotations

from smsearch.index.derived import derived_faults
from smsearch.index.reader import IndexReader
from smsearch.records import Status


def index_status(reader: IndexReader) -> Status:
    """Counts of an index; call within a snapshot."""
    store, recorded = reader.store, reader.encoder
    return Status(
        folder=str(reader.folder),
        encoder=recorded.name,
        dim=recorded.dim,
        encoder_fingerprint=recorded.fingerprint,
        n_documents=store.count("documents"),
        n_passages=store.count("passages"),
        n_duplicates=store.n_duplicates(),
        langs=store.counts_by("lang"),
        kinds=store.counts_by("kind"),
        sources=store.documents_by_source(),
        left_out=store.left_out_by_reason(),
        vector_index=_kind(reader),
        n_changes=store.count("changes"),
        n_bytes=sum(path.stat().st_size for path in reader.folder.iterdir() if path.is_file()),
        derived_faults=tuple(derived_faults(reader.folder, store)),
        encoder_choice=str(store.get_meta("encoder_choice") or ""),
    )


def _kind(reader: IndexReader) -> str:
    """What the vectors stand in, in a few words."""
    tuned = reader.tuned
    if tuned is None:
        return "SQfp16, every vector compared"
    codes = "PQ4fs," if reader.has_codes else ""
    return (
        f"IVF{tuned.n_clusters},{codes}SQ8, {tuned.n_probes} clusters visited, recall@10 {tuned.recall:.3f} "
        f"(wanted {tuned.wanted:g}), {tuned.milliseconds:.2g} ms"
    )
