"""Repeated runs inside a document, and keys of near-duplicates."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from smsearch.text.repeats import (
    Run,
    Wording,
    exact_key,
    is_repeat,
    near_keys,
    repeated_runs,
    shingles,
    similarity,
)

WORDS = [f"ord{chr(97 + i)}" for i in range(20)]


def test_both_copies_of_a_run_are_cut_at_their_ends() -> None:
    a, b, c = "a" * 60, "b" * 60, "c" * 60
    (run,) = repeated_runs(["x", a, b, "y", a, b, c])
    assert run == Run(4, 6, original=1)
    assert sorted(run.breaks) == [1, 3, 4, 6]


def test_copies_with_other_case_and_punctuation_are_found() -> None:
    a = "Sociala medier är något för styrelserummen. " * 3
    assert repeated_runs([a, "x", a.upper().replace(".", "!")]) == [Run(2, 3, original=0)]


def test_runs_below_100_letters_are_ignored() -> None:
    assert repeated_runs(["a" * 99, "x", "a" * 99]) == []
    assert repeated_runs(["a" * 100, "x", "a" * 100]) == [Run(2, 3, original=0)]


@pytest.mark.parametrize("units", [[], ["", ""], ["***"] * 50, ["a"]])
def test_units_without_repeated_letters_have_no_runs(units: list[str]) -> None:
    assert repeated_runs(units) == []


def test_shingles_are_pairs_of_neighbours() -> None:
    assert shingles(["a", "b", "c"]) == {"a b", "b c"}
    assert shingles(["a"]) == {"a"}
    assert shingles([]) == frozenset()


def test_similarity_is_shared_by_all() -> None:
    assert similarity(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)
    assert similarity(frozenset(), frozenset()) == 1
    assert similarity(frozenset("a"), frozenset()) == 0


def test_texts_with_different_numbers_are_no_repeats() -> None:
    assert is_repeat(Wording.from_words([*WORDS, "2010"]), Wording.from_words(["2010", *WORDS]))
    assert not is_repeat(Wording.from_words([*WORDS, "2010"]), Wording.from_words([*WORDS, "2011"]))
    assert not is_repeat(Wording.from_words([*WORDS, "2010"]), Wording.from_words(WORDS))


def test_texts_under_different_names_are_no_repeats() -> None:
    assert is_repeat(Wording.from_words(WORDS, ["lund", "mars"]), Wording.from_words(WORDS, ["mars", "lund"]))
    assert not is_repeat(Wording.from_words(WORDS, ["lund"]), Wording.from_words(WORDS, ["ystad"]))
    assert not is_repeat(Wording.from_words(WORDS, ["lund"]), Wording.from_words(WORDS))


def test_words_with_vowel_signs_are_no_numbers() -> None:
    hindi = "हिन्दी"
    assert not hindi.isalpha()
    assert is_repeat(Wording.from_words([*WORDS, hindi]), Wording.from_words(WORDS))


def test_similarity_of_85_hundredths_is_enough() -> None:
    # 19 pairs each; one word changed at the end: 18 shared of 20. In the middle: 17 shared of 21.
    assert is_repeat(Wording.from_words(WORDS), Wording.from_words([*WORDS[:-1], "annat"]))
    assert not is_repeat(Wording.from_words(WORDS), Wording.from_words([*WORDS[:10], "annat", *WORDS[11:]]))


def test_exact_key_ignores_case_spacing_and_punctuation() -> None:
    assert exact_key("Hej,  du!") == exact_key("hej du") == exact_key("HEJ\nDU")
    assert exact_key("hej du") != exact_key("hej då")


def test_exact_key_tells_numbers_apart_by_what_stands_between_digits() -> None:
    assert exact_key("1.5 procent") != exact_key("15 procent")
    assert exact_key("1.5 procent") == exact_key("1,5 procent")


def test_texts_without_letters_share_a_key_only_when_they_are_equal() -> None:
    assert exact_key("🙂") != exact_key("🙁")
    assert exact_key("***") != exact_key("---")
    assert exact_key("* * *") == exact_key("***\n")


def test_exact_key_fits_64_bits_and_stays_the_same_for_ever() -> None:
    assert exact_key("hej") == -1953604003294908925
    assert -(2**63) <= exact_key("") < 2**63


def test_near_duplicates_meet_and_others_do_not() -> None:
    one, near, other = near_keys(WORDS), near_keys([*WORDS[:-1], "annat"]), near_keys(WORDS[::-1])
    assert len(one) == len(set(one)) == 8
    assert set(one) & set(near)
    assert not set(one) & set(other)


def test_texts_of_fewer_than_8_words_have_no_near_keys() -> None:
    assert near_keys(WORDS[:7]) == near_keys([]) == []
    assert len(near_keys(WORDS[:8])) == 8


def test_texts_with_different_numbers_never_meet() -> None:
    assert not set(near_keys([*WORDS, "2010"])) & set(near_keys([*WORDS, "2011"]))


def test_texts_under_different_names_never_meet() -> None:
    assert near_keys(WORDS, ["lund", "mars"]) == near_keys(WORDS, ["mars", "lund"])
    assert not set(near_keys(WORDS, ["lund"])) & set(near_keys(WORDS, ["ystad"]))
    assert not set(near_keys(WORDS, ["lund"])) & set(near_keys(WORDS))


def test_near_keys_are_the_same_in_every_process() -> None:
    program = "import sys; from smsearch.text.repeats import near_keys; print(near_keys(sys.argv[1:]))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program, *WORDS],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {str(near_keys(WORDS))}
