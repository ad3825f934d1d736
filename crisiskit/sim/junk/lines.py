"""Serial lines with junk on them: bare ones, and those of played modems that babble besides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crisiskit.sim.fuzz.mutate import scramble
from crisiskit.sim.junk.stations import CENTER_CALL, CENTER_NUMBER, KIT_CALL, KIT_NUMBER
from crisiskit.sim.junk.throw import Thrower
from hardware.sim.core9602 import Nature
from hardware.sim.core9704 import Nature9704
from hardware.sim.core_gsm import Nature as GsmNature
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.modem9704 import PlayedModem9704
from hardware.sim.modemgsm import PlayedGsm, PtyPlug
from hardware.sim.pty_port import PtyPort
from hardware.sim.sms_network import SmsNetwork
from hardware.sim.uplink import MemoryGateway
from transports.mailbag import FOLDER, name_of

PAUSE_S = 0.05
FILES_MOST = 500


class Writable(Protocol):
    """Where bytes for the station go in."""

    def write(self, data: bytes) -> None:
        """Bytes to whoever has the port open."""


@dataclass(slots=True)
class Line:
    """A line under junk. ``silent``: the station has no business to say anything on it."""

    name: str
    make: Callable[[], bytes]
    silent: bool = False
    port: Writable | None = None
    thrown_bytes: int = 0
    answered_bytes: int = 0

    def heard(self, data: bytes) -> None:
        """The station wrote."""
        self.answered_bytes += len(data)

    def throw(self) -> None:
        """One piece of junk; what the station does not read in time is lost, as on a wire."""
        if self.port is not None:
            piece = self.make()
            self.thrown_bytes += len(piece)
            self.port.write(piece)


@dataclass(slots=True)
class Satellite:
    """What the stations' modems did that costs money."""

    gateway: MemoryGateway
    cloud: MemoryGateway
    network: SmsNetwork

    @property
    def billed(self) -> dict[str, int]:
        """What cost money so far, by its name."""
        return {
            "9602 messages": len(self.gateway.received),
            "9602 mailbox checks": self.gateway.checks,
            "9704 messages": len(self.cloud.received),
            "short messages": self.network.taken,
        }


@asynccontextmanager
async def lines_of(folder: Path, thrower: Thrower) -> AsyncIterator[tuple[list[Line], Satellite]]:
    """All lines of both stations, with played modems on those that need one."""
    bare = [
        Line("center-line", thrower.stream, silent=True),
        Line("center-radio", lambda: thrower.kiss(CENTER_CALL)),
        Line("kit-line", thrower.stream),
        Line("kit-radio", lambda: thrower.kiss(KIT_CALL)),
        Line("kit-gps", thrower.nmea, silent=True),
    ]
    played = Satellite(MemoryGateway(), MemoryGateway(), SmsNetwork())
    async with AsyncExitStack() as stack:
        for line in bare:
            port = PtyPort(line.heard)
            stack.callback(port.close)
            (folder / line.name).symlink_to(port.name)
            line.port = port
        m9602 = PlayedModem(folder / "kit-9602", played.gateway, Nature(session_s=2.0, seed=1))
        m9704 = PlayedModem9704(folder / "kit-9704", played.cloud, Nature9704())
        plugs = {n: PtyPlug(folder / n) for n in ("kit-phone", "center-phone")}
        phones = [
            PlayedGsm(plug, played.network, GsmNature(number))
            for plug, number in zip(plugs.values(), (KIT_NUMBER, CENTER_NUMBER), strict=True)
        ]
        await stack.enter_async_context(m9602)
        await stack.enter_async_context(m9704)
        for phone in phones:
            await stack.enter_async_context(phone)
        modems = [
            Line("kit-9602", thrower.at, port=_Said(m9602.say)),
            Line("kit-9704", thrower.jspr, port=_Said(m9704.say)),
            *(Line(name, thrower.at, port=plug) for name, plug in plugs.items()),
        ]
        yield [*bare, *modems], played


class _Said:
    """A modem says what nobody asked for."""

    def __init__(self, say: Callable[[bytes], None]) -> None:
        self._say = say

    def write(self, data: bytes) -> None:
        """See :class:`Writable`."""
        self._say(data)


async def babble(line: Line, pause_s: float = PAUSE_S) -> None:
    """Throw until cancelled."""
    while True:
        line.throw()
        await asyncio.sleep(pause_s)


async def litter(folders: list[Path], thrower: Thrower) -> None:
    """Files of every kind in the folders that carry frames, until cancelled."""
    rng, count = thrower.rng, 0
    while True:
        place = rng.choice(folders) / FOLDER
        data = thrower.frame() if rng.random() < 0.7 else thrower.noise()
        true_name = name_of(scramble(rng, data, [data]) if rng.random() < 0.3 else data)
        name = rng.choice((true_name, true_name, f"{rng.getrandbits(64):x}.frame", "x" * 200))
        if count < FILES_MOST:
            path = place / name
            if not path.exists():
                count += 1
                if rng.random() < 0.05:
                    path.symlink_to("/dev/zero")
                else:
                    path.write_bytes(data)
        await asyncio.sleep(PAUSE_S)
