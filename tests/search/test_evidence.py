from __future__ import annotations

import numpy as np
import pytest

import smsearch
from smsearch.encoders import token_encoder_for
from smsearch.encoders.protocol import TokenEncoder
from smsearch.index.tokens import Sentences
from smsearch.search.evidence import QueryTokens, sentence_evidence, token_evidence
from tests.fakes import KeywordEncoder

STATIC = token_encoder_for()
PASSAGES = [
    ["Hvorfor skal man sige nej til sociale medier?", "Fordi det tager tid."],
    [""],
    ["The boats stay on land until April, April, April."],
    ["ห้องสมุด 图书馆 🙂", "no"],
    [],
]


def sentences_of(passages: list[list[str]], encoder: TokenEncoder, *, above: int = 0) -> Sentences:
    """Passages of these sentences, of which the first `above` are lines above them."""
    lists = [encoder.token_ids(passage) for passage in passages]
    lengths = encoder.sum_lengths([ids for passage in lists for ids in passage])
    firsts = np.cumsum([0, *map(len, lists)])[:-1]
    for n in range(above):
        lengths[firsts + n] *= -1
    return Sentences.from_lists(lists, lengths)


def naive_late(query: str, text: str, encoder: TokenEncoder) -> float:
    """The formula word for word: a loop over the query's tokens, each looking at every token of the text."""
    (asked,) = encoder.token_ids([query])
    weights = encoder.token_weights(asked)
    (ids,) = encoder.token_ids([text])
    if not len(ids):
        return 0.0
    total = 0.0
    for token, weight in zip(asked, weights, strict=True):
        cosines = encoder.token_vectors(ids) @ encoder.token_vectors(np.array([token], np.int32))[0]
        total += float(weight) * float(cosines.max())
    return total / (float(weights.sum()) or 1.0)


@pytest.mark.parametrize("query", ["why say no to social media", "no no no yes", "图书馆 April", "?"])
def test_evidence_equals_a_naive_loop_over_tokens_and_sentences(query: str) -> None:
    found = token_evidence(QueryTokens.from_query(query, STATIC), sentences_of(PASSAGES, STATIC), STATIC)
    (vector,) = STATIC.encode_queries([query])
    for i, passage in enumerate(PASSAGES):
        told = [sentence for sentence in passage if len(STATIC.token_ids([sentence])[0])]
        late = [naive_late(query, sentence, STATIC) for sentence in told]
        cosines = [float(STATIC.encode_passages([sentence])[0] @ vector) for sentence in told]
        assert found.late[i] == pytest.approx(naive_late(query, " ".join(passage), STATIC), abs=1e-5)
        assert found.sentence_late[i] == pytest.approx(max(late, default=0), abs=1e-5)
        assert found.sentence_cosine[i] == pytest.approx(max(cosines, default=0), abs=1e-4)


def test_scores_of_a_stored_index_equal_a_naive_loop(seeds_index: smsearch.Index) -> None:
    query = "why say no to social media"
    for hit in seeds_index.search(query, 10):
        text = f"{hit.title}\n{hit.heading}\n{hit.text}"
        assert hit.late == pytest.approx(naive_late(query, text, STATIC), abs=0.02)  # sentences are tokenised singly


def test_half_of_the_query_found_scores_one_half() -> None:
    encoder = KeywordEncoder()
    passages = sentences_of([["cat eel"], ["dog ape cat"], ["fox"], [""]], encoder)
    found = token_evidence(QueryTokens.from_query("cat dog", encoder), passages, encoder)
    assert found.late.tolist() == [0.5, 1.0, 0.0, 0.0]


def test_two_sentences_with_half_of_the_query_each_are_less_evidence_than_one_with_all() -> None:
    encoder = KeywordEncoder()
    passages = sentences_of([["cat", "dog"], ["cat dog", "ape"]], encoder)
    found = token_evidence(QueryTokens.from_query("cat dog", encoder), passages, encoder)
    assert found.late.tolist() == [1.0, 1.0]
    assert found.sentence_late.tolist() == [0.5, 1.0]
    np.testing.assert_allclose(found.sentence_cosine, [0.5**0.5, 1.0], atol=1e-6)


def test_the_title_counts_for_the_passage_and_not_as_a_sentence_of_it() -> None:
    encoder = KeywordEncoder()
    passages = sentences_of([["cat dog", "dog"]], encoder, above=1)
    found = token_evidence(QueryTokens.from_query("cat dog", encoder), passages, encoder)
    assert (found.late.tolist(), found.sentence_late.tolist()) == ([1.0], [0.5])


def test_each_sentence_has_its_own_evidence() -> None:
    encoder = KeywordEncoder()
    passages = sentences_of([["cat", "", "ape"], ["cat dog"]], encoder)
    found = sentence_evidence(QueryTokens.from_query("cat dog", encoder), passages, encoder)
    assert found.late.tolist() == [0.5, 0.0, 0.0, 1.0]


def test_a_repeated_query_token_weighs_as_often_as_it_occurs() -> None:
    encoder = KeywordEncoder()
    query = QueryTokens.from_query("cat dog cat cat", encoder)
    assert query.weights.tolist() == [0.75, 0.25]
    passages = sentences_of([["cat"], ["dog"]], encoder)
    assert token_evidence(query, passages, encoder).late.tolist() == [0.75, 0.25]


def test_a_query_without_tokens_scores_every_row_zero() -> None:
    encoder = KeywordEncoder()
    query = QueryTokens.from_query("nothing known", encoder)
    assert len(query) == 0
    found = token_evidence(query, sentences_of([["cat"], [""], ["dog"]], encoder), encoder)
    assert found.late.tolist() == found.sentence_late.tolist() == found.sentence_cosine.tolist() == [0, 0, 0]


def test_no_passages_have_no_scores() -> None:
    encoder = KeywordEncoder()
    found = token_evidence(QueryTokens.from_query("cat", encoder), sentences_of([], encoder), encoder)
    assert found.late.shape == found.sentence_late.shape == (0,)
