"""A played Iridium 9602 on a real pseudo-terminal, reachable under a name that stays.

    async with PlayedModem(path, Uplink(host, port), Nature(seed=7)) as modem:
        ...                         # any driver may open path, as it would a real port

The name is a symbolic link: the pseudo-terminal behind it changes with each unplugging.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from hardware.sim.core9602 import Core9602, Nature
from hardware.sim.faults import Fault, Script
from hardware.sim.pty_port import PtyPort, claim
from hardware.sim.uplink import Gateway


class PlayedModem:
    """A modem from power-on to power-off; a context manager.

    ``path`` is where its port appears; a symbolic link that a killed modem left there is
    replaced. Raises OSError when it cannot be made, EADDRINUSE while another has it. Not on
    Windows, which has no pseudo-terminals of this kind.
    """

    def __init__(
        self,
        path: Path,
        gateway: Gateway,
        nature: Nature | None = None,
        faults: tuple[Fault, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._gateway = gateway
        self._nature = nature or Nature()
        self._script = Script(faults)
        self._clock = clock
        self._core: Core9602 | None = None
        self._port: PtyPort | None = None
        self._claim = -1
        self._deaf = False
        self._hearing: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def core(self) -> Core9602:
        """The modem itself; it is there while the context is open."""
        if self._core is None:
            raise RuntimeError("the modem is switched off")
        return self._core

    @property
    def sessions(self) -> int:
        """How many sessions were started."""
        return self.core.sessions

    async def __aenter__(self) -> PlayedModem:
        self._claim = claim(self.path)
        self._core = Core9602(
            self._nature, self._gateway, self._script, self._write, self.suffer, self._clock
        )
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

    def suffer(self, fault: Fault) -> None:
        """Let an accident happen now. ``status`` needs a session and does nothing here."""
        match fault.kind:
            case "noise":
                self.core.noise(fault.count)
            case "ring":
                self.core.ring()
            case "hang":
                self._deafen(fault.for_s)
            case "reset":
                self.core.power_up()
                self._deafen(self._nature.boot_s)
            case "unplug":
                self.unplug(fault.for_s)

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
            self.core.power_up()
            self._plug_in()

    async def _later(self, at_s: float, fault: Fault) -> None:
        await asyncio.sleep(at_s)
        self.suffer(fault)

    async def _look_up(self) -> None:
        while True:
            await asyncio.sleep(self._nature.sky_s)
            if self._port is not None:
                self._port.unlock()
                self.core.look()

    def _plug_in(self) -> None:
        self._deafen(self._nature.boot_s)
        self._port = PtyPort(self._receive)
        if self.path.is_symlink():
            self.path.unlink()
        self.path.symlink_to(self._port.name)

    def _pull_out(self) -> None:
        self.core.power_off()
        if self._hearing is not None:
            self._hearing.cancel()
        if self._port is not None:
            if self.path.is_symlink() and str(self.path.readlink()) == self._port.name:
                self.path.unlink()
            self._port.close()
            self._port = None

    def _ring(self) -> None:
        if self._port is not None:
            self.core.ring()

    def _receive(self, data: bytes) -> None:
        if not self._deaf:
            self.core.receive(data)

    def _write(self, data: bytes) -> None:
        if not self._deaf and self._port is not None:
            self._port.write(data)

    def _deafen(self, for_s: float) -> None:
        """Neither hear nor speak for so many seconds; 0 is not at all."""
        if self._hearing is not None:
            self._hearing.cancel()
        self._deaf = for_s > 0
        if self._deaf:
            self._hearing = asyncio.get_running_loop().call_later(for_s, self._hear)

    def _hear(self) -> None:
        self._deaf = False
