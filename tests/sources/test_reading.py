from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from smsearch.errors import MissingExtraError, SourceError
from smsearch.records import Document, Fields, Source, Unread
from smsearch.sources import FORMATS, read_source, resolve_source
from tests.sources.reading_help import documents, ids, only_document, read_path, unread


def resolve(argument: str, *, kind: str | None = None) -> Source:
    return resolve_source(argument, format=kind, fields=Fields())


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_source_has_an_absolute_path_and_the_name_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "posts" / "a.txt", "a")
    monkeypatch.chdir(tmp_path)
    assert resolve("posts/") == Source(str(tmp_path / "posts"), "posts")
    assert resolve("./posts") == Source(str(tmp_path / "posts"), "./posts")
    assert resolve(".") == Source(str(tmp_path), ".")
    assert resolve("posts/*.txt") == Source(str(tmp_path / "posts" / "*.txt"), "posts/*.txt")
    assert resolve("-") == Source("-", "-")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nowhere", "there is no file or folder 'nowhere'; check the name"),
        ("*.none", "no file matches the pattern '\\*.none'; check it"),
        ("none/*.md", "no folder 'none' for the pattern 'none/\\*.md'"),
        ("", "'' is no file, folder or pattern"),
        ("a\0b", "is no file, folder or pattern"),
    ],
)
def test_what_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=message):
        resolve(argument)


def test_unknown_format_is_an_error_that_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="unknown format 'docx'; choose one of csv, eml, feed"):
        resolve(str(tmp_path), kind="docx")


def test_formats_are_named_in_order() -> None:
    assert FORMATS == ("csv", "eml", "feed", "html", "json", "jsonl", "markdown", "mbox", "pdf", "text", "tsv")


def test_folder_names_documents_by_their_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "posts" / "b.md", "# B\n\ntext")
    write(tmp_path / "posts" / "2010" / "a.txt", "a")
    monkeypatch.chdir(tmp_path)
    found = list(read_source(resolve("posts")))
    assert ids(found) == ["2010/a.txt", "b.md"]
    assert [one.source for one in documents(found)] == ["posts", "posts"]


def test_single_file_is_named_by_its_file_name(tmp_path: Path) -> None:
    path = write(tmp_path / "posts" / "a.txt", "a")
    document = only_document(read_path(path))
    assert (document.doc_id, document.source) == ("a.txt", str(path))


def test_pattern_names_documents_from_its_fixed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "posts" / "2010" / "a.md", "a")
    write(tmp_path / "posts" / "b.md", "b")
    write(tmp_path / "posts" / "b.txt", "no")
    write(tmp_path / "posts" / ".c.md", "no")
    write(tmp_path / "posts" / "2010" / "empty.md", "")
    monkeypatch.chdir(tmp_path)
    found = list(read_source(resolve("posts/**/*.md")))
    assert ids(found) == ["2010/a.md", "b.md"]
    assert unread(found) == [Unread("posts/2010/empty.md", "no text", failed=False)]


def test_file_whose_name_looks_like_a_pattern_is_read(tmp_path: Path) -> None:
    assert ids(read_path(write(tmp_path / "a[1].txt", "x"))) == ["a[1].txt"]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "{broken")
    write(tmp_path / "b.xml", '<!DOCTYPE r [<!ENTITY a "ha">]><rss>&a;</rss>')
    write(tmp_path / "c.pdf", "%PDF-1.4 broken")
    write(tmp_path / "d.csv", "id,body\n1,a\n")
    write(tmp_path / "e.mbox", "no mailbox")
    write(tmp_path / "z.txt", "text")
    found = read_path(tmp_path)
    assert ids(found) == ["z.txt"]
    assert [(Path(one.name).name, one.failed) for one in unread(found)] == [
        ("a.json", True),
        ("b.xml", True),
        ("c.pdf", True),
        ("d.csv", True),
        ("e.mbox", True),
    ]


def test_what_holds_no_prose_is_skipped_and_not_failed(tmp_path: Path) -> None:
    write(tmp_path / "a.bin", bytes(range(256)))
    write(tmp_path / "b.txt", b"\x89PNG\r\n\x1a\n\x00\x00")
    write(tmp_path / "c.txt", b"")
    write(tmp_path / "d.md", b" \n\t\n")
    write(tmp_path / "e.xml", "<svg/>")
    write(tmp_path / "f.json", '{"name": "package"}')
    write(tmp_path / "g.css", "p {}")
    write(tmp_path / "h.xml", "<rss><channel/></rss>")
    found = read_path(tmp_path)
    assert {Path(one.name).name: (one.reason, one.failed) for one in unread(found)} == {
        "a.bin": ("binary file", False),
        "b.txt": ("binary file", False),
        "c.txt": ("no text", False),
        "d.md": ("no text", False),
        "e.xml": ("XML that is no feed or export (its root element is 'svg')", False),
        "f.json": ("JSON that is no array of objects", False),
        "g.css": ("style or program code", False),
        "h.xml": ("no text", False),
    }
    assert documents(found) == []


def test_unread_is_named_as_the_user_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "posts" / "rows.jsonl", '{"text": "a"}\n{"body": "b"}\n')
    monkeypatch.chdir(tmp_path)
    reason = "line 2 has no field 'text', only 'body'"
    assert unread(list(read_source(resolve("posts")))) == [Unread("posts/rows.jsonl", reason)]
    assert unread(list(read_source(resolve("posts/rows.jsonl")))) == [Unread("posts/rows.jsonl", reason)]
    assert unread(list(read_source(resolve(".")))) == [Unread("posts/rows.jsonl", reason)]


def test_chosen_format_is_used_for_every_file(tmp_path: Path) -> None:
    write(tmp_path / "rows.txt", '{"text": "a", "id": "x"}')
    assert ids(read_path(tmp_path, kind="jsonl")) == ["x"]


def test_text_without_a_known_extension_is_read(tmp_path: Path) -> None:
    write(tmp_path / "README", "a")
    write(tmp_path / "notes.rst", "b")
    assert ids(read_path(tmp_path)) == ["README", "notes.rst"]


def test_extension_may_be_in_capitals(tmp_path: Path) -> None:
    assert only_document(read_path(write(tmp_path / "A.MD", "# Titel\n\ntext"))).title == "Titel"


def test_post_without_text_is_named_with_its_id(tmp_path: Path) -> None:
    path = write(tmp_path / "f.rss", "<rss><channel><item><guid>g1</guid><title>T</title></item></channel></rss>")
    assert read_path(path) == [Unread(str(path), "no text in document 'g1'", failed=False)]


def test_source_that_vanished_is_an_error_and_not_empty(tmp_path: Path) -> None:
    write(tmp_path / "posts" / "a.txt", "a")
    sources = [resolve(str(tmp_path / name)) for name in ("posts", "posts/*.txt", "posts/a.txt")]
    (tmp_path / "posts" / "a.txt").unlink()
    (tmp_path / "posts").rmdir()
    for source in sources:
        with pytest.raises(SourceError, match="nothing was read from it"):
            list(read_source(source))


def test_file_that_vanishes_while_reading_is_unread(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        write(tmp_path / name, name)
    stream = read_source(resolve(str(tmp_path)))
    first = next(stream)
    (tmp_path / "b.txt").unlink()
    assert ids([first, *stream]) == ["a.txt", "c.txt"]


def test_vanished_file_is_named_with_its_reason(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "a")
    write(tmp_path / "b.txt", "b")
    stream = read_source(resolve(str(tmp_path)))
    next(stream)
    (tmp_path / "b.txt").unlink()
    assert list(stream) == [Unread(str(tmp_path / "b.txt"), "no such file or directory")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipe_named_by_itself_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (one,) = read_path(tmp_path / "pipe")
    assert isinstance(one, Unread)
    assert (one.reason, one.failed) == ("no regular file (a pipe, socket or device)", False)


def test_link_named_by_itself_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.txt", "a")
    (tmp_path / "link.txt").symlink_to(tmp_path / "x" / "a.txt")
    assert ids(read_path(tmp_path / "link.txt")) == ["link.txt"]


def test_file_name_that_is_no_unicode_gives_a_clean_name(tmp_path: Path) -> None:
    try:
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))).write_text("a", encoding="utf-8")
    except OSError:
        pytest.skip("this file system has Unicode names only")
    assert ids(read_path(tmp_path)) == ["caf\ufffd.txt"]


def test_standard_input_is_plain_text_unless_a_format_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("Titel\n\nRødgrød".encode("cp1252"))))
    assert list(read_source(resolve("-"))) == [Document("-", "Titel\n\nRødgrød", title="Titel", source="-")]


def test_standard_input_is_read_in_the_format_given(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b'{"text": "a"}\n{"text": "b", "id": "x"}\n'
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert ids(list(read_source(resolve("-", kind="jsonl")))) == ["-#1", "x"]


def test_empty_standard_input_gives_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    assert list(read_source(resolve("-"))) == [Unread("-", "no text", failed=False)]


def test_missing_library_stops_a_file_named_by_itself_but_not_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    write(tmp_path / "a.pdf", "%PDF-1.4")
    write(tmp_path / "b.txt", "text")
    with pytest.raises(MissingExtraError, match="smsearch\\[pdf\\]"):
        read_path(tmp_path / "a.pdf")
    found = read_path(tmp_path)
    assert ids(found) == ["b.txt"]
    assert "pip install 'smsearch[pdf]'" in unread(found)[0].reason


def test_import_loads_no_parser() -> None:
    heavy = ["trafilatura", "pypdf", "charset_normalizer", "defusedxml", "yaml", "pathspec", "lxml", "email", "numpy"]
    code = f"import sys, smsearch.sources; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_file_that_becomes_a_pipe_or_a_link_before_it_is_opened_is_not_read(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        write(tmp_path / "posts" / name, name)
    write(tmp_path / "secret.txt", "secret")
    stream = read_source(resolve(str(tmp_path / "posts")))
    first = next(stream)
    for name in ("b.txt", "c.txt"):
        (tmp_path / "posts" / name).unlink()
    os.mkfifo(tmp_path / "posts" / "b.txt")
    (tmp_path / "posts" / "c.txt").symlink_to("../secret.txt")
    found = [first, *stream]
    assert ids(found) == ["a.txt", "d.txt"]
    assert [one.reason for one in unread(found)] == [
        "no regular file (a pipe, socket or device)",
        "too many levels of symbolic links",
    ]


def test_file_that_changes_while_it_is_read_is_named_after_its_documents(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", '{"text": "a"}\n{"text": "b"}\n')
    stream = read_source(resolve(str(path)))
    first = next(stream)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"text": "c"}\n')
    found = [first, *stream]
    assert ids(found) == ["rows.jsonl#1", "rows.jsonl#2"]
    assert unread(found) == [Unread(str(path), "changed while it was read; run the same command again")]


def test_of_very_many_bad_rows_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", "{\n" * 1_234 + '{"text": ""}\n' * 101 + '{"text": "a"}\n')
    found = read_path(path)
    assert ids(found) == ["rows.jsonl#1336"]
    assert [one.reason for one in unread(found)][-2:] == [
        "1 more of its rows gave no document",
        "1,134 more of its rows could not be read",
    ]
    assert len(unread(found)) == 202


def test_name_of_an_unread_file_is_one_line_that_steers_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a\nb\x1b[31m.json", "{broken")
    (one,) = unread(read_path(tmp_path))
    assert one.name == f"{tmp_path}/a\ufffdb\ufffd[31m.json"


def test_text_too_long_for_a_document_is_named_with_the_limit(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "words\n" * 2_700_000)
    write(tmp_path / "b.txt", "text")
    found = read_path(tmp_path)
    assert ids(found) == ["b.txt"]
    reason = "16,200,000 characters, and a document holds at most 16,000,000; split it into several"
    assert unread(found) == [Unread(str(tmp_path / "a.txt"), reason)]


def test_links_are_followed_when_the_source_says_so(tmp_path: Path) -> None:
    write(tmp_path / "outside" / "a.md", "text")
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "link").symlink_to("../outside")
    for argument in (tmp_path / "posts", tmp_path / "posts" / "**" / "*.md"):
        followed = resolve_source(str(argument), follow_links=True)
        assert ids(list(read_source(followed))) == ["link/a.md"]
