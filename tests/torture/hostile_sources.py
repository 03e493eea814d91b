"""Sources made to do harm: each is indexed by the real command, and what it did and took is judged."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import smsearch
from tests.torture.outcomes import Outcome

Make = Callable[[Path], None]

GOOD_TEXT = "The lighthouse\n\nThe keeper of the lighthouse wrote a letter about the winter storms.\n"
SECRET = "the secret kept outside"  # in a file beside the source  # noqa: S105
MOST_MEGABYTES = 1_000

_SECONDS = 300
# a process of its own, because what a child is said to have taken is at least what its parent had
_MEASURED = f"""
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL, timeout={_SECONDS})
with open(sys.argv[1], "w") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code if code >= 0 else 128 - code)
"""
_RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended.

    Attributes:
        code: Its exit code.
        out: What it printed.
        err: What it said on standard error.
        megabytes: The most memory it, or a process it started, had at once.
        seconds: Time taken.
    """

    code: int
    out: str
    err: str
    megabytes: int
    seconds: float


def run(*arguments: str, folder: Path) -> Ran:
    """Run a command of smsearch in a folder; one that takes more than five minutes is ended."""
    paths = [folder / name for name in (".out", ".err", ".peak")]
    begin = time.perf_counter()
    with paths[0].open("wb") as out, paths[1].open("wb") as err:
        command = [sys.executable, "-c", _MEASURED, str(paths[2]), sys.executable, "-m", "smsearch", *arguments]
        code = subprocess.run(command, cwd=folder, stdout=out, stderr=err, check=False).returncode
    seconds = time.perf_counter() - begin
    said = [path.read_bytes().decode(errors="surrogateescape") for path in paths[:2]]
    kibibytes = int(paths[2].read_text()) // (1 if sys.platform == "linux" else 1024)
    return Ran(code, said[0], said[1], kibibytes * 1024 // 1_000_000, seconds)


def new_source(folder: Path) -> Path:
    """A folder `source` with a good text in it, and a secret beside it."""
    source = folder / "source"
    source.mkdir(parents=True)
    (folder / "secret.txt").write_text(SECRET, encoding="utf-8")
    (source / "good.txt").write_text(GOOD_TEXT, encoding="utf-8")
    return source


def index_hostile(folder: Path, make: Make, *options: str) -> Ran:
    """Index a good text, and beside it what `make` puts into the folder `source`."""
    make(new_source(folder))
    return run("index", "source", "--index", "index", *options, folder=folder)


def indexed(folder: Path) -> dict[str, smsearch.Document]:
    """The documents of the index, by their names."""
    with closing(sqlite3.connect(folder / "index" / "index.sqlite")) as connection:
        names = [doc_id for (doc_id,) in connection.execute("SELECT doc_id FROM documents")]
    with smsearch.open_index(folder / "index") as index:
        return {doc_id: index.document(doc_id) for doc_id in names}


def faults_of(ran: Ran, *, code: int, says: tuple[str, ...] = ()) -> Iterator[str]:
    """What is wrong with how a command ended and what it said."""
    if ran.code != code:
        yield f"exit code {ran.code} and not {code}: {ran.err[-300:]!r}"
    if "Traceback" in ran.err:
        yield f"a traceback: {ran.err[-300:]!r}"
    yield from (f"{phrase!r} was not said, but {ran.err[-300:]!r}" for phrase in says if phrase not in ran.err)
    if _RAW.search(ran.err + ran.out):
        yield f"control characters were printed: {_RAW.findall(ran.err + ran.out)[:5]}"
    if ran.megabytes > MOST_MEGABYTES:
        yield f"{ran.megabytes} MB of memory"


def judged(
    fault: str, folder: Path, ran: Ran, *, code: int, says: tuple[str, ...] = (), holds: tuple[str, ...] = ()
) -> Outcome:
    """The outcome of indexing: how it ended, what was said, and which documents are there beside the good one.

    Args:
        fault: What was done.
        folder: Where it was done.
        ran: The command.
        code: Its exit code when all is well.
        says: What it has to say.
        holds: Names of the documents that have to be there beside the good one, and no others.
    """
    wrong = list(faults_of(ran, code=code, says=says))
    if (folder / "index").is_dir():
        found = indexed(folder)
        if set(found) != {"good.txt", *holds}:
            wrong.append(f"the index holds {sorted(found)} and not {sorted({'good.txt', *holds})}")
        wrong += [f"{doc_id} holds what stands outside" for doc_id, each in found.items() if SECRET in each.text]
    else:
        wrong.append("nothing was indexed")
    required = "the rest is indexed, one clause names each file that is not, memory below 1 GB"
    happened = f"exit code {ran.code}, {ran.megabytes} MB, {ran.seconds:.1f} s"
    return Outcome(fault, 1, required, happened, wrong=tuple(wrong))


def entity_bombs(folder: Path) -> Outcome:
    """A billion laughs in UTF-8 and UTF-16, and entities that name a file."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    item = "<rss><channel><item><description>&{};</description></item></channel></rss>"
    bomb = f'<!DOCTYPE r [<!ENTITY e0 "ha">{levels}]>' + item.format("e9")

    def make(source: Path) -> None:
        address = source.with_name("secret.txt").as_uri()
        (source / "bomb.xml").write_text(bomb, encoding="utf-8")
        (source / "wide.xml").write_text(bomb, encoding="utf-16")
        (source / "file.xml").write_text(f'<!DOCTYPE r [<!ENTITY x SYSTEM "{address}">]>' + item.format("x"), "utf-8")
        (source / "part.xml").write_text(f'<!DOCTYPE r [<!ENTITY % x SYSTEM "{address}"> %x;]>' + item.format("x"))
        (source / "page.html").write_text(f'<!DOCTYPE r [<!ENTITY x SYSTEM "{address}">]><p>A page &x;</p>', "utf-8")

    ran = index_hostile(folder, make)
    says = tuple(f"source/{name}.xml: XML entities are refused" for name in ("bomb", "wide", "file", "part"))
    return judged("XML entity bombs and external entities", folder, ran, code=1, says=says, holds=("page.html",))


def nested_markup(folder: Path) -> Outcome:
    """Elements nested hundreds of thousands deep, comments never closed, tags of ten megabytes."""
    entry = "<entry><content type='xhtml'>{}deep{}</content></entry><entry><content>flat</content></entry>"
    atom = entry.format("<div>" * 100_000, "</div>" * 100_000)
    long_tag = f"<item a='{'x' * 10_000_000}'><description>long</description></item>"

    def make(source: Path) -> None:
        (source / "deep.html").write_text("<div>" * 300_000 + "<p>words", encoding="utf-8")
        (source / "open.html").write_text("words" + "<div>" * 3_000 + "<!--" * 100_000, encoding="utf-8")
        (source / "atom.xml").write_text(f"<feed xmlns='http://www.w3.org/2005/Atom'>{atom}</feed>", encoding="utf-8")
        (source / "tag.xml").write_text(f"<rss><channel>{long_tag}</channel></rss>", encoding="utf-8")
        (source / "deep.json").write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")

    ran = index_hostile(folder, make)
    holds = ("deep.html", "open.html", "atom.xml#1", "atom.xml#2", "tag.xml#1")
    says = ("source/deep.json: JSON nested too deeply",)
    return judged("deep and endless markup", folder, ran, code=1, says=says, holds=holds)


def front_matter_bombs(folder: Path) -> Outcome:
    """YAML whose aliases stand for ten million values, or for themselves; rows with values nested 900 deep."""
    values = "".join(f"a{n}: &a{n} {{{', '.join(f'k{i}: *a{n - 1}' for i in range(10))}}}\n" for n in range(1, 9))
    lists = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    merged = "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9))
    row = '{"text": "first", "m": ' + '{"a": ' * 900 + "1" + "}" * 900 + '}\n{"text": "second", "n": 1e999}\n'

    def make(source: Path) -> None:
        for name, start, matter in (
            ("values", "{x: 1}", values),
            ("lists", "[x]", lists),
            ("merged", "{x: 1}", merged),
        ):
            (source / f"{name}.md").write_text(f"---\na0: &a0 {start}\n{matter}title: [*a8]\n---\nwords\n", "utf-8")
        (source / "ring.md").write_text("---\na: &a {b: *a, c: *a}\n---\nwords\n", encoding="utf-8")
        (source / "rows.jsonl").write_text(row, encoding="utf-8")

    ran = index_hostile(folder, make)
    holds = ("values.md", "lists.md", "merged.md", "ring.md", "rows.jsonl#1", "rows.jsonl#2")
    return judged("YAML alias bombs, values nested 900 deep", folder, ran, code=0, holds=holds)


def mail_bombs(folder: Path) -> Outcome:
    """Headers whose parsing takes quadratic memory, half a million parts, parts nested thousands deep."""
    nested = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3_000))

    def make(source: Path) -> None:
        words = "=?utf-8?q?a?= " * 20_000
        (source / "words.eml").write_text(f"Subject: {words}\n\nbody\n", encoding="utf-8")
        (source / "type.eml").write_text(
            f"Subject: s\nContent-Type: text/plain{'; a*0*=x' * 20_000}\n\nbody\n", "utf-8"
        )
        (source / "to.eml").write_text(f"To: {'a@b.example, ' * 50_000}\n\nbody\n", encoding="utf-8")
        (source / "nested.eml").write_text(nested + "\n\nbody\n", encoding="utf-8")
        parts = "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 500_000
        (source / "parts.eml").write_text(parts, encoding="utf-8")

    ran = index_hostile(folder, make)
    says = ("parts.eml: message 1 cannot be read: it has more than 1,000 parts", "nested.eml: message 1 cannot be read")
    return judged("mail header and part bombs", folder, ran, code=1, says=says, holds=("words.eml", "to.eml"))


def slow_patterns(folder: Path) -> Outcome:
    """An ignore file whose pattern takes longer than the age of the world to match."""

    def make(source: Path) -> None:
        (source / ".smsearchignore").write_text("*a" * 30 + "*b\n", encoding="utf-8")
        (source / ("a" * 200)).write_text("words", encoding="utf-8")

    ran = index_hostile(folder, make)
    says = ("source/.smsearchignore: unusable ignore file: line 1 has too many asterisks",)
    return judged("slow patterns in an ignore file", folder, ran, code=1, says=says, holds=("a" * 200,))


def pdf_bomb(folder: Path) -> Outcome:
    """A hundred megabytes of blanks packed twice, and pages that hold each other."""

    def make(source: Path) -> None:
        blanks = zlib.compress(zlib.compress(b" " * 100_000_000))
        (source / "blanks.pdf").write_bytes(_pdf(kids=b"3 0 R", content=blanks, filters=b"/FlateDecode/FlateDecode"))
        (source / "ring.pdf").write_bytes(_pdf(kids=b"2 0 R", content=b"", filters=b""))

    ran = index_hostile(folder, make)
    says = ("source/blanks.pdf: ", "source/ring.pdf: ")
    return judged("PDF bombs", folder, ran, code=1, says=says)


def _pdf(*, kids: bytes, content: bytes, filters: bytes) -> bytes:
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[%s]>>" % kids,
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
        b"<</Length %d/Filter[%s]>>stream\n%s\nendstream" % (len(content), filters, content),
    )
    data, table = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, each in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    trailer = b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(data)
    return data + b"xref\n0 5\n" + table + trailer


def _links(source: Path) -> None:
    (source / "sub").mkdir()
    (source / "sub" / "inner.txt").write_text("The inner text.", encoding="utf-8")
    outside = source.with_name("outside")
    outside.mkdir()
    (outside / "far.txt").write_text("A text from far away.", encoding="utf-8")
    (outside / "back").symlink_to(source)
    (source / "up.txt").symlink_to("../outside/far.txt")
    (source / "out").symlink_to(outside)
    (source / "sub" / "ring").symlink_to(source)
    (source / "zero.txt").symlink_to("/dev/zero")


def links_not_followed(folder: Path) -> Outcome:
    """Links out of the source, `..` among them, and a ring; without `--follow-links`."""
    ran = index_hostile(folder, _links)
    says = (
        "source/up.txt: a link to a file outside the folder, read only with --follow-links",
        "source/out: a link to a folder, followed only with --follow-links",
        "source/sub/ring: a link to a folder, followed only with --follow-links",
    )
    return judged("links out and in a ring", folder, ran, code=0, says=says, holds=("sub/inner.txt",))


def links_followed(folder: Path) -> Outcome:
    """The same with `--follow-links`, and an update that has to do the same."""
    first = index_hostile(folder, _links, "--follow-links")
    (folder / "outside" / "later.txt").write_text("A later text from far away.", encoding="utf-8")
    ran = run("update", "--index", "index", folder=folder)
    says = (
        "source/zero.txt: no regular file",
        "source/sub/ring: a link to a folder that is read already",
        "source/out/back: a link to a folder that is read already",
    )
    holds = ("sub/inner.txt", "up.txt", "out/far.txt", "out/later.txt")
    outcome = judged("links followed on request", folder, ran, code=0, says=says, holds=holds)
    wrong = (*faults_of(first, code=0, says=says), *outcome.wrong)
    return Outcome(outcome.fault, 2, outcome.required, outcome.happened, wrong=wrong)


def hostile_names(folder: Path) -> Outcome:
    """File names with line feeds, escapes, overrides and bytes that are no text, read and unread ones."""
    names = ("a\nb.txt", "\x1b[31mred.txt", "\u202egnp.txt", "--index.txt", "a\x07\x9b.txt", "$(x);`y`.txt")

    def make(source: Path) -> None:
        for name in names:
            (source / name).write_text("The words in a strange place.", encoding="utf-8")
            (source / f"{name}.json").write_text("{broken", encoding="utf-8")
        bytes_name = Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9"))
        bytes_name.mkdir()
        (bytes_name / "x.txt").write_text("A text.", encoding="utf-8")

    ran = index_hostile(folder, make)
    says = ("source/a\ufffdb.txt.json: broken JSON",)
    outcome = judged("hostile file names", folder, ran, code=1, says=says, holds=(*names, "caf\ufffd/x.txt"))
    wrong = [*outcome.wrong, *_output_faults(folder)]
    if len(ran.err.splitlines()) != 1 + len(names):
        wrong.append(f"a name made lines of its own: {ran.err!r}")
    return Outcome(outcome.fault, outcome.tried, outcome.required, outcome.happened, wrong=tuple(wrong))


def hostile_texts(folder: Path) -> Outcome:
    """Escapes, overrides, HTML, formulas, NUL and lone surrogates in texts, titles, authors and metadata."""
    evil = "\x1b]0;owned\x07 \x1b[2J \x9b31m <script>alert(1)</script> \u202egnp \u2067 =cmd|'/C calc'!A0"
    row = {
        "id": "row" + evil,
        "text": f"The keeper {evil} of the lighthouse.",
        "title": evil,
        "author": evil,
        "m": evil,
    }

    def make(source: Path) -> None:
        lone = (
            '{"id": "lone", "text": "A lone \\ud800 half \\u0000 and NUL", "title": "\\udfff", "x\\ud800": "\\u0000"}'
        )
        (source / "rows.jsonl").write_text(json.dumps(row) + "\n" + lone + "\n", encoding="utf-8")
        (source / "nul.txt").write_bytes(b"A text with \x00 in it. " + b"More of its words. " * 20)
        (source / "page.html").write_text(f"<title>{evil}</title><p>The lighthouse page {evil}", encoding="utf-8")

    ran = index_hostile(folder, make)
    doc_id = row["id"]
    outcome = judged("hostile texts", folder, ran, code=0, holds=(doc_id, "lone", "nul.txt", "page.html"))
    wrong = [*outcome.wrong, *_output_faults(folder)]
    with smsearch.open_index(folder / "index") as index:
        html = index.search("the keeper of the lighthouse")._repr_html_()  # what Jupyter calls
    if "<script" in html:
        wrong.append("HTML of a document reached the notebook")
    return Outcome(outcome.fault, outcome.tried, outcome.required, outcome.happened, wrong=tuple(wrong))


def _output_faults(folder: Path) -> Iterator[str]:
    """What is wrong with what the commands print of an index: nothing may steer a terminal, JSON must be JSON."""
    commands = (("ask", "the keeper of the lighthouse"), ("status",), ("export",))
    for command in commands:
        ran = run(*command, "--index", "index", folder=folder)
        yield from (f"{command[0]}: {fault}" for fault in faults_of(ran, code=0))
        if command == ("export",):
            for line in ran.out.splitlines():
                json.loads(line, parse_constant=lambda name: f"no JSON: {name}")


def long_words(folder: Path) -> Outcome:
    """Words and titles of a megabyte, a line of 50 MB, and a million lines."""

    def make(source: Path) -> None:
        (source / "word.txt").write_text("x" * 1_000_000, encoding="utf-8")
        title = {"id": "title", "text": "The words of it. " * 2_000, "title": "t" * 1_000_000, "date": "1:" * 500_000}
        (source / "title.jsonl").write_text(json.dumps(title), encoding="utf-8")
        (source / "line.txt").write_text("lorem ipsum dolor sit amet " * 1_950_000, encoding="utf-8")
        (source / "lines.txt").write_text("a\n" * 1_100_000, encoding="utf-8")

    ran = index_hostile(folder, make)
    says = (
        "source/line.txt: 52,650,000 characters, and a document holds at most 16,000,000; split it",
        "source/lines.txt: 1,100,000 lines, and a document holds at most 1,000,000; split it",
    )
    return judged("words of 1 MB, a line of 50 MB", folder, ran, code=1, says=says, holds=("word.txt", "title"))


def bad_rows(folder: Path) -> Outcome:
    """A hundred thousand rows that are none: the first are named, the rest counted."""

    def make(source: Path) -> None:
        (source / "rows.jsonl").write_text("{\n" * 100_000 + '{"text": "The last row.", "id": "last"}\n', "utf-8")
        (source / "open.csv").write_text('id,text\none,first\ntwo,"' + "x,\n" * 6_000_000, encoding="utf-8")

    ran = index_hostile(folder, make)
    says = (
        "102 could not be read",
        "source/open.csv: line 3: a cell of more than 16,000,000 characters",
        "and 82 more",
    )
    return judged("100,000 bad rows, a cell never closed", folder, ran, code=1, says=says, holds=("last", "one"))


def huge_files(folder: Path) -> Outcome:
    """2 GB each as a text, a page, JSON, and a PDF: refused with the limit and what to do."""

    def make(source: Path) -> None:
        for name in ("text.txt", "page.html", "array.json", "book.pdf"):
            with (source / name).open("wb") as file:
                file.write(b"%PDF-1.4\n" if name == "book.pdf" else b"The first words.\n")
                for _ in range(200):
                    file.write(b"The words of a text that does not end.\n" * 256_411)

    ran = index_hostile(folder, make)
    says = (
        "source/text.txt: larger than 64 MB, too large to be read as a whole; split it, or make it rows",
        "source/page.html: larger than 16 MB, too large to be read as a whole; split it",
        "source/array.json: larger than 64 MB, too large to be read as a whole; write it as JSON Lines",
        "source/book.pdf: larger than 256 MB, too large to be read as a whole; split it",
    )
    return judged("files of 2 GB", folder, ran, code=1, says=says)


def huge_exports(folder: Path) -> Outcome:
    """2 GB each of JSON Lines, CSV and mail: streamed, and what is too large in them named."""
    padding = "x" * 1_000_000

    def make(source: Path) -> None:
        with (source / "rows.jsonl").open("w", encoding="utf-8") as file:
            for _ in range(2_000):
                file.write(f'{{"text": "", "pad": "{padding}"}}\n')
            file.write(f'{{"text": "{padding * 100}"}}\n{{"text": "The last row.", "id": "last"}}\n')
        with (source / "rows.csv").open("w", encoding="utf-8") as file:
            file.write("id,text,pad\n")
            for _ in range(2_000):
                file.write(f",,{padding}\n")
            file.write("cell,The last cell,x\n")
        with (source / "box.mbox").open("wb") as file:
            for _ in range(15):
                file.write(b"From x Tue Mar  9 09:00:00 2010\nSubject: s\n\n" + (b"x" * 75 + b"\n") * 1_760_000 + b"\n")
            file.write(b"From x Tue Mar  9 09:00:00 2010\nMessage-ID: <m@x>\n\nThe last message.\n")

    ran = index_hostile(folder, make)
    says = ("line 2001 has more than 64,000,000 characters", "box.mbox: message 15 is larger than 64 MB")
    return judged("exports of 2 GB", folder, ran, code=1, says=says, holds=("last", "cell", "m@x"))


def many_lines(folder: Path) -> Outcome:
    """10 million lines of a text and of JSON Lines."""

    def make(source: Path) -> None:
        (source / "lines.txt").write_text("a\n" * 10_000_000, encoding="utf-8")
        (source / "rows.jsonl").write_text('{"text": ""}\n' * 10_000_000 + '{"text": "The last.", "id": "z"}', "utf-8")

    ran = index_hostile(folder, make)
    says = (
        "source/lines.txt: 20,000,000 characters, and a document holds at most 16,000,000",
        "101 files skipped",
    )
    return judged("10 million lines", folder, ran, code=1, says=says, holds=("z",))


def many_rows(folder: Path) -> Outcome:
    """10 million rows of CSV."""

    def make(source: Path) -> None:
        (source / "rows.csv").write_text("id,text\n" + "1,\n" * 10_000_000 + "y,The last.\n", encoding="utf-8")

    ran = index_hostile(folder, make)
    return judged("10 million rows", folder, ran, code=0, says=("101 files skipped",), holds=("y",))


Trial = tuple[str, Callable[[Path], Outcome], bool]

TRIALS: tuple[Trial, ...] = (
    ("entity bombs", entity_bombs, False),
    ("nested markup", nested_markup, False),
    ("front matter bombs", front_matter_bombs, False),
    ("mail bombs", mail_bombs, False),
    ("slow patterns", slow_patterns, False),
    ("pdf bomb", pdf_bomb, False),
    ("links not followed", links_not_followed, False),
    ("links followed", links_followed, False),
    ("hostile names", hostile_names, False),
    ("hostile texts", hostile_texts, False),
    ("long words", long_words, False),
    ("bad rows", bad_rows, False),
    ("huge files", huge_files, True),
    ("huge exports", huge_exports, True),
    ("many lines", many_lines, True),
    ("many rows", many_rows, True),
)
"""Name, function, and whether it takes so long that only the long form tries it."""
