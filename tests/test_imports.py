"""What is loaded when: start-up time is a promise."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import smsearch

HEAVY = (
    *("numpy", "faiss", "torch", "transformers", "sentence_transformers", "sklearn", "scipy", "pandas"),
    *("tokenizers", "trafilatura", "lxml", "rich", "rensa", "py3langid", "sentencex", "Stemmer"),
)
FOR_TRANSFORMERS_AND_READERS = ("torch", "transformers", "sentence_transformers", "sklearn", "scipy", "trafilatura")


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh process after some code."""
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stderr.split())


def command(*words: str) -> str:
    return f"from smsearch.cli import main\nsys.argv = ['smsearch', *{words!r}]\ntry: main()\nexcept SystemExit: pass"


def test_the_package_alone_loads_nothing_heavy() -> None:
    assert loaded_by("import smsearch").isdisjoint(HEAVY)


def test_errors_and_records_load_nothing_heavy() -> None:
    assert loaded_by("import smsearch\nsmsearch.Hit, smsearch.SmsearchError, smsearch.Hits").isdisjoint(HEAVY)


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("ask", "--help")])
def test_help_and_version_load_no_library_of_search(words: tuple[str, ...]) -> None:
    assert loaded_by(command(*words)).isdisjoint(set(HEAVY) - {"rich"})


def test_asking_with_the_built_in_model_loads_neither_transformers_nor_readers(seeds_index: smsearch.Index) -> None:
    loaded = loaded_by(command("ask", "why say no", "--index", str(seeds_index.folder)))
    assert loaded.isdisjoint(FOR_TRANSFORMERS_AND_READERS)


def test_a_word_search_encodes_nothing(seeds_index: smsearch.Index) -> None:
    loaded = loaded_by(command("ask", "kampanjer", "--mode", "lexical", "--index", str(seeds_index.folder)))
    assert loaded.isdisjoint({*FOR_TRANSFORMERS_AND_READERS, "tokenizers"})


def test_imports_only_go_down() -> None:
    lint = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    if lint is None:
        pytest.skip("import-linter is not installed")
    root = Path(__file__).parents[1]
    ran = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout
    assert " 0 broken" in ran.stdout
