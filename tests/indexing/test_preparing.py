from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from smsearch.encoders import load_encoder
from smsearch.encoders.protocol import PoolingEncoder
from smsearch.encoders.static import StaticEncoder
from smsearch.index.tokens import PackedTokens
from smsearch.indexing.preparing import Batch, CutOptions, Preparer, document_fingerprint, passage_fingerprint
from smsearch.records import Document, Passage
from smsearch.text.passages import encoder_text, split_passages
from tests.fakes import KeywordEncoder
from tests.whole_texts import WholeTextEncoder

NOTHING: frozenset[str] = frozenset()


def test_lengths_leave_room_for_title_and_heading() -> None:
    unlimited, large, small = (KeywordEncoder(max_tokens=n) for n in (None, 512, 64))
    options = CutOptions(target_tokens=128)
    assert (options.limits(unlimited).target, options.limits(unlimited).maximum) == (128, 192)
    assert (options.limits(large).target, options.limits(large).maximum) == (128, 192)
    assert (options.limits(small).target, options.limits(small).maximum) == (32, 32)


def test_no_passage_is_longer_than_the_encoder_reads() -> None:
    encoder = WholeTextEncoder(max_tokens=40)
    text = "\n\n".join(f"Sentence number {i} speaks of a cat and a dog." for i in range(60))
    (cut,) = Preparer(encoder, CutOptions()).cut([Document("x", text)], recurring=NOTHING)
    assert max(encoder.count_tokens([passage.text for passage in cut.passages])) <= 40
    assert " ".join(" ".join(p.text for p in cut.passages).split()) == " ".join(text.split())


def test_everything_that_decides_what_is_stored_changes_the_fingerprint() -> None:
    document, encoder, options = Document("x", "A cat.\nSubscribe"), KeywordEncoder(), CutOptions()
    same = document_fingerprint(document, encoder=encoder, options=options, recurring=NOTHING)
    others = [
        document_fingerprint(replace(document, title="T"), encoder=encoder, options=options, recurring=NOTHING),
        document_fingerprint(replace(document, text="A dog."), encoder=encoder, options=options, recurring=NOTHING),
        document_fingerprint(document, encoder=KeywordEncoder("cat"), options=options, recurring=NOTHING),
        document_fingerprint(document, encoder=encoder, options=CutOptions(64), recurring=NOTHING),
        document_fingerprint(document, encoder=encoder, options=CutOptions(keep_boilerplate=True), recurring=NOTHING),
    ]
    assert len({same, *others}) == 6
    renamed = document_fingerprint(replace(document, doc_id="y"), encoder=encoder, options=options, recurring=NOTHING)
    assert renamed == same


def test_a_passage_fingerprint_knows_title_heading_language_and_kind_and_not_the_place() -> None:
    passage = Passage(0, 6, "A cat.", lang="en")
    same = passage_fingerprint("T", passage)
    assert passage_fingerprint("T", replace(passage, start=10, end=16)) == same
    assert (
        len(
            {
                same,
                passage_fingerprint("", passage),
                passage_fingerprint("T", replace(passage, lang="sv")),
                passage_fingerprint("T", replace(passage, kind="comment")),
                passage_fingerprint("T", replace(passage, text="A dog.")),
                passage_fingerprint("T", replace(passage, heading="H")),
                passage_fingerprint("A", passage),
                passage_fingerprint("", replace(passage, kind="comment", text="T\nA cat.")),
            }
        )
        == 8
    )


def test_a_title_too_long_for_the_encoder_is_left_out_of_what_it_sees() -> None:
    encoder = KeywordEncoder(max_tokens=3)
    passage = Passage(0, 7, "cat cat", sentences=((0, 7),))
    short, long = Preparer(encoder, CutOptions()).encode(["dog", "dog dog dog"], [passage, passage])
    assert np.frombuffer(short.vector, "<f2").tolist() == pytest.approx([0, 0, 0.8944, 0.4472, 0, 0], abs=1e-3)
    assert np.frombuffer(long.vector, "<f2").tolist() == [0, 0, 1, 0, 0, 0]


@cache
def loaded() -> StaticEncoder:
    """The built-in encoder once it has cut many texts; only then are tokens told from those of sentences."""
    encoder = load_encoder()
    assert isinstance(encoder, StaticEncoder)
    encoder.count_tokens(["mange ord " * 5000])
    return encoder


def test_vectors_and_counts_told_from_sentences_are_those_of_the_whole_passage(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, cut_texts = loaded(), list[str]()
    paths = sorted((Path(__file__).parents[2] / "seeds").glob("*.txt"))
    documents = [Document(path.name, path.read_text("utf-8"), f"»{path.stem}« 2010") for path in paths]
    token_ids = encoder.token_ids
    with monkeypatch.context() as patched:
        patched.setattr(encoder, "token_ids", lambda texts: cut_texts.extend(texts) or token_ids(texts))
        preparer = Preparer(encoder, CutOptions())
        cuts = preparer.cut(documents, recurring=NOTHING)
        pairs = [(document.title, p) for document, cut in zip(documents, cuts, strict=True) for p in cut.passages]
        encoded = preparer.encode([title for title, _ in pairs], [passage for _, passage in pairs])
    limits = CutOptions().limits(encoder)
    assert cuts == split_passages(documents, count_tokens=lambda t: encoder.count_tokens(t).tolist(), limits=limits)
    wholes = [encoder_text(title, passage) for title, passage in pairs]
    expected = encoder.encode_passages(wholes)
    assert [each.vector for each in encoded] == [vector.astype("<f2").tobytes() for vector in expected]
    assert len(pairs) > 20
    assert len(set(wholes).intersection(cut_texts)) < 0.1 * len(pairs)  # the others were not cut again


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["Foo bar.", '"Baz" 12!', "3 dage.", "Åh, nej!", "日本語です。", "- et punkt.", "ﬁn\u00ad."]
            ),
            st.sampled_from([*" \n\t\x0b\x1c\x1f\x85\u00a0\u2028\u3000\u200b", "\r\n", "\n\n", " \x1d ", ""]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["", "Titel", "(2) titel"]),
)
def test_whatever_stands_between_sentences_vectors_and_counts_are_those_of_the_whole(
    stretches: list[tuple[str, str]], title: str
) -> None:
    encoder, preparer = loaded(), Preparer(loaded(), CutOptions(target_tokens=24))
    document = Document("x", "".join(map("".join, stretches)), title)
    (cut,) = preparer.cut([document], recurring=NOTHING)
    counts = encoder.count_tokens([passage.text for passage in cut.passages])
    assert preparer._count_passages(cut.passages) == counts.tolist()
    vectors = [np.frombuffer(each.vector, "<f2") for each in preparer.encode([title] * len(counts), cut.passages)]
    expected = encoder.encode_passages([encoder_text(title, passage) for passage in cut.passages])
    np.testing.assert_allclose(np.reshape(vectors, expected.shape), expected, atol=5e-4)


def test_a_short_document_does_not_load_the_tokenizer() -> None:
    encoder = StaticEncoder(loaded().folder)
    prepared = Preparer(encoder, CutOptions()).prepare(
        Batch([Document("x", "En sætning. Endnu en.", "Titel")], [{}], NOTHING)
    )
    assert len(prepared[0].new) == 1
    assert "_tokenizer" not in encoder.__dict__


def test_an_encoder_that_only_cuts_is_stored_alike() -> None:
    class Cutting(KeywordEncoder):
        joined_token_ids = encode_token_ids = None  # type: ignore[assignment]

        def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return KeywordEncoder().encode_passages(texts)

    assert not isinstance(Cutting(), PoolingEncoder)
    batch = Batch([Document("x", "A cat and a dog. A fox.\n\nAn eel.", "bee")], [{}], NOTHING)
    assert Preparer(Cutting(), CutOptions()).prepare(batch) == Preparer(KeywordEncoder(), CutOptions()).prepare(batch)


def test_tokens_of_each_sentence_are_stored_after_those_of_title_and_heading() -> None:
    passage = Passage(5, 20, "cat dog. fox. ?", heading="eel", sentences=((0, 8), (9, 13), (14, 15)))

    class Words(KeywordEncoder):
        def token_ids(self, texts: list[str]) -> list[np.ndarray]:
            return super().token_ids([text.replace(".", "") for text in texts])

    (encoded,) = Preparer(Words(), CutOptions()).encode(["ape"], [passage])
    stored = PackedTokens.from_bytes([encoded.tokens]).take(np.arange(1))
    assert (stored.bounds.tolist(), stored.ids.tolist()) == ([0, 2, 4, 5, 5], [0, 4, 2, 3, 5])
    np.testing.assert_allclose(stored.lengths, [-(2**0.5), 2**0.5, 1, 0], atol=1e-3)


def test_no_passages_are_encoded_to_none() -> None:
    assert Preparer(KeywordEncoder(), CutOptions()).encode([], []) == []
