"""Which serial devices there are, by names that stay, and who else may be using them.

Nothing here opens a port or writes to one. ``serial.tools.list_ports`` gives the USB facts, the
folders of names that udev makes give the names. What a device may be: :mod:`hardware.candidates`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

DEV = Path("/dev")
PROC = Path("/proc")
UDEV = Path("/run/udev/data")
# Best first: ours by serial number, by the device's own number, by the socket it is plugged into.
NAME_FOLDERS = ("crisiskit", "serial/by-id", "serial/by-path")
PORT_PREFIXES = ("ttyUSB", "ttyACM", "rfcomm", "cu.usb")
PSEUDO = "/dev/pts/"
TEXT_MAX = 80
DISTURBERS = ("ModemManager", "brltty", "gpsd")
SETTLED_NS = 1_000_000_000
_COMMAND_MAX = 15  # what the kernel keeps of a program's name
_IGNORED = ("E:ID_MM_PORT_IGNORE=1", "E:ID_MM_DEVICE_IGNORE=1")


@dataclass(frozen=True, slots=True)
class Device:
    """A serial port and what its USB descriptor says. ``vendor`` and ``product`` 0: not USB.

    ``path`` is where it is now, ``name`` the name for a settings file: it stays when the device
    is plugged in again or others come before it. Texts are the device's own claims.
    """

    path: str
    name: str
    vendor: int = 0
    product: int = 0
    serial: str = ""
    maker: str = ""
    model: str = ""

    @property
    def usb_id(self) -> str:
        """``0403:6015``, or empty."""
        return f"{self.vendor:04x}:{self.product:04x}" if self.vendor else ""


def devices(dev: Path = DEV) -> list[Device]:
    """All serial ports that somebody plugged in, in the order of their names."""
    from serial.tools import list_ports

    names = stable_names(dev)
    found = []
    for port in list_ports.comports():
        if os.name != "nt" and not port.vid and not Path(port.device).name.startswith("tty"):
            continue
        found.append(
            Device(
                port.device,
                names.get(os.path.realpath(port.device), port.device),
                port.vid or 0,
                port.pid or 0,
                _text(port.serial_number),
                _text(port.manufacturer),
                _text(port.product),
            )
        )
    return sorted(found, key=lambda one: one.path)


def named(path: str, found: list[Device], dev: Path = DEV) -> Device:
    """The device a person names by any of its names; a pseudo-terminal or URL as it is."""
    real = path if "://" in path else os.path.realpath(path)
    for one in found:
        if real in (one.path, os.path.realpath(one.path)):
            return one
    return Device(path, stable_names(dev).get(real, path))


def stable_names(dev: Path = DEV) -> dict[str, str]:
    """The best lasting name of each node: ``/dev/ttyUSB0`` to ``/dev/serial/by-id/...``."""
    names: dict[str, str] = {}
    for folder in NAME_FOLDERS:
        place = dev / folder
        for name in _listed(place):
            # port-... is a place, so the device's own number goes before it.
            if folder != "crisiskit" or not name.startswith("port-"):
                names.setdefault(os.path.realpath(place / name), str(place / name))
    return names


class Watch:
    """Tells which ports came and went, by the names in ``dev``.

    A look costs one ``stat`` while nothing changes. Where a folder's time says nothing, the
    names are read each time; on Windows the system's own list is.
    """

    def __init__(self, dev: Path = DEV) -> None:
        self._dev = dev
        self._stamp = 0
        self.ports: set[str] = set()
        self.ports = self._names()

    def look(self) -> tuple[set[str], set[str]]:
        """The paths that came and that went since the last look."""
        before, self.ports = self.ports, self._names()
        return self.ports - before, before - self.ports

    def _names(self) -> set[str]:
        if os.name == "nt":
            from serial.tools import list_ports

            return {port.device for port in list_ports.comports()}
        try:
            stamp = self._dev.stat().st_mtime_ns
        except OSError:
            return set()
        if stamp == self._stamp:
            return self.ports
        # What comes in the same tick of the clock would be missed for ever: no fresh time counts.
        self._stamp = stamp if time.time_ns() - stamp > SETTLED_NS else 0
        return {str(self._dev / n) for n in _listed(self._dev) if n.startswith(PORT_PREFIXES)}


def users(path: str, proc: Path = PROC) -> list[str]:
    """Programs that have the port open, as ``gpsd (812)``: those that we may look at.

    Of a pseudo-terminal nothing is said: its far end keeps it open, too.
    """
    real = os.path.realpath(path)
    if real.startswith(PSEUDO):
        return []
    found = []
    for pid in _listed(proc):
        if not pid.isdecimal() or int(pid) == os.getpid():
            continue
        folder = proc / pid / "fd"
        if any(_leads_to(folder / handle, real) for handle in _listed(folder)):
            found.append(f"{_command(proc / pid)} ({pid})")
    return found


def running(names: tuple[str, ...] = DISTURBERS, proc: Path = PROC) -> set[str]:
    """Which of these programs run; they open ports that nobody gave them."""
    wanted = {name[:_COMMAND_MAX]: name for name in names}
    commands = (_command(proc / pid) for pid in _listed(proc) if pid.isdecimal())
    return {wanted[command] for command in commands if command in wanted}


def left_alone(path: str, udev: Path = UDEV) -> bool:
    """Whether udev told ModemManager to leave this port alone."""
    try:
        number = Path(path).stat().st_rdev
        text = (udev / f"c{os.major(number)}:{os.minor(number)}").read_text(errors="replace")
    except (OSError, AttributeError):
        return False
    return any(line in _IGNORED for line in text.splitlines())


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir())
    except OSError:
        return []


def _leads_to(link: Path, real: str) -> bool:
    try:
        return str(link.readlink()) == real
    except OSError:
        return False


def _command(folder: Path) -> str:
    try:
        return _text((folder / "comm").read_text(errors="replace").strip())
    except OSError:
        return ""


def _text(claimed: str | None) -> str:
    """A device's own words: one line, bounded, nothing that a terminal would obey."""
    words = "".join(letter if letter.isprintable() else " " for letter in claimed or "")
    return " ".join(words.split())[:TEXT_MAX]
