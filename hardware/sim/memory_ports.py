"""Serial ports in memory in place of pseudo-terminals, for played devices under a jumping clock.

Bytes through the system's terminals take real time, which :mod:`hardware.sim.virtual_time` would
skip. Put ``plug`` where the played device has ``PtyPort``, the other three where the driver has
the functions of :mod:`hardware.port`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from hardware.port import Port, PortError, PortTrouble, memory_pair

LOOK_S = 1.0


class MemoryPorts:
    """The ports of one program, reached by the symbolic links that played devices make."""

    def __init__(self) -> None:
        self._plugged: dict[str, MemoryPort] = {}
        self._numbers = count(1)

    def plug(self, receive: Callable[[bytes], None]) -> MemoryPort:
        """A port that is there from now on; see :class:`hardware.sim.pty_port.PtyPort`."""
        name = f"memory-{next(self._numbers)}"
        self._plugged[name] = MemoryPort(name, receive, self._plugged)
        return self._plugged[name]

    @asynccontextmanager
    async def open_port(self, path: str, baud: int, rtscts: bool = False) -> AsyncIterator[Port]:
        """See :func:`hardware.port.open_port`."""
        found = self._find(path)
        if found is None:
            raise PortError(PortTrouble.MISSING, path)
        async with found.opened() as port:
            yield port

    async def path_exists(self, path: str) -> bool:
        """See :func:`hardware.port.path_exists`."""
        return self._find(path) is not None

    async def wait_for_path(self, path: str) -> None:
        """See :func:`hardware.port.wait_for_path`."""
        while self._find(path) is None:
            await asyncio.sleep(LOOK_S)

    def _find(self, path: str) -> MemoryPort | None:
        link = Path(path)
        return self._plugged.get(str(link.readlink())) if link.is_symlink() else None


class MemoryPort:
    """The device's end of one port; what nobody fetches is lost."""

    def __init__(
        self, name: str, receive: Callable[[bytes], None], plugged: dict[str, MemoryPort]
    ) -> None:
        self.name = name
        self._receive = receive
        self._plugged = plugged
        self._far: Port | None = None
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, data: bytes) -> None:
        """Bytes to whoever has the port open."""
        if self._far is not None:
            self._out.put_nowait(data)

    def unlock(self) -> None:
        """There is no lock."""

    def close(self) -> None:
        """Hang up."""
        del self._plugged[self.name]
        if self._far is not None:
            self._start(self._far.aclose())

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Port]:
        """The computer's end. PortError(busy) while another has it."""
        if self._far is not None:
            raise PortError(PortTrouble.BUSY, self.name)
        near, far = memory_pair()
        self._far, self._out = far, asyncio.Queue()
        wires = [self._start(self._hear(far)), self._start(self._tell(far, self._out))]
        try:
            yield near
        finally:
            self._far = None
            for wire in wires:
                wire.cancel()
            await near.aclose()

    async def _hear(self, port: Port) -> None:
        with suppress(PortError):
            while True:
                self._receive(await port.read())

    async def _tell(self, port: Port, out: asyncio.Queue[bytes]) -> None:
        with suppress(PortError):
            while True:
                await port.write(await out.get())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
