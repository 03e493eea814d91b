"""The stages of a training run, each taken up where it was cut off; what they make stands in one folder.

corpus/        parallel text, cleaned         tokenizer.json  the vocabulary
teacher/       vectors of the English lines   tokens/         the corpus as ids
student/       checkpoint of the table        settled/        checkpoint of the table, settled
grown/         the same with more entries      words/          the same with more words
adapted/       checkpoint of the matrix of passages
begun/         a finished encoder, in place of the stages up to adapted/ but words/
model/         the encoder, with its card
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from smsearch.encoders.static import CONFIG, TOKENIZER, WEIGHTS, StaticEncoder
from smsearch.encoders.table import TokenTable, weighted_rows
from smsearch.errors import InputError
from smsearch.evaluation.encoding import EncoderQuality, evaluate_encoder
from smsearch.files import read_json_object, write_atomically
from smsearch.training.adapting import Adapter, HeadingSampler
from smsearch.training.batches import PairSampler
from smsearch.training.card import write_card
from smsearch.training.compression import joined_tables, temper_norms, text_moments, whiten, whitening_of
from smsearch.training.configuration import TrainingConfig
from smsearch.training.corpus import ENGLISH, REPORT, CorpusReport, build_corpus, read_lines
from smsearch.training.exporting import write_model
from smsearch.training.growing import english_vectors, entries_of, grow_vocabulary, grown_rows
from smsearch.training.pieces import Pieces, decomposition
from smsearch.training.preparing import BatchPreparer
from smsearch.training.settling import CuttingSampler, turned
from smsearch.training.student import STATE, Student, train_student
from smsearch.training.teacher import encode_english, teacher_vectors
from smsearch.training.tokens import CorpusTokens, write_tokens
from smsearch.training.vocabulary import count_words, save_tokenizer, train_vocabulary
from smsearch.training.words import choose_words, first_rows, load_text_encoder, with_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EVALUATION: Final = "evaluation.json"
CONFIGURATION: Final = "training.toml"
Progress = Callable[[str], object]


def _silent(_what: str) -> None:
    pass


class TrainingRun:
    """One model in the making.

    Attributes:
        config_file: The TOML file of its configuration.
        config: What it says.
        folder: Where everything is written.
    """

    def __init__(self, config_file: Path, folder: Path) -> None:
        """Read the configuration.

        Raises:
            InputError: If it cannot be read or makes no sense.
        """
        self.config_file, self.folder = config_file, folder
        self.config = TrainingConfig.read(config_file)

    @property
    def corpus(self) -> Path:
        """Folder of the cleaned corpus."""
        return self.folder / "corpus"

    @property
    def tokenizer(self) -> Path:
        """The vocabulary that the student is trained with."""
        return self.folder / TOKENIZER

    @property
    def grown_tokenizer(self) -> Path:
        """That vocabulary, or what it has grown to, or that of the encoder the run began with."""
        if self._begun.exists():
            return self._begun / TOKENIZER
        return self._grown / TOKENIZER if self.config.growth.entries else self.tokenizer

    @property
    def finished_tokenizer(self) -> Path:
        """The vocabulary of the finished encoder, with the words that were added."""
        return self._words / TOKENIZER if self.config.words.entries else self.grown_tokenizer

    @property
    def model(self) -> Path:
        """Folder of the finished encoder."""
        return self.folder / "model"

    def build_corpus(self, texts: Path, *, forbidden: Path | None = None, progress: Progress = _silent) -> CorpusReport:
        """Read and clean parallel text; see `corpus.build_corpus`.

        Raises:
            SourceError: If the text cannot be read.
            InputError: If the folder of the run cannot be written.
        """
        try:
            self.corpus.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {str(self.corpus)!r} ({error.strerror}); name another") from None
        return build_corpus(
            texts,
            self.corpus,
            langs=self.config.langs,
            forbidden=forbidden,
            limits=self.config.limits,
            advance=progress,
        )

    def train_vocabulary(self, *, progress: Progress = _silent) -> None:
        """Choose the vocabulary; nothing is done if it is there.

        Raises:
            InputError: If there is no corpus yet, or the quotas are more than the size.
        """
        self._need(self.corpus / REPORT, "corpus")
        if not self.tokenizer.exists():
            save_tokenizer(train_vocabulary(self.corpus, self.config.vocabulary, advance=progress), self.tokenizer)

    def encode_english(self, *, progress: Callable[[int], object] = lambda _n: None) -> int:
        """Encode the English lines with the teacher; those that have a vector already are not encoded again.

        Raises:
            InputError: If there is no corpus yet, or the vectors there are another teacher's.
            EncoderError: If the teacher cannot be loaded.
        """
        self._need(self.corpus / REPORT, "corpus")
        return encode_english(self.corpus, self.folder / "teacher", self.config.teacher, advance=progress)

    def train_student(
        self, *, threads: int | None = None, until: int | None = None, progress: Progress = _silent
    ) -> dict[str, float]:
        """Train the table, from the last checkpoint on.

        Args:
            threads: Of torch; None for one a core.
            until: Stop after this step; None for the last.
            progress: Called now and then with a line that says how far it is.

        Returns:
            The parts of the loss over the last steps.

        Raises:
            InputError: If an earlier stage is missing.
            MissingExtraError: If torch is not installed.
        """
        self._need(self.tokenizer, "vocabulary")
        self._need(self.folder / "teacher" / "teacher.json", "teacher")
        config = self.config
        pieces = _pieces(self.tokenizer, self.config.student.piece_share)
        tokens = write_tokens(self.corpus, self.tokenizer, self.folder / "tokens", advance=progress)
        student = Student(pieces.n_entries, config.student)
        student.load(self._student)
        teacher, _ = teacher_vectors(self.corpus, self.folder / "teacher", config.student.dim)
        sampler = PairSampler(tokens, config.sampling, seed=config.student.seed + student.step)
        preparer = BatchPreparer(sampler, teacher, pieces, n_rows=min(config.student.batch, len(tokens.lines)))
        return self._train(student, preparer, self._student, threads=threads, until=until, progress=progress)

    def settle(
        self, *, threads: int | None = None, until: int | None = None, progress: Progress = _silent
    ) -> dict[str, float]:
        """Settle the trained table, from the last checkpoint on; nothing is done where no steps are asked for.

        Arguments and result as those of `train_student`.

        Raises:
            InputError: If an earlier stage is missing.
            MissingExtraError: If torch is not installed.
        """
        config = self.config
        if not config.settling.steps:
            return {}
        rows, whitening = self._whitened()
        student = Student.of(rows, config.settling.student(config.student))
        student.load(self._settled)
        tokens = write_tokens(self.corpus, self.tokenizer, self.folder / "tokens", advance=progress)
        sampling, seed = config.settling.sampling(config.sampling), config.settling.seed + student.step
        sampler = PairSampler(tokens, sampling, seed=seed)
        teacher, _ = teacher_vectors(self.corpus, self.folder / "teacher", config.student.dim)
        preparer = self._cutting(sampler, tokens, self.tokenizer, turned(teacher, whitening))
        return self._train(student, preparer, self._settled, threads=threads, until=until, progress=progress)

    def grow(
        self, *, threads: int | None = None, until: int | None = None, progress: Progress = _silent
    ) -> dict[str, float]:
        """Add entries to the vocabulary of the settled table and train their rows; all others stay what they are.

        Arguments as `train_student` takes them.

        Returns:
            The parts of the loss over the last steps; nothing where no entries are asked for.

        Raises:
            InputError: If an earlier stage is missing.
            MissingExtraError: If torch is not installed.
        """
        config = self.config
        if not config.growth.entries:
            return {}
        settled = self._settled_rows()
        vocabulary, grown = _tokenizer(self.tokenizer), self.grown_tokenizer
        if not grown.exists():
            grown.parent.mkdir(exist_ok=True)
            larger = grow_vocabulary(self.corpus, vocabulary, config.vocabulary, config.growth, advance=progress)
            save_tokenizer(larger, grown)
        rows = grown_rows(settled, vocabulary, entries_of(_tokenizer(grown))[len(settled) :])
        student = Student.of(rows, config.growth.student(config.settling.student(config.student)), held=len(settled))
        student.load(self._grown)
        tokens = write_tokens(self.corpus, grown, self._grown / "tokens", advance=progress)
        sampling = config.growth.sampling(config.settling.sampling(config.sampling))
        sampler = PairSampler(tokens, sampling, seed=config.growth.seed + student.step)
        preparer = self._cutting(sampler, tokens, grown, english_vectors(rows, tokens))
        return self._train(student, preparer, self._grown, threads=threads, until=until, progress=progress)

    def begin(self, model: Path) -> None:
        """Take a finished encoder in place of all stages but `words`.

        Args:
            model: Its folder; its configuration should be the beginning of this one.

        Raises:
            EncoderError: If it is no static encoder.
            InputError: If the run has begun already.
        """
        if self._begun.exists() or (self._student / STATE).exists():
            raise InputError(f"the run in {str(self.folder)!r} has begun already; name a new folder")
        StaticEncoder(model).verify()
        aside = self._begun.with_name(f".{self._begun.name}")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(model, aside)
        aside.rename(self._begun)

    def add_words(
        self, *, threads: int | None = None, until: int | None = None, progress: Progress = _silent
    ) -> dict[str, float]:
        """Add whole words to the vocabulary and train their rows; all others stay what they are.

        Arguments as `train_student` takes them.

        Returns:
            The parts of the loss over the last steps; nothing where no words are asked for.

        Raises:
            InputError: If an earlier stage is missing.
            MissingExtraError: If torch, wordfreq or the extra `e5` is not installed.
        """
        config, plan = self.config, self.config.words
        if not plan.entries:
            return {}
        held = self._grown_rows()
        rows = np.concatenate([held, self._first_rows(held, progress)])
        student = Student.of(rows, plan.student(config.settling.student(config.student)), held=len(held))
        student.load(self._words)
        tokens = write_tokens(self.corpus, self.finished_tokenizer, self._words / "tokens", advance=progress)
        sampling = plan.sampling(config.settling.sampling(config.sampling))
        sampler = PairSampler(tokens, sampling, seed=plan.seed + student.step)
        n_rows = min(config.student.batch, len(tokens.lines))
        preparer = BatchPreparer(
            sampler, english_vectors(rows, tokens), _pieces(self.finished_tokenizer, 0.0), n_rows=n_rows
        )
        return self._train(student, preparer, self._words, threads=threads, until=until, progress=progress)

    def _first_rows(self, held: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        """The rows that new words begin with, and the vocabulary that has these words; both are kept."""
        path = self._words / _FIRST_ROWS
        if not path.exists():
            vocabulary, plan = _tokenizer(self.grown_tokenizer), self.config.words
            counts = count_words(self.corpus, self.config.vocabulary, advance=progress)
            chosen = choose_words(counts, vocabulary, plan, unspaced=tuple(self.config.vocabulary.runs))
            progress(f"{len(chosen.new):,} new words, {len(chosen.known):,} examples")
            first = first_rows(chosen, held, vocabulary, plan, load_text_encoder())
            self._words.mkdir(parents=True, exist_ok=True)
            save_tokenizer(with_words(vocabulary, chosen.new), self.finished_tokenizer)
            write_atomically(path, save({"rows": first}))
        return load(path.read_bytes())["rows"]

    def adapt(
        self, *, threads: int | None = None, until: int | None = None, progress: Progress = _silent
    ) -> dict[str, float]:
        """Learn the matrix that passages are multiplied by, from the last checkpoint on; the table stays what it is.

        Arguments as `train_student` takes them.

        Returns:
            The parts of the loss over the last steps; nothing where no steps are asked for, or the run began with an
            encoder, whose matrix is kept.

        Raises:
            InputError: If an earlier stage is missing, or the corpus has no heading with text below it.
            MissingExtraError: If torch is not installed.
        """
        config, plan = self.config, self.config.adapter
        if not plan.steps or self._begun.exists():
            return {}
        rows = self.finished_rows()
        adapter = Adapter(weighted_rows(rows, config.query_power), rows, plan, config.student)
        adapter.load(self._adapted)
        tokens = write_tokens(
            self.corpus, self.finished_tokenizer, self.finished_tokenizer.parent / "tokens", advance=progress
        )
        lines = list(read_lines(self.corpus / ENGLISH))
        sampling = config.settling.sampling(config.sampling)
        sampler = HeadingSampler(tokens, sampling, plan, lines, seed=plan.seed + adapter.step)
        if plan.heading_share and not sampler.n_headings:
            raise InputError("the corpus has no heading with text below it; set `adapter.steps` to 0")
        n_rows = min(config.student.batch, len(tokens.lines))
        preparer = BatchPreparer(sampler, None, _pieces(self.finished_tokenizer, 0.0), n_rows=n_rows)
        return self._train(adapter, preparer, self._adapted, threads=threads, until=until, progress=progress)

    def _whitened(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The table that settling begins with, as large as the trained one, and what it was whitened by."""
        rows = self.rows()
        whitening = whitening_of(rows, self._counts(len(rows)), self.config.whitening)
        begun = temper_norms(rows @ whitening, self.config.norm_power)
        begun *= np.linalg.norm(rows, axis=1).mean() / np.linalg.norm(begun, axis=1).mean()
        return begun, whitening

    def _cutting(
        self, sampler: PairSampler, tokens: CorpusTokens, tokenizer: Path, teacher: NDArray[np.float16]
    ) -> BatchPreparer:
        """Batches whose words are cut into their pieces now and then."""
        cutting = CuttingSampler(sampler, tokens, _pieces(tokenizer, 1.0), self.config.settling)
        n_rows = min(self.config.student.batch, len(tokens.lines))
        return BatchPreparer(cutting, teacher, _pieces(tokenizer, 0.0), n_rows=n_rows)

    @staticmethod
    def _train(
        student: Student,
        preparer: BatchPreparer,
        folder: Path,
        *,
        threads: int | None,
        until: int | None,
        progress: Progress,
    ) -> dict[str, float]:
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        losses: dict[str, float] = {}
        told = time.monotonic()

        def advance(step: int, parts: dict[str, float]) -> None:
            nonlocal told
            for name, value in parts.items():
                losses[name] = 0.99 * losses.get(name, value) + 0.01 * value
            if time.monotonic() - told > _TOLD_EVERY:
                told = time.monotonic()
                progress(f"step {step:,} of {student.plan.steps:,}: " + _figures(losses))

        train_student(student, preparer, folder, until=until, advance=advance)
        return losses

    def rows(self) -> NDArray[np.float32]:
        """The table as trained, its pieces folded in, not compressed; `(n_tokens, dim)` float32.

        Raises:
            InputError: If nothing was trained yet.
        """
        self._need(self._student / STATE, "student")
        pieces = _pieces(self.tokenizer, self.config.student.piece_share)
        student = Student(pieces.n_entries, self.config.student)
        student.load(self._student)
        return pieces.fold(student.table.numpy())

    def finished_rows(self) -> NDArray[np.float32]:
        """The table as it is exported, not compressed: with the words that were added, where there are any.

        Raises:
            InputError: If nothing was trained yet, or a stage is missing that the configuration asks for.
        """
        if self.config.words.entries:
            self._need(self._words / STATE, "words")
            return self._checkpoint(self._words)
        return self._grown_rows()

    def _grown_rows(self) -> NDArray[np.float32]:
        """The table before words are added: grown, or else settled, or else whitened with smaller norms."""
        config = self.config
        if table := self._begun_table():
            return table.rows(np.arange(len(table), dtype=np.int32))
        if config.growth.entries:
            self._need(self._grown / STATE, "grow")
            return self._checkpoint(self._grown)
        if config.settling.steps:
            return self._settled_rows()
        rows = self.rows()
        return temper_norms(whiten(rows, self._counts(len(rows)), config.whitening), config.norm_power)

    def _matrix(self) -> NDArray[np.float32] | None:
        """What passages are multiplied by; None where the configuration leaves them as they are."""
        if self._begun.exists():
            matrix = StaticEncoder(self._begun).matrix
            return None if matrix is None else matrix.astype(np.float32)
        if not self.config.adapter.steps:
            return None
        self._need(self._adapted / STATE, "adapt")
        return self._checkpoint(self._adapted)

    def _settled_rows(self) -> NDArray[np.float32]:
        self._need(self._settled / STATE, "settle")
        return self._checkpoint(self._settled)

    def _checkpoint(self, folder: Path) -> NDArray[np.float32]:
        student = Student(0, self.config.student)
        student.load(folder)
        table: NDArray[np.float32] = student.table.numpy()
        return table

    def _counts(self, n: int) -> NDArray[np.int64]:
        """How often the corpus uses each entry."""
        return np.bincount(CorpusTokens.open(self.folder / "tokens").ids, minlength=n)

    def export(self) -> StaticEncoder:
        """Write the trained table as an encoder that `load_encoder` reads, with its configuration and card.

        Raises:
            InputError: If nothing was trained yet, or not all that the configuration asks for.
        """
        rows, matrix, tokenizer = self.finished_rows(), self._matrix(), self.finished_tokenizer
        moments = text_moments(rows, CorpusTokens.open(tokenizer.parent / "tokens"))
        table = joined_tables(self._begun_table(), rows, moments)
        write_model(self.model, self.config, table, rows, tokenizer, matrix=matrix)
        shutil.copyfile(self.config_file, self.model / CONFIGURATION)
        self._write_card(None)
        return self._encoder()

    def evaluate(self, sets: Path, *, every: int = 1, progress: Progress = _silent) -> EncoderQuality:
        """Measure the exported encoder and write the figures into its card.

        Raises:
            SourceError: If an evaluation set is missing.
            InputError: If nothing was exported yet.
        """
        self._need(self.model / CONFIG, "export")
        quality = evaluate_encoder(self._encoder(), sets, every=every, advance=progress)
        write_atomically(self.model / EVALUATION, (json.dumps(asdict(quality), indent=2) + "\n").encode())
        self._write_card(quality)
        return quality

    def _begun_table(self) -> TokenTable | None:
        """The compressed table of the encoder that the run began from, whose rows are exported as they are."""
        path = self._begun / WEIGHTS
        return TokenTable.open(path) if path.exists() else None

    @property
    def _begun(self) -> Path:
        return self.folder / "begun"

    @property
    def _words(self) -> Path:
        return self.folder / "words"

    @property
    def _student(self) -> Path:
        return self.folder / "student"

    @property
    def _grown(self) -> Path:
        return self.folder / "grown"

    @property
    def _adapted(self) -> Path:
        return self.folder / "adapted"

    @property
    def _settled(self) -> Path:
        return self.folder / "settled"

    def _encoder(self) -> StaticEncoder:
        return StaticEncoder(self.model, name=self.config.name)

    def _write_card(self, quality: EncoderQuality | None) -> None:
        report = CorpusReport(**read_json_object(self.corpus / REPORT))
        state = read_json_object(self._student / STATE)
        vectors = self._encoder().encode_passages(self.config.card.check_texts)
        cosines = (vectors[1:] @ vectors[:1].T).ravel().tolist()
        stages = {"settled": self._settled, "grown": self._grown, "words": self._words, "adapted": self._adapted}
        later = {name: read_json_object(folder / STATE) for name, folder in stages.items()}
        made = {**state, **read_json_object(self.model / CONFIG), "cosines": cosines, **later}
        write_card(self.model, self.config, report, made, quality)

    @staticmethod
    def _need(path: Path, stage: str) -> None:
        if not path.exists():
            raise InputError(f"there is no {str(path)!r} yet; run the stage {stage!r} first")


_TOLD_EVERY: Final = 10.0  # seconds
_FIRST_ROWS: Final = "first.safetensors"


def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def _pieces(tokenizer: Path, share: float) -> Pieces:
    entries, scores = zip(*json.loads(tokenizer.read_bytes())["model"]["vocab"], strict=True)
    return Pieces.from_lists(decomposition(entries, scores) if share else [[]] * len(entries), share)


def _figures(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
