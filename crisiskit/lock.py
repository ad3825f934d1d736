"""One agent a home: a lock file decides. The kernel frees it however the process ends.

Looking takes the lock too, for an instant: so a look is shared where the system can, and who
takes it for good tries again before giving up.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from crisiskit.errors import BusyError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int, *, shared: bool = False) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(fd: int, *, shared: bool = False) -> None:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


_PATIENCE_S = 0.2
_AGAIN_S = 0.01


def is_free(home: Path) -> bool:
    """Whether nobody holds the lock of ``home``. True only where that is certain."""
    try:
        fd = os.open(_file(home), os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        _try_lock(fd, shared=True)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _file(home: Path) -> Path:
    return home / "agent.lock"


class AgentLock:
    """Held while this process runs the links of ``home``. Raises BusyError ``agent_running``."""

    def __init__(self, home: Path) -> None:
        self._path = _file(home)
        self._fd = -1

    def __enter__(self) -> AgentLock:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        end = time.monotonic() + _PATIENCE_S
        while not self._taken():
            if time.monotonic() >= end:
                os.close(self._fd)
                raise BusyError("agent_running", path=self._path.parent)
            time.sleep(_AGAIN_S)
        return self

    def _taken(self) -> bool:
        try:
            _try_lock(self._fd)
        except OSError:
            return False
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        os.close(self._fd)
