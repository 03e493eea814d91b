from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smsearch.encoders import load_encoder
from smsearch.encoders.static import StaticEncoder
from smsearch.index.tokens import PackedTokens
from smsearch.indexing.preparing import CutOptions, Preparer, document_fingerprint, passage_fingerprint
from smsearch.records import Document, Passage
from smsearch.text.passages import encoder_text
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


def test_a_passage_fingerprint_knows_title_language_and_kind_and_not_the_place() -> None:
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
            }
        )
        == 5
    )


def test_a_title_too_long_for_the_encoder_is_left_out_of_what_it_sees() -> None:
    encoder = KeywordEncoder(max_tokens=3)
    passage = Passage(0, 7, "cat cat", sentences=((0, 7),))
    short, long = Preparer(encoder, CutOptions()).encode(["dog", "dog dog dog"], [passage, passage])
    assert np.frombuffer(short.vector, "<f2").tolist() == pytest.approx([0, 0, 0.8944, 0.4472, 0, 0], abs=1e-3)
    assert np.frombuffer(long.vector, "<f2").tolist() == [0, 0, 1, 0, 0, 0]


def test_vectors_and_counts_told_from_sentences_are_those_of_the_whole_passage(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder()
    assert isinstance(encoder, StaticEncoder)
    paths = sorted((Path(__file__).parents[2] / "seeds").glob("*.txt"))
    documents = [Document(path.name, path.read_text("utf-8"), f"»{path.stem}« 2010") for path in paths]
    preparer = Preparer(encoder, CutOptions())
    cuts = preparer.cut(documents, recurring=NOTHING)
    pairs = [(document.title, p) for document, cut in zip(documents, cuts, strict=True) for p in cut.passages]
    expected = encoder.encode_passages([encoder_text(title, passage) for title, passage in pairs])
    asked: list[str] = []
    token_ids = encoder.token_ids
    monkeypatch.setattr(encoder, "token_ids", lambda texts: asked.extend(texts) or token_ids(texts))
    encoded = preparer.encode([title for title, _ in pairs], [passage for _, passage in pairs])
    assert len(pairs) > 20
    assert [each.vector for each in encoded] == [vector.astype("<f2").tobytes() for vector in expected]
    wholes = [text for text in asked if text in {encoder_text(title, passage) for title, passage in pairs}]
    assert len(wholes) < 0.1 * len(pairs)  # the others were not cut again


def test_distinct_tokens_of_all_sentences_are_stored() -> None:
    passage = Passage(5, 20, "cat dog. fox. ?", sentences=((0, 8), (9, 13), (14, 15)))

    class Words(KeywordEncoder):
        def token_ids(self, texts: list[str]) -> list[np.ndarray]:
            return super().token_ids([text.replace(".", "") for text in texts])

    (encoded,) = Preparer(Words(), CutOptions()).encode([""], [passage])
    assert PackedTokens.from_bytes([encoded.tokens]).take(np.arange(1)).ids.tolist() == [2, 3, 5]


def test_no_passages_are_encoded_to_none() -> None:
    assert Preparer(KeywordEncoder(), CutOptions()).encode([], []) == []
