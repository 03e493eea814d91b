"""The student's vocabulary, chosen word by word: a unigram tokenizer that cuts texts into few pieces.

A piece of a rare word learns no meaning of its own, so whole words come first, by a quota for each
language; what they leave uncut is covered by pieces learned from just those words that have no entry; scripts
that are written without spaces get pieces of their own.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smsearch.errors import InputError
from smsearch.files import write_atomically
from smsearch.training.corpus import ENGLISH, corpus_langs, read_lines, read_pairs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN: Final = "<unk>"
SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}"
_JOINED: Final = 500  # lines cut in one call
_REPEATS: Final = 12  # a word without an entry is shown at most so often to the piece learner
_LONGEST_PIECE: Final = 16
_LONGEST_RUN_PIECE: Final = 6  # characters of a piece in a script without spaces


@dataclass(frozen=True, slots=True)
class VocabularyPlan:
    """How many entries go where.

    Attributes:
        size: Entries in all.
        words: Whole words of each language; `other` for the languages that are not named.
        runs: Pieces of languages written without spaces between words.
        pieces: Pieces learned from the words that have no entry.
        source_weights: How much a source counts, by the beginning of its name; 1 for the rest.
        head_words: An English head-word counts this much more for each dictionary pair, of 8 at most.
        least_count: Rarer words get no entry, whatever the quota.
    """

    size: int = 210_000
    words: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    pieces: int = 40_000
    source_weights: Mapping[str, float] = field(default_factory=dict)
    head_words: float = 3.0
    least_count: float = 2.0


def train_vocabulary(
    corpus: Path, plan: VocabularyPlan, *, advance: Callable[[str], object] = lambda _what: None
) -> Tokenizer:
    """A tokenizer for the languages of a corpus.

    Texts are normalised (NFKC, lower case, white space folded), punctuation and symbols stand alone, digits apart
    from letters, a `▁` before each word. A text is cut where the scores of the pieces sum up highest; the score of an
    entry seen n times is `0.35 ln(n + 1) - 12`, so that few pieces win.

    Args:
        corpus: What `build_corpus` wrote.
        plan: How many entries go where.
        advance: Called with the name of each step that is done.

    Raises:
        InputError: If the plan has no place left for single characters.
    """
    counts = count_words(corpus, plan, advance=advance)
    chosen: dict[str, float] = {}
    for lang in _by_quota(counts, plan):
        if lang not in plan.runs:
            _take_words(chosen, counts[lang], plan.words.get(lang, plan.words.get("other", 0)), plan.least_count)
    advance("whole words")
    for lang, size in plan.runs.items():
        if lang in counts:
            _take_runs(chosen, counts[lang], size)
    advance("scripts without spaces")
    characters = _characters(counts)
    spaced = {lang: words for lang, words in counts.items() if lang not in plan.runs}
    pieces = _learn_pieces(_without_entry(spaced, chosen), plan.pieces, spread=len(spaced))
    advance("pieces")
    return build_tokenizer(_fill(chosen, characters, pieces, counts, plan.size))


def build_tokenizer(scores: Mapping[str, float]) -> Tokenizer:
    """A unigram tokenizer with these entries and scores, in their order; the unknown token is added in front."""
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram

    entries = [(UNKNOWN, 0.0), *((entry, round(score, 4)) for entry, score in scores.items())]
    return _with_words(Tokenizer(Unigram(entries, unk_id=0, byte_fallback=False)))


def count_words(
    corpus: Path, plan: VocabularyPlan, *, advance: Callable[[str], object] = lambda _what: None
) -> dict[str, Counter[str]]:
    """How often each word stands in each language, weighted by source; English among them."""
    langs = corpus_langs(corpus)
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(langs) + 1)) as pool:
        counted = pool.map(partial(_count_language, corpus=corpus, plan=plan), ["en", *langs])
        counts = {}
        for lang, words in zip(["en", *langs], counted, strict=True):
            counts[lang] = words
            advance(f"words of {lang}")
    return counts


def _with_words(tokenizer: Tokenizer) -> Tokenizer:
    """The normaliser and the pre-tokenizer that the mapped vocabulary knows."""
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[\p{P}\p{S}]"), "isolated"),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    return tokenizer


def _count_language(lang: str, corpus: Path, plan: VocabularyPlan) -> Counter[str]:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    cutter = _with_words(Tokenizer(BPE()))
    counts: Counter[str] = Counter()
    for weight, texts in _weighted_texts(lang, corpus, plan):
        for start in range(0, len(texts), _JOINED):
            text = cutter.normalizer.normalize_str("\n".join(texts[start : start + _JOINED]))
            for word, n in Counter(word for word, _ in cutter.pre_tokenizer.pre_tokenize_str(text)).items():
                counts[word] += weight * n  # type: ignore[assignment]  # weighted counts
    return counts


def _weighted_texts(lang: str, corpus: Path, plan: VocabularyPlan) -> Iterator[tuple[float, list[str]]]:
    """Texts of a language by source; each English line once, weighted by its heaviest source."""
    by_weight: dict[float, list[str]] = {}
    if lang != "en":
        for _, source, text in read_pairs(corpus / f"{lang}.tsv"):
            by_weight.setdefault(_source_weight(source, plan), []).append(text)
        yield from by_weight.items()
        return
    english = list(read_lines(corpus / ENGLISH))
    weights = [0.0] * len(english)
    dictionary = [0] * len(english)
    for other in corpus_langs(corpus):
        for i, source, _ in read_pairs(corpus / f"{other}.tsv"):
            weights[i] = max(weights[i], _source_weight(source, plan))
            dictionary[i] += source.startswith("dict_")
    for line, weight, n in zip(english, weights, dictionary, strict=True):
        if weight:
            by_weight.setdefault(weight + plan.head_words * min(n, 8), []).append(line)
    yield from by_weight.items()


def _source_weight(source: str, plan: VocabularyPlan) -> float:
    return next((weight for prefix, weight in plan.source_weights.items() if source.startswith(prefix)), 1.0)


def _by_quota(counts: Mapping[str, Counter[str]], plan: VocabularyPlan) -> list[str]:
    """Languages with the largest quota first: an entry that two share counts for the first."""
    other = plan.words.get("other", 0)
    return sorted(counts, key=lambda lang: (-plan.words.get(lang, other), lang))


def _take_words(chosen: dict[str, float], counts: Counter[str], quota: int, least: float) -> None:
    taken = 0
    for word, n in counts.most_common():
        if taken >= quota or n < least:
            return
        if word in chosen:
            chosen[word] += n
        elif len(word) > 1:
            chosen[word] = n
            taken += 1


def _take_runs(chosen: dict[str, float], counts: Counter[str], size: int) -> None:
    """Pieces of a language without spaces, the `▁` before them left off but for the commonest."""
    learner = _train_bpe(_shown(counts, repeats=_REPEATS), size * 2, _LONGEST_RUN_PIECE)
    used: Counter[str] = Counter()
    for word, n in counts.items():
        for piece in learner.model.tokenize(word):
            used[piece.value] += n
    plain: Counter[str] = Counter()
    for piece, n in used.items():
        plain[piece.removeprefix(SPACE)] += n
    del plain[""]
    taken = [(piece, n) for piece, n in plain.most_common() if piece not in chosen][: int(size * 0.85)]
    begun = [(piece, n) for piece, n in used.most_common() if piece.startswith(SPACE) and piece not in chosen]
    for piece, n in [*taken, *begun[: size - len(taken)]]:
        chosen[piece] = chosen.get(piece, 0) + n


def _characters(counts: Mapping[str, Counter[str]]) -> Counter[str]:
    characters: Counter[str] = Counter()
    for words in counts.values():
        for word, n in words.items():
            for char in set(word):
                characters[char] += n
    return characters


def _without_entry(counts: Mapping[str, Counter[str]], chosen: Mapping[str, float]) -> Iterator[Counter[str]]:
    for words in counts.values():
        yield Counter({word: n for word, n in words.items() if word not in chosen and n >= 1})


def _learn_pieces(languages: Iterable[Counter[str]], size: int, *, spread: int) -> Counter[str]:
    """Pieces of words without entry and how often each is used; every language shows as many words."""
    shown = [Counter(dict(words.most_common(4_000_000 // max(spread, 1)))) for words in languages]
    learner = _train_bpe((text for words in shown for text in _shown(words, repeats=_REPEATS)), size, _LONGEST_PIECE)
    used: Counter[str] = Counter()
    for words in shown:
        for word, n in words.items():
            for piece in learner.model.tokenize(word):
                used[piece.value] += min(n, _REPEATS)
    return used


def _shown(counts: Counter[str], *, repeats: int) -> Iterator[str]:
    for word, n in counts.items():
        yield " ".join([word] * max(1, min(round(n), repeats)))


def _train_bpe(texts: Iterable[str], size: int, longest: int) -> Tokenizer:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import BpeTrainer

    learner = Tokenizer(BPE(unk_token=UNKNOWN))
    learner.pre_tokenizer = WhitespaceSplit()
    trainer = BpeTrainer(
        vocab_size=size, min_frequency=2, special_tokens=[UNKNOWN], max_token_length=longest, show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    return learner


def _fill(
    chosen: Mapping[str, float],
    characters: Counter[str],
    pieces: Counter[str],
    counts: Mapping[str, Counter[str]],
    size: int,
) -> dict[str, float]:
    """Entries with their scores, the commonest first, as many as there is room for."""
    room = size - 1
    singles = [char for char, n in characters.most_common() if n >= 2][: room // 4]  # noqa: PLR2004  seen once tells nothing
    final: dict[str, float] = {char: pieces.get(char, 0) + chosen.get(char, 0) for char in singles}
    if len(final) + len(chosen) > room:
        raise InputError(
            f"{len(chosen)} words and {len(final)} characters are more than a vocabulary of {size}; lower the quotas"
        )
    final.update({entry: n for entry, n in chosen.items() if entry not in final})
    for piece, n in pieces.most_common():
        if len(final) >= room:
            break
        final.setdefault(piece, n)
    _fill_with_words(final, counts, room)
    ordered = sorted(final.items(), key=lambda entry: (-entry[1], entry[0]))
    return {entry: score_of(n) for entry, n in ordered}


def score_of(n: float) -> float:
    """The score of an entry that was seen n times: so that few pieces win."""
    return 0.35 * math.log(n + 1) - 12


def _fill_with_words(final: dict[str, float], counts: Mapping[str, Counter[str]], room: int) -> None:
    """The commonest words left, whatever their language, where the quotas leave room."""
    if len(final) >= room:
        return
    rest: Counter[str] = Counter()
    for words in counts.values():
        for word, n in words.items():
            if word not in final:
                rest[word] += n
    final.update(rest.most_common(room - len(final)))


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write a `tokenizer.json` without white space: half the bytes of the pretty one."""
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    write_atomically(path, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
