"""Documents prepared by several processes, for encoders that keep one core busy.

Each worker is a Python of its own that reads batches from its standard input and writes what it prepared to its
standard output: JSON, with vectors and the like as bytes behind it. Nothing is forked or imported again from
the caller's script, so that it works in notebooks, in scripts without a main guard, and on every system.
"""

from __future__ import annotations

import gc
import json
import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import cycle
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import IO, Any, Final, Self, TypeVar

from smsearch.encoders import load_encoder, token_encoder_for
from smsearch.encoders.protocol import Encoder
from smsearch.errors import EncoderError, InputError, WorkerError
from smsearch.index.stored import EncodedPassage
from smsearch.indexing.preparing import Batch, CutOptions, Prepared, Preparer
from smsearch.records import Document, Passage, Section, Span

B = TypeVar("B", bound=Batch)

_HEAD: Final = struct.Struct("<IQ")
_FINGERPRINT_BYTES: Final = 16
_IN_FLIGHT: Final = 2  # batches of one worker
_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2
_START: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from smsearch.indexing.workers import serve; serve()"
)
_ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class Workers:
    """Processes that prepare documents; a context manager that ends them."""

    def __init__(self, n: int, encoder: Encoder, options: CutOptions) -> None:
        """Start some processes.

        Args:
            n: How many.
            encoder: A built-in or static encoder; each process loads it by its name.
            options: How documents are cut.
        """
        setup = {"encoder": encoder.name, "fingerprint": encoder.fingerprint, "options": asdict(options)}
        self._dim = encoder.dim
        self._workers = [_Worker(setup) for _ in range(n)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()

    def prepare(self, batches: Iterable[B]) -> Iterator[tuple[B, list[Prepared]]]:
        """Each batch with what was prepared of it, in order.

        Raises:
            WorkerError: If a process ends before its work is done.
            EncoderError: If the encoder reads too few tokens to cut for, or has changed on the disk.
        """
        waiting: deque[tuple[B, _Worker | None]] = deque()
        turns = cycle(self._workers)
        for batch in batches:
            worker = next(turns) if batch.documents else None
            if worker is not None:
                worker.send(batch)
            waiting.append((batch, worker))
            if len(waiting) > _IN_FLIGHT * len(self._workers):
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: deque[tuple[B, _Worker | None]]) -> tuple[B, list[Prepared]]:
        batch, worker = waiting.popleft()
        if worker is None:
            return batch, []
        head, data = worker.receive()
        return batch, list(_unpacked(batch.documents, head, data, 2 * self._dim))


class _Worker:
    """One process, seen from the caller."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and code
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ONE_THREAD,
            start_new_session=True,  # Ctrl-C is for the caller, who ends the workers
        )
        self._answers: SimpleQueue[tuple[Any, bytes] | None] = SimpleQueue()
        Thread(target=self._listen, daemon=True).start()  # so that a worker never waits to be read
        self._write(setup)

    def send(self, batch: Batch) -> None:
        """Let it prepare a batch, after those it was sent before."""
        self._write(
            {
                "documents": [_packed_document(document) for document in batch.documents],
                "standing": [{key.hex(): ids for key, ids in each.items()} for each in batch.standing],
                "recurring": sorted(batch.recurring),
            }
        )

    def receive(self) -> tuple[Any, bytes]:
        """What it prepared of the batch sent longest ago."""
        answer = self._answers.get()
        if answer is None:
            code = self._process.wait()
            raise WorkerError(
                f"a process that prepares passages ended with status {code}; what is finished is kept, and the same "
                "command goes on from there (set SMSEARCH_JOBS=1 to work in one process)"
            )
        if "error" in answer[0]:
            raise EncoderError(answer[0]["error"])
        return answer

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what was written to it is of no use any more

    def _write(self, head: dict[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError("a worker has its input")
        try:
            write_frame(self._process.stdin, head)
        except BrokenPipeError:
            self._answers.put(None)

    def _listen(self) -> None:
        if self._process.stdout is not None:
            while (frame := read_frame(self._process.stdout)) is not None:
                self._answers.put(frame)
        self._answers.put(None)


def job_count() -> int:
    """Processes that prepare passages: `SMSEARCH_JOBS`, else one a core; 1 where none can be started."""
    given = os.environ.get("SMSEARCH_JOBS", "")
    if given:
        if not given.isdecimal() or not int(given):
            raise InputError(f"SMSEARCH_JOBS is {given!r}; set it to a number of processes, from 1")
        return int(given)
    return (os.cpu_count() or 1) if sys.executable else 1


def serve() -> None:
    """Be a worker: prepare what comes on standard input until it ends, or nobody wants it any more."""
    gc.disable()  # what is prepared holds no cycles, and looking for them takes a tenth of the time
    with suppress(BrokenPipeError), _answers_alone() as answers:  # whoever asked may be killed
        _prepare_until_end(answers)


def _answers_alone() -> IO[bytes]:
    """Standard output, for answers alone: what a library prints goes to standard error.

    With a buffer even where `PYTHONUNBUFFERED` is set: without one, what a process had not yet written when it was
    stopped (by a debugger, with its container) would be lost.
    """
    answers = os.fdopen(os.dup(_STANDARD_OUTPUT), "wb")
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)
    return answers


def _prepare_until_end(answers: IO[bytes]) -> None:
    first = read_frame(sys.stdin.buffer)
    if first is None:  # whoever asked was killed before it could say for what
        return
    setup, _ = first
    encoder = load_encoder(setup["encoder"])
    token_encoder = token_encoder_for(encoder)
    options = CutOptions(**setup["options"])
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        if encoder.fingerprint != setup["fingerprint"]:
            write_frame(answers, {"error": f"the encoder {encoder.name!r} has changed on the disk"})
            return
        batch = _unpacked_batch(frame[0])
        try:
            prepared = Preparer(encoder, options, token_encoder).prepare(batch)
        except EncoderError as error:
            write_frame(answers, {"error": str(error)})
            return
        head, data = _packed(prepared)
        write_frame(answers, head, data)


def write_frame(file: IO[bytes], head: object, data: bytes = b"") -> None:
    """Write JSON and bytes, with their lengths before them."""
    text = json.dumps(head, ensure_ascii=False).encode(errors="surrogatepass")
    file.write(_HEAD.pack(len(text), len(data)) + text)
    file.write(data)
    file.flush()


def read_frame(file: IO[bytes]) -> tuple[Any, bytes] | None:
    """What `write_frame` wrote; None at the end of the file, and where it ends within a frame."""
    start = file.read(_HEAD.size)
    if len(start) < _HEAD.size:
        return None
    n_text, n_data = _HEAD.unpack(start)
    text, data = file.read(n_text), file.read(n_data)
    return (json.loads(text), data) if len(text) == n_text and len(data) == n_data else None


def _packed_document(document: Document) -> list[Any]:
    sections = [(s.start, s.end, s.kind, s.author, s.date) for s in document.sections]
    return [document.doc_id, document.text, document.title, document.lang, sections]


def _unpacked_batch(head: dict[str, Any]) -> Batch:
    documents = [
        Document(doc_id, text, title, lang=lang, sections=tuple(Section(*each) for each in sections))
        for doc_id, text, title, lang, sections in head["documents"]
    ]
    standing = [{bytes.fromhex(key): ids for key, ids in each.items()} for each in head["standing"]]
    return Batch(documents, standing, frozenset(head["recurring"]))


def _packed(prepared: Sequence[Prepared]) -> tuple[dict[str, Any], bytes]:
    data: list[bytes] = []
    rows = []
    for each in prepared:
        for found in each.new:
            data += (found.fingerprint, found.vector, found.tokens, found.words)
        new = [(_packed_passage(p.passage), len(p.tokens), len(p.words), p.keys) for p in each.new]
        kept = [(number, _packed_passage(passage)) for number, passage in each.kept]
        rows.append((new, kept, [(s.start, s.end, s.reason) for s in each.left_out], each.lang))
    return {"prepared": rows}, b"".join(data)


def _unpacked(
    documents: Sequence[Document], head: dict[str, Any], data: bytes, vector_bytes: int
) -> Iterator[Prepared]:
    at = 0

    def taken(n: int) -> bytes:
        nonlocal at
        at += n
        return data[at - n : at]

    for document, (new, kept, left_out, lang) in zip(documents, head["prepared"], strict=True):
        encoded = tuple(
            EncodedPassage(
                _unpacked_passage(document, passage),
                taken(_FINGERPRINT_BYTES),
                taken(vector_bytes),
                taken(n_tokens),
                taken(n_words),
                tuple(keys),
            )
            for passage, n_tokens, n_words, keys in new
        )
        places = tuple((number, _unpacked_passage(document, passage)) for number, passage in kept)
        yield Prepared(encoded, places, tuple(Span(*span) for span in left_out), lang)


def _packed_passage(passage: Passage) -> list[Any]:
    p = passage
    return [p.start, p.end, p.kind, p.author, p.date, p.lang, p.heading, [n for span in p.sentences for n in span]]


def _unpacked_passage(document: Document, packed: Sequence[Any]) -> Passage:
    start, end, kind, author, date, lang, heading, bounds = packed
    sentences = tuple(zip(bounds[::2], bounds[1::2], strict=True))
    return Passage(start, end, document.text[start:end], kind, author, date, lang, heading, sentences)
