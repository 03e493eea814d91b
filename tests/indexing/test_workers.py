"""What several processes prepare is what one prepares, and a worker that dies says so."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from smsearch.encoders import load_encoder
from smsearch.encoders.e5.encoder import has_e5
from smsearch.errors import EncoderError, InputError, WorkerError
from smsearch.index.writer import open_writer
from smsearch.indexing import updating, workers
from smsearch.indexing.preparing import Batch, CutOptions, Preparer
from smsearch.indexing.workers import Workers, job_count, read_frame, write_frame
from smsearch.records import Document, Section
from tests.pipes import wait_until_full

BUILTIN = load_encoder("builtin")
SEEDS = Path(__file__).parents[2] / "seeds"
DOCUMENTS = [
    *(Document(path.name, path.read_text(encoding="utf-8"), title="Ærø") for path in sorted(SEEDS.glob("*.txt"))),
    Document("parts", "First.\n\nA comment.", sections=(Section(0, 6), Section(8, 18, "comment", "Åsa", "2010"))),
    Document("empty", " "),
    Document("zh", "社交媒体会让人上瘾。"),
]


def test_workers_prepare_what_one_process_prepares() -> None:
    options = CutOptions(target_tokens=40)
    first = Batch(DOCUMENTS, [{}] * len(DOCUMENTS), frozenset({"till toppen"}))
    alone = Preparer(BUILTIN, options).prepare(first)
    standing = [{passage.fingerprint: [7 + i] for i, passage in enumerate(each.new[1:])} for each in alone]
    second = Batch(DOCUMENTS, standing)
    batches = [first, Batch([], []), second, *(Batch([each], [{}]) for each in DOCUMENTS)]
    expected = [Preparer(BUILTIN, options).prepare(batch) if batch.documents else [] for batch in batches]
    assert any(each.kept for each in expected[2])
    with Workers(2, BUILTIN, options) as several:
        found = list(several.prepare(iter(batches)))
    assert [batch for batch, _ in found] == batches
    assert [prepared for _, prepared in found] == expected


@pytest.mark.skipif(not has_e5(), reason="the extra e5 is not installed")
@pytest.mark.usefixtures("model_cache")
def test_workers_encode_with_e5_small_as_one_process_does() -> None:
    encoder = load_encoder("e5-small")
    batches = [Batch([Document(str(i), text, title="Ærø")], [{}]) for i, text in enumerate(["Hej.", "สวัสดี", "No."])]
    expected = [Preparer(encoder, CutOptions()).prepare(batch) for batch in batches]
    with Workers(2, encoder, CutOptions()) as several:
        assert [prepared for _, prepared in several.prepare(batches)] == expected


def test_a_build_by_workers_leaves_the_same_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import smsearch

    posts = tmp_path / "posts"
    posts.mkdir()
    for i in range(30):
        (posts / f"{i:02}.txt").write_text(f"{DOCUMENTS[i % 5].text}\n\nPost number {i}.", encoding="utf-8")
    monkeypatch.setattr(updating, "_BATCH_DOCUMENTS", 4)
    contents = []
    for jobs in ("1", "3"):
        monkeypatch.setenv("SMSEARCH_JOBS", jobs)
        with smsearch.build_index(posts, tmp_path / jobs) as index:
            assert index.report is not None
            assert (index.report.added, index.verify()) == (30, [])
        with open_writer(tmp_path / jobs) as writer:
            tables = ("encodings", "passages", "repeats", "new_keys")
            contents.append([writer.store.connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables])
    assert contents[0] == contents[1]


def test_a_worker_that_dies_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_START", "import sys; sys.stdin.buffer.read(1); sys.exit(3)")
    with Workers(1, BUILTIN, CutOptions()) as several, pytest.raises(WorkerError, match="ended with status 3"):
        list(several.prepare([Batch(DOCUMENTS, [{}] * len(DOCUMENTS))] * 50))


def test_an_encoder_that_changed_on_the_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "asdict", lambda _options: {"target_tokens": 1, "keep_boilerplate": False})
    changed = load_encoder("builtin")
    monkeypatch.setattr(type(changed), "fingerprint", "another")
    with Workers(1, changed, CutOptions()) as several, pytest.raises(EncoderError, match="has changed on the disk"):
        list(several.prepare([Batch(DOCUMENTS[:1], [{}])]))


def test_workers_end_with_their_caller() -> None:
    with Workers(2, BUILTIN, CutOptions()) as several:
        processes = [worker._process for worker in several._workers]
        assert [process.poll() for process in processes] == [None, None]
    assert all(process.poll() is not None for process in processes)


def test_a_script_without_a_main_guard_builds_with_workers(tmp_path: Path) -> None:
    lines = "".join(f'{{"text": "Number {i} of many short posts about cats."}}\n' for i in range(2100))
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text("import smsearch\nprint(len(smsearch.build_index('rows.jsonl', 'index')))\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2100\n", "")


def test_the_number_of_processes_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSEARCH_JOBS", "3")
    assert job_count() == 3
    monkeypatch.setenv("SMSEARCH_JOBS", "none")
    with pytest.raises(InputError, match="SMSEARCH_JOBS is 'none'; set it to a number"):
        job_count()
    monkeypatch.delenv("SMSEARCH_JOBS")
    monkeypatch.setattr(workers.sys, "executable", "")
    assert job_count() == 1


@pytest.mark.parametrize("cut", [0, 3, 12, 20, 40])
def test_a_frame_cut_off_is_the_end(cut: int) -> None:
    file = io.BytesIO()
    write_frame(file, {"a": ["ø\ud800日", None]}, b"\0\xff")
    whole = file.getvalue()
    assert read_frame(io.BytesIO(whole)) == ({"a": ["ø\ud800日", None]}, b"\0\xff")
    assert read_frame(io.BytesIO(whole[:cut] if cut < len(whole) else whole[:-1])) is None


def _worker(env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", workers._START, "[]"]
    command[2] = command[2].replace("sys.path[:] = json.loads(sys.argv[1]); ", "")
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


def test_a_worker_whose_caller_is_killed_before_it_said_anything_ends_in_silence() -> None:
    out, err = _worker().communicate(b"\x07", timeout=60)
    assert (out, err) == (b"", b"")


def test_a_worker_whose_caller_is_killed_before_it_has_read_ends_in_silence() -> None:
    process = _worker()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    options = {"target_tokens": 40, "keep_boilerplate": False}
    write_frame(process.stdin, {"encoder": "builtin", "fingerprint": "another", "options": options})
    write_frame(process.stdin, {"documents": [], "standing": [], "recurring": []})
    process.stdin.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="processes cannot be stopped there")
def test_a_worker_that_is_stopped_in_the_midst_of_an_answer_goes_on_with_the_rest() -> None:
    texts = [f"{document.text}\n\nCopy {i}." for document in DOCUMENTS[:5] for i in range(6)]
    documents = [Document(str(i), text) for i, text in enumerate(texts)]
    expected = Preparer(BUILTIN, CutOptions()).prepare(Batch(documents, [{}] * len(documents)))
    setup = {"encoder": "builtin", "fingerprint": BUILTIN.fingerprint, "options": asdict(CutOptions())}
    packed = [[document.doc_id, document.text, "", "und", []] for document in documents]
    with _worker(os.environ | {"PYTHONUNBUFFERED": "1"}) as process:  # as in many containers: no buffer of Python's own
        assert process.stdin is not None
        assert process.stdout is not None
        write_frame(process.stdin, setup)
        write_frame(process.stdin, {"documents": packed, "standing": [{}] * len(packed), "recurring": []})
        process.stdin.close()
        before_stop = wait_until_full(process.stdout)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        process.send_signal(signal.SIGCONT)
        frame = read_frame(process.stdout)
    assert frame is not None
    assert len(frame[1]) > before_stop
    assert list(workers._unpacked(documents, *frame, 2 * BUILTIN.dim)) == expected


def test_what_is_printed_while_a_worker_prepares_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    printing = (
        "import os; from smsearch.indexing.preparing import Preparer; prepare = Preparer.prepare; "
        "Preparer.prepare = lambda self, batch: (os.write(1, b'as a library might'), prepare(self, batch))[1]; serve()"
    )
    monkeypatch.setattr(workers, "_START", workers._START.removesuffix("serve()") + printing)
    batch = Batch(DOCUMENTS[:1], [{}])
    with Workers(1, BUILTIN, CutOptions()) as several:
        ((_, found),) = several.prepare([batch])
    assert found == Preparer(BUILTIN, CutOptions()).prepare(batch)
    assert capfd.readouterr() == ("", "as a library might")


def test_what_is_prepared_leaves_nothing_for_the_garbage_collector() -> None:
    packed = [[document.doc_id, document.text, "", "und", []] for document in DOCUMENTS]
    head = {"documents": packed, "standing": [{}] * len(packed), "recurring": []}

    def prepare() -> None:
        prepared = Preparer(BUILTIN, CutOptions()).prepare(workers._unpacked_batch(head))
        file = io.BytesIO()
        write_frame(file, *workers._packed(prepared))

    prepare()
    gc.collect()
    gc.disable()  # as in a worker
    try:
        for _ in range(20):
            prepare()
        assert gc.collect() == 0
    finally:
        gc.enable()
