"""The far end of a pseudo-terminal, and the sole right to the name it is reached by.

What every played device on a serial port needs. Not on Windows, which has no such terminals.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

READ_SIZE = 4096


class PtyPort:
    """The far end of a pseudo-terminal."""

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._master, self._slave = os.openpty()
        # Kept open: between two openings by drivers the terminal stays as it is.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._read)

    def write(self, data: bytes) -> None:
        """Bytes nobody fetches are lost, as on a wire."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def unlock(self) -> None:
        """Forget the exclusive lock of a driver that was killed: our open end would keep it."""
        fcntl.ioctl(self._slave, termios.TIOCNXCL)

    def close(self) -> None:
        """Hang up: whoever has the other end open is told so."""
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._receive(os.read(self._master, READ_SIZE))


def claim(path: Path) -> int:
    """The sole right to a port's name, for as long as the file descriptor is open."""
    claim = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(claim)
        raise OSError(errno.EADDRINUSE, "another played modem has this port", str(path)) from None
    return claim
