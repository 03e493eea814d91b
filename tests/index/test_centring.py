"""Vectors centred by language, worked by hand in two dimensions."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import smsearch
from smsearch import Document, Index
from smsearch.encoders.protocol import LanguageMeans
from smsearch.errors import IndexDamagedError
from smsearch.index import writer
from smsearch.index.centring import Centring, read_centring
from smsearch.index.recorded_encoder import record_of
from smsearch.index.writer import open_writer
from smsearch.indexing.reencoding import reencode
from tests.fakes import KeywordEncoder
from tests.whole_texts import WholeTextEncoder

MakeIndex = Callable[..., Index]

MEANS = LanguageMeans(
    ("en", "th"),
    passages=np.array([[1, 0], [0, 1]], np.float32),
    queries=np.array([[1, 0], [0, 0.5]], np.float32),
    amount=0.5,
)
CENTRING = Centring.from_means(MEANS)


class BiasedEncoder(KeywordEncoder):
    """Two dimensions, `cat` and a Thai greeting, whose script tells its language for certain."""

    def __init__(self) -> None:
        super().__init__("cat", "สวัสดี")
        self.language_means = MEANS


DOCUMENTS = [
    Document("en", "cat", lang="en"),
    Document("th", "สวัสดี cat", lang="th"),
    Document("fi", "cat cat สวัสดี", lang="fi"),
]
# The query "สวัสดี" is (0, 1) - (-0.25, 0.125) = (0.25, 0.875), or (0.2747, 0.9615) made unit.
COSINES = {
    "en": 0.5647,  # (1, 0) - (0.25, -0.25) = (0.75, 0.25), or (0.9487, 0.3162)
    "th": 0.6623,  # (0.7071, 0.7071) - (-0.25, 0.25) = (0.9571, 0.4571), or (0.9024, 0.4310)
    "fi": 0.6757,  # (0.8944, 0.4472): no mean, nothing is subtracted
}
AS_ENCODED = {"en": [1, 0], "th": [0.7071, 0.7071], "fi": [0.8944, 0.4472]}


def unit(*vector: float) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (np.array(vector) / np.linalg.norm(vector)).astype(np.float32)
    return found


def dense(index: Index) -> dict[str, float]:
    return {hit.doc_id: round(hit.dense or 0, 3) for hit in index.search("สวัสดี", 9, mode="dense")}


def test_the_part_of_a_mean_that_differs_from_the_mean_of_all_languages_is_subtracted() -> None:
    # The means of all languages are (0.5, 0.5) and (0.5, 0.25), and half of the difference counts.
    assert CENTRING.langs == ("en", "th")
    assert CENTRING.passages.tolist() == [[0.25, -0.25], [-0.25, 0.25]]
    assert CENTRING.queries.tolist() == [[0.25, -0.125], [-0.25, 0.125]]


def test_a_passage_loses_the_offset_of_its_language_and_is_made_unit() -> None:
    vectors = np.array([[1, 0], [1, 0], [1, 0]], np.float32)
    found = CENTRING.centre_passages(vectors, ["en", "th", "en-GB"])
    np.testing.assert_allclose(found, [unit(0.75, 0.25), unit(1.25, -0.25), unit(0.75, 0.25)], atol=1e-6)
    assert vectors.tolist() == [[1, 0]] * 3


def test_a_passage_of_an_unknown_language_keeps_its_vector() -> None:
    vectors = np.array([[0.6, 0.8], [0, 0], [0.6, 0.8]], np.float32)
    found = CENTRING.centre_passages(vectors, ["und", "und", "sv"])
    np.testing.assert_allclose(found, vectors, atol=1e-7)
    assert CENTRING.centre_passages(vectors[:0], []).shape == (0, 2)


def test_a_query_loses_the_offset_of_its_languages_as_likely_as_they_are() -> None:
    # Of en and th, which have means, en is twice as likely: 2/3 (0.25, -0.125) + 1/3 (-0.25, 0.125).
    found = CENTRING.centre_query(unit(1, 0), {"en": 0.5, "th": 0.25, "sv": 0.25})
    np.testing.assert_allclose(found, unit(1 - 1 / 12, 1 / 24), atol=1e-6)
    np.testing.assert_allclose(CENTRING.centre_query(unit(1, 0), {"th": 0.9}), unit(1.25, -0.125), atol=1e-6)


@pytest.mark.parametrize("chances", [{}, {"sv": 1.0}, {"en": 0.0, "sv": 1.0}])
def test_a_query_in_no_language_that_has_a_mean_keeps_its_vector(chances: dict[str, float]) -> None:
    assert CENTRING.centre_query(unit(3, 4), chances).tolist() == unit(3, 4).tolist()


def test_what_is_recorded_is_read_as_it_was() -> None:
    found = read_centring(CENTRING.as_meta(), 2)
    assert found is not None
    assert found.langs == CENTRING.langs
    assert found.passages.tolist() == CENTRING.passages.tolist()
    assert found.queries.tolist() == CENTRING.queries.tolist()
    assert read_centring(None, 2) is None


DAMAGED: list[object] = [
    {},
    [],
    "centring",
    7,
    CENTRING.as_meta() | {"langs": ["en"]},
    CENTRING.as_meta() | {"langs": 7},
    CENTRING.as_meta() | {"passages": "AAAA"},
    CENTRING.as_meta() | {"passages": None},
    CENTRING.as_meta() | {"queries": "no base64 at all"},
    CENTRING.as_meta() | {"queries": base64.b64encode(np.full(4, np.nan, "<f2").tobytes()).decode()},
]


@pytest.mark.parametrize("recorded", DAMAGED, ids=range(len(DAMAGED)))
def test_a_record_that_makes_no_sense_is_called_damage(recorded: object) -> None:
    with pytest.raises(IndexDamagedError, match="make it again with `smsearch index PATH`"):
        read_centring(recorded, 2)


def test_a_record_for_vectors_of_another_length_is_called_damage() -> None:
    with pytest.raises(IndexDamagedError, match="make it again"):
        read_centring(CENTRING.as_meta(), 3)


def test_a_search_compares_centred_vectors_and_a_reopened_index_does_too(make_index: MakeIndex) -> None:
    index = make_index(*DOCUMENTS, encoder=BiasedEncoder())
    expected = pytest.approx(COSINES, abs=1e-3)
    assert dense(index) == expected
    assert list(dense(index)) == ["fi", "th", "en"]
    doc_ids = {each["passage_id"]: each["doc_id"] for each in index.passages()}
    (ids,), (cosines,) = index.nearest(["สวัสดี"], 9)
    assert dict(zip(map(doc_ids.get, ids.tolist()), cosines.tolist(), strict=True)) == expected
    with smsearch.open_index(index.folder, encoder=BiasedEncoder()) as again:
        assert dense(again) == dense(index)
        assert not again.rebuilt
    for path in index.folder.glob("vectors-*"):
        path.unlink()
    with smsearch.open_index(index.folder, encoder=BiasedEncoder()) as again:
        assert dense(again) == expected
        assert again.rebuilt


def test_passages_that_came_after_the_derived_files_are_centred_too(make_index: MakeIndex) -> None:
    index = make_index(DOCUMENTS[0], encoder=BiasedEncoder())
    index.add(DOCUMENTS[1:])
    assert index.status().n_changes > 0
    assert dense(index) == pytest.approx(COSINES, abs=1e-3)


def test_a_hybrid_search_scores_centred_vectors(make_index: MakeIndex) -> None:
    index = make_index(*DOCUMENTS, encoder=BiasedEncoder())
    found = {hit.doc_id: hit.dense for hit in index.search("สวัสดี", 9)}
    assert found == pytest.approx(COSINES, abs=1e-3)


def test_similar_documents_are_told_by_centred_vectors(make_index: MakeIndex) -> None:
    index = make_index(*DOCUMENTS, encoder=BiasedEncoder())
    # (0.9487, 0.3162) with (0.8944, 0.4472) and with (0.9024, 0.4310)
    assert {hit.doc_id: hit.score for hit in index.similar("en")} == pytest.approx(
        {"fi": 0.9899, "th": 0.9923}, abs=1e-3
    )


def test_vectors_are_given_as_they_were_encoded(make_index: MakeIndex) -> None:
    index = make_index(*DOCUMENTS, encoder=BiasedEncoder())
    ids = {each["doc_id"]: each["passage_id"] for each in index.passages()}
    for doc_id, vector in AS_ENCODED.items():
        np.testing.assert_allclose(index.vectors([ids[doc_id]]), [vector], atol=1e-3)


def record_damage(index: Index, recorded: Any) -> None:
    with open_writer(index.folder) as writer, writer.batch():
        writer.store.set_meta("centring", recorded)


def test_an_index_whose_record_is_damaged_is_not_searched(make_index: MakeIndex) -> None:
    index = make_index(*DOCUMENTS, encoder=BiasedEncoder())
    record_damage(index, {"langs": ["en", "th"]})
    with smsearch.open_index(index.folder, encoder=BiasedEncoder()) as again, pytest.raises(IndexDamagedError):
        again.search("สวัสดี")


def test_an_index_encoded_again_is_centred_as_its_new_encoder_asks(make_index: MakeIndex) -> None:
    index = make_index(*DOCUMENTS, encoder=BiasedEncoder())
    plain = KeywordEncoder("cat", "สวัสดี", name="plain")
    plain.fingerprint = "plain"
    with open_writer(index.folder) as writer:
        reencode(writer, plain)
        assert writer.encoder == record_of(plain)
    with smsearch.open_index(index.folder, encoder=plain) as again:
        # (0, 1) with (1, 0), (0.7071, 0.7071) and (0.8944, 0.4472)
        assert dense(again) == pytest.approx({"en": 0.0, "th": 0.7071, "fi": 0.4472}, abs=1e-3)


# -- means learned from the collection ------------------------------------------------------------


class WholeEncoder(WholeTextEncoder):
    """`fox` points one way, `bee` the other, and all texts of a language lean the same way besides."""

    def __init__(self) -> None:
        super().__init__()
        self.dim = 3
        self.encode_queries = self.encode_passages = self.encode

    @staticmethod
    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [(("fox" in text) - ("bee" in text), 2.0 * ("สวัสดี" in text), 1.0) for text in texts]
        vectors = np.array(rows, np.float32).reshape(-1, 3)
        found: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return found


def of_two_languages(n: int) -> list[Document]:
    thai = [Document(f"th-{i}", f"สวัสดี {i} {('fox', 'bee')[i % 2]}", lang="th") for i in range(n)]
    return [*thai, *(Document(f"en-{i}", f"{i} {('fox', 'bee')[i % 2]}", lang="en") for i in range(n))]


def test_means_of_an_encoder_that_brings_none_are_learned_once_and_learned_anew_by_tune(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_LEAST_OF_A_LANGUAGE", 4)
    encoder = WholeEncoder()
    index = make_index(*of_two_languages(3), encoder=encoder)
    assert read_meta(index) is None
    index.add(of_two_languages(4))
    learned = read_meta(index)
    assert learned is not None
    assert learned["langs"] == ["en", "th"]
    # English vectors are (+-0.7071, 0, 0.7071), Thai ones (+-0.4082, 0.8165, 0.4082): their means differ by
    # (0, 0.8165, -0.2989), and a half of half of that is subtracted from Thai and added to English.
    centring = read_centring(learned, 3)
    assert centring is not None
    np.testing.assert_allclose(centring.passages, [[0, -0.2041, 0.0747], [0, 0.2041, -0.0747]], atol=1e-3)
    assert centring.queries.tolist() == centring.passages.tolist()
    index.add([Document("more", "สวัสดี fox, fox", lang="th"), *of_two_languages(6)])
    assert read_meta(index) == learned
    index.tune()
    assert read_meta(index) != learned
    assert index.verify() == []


def test_with_learned_means_a_question_finds_the_right_passage_in_another_language(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [document for document in of_two_languages(6) if document.doc_id != "th-0"]
    found = []
    for least in (99, 4):
        monkeypatch.setattr(writer, "_LEAST_OF_A_LANGUAGE", least)
        index = make_index(*documents, encoder=WholeEncoder())
        ranks = [hit.doc_id for hit in index.search("สวัสดี 0 fox", 11, mode="dense", langs=["en", "th"])]
        found.append(ranks.index("en-0") < ranks.index("th-1"))
    assert found == [False, True]


def read_meta(index: Index) -> dict[str, Any] | None:
    with open_writer(index.folder) as opened:
        recorded: dict[str, Any] | None = opened.store.get_meta("centring")
    return recorded
