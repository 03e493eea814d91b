"""What an encoder is worth: bitext mining, retrieval in one language and across, hubs, mixed pools, controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smsearch.encoders.protocol import Encoder, TokenEncoder
from smsearch.evaluation.datasets import (
    CROSS_PAIRS,
    TATOEBA_LANGS,
    XQUAD_LANGS,
    Retrieval,
    digest_of,
    read_swefaq,
    read_tatoeba,
    read_xquad,
)
from smsearch.evaluation.measures import ndcg_at_10, right_ranks, weighted_f1
from smsearch.index.tokens import Sentences
from smsearch.search.evidence import QueryTokens, token_evidence

LATE_WEIGHT: Final = 2.0
_COMMONEST: Final = 0.01  # share of the passages that are hubs


@dataclass(frozen=True, slots=True)
class EncoderQuality:
    """Figures of one encoder, all x100.

    Attributes:
        data: Digest of the evaluation sets.
        tatoeba: Weighted F1 by language: every sentence looks for its English one; both are encoded as queries.
        tatoeba_from_english: The other direction.
        tatoeba_passages: Mean F1 where the English sentences are encoded as passages.
        xquad: nDCG@10 by `query->documents` language, dense.
        xquad_late: The same, dense + 2 late; empty for encoders without token vectors.
        swefaq: nDCG@10, dense.
        swefaq_late: Dense + 2 late; None without token vectors.
        hubness: Share of XQuAD queries whose top hit is one of the 1 % of paragraphs that are so most often.
        mixed_own_lang: With all 12 languages in one pool: share of queries whose top hit is in their own language.
        mixed_right: There: share whose top hit is the right paragraph, in whatever language.
        mixed_cross: There, without the query's own language: nDCG@10 of the best-ranked right paragraph.
        control: nDCG@10 of `en->en` with the right paragraphs shuffled: what chance gives.
    """

    data: str
    tatoeba: dict[str, float]
    tatoeba_from_english: dict[str, float]
    tatoeba_passages: float
    xquad: dict[str, float]
    xquad_late: dict[str, float]
    swefaq: float
    swefaq_late: float | None
    hubness: float
    mixed_own_lang: float
    mixed_right: float
    mixed_cross: float
    control: float

    def summary(self) -> dict[str, float]:
        """The means that are compared."""
        same = [f"{lang}->{lang}" for lang in XQUAD_LANGS]
        cross = [f"{one}->{other}" for one, other in CROSS_PAIRS]
        rows = {
            "Tatoeba, mean": _mean(self.tatoeba.values()),
            "XQuAD same language, dense": _mean(self.xquad[key] for key in same),
            "XQuAD across, dense": _mean(self.xquad[key] for key in cross),
            "SweFAQ, dense": self.swefaq,
        }
        if self.xquad_late and self.swefaq_late is not None:
            rows["XQuAD same language, dense + 2 late"] = _mean(self.xquad_late[key] for key in same)
            rows["XQuAD across, dense + 2 late"] = _mean(self.xquad_late[key] for key in cross)
            rows["SweFAQ, dense + 2 late"] = self.swefaq_late
        return {name: round(value, 2) for name, value in rows.items()}


def evaluate_encoder(
    encoder: Encoder, root: Path, *, every: int = 1, advance: Callable[[str], object] = lambda _what: None
) -> EncoderQuality:
    """Measure an encoder on the evaluation sets in a folder.

    Args:
        encoder: Any encoder.
        root: Folder of `tatoeba`, `xquad`, `swefaq`; see `datasets`.
        every: Only every n-th XQuAD question.
        advance: Called with the name of each part that is done.

    Raises:
        SourceError: If a set is missing.
    """
    digest = digest_of(root)
    there, back, among_passages = {}, {}, []
    for lang in TATOEBA_LANGS:
        english, other = read_tatoeba(root, lang)
        one, two = encoder.encode_queries(other), encoder.encode_queries(english)
        there[lang] = 100 * weighted_f1((one @ two.T).argmax(axis=1))
        back[lang] = 100 * weighted_f1((two @ one.T).argmax(axis=1))
        among_passages.append(100 * weighted_f1((one @ encoder.encode_passages(english).T).argmax(axis=1)))
    advance("Tatoeba")
    xquad = _Xquad(encoder, root, every)
    keys = [(lang, lang) for lang in XQUAD_LANGS] + list(CROSS_PAIRS)
    dense = {f"{one}->{other}": xquad.quality(one, other, 0.0) for one, other in keys}
    has_tokens = isinstance(encoder, TokenEncoder)
    late = {f"{one}->{other}": xquad.quality(one, other, LATE_WEIGHT) for one, other in keys} if has_tokens else {}
    advance("XQuAD")
    faq = _Ranked(encoder, read_swefaq(root))
    own, right, cross = xquad.mixed()
    return EncoderQuality(
        data=digest,
        tatoeba=there,
        tatoeba_from_english=back,
        tatoeba_passages=_mean(among_passages),
        xquad=dense,
        xquad_late=late,
        swefaq=faq.quality(0.0),
        swefaq_late=faq.quality(LATE_WEIGHT) if has_tokens else None,
        hubness=xquad.hubness(),
        mixed_own_lang=own,
        mixed_right=right,
        mixed_cross=cross,
        control=xquad.control(),
    )


class _Texts:
    """Texts with their vectors, and their tokens where the encoder has any."""

    def __init__(self, encoder: Encoder, texts: Sequence[str], *, are_queries: bool) -> None:
        self.vectors = encoder.encode_queries(texts) if are_queries else encoder.encode_passages(texts)
        self.tokens: list[QueryTokens] = []
        self.passages: Sentences | None = None
        if isinstance(encoder, TokenEncoder):
            if are_queries:
                self.tokens = [QueryTokens.from_query(text, encoder) for text in texts]
            else:
                ids = encoder.token_ids(texts)
                self.passages = Sentences.from_lists([[of_text] for of_text in ids], encoder.sum_lengths(ids))


def _scores(encoder: Encoder, queries: _Texts, documents: _Texts, late_weight: float) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = queries.vectors @ documents.vectors.T
    if late_weight and isinstance(encoder, TokenEncoder) and documents.passages is not None:
        late = [token_evidence(tokens, documents.passages, encoder).late for tokens in queries.tokens]
        scores = scores + np.float32(late_weight) * np.stack(late)
    return scores


class _Ranked:
    """A retrieval task under an encoder."""

    def __init__(self, encoder: Encoder, task: Retrieval) -> None:
        self._encoder, self._right = encoder, np.array(task.right)
        self._queries = _Texts(encoder, task.queries, are_queries=True)
        self._documents = _Texts(encoder, task.documents, are_queries=False)

    def quality(self, late_weight: float) -> float:
        scores = _scores(self._encoder, self._queries, self._documents, late_weight)
        return 100 * ndcg_at_10(right_ranks(scores, self._right))


class _Xquad:
    """The questions and paragraphs of all languages under an encoder, each encoded once."""

    def __init__(self, encoder: Encoder, root: Path, every: int) -> None:
        self._encoder = encoder
        tasks = {lang: read_xquad(root, lang, lang) for lang in XQUAD_LANGS}
        self._right = np.array(tasks["en"].right)[::every]
        self._queries = {lang: _Texts(encoder, t.queries[::every], are_queries=True) for lang, t in tasks.items()}
        self._documents = {lang: _Texts(encoder, task.documents, are_queries=False) for lang, task in tasks.items()}

    def quality(self, lang: str, documents_lang: str, late_weight: float) -> float:
        scores = _scores(self._encoder, self._queries[lang], self._documents[documents_lang], late_weight)
        return 100 * ndcg_at_10(right_ranks(scores, self._right))

    def control(self) -> float:
        scores = _scores(self._encoder, self._queries["en"], self._documents["en"], 0.0)
        return 100 * ndcg_at_10(right_ranks(scores, np.random.default_rng(0).permutation(self._right)))

    def hubness(self) -> float:
        """Mean over the languages, each in its own pool."""
        shares = []
        for lang in XQUAD_LANGS:
            scores = self._queries[lang].vectors @ self._documents[lang].vectors.T
            times = np.sort(np.bincount(scores.argmax(axis=1), minlength=scores.shape[1]))[::-1]
            n = max(1, round(_COMMONEST * len(times)))
            shares.append(times[:n].sum() / times.sum())
        return 100 * float(np.mean(shares))

    def mixed(self) -> tuple[float, float, float]:
        """Own language on top, the right paragraph on top, nDCG@10 without the query's own language."""
        pool = np.concatenate([self._documents[lang].vectors for lang in XQUAD_LANGS])
        n = len(pool) // len(XQUAD_LANGS)
        own, right, cross = [], [], []
        for i, lang in enumerate(XQUAD_LANGS):
            scores = self._queries[lang].vectors @ pool.T
            top = scores.argmax(axis=1)
            own.append((top // n == i).mean())
            right.append((top % n == self._right).mean())
            scores[:, i * n : (i + 1) * n] = -2
            places = self._right[:, None] + n * np.array([j for j in range(len(XQUAD_LANGS)) if j != i])
            best = np.take_along_axis(
                places, np.take_along_axis(scores, places, axis=1).argmax(axis=1)[:, None], axis=1
            )
            cross.append(ndcg_at_10(right_ranks(scores, best[:, 0])))
        return 100 * float(np.mean(own)), 100 * float(np.mean(right)), 100 * float(np.mean(cross))


def _mean(values: object) -> float:
    return float(np.mean(list(values)))  # type: ignore[call-overload]


def table_of(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Figures as a Markdown table, a column for each name of a figure."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    lines += [
        f"| {label} | " + " | ".join(f"{row[name]:.1f}" if name in row else "-" for name in names) + " |"
        for label, row in rows.items()
    ]
    return "\n".join(lines)
