"""Whole words added to a finished vocabulary: frequent words that it cuts into pieces which mean little.

A text encoder, multilingual-e5-small, knows these words. The row of a new word begins near the rows of those words that
the vocabulary has and the encoder finds nearest, in whatever language. Then it learns from the corpus, as in `growing`,
while all other rows stay.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.table import unit_rows
from smsearch.errors import MissingExtraError
from smsearch.training.batches import SamplingPlan
from smsearch.training.student import StudentPlan
from smsearch.training.vocabulary import SPACE, score_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ENCODER: Final = "e5-small"
_SHORTEST: Final = 3  # characters
_LONGEST: Final = 24
_MOST_LISTED: Final = 60_000  # words of a language
_JOINERS: Final = "\u200c\u200d"  # within words of Persian and of India
_TOKENS: Final = 5e6  # a word counts as if it stood in a text of so many
_LISTS: Final = {"no": "nb", "hr": "sh"}  # names that wordfreq has for languages
_SIGMA: Final = ("σ", "ς")  # wordfreq writes the one where the other ends a word
_TRUST: Final = 0.7  # in the lists of wordfreq, beside the corpus
_BLOCK: Final = 2000
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WordsPlan:
    """Which words are added, and how their rows begin and learn.

    Attributes:
        entries: New words of each language; `other` for the languages that are not named.
        known: Words of each language that the vocabulary has, the commonest, whose rows serve as examples.
        neighbours: A row begins as the mean of the unit rows of so many of these.
        temperature: Each weighs as its cosine, divided by this and exponentiated.
        centring: So much of a language's mean vector is subtracted before words are compared.
        pieces_share: The sum of the word's pieces, as a unit vector, counts so much beside that mean.
        steps: Batches in which the rows learn.
        learning_rate: At the start; it falls linearly to a hundredth.
        seed: Of everything that is drawn.
    """

    entries: Mapping[str, int] = field(default_factory=dict)
    known: int = 1500
    neighbours: int = 50
    temperature: float = 0.1
    centring: float = 0.8
    pieces_share: float = 0.35
    steps: int = 2000
    learning_rate: float = 0.006
    seed: int = 5

    def student(self, plan: StudentPlan) -> StudentPlan:
        """How the rows are trained, where the others were settled by a plan."""
        return replace(plan, steps=self.steps, learning_rate=self.learning_rate, seed=self.seed)

    def sampling(self, plan: SamplingPlan) -> SamplingPlan:
        """What is drawn how often: only languages that get words."""
        if self.quota("other"):
            return plan
        other = plan.lang_weights.get("other", 1.0)
        weights = {lang: plan.lang_weights.get(lang, other) for lang, n in self.entries.items() if n}
        return replace(plan, lang_weights={"other": 0.0, **weights})

    def quota(self, lang: str) -> int:
        """New words of a language."""
        return self.entries.get(lang, self.entries.get("other", 0))


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a language, as the vocabulary normalises it, with its share of that language's text."""

    text: str
    lang: str
    frequency: float


@dataclass(frozen=True, slots=True)
class ChosenWords:
    """Words that are added, and words that the vocabulary has; each once."""

    new: tuple[Word, ...]
    known: tuple[Word, ...]


def choose_words(
    counts: Mapping[str, Mapping[str, float]],
    tokenizer: Tokenizer,
    plan: WordsPlan,
    *,
    unspaced: Sequence[str] = (),
) -> ChosenWords:
    """The commonest words of each language that have no entry of their own, and the commonest that have one.

    Args:
        counts: For each language how often a word stands in its text, a `▁` before it, from `count_words`.
        tokenizer: The vocabulary.
        plan: How many.
        unspaced: Languages written without spaces, whose words nobody can count so.

    Raises:
        MissingExtraError: If wordfreq is not installed.
    """
    entries = tokenizer.get_vocab()
    new: dict[str, Word] = {}
    known: dict[str, Word] = {}
    wanted = {lang: plan.quota(lang) for lang in counts if lang not in unspaced and plan.quota(lang)}
    for lang, quota in sorted(wanted.items(), key=lambda item: (-item[1], item[0])):
        n_new = n_known = 0
        for text, frequency in word_frequencies(lang, counts[lang], tokenizer.normalizer.normalize_str):
            if SPACE + text in entries:
                if n_known < plan.known:
                    n_known += 1
                    known.setdefault(text, Word(text, lang, frequency))
            elif n_new < quota and text not in new:
                new[text] = Word(text, lang, frequency)
                n_new += 1
    return ChosenWords(tuple(new.values()), tuple(known.values()))


def word_frequencies(
    lang: str, counts: Mapping[str, float], normalize: Callable[[str], str]
) -> list[tuple[str, float]]:
    """Words of letters with their share of a language's text, the commonest first.

    The share is that in the corpus, and where the lists of the package wordfreq have a larger one, the mean of both
    that leans to the larger.

    Raises:
        MissingExtraError: If wordfreq is not installed.
    """
    try:
        import wordfreq
    except ImportError:
        raise MissingExtraError("adding words needs wordfreq; pip install 'smsearch[train]'") from None
    total = sum(counts.values()) or 1.0
    shares = {word.removeprefix(SPACE): n / total for word, n in counts.items() if word.startswith(SPACE)}
    name = _LISTS.get(lang, lang)
    if name in wordfreq.available_languages("best"):
        listed = sorted(wordfreq.get_frequency_dict(name, "best").items(), key=lambda item: (-item[1], item[0]))
        for word, share in listed[:_MOST_LISTED]:
            text = word[:-1] + _SIGMA[1] if lang == "el" and word.endswith(_SIGMA[0]) else word
            text = normalize(text)
            in_corpus = shares.get(text, 0.0)
            shares[text] = max(in_corpus, _TRUST * share + (1 - _TRUST) * in_corpus)
    words = [(word, share) for word, share in shares.items() if _is_word(word)]
    return sorted(words, key=lambda item: (-item[1], item[0]))[:_MOST_LISTED]


def with_words(tokenizer: Tokenizer, words: Sequence[Word]) -> Tokenizer:
    """The tokenizer with words added behind its entries."""
    content = json.loads(tokenizer.to_str())
    content["model"]["vocab"] += [[SPACE + word.text, round(score_of(_TOKENS * word.frequency), 4)] for word in words]
    larger: Tokenizer = type(tokenizer).from_str(json.dumps(content))
    return larger


def first_rows(
    chosen: ChosenWords,
    rows: NDArray[np.float32],
    tokenizer: Tokenizer,
    plan: WordsPlan,
    encode: Callable[[Sequence[str]], Vectors],
) -> NDArray[np.float32]:
    """The rows that new words begin with; `(n_new, dim)` float32.

    Args:
        chosen: The n new words, and those with a row.
        rows: `(n_tokens, dim)` float32, the table before words are added.
        tokenizer: The vocabulary before words are added.
        plan: How they begin.
        encode: Gives the vectors of words by the text encoder; `(n, another_dim)` float32, unit rows.
    """
    vectors = _centred([*chosen.new, *chosen.known], encode, plan.centring)
    queries, examples = vectors[: len(chosen.new)], vectors[len(chosen.new) :]
    entries = tokenizer.get_vocab()
    held = rows[[entries[SPACE + word.text] for word in chosen.known]]
    directions, lengths = unit_rows(held), np.linalg.norm(held, axis=1)
    n_near = min(plan.neighbours, len(examples))
    begun = np.empty((len(queries), rows.shape[1]), np.float32)
    for start in range(0, len(queries), _BLOCK):
        cosines = queries[start : start + _BLOCK] @ examples.T
        near = np.argpartition(-cosines, n_near - 1, axis=1)[:, :n_near]
        weights = np.exp((np.take_along_axis(cosines, near, axis=1) - 1) / plan.temperature)
        weights /= weights.sum(axis=1, keepdims=True)
        means = unit_rows(np.einsum("nk,nkd->nd", weights, directions[near]))
        pieces = _sums_of_pieces(chosen.new[start : start + _BLOCK], rows, tokenizer)
        mixed = unit_rows(means + np.float32(plan.pieces_share) * unit_rows(pieces))
        begun[start : start + _BLOCK] = mixed * (weights * lengths[near]).sum(axis=1, keepdims=True)
    return begun


def load_text_encoder() -> Callable[[Sequence[str]], Vectors]:
    """What encodes words: multilingual-e5-small, as queries.

    Raises:
        MissingExtraError: If the extra `e5` is not installed.
    """
    from smsearch.encoders import load_encoder

    return load_encoder(_ENCODER).encode_queries


def _centred(words: Sequence[Word], encode: Callable[[Sequence[str]], Vectors], amount: float) -> Vectors:
    """Vectors of words without the mean of all, and without a part of what their language's mean differs from it."""
    vectors = encode([word.text for word in words])
    langs, numbers = np.unique([word.lang for word in words], return_inverse=True)
    means = np.stack([vectors[numbers == i].mean(axis=0) for i in range(len(langs))])
    mean = means.mean(axis=0)
    return unit_rows((vectors - mean - amount * (means - mean)[numbers]).astype(np.float32))


def _sums_of_pieces(words: Sequence[Word], rows: NDArray[np.float32], tokenizer: Tokenizer) -> NDArray[np.float32]:
    cut = tokenizer.encode_batch([word.text for word in words], add_special_tokens=False)
    return np.array([rows[encoding.ids].sum(axis=0) for encoding in cut], np.float32)


def _is_word(text: str) -> bool:
    """Whether a text is made of letters with their marks, and neither very short nor very long."""
    if not _SHORTEST <= len(text) <= _LONGEST:
        return False
    kinds = [unicodedata.category(char)[0] for char in text if char not in _JOINERS]
    return kinds[0] == "L" and set(kinds) <= {"L", "M"} if kinds else False
