"""A played GSM modem on a real pseudo-terminal, reachable under a name that stays.

network = SmsNetwork(Sky(loss=0.1))
async with PlayedGsm(PtyPlug(path), network, Nature("+262639000001")) as modem:
    ...                         # any driver may open path, as it would a real port
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from hardware.sim.core_gsm import CoreGsm, Nature
from hardware.sim.faults import Fault, Script
from hardware.sim.pty_port import PtyPort, claim
from hardware.sim.sms_network import SmsNetwork

BRING_S = 10.0


class Plug(Protocol):
    """Where the modem is plugged in."""

    def insert(self, receive: Callable[[bytes], None]) -> None:
        """The port appears; ``receive`` gets what is written to it."""

    def pull(self) -> None:
        """The port goes away."""

    def write(self, data: bytes) -> None:
        """Bytes from the modem; lost where nothing is plugged in."""

    def unlock(self) -> None:
        """Forget the lock of a driver that was killed."""

    def close(self) -> None:
        """Give the name of the port back."""


class PtyPlug:
    """A pseudo-terminal under a symbolic link that a killed modem may have left there.

    Raises OSError when it cannot be made, EADDRINUSE while another modem has the name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._claim = claim(path)
        self._port: PtyPort | None = None

    def insert(self, receive: Callable[[bytes], None]) -> None:
        """See :class:`Plug`."""
        self._port = PtyPort(receive)
        if self.path.is_symlink():
            self.path.unlink()
        self.path.symlink_to(self._port.name)

    def pull(self) -> None:
        """See :class:`Plug`."""
        if self._port is None:
            return
        if self.path.is_symlink() and str(self.path.readlink()) == self._port.name:
            self.path.unlink()
        self._port.close()
        self._port = None

    def write(self, data: bytes) -> None:
        """See :class:`Plug`."""
        if self._port is not None:
            self._port.write(data)

    def unlock(self) -> None:
        """See :class:`Plug`."""
        if self._port is not None:
            self._port.unlock()

    def close(self) -> None:
        """See :class:`Plug`."""
        os.close(self._claim)


class PlayedGsm:
    """A modem from power-on to power-off; a context manager."""

    def __init__(
        self,
        plug: Plug,
        network: SmsNetwork,
        nature: Nature | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        self._plug = plug
        self._network = network
        self._nature = nature or Nature()
        self._script = Script(faults)
        self._core: CoreGsm | None = None
        self._plugged = False
        self._deaf = False
        self._hearing: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def core(self) -> CoreGsm:
        """The modem itself; it is there while the context is open."""
        if self._core is None:
            raise RuntimeError("the modem is switched off")
        return self._core

    async def __aenter__(self) -> PlayedGsm:
        self._core = CoreGsm(self._nature, self._network, self._script, self._write, self.suffer)
        self._insert()
        self._tasks = [
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
        self._pull()
        self._plug.close()

    async def serve(self) -> None:
        """Wait until cancelled, or until a part of the modem fails; raises what it raised."""
        await asyncio.gather(*self._tasks)

    def suffer(self, fault: Fault) -> None:
        """Let an accident happen now. ``status`` needs a message and does nothing here."""
        match fault.kind:
            case "noise":
                self.core.noise(fault.count)
            case "ring":
                self.core.say("RING")
            case "hang":
                self._deafen(fault.for_s)
            case "reset":
                self.core.power_up()
                self._deafen(self._nature.boot_s)
            case "unplug":
                self._pull()
                self._tasks.append(asyncio.create_task(self._come_back(fault.for_s)))

    async def _come_back(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if not self._plugged:
            self.core.power_up()
            self._insert()

    async def _later(self, at_s: float, fault: Fault) -> None:
        await asyncio.sleep(at_s)
        self.suffer(fault)

    async def _look_up(self) -> None:
        """The network tries again what the phone could not take, as it does."""
        while True:
            await asyncio.sleep(BRING_S)
            self._plug.unlock()
            self._network.bring(self._nature.number)

    def _insert(self) -> None:
        self._deafen(self._nature.boot_s)
        self._plugged = True
        self._plug.insert(self._receive)

    def _pull(self) -> None:
        self.core.power_off()
        if self._hearing is not None:
            self._hearing.cancel()
        self._plugged = False
        self._plug.pull()

    def _receive(self, data: bytes) -> None:
        if not self._deaf:
            self.core.receive(data)

    def _write(self, data: bytes) -> None:
        if not self._deaf and self._plugged:
            self._plug.write(data)

    def _deafen(self, for_s: float) -> None:
        """Neither hear nor speak for so many seconds; 0 is not at all."""
        if self._hearing is not None:
            self._hearing.cancel()
        self._deaf = for_s > 0
        if self._deaf:
            self._hearing = asyncio.get_running_loop().call_later(for_s, self._hear)

    def _hear(self) -> None:
        self._deaf = False
