from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from smsearch.sources.opening import has_changed, open_regular

if TYPE_CHECKING:
    from pathlib import Path


def test_file_is_read_as_far_as_it_went_when_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"first")
    with open_regular(path) as file:
        assert not has_changed(file)
        with path.open("ab") as more:
            more.write(b" and more")
        assert file.read() == b"first"
        assert file.seek(-2, os.SEEK_END) == 3
        assert file.read(10) == b"st"
        assert has_changed(file)


def test_file_that_was_cut_gives_what_is_left_and_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"first")
    with open_regular(path) as file:
        os.truncate(path, 2)
        assert (file.read(), has_changed(file)) == (b"fi", True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"), open_regular(tmp_path / "pipe"):
        pass


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are always followed on this system")
def test_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    (tmp_path / "link").symlink_to("a.txt")
    with pytest.raises(OSError, match="symbolic links"), open_regular(tmp_path / "link"):
        pass
