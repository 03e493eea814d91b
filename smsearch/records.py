"""The frozen records that travel between the floors of the house."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["post", "comment"]
ScoreKind = Literal["probability", "bm25", "cosine", "rerank"]
Mode = Literal["hybrid", "dense", "lexical"]
Group = Literal["translations"]
MetadataValue = str | int | float | bool | None

UNKNOWN_LANG = "und"


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch `text[start:end]` of a document that is post or comment.

    Attributes:
        start: First character.
        end: One past the last character.
        kind: Whether the document's author or a reader wrote it.
        author: Who wrote it, where the source says so.
        date: When, ISO 8601, where the source says so.
    """

    start: int
    end: int
    kind: Kind = "post"
    author: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One text from a source.

    Attributes:
        doc_id: Stable name: the path relative to the source root, or the export's own id.
        text: The full text, NFC, lines ended by a line feed; nothing is ever cut from it.
        title: Title, or the empty string.
        source: Name of the source it came from.
        author: Author, where known.
        date: ISO 8601 date or date and time, where known.
        lang: BCP 47 tag when the source states it, else `und`.
        metadata: Whatever else the source says, as plain values.
        sections: Posts and comments in order, where the source marks them. Empty means
            that the structure has to be read from the text itself.
    """

    doc_id: str
    text: str
    title: str = ""
    source: str = ""
    author: str | None = None
    date: str | None = None
    lang: str = UNKNOWN_LANG
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Digest of everything but `doc_id` and `source`, 32 hexadecimal digits."""
        content = (
            self.text,
            self.title,
            self.author,
            self.date,
            self.lang,
            sorted(self.metadata.items()),
            [(s.start, s.end, s.kind, s.author, s.date) for s in self.sections],
        )
        packed = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return hashlib.blake2b(packed.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a table (JSONL, CSV) hold what; the rest becomes metadata.

    Attributes:
        text: Field of the text; several joined by a comma are joined by a blank line.
        doc_id: Field of the identifier; None takes `id` where there is one, else the line number.
        title: Field of the title.
        author: Field of the author.
        date: Field of the date.
        lang: Field of the language tag.
    """

    text: str = "text"
    doc_id: str | None = None
    title: str = "title"
    author: str = "author"
    date: str = "date"
    lang: str = "lang"


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents come from: a file, a folder, a glob pattern, or `-` for standard input.

    Attributes:
        path: Absolute path or pattern, or `-`.
        name: How the user named it; what `Document.source` says.
        format: Name of the reader to use for every file, or None to go by each file's name.
        fields: Which fields of a table hold what.
        follow_links: Whether links in folders lead to folders and out of the source.
    """

    path: str
    name: str
    format: str | None = None
    fields: Fields = Fields()
    follow_links: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that gave no document.

    Attributes:
        name: The file, as the user would name it.
        reason: One clause saying why.
        failed: True when it should have been readable; False when it was skipped on purpose
            (an unknown binary format, say).
    """

    name: str
    reason: str
    failed: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch `text[start:end]` that is left out of the passages, and why."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Passage:
    """The stretch of a document that is encoded and retrieved.

    Attributes:
        start: First character in the document's text.
        end: One past the last character.
        text: `document.text[start:end]`.
        kind: Post or comment.
        author: Of a comment, where known.
        date: Of a comment, where known, ISO 8601.
        lang: BCP 47 tag, or `und`.
        heading: The heading the passage stands under, or the empty string.
        sentences: `(start, end)` of each sentence, relative to the passage.
    """

    start: int
    end: int
    text: str
    kind: Kind = "post"
    author: str | None = None
    date: str | None = None
    lang: str = UNKNOWN_LANG
    heading: str = ""
    sentences: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build or an update did, in documents unless said otherwise.

    Attributes:
        added: New.
        changed: Known under their identifier, with another content or cut another way.
        removed: No longer in their source.
        unchanged: Left as they were.
        encoded: Passages that were encoded.
        skipped: Files left aside on purpose.
        failed: Files and rows that should have been readable.
        kept: Not found in their source, but kept because something in it could not be read.
        seconds: Time taken.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    encoded: int = 0
    skipped: tuple[Unread, ...] = ()
    failed: tuple[Unread, ...] = ()
    kept: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SalvageReport:
    """What was saved of a damaged index.

    Attributes:
        folder: The new index.
        encoder: Name of its encoder.
        saved: Documents in it.
        lost: Documents that could not be read.
        sources: Recorded sources that were saved; an update of the new index reads them again.
    """

    folder: str
    encoder: str
    saved: int
    lost: int
    sources: int


@dataclass(frozen=True, slots=True)
class Status:
    """What an index holds.

    Attributes:
        folder: Where it is.
        encoder: Name of the encoder.
        dim: Length of its vectors.
        encoder_fingerprint: Digest of the encoder.
        encoder_choice: Why this encoder was taken; the empty string where that was not recorded.
        n_documents: Documents.
        n_passages: Passages, duplicates included.
        n_duplicates: Passages that another one stands for.
        langs: Passages by language, most frequent first.
        kinds: Passages by kind.
        sources: Documents by source.
        left_out: Number and characters of the stretches no passage holds, by reason.
        vector_index: Kind of FAISS index.
        n_changes: Passages that came or went since the derived files were written.
        n_bytes: Size on disk.
        derived_faults: What is wrong with the derived files, if anything.
    """

    folder: str
    encoder: str
    dim: int
    encoder_fingerprint: str
    n_documents: int
    n_passages: int
    n_duplicates: int
    langs: Mapping[str, int]
    kinds: Mapping[str, int]
    sources: Mapping[str, int]
    left_out: Mapping[str, tuple[int, int]]
    vector_index: str
    n_changes: int
    n_bytes: int
    derived_faults: tuple[str, ...]
    encoder_choice: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which passages may be hits; None means no restriction.

    Attributes:
        langs: Languages of the passage, BCP 47; a tag also admits its longer forms (`nb` admits `nb-NO`).
        kinds: `post`, `comment`.
        sources: Names of sources.
        since: First date, ISO 8601, inclusive; documents without a date are out.
        until: Last date, ISO 8601, inclusive as far as it is written (`2010` admits all of 2010).
        where: Metadata fields and the values they must have.
    """

    langs: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    since: str | None = None
    until: str | None = None
    where: tuple[tuple[str, str], ...] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is restricted."""
        return self == Filters()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its score for one query.

    Attributes:
        query: What was asked.
        rank: Place in the ranking, from 1.
        score: What the ranking is ordered by; higher is better. Mostly the probability that the passage answers the
            query, in `[0, 1]`: 0.5 is the natural cut.
        doc_id: The document.
        passage_id: The passage; never reused within an index.
        title: Title of the document, or the empty string.
        source: Name of the source.
        lang: Language of the passage.
        kind: `post` or `comment`.
        start: First character of the passage in the document's text.
        end: One past its last character.
        text: The passage.
        sentence: The sentence of the passage that fits the query best.
        sentence_start: Its first character in the document's text.
        sentence_end: One past its last character.
        matches: `(start, end)` in the document's text of the words of the best sentence that
            matched the query, in any language.
        dense: Cosine of query and passage, or None where it was not computed.
        lexical: BM25 of the passage, or None where no word matched.
        late: Late-interaction score in `[-1, 1]`, or None where the encoder has no token vectors.
        author: Author of the comment or document, where known.
        date: Date of the comment or document, where known.
        heading: Heading above the passage, or the empty string.
        duplicates: How many other passages hold (nearly) the same text.
        metadata: Metadata of the document.
        score_kind: What the score is: `probability`; `bm25` of a lexical search; `cosine` of similar documents; or
            `rerank`, the score of a reranker.
    """

    query: str
    rank: int
    score: float
    doc_id: str
    passage_id: int
    title: str
    source: str
    lang: str
    kind: str
    start: int
    end: int
    text: str
    sentence: str
    sentence_start: int
    sentence_end: int
    matches: tuple[tuple[int, int], ...] = ()
    dense: float | None = None
    lexical: float | None = None
    late: float | None = None
    author: str | None = None
    date: str | None = None
    heading: str = ""
    duplicates: int = 0
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    score_kind: ScoreKind = "probability"

    def as_dict(self) -> dict[str, Any]:
        """All attributes as plain JSON values, in the order above."""
        return asdict(self)
