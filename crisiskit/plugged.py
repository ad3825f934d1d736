"""The serial devices of this machine as people see them: which link uses them, who else may.

Looking opens no port. The agent's links follow their devices by themselves; this is for those
who watch.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crisiskit.errors import CrisiskitError
from crisiskit.settings import Settings, load
from hardware.asking import ask, listen
from hardware.candidates import Candidate, judge
from hardware.devices import DEV, Device, Watch, devices, named, users
from hardware.port import PortError

GPS_TABLE = "[gps]"
PORT_CODES = {"missing": "device_missing", "busy": "device_busy", "denied": "device_denied"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A device with what it may be. ``link`` is the link that has it, empty for none.

    ``users`` are other programs that have it open, ``heard`` counts the bytes it said,
    ``trouble`` is why it could not be opened.
    """

    device: Device
    candidates: list[Candidate]
    link: str = ""
    users: tuple[str, ...] = ()
    heard: int = 0
    trouble: str = ""

    @property
    def free(self) -> bool:
        """Whether nobody is known to use it."""
        return not self.link and not self.users


def port_of(options: object) -> str:
    """The serial port of a link's settings, empty where it has none."""
    port = getattr(options, "port", None)
    return port if isinstance(port, str) and "://" not in port else ""


def ports(settings: Settings) -> dict[str, str]:
    """The serial port of each link that has one, and of the satellite receiver."""
    found = {link.name: port for link in settings.links if (port := port_of(link.options))}
    return found | ({GPS_TABLE: settings.gps.port} if settings.gps.port else {})


def unplugged(options: object) -> bool:
    """Whether a link has a device and that is not there."""
    port = port_of(options)
    return bool(port) and os.name != "nt" and not Path(port).exists()


def owners(used: Mapping[str, str]) -> dict[str, str]:
    """Which link has which node, by the path where it is now."""
    return {os.path.realpath(port): name for name, port in used.items()}


def look(settings: Settings | None, wanted: Iterable[str] = ()) -> list[Seen]:
    """What is plugged in, or only the ``wanted`` paths; each with its judgement."""
    found = devices()
    chosen = [named(path, found) for path in wanted] or found
    owned = owners(ports(settings)) if settings is not None else {}
    return [
        Seen(one, judge(one), owned.get(os.path.realpath(one.path), ""), tuple(users(one.path)))
        for one in chosen
    ]


async def identify(seen: Sequence[Seen], listen_s: float, asked: Iterable[str] = ()) -> list[Seen]:
    """The same, after listening for ``listen_s`` seconds on those that are free, 0 for not at all.

    Only to the paths in ``asked`` is anything written: those for which a person agreed.
    CrisiskitError where one of these is in use or cannot be opened.
    """
    consent = {os.path.realpath(path) for path in asked}
    return list(await asyncio.gather(*(_identified(one, listen_s, consent) for one in seen)))


async def _identified(seen: Seen, listen_s: float, consent: set[str]) -> Seen:
    path = seen.device.path
    may_write = os.path.realpath(path) in consent
    if may_write and not seen.free:
        raise CrisiskitError("device_busy", device=path)
    heard, answered = b"", None
    try:
        if listen_s and seen.free:
            heard = await listen(path, listen_s)
        if may_write:
            answered = await ask(path)
    except PortError as error:
        if may_write:
            raise CrisiskitError(PORT_CODES.get(error.code, "device_gone"), device=path) from error
        return replace(seen, trouble=error.code)
    return replace(seen, candidates=judge(seen.device, heard, answered), heard=len(heard))


class Newcomers:
    """Tells of devices that were plugged in since, and that no link of ``home`` uses."""

    def __init__(self, home: Path, dev: Path = DEV) -> None:
        self._home = home
        self._dev = dev
        self._watch = Watch(dev)
        self._told: dict[str, Device] = {}

    def look(self) -> list[Device]:
        """Those that came and are still there, the newest last. Costs next to nothing."""
        came, went = self._watch.look()
        for path in went:
            self._told.pop(path, None)
        if came:
            self._take_in(came)
        return list(self._told.values())

    def _take_in(self, came: set[str]) -> None:
        try:
            owned = owners(ports(load(self._home)))
        except CrisiskitError:
            owned = {}
        found = devices(self._dev)
        for path in sorted(came):
            if os.path.realpath(path) not in owned:
                self._told[path] = named(path, found, self._dev)
