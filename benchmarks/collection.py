"""Check out a collection of public blogs, wikis and guides in many languages, each at a pinned commit.

    python benchmarks/collection.py --mirror FOLDER --out FOLDER [--every 1]

`collection.toml` names the repositories, `collection_questions.tsv` holds questions about them. Bare clones are read
from FOLDER/owner+name; a repository that is missing is named with the command that fetches it. No text is part of
this project: every file belongs to its author, under the licence of its repository.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Question", "Repository", "check_out", "read_questions", "read_repositories", "unanswered"]

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Repository:
    """A public repository and the files taken from it.

    Attributes:
        name: `owner/name` on GitHub.
        commit: 40 hexadecimal digits.
        langs: Main languages of the files, BCP 47.
        paths: Beginnings of the paths taken.
        suffixes: Ends of the paths taken.
    """

    name: str
    commit: str
    langs: tuple[str, ...]
    paths: tuple[str, ...]
    suffixes: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Name of its folder in the collection."""
        return self.name.replace("/", "-")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the files that answer it, and a stretch of the answering paragraph in the first of them."""

    lang: str
    query: str
    answer_lang: str
    docs: tuple[str, ...]
    answer: str
    split: str


def read_repositories(path: Path = HERE / "collection.toml") -> list[Repository]:
    """The repositories of the collection, in the order of the file."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["repository"]
    lists = ("langs", "paths", "suffixes")
    return [Repository(row["name"], row["commit"], *(tuple(row[each]) for each in lists)) for row in rows]


def read_questions(path: Path = HERE / "collection_questions.tsv") -> list[Question]:
    """The questions, in the order of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Question(
            row["lang"], row["query"], row["answer_lang"], tuple(row["doc"].split("|")), row["answer"], row["split"]
        )
        for row in rows
    ]


def check_out(repository: Repository, mirror: Path, out: Path, *, every: int = 1) -> int:
    """Write the files of a repository below `out`, and return how many.

    Args:
        repository: What to check out.
        mirror: Folder of the clones.
        out: Folder to write.
        every: Of the files that answer no question, only every n-th is written.

    Raises:
        FileNotFoundError: If the clone or the commit is missing below `mirror`.
    """
    git = _git_folder(repository, mirror)
    begin = out / repository.folder
    answering = {doc for question in read_questions() for doc in question.docs}
    n = 0
    for i, (name, content) in enumerate(_contents(git, repository)):
        if i % every and f"{repository.folder}/{name}" not in answering:
            continue
        path = begin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        n += 1
    return n


def unanswered(out: Path) -> list[Question]:
    """Questions whose answer is not in the first of their files below `out`."""
    return [each for each in read_questions() if each.answer not in (out / each.docs[0]).read_text(encoding="utf-8")]


def _git_folder(repository: Repository, mirror: Path) -> Path:
    place = mirror / repository.name.replace("/", "+")
    for head in sorted([place / "HEAD", *place.glob("*/HEAD"), *place.glob("*/.git/HEAD")]):
        command = ["git", "-C", str(head.parent), "cat-file", "-e", f"{repository.commit}^{{commit}}"]
        if head.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return head.parent
    message = (
        f"{repository.name} at commit {repository.commit} is missing; "
        f"run: git clone --bare https://github.com/{repository.name} {place}"
    )
    raise FileNotFoundError(message)


def _contents(git: Path, repository: Repository) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file taken; links and submodules are skipped."""
    listing = _run(git, "ls-tree", "-r", "-z", repository.commit)
    for line in listing.decode().split("\0")[:-1]:
        entry, name = line.split("\t", 1)
        mode, _, blob = entry.split()
        if mode.startswith("100") and name.startswith(repository.paths) and name.endswith(repository.suffixes):
            yield name, _run(git, "cat-file", "blob", blob)


def _run(git: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(git), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def main() -> None:
    """Check out every repository, print the number of files of each, and look for the answer to every question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirror", type=Path, required=True, help="folder of the bare clones")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--every", type=int, default=1, help="of the files without an answer, only every n-th")
    options = parser.parse_args()
    total, errors = 0, []
    for repository in read_repositories():
        try:
            n = check_out(repository, options.mirror, options.out, every=options.every)
        except FileNotFoundError as error:
            errors.append(str(error))
            continue
        print(f"{n:5} {repository.name} ({', '.join(repository.langs)})")
        total += n
    print(f"{total:5} files")
    errors = errors or [f"{each.answer!r} is not in {each.docs[0]}" for each in unanswered(options.out)]
    sys.exit("\n".join(errors) or 0)


if __name__ == "__main__":
    main()
