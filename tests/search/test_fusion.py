"""One score from parts: the logistic function of a weighted sum."""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smsearch import Index
from smsearch.index.recorded_encoder import EncoderRecord
from smsearch.search.candidates import Candidates
from smsearch.search.evidence import Evidence
from smsearch.search.fusion import EncoderWeights, Weights, fuse, weights_for

WEIGHTS = EncoderWeights(
    hybrid=Weights(
        dense=2,
        late=1,
        sentence_late=0.5,
        sentence_cosine=0.25,
        lexical=4,
        same_language=-1,
        brevity=-2,
        pieces=3,
        offset=-1,
    ),
    dense=Weights(dense=8, brevity=-2, pieces=0.5, offset=-3),
)


def column(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def some(**changed: Any) -> Candidates:
    """Two candidates with all parts: one that is good by every one, and one that is bad."""
    evidence = Evidence(late=column(0.5, 0), sentence_late=column(0.25, 0), sentence_cosine=column(1, 0))
    parts = {
        "rows": np.array([4, 7]),
        "dense": column(0.75, -0.5),
        "bm25": column(6, 0),
        "bound": 12.0,
        "same_language": column(0.5, 0),
        "brevity": 0.5,
        "pieces": 1.0,
        "evidence": evidence,
    }
    return Candidates(**(parts | changed))


def probability(total: float) -> float:
    return 1 / (1 + exp(-total))


def test_a_hybrid_score_is_the_logistic_function_of_the_weighted_parts() -> None:
    # 2 * 0.75 + 0.5 + 0.5 * 0.25 + 0.25 + 4 * (6 / 12)^2 - 0.5 = 2.875, and for both 3 - 2 * 0.5 - 1 = 1
    assert fuse(some(), WEIGHTS).tolist() == pytest.approx([probability(3.875), probability(-1 + 1)], abs=1e-6)
    assert fuse(some(), WEIGHTS).dtype == np.float32


def test_a_dense_score_has_no_part_but_the_cosine_and_the_query() -> None:
    # 8 * 0.75 - 2 * 0.5 + 0.5 - 3 = 2.5, and 8 * -0.5 - 3.5 = -7.5
    found = fuse(some(evidence=None), WEIGHTS)
    assert found.tolist() == pytest.approx([probability(2.5), probability(-7.5)], abs=1e-6)


def test_a_lexical_score_is_bm25_itself() -> None:
    assert fuse(some(dense=None), WEIGHTS).tolist() == [6, 0]


def test_words_count_by_the_square_of_their_share_and_never_more_than_whole() -> None:
    def lexical(bm25: float, bound: float) -> float:
        (score, _) = fuse(some(bm25=column(bm25, 0), bound=bound), WEIGHTS).tolist()
        return float(np.log(score / (1 - score))) - 2.875  # what the other parts add up to

    assert [lexical(3, 12), lexical(12, 12), lexical(24, 12), lexical(0, 0)] == pytest.approx(
        [4 / 16, 4, 4, 0], abs=1e-4
    )


def test_what_is_the_same_for_all_candidates_changes_no_order() -> None:
    for changed in ({"brevity": 1.0}, {"pieces": 0.0}):
        first, second = fuse(some(**changed), WEIGHTS).tolist()
        assert first > second
        assert first < fuse(some(), WEIGHTS)[0]


def test_sums_far_from_zero_stay_probabilities() -> None:
    found = fuse(some(evidence=None, dense=column(1, -1)), EncoderWeights(WEIGHTS.hybrid, Weights(50, 0, 0)))
    assert found.tolist() == pytest.approx([1, 0], abs=1e-6)
    assert np.isfinite(found).all()


def test_no_candidates_have_no_scores() -> None:
    assert fuse(some().take(np.empty(0, np.int64)), WEIGHTS).shape == (0,)


def record(name: str, **settings: Any) -> EncoderRecord:
    return EncoderRecord(name, 384, "f", settings)


def test_every_e5_has_the_weights_of_e5_and_every_other_encoder_those_of_the_table() -> None:
    static, e5 = weights_for(record("static")), weights_for(record("e5-small"))
    assert static != e5
    assert (
        weights_for(record("intfloat/multilingual-e5-base", query_prompt="query: ", passage_prompt="passage: ")) == e5
    )
    assert weights_for(record("sentence-transformers/LaBSE", query_prompt="")) == static


@pytest.mark.parametrize("name", ["static", "e5-small"])
def test_a_query_and_passage_that_agree_more_score_higher(name: str) -> None:
    weights = weights_for(record(name))
    for of_mode in (weights.hybrid, weights.dense):
        assert of_mode.dense > 0
        assert of_mode.brevity <= 0
    parts = (weights.hybrid.late, weights.hybrid.sentence_late, weights.hybrid.sentence_cosine, weights.hybrid.lexical)
    assert min(parts) >= 0


def test_dense_scores_of_an_index_are_those_of_the_formula(seeds_index: Index) -> None:
    weights = weights_for(seeds_index._reader.encoder).dense
    hits = seeds_index.search("why say no to social media", 20, mode="dense")
    n_tokens = len(set(seeds_index.encoder.token_ids(["why say no to social media"])[0].tolist()))
    pieces = 0.0  # a dense search does not ask for it
    of_query = weights.offset + weights.brevity / n_tokens + weights.pieces * pieces
    expected = [probability(weights.dense * (hit.dense or 0) + of_query) for hit in hits]
    np.testing.assert_allclose([hit.score for hit in hits], np.maximum.accumulate(expected[::-1])[::-1], atol=1e-5)
    assert {hit.score_kind for hit in hits} == {"probability"}
