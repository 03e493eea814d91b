"""Which words of a sentence are marked as matches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from smsearch.search.highlighting import Highlighter
from tests.fakes import KeywordEncoder

PIECES = ("smör", "gås", "tårta", "butter", "goose", "the", "social", "nät", "verk", "network")
VECTORS = {
    "smör": (1.0, 0.0, 0.0, 0.0),
    "butter": (1.0, 0.0, 0.0, 0.0),
    "gås": (0.0, 1.0, 0.0, 0.0),
    "goose": (0.0, 1.0, 0.0, 0.0),
    "tårta": (0.0, 0.0, 1.0, 0.0),
    "the": (0.0, 0.0, -1.0, 0.0),
    "social": (0.0, 0.0, 0.0, 1.0),
    "nät": (0.6, 0.8, 0.0, 0.0),
    "verk": (0.8, 0.6, 0.0, 0.0),
    "network": (0.6, 0.8, 0.0, 0.0),
}


class PieceEncoder(KeywordEncoder):
    """Cuts words into pieces, longest first, each with a vector of its own; `the` says little."""

    def __init__(self) -> None:
        super().__init__(*PIECES)
        self.dim = 4

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        found = []
        for text in texts:
            rest, ids = text.casefold(), list[int]()
            while rest:
                piece = next((piece for piece in PIECES if rest.startswith(piece)), None)
                ids += [PIECES.index(piece)] if piece else []
                rest = rest[len(piece or rest[0]) :]
            found.append(np.array(ids, np.int32))
        return found

    def encode_token_ids(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        return np.array([self.token_vectors(of_text).sum(axis=0) for of_text in ids], np.float32).reshape(-1, 4)

    def sum_lengths(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        return np.linalg.norm(self.encode_token_ids(ids), axis=1)

    def token_vectors(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.array([VECTORS[PIECES[i]] for i in ids], np.float32).reshape(-1, 4)

    def token_weights(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.array([0.1 if PIECES[i] == "the" else 1.0 for i in ids], np.float32)


def matched(query: str, sentence: str, lang: str = "und", *, by_words: bool = False) -> list[str]:
    highlighter = Highlighter(query, None if by_words else PieceEncoder())
    (found,) = highlighter.matches([sentence], [lang])
    return [sentence[start:end] for start, end in found]


def test_a_word_of_one_token_matches_what_is_near_it() -> None:
    assert matched("butter", "Smör, gås och tårta") == ["Smör"]


def test_one_piece_of_a_word_is_no_match_of_the_word() -> None:
    # smör + 2 tårta: its cosine with butter is 1 / sqrt(5) = 0.45, below 0.5
    assert matched("butter", "smörtårtatårta gås") == []
    assert matched("smörtårtatårta", "butter goose") == []


def test_a_word_of_several_pieces_matches_by_their_sum() -> None:
    assert matched("network", "Ett nätverk av smör") == ["nätverk", "smör"]
    assert matched("nätverk", "a network") == ["network"]
    assert matched("nätverk", "tårta social") == []


def test_function_words_of_the_query_are_not_marked() -> None:
    assert matched("the social network", "The network is social", "en") == ["network", "social"]
    assert matched("the", "The network", "en") == ["The"]  # there is nothing else


def test_words_without_tokens_match_themselves() -> None:
    assert matched("xyzzy network", "Xyzzy!", "en") == ["Xyzzy"]


@pytest.mark.parametrize(
    ("query", "sentence", "lang", "words"),
    [
        ("hemforsakring", "Hemförsäkringen gäller.", "sv", ["Hemförsäkringen"]),
        ("हिन्दी", "हिन्दी में लिखा", "hi", ["हिन्दी"]),
        ("biblioteka", "Наша библиотека закрыта", "ru", ["библиотека"]),
        ("email", "Send an e-mail today", "en", ["e-mail"]),
        ("图书馆", "圖書館", "zh", ["圖書館"]),
        ("run", "She runs, RAN and is running", "en", ["runs", "running"]),
    ],
)
def test_words_match_as_they_are_found(query: str, sentence: str, lang: str, words: list[str]) -> None:
    assert matched(query, sentence, lang, by_words=True) == words
