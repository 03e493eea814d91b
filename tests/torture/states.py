"""An index by value, so that two of them can be compared whatever numbers they gave their rows."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import smsearch
from smsearch.index.reader import IndexReader

Answer = tuple[tuple[str, int, int, float], ...]


@dataclass(frozen=True, slots=True)
class State:
    """What an index holds and answers.

    Attributes:
        documents: By name: text, title, metadata.
        passages: By document and place: all that is stored of them, their vectors included.
        groups: Passages that stand for each other, by document and place.
        answers: To each query.
    """

    documents: dict[str, tuple[str, str, str]]
    passages: dict[tuple[str, int], tuple[object, ...]]
    groups: frozenset[frozenset[tuple[str, int]]]
    answers: dict[str, Answer]

    def difference(self, other: State) -> str | None:
        """Where they differ, in a few words; None where they are equal."""
        for name in ("documents", "passages", "groups", "answers"):
            mine, others = getattr(self, name), getattr(other, name)
            if mine != others:
                return f"{name} differ: {_first_difference(mine, others)}"
        return None


def state_of(folder: Path, queries: tuple[str, ...]) -> State:
    """The state of an index."""
    with closing(IndexReader(folder)) as reader, reader.snapshot():
        store = reader.store
        documents = {d.doc_id: (d.text, d.title, str(d.metadata)) for d, _ in store.iter_documents()}
        vectors = dict(store.connection.execute("SELECT passage_id, vector FROM encodings"))
        places, passages = {}, {}
        for each in store.iter_passages():
            p = each.passage
            place = (each.doc_id, p.start)
            places[each.passage_id] = place
            passages[place] = (p.end, p.text, p.kind, p.lang, p.heading, p.sentences, vectors[each.passage_id])
        rows = store.connection.execute("SELECT passage_id, COALESCE(representative, passage_id) FROM passages")
        groups: dict[int, set[tuple[str, int]]] = {}
        for passage_id, representative in rows:
            groups.setdefault(representative, set()).add(places[passage_id])
    return State(documents, passages, frozenset(map(frozenset, groups.values())), answers_of(folder, queries))


def answers_of(folder: Path, queries: tuple[str, ...]) -> dict[str, Answer]:
    """The passages that answer each query, and their scores; those that share a score by name."""
    with smsearch.open_index(folder) as index:
        return {query: answer_of(index, query) for query in queries}


def answer_of(index: smsearch.Index, query: str, k: int = 10) -> Answer:
    """One answer as plain values."""
    hits = index.search(query, k=k)
    # Of a group of equal texts the passage that is shown depends on which came first: texts are compared instead.
    found = [(hit.text, hit.start, hit.end, round(hit.score, 5)) for hit in hits]
    return tuple(sorted(found, key=lambda one: (-one[3], one[0])))


def _first_difference(mine: object, others: object) -> str:
    if isinstance(mine, dict) and isinstance(others, dict):
        keys = sorted((k for k in mine.keys() | others.keys() if mine.get(k) != others.get(k)), key=str)
        return f"{len(keys)} of {len(mine)}; {keys[0]!r}: {mine.get(keys[0])!r:.300} / {others.get(keys[0])!r:.300}"
    if isinstance(mine, frozenset) and isinstance(others, frozenset):
        return f"{sorted(map(sorted, mine - others))[:2]} / {sorted(map(sorted, others - mine))[:2]}"
    return f"{mine!r:.200} / {others!r:.200}"
