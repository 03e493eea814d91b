"""What is tried with any bytes, and what must not come of them."""

from __future__ import annotations

import io
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

import smsearch
from smsearch.errors import SmsearchError
from smsearch.records import Document, Fields, MetadataValue, Mode, Section, Unread
from smsearch.sources.formats import READERS
from smsearch.sources.reader import NotOfThisKindError
from tests.strategies import FRAGMENTS
from tests.torture.fuzz_index import draw_edits, edit_corpus, index_opener
from tests.torture.fuzz_inputs import Corpus, nth_input
from tests.torture.fuzz_seeds import ask_corpus, query_corpus, reader_corpora, text_corpus

Try = Callable[[bytes], None]

_SEEDS: Final = Path(__file__).parents[2] / "seeds"
_CUT_WITH: Final = ("text", "markdown", "html", "feed", "jsonl")
_ELSEWHERE: Final = (
    "--model",
    "-m",
    "--rerank",
    "--index",
    "-i",
    "--install",
    "--show",
)  # load models, leave the index
_QUERY_WAYS: Final = 48


class Wrong(Exception):  # noqa: N818  what is looked for
    """What came out is not what was promised."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that takes any bytes.

    Attributes:
        name: What it is called on the command line.
        fault: What is done, in a few words.
        corpus: Gives what its inputs are made from.
        open: Gives, for an empty folder, what is called with each input; it raises where something is wrong.
        draw: Makes the n-th input.
    """

    name: str
    fault: str
    corpus: Callable[[], Corpus]
    open: Callable[[Path], AbstractContextManager[Try]]
    draw: Callable[[Corpus, str, int, int], bytes] = nth_input


def _reader_target(name: str) -> Target:
    @contextmanager
    def opened(folder: Path) -> Iterator[Try]:
        del folder
        yield lambda data: check_all(read_or_refuse(name, data))

    return Target(name, f"any bytes read as {name}", lambda: reader_corpora()[name], opened)


def read_or_refuse(name: str, data: bytes) -> list[Document | Unread]:
    """What a reader makes of some bytes; nothing where it refuses them in the way it documents."""
    try:
        return list(READERS[name](io.BytesIO(data), doc_id="f", fields=Fields()))
    except ValueError as error:
        if type(error) not in {ValueError, NotOfThisKindError} or not str(error):
            raise
        return []


def check_all(found: Sequence[Document | Unread]) -> None:
    """Make sure that what was read can be stored: clean texts, plain values, sections within the text."""
    for one in found:
        if isinstance(one, Unread):
            continue
        if any(sign in one.text for sign in "\0\r") or not one.doc_id:
            raise Wrong(f"unclean document {one.doc_id!r}")
        plain = json.dumps(dict(one.metadata), ensure_ascii=False, allow_nan=False)
        names = [section.author or "" for section in one.sections]
        "\n".join([one.doc_id, one.title, one.text, one.author or "", one.date or "", one.lang, plain, *names]).encode()
        if len(one.fingerprint) != 32 or not all(_within(section, one.text) for section in one.sections):
            raise Wrong(f"sections {one.sections!r} of {len(one.text)} characters")


def _within(section: Section, text: str) -> bool:
    return 0 <= section.start <= section.end <= len(text)


@contextmanager
def _cutter(folder: Path) -> Iterator[Try]:
    """Reads an input in one of five ways and cuts what was read."""
    from smsearch.text.passages import PassageLimits, split_passages

    del folder

    def count(texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def attempt(data: bytes) -> None:
        way = zlib.crc32(data)
        found = read_or_refuse(_CUT_WITH[way % len(_CUT_WITH)], data)
        documents = [one for one in found if isinstance(one, Document)]
        limits = PassageLimits(*((160, 240), (16, 24), (3, 4))[way // 8 % 3])
        cuts = split_passages(documents, count_tokens=count, limits=limits, keep_boilerplate=bool(way // 32 % 2))
        for document, cut in zip(documents, cuts, strict=True):
            for passage in cut.passages:
                if passage.text != document.text[passage.start : passage.end] or not passage.text.strip():
                    raise Wrong(f"passage {passage!r}")

    yield attempt


def _make_index(folder: Path) -> smsearch.Index:
    """An index of a few short documents, some of them strange."""
    from smsearch.index.recorded_encoder import record_of
    from smsearch.index.writer import open_writer
    from smsearch.indexing.updating import Updater

    encoder = smsearch.load_encoder()
    texts = [path.read_text(encoding="utf-8")[:300] for path in sorted(_SEEDS.glob("0*.txt"))]
    plain = [Document(f"{n}.txt", text, title=f"Text {n}", date="2010-03-09") for n, text in enumerate(texts)]
    known: dict[str, MetadataValue] = {"n": 5, "tag": "red, blue", "yes": True, "deep.a": 1.5}
    strange = Document(
        "\u202e\x1b[31m.txt", "\n\n".join(FRAGMENTS).replace("\0", ""), title="<b>[bold]", metadata=known
    )
    with open_writer(folder / "index", encoder=record_of(encoder)) as writer:
        Updater(writer, encoder).add_documents([*plain, strange])
    return smsearch.open_index(folder / "index", encoder=encoder)


def _stream(encoding: str) -> io.TextIOWrapper:
    """Standard output as the command line leaves it."""
    return io.TextIOWrapper(io.BytesIO(), encoding, errors="replace", newline="\n")


@contextmanager
def _asker(folder: Path) -> Iterator[Try]:
    """Runs `smsearch ask` with the arguments an input says, without words for it unless they are given."""
    import typer

    from smsearch.cli import app

    _make_index(folder).close()
    command = typer.main.get_command(app)
    fixed = ["ask", "--index", str(folder / "index"), "--mode", "lexical"]

    def attempt(data: bytes) -> None:
        given = [os.fsdecode(part) for part in data.split(b"\x1e")]
        arguments = [part for part in given if not part.startswith(_ELSEWHERE)]
        stdin, sys.stdin = sys.stdin, io.StringIO("medier\nnej\n")
        try:
            with redirect_stdout(_stream("utf-8")), redirect_stderr(_stream("utf-8")):
                command.main([*fixed, *arguments], prog_name="smsearch")
        except SystemExit as end:
            if end.code not in {0, 2}:
                raise Wrong(f"exit code {end.code!r}") from end
        except SmsearchError as error:
            str(error).encode("utf-8", "replace")
        finally:
            sys.stdin = stdin

    yield attempt


@contextmanager
def _searcher(folder: Path) -> Iterator[Try]:
    """Asks an index in one of three modes and shows the hits in one of four ways."""
    from smsearch.cli.output import say_hits

    modes: tuple[Mode, ...] = get_args(Mode)
    with _make_index(folder) as index:

        def attempt(data: bytes) -> None:
            way, query = (data[0] if data else 0) % _QUERY_WAYS, data[1:].decode("utf-8", "surrogateescape")
            try:
                hits = index.search(query, 1 + way // 12, mode=modes[way % 3])
            except SmsearchError:
                return
            shown = way // 3 % 4
            for hit in hits:
                if hit.text[hit.sentence_start - hit.start : hit.sentence_end - hit.start] != hit.sentence:
                    raise Wrong(f"sentence of {hit!r}")
            if shown == 3:
                hits._repr_html_().encode("utf-8", "replace")
                repr(hits)
                return
            with redirect_stdout(_stream(("utf-8", "ascii", "cp1252")[shown])):
                say_hits(hits[:2], as_json=shown == 1, as_jsonl=False, full=shown == 2)

        yield attempt


_READERS: Final = tuple(_reader_target(name) for name in sorted(READERS))
TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        *(replace(target, fault=target.fault.replace("as text", "as plain text")) for target in _READERS),
        Target("passages", "whatever was read, cut into passages", text_corpus, _cutter),
        Target("ask", "any arguments of `smsearch ask`, filters above all", ask_corpus, _asker),
        Target("query", "any text as a query, its hits shown", query_corpus, _searcher),
        Target("index", "any bytes in the files of an index", edit_corpus, index_opener, draw_edits),
    )
}
