"""One agent a home: a lock file decides. The kernel frees it however the process ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from crisiskit.errors import BusyError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


class AgentLock:
    """Held while this process runs the links of ``home``. Raises BusyError ``agent_running``."""

    def __init__(self, home: Path) -> None:
        self._path = home / "agent.lock"
        self._fd = -1

    def __enter__(self) -> AgentLock:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _try_lock(self._fd)
        except OSError:
            os.close(self._fd)
            raise BusyError("agent_running", path=self._path.parent) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        os.close(self._fd)
