from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import smsearch
from smsearch import Document, Index
from smsearch.encoders import token_encoder_for
from smsearch.errors import IndexDamagedError
from smsearch.index.faiss_vectors import FaissIndex
from smsearch.index.reader import IndexReader
from smsearch.index.vectors import Rows, Vectors
from smsearch.search import candidates, searcher
from smsearch.search.candidates import QueryEncoders
from smsearch.search.question import Question
from smsearch.search.searcher import Searcher
from tests.fakes import KeywordEncoder
from tests.whole_texts import WholeTextEncoder

MakeIndex = Callable[..., Index]
QUESTION = "why say no to social media"


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every index counts as too large to score every passage."""
    monkeypatch.setattr(candidates, "_EXHAUSTIVE", 2)
    monkeypatch.setattr(candidates, "_DEPTH", 3)
    monkeypatch.setattr(candidates, "_SHALLOW", 3)


def test_beyond_the_limit_the_best_hits_are_those_of_scoring_everything(
    seeds_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = (QUESTION, "Warum mit der Werbung aufhören?", "ブログ", "hvad er problemet med Facebook")
    everything = [seeds_index.search(query, 50) for query in queries]
    monkeypatch.setattr(candidates, "_EXHAUSTIVE", 2)
    monkeypatch.setattr(candidates, "_DEPTH", 26)  # half of them
    for query, whole in zip(queries, everything, strict=True):
        scores = {hit.passage_id: (hit.dense, hit.late) for hit in whole}
        found = seeds_index.search(query, 3)
        assert (found[0].passage_id, found[0].score) == (whole[0].passage_id, pytest.approx(whole[0].score))
        for hit in found:
            assert (hit.dense, hit.late) == pytest.approx(scores[hit.passage_id])


def test_ties_are_ordered_by_passage_id_in_every_mode(make_index: MakeIndex) -> None:
    rivers = ["Aller", "Bode", "Dee", "Elbe", "Fulda", "Glan"]
    index = make_index(*(Document(name, f"cat {name}") for name in rivers), encoder=KeywordEncoder())
    for mode in ("dense", "lexical", "hybrid"):
        hits = index.search("cat", 6, mode=mode)
        assert [hit.doc_id for hit in hits] == rivers
        assert len({hit.score for hit in hits}) == 1


def test_an_encoder_without_tokens_is_helped_by_those_of_the_static_table(make_index: MakeIndex) -> None:
    index = make_index(
        Document("cats", "cat cat cat"), Document("both", "cat dog"), Document("fox", "fox"), encoder=WholeTextEncoder()
    )
    hits = index.search("cat", 3)
    assert [hit.doc_id for hit in hits] == ["cats", "both", "fox"]
    static = token_encoder_for()
    cat, fox = (static.token_vectors(static.token_ids([word])[0]) for word in ("cat", "fox"))
    assert [hit.late for hit in hits] == pytest.approx([1, 1, float((fox @ cat.T).max())], abs=1e-3)
    assert [hit.dense for hit in hits] == pytest.approx([1, 0.5**0.5, 0], abs=1e-3)
    assert hits[2].lexical is None
    assert hits[0].score > hits[1].score > hits[2].score > 0
    assert [hit.sentence for hit in hits] == ["cat cat cat", "cat dog", "fox"]
    assert [hit.matches for hit in hits] == [((0, 3), (4, 7), (8, 11)), ((0, 3),), ()]


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_a_large_index_gives_as_many_hits_as_asked_for_and_no_more_of_a_document(seeds_index: Index, mode: str) -> None:
    hits = seeds_index.search("sociala medier", 5, mode=mode, per_document=1)
    assert len({hit.doc_id for hit in hits}) == 5
    assert len(seeds_index.search("sociala medier", 30, mode=mode)) == 30
    assert {hit.lang for hit in seeds_index.search("sociala medier", 10, mode=mode, langs=["da"])} <= {"da"}


@pytest.mark.parametrize("mode", ["dense", "lexical"])
@pytest.mark.parametrize("langs", [None, ["sv"]])
def test_a_large_index_ranks_as_if_every_passage_were_scored(
    seeds_index: Index, request: pytest.FixtureRequest, mode: str, langs: list[str] | None
) -> None:
    every = seeds_index.search("sociala medier", 12, mode=mode, langs=langs)
    request.getfixturevalue("shallow")
    assert seeds_index.search("sociala medier", 12, mode=mode, langs=langs) == every


@pytest.mark.parametrize("wanted", [{}, {"per_document": 1}, {"min_score": 0.2}, {"langs": ["sv"]}], ids="-".join)
def test_estimates_choose_the_candidates_and_exact_scores_order_the_hits(
    seeds_index: Index, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    def estimates(index: FaissIndex, query: Vectors, rows: Rows) -> Vectors:
        return index.scores(query, rows) + np.where(rows % 2, 0.009, -0.009).astype(np.float32)

    monkeypatch.setattr(candidates, "_EXHAUSTIVE", 10)
    monkeypatch.setattr(candidates, "_DEPTH", 30)
    monkeypatch.setattr(searcher, "_BEST", 1)
    expected = seeds_index.search(QUESTION, 4, **wanted)
    monkeypatch.setattr(FaissIndex, "estimates", estimates)
    assert seeds_index.search(QUESTION, 4, **wanted) == expected
    assert expected


@pytest.mark.usefixtures("shallow")
def test_a_large_index_finds_what_only_its_words_say(make_index: MakeIndex) -> None:
    index = make_index(
        *(Document(f"cat-{i}", f"cat {name}") for i, name in enumerate("abcdefghijkl")),
        Document("word", "dog kestrel"),
        encoder=KeywordEncoder(),
    )
    assert "word" in {hit.doc_id for hit in index.search("cat kestrel", 20)}


def test_reranking_orders_the_best_anew_and_sets_the_scores(seeds_index: Index) -> None:
    def shortest_first(query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        assert query == QUESTION
        return np.array([-len(text) for text in texts], np.float32)

    reader = IndexReader(seeds_index.folder)
    hits = Searcher(
        reader, QueryEncoders(lambda queries, _: seeds_index.encoder.encode_queries(queries), token_encoder_for)
    ).search(Question(QUESTION, 5), rerank=shortest_first)
    reader.close()
    everything = [hit.text for hit in seeds_index.search(QUESTION, 50)]
    assert [len(hit.text) for hit in hits] == sorted(map(len, everything))[:5]
    assert [hit.score for hit in hits] == [-len(hit.text) for hit in hits]


def test_the_best_sentence_is_the_one_that_answers(make_index: MakeIndex) -> None:
    text = "The morning was cold. Nobody could open the old safe. Then the bells rang."
    hit = make_index(Document("safe", text, lang="en")).search("coffre-fort impossible à ouvrir", 1)[0]
    assert hit.sentence == "Nobody could open the old safe."
    words = [text[start:end] for start, end in hit.matches]
    assert "open" in words
    assert "bells" not in words


def test_the_encoder_is_told_the_tokens_of_the_very_passages_that_are_shown(make_index: MakeIndex) -> None:
    text = "cat dog " + "".join(f"met at the mill number {i}, by river {i * i}, and " for i in range(9)) + "went home."
    rest = [Document("x", "dog eel"), Document("copy", text.replace("home", "away"), metadata={"shelf": 2})]
    encoder = KeywordEncoder()
    index = make_index(Document("first", text), *rest, encoder=encoder)
    assert index.status().n_passages == 3
    assert {hit.doc_id for hit in index.search("cat dog", 3)} == {"first", "x"}
    assert encoder.learned == {(text,): [2, 3], ("dog eel",): [3, 4]}
    assert [hit.doc_id for hit in index.search("cat dog", 3, where={"shelf": 2})] == ["copy"]
    assert encoder.learned == {}  # what is stored are the tokens of the other


def test_lexical_hits_show_the_sentence_with_most_words_of_the_query(make_index: MakeIndex) -> None:
    text = "A boat left. The boat reached the harbour. The harbour slept."
    hit = make_index(Document("boat", text, lang="en")).search("boats harbours", 1, mode="lexical")[0]
    assert hit.sentence == "The boat reached the harbour."
    assert [text[start:end] for start, end in hit.matches] == ["boat", "harbour"]


def test_a_hit_carries_everything_known_of_its_document(make_index: MakeIndex) -> None:
    section = smsearch.Section(0, 24, "comment", "Ada", "2011-01-01")
    document = Document(
        "x", "Ships sail at night now.", title="Sea", date="2010", lang="en", metadata={"n": 1}, sections=(section,)
    )
    hit = make_index(document).search("ships", 1)[0]
    assert (hit.title, hit.date, hit.lang, hit.kind, hit.author, dict(hit.metadata)) == (
        *("Sea", "2011-01-01", "en", "comment", "Ada"),
        {"n": 1},
    )
    assert (hit.start, hit.end, hit.duplicates) == (0, 24, 0)


def test_a_comment_is_filtered_by_its_own_date(make_index: MakeIndex) -> None:
    text = "A post about ships.\n\nA comment about ships."
    sections = (smsearch.Section(0, 19), smsearch.Section(21, 43, "comment", "Ada", "2012-05-01"))
    index = make_index(Document("x", text, date="2010-01-01", sections=sections))
    assert [hit.kind for hit in index.search("ships", since="2011")] == ["comment"]
    assert [hit.kind for hit in index.search("ships", until="2011")] == ["post"]


def test_metadata_admits_by_truth_number_and_any_of_a_list(make_index: MakeIndex) -> None:
    index = make_index(
        Document("x", "A ship.", metadata={"draft": True, "n": 3, "tags": "sea, wind"}),
        Document("y", "A ship too.", metadata={"draft": False, "n": 4, "tags": "seaside"}),
    )
    for where in ({"draft": True}, {"draft": "true"}, {"n": 3}, {"n": "3"}, {"tags": "sea"}, {"tags": "wind"}):
        assert [hit.doc_id for hit in index.search("ship", where=where)] == ["x"], where
    assert index.search("ship", where={"tags": "text"}) == index.search("ship", where={"tags": "nothing"})[:0]


def test_the_same_text_in_another_document_is_similar(tmp_path: Path) -> None:
    folder = tmp_path / "posts"
    folder.mkdir()
    text = "Hvorfor man bør sige nej til sociale medier, når man ikke har tid til at svare brugerne."
    (folder / "first.txt").write_text(text, encoding="utf-8")
    (folder / "second.txt").write_text(text, encoding="utf-8")
    (folder / "third.txt").write_text("Opskrift på rugbrød med surdej og solsikkekerner.", encoding="utf-8")
    with smsearch.build_index(folder, tmp_path / "index") as index:
        for doc_id, other in (("first.txt", "second.txt"), ("second.txt", "first.txt")):
            hits = index.similar(doc_id, 2)
            assert [hit.doc_id for hit in hits] == [other, "third.txt"]
            assert hits[0].score == pytest.approx(1, abs=1e-3)


def test_reranking_goes_deeper_until_there_are_k_documents(tmp_path: Path) -> None:
    with smsearch.build_index(_many_passages(tmp_path), tmp_path / "index") as index:
        question = Question("sociale medier", 3, per_document=1)
        hits = index._searcher().search(question, rerank=lambda _query, texts: np.arange(len(texts), dtype=np.float32))
    assert len({hit.doc_id for hit in hits}) == 3


def test_reranking_does_not_begin_again_where_it_goes_deeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_EXHAUSTIVE", 2)
    monkeypatch.setattr(candidates, "_DEPTH", 3)
    monkeypatch.setattr(searcher, "_BEST", 1)
    read: list[int] = []

    def last_first(_query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        read.append(len(texts))
        return np.arange(len(texts), dtype=np.float32)

    with smsearch.build_index(_many_passages(tmp_path), tmp_path / "index") as index:
        index._searcher().search(Question("sociale medier", 3, per_document=1), rerank=last_first)
    assert len(read) > 1
    assert read == sorted(set(read))


def _many_passages(tmp_path: Path) -> Path:
    """One document of sixty passages about the query, and two that are about something else."""
    folder = tmp_path / "posts"
    folder.mkdir()
    about = [f"# Nummer {i}\n\nSociale medier og sociale medier, afsnit {i}: {'ord' * i}." for i in range(60)]
    (folder / "long.md").write_text("\n\n".join(about), encoding="utf-8")
    (folder / "b.txt").write_text("En opskrift på rugbrød.", encoding="utf-8")
    (folder / "c.txt").write_text("Toget kører til Odense hver time.", encoding="utf-8")
    return folder


def test_a_passage_that_can_be_found_but_is_gone_is_called_damage(make_index: MakeIndex) -> None:
    index = make_index(Document("a", "cat"), Document("b", "cat dog"), encoder=KeywordEncoder())
    with closing(sqlite3.connect(index.folder / "index.sqlite")) as connection, connection:
        connection.execute("DELETE FROM encodings WHERE passage_id = 2")
    with pytest.raises(IndexDamagedError, match="passage 2 is gone"):
        index.search("cat", mode="lexical")
