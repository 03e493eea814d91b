"""What the commands print, in the process of the tests."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import smsearch
from smsearch.cli import app, main

DANISH = "003_820c8e683cad6f24.txt"
QUESTION = "why say no to social media"
FIELDS = {
    *("query", "rank", "score", "doc_id", "passage_id", "title", "source", "lang", "kind"),
    *("start", "end", "text", "sentence"),
}
COMMANDS = {command.name: command.callback for command in app.registered_commands}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seeds: Path) -> Run:
    """Runs a command as its users do, where the copy of the seeds and its index lie."""
    monkeypatch.chdir(seeds.parent)
    monkeypatch.setenv("SMSEARCH_INDEX", "index")
    monkeypatch.setenv("COLUMNS", "100")

    def run_command(*words: str) -> Ran:
        monkeypatch.setattr("sys.argv", ["smsearch", *words])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ran(code, *capsys.readouterr())

    return run_command


def refused(ran: Ran) -> str:
    """The one sentence that a refused command says."""
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("smsearch: ")
    assert ran.err.count("\n") == 1
    return ran.err


# -- documented examples and help -------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_the_documented_example_of_every_command_runs(run: Run, name: str) -> None:
    (example,) = re.findall(r"Example: smsearch (.+)", COMMANDS[name].__doc__ or "")
    words = shlex.split(example.partition(" > ")[0])
    assert words[0] == ("ask" if name == "search" else name)
    ran = run(*words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_has_a_help_text(name: str) -> None:
    from typer.main import get_command

    command = get_command(app).commands[name]
    assert command.help
    unexplained = [each.name for each in command.params if not getattr(each, "help", "")]
    assert unexplained == []


def test_help_names_every_command_but_the_second_name_of_ask(run: Run) -> None:
    out = run("--help").out
    assert [name for name in COMMANDS if re.search(rf"^\W*{name}\b", out, re.MULTILINE)] == [
        name for name in COMMANDS if name != "search"
    ]


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").out == f"smsearch {smsearch.__version__}\n"


# -- answers ----------------------------------------------------------------------------------


def test_ask_shows_the_danish_post_first_with_its_particulars(run: Run) -> None:
    first, second, *_ = run("ask", QUESTION, "-k", "1").out.splitlines()
    assert first.startswith(" 1. ")
    assert re.match(r"    \d\.\d{3} · .*seeds · da · post", second)
    assert DANISH in first


def test_search_is_another_name_of_ask(run: Run) -> None:
    assert run("search", QUESTION) == run("ask", QUESTION)


def test_json_is_one_array_of_hits_with_their_fields(run: Run, index: smsearch.Index) -> None:
    hits = json.loads(run("ask", QUESTION, "-k", "4", "--json").out)
    assert hits == json.loads(json.dumps([hit.as_dict() for hit in index.search(QUESTION, 4)]))
    assert all(hit.keys() >= FIELDS for hit in hits)


def test_jsonl_is_a_line_for_each_hit_of_the_array(run: Run) -> None:
    lines = run("ask", QUESTION, "-k", "4", "--jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == json.loads(run("ask", QUESTION, "-k", "4", "--json").out)


def test_no_hits_are_an_empty_array_and_a_remark_for_people(run: Run) -> None:
    nothing = ("ask", QUESTION, "--lang", "fi")
    assert run(*nothing, "--json") == Ran(0, "[]\n", "")
    assert run(*nothing, "--jsonl") == Ran(0, "", "")
    assert run(*nothing) == Ran(0, "", "no hits\n")


def test_filters_of_ask_reach_the_search(run: Run) -> None:
    def found(*options: str) -> set[tuple[str, str]]:
        hits = json.loads(run("ask", QUESTION, "-k", "100", "--json", *options).out)
        return {(hit["doc_id"][:3], hit["kind"]) for hit in hits}

    assert found("--lang", "da") == {("003", "post")}
    assert found("--kind", "comment") == {("000", "comment"), ("002", "comment"), ("004", "comment")}
    assert found("--since", "2010", "--kind", "post") == {("000", "post")}
    assert found("--until", "2009") == set()
    assert found("--source", "elsewhere") == set()
    assert found("--where", "tag=rare") == set()
    assert found("--min-score", "2") == set()
    assert len(json.loads(run("ask", QUESTION, "-k", "100", "--json", "--per-document", "1").out)) == 5
    lexical = json.loads(run("ask", "kampanjer", "-k", "2", "--mode", "lexical", "--json").out)
    assert [(hit["dense"], hit["score"] == hit["lexical"]) for hit in lexical] == [(None, True)] * 2


def test_a_minus_reads_a_query_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    def answers(*options: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{QUESTION}\n\n  cargo cult \n"))
        return run("ask", "-", "-k", "2", *options).out

    assert [hit["query"] for hit in json.loads(answers("--json"))] == [QUESTION] * 2 + ["cargo cult"] * 2
    assert [json.loads(line)["rank"] for line in answers("--jsonl").splitlines()] == [1, 2, 1, 2]
    assert [line for line in answers().splitlines() if line.startswith("? ")] == [f"? {QUESTION}", "? cargo cult"]


def test_full_prints_what_an_excerpt_leaves_out(run: Run, index: smsearch.Index) -> None:
    hit = index.search("kaffe modem", 1)[0]
    excerpt, full = (" ".join(run("ask", "kaffe modem", "-k", "1", *more).out.split()) for more in ((), ("--full",)))
    assert " ".join(hit.text.split()) in full
    assert " ".join(hit.text.split()) not in excerpt
    assert " ".join(hit.sentence.split()) in excerpt


def test_similar_lists_the_other_documents(run: Run, index: smsearch.Index) -> None:
    others = [name for name in index.doc_ids() if name != DANISH]
    assert sorted(hit["doc_id"] for hit in json.loads(run("similar", DANISH, "--json").out)) == others
    assert sorted(hit["doc_id"] for hit in json.loads(run("similar", "1", "--json").out)) == index.doc_ids()[1:]


def test_show_prints_the_document_in_full(run: Run, index: smsearch.Index) -> None:
    document = index.document(DANISH)
    out = run("show", DANISH).out
    assert out.endswith(f"\n\n{document.text}\n")
    assert f"doc_id: {DANISH}\n" in out
    shown = json.loads(run("show", DANISH, "--json").out)
    assert (shown["text"], shown["left_out"][0].keys()) == (document.text, {"start", "end", "reason"})


def test_status_as_json_is_what_python_says(run: Run, index: smsearch.Index) -> None:
    found = json.loads(run("status", "--json").out)
    assert (found["n_documents"], found["n_passages"]) == (5, index.status().n_passages)
    assert "documents  5\n" in run("status").out


def test_exported_vectors_have_a_row_for_each_line(run: Run, index: smsearch.Index, tmp_path: Path) -> None:
    out = run("export", "--vectors", str(tmp_path / "vectors.npy")).out
    records = [json.loads(line) for line in out.splitlines()]
    assert records == json.loads(json.dumps(list(index.passages())))
    vectors = np.load(tmp_path / "vectors.npy", allow_pickle=False)
    np.testing.assert_array_equal(vectors, index.vectors([record["passage_id"] for record in records]))


# -- changing ---------------------------------------------------------------------------------


def test_updates_count_exactly_what_they_did(run: Run, seeds: Path) -> None:
    assert run("update").out.startswith("index: 0 added, 0 changed, 0 removed, 5 unchanged; 0 passages encoded in ")
    (seeds / "new.txt").write_text("The lighthouse keeper counts the ships.", "utf-8")
    (seeds / DANISH).unlink()
    path = seeds / "000_2464f422169d4903.txt"
    path.write_text(path.read_text("utf-8").replace("Tänkvärt!", "Intressant!"), "utf-8")
    assert run("update").out.startswith("index: 1 added, 1 changed, 1 removed, 3 unchanged; 2 passages encoded in ")
    assert run("index", str(seeds)).out.startswith("index: 0 added, 0 changed, 0 removed, 5 unchanged; ")


def test_shrinking_is_refused_then_allowed(run: Run, seeds: Path) -> None:
    for path in sorted(seeds.glob("*.txt"))[:3]:
        path.unlink()
    assert "3 of 5 documents" in refused(run("update"))
    assert run("update", "--allow-shrink").out.startswith("index: 0 added, 0 changed, 3 removed, 2 unchanged; ")


def test_a_file_that_cannot_be_read_is_named_keeps_its_document_and_gives_exit_code_1(run: Run, seeds: Path) -> None:
    (seeds / DANISH).unlink()
    (seeds / DANISH).symlink_to(seeds / "gone")
    ran = run("update")
    assert ran.code == 1
    assert ran.out.startswith("index: 0 added, 0 changed, 0 removed, 4 unchanged; ")
    assert "1 document not found but kept" in ran.err
    assert re.search(rf"^  \S*seeds/{DANISH}: \w+", ran.err, re.MULTILINE)
    assert DANISH in run("show", DANISH).out


def test_a_bad_row_of_an_export_is_named_and_the_others_are_stored(run: Run, tmp_path: Path) -> None:
    rows = tmp_path / "posts.jsonl"
    rows.write_text('{"id": "a", "text": "A lighthouse."}\n{"id": "b", "text": \n', "utf-8")
    ran = run("index", str(rows), "--index", str(tmp_path / "new"))
    assert ran.code == 1
    assert "1 added" in ran.out
    assert "1 could not be read:\n" in ran.err
    assert "posts.jsonl" in ran.err


def test_removed_documents_are_counted(run: Run) -> None:
    assert run("remove", DANISH).out == "index: 1 removed\n"
    assert "no document" in refused(run("remove", DANISH))


def test_reencoding_reads_no_source(run: Run, seeds: Path) -> None:
    for path in seeds.glob("*.txt"):
        path.unlink()
    assert run("update", "--re-encode", "--target-tokens", "64").out.startswith("index: 0 added, 5 changed, ")


def test_tuning_says_how_a_search_goes(run: Run) -> None:
    assert run("tune") == Ran(0, "index: SQfp16, every vector compared\n", "")
    assert run("tune", "--recall", "2").err == "smsearch: the recall wanted is 2.0; ask for a share between 0 and 1\n"
    assert run("ask", "hvorfor sige nej", "--exact", "--json").out == run("ask", "hvorfor sige nej", "--json").out


def test_damage_of_derived_files_is_named_then_repaired(run: Run, seeds: Path) -> None:
    assert run("verify") == Ran(0, "index: all is well\n", "")
    (path,) = (seeds.parent / "index").glob("vectors-*.faiss")
    path.write_bytes(b"garbage")
    ran = run("verify")
    assert (ran.code, path.name in ran.out) == (1, True)
    assert run("verify", "--repair").out == "derived files written again\nindex: all is well\n"


# -- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("index nowhere", "'nowhere'"),
        ("index 'seeds/*.nothing'", "'seeds/*.nothing'"),
        ("index seeds --format docx", "'docx'"),
        ("ask hej --index nowhere", "'nowhere'"),
        ("ask ''", "the query '' is empty"),
        ("ask hej --mode fuzzy", "'fuzzy'"),
        ("ask hej --since yesterday", "'yesterday'"),
        ("ask hej --until 9.3.2010", "'9.3.2010'"),
        ("ask hej --kind reply", "'reply'"),
        ("ask hej --where tag", "'tag'"),
        ("ask hej --where =rare", "FIELD=VALUE"),
        ("ask hej --model ./no-such-model", "no-such-model"),
        ("index seeds --model ./no-such-model", "no-such-model"),
        ("show nothing", "'nothing'"),
        ("similar nothing", "'nothing'"),
        ("similar 99999999999999999999999", "99999999999999999999999"),
        ("remove nothing", "'nothing'"),
        ("export --vectors nowhere/vectors.npy", "'nowhere/vectors.npy'"),
        ("status --index nowhere", "'nowhere'"),
        ("verify --index nowhere", "'nowhere'"),
        ("update --index nowhere", "'nowhere'"),
        ("ask hej -k 0", "k is 0"),
        ("ask hej --per-document 0", "per_document is 0"),
        ("ask hej --group titles", "no group 'titles'"),
        ("update --model builtin", "--re-encode"),
        ("index seeds --index seeds/README.md/index", "README.md"),
        ("index seeds --index seeds/README.md", "README.md"),
    ],
)
def test_bad_input_is_one_sentence_that_names_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: str, named: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert named in refused(run(*shlex.split(words)))


@pytest.mark.parametrize("words", ["ask hej -k many", "ask hej --nothing", "nothing", "show"])
def test_a_misused_option_is_explained_without_a_traceback(run: Run, words: str) -> None:
    ran = run(*words.split())
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: smsearch" in ran.err
    assert "Traceback" not in ran.err


def test_an_empty_folder_makes_an_index_without_documents_that_has_no_hits(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    new = ("--index", str(tmp_path / "new"))
    assert (
        "0 added, 0 changed, 0 removed, 0 unchanged; 0 passages encoded"
        in run("index", str(tmp_path / "empty"), *new).out
    )
    assert run("ask", QUESTION, *new) == Ran(0, "", "no hits\n")


def test_another_model_on_an_index_is_refused_with_the_command_that_changes_it(run: Run, tmp_path: Path) -> None:
    builtin = Path(smsearch.__file__).parent / "models" / "builtin"
    other = tmp_path / "other"
    other.mkdir()
    for path in builtin.iterdir():
        (other / path.name).symlink_to(path)
    config = json.loads((builtin / "config.json").read_bytes())
    (other / "config.json").unlink()
    (other / "config.json").write_text(json.dumps({**config, "late_exponent": 9.0}))
    for words in (("index", "seeds"), ("ask", QUESTION)):
        assert "smsearch update --re-encode --model" in refused(run(*words, "--model", str(other)))
    assert run("update", "--re-encode", "--model", str(other)).code == 0
    assert run("ask", QUESTION, "--model", str(other), "--json").code == 0


@pytest.mark.parametrize("command", ["ask hej", "status", "update", "verify", "index seeds"])
def test_a_file_of_garbage_is_no_index(run: Run, seeds: Path, command: str) -> None:
    (seeds.parent / "index" / "index.sqlite").write_bytes(b"garbage " * 1000)
    message = refused(run(*command.split()))
    assert "'index" in message
    assert "damaged" in message


def test_a_damaged_page_of_the_database_is_told(run: Run, seeds: Path) -> None:
    path = seeds.parent / "index" / "index.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 : len(content)] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    assert "damaged" in refused(run("ask", QUESTION))


def test_an_index_of_a_newer_format_is_refused_with_both_numbers(run: Run, seeds: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(seeds.parent / "index" / "index.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    (seeds.parent / "index" / "index.seal").unlink()
    for words in (("ask", QUESTION), ("update",)):
        assert re.search(r"format 99, this smsearch reads format \d+: upgrade", refused(run(*words)))


def test_verify_repair_saves_what_is_left_of_a_damaged_database(run: Run, seeds: Path) -> None:
    database = seeds.parent / "index" / "index.sqlite"
    data = database.read_bytes()
    assert data.count(b"selvmodsigelse")
    database.write_bytes(data.replace(b"selvmodsigelse", b"selvmodsigElse"))
    assert "has changed since it was written" in refused(run("verify"))
    result = run("verify", "--repair")
    assert result.code == 1
    said = result.out.splitlines()
    assert "is damaged" in said[0]
    assert re.fullmatch(r"saved 4 documents in '.*index-saved', encoded by 'static', 1 could not be read", said[1])
    assert said[2].startswith("`smsearch update --index ")
    assert run("update", "--index", str(seeds.parent / "index-saved")).code == 0
    assert "all is well" in run("verify", "--index", str(seeds.parent / "index-saved")).out


def test_a_locked_index_can_be_asked_and_not_written(run: Run, seeds: Path) -> None:
    from smsearch.files import writer_lock

    with writer_lock(seeds.parent / "index"):
        for words in (("update",), ("index", "seeds"), ("remove", DANISH), ("verify",)):
            assert "another process is writing" in refused(run(*words))
        assert run("ask", QUESTION).code == 0


# -- texts that would steer a terminal --------------------------------------------------------

STEERING = "\x1b]0;owned\x07 \x9b31m \u202egnp.exe\u202c \u2066x\u2069 \r back \x00"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    "words",
    [
        *("ask lighthouse", "ask lighthouse --full", "ask lighthouse --json", "ask lighthouse --jsonl"),
        *("show evil", "show evil --json", "export", "similar good", "similar good --json", "status"),
    ],
)
def test_control_and_direction_characters_never_reach_the_output_raw(run: Run, tmp_path: Path, words: str) -> None:
    rows = tmp_path / "posts.jsonl"
    evil = {
        "id": "evil",
        "title": f"Title {STEERING}",
        "author": STEERING,
        "text": f"A lighthouse {STEERING} shines.",
        "lang": "en",
        STEERING: STEERING,
    }
    good = {"id": "good", "text": "The keeper of the lighthouse counts ships."}
    rows.write_text("".join(json.dumps(row) + "\n" for row in (evil, good)), "utf-8")
    new = ("--index", str(tmp_path / "new"))
    assert run("index", str(rows), *new).code == 0
    ran = run(*words.split(), *new)
    assert ran.code == 0
    assert RAW.findall(ran.out) == []
    assert ran.out.count("ighthouse") >= (words != "status")


def test_a_query_that_would_steer_is_not_echoed_raw(run: Run) -> None:
    for more in ((), ("--json",)):
        assert RAW.findall(run("ask", f"kampanjer {STEERING[:-1]}", *more).out) == []
    assert RAW.findall(run("show", STEERING).err) == []


def test_damaged_derived_files_are_written_again_and_one_line_says_so(run: Run, seeds: Path) -> None:
    index = seeds.with_name("index")
    words = ["ask", "why say no to social media", "--json", "--index", str(index)]
    before = run(*words)
    (vectors,) = index.glob("vectors-*.faiss")
    data = bytearray(vectors.read_bytes())
    data[len(data) // 2] ^= 1
    vectors.write_bytes(data)
    mended = run(*words)
    assert (mended.code, mended.out) == (0, before.out)
    assert mended.err == "derived files were missing or damaged and have been written again\n"
    assert (run(*words).err, run("verify", "--index", str(index)).code) == ("", 0)
