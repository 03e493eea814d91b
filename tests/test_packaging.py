"""The wheel holds what it needs and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_string
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest

import smsearch

ROOT = Path(__file__).parents[1]
MADE_ON_FIRST_USE = {"vocabulary.bin"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if find_spec("build") is None or find_spec("hatchling") is None:
        pytest.skip("build and hatchling are not both installed")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    ran = subprocess.run(build, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (path,) = folder.glob("smsearch-*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "smsearch"
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name not in MADE_ON_FIRST_USE
    }
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == sources
    assert {PurePosixPath(name).parts[0] for name in held} == {"smsearch"}


def test_the_built_in_model_and_the_type_marker_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "smsearch/py.typed" in names
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        inside = f"smsearch/models/builtin/{name}"
        assert wheel.getinfo(inside).file_size == (ROOT / inside).stat().st_size


def test_the_wheel_says_what_it_is_and_brings_the_command(wheel: zipfile.ZipFile) -> None:
    info = f"smsearch-{smsearch.__version__}.dist-info"
    metadata = message_from_string(wheel.read(f"{info}/METADATA").decode())
    assert (metadata["Name"], metadata["Version"]) == ("smsearch", smsearch.__version__)
    assert metadata["Requires-Python"] == ">=3.11"
    assert wheel.read(f"{info}/entry_points.txt").decode().split("\n")[:2] == [
        "[console_scripts]",
        "smsearch = smsearch.cli:main",
    ]
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())


def test_the_unpacked_wheel_answers_without_the_repository(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    code = (
        "import smsearch, sys\n"
        "assert smsearch.__file__.startswith(sys.argv[1]), smsearch.__file__\n"
        "with smsearch.build_index(sys.argv[2], sys.argv[3]) as index:\n"
        "    print(index.search('why say no to social media', 1)[0].doc_id)"
    )
    site = str(tmp_path / "site")
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {site!r})\n{code}", site, str(ROOT / "seeds"), "index"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (0, "003_820c8e683cad6f24.txt\n"), ran.stderr
