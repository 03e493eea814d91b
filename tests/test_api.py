from __future__ import annotations

import errno
import json
import shutil
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import smsearch
from smsearch import Document, Index, SmsearchError, build_index, open_index
from smsearch.errors import (
    EncoderError,
    IndexLockedError,
    IndexStateError,
    NotFoundError,
    QueryError,
    ShrinkError,
    SourceError,
)
from smsearch.index.faiss_vectors import EightBits, FaissIndex
from smsearch.index.mapped import MappedFile

MakeIndex = Callable[..., Index]
BUILTIN = Path(smsearch.__file__).parent / "models" / "builtin"
DANISH = "003_820c8e683cad6f24.txt"
NAMES = [
    "000_2464f422169d4903.txt",
    "001_59dfd894d73b9b8f.txt",
    "002_b044c57d700ac163.txt",
    DANISH,
    "004_15acd275ac0913da.txt",
]
QUESTION = "why say no to social media"

SEEDS = Path(__file__).parents[1] / "seeds"


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    """The built-in model with another weighting of query tokens, so with another fingerprint."""
    folder = tmp_path / "other-model"
    folder.mkdir()
    for path in BUILTIN.iterdir():
        (folder / path.name).symlink_to(path)
    config = json.loads((BUILTIN / "config.json").read_bytes())
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps({**config, "late_exponent": config["late_exponent"] + 1}))
    return folder


def counts(report: smsearch.BuildReport | None) -> tuple[int, int, int, int]:
    assert report is not None
    return report.added, report.changed, report.removed, report.unchanged


# -- building and opening ---------------------------------------------------------------------


def test_a_new_index_reports_five_seeds_added_and_every_passage_encoded(seeds: Path, tmp_path: Path) -> None:
    with build_index(seeds, tmp_path / "index") as index:
        assert index.report is not None
        assert counts(index.report) == (5, 0, 0, 0)
        assert index.report.encoded == index.status().n_passages
        assert index.doc_ids() == NAMES
        assert len(index) == 5


def test_building_again_encodes_nothing(index: Index, seeds: Path) -> None:
    with build_index(seeds, index.folder) as again:
        assert again.report is not None
        assert counts(again.report) == (0, 0, 0, 5)
        assert again.report.encoded == 0


def test_index_knows_which_documents_it_holds(seeds_index: Index) -> None:
    assert DANISH in seeds_index
    assert "003" not in seeds_index
    assert 3 not in seeds_index


def test_index_folder_comes_from_the_environment(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSEARCH_INDEX", str(index.folder))
    with open_index() as opened:
        assert opened.folder == index.folder


def test_opening_no_index_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no index in .*nothing"):
        open_index(tmp_path / "nothing")


def test_naming_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no source was named"):
        build_index([], tmp_path / "index")


def test_a_missing_source_is_refused_before_an_index_is_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        build_index(tmp_path / "nowhere", tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_with_closes_the_index_and_then_nothing_can_be_asked_or_changed(index: Index) -> None:
    with index:
        pass
    for use in (
        lambda: index.search(QUESTION),
        lambda: len(index),
        index.status,
        lambda: index.remove(DANISH),
        lambda: list(index.passages()),
    ):
        with pytest.raises(IndexStateError, match="was closed; open it again"):
            use()


# -- searching --------------------------------------------------------------------------------


def test_an_english_question_finds_the_danish_post_first(seeds_index: Index) -> None:
    hit = seeds_index.search(QUESTION, 1)[0]
    assert (hit.doc_id, hit.lang, hit.rank, hit.query) == (DANISH, "da", 1, QUESTION)


def test_hits_say_where_passage_sentence_and_matches_stand_in_the_document(seeds_index: Index) -> None:
    for mode in ("dense", "lexical", "hybrid"):
        for hit in seeds_index.search("varför säga nej till sociala medier", 20, mode=mode):
            text = seeds_index.document(hit.doc_id).text
            assert text[hit.start : hit.end] == hit.text
            assert text[hit.sentence_start : hit.sentence_end] == hit.sentence
            assert hit.start <= hit.sentence_start < hit.sentence_end <= hit.end
            places = [place for match in hit.matches for place in match]
            assert places == sorted(places)
            assert all(hit.sentence_start <= place <= hit.sentence_end for place in places)


def test_matched_words_are_the_words_asked_for(seeds_index: Index) -> None:
    hit = seeds_index.search("cargo cult", 1, mode="lexical")[0]
    text = seeds_index.document(hit.doc_id).text
    assert [text[start:end] for start, end in hit.matches] == ["cargo", "cult"]


def test_dense_scores_equal_cosines_by_numpy(seeds_index: Index) -> None:
    ids = np.array([p["passage_id"] for p in seeds_index.passages()])
    query = seeds_index.encoder.encode_queries([QUESTION])[0]
    cosines = dict(zip(ids.tolist(), (seeds_index.vectors(ids.tolist()) @ query).tolist(), strict=True))
    status = seeds_index.status()
    hits = seeds_index.search(QUESTION, 1000, mode="dense")
    assert len(hits) == status.n_passages - status.n_duplicates
    np.testing.assert_allclose([hit.dense for hit in hits], [cosines[hit.passage_id] for hit in hits], atol=1e-6)
    np.testing.assert_allclose([hit.score for hit in hits], sorted((h.score for h in hits), reverse=True))
    best = max((hit.passage_id for hit in hits), key=lambda i: (round(cosines[i], 6), -i))
    assert hits[0].passage_id == best


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_scores_descend_and_ranks_count_from_one(seeds_index: Index, mode: str) -> None:
    hits = seeds_index.search("sociala medier", 30, mode=mode)
    assert [hit.rank for hit in hits] == list(range(1, 31))
    assert all(first.score >= second.score for first, second in pairwise(hits))


def test_more_hits_than_passages_gives_each_passage_once(seeds_index: Index) -> None:
    status = seeds_index.status()
    hits = seeds_index.search(QUESTION, 10_000)
    assert len({hit.passage_id for hit in hits}) == len(hits) == status.n_passages - status.n_duplicates


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_a_smaller_k_gives_the_first_of_the_larger(seeds_index: Index, mode: str) -> None:
    many = [hit.passage_id for hit in seeds_index.search(QUESTION, 20, mode=mode)]
    assert [hit.passage_id for hit in seeds_index.search(QUESTION, 7, mode=mode)] == many[:7]


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_answers_are_the_same_again_and_after_reopening(index: Index, mode: str) -> None:
    first = index.search(QUESTION, 20, mode=mode)
    assert index.search(QUESTION, 20, mode=mode) == first
    with open_index(index.folder) as again:
        assert again.search(QUESTION, 20, mode=mode) == first


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_one_hit_of_each_document_gives_five_documents(seeds_index: Index, mode: str) -> None:
    hits = seeds_index.search("sociala medier", 10, mode=mode, per_document=1)
    assert sorted(hit.doc_id for hit in hits) == NAMES


def test_min_score_cuts_the_ranking_where_it_falls_below(seeds_index: Index) -> None:
    everything = seeds_index.search(QUESTION, 20)
    bound = everything[6].score
    kept = seeds_index.search(QUESTION, 20, min_score=bound)
    assert [hit.passage_id for hit in kept] == [hit.passage_id for hit in everything if hit.score >= bound]


@pytest.mark.parametrize("query", ["", "  \n\t "])
def test_an_empty_query_is_refused(seeds_index: Index, query: str) -> None:
    with pytest.raises(QueryError, match="is empty"):
        seeds_index.search(query)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"mode": "fuzzy"}, "no mode 'fuzzy'"),
        ({"kinds": ["reply"]}, "no kind 'reply'"),
        ({"since": "yesterday"}, "'yesterday' is not a date"),
        ({"until": "09/03/2010"}, "'09/03/2010' is not a date"),
        ({"per_document": 0}, "per_document is 0"),
        ({"group": "titles"}, "no group 'titles'; choose from translations"),
        ({"langs": "sv"}, "langs is the string 'sv'"),
        ({"query": "x" * 10_001}, "the query has 10001 characters"),
    ],
)
def test_a_senseless_option_is_named_with_its_value(
    seeds_index: Index, options: dict[str, object], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        seeds_index.search(**{"query": QUESTION, **options})


# -- filters ----------------------------------------------------------------------------------


def test_languages_kinds_and_dates_admit_only_what_they_name(seeds_index: Index) -> None:
    def found(**filters: object) -> set[tuple[str, str, str]]:
        return {(hit.doc_id[:3], hit.lang, hit.kind) for hit in seeds_index.search(QUESTION, 100, **filters)}

    assert found(langs=["da"]) == {("003", "da", "post")}
    assert found(kinds=["comment"]) == {("000", "sv", "comment"), ("002", "sv", "comment"), ("004", "sv", "comment")}
    assert {doc for doc, _, _ in found(since="2010")} == {"000"}
    assert {doc for doc, _, _ in found(until="2010-03-09")} == {"000"}
    assert found(since="2010-03-10") == set()
    assert found(langs=["da"], kinds=["comment"]) == set()
    assert found(langs=[]) == set()
    assert found(sources=["elsewhere"]) == set()


def test_rare_metadata_is_found_among_a_thousand_nearer_passages(make_index: MakeIndex) -> None:
    near = [
        Document(
            f"near-{i}", f"Why say no to social media, number {i} of {i * 7919 % 1009}?", metadata={"tag": "usual"}
        )
        for i in range(1000)
    ]
    animals = ["Horses eat hay, no apples.", "Bees make honey, no cheese.", "Cats sleep all day, no work."]
    rare = [Document(f"rare-{i}", text, metadata={"tag": "rare", "big": True}) for i, text in enumerate(animals)]
    index = make_index(*near, *rare)
    for mode in ("dense", "lexical", "hybrid"):
        assert {hit.doc_id[:4] for hit in index.search(QUESTION, 500, mode=mode)} == {"near"}
        for where in ({"tag": "rare"}, {"tag": "rare", "big": True}):
            hits = index.search(QUESTION, 3, mode=mode, where=where)
            assert sorted(hit.doc_id for hit in hits) == ["rare-0", "rare-1", "rare-2"]


def test_a_language_admits_its_longer_forms_and_no_other_that_begins_alike(make_index: MakeIndex) -> None:
    index = make_index(
        Document("bokmål", "Hvorfor er himmelen blå om dagen?", lang="nb-NO"),
        Document("other", "Kwa nini anga ni bluu wakati wa mchana?", lang="nbx"),
    )
    assert [hit.doc_id for hit in index.search("sky", 5, langs=["nb"])] == ["bokmål"]


def test_documents_without_a_date_are_out_when_dates_are_asked_for(make_index: MakeIndex) -> None:
    index = make_index(
        Document("dated", "The river was low this summer.", date="2010-03-09T10:00:00Z"),
        Document("undated", "The river was high in spring."),
    )
    assert [hit.doc_id for hit in index.search("river", 5, since="1900")] == ["dated"]
    assert [hit.doc_id for hit in index.search("river", 5, until="2010-03-09")] == ["dated"]
    assert [hit.doc_id for hit in index.search("river", 5, until="2010-03-08")] == []


# -- duplicates -------------------------------------------------------------------------------

SAID = "The harbour freezes over every winter and the boats stay on land until April."
FISH = "In the harbour you can buy herring from the boats on Saturday mornings."


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_duplicates_collapse_and_distinct_passages_still_come(make_index: MakeIndex, mode: str) -> None:
    index = make_index(*(Document(f"copy-{i}", SAID) for i in range(30)), Document("fish", FISH))
    hits = index.search("harbour boats winter", 2, mode=mode)
    assert [(hit.doc_id, hit.duplicates) for hit in hits] == [("copy-0", 29), ("fish", 0)]


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_a_filter_that_admits_only_the_duplicate_shows_the_duplicate(make_index: MakeIndex, mode: str) -> None:
    index = make_index(
        Document("first", SAID, metadata={"copy": 1}),
        Document("second", SAID, metadata={"copy": 2}, title="Again"),
        Document("fish", FISH, metadata={"copy": 1}),
    )
    hits = index.search("harbour boats winter", 5, mode=mode, where={"copy": 2})
    assert [(hit.doc_id, hit.title) for hit in hits] == [("second", "Again")]


def test_when_the_representative_goes_its_duplicate_is_found(make_index: MakeIndex) -> None:
    index = make_index(Document("first", SAID), Document("second", SAID), Document("fish", FISH))
    before = index.search("harbour boats winter", 2)
    index.remove("first")
    after = index.search("harbour boats winter", 2)
    assert [hit.doc_id for hit in after] == ["second", "fish"]
    assert [hit.dense for hit in after] == pytest.approx([hit.dense for hit in before], abs=1e-6)
    assert index.verify() == []


# -- words of many scripts, and queries without any ---------------------------------------------

SCRIPTS = (
    Document("zh", "今天我们去北京大学参观图书馆。"),
    Document("ja", "東京の図書館で本を読む。"),
    Document("th", "ฉันชอบอ่านหนังสือที่ห้องสมุด"),
    Document("ar", "ذهبنا إلى المكتبة صباح اليوم."),
    Document("en", "The dog and the cat."),
    Document("emoji", "I am happy 🙂 today."),
)


@pytest.mark.parametrize(
    ("query", "doc_ids"),
    [
        ("北京大学", ["zh"]),
        ("図書館", ["ja", "zh"]),  # the same word in simplified characters
        ("ห้องสมุด", ["th"]),
        ("المكتبة", ["ar"]),
        ("🙂", ["emoji"]),
        ("the of and", ["en"]),
    ],
)
def test_lexical_search_finds_words_of_every_script(make_index: MakeIndex, query: str, doc_ids: list[str]) -> None:
    index = make_index(*SCRIPTS)
    assert [hit.doc_id for hit in index.search(query, 5, mode="lexical")] == doc_ids
    assert index.search(query, 5)[0].doc_id == doc_ids[0]


@pytest.mark.parametrize("query", ["?!", "...", "—", '" OR * NEAR(', "\u202e", "\ud800"])
def test_a_query_without_a_word_that_occurs_has_no_lexical_hits_and_ranks_all_by_meaning(
    make_index: MakeIndex, query: str
) -> None:
    index = make_index(*SCRIPTS)
    assert len(index.search(query, 10, mode="lexical")) == 0
    hits = index.search(query, 10)
    assert sorted(hit.doc_id for hit in hits) == ["ar", "emoji", "en", "ja", "th", "zh"]
    assert all(np.isfinite(hit.score) for hit in hits)
    assert {hit.lexical for hit in hits} == {None}


# -- many queries at once ---------------------------------------------------------------------

MANY = (QUESTION, "Hvorfor skal man sige nej?", "cargo cult", "日本語の質問", "vinter i Stockholm", "zzz qqq")


@pytest.mark.parametrize("filters", [{}, {"langs": ["sv"]}, {"kinds": ["comment"]}, {"langs": ["ko"]}])
@pytest.mark.parametrize("together", [1, 12, 40_000])
def test_many_queries_find_what_dense_searches_find(
    seeds_index: Index, monkeypatch: pytest.MonkeyPatch, filters: dict[str, list[str]], together: int
) -> None:
    monkeypatch.setattr("smsearch.search.searcher._TOGETHER", together)
    passage_ids, cosines = seeds_index.nearest(MANY, 6, **filters)
    searches = [seeds_index.search(query, 6, mode="dense", **filters) for query in MANY]
    assert passage_ids.tolist() == [[hit.passage_id for hit in hits] for hits in searches]
    expected = np.array([[hit.dense for hit in hits] for hits in searches])
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    assert (passage_ids.dtype, cosines.dtype) == (np.int64, np.float32)


def test_many_queries_find_no_more_than_there_is(seeds_index: Index) -> None:
    status = seeds_index.status()
    passage_ids, cosines = seeds_index.nearest([QUESTION, "cargo cult"], 10_000)
    assert passage_ids.shape == cosines.shape == (2, status.n_passages - status.n_duplicates)
    assert all(len(set(of_one)) == len(of_one) for of_one in passage_ids.tolist())
    assert [each.shape for each in seeds_index.nearest([], 3)] == [(0, 3), (0, 3)]


def test_many_queries_of_an_index_in_clusters_find_what_each_finds(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = index.nearest(MANY, 12)
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 10)
    monkeypatch.setattr("smsearch.index.faiss_vectors._MOST_READ", 10)
    with index._writing() as writer:
        writer.refresh_derived(force=True)
    index.tune(1)
    for exact in (False, True):
        for found, expected in zip(index.nearest(MANY[:3], 12, exact=exact), every, strict=True):
            np.testing.assert_allclose(found, expected[:3], atol=2e-5)


@pytest.mark.parametrize(
    ("queries", "k", "fault"),
    [
        (QUESTION, 3, "queries is the string 'why say no"),
        ([QUESTION, " "], 3, "the query ' ' is empty"),
        ([QUESTION, 3], 3, "the query is 3; write a text"),
        ([QUESTION], 0, "k is 0; ask for at least 1"),
        ([], 0, "k is 0; ask for at least 1"),
        ([QUESTION], 2.5, "k is 2.5; write a whole number"),
    ],
)
def test_many_queries_that_make_no_sense_are_refused(
    seeds_index: Index, queries: object, k: object, fault: str
) -> None:
    with pytest.raises(QueryError, match=fault):
        seeds_index.nearest(queries, k)


# -- similar ----------------------------------------------------------------------------------


def test_similar_documents_are_others_one_hit_each_by_cosine_with_the_mean(seeds_index: Index) -> None:
    hits = seeds_index.similar(DANISH, 10)
    assert sorted(hit.doc_id for hit in hits) == [name for name in NAMES if name != DANISH]
    own = [p["passage_id"] for p in seeds_index.passages() if p["doc_id"] == DANISH]
    mean = seeds_index.vectors(own).mean(axis=0)
    mean /= np.linalg.norm(mean)
    cosines = seeds_index.vectors([hit.passage_id for hit in hits]) @ mean
    np.testing.assert_allclose([hit.score for hit in hits], cosines, atol=1e-6)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_similar_to_a_passage_leaves_out_its_own_document(seeds_index: Index) -> None:
    first = next(iter(seeds_index.passages()))
    hits = seeds_index.similar(first["passage_id"], 10)
    assert sorted(hit.doc_id for hit in hits) == [name for name in NAMES if name != first["doc_id"]]


@pytest.mark.parametrize("to", ["nothing", 0, -1, 10**30])
def test_similar_to_nothing_is_refused(seeds_index: Index, to: str | int) -> None:
    with pytest.raises(NotFoundError, match="there is no"):
        seeds_index.similar(to)


# -- changing ---------------------------------------------------------------------------------


def test_added_documents_are_found_replaced_and_left_by_updates(index: Index) -> None:
    report = index.add([Document("note", "The lighthouse keeper counts the ships.", title="Lighthouse")])
    assert counts(report) == (1, 0, 0, 0)
    assert index.search("who counts ships", 1)[0].doc_id == "note"
    assert counts(index.add([Document("note", "The baker counts the loaves.", title="Bakery")])) == (0, 1, 0, 0)
    assert index.document("note").text == "The baker counts the loaves."
    assert [hit.doc_id for hit in index.search("lighthouse", 1, mode="lexical")] == []
    assert counts(index.update()) == (0, 0, 0, 5)
    assert "note" in index
    assert index.verify() == []


def test_of_two_added_documents_with_one_identifier_the_last_stays(make_index: MakeIndex) -> None:
    index = make_index(Document("one", "Old words."), Document("one", "New words."))
    assert (len(index), index.document("one").text) == (1, "New words.")


def test_two_documents_that_swap_their_texts_are_found_under_their_new_names(make_index: MakeIndex) -> None:
    index = make_index(Document("a", SAID), Document("b", FISH))
    index.add([Document("a", FISH), Document("b", SAID)])
    assert [hit.doc_id for hit in index.search("buy herring", 2)] == ["a", "b"]
    assert index.verify() == []


def test_what_sqlite_cannot_hold_is_replaced_wherever_it_stands(make_index: MakeIndex) -> None:
    section = smsearch.Section(0, 9, "comment", "A\ud800")
    index = make_index(
        Document("d\ud800", "nul\0here.", title="t\0\ud800", metadata={"k\0": "v\ud800"}, sections=(section,))
    )
    found = index.document("d\ufffd")
    assert (found.text, found.title, found.metadata) == ("nul\ufffdhere.", "t\ufffd\ufffd", {"k\ufffd": "v\ufffd"})
    assert index.search("here", 1)[0].author == "A\ufffd"


def test_a_document_without_identifier_is_refused(index: Index) -> None:
    with pytest.raises(SourceError, match="has no doc_id"):
        index.add([Document(" ", "Some text.")])
    assert len(index) == 5


def test_removed_documents_are_gone_until_an_update_finds_them_again(index: Index) -> None:
    assert index.remove([DANISH, NAMES[0], DANISH]) == 2
    assert index.doc_ids() == [NAMES[1], NAMES[2], NAMES[4]]
    assert {hit.doc_id for hit in index.search(QUESTION, 100)} == {NAMES[1], NAMES[2], NAMES[4]}
    assert counts(index.update()) == (2, 0, 0, 3)
    assert index.search(QUESTION, 1)[0].doc_id == DANISH
    assert index.verify() == []


def test_removing_one_that_is_not_there_removes_none(index: Index) -> None:
    with pytest.raises(NotFoundError, match="no document 'nothing'"):
        index.remove([DANISH, "nothing"])
    assert len(index) == 5


def test_a_removed_word_is_no_longer_found_and_a_kept_one_is(index: Index, seeds: Path) -> None:
    path = seeds / NAMES[2]
    path.write_text(path.read_text("utf-8").replace("cargo cult", "pinata"), "utf-8")
    report = index.update()
    assert counts(report) == (0, 1, 0, 4)
    assert report.encoded == 1
    assert len(index.search("cargo cult", 5, mode="lexical")) == 0
    assert index.search("pinata", 5, mode="lexical")[0].doc_id == NAMES[2]
    assert index.verify() == []


def test_an_update_equals_a_fresh_index(index: Index, seeds: Path, tmp_path: Path) -> None:
    (seeds / "new.txt").write_text("The lighthouse keeper counts the ships that pass at night.", "utf-8")
    (seeds / NAMES[0]).unlink()
    path = seeds / NAMES[1]
    path.write_text("En rad till.\n\n" + path.read_text("utf-8"), "utf-8")
    assert counts(index.update()) == (1, 1, 1, 3)
    with build_index(seeds, tmp_path / "fresh") as fresh:
        for mode in ("dense", "lexical", "hybrid"):
            found, expected = (
                [(hit.doc_id, hit.start, hit.text, round(hit.score, 5)) for hit in each.search(QUESTION, 15, mode=mode)]
                for each in (index, fresh)
            )
            assert found == expected


def test_losing_most_documents_is_refused_until_it_is_allowed(index: Index, seeds: Path) -> None:
    for name in NAMES[:3]:
        (seeds / name).unlink()
    with pytest.raises(ShrinkError, match="3 of 5 documents"):
        index.update()
    assert len(index) == 5
    assert counts(index.update(allow_shrink=True)) == (0, 0, 3, 2)
    assert index.doc_ids() == NAMES[3:]


def test_a_file_that_cannot_be_read_keeps_its_documents(index: Index, seeds: Path) -> None:
    (seeds / DANISH).unlink()
    (seeds / DANISH).symlink_to(seeds / "gone")
    report = index.update()
    assert counts(report) == (0, 0, 0, 4)
    assert report.kept == 1
    assert [unread.name.rpartition("/")[2] for unread in report.failed] == [DANISH]
    assert DANISH in index


def test_a_source_that_is_gone_keeps_its_documents(index: Index, seeds: Path) -> None:
    shutil.rmtree(seeds)
    report = index.update()
    assert (report.kept, report.removed, len(report.failed)) == (5, 0, 1)
    assert len(index) == 5


def test_equal_names_in_two_folders_are_kept_apart(tmp_path: Path) -> None:
    for name, text in (("red", "Roses are red."), ("blue", "Violets are blue.")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "post.txt").write_text(text, "utf-8")
    with build_index([tmp_path / "red", tmp_path / "blue"], tmp_path / "index") as index:
        assert index.doc_ids() == ["blue/post.txt", "post.txt"]
        assert index.document("blue/post.txt").text == "Violets are blue."
        assert counts(index.update()) == (0, 0, 0, 2)


def test_shorter_passages_are_cut_on_reencoding_and_remembered(index: Index) -> None:
    before = index.status().n_passages
    report = index.reencode(target_tokens=32)
    assert counts(report) == (0, 5, 0, 0)
    assert index.status().n_passages > before
    assert report.encoded == index.status().n_passages
    assert counts(index.update()) == (0, 0, 0, 5)
    assert index.verify() == []


def test_reencoding_with_another_model_is_seen_by_readers_that_were_open(index: Index, other_model: Path) -> None:
    with open_index(index.folder) as reader:
        reader.search(QUESTION, 3)
        index.reencode(other_model)
        assert index.status().encoder == str(other_model)
        assert reader.search(QUESTION, 10) == index.search(QUESTION, 10)


def test_another_model_does_not_fit_an_index(index: Index, seeds: Path, other_model: Path) -> None:
    with pytest.raises(EncoderError, match="smsearch update --re-encode --model"):
        open_index(index.folder, encoder=smsearch.load_encoder(other_model))
    with pytest.raises(EncoderError, match="smsearch update --re-encode --model"):
        build_index(seeds, index.folder, model=other_model)


def test_a_model_that_cannot_be_loaded_leaves_the_index_as_it_is(index: Index, tmp_path: Path) -> None:
    before = index.search(QUESTION, 10)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError):
        index.reencode(tmp_path / "empty")
    assert index.search(QUESTION, 10) == before


def test_progress_is_told_of_every_document(seeds: Path, tmp_path: Path) -> None:
    told: list[int] = []
    with build_index(seeds, tmp_path / "index", progress=told.append) as index:
        assert sum(told) == 5
        told.clear()
        index.update(progress=told.append)
        assert sum(told) == 5
        told.clear()
        index.reencode(progress=told.append)
        assert sum(told) == 5


# -- reading ----------------------------------------------------------------------------------


def test_a_document_comes_back_in_full(seeds_index: Index) -> None:
    document = seeds_index.document(DANISH)
    raw = (Path(__file__).parents[1] / "seeds" / DANISH).read_text("utf-8")
    assert document.text.split() == raw.split()
    assert (document.doc_id, document.source) == (DANISH, str(Path(__file__).parents[1] / "seeds"))
    with pytest.raises(NotFoundError, match="no document 'nothing'"):
        seeds_index.document("nothing")


def test_passages_and_what_is_left_out_hold_every_word_of_a_document_once(seeds_index: Index) -> None:
    for doc_id in NAMES:
        text = seeds_index.document(doc_id).text
        spans = [(p["start"], p["end"]) for p in seeds_index.passages() if p["doc_id"] == doc_id]
        spans += [(span.start, span.end) for span in seeds_index.left_out(doc_id)]
        held = np.zeros(len(text), np.int64)
        for start, end in spans:
            held[start:end] += 1
        letters = np.array([char.isalnum() for char in text])
        assert set(held[letters].tolist()) == {1}


def test_vectors_are_unit_float32_in_the_order_asked_for(seeds_index: Index) -> None:
    ids = [p["passage_id"] for p in seeds_index.passages()]
    vectors = seeds_index.vectors(ids)
    assert (vectors.shape, vectors.dtype) == ((len(ids), 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=5e-3)
    np.testing.assert_array_equal(seeds_index.vectors(ids[::-1]), vectors[::-1])
    assert seeds_index.vectors([]).shape == (0, 384)


def test_status_counts_what_passages_lists(seeds_index: Index) -> None:
    status = seeds_index.status()
    passages = list(seeds_index.passages())
    assert (status.n_documents, status.encoder, status.dim) == (5, "static", 384)
    assert status.n_passages == len(passages)
    assert dict(status.langs) == {lang: sum(p["lang"] == lang for p in passages) for lang in ("sv", "da")}
    assert dict(status.kinds) == {kind: sum(p["kind"] == kind for p in passages) for kind in ("post", "comment")}
    assert list(status.sources.values()) == [5]
    assert (status.derived_faults, status.n_changes) == ((), 0)


def test_passages_can_be_listed_while_others_are_asked_for(seeds_index: Index) -> None:
    first = next(iter(seeds_index.passages()))
    for passage in seeds_index.passages():
        assert seeds_index.vectors([passage["passage_id"]]).shape == (1, 384)
    assert next(iter(seeds_index.passages())) == first


# -- damage and repair ------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["vectors-*.faiss", "tokens-*.bin"])
@pytest.mark.parametrize("how", ["garbage", "missing"])
def test_damaged_derived_files_change_no_answer_and_are_repaired(index: Index, pattern: str, how: str) -> None:
    before = index.search(QUESTION, 10)
    (path,) = index.folder.glob(pattern)
    if how == "garbage":
        path.write_bytes(b"\0" * path.stat().st_size)
    else:
        path.unlink()
    with open_index(index.folder) as damaged:
        assert damaged.search(QUESTION, 10) == before
        faults = damaged.verify()
        assert len(faults) == 1
        assert path.name in faults[0]
        assert damaged.repair()
        assert not damaged.repair()
        assert damaged.verify() == []
    with open_index(index.folder) as repaired:
        assert repaired.search(QUESTION, 10) == before


def test_derived_files_that_another_version_laid_out_are_named_and_written_again(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = index.search(QUESTION, 10)
    with monkeypatch.context() as patched, index._writing() as writer:
        patched.setattr(FaissIndex, "serialize", lambda _index, write: write(b"vectors in another order"))
        writer.refresh_derived(force=True)
    with open_index(index.folder) as other:
        assert other.search(QUESTION, 10) == before
        assert other.rebuilt
        assert other.verify() == [
            f"the derived files of {str(index.folder)!r} are laid out otherwise than by this version"
        ]
        assert other.repair()
        assert not other.repair()
        assert other.verify() == []
        assert other.search(QUESTION, 10) == before
        assert not other.rebuilt


def test_derived_files_that_cannot_be_read_at_all_are_not_taken_for_another_versions(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_one_too_many(_file: MappedFile, _path: Path) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    before = sorted(path.name for path in index.folder.iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(MappedFile, "__init__", open_one_too_many)
        for act in (index.verify, index.repair):
            with pytest.raises(IndexStateError, match=r"cannot read the derived files .*Too many open files"):
                act()
    assert sorted(path.name for path in index.folder.iterdir()) == before
    assert index.verify() == []


def test_tuning_writes_derived_files_of_another_version_again(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 10)
    with monkeypatch.context() as patched, index._writing() as writer:
        patched.setattr(EightBits, "serialize", lambda _index, write: write(b"vectors in another order"))
        writer.refresh_derived(force=True)
    assert "wanted 0.9)" in index.tune(0.9).vector_index
    assert index.verify() == []


# -- large indexes ----------------------------------------------------------------------------


def test_an_index_in_clusters_can_be_tuned_and_searched_exactly(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    assert index.tune(0.9).vector_index == "SQfp16, every vector compared"  # a small one needs no tuning
    every = index.search(QUESTION, 12, mode="dense")
    monkeypatch.setattr("smsearch.index.derived.FLAT_LIMIT", 10)
    monkeypatch.setattr("smsearch.search.candidates._EXHAUSTIVE", 10)
    monkeypatch.setattr("smsearch.search.candidates._DEPTH", 8)
    with index._writing() as writer:
        writer.refresh_derived(force=True)
    status = index.tune(1)
    assert status.vector_index.startswith("IVF32,PQ4fs,SQ8, ")
    assert "recall@10 1.000 (wanted 1)" in status.vector_index
    exact = index.search(QUESTION, 12, mode="dense", exact=True)
    assert [hit.passage_id for hit in exact] == [hit.passage_id for hit in every]
    assert [hit.score for hit in exact] == pytest.approx([hit.score for hit in every], abs=2e-5)
    low = index.tune(0.1)
    assert "IVF32,PQ4fs,SQ8, 1 clusters visited" in low.vector_index
    assert index.search(QUESTION, 12, mode="dense", exact=True) == exact
    assert len(index.search(QUESTION, 12)) == 12
    index.tune(1)
    cosines = {hit.passage_id: hit.dense for hit in index.search(QUESTION, 99, mode="dense", exact=True)}
    for hit in index.search(QUESTION, 2):  # chosen by estimates, shown with what they are
        assert hit.dense == pytest.approx(cosines[hit.passage_id], abs=1e-6)
    index.add([Document("note", "The lighthouse keeper counts the ships.")])
    assert index.search("lighthouse keeper", 1)[0].doc_id == "note"
    assert index.verify() == []


@pytest.mark.parametrize("recall", [0, -1, 1.01, float("nan")])
def test_a_recall_that_makes_no_sense_is_refused(index: Index, recall: float) -> None:
    with pytest.raises(QueryError, match="the recall wanted is"):
        index.tune(recall)


# -- several at once --------------------------------------------------------------------------


def test_a_reader_sees_what_another_one_wrote(index: Index) -> None:
    with open_index(index.folder) as reader:
        assert [hit.doc_id for hit in reader.search("lighthouse", 1, mode="lexical")] == []
        index.add([Document("note", "The lighthouse keeper counts the ships.")])
        assert [hit.doc_id for hit in reader.search("lighthouse", 1, mode="lexical")] == ["note"]
        assert reader.search("lighthouse keeper", 5) == index.search("lighthouse keeper", 5)
        index.remove("note")
        assert [hit.doc_id for hit in reader.search("lighthouse", 1, mode="lexical")] == []


def test_a_second_writer_is_refused_at_once(index: Index) -> None:
    from smsearch.files import writer_lock

    with writer_lock(index.folder), open_index(index.folder) as other:
        with pytest.raises(IndexLockedError, match="another process is writing"):
            other.update()
        assert other.search(QUESTION, 1)[0].doc_id == DANISH


def test_four_threads_ask_while_one_adds(index: Index) -> None:
    expected = [hit.passage_id for hit in index.search(QUESTION, 3, langs=["da"])]
    answers: list[list[int]] = []
    errors: list[Exception] = []

    def ask() -> None:
        try:
            answers.extend([hit.passage_id for hit in index.search(QUESTION, 3, langs=["da"])] for _ in range(10))
        except Exception as error:  # noqa: BLE001  told below
            errors.append(error)

    def add() -> None:
        try:
            for i in range(10):
                index.add([Document(f"note-{i}", f"Lighthouse number {i} stands on a rock of its own.", lang="en")])
        except Exception as error:  # noqa: BLE001  told below
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)] + [threading.Thread(target=add)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(answers) == 40
    assert all(answer == expected for answer in answers)
    assert len(index) == 15
    assert index.verify() == []


def test_an_interrupted_reencoding_leaves_the_index_and_its_options_as_they_were(tmp_path: Path) -> None:
    def interrupt(_n: int) -> None:
        raise KeyboardInterrupt

    with smsearch.build_index(SEEDS, tmp_path / "index") as index:
        before = list(index.passages())
        with pytest.raises(KeyboardInterrupt):
            index.reencode(target_tokens=40, progress=interrupt)
        assert list(index.passages()) == before
        report = index.update()
        assert (report.unchanged, report.changed, report.encoded) == (5, 0, 0)


def test_documents_have_the_language_of_most_of_their_post(tmp_path: Path) -> None:
    with smsearch.build_index(SEEDS, tmp_path / "index") as index:
        assert [index.document(doc_id).lang for doc_id in index.doc_ids()] == ["sv", "sv", "sv", "da", "sv"]


def test_an_index_within_a_source_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "post.txt").write_text("Et indlæg om sociale medier.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with smsearch.build_index(".") as index:
            assert index.report is not None
            assert (index.doc_ids(), index.report.skipped) == (["post.txt"], ())


def test_a_language_filter_takes_any_spelling_and_refuses_what_is_none(tmp_path: Path) -> None:
    with smsearch.build_index(SEEDS, tmp_path / "index") as index:
        assert index.search("medier", langs=["DA"]) == index.search("medier", langs=["da"])
        with pytest.raises(SmsearchError, match="'danish' is no language tag"):
            index.search("medier", langs=["danish"])


def test_status_says_why_an_index_has_its_encoder_as_long_as_it_has_it(tmp_path: Path) -> None:
    path = tmp_path / "post.txt"
    path.write_text("Et indlæg om sociale medier.", encoding="utf-8")
    for model, said in ((None, "named by SMSEARCH_MODEL"), ("builtin", "named when the index was made")):
        with smsearch.build_index(path, tmp_path / str(model), model=model) as index:
            assert (index.status().encoder, index.status().encoder_choice) == ("static", said)
        with smsearch.build_index(path, tmp_path / str(model), model="static") as index:
            assert index.status().encoder_choice == said


def test_the_old_name_of_the_static_table_means_the_same_index(tmp_path: Path) -> None:
    path = tmp_path / "post.txt"
    path.write_text("Et indlæg om sociale medier.", encoding="utf-8")
    smsearch.build_index(path, tmp_path / "index", model="static").close()
    with smsearch.build_index(path, tmp_path / "index", model="builtin") as index:
        assert index.report is not None
        assert (index.report.unchanged, index.status().encoder) == (1, "static")
