"""Frames as files: whole or not there, whatever fails, and whatever else lies on the stick."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transports import mailbag
from transports.mailbag import FOLDER, Mailbag, is_prepared, name_of, prepare

FRAME_BYTES = 16_384
CALLS = ("open", "write", "fsync", "rename", "unlink", "scandir", "stat", "read", "fstat", "close")


def bag(root: Path, files_max: int = 100) -> Mailbag:
    prepare(root)
    return Mailbag(root, FRAME_BYTES, files_max)


def frames_in(mail: Mailbag) -> list[bytes]:
    """Every frame that somebody would read."""
    found = (mail.read(name) for name in mail.files())
    return sorted(frame for frame in found if frame is not None)


class Failing:
    """The module ``os``, but the call number ``at`` fails, and all after it if ``for_good``."""

    def __init__(self, at: int, code: int, for_good: bool) -> None:
        self.at, self.code, self.for_good = at, code, for_good
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*args: Any, **how: Any) -> Any:
            self.calls += 1
            fails = self.calls == self.at or (self.for_good and self.calls > self.at)
            if name == "close":
                real(*args)
            if fails:
                if name == "write":  # a part of it gets there
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise OSError(self.code, os.strerror(self.code))
            return None if name == "close" else real(*args, **how)

        return call


def test_a_frame_is_there_under_a_name_that_says_nothing(tmp_path: Path) -> None:
    mail = bag(tmp_path)
    name, _mark = mail.write(b"a frame")
    assert frames_in(mail) == [b"a frame"] and name == name_of(b"a frame")
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [name]
    mail.remove(name)
    mail.remove(name)
    assert frames_in(mail) == []


def test_a_frame_that_is_there_is_left_and_a_torn_one_is_made_whole(tmp_path: Path) -> None:
    mail = bag(tmp_path)
    name, mark = mail.write(b"a frame")
    assert mail.write(b"a frame") == (name, mark)
    (tmp_path / FOLDER / name).write_bytes(b"a fra")
    assert frames_in(mail) == []
    mail.write(b"a frame")
    assert frames_in(mail) == [b"a frame"]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.ENODEV])
def test_at_every_call_a_stick_may_fail_and_nothing_half_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, for_good: bool
) -> None:
    mail = bag(tmp_path)
    mail.write(b"an older frame")
    at, failures = 0, 0
    while True:
        at += 1
        frame = b"frame %d " % at + bytes(500)
        failing = Failing(at, code, for_good)
        monkeypatch.setattr(mailbag, "os", failing)
        try:
            mail.write(frame)
            said = True
        except OSError:
            said, failures = False, failures + 1
        finally:
            monkeypatch.setattr(mailbag, "os", os)
        there = frames_in(mail)
        assert b"an older frame" in there
        assert set(there) <= {b"an older frame", frame}, "half a frame was read"
        assert frame in there or not said, "what was said to be written is not there"
        mail.write(frame)
        assert frame in frames_in(mail)
        mail.remove(name_of(frame))
        if failing.calls < at:
            break
    assert failures > 5, "the faults met nothing"


def test_a_process_killed_while_it_writes_leaves_whole_frames_only(tmp_path: Path) -> None:
    mail = bag(tmp_path, files_max=20_000)
    writer = (
        "import sys, os; from pathlib import Path; from transports.mailbag import Mailbag\n"
        "mail = Mailbag(Path(sys.argv[1]), 16384, 20000)\n"
        "print('begun', flush=True)\n"
        "for n in range(10**9): mail.write(b'%d ' % n * 1500)\n"
    )
    for _round in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        before = len(mail.files())
        while len(mail.files()) < before + 3:
            time.sleep(0.001)
        process.kill()
        process.wait()
        process.stdout.close()
        for frame in frames_in(mail):
            number = frame.split(b" ", 1)[0]
            assert frame == number + b" " + (number + b" ") * 1499
        for name in mail.files():
            assert mail.read(name) is not None, "a name without its frame"
            mail.remove(name)


def _hostile(place: Path, name: str) -> dict[str, Callable[[], object]]:
    outside = place.parent / "outside"
    outside.write_bytes(b"a secret file of this machine")
    return {
        "link": lambda: (place / name).symlink_to(outside),
        "loop": lambda: (place / name).symlink_to(place / name),
        "device": lambda: (place / name).symlink_to("/dev/zero"),
        "fifo": lambda: os.mkfifo(place / name),
        "folder": lambda: (place / name / "deep" / "deeper").mkdir(parents=True),
        "huge": lambda: _sparse(place / name),
        "empty": lambda: (place / name).touch(),
        "garbage": lambda: (place / name).write_bytes(b"garbage"),
        "large": lambda: (place / name).write_bytes(bytes(FRAME_BYTES + 1)),
    }


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


KINDS = ("link", "loop", "device", "fifo", "folder", "huge", "empty", "garbage", "large")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_frame_is_not_opened_followed_or_read(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    mail = bag(root)
    mail.write(b"a real frame")
    name = "0" * 32 + ".frame"
    _hostile(root / FOLDER, name)[kind]()
    assert frames_in(mail) == [b"a real frame"]
    mail.write(b"another")
    assert len(frames_in(mail)) == 2
    assert (root / "outside").read_bytes() == b"a secret file of this machine"


def test_a_folder_that_is_a_link_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    assert not is_prepared(tmp_path)
    with pytest.raises(OSError):
        prepare(tmp_path)
    with pytest.raises(OSError):
        Mailbag(tmp_path, FRAME_BYTES, 100).write(b"a frame")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_there_is_an_end_to_what_is_read_and_written(tmp_path: Path) -> None:
    mail = bag(tmp_path, files_max=20)
    for n in range(30):
        (tmp_path / FOLDER / name_of(b"%d" % n)).write_bytes(b"%d" % n)
    assert len(mail.files()) == 20
    with pytest.raises(OSError, match="too many files"):
        mail.write(b"one more")


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
                lambda name: name not in (".", "..") and len(name.encode()) < 200
            ),
            st.binary(max_size=300),
        ),
        max_size=8,
    )
)
def test_any_files_are_harmless(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]
) -> None:
    root = tmp_path_factory.mktemp("stick")
    mail = bag(root)
    mail.write(b"a real frame")
    for name, data in files:
        (root / FOLDER / name).write_bytes(data)
    assert frames_in(mail) == [b"a real frame"]
    assert all((root / FOLDER / name).exists() for name, _data in files), "others' files stay"


def test_what_an_interrupted_writer_left_is_removed_later(tmp_path: Path) -> None:
    mail = bag(tmp_path)
    torn = tmp_path / FOLDER / ("1" * 32 + ".new")
    torn.write_bytes(b"half a fra")
    mail.files()
    assert torn.exists(), "it may still be written"
    os.utime(torn, (0, 0))
    mail.files()
    assert not torn.exists()
