"""Finds kinds of link by name. Imports none of them until it is asked for.

Kinds are entry points of group ``crisiskit.links``, ours and those of others alike. The
table below makes a source tree work where nothing was installed.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from transports.link import LinkKind

GROUP = "crisiskit.links"

BUILT_IN = {
    "cloudloop": "transports.cloudloop:Cloudloop",
    "imt": "transports.imt:Imt",
    "sbd": "transports.sbd:Sbd",
    "tcp": "transports.tcp:Tcp",
    "tcp-listen": "transports.tcp:TcpListen",
    "webhook": "transports.webhook:Webhook",
    "serial": "transports.serial:SerialLine",
    "wss": "transports.websocket:Wss",
    "wss-listen": "transports.websocket:WssListen",
    "directip": "transports.directip:DirectIp",
    "folder": "transports.folder:Folder",
    "neighbours": "transports.neighbours:Neighbours",
    "ax25": "transports.ax25:Ax25",
    "sms": "transports.sms:Sms",
}


class UnknownKind(KeyError):  # noqa: N818 - an answer to a question, told to people as such
    """No such kind of link. ``known`` are the names there are."""

    def __init__(self, kind: str, known: list[str]) -> None:
        super().__init__(kind)
        self.kind = kind
        self.known = known

    def __str__(self) -> str:
        return f"unknown kind of link {self.kind!r}; known: {', '.join(self.known)}"


def names() -> list[str]:
    """The names of all kinds, sorted. Imports none."""
    return sorted(BUILT_IN.keys() | entry_points(group=GROUP).names)


def find(kind: str) -> LinkKind:
    """The kind of this name. UnknownKind where there is none; what its import raises."""
    target = BUILT_IN.get(kind)
    if target is None:
        found = entry_points(group=GROUP, name=kind)
        if not found:
            raise UnknownKind(kind, names())
        target = next(iter(found)).value
    return _load(EntryPoint(kind, target, GROUP))


def _load(entry: EntryPoint) -> LinkKind:
    loaded: Any = entry.load()
    kind: LinkKind = loaded() if isinstance(loaded, type) else loaded
    return kind
