"""Hits as a list that a notebook shows as a table and pandas takes as rows."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from smsearch.display import printable
from smsearch.errors import MissingExtraError
from smsearch.records import Hit

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("", "score", "passage", "document", "lang", "date")
_CELL = "text-align: left; vertical-align: top"


class Hits(Sequence[Hit]):
    """The hits of one query, best first.

    In Jupyter they show as a table in which the best sentence is bold and the words that matched
    are marked; everything from the documents is escaped, and characters that steer are replaced.
    """

    def __init__(self, query: str, hits: Sequence[Hit]) -> None:
        self.query = query
        self._hits = tuple(hits)

    @overload
    def __getitem__(self, index: int) -> Hit: ...

    @overload
    def __getitem__(self, index: slice) -> Hits: ...

    def __getitem__(self, index: int | slice) -> Hit | Hits:
        return Hits(self.query, self._hits[index]) if isinstance(index, slice) else self._hits[index]

    def __len__(self) -> int:
        return len(self._hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self._hits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hits) and (self.query, self._hits) == (other.query, other._hits)

    def __hash__(self) -> int:
        return hash((self.query, *((hit.passage_id, hit.score) for hit in self)))  # metadata cannot be hashed

    def __repr__(self) -> str:
        lines = [f"  {hit.rank}. {hit.score:.3f} {printable(hit.doc_id)} [{hit.lang}] {hit.sentence!r}" for hit in self]
        return "\n".join([f"<{len(self)} hits for {self.query!r}>", *lines])

    def to_pandas(self) -> pd.DataFrame:
        """One row for each hit, one column for each attribute of `Hit`.

        Texts stand there as they are: in a CSV file that is made of it, a cell that begins with `=`, `+`, `-` or `@` is
        a formula to a spreadsheet.

        Raises:
            MissingExtraError: If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas is not installed; get it with `pip install 'smsearch[pandas]'`") from None
        return pd.DataFrame([hit.as_dict() for hit in self], columns=list(Hit.__dataclass_fields__))

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="{_CELL}">{column}</th>' for column in _COLUMNS)
        rows = "".join(_row(hit) for hit in self)
        caption = f"{len(self)} hits for <b>{_shown(self.query)}</b>"
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(hit: Hit) -> str:
    cells = (
        str(hit.rank),
        f"{hit.score:.3f}",
        _marked_passage(hit),
        f"<b>{_shown(hit.title)}</b><br><code>{_shown(hit.doc_id)}</code>",
        _shown(hit.lang),
        _shown(hit.date or ""),
    )
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _marked_passage(hit: Hit) -> str:
    before = hit.text[: hit.sentence_start - hit.start]
    after = hit.text[hit.sentence_end - hit.start :]
    parts = []
    place = hit.sentence_start
    for start, end in hit.matches:
        parts.append(_shown(hit.text[place - hit.start : start - hit.start]))
        parts.append(f"<mark>{_shown(hit.text[start - hit.start : end - hit.start])}</mark>")
        place = end
    parts.append(_shown(hit.text[place - hit.start : hit.sentence_end - hit.start]))
    marked = f"{_shown(before)}<b>{''.join(parts)}</b>{_shown(after)}"
    return marked.replace("\n", "<br>")


def _shown(text: str) -> str:
    """Text of a document as HTML that shows it and does nothing else."""
    return html.escape(printable(text))
