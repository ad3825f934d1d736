"""What lies on the sticks of a world: frames, read by everybody who is given the stick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from crisiskit.step import Transmit
from crisiskit.sync.events import FrameReceived

if TYPE_CHECKING:
    from crisiskit.sim.world import Station, World

READ_S = 0.01


class Sticks:
    """All sticks of one world. A frame leaves a stick where it is known to be stored."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._frames: defaultdict[tuple[str, int], dict[bytes, str]] = defaultdict(dict)

    def inserted(self, station: Station, link: str) -> None:
        """A station reads all that others wrote."""
        frames = self._at(station, link)
        if frames is None:
            return
        for n, (frame, writer) in enumerate(list(frames.items()), 1):
            if writer != station.name:
                self._world.at(self._world.now_s + n * READ_S, self._read(station, link, frame))

    def written(self, station: Station, transmit: Transmit) -> None:
        """A station leaves a frame on the stick that it has."""
        frames = self._at(station, transmit.link)
        if frames is not None:
            frames.setdefault(transmit.frame, station.name)

    def _read(self, station: Station, link: str, frame: bytes) -> Callable[[], None]:
        def read() -> None:
            frames = self._at(station, link)
            if frames is None or frame not in frames or link not in station.up:
                return
            if self._world.tell(station, FrameReceived(link, "", frame)):
                frames.pop(frame, None)

        return read

    def _at(self, station: Station, link: str) -> dict[bytes, str] | None:
        visit = self._world.carriers[link].visit(station.name, self._world.now_s)
        return None if visit is None else self._frames[link, visit.stick]
