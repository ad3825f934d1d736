"""Small files: whole or not at all, never larger than allowed, never a trap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crisiskit import files
from crisiskit.errors import CrisiskitError


def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    files.write_whole(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="broken"):
            files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    files.write_whole(path, b"new", files.SECRET)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def broken(_handle: int) -> None:
    raise OSError("broken")


def test_what_an_earlier_try_left_behind_does_not_matter(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / ".x.new").symlink_to(target)
    files.write_whole(tmp_path / "x", b"data")
    assert (tmp_path / "x").read_bytes() == b"data"
    assert not target.exists()


def test_another_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.write_new(path, b"data")
    files.write_new(path, b"data")
    with pytest.raises(CrisiskitError, match="file_exists"):
        files.write_new(path, b"other")
    with pytest.raises(CrisiskitError, match="file_exists"):
        files.write_new(tmp_path, b"other")
    assert path.read_bytes() == b"data"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("none", "file_missing"),
        ("folder", "file_unreadable"),
        ("pipe", "file_unreadable"),
        ("large", "file_too_large"),
    ],
)
def test_what_is_no_small_file_is_refused(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(11))
    with pytest.raises(CrisiskitError, match=code):
        files.read_small(tmp_path / name, 10)
    (tmp_path / "fits").write_bytes(bytes(10))
    assert files.read_small(tmp_path / "fits", 10) == bytes(10)


def test_a_secret_is_overwritten_before_it_goes(tmp_path: Path) -> None:
    path, twin = tmp_path / "secret", tmp_path / "twin"
    path.write_bytes(b"secret")
    twin.hardlink_to(path)
    files.erase(path)
    files.erase(path)
    assert not path.exists()
    assert twin.read_bytes() == bytes(6)
