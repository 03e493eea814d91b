"""Inputs that reach new code: atheris changes those that did before; optional, in a process of its own.

`python -m tests.torture.fuzz_coverage TARGET SEED FIRST N MORE FOLDER`, as in `fuzz_worker`.
"""

from __future__ import annotations

import signal
import sys
import warnings
from itertools import count
from pathlib import Path

_LONGEST = 4_096


def main() -> None:
    """Try about `N` inputs."""
    import atheris  # type: ignore[import-untyped]

    name, seed, first, n, _, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["smsearch", "pypdf", "email"], enable_loader_override=False):
        from tests.torture.fuzz_targets import TARGETS
    from tests.torture.fuzz_worker import Recorder, opened, raise_hang

    target, numbers = TARGETS[name], count(int(first))
    corpus = target.corpus()
    begin, words = Path(folder) / "begin", Path(folder) / "words"
    begin.mkdir(exist_ok=True)
    for i, data in enumerate(corpus.seeds):
        (begin / str(i)).write_bytes(data)
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in corpus.tokens if len(token) < 64), encoding="ascii")
    options = [f"-runs={max(int(n) - int(first), 0)}", f"-seed={int(seed) + int(first) or 1}", f"-max_len={_LONGEST}"]
    options += [f"-dict={words}", "-timeout=0", "-rss_limit_mb=0", "-verbosity=0", str(begin)]
    with opened(target, Path(folder)) as attempt:
        recorder = Recorder(target, attempt, Path(folder))

        def try_input(data: bytes) -> None:
            signal.signal(signal.SIGALRM, raise_hang)
            recorder.try_input(data, next(numbers))

        atheris.Setup([sys.argv[0], *options], try_input)
        atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    main()
