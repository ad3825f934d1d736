"""A center and a kit of it, enrolled through the same functions as the commands."""

from __future__ import annotations

import socket
from pathlib import Path

from crisiskit import enrolment
from crisiskit.installation import Places


def enrolled(folder: Path) -> tuple[Path, Path]:
    """The homes of a new center and a new kit in ``folder``; neither has a link."""
    center, kit = folder / "center", folder / "kit"
    enrolment.create_center(center, "bench", exercise=False)
    enrolment.create_kit(kit, "kit", Places.of(center).network.read_bytes())
    reply, _, _ = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    return center, kit


def add_link(home: Path, table: str) -> None:
    """Put a ``[[link]]`` table at the end of the settings."""
    with Places.of(home).settings.open("a", encoding="utf-8") as file:
        file.write(table)


def free_port() -> int:
    """A TCP port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
