"""``field`` and ``desk`` as they are started: with an agent inside, on a terminal or in lines."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.mark.parametrize("command", ["field", "desk"])
def test_the_line_mode_works_through_pipes(
    spawn: Spawn, call: Call, kit: Path, center: Path, command: str
) -> None:
    home = kit if command == "field" else center
    to = () if command == "field" else ("--to", "all")
    call("send", *to, "Zebra crossing flooded", "--home", home)
    process = spawn(command, "--plain", "--home", home)
    out, err = process.communicate("list\nquit\n", timeout=20)
    assert (process.returncode, err) == (0, "")
    assert "Prefecture" in out
    if command == "field":
        assert "Zebra" in out
        assert "Zebra" not in (home / "agent.log").read_text()


@pytest.mark.parametrize("word", ["erase", "effacer"])
def test_a_panic_in_the_line_mode_leaves_nothing(spawn: Spawn, kit: Path, word: str) -> None:
    lang = "en" if word == "erase" else "fr"
    process = spawn("field", "--plain", "--lang", lang, "--home", kit)
    out, err = process.communicate(f"erase\nno\nerase\n{word}\n", timeout=20)
    assert (process.returncode, kit.exists()) == (0, False), out + err
    assert "flash" in err


def test_the_end_of_the_input_ends_the_line_mode(spawn: Spawn, kit: Path) -> None:
    process = spawn("field", "--plain", "--lang", "fr", "--home", kit)
    _out, err = process.communicate("", timeout=20)
    assert (process.returncode, err) == (0, "")


def test_the_screen_opens_on_a_terminal_and_leaves_it_clean(kit: Path) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "crisiskit", "field", "--home", str(kit)],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    try:
        end = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    seen += os.read(master, 65_536)
                except OSError:
                    break
            if b"Delta-2" in seen and not seen.endswith(b"q"):
                os.write(master, b"q")
        assert process.wait(10) == 0
    finally:
        process.kill()
        os.close(master)
    assert b"Delta-2" in seen
    assert b"\x1b[?1049l" in seen
    assert (kit / "agent.log").exists()
