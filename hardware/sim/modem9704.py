"""A played RockBLOCK 9704 on a real pseudo-terminal, reachable under a name that stays.

    async with PlayedModem9704(path, Uplink(host, port), Nature9704(seed=7)) as modem:
        ...                         # any driver may open path, as it would a real port

It belongs into another process than the driver: it looks whether it is answered in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from hardware.sim.core9704 import Core9704, Nature9704
from hardware.sim.faults9704 import Fault9704, Script9704
from hardware.sim.pty_port import PtyPort, claim
from hardware.sim.uplink import Gateway

KEEP_BYTES = 1 << 20  # several messages at once, faster than they are fetched
UNREAD_S = 5.0  # then nobody listens


class PlayedModem9704:
    """A modem from power-on to power-off; a context manager.

    ``path`` is where its port appears; a symbolic link that a killed modem left there is
    replaced. Raises OSError when it cannot be made, EADDRINUSE while another has it. Not on
    Windows, which has no pseudo-terminals of this kind.
    """

    def __init__(
        self,
        path: Path,
        gateway: Gateway,
        nature: Nature9704 | None = None,
        faults: tuple[Fault9704, ...] = (),
    ) -> None:
        self.path = path
        self._gateway = gateway
        self._nature = nature or Nature9704()
        self._script = Script9704(faults)
        self._core: Core9704 | None = None
        self._port: _WidePort | None = None
        self._claim = -1
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def core(self) -> Core9704:
        """The modem itself; it is there while the context is open."""
        if self._core is None:
            raise RuntimeError("the modem is switched off")
        return self._core

    async def __aenter__(self) -> PlayedModem9704:
        self._claim = claim(self.path)
        self._core = Core9704(self._nature, self._gateway, self._script, self._write, self.unplug)
        self._plug_in()
        self._tasks = [
            asyncio.create_task(self._gateway.run(self._nature.imei, self._ring)),
            asyncio.create_task(self._look_up()),
            *(asyncio.create_task(self._later(*pair)) for pair in self._script.timed),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pull_out()
        os.close(self._claim)

    async def serve(self) -> None:
        """Wait until cancelled, or until a part of the modem fails; raises what it raised."""
        await asyncio.gather(*self._tasks)

    def say(self, data: bytes) -> None:
        """Bytes that nobody asked for."""
        self._write(data)

    def unplug(self, for_s: float) -> None:
        """Port and power are gone; both come back after so many seconds."""
        self._pull_out()
        self._tasks.append(asyncio.create_task(self._come_back(for_s)))

    async def _come_back(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if self._port is None:
            self._plug_in()
            self.core.power_up()

    async def _later(self, at_s: float, fault: Fault9704) -> None:
        await asyncio.sleep(at_s)
        self.core.suffer(fault)

    async def _look_up(self) -> None:
        while True:
            await asyncio.sleep(self._nature.sky_s)
            if self._port is not None:
                self._port.unlock()
                self.core.look()

    def _plug_in(self) -> None:
        self._port = _WidePort(self._receive)
        if self.path.is_symlink():
            self.path.unlink()
        self.path.symlink_to(self._port.name)

    def _pull_out(self) -> None:
        self.core.power_off()
        if self._port is not None:
            if self.path.is_symlink() and str(self.path.readlink()) == self._port.name:
                self.path.unlink()
            self._port.close()
            self._port = None

    def _ring(self) -> None:
        if self._port is not None:
            self.core.ring()

    def _receive(self, data: bytes) -> None:
        self.core.receive(data)

    def _write(self, data: bytes) -> None:
        if self._port is not None:
            self._port.write(data)


class _WidePort(PtyPort):
    """A port that says more at once than the system keeps for a slow reader."""

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        super().__init__(receive)
        self._unread = bytearray()
        self._read_at = self._loop.time()

    def write(self, data: bytes) -> None:
        """Bytes nobody fetches are lost, as on a wire."""
        if self._unread and self._loop.time() - self._read_at > UNREAD_S:
            self._unread.clear()
        if len(self._unread) + len(data) <= KEEP_BYTES:
            self._unread += data
            self._flush()

    def close(self) -> None:
        """Hang up: whoever has the other end open is told so."""
        self._loop.remove_writer(self._master)
        super().close()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unread:
                del self._unread[: os.write(self._master, self._unread)]
                self._read_at = self._loop.time()
        if self._unread:
            self._loop.add_writer(self._master, self._flush)
        else:
            self._loop.remove_writer(self._master)
