"""What is asked of an index."""

from __future__ import annotations

from dataclasses import dataclass

from smsearch.errors import QueryError
from smsearch.records import Filters, Group, Mode

MODES: tuple[Mode, ...] = ("hybrid", "dense", "lexical")
GROUPS: tuple[Group, ...] = ("translations",)

_LONGEST_QUERY = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and for which hits.

    Attributes:
        query: The query.
        k: How many hits, at least 1.
        mode: Which retrieval orders them.
        filters: Which passages may be hits.
        per_document: Most hits of one document, or None.
        min_score: Hits below are dropped, or None.
        exact: Whether every vector is compared with the query, however many there are.
        group: Of which passages only the best is a hit: of `translations` of each other, or None.

    Raises:
        QueryError: If one of them makes no sense.
    """

    query: str
    k: int = 10
    mode: Mode = "hybrid"
    filters: Filters = Filters()
    per_document: int | None = None
    min_score: float | None = None
    exact: bool = False
    group: Group | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.query, str):
            raise QueryError(f"the query is {self.query!r}; write a text")
        if not isinstance(self.k, int):
            raise QueryError(f"k is {self.k!r}; write a whole number")
        if not self.query.strip():
            raise QueryError(f"the query {self.query!r} is empty; write what you are looking for")
        if len(self.query) > _LONGEST_QUERY:
            raise QueryError(f"the query has {len(self.query)} characters; at most {_LONGEST_QUERY} are read")
        if self.k < 1:
            raise QueryError(f"k is {self.k}; ask for at least 1 hit")
        if self.mode not in MODES:
            raise QueryError(f"there is no mode {self.mode!r}; choose from {', '.join(MODES)}")
        if self.group is not None and self.group not in GROUPS:
            raise QueryError(f"there is no group {self.group!r}; choose from {', '.join(GROUPS)}")
        if self.per_document is not None and self.per_document < 1:
            raise QueryError(f"per_document is {self.per_document}; allow at least 1 hit of each document")
