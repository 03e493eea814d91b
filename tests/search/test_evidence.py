from __future__ import annotations

import numpy as np
import pytest

import smsearch
from smsearch.encoders import TokenEncoder
from smsearch.index.tokens import TokenLists
from smsearch.search.late import QueryTokens, late_scores
from tests.fakes import KeywordEncoder

BUILTIN = smsearch.load_encoder()
TEXTS = [
    "Hvorfor skal man sige nej til sociale medier?",
    "",
    "The boats stay on land until April, April, April.",
    "ห้องสมุด 图书馆 🙂",
    "no",
]


def naive(query: str, texts: list[str], encoder: TokenEncoder) -> list[float]:
    """The formula word for word: a loop over the query's tokens, each looking at every token of the text."""
    scores = []
    asked = encoder.token_ids([query])[0]
    weights = encoder.token_weights(asked)
    for ids in encoder.token_ids(texts):
        total = 0.0
        for token, weight in zip(asked, weights, strict=True):
            if len(ids):
                cosines = encoder.token_vectors(ids) @ encoder.token_vectors(np.array([token], np.int32))[0]
                total += float(weight) * float(cosines.max())
        scores.append(total / (float(weights.sum()) or 1.0))
    return scores


@pytest.mark.parametrize("query", ["why say no to social media", "no no no yes", "图书馆 April", "?"])
def test_scores_equal_a_naive_loop_over_tokens(query: str) -> None:
    assert isinstance(BUILTIN, TokenEncoder)
    lists = TokenLists.from_lists(BUILTIN.token_ids(TEXTS))
    scores = late_scores(QueryTokens.from_query(query, BUILTIN), lists, BUILTIN)
    np.testing.assert_allclose(scores, naive(query, TEXTS, BUILTIN), atol=1e-5)


def test_scores_of_a_stored_index_equal_a_naive_loop(seeds_index: smsearch.Index) -> None:
    assert isinstance(BUILTIN, TokenEncoder)
    query = "why say no to social media"
    for hit in seeds_index.search(query, 10):
        tokens = [hit.text]
        assert hit.late == pytest.approx(naive(query, tokens, BUILTIN)[0], abs=0.02)  # sentences are cut singly


def test_half_of_the_query_found_scores_one_half() -> None:
    encoder = KeywordEncoder()
    lists = TokenLists.from_lists(encoder.token_ids(["cat eel", "dog ape cat", "fox", ""]))
    scores = late_scores(QueryTokens.from_query("cat dog", encoder), lists, encoder)
    assert scores.tolist() == [0.5, 1.0, 0.0, 0.0]


def test_a_repeated_query_token_weighs_as_often_as_it_stands() -> None:
    encoder = KeywordEncoder()
    query = QueryTokens.from_query("cat dog cat cat", encoder)
    assert query.weights.tolist() == [0.75, 0.25]
    lists = TokenLists.from_lists(encoder.token_ids(["cat", "dog"]))
    assert late_scores(query, lists, encoder).tolist() == [0.75, 0.25]


def test_a_query_without_tokens_scores_every_row_zero() -> None:
    encoder = KeywordEncoder()
    query = QueryTokens.from_query("nothing known", encoder)
    assert len(query) == 0
    lists = TokenLists.from_lists(encoder.token_ids(["cat", "", "dog"]))
    assert late_scores(query, lists, encoder).tolist() == [0, 0, 0]


def test_no_rows_have_no_scores() -> None:
    encoder = KeywordEncoder()
    assert late_scores(QueryTokens.from_query("cat", encoder), TokenLists.from_lists([]), encoder).shape == (0,)
