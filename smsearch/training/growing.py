"""A vocabulary that grows after training: pieces that often stand side by side in a word become an entry of their own.

The row of a new entry begins as the sum of the rows of its pieces, so that every text keeps its vector; then it learns
what the whole means, while all other rows stay, and these teach it: a text should say what its English line says in
the table already. The pairs are found as by byte pair encoding (Sennrich et al., ACL 2016), language by language, on
words as the trained vocabulary cuts them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smsearch.training.batches import SamplingPlan
from smsearch.training.student import StudentPlan
from smsearch.training.tokens import CorpusTokens
from smsearch.training.vocabulary import VocabularyPlan, count_words, score_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_LONGEST: Final = 24  # characters
_LONGEST_OF_RUNS: Final = 6  # in a script without spaces
_Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class GrowthPlan:
    """How many entries are added.

    Attributes:
        entries: New ones of each language; `other` for the languages that are not named.
        source_weights: How much a source counts, by the beginning of its name, before those of `vocabulary`.
        least_count: Rarer ones make no entry, whatever the quota.
        steps: Batches in which their rows learn; the rows of all other entries stay.
        learning_rate: At the start; it falls linearly to a hundredth.
        seed: Of everything that is drawn.
    """

    entries: Mapping[str, int] = field(default_factory=dict)
    source_weights: Mapping[str, float] = field(default_factory=dict)
    least_count: float = 2.0
    steps: int = 1000
    learning_rate: float = 0.006
    seed: int = 3

    def student(self, plan: StudentPlan) -> StudentPlan:
        """How the rows are trained, where the others were settled by a plan."""
        return replace(plan, steps=self.steps, learning_rate=self.learning_rate, seed=self.seed)

    def sampling(self, plan: SamplingPlan) -> SamplingPlan:
        """What is drawn how often: only languages that get entries, each by the number of its pairs."""
        weights = {lang: float(n > 0) for lang, n in self.entries.items()}
        return replace(plan, lang_weights={"other": 0.0, **weights})

    def quota(self, lang: str) -> int:
        """New entries of a language."""
        return self.entries.get(lang, self.entries.get("other", 0))


def grow_vocabulary(
    corpus: Path,
    tokenizer: Tokenizer,
    vocabulary: VocabularyPlan,
    plan: GrowthPlan,
    *,
    advance: Callable[[str], object] = lambda _what: None,
) -> Tokenizer:
    """The tokenizer with entries added behind its own; the cut and the scores are made as `train_vocabulary` says.

    Args:
        corpus: What `build_corpus` wrote.
        tokenizer: What `train_vocabulary` made.
        vocabulary: How that was made.
        plan: How many entries are added.
        advance: Called with the name of each step that is done.
    """
    weights = {**plan.source_weights, **vocabulary.source_weights, **plan.source_weights}
    counts = count_words(corpus, replace(vocabulary, source_weights=weights), advance=advance)
    known = set(tokenizer.get_vocab())
    added: dict[str, float] = {}
    for lang in sorted(filter(plan.quota, counts), key=lambda lang: (-plan.quota(lang), lang)):
        longest = _LONGEST_OF_RUNS if lang in vocabulary.runs else _LONGEST
        words = [(word, n) for word, n in counts[lang].items() if any(map(str.isalpha, word))]
        cuts = [([piece.value for piece in tokenizer.model.tokenize(word)], n) for word, n in words]
        new = _new_entries(cuts, known, plan.quota(lang), longest=longest, least=plan.least_count)
        known.update(new)
        added.update(new)
    advance("new entries")
    return _with_entries(tokenizer, added)


def grown_rows(rows: NDArray[np.float32], tokenizer: Tokenizer, entries: Sequence[str]) -> NDArray[np.float32]:
    """A table with a row for each new entry: the sum of the rows of its pieces; `(n_tokens + n, dim)` float32.

    Args:
        rows: `(n_tokens, dim)` float32, the table of the vocabulary before it grew.
        tokenizer: That vocabulary.
        entries: The n new entries.
    """
    sums = [rows[[piece.id for piece in tokenizer.model.tokenize(entry)]].sum(axis=0) for entry in entries]
    return np.concatenate([rows, np.array(sums, np.float32).reshape(len(entries), rows.shape[1])])


def english_vectors(rows: NDArray[np.float32], tokens: CorpusTokens) -> NDArray[np.float16]:
    """The English lines as a table has them, which teach new entries; `(n_english, dim)` float16, unit rows."""
    blocks = tokens.vectors(rows, np.arange(tokens.n_english))
    return np.concatenate([block.astype(np.float16) for block in blocks])


def entries_of(tokenizer: Tokenizer) -> list[str]:
    """The entries of a vocabulary in the order of their ids."""
    return [entry for entry, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]


def _with_entries(tokenizer: Tokenizer, added: Mapping[str, float]) -> Tokenizer:
    content = json.loads(tokenizer.to_str())
    content["model"]["vocab"] += [[entry, round(score_of(n), 4)] for entry, n in added.items()]
    grown: Tokenizer = type(tokenizer).from_str(json.dumps(content))
    return grown


def _new_entries(
    cuts: Iterable[tuple[list[str], float]], known: set[str], quota: int, *, longest: int, least: float
) -> dict[str, float]:
    """Up to `quota` entries that are not known, with how often they stand in the words.

    What stands nearly always within a longer entry is none of them.
    """
    words = _Words(cuts)
    new: set[str] = set()
    in_use: set[str] = set()
    for left, right in words.commonest_pairs(least):
        if len(in_use) >= quota:
            break
        joined = left + right
        if len(joined) > longest:
            continue
        words.merge((left, right))
        if joined not in known:
            new.add(joined)
        for piece in {left, right, joined} & new:
            (in_use.add if words.uses[piece] >= least else in_use.discard)(piece)
    return {piece: words.uses[piece] for piece in sorted(in_use, key=lambda piece: (-words.uses[piece], piece))}


class _Words:
    """Words as lists of pieces, and where each pair of neighbours stands.

    Attributes:
        uses: How often each piece stands in the words.
    """

    def __init__(self, cuts: Iterable[tuple[list[str], float]]) -> None:
        self._cuts = [(pieces, n) for pieces, n in cuts if len(pieces) > 1]
        self._pairs: defaultdict[_Pair, float] = defaultdict(float)
        self._places: defaultdict[_Pair, set[int]] = defaultdict(set)
        self.uses: defaultdict[str, float] = defaultdict(float)
        for i in range(len(self._cuts)):
            self._count(i, 1)
        self._heap = [(-n, pair) for pair, n in self._pairs.items()]
        heapify(self._heap)

    def commonest_pairs(self, least: float) -> Iterator[_Pair]:
        """Each pair of neighbours in turn, the commonest of the moment first, while it is not rarer than `least`."""
        while self._heap:
            n, pair = heappop(self._heap)
            if -n < least:
                return
            if -n == self._pairs[pair]:
                yield pair
            elif self._pairs[pair] >= least:  # merging has taken some of it
                heappush(self._heap, (-self._pairs[pair], pair))

    def merge(self, pair: _Pair) -> None:
        """Make one piece of two wherever they stand side by side."""
        for i in sorted(self._places[pair]):
            self._count(i, -1)
            pieces, n = self._cuts[i]
            self._cuts[i] = (list(_joined(pieces, pair)), n)
            for new in self._count(i, 1):
                heappush(self._heap, (-self._pairs[new], new))

    def _count(self, i: int, sign: int) -> list[_Pair]:
        """Add or take away the pieces and pairs of a word; its pairs."""
        pieces, n = self._cuts[i]
        for piece in pieces:
            self.uses[piece] += sign * n
        pairs = list(pairwise(pieces))
        for pair in pairs:
            self._pairs[pair] += sign * n
            (self._places[pair].add if sign > 0 else self._places[pair].discard)(i)
        return pairs


def _joined(pieces: Sequence[str], pair: _Pair) -> Iterator[str]:
    i = 0
    while i < len(pieces):
        if tuple(pieces[i : i + 2]) == pair:
            yield "".join(pair)
            i += 2
        else:
            yield pieces[i]
            i += 1
