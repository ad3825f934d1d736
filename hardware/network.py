"""The machine's networks: which interface leads to an address, and when that changes.

Nothing here sends a packet. On Linux the kernel tells of changes and of addresses (rtnetlink(7));
elsewhere both are asked for every few seconds, as far as the system tells.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

POLL_S = 5.0
INTERFACES = Path("/sys/class/net")
READ_BYTES = 65_536
DUMP_BYTES_MAX = 1 << 20
ANSWER_S = 2.0

# rtnetlink(7), netlink(7)
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # link, and addresses and routes of IPv4 and IPv6
_GETADDR, _NEWADDR = 22, 20
_DONE, _ERROR = 3, 2
_REQUEST_DUMP = 0x1 | 0x300
_HEAD = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_CELLULAR = ("wwan", "ppp", "rmnet", "wwp")


class Medium(StrEnum):
    """What an interface is made of, as far as the system tells."""

    LOOPBACK = "loopback"
    WIFI = "wifi"
    CELLULAR = "cellular"
    WIRED = "wired"
    OTHER = "other"


def source_address(host: str, port: int) -> str | None:
    """The address of ours from which ``host`` would be reached now; None without a route.

    ``host`` is an IP address, or a name: then any route out of this machine will do, since
    asking for the address of a name would send packets.
    """
    try:
        places = [str(ip_address(host))]
    except ValueError:
        places = ["127.0.0.1"] if host == "localhost" else ["192.0.2.1", "2001:db8::1"]
    for place in places:
        family = socket.AF_INET6 if ":" in place else socket.AF_INET
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((place, port))
            return str(probe.getsockname()[0])
    return None


def interface_of(address: str) -> str | None:
    """The name of the interface that has this address of ours; None where nobody can tell."""
    with suppress(OSError, ValueError):
        wanted = ip_address(address.partition("%")[0]).packed
        for index, found in _addresses():
            if found == wanted:
                return socket.if_indextoname(index)
    return None


def medium(interface: str) -> Medium:
    """What an interface is made of."""
    place = INTERFACES / interface
    if interface.startswith("lo"):
        return Medium.LOOPBACK
    if interface.startswith(_CELLULAR):
        return Medium.CELLULAR
    if (place / "wireless").exists() or (place / "phy80211").exists():
        return Medium.WIFI
    if "DEVTYPE=wwan" in _uevent(place):
        return Medium.CELLULAR
    return Medium.WIRED if (place / "device").exists() else Medium.OTHER


@asynccontextmanager
async def watching(poll_s: float = POLL_S) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever interfaces, addresses or routes may have changed.

    The user clears it. Where the kernel does not tell, it is set every ``poll_s`` seconds.
    """
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    kernel = _subscribed()
    if kernel is None:
        ticking = asyncio.create_task(_tick(changed, poll_s))
        try:
            yield changed
        finally:
            ticking.cancel()
        return

    def read() -> None:
        with suppress(OSError):  # ENOBUFS: so much changed that it was not all told
            while kernel.recv(READ_BYTES):
                pass
        changed.set()

    loop.add_reader(kernel, read)
    try:
        yield changed
    finally:
        loop.remove_reader(kernel)
        kernel.close()


async def _tick(changed: asyncio.Event, poll_s: float) -> None:
    while True:
        await asyncio.sleep(poll_s)
        changed.set()


def _subscribed() -> socket.socket | None:
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        kernel.setblocking(False)
        kernel.bind((0, _GROUPS))
    except OSError:
        return None
    return kernel


def _uevent(place: Path) -> str:
    try:
        return (place / "uevent").read_text("ascii", "replace")
    except OSError:
        return ""


def _addresses() -> Iterator[tuple[int, bytes]]:
    """Index of the interface and packed address of each address of this machine."""
    if not hasattr(socket, "AF_NETLINK"):
        return
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(ANSWER_S)
        body = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        size = _HEAD.size + len(body)
        kernel.sendto(_HEAD.pack(size, _GETADDR, _REQUEST_DUMP, 1, os.getpid()) + body, (0, 0))
        taken = 0
        while taken < DUMP_BYTES_MAX:
            data = kernel.recv(READ_BYTES)
            taken += len(data)
            for kind, body in _messages(data):
                if kind in (_DONE, _ERROR):
                    return
                if kind == _NEWADDR and len(body) >= _ADDRESS.size:
                    yield from _address(body)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _HEAD.size:
        size, kind, _flags, _sequence, _process = _HEAD.unpack_from(data)
        if not _HEAD.size <= size <= len(data):
            return
        yield kind, data[_HEAD.size : size]
        data = data[_aligned(size) :]


def _address(body: bytes) -> Iterator[tuple[int, bytes]]:
    """IFA_LOCAL is ours where both are there: IFA_ADDRESS is then the other end of the line."""
    index: int = _ADDRESS.unpack_from(body)[4]
    found: dict[int, bytes] = {}
    rest = body[_ADDRESS.size :]
    while len(rest) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(rest)
        if not _ATTRIBUTE.size <= size <= len(rest):
            break
        found[kind] = rest[_ATTRIBUTE.size : size]
        rest = rest[_aligned(size) :]
    ours = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS))
    if ours is not None:
        yield index, ours


def _aligned(size: int) -> int:
    return (size + 3) & ~3
