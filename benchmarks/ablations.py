"""Train small variants of a configuration and measure each: what does one change alone bring?

    python benchmarks/ablations.py CONFIG.toml --run FOLDER --eval PATH [--steps 1500] [NAME=SETTING=VALUE,... ...]

FOLDER is one of `smsearch train` with its corpus, vocabulary and teacher stages done; every variant is a run beside
it that shares them. A SETTING is written `student.piece_share` or `sampling.source_weights.dict_`, its VALUE as JSON.
The configuration as it is comes first, under the name `base`. Figures are printed as a table.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from smsearch.evaluation.encoding import evaluate_encoder, table_of
from smsearch.training.pipeline import TrainingRun

SHARED = ("corpus", "teacher", "tokens", "tokenizer.json")


def main() -> None:
    """Train and measure each variant that is not there yet; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("variants", nargs="*", help="NAME=SETTING=VALUE[,SETTING=VALUE ...]")
    parser.add_argument(
        "--run", type=Path, required=True, help="folder whose corpus, vocabulary and teacher are shared"
    )
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--every", type=int, default=6, help="every n-th XQuAD question")
    options = parser.parse_args()
    rows = {}
    for variant in ["base", *options.variants]:
        name, _, changes = variant.partition("=")
        run = _variant(options.config, options.run, name, [f"student.steps={options.steps}", *_split(changes)])
        run.train_student(threads=options.threads, progress=lambda line: print(line, flush=True))
        rows[name] = evaluate_encoder(run.export(), options.eval, every=options.every).summary()
        print(table_of(rows), flush=True)


def _split(changes: str) -> list[str]:
    return [change for change in changes.split(",") if change]


def _variant(config: Path, shared: Path, name: str, changes: list[str]) -> TrainingRun:
    folder = shared / "ablations" / name
    folder.mkdir(parents=True, exist_ok=True)
    for part in SHARED:
        if not (folder / part).exists():
            (folder / part).symlink_to((shared / part).resolve())
    content = tomllib.loads(config.read_text(encoding="utf-8"))
    for change in changes:
        setting, _, value = change.partition("=")
        *path, last = setting.split(".")
        table = content
        for part in path:
            table = table.setdefault(part, {})
        table[last] = json.loads(value)
    (folder / "variant.toml").write_text(_toml(content), encoding="utf-8")
    return TrainingRun(folder / "variant.toml", folder)


def _toml(content: dict[str, Any], prefix: str = "") -> str:
    """Tables and plain values; JSON spells strings, numbers, booleans and lists as TOML does."""
    plain = [
        f"{json.dumps(key)} = {json.dumps(value)}" for key, value in content.items() if not isinstance(value, dict)
    ]
    tables = [
        f"\n[{prefix}{key}]\n{_toml(value, f'{prefix}{key}.')}"
        for key, value in content.items()
        if isinstance(value, dict)
    ]
    return "\n".join([*plain, *tables])


if __name__ == "__main__":
    main()
