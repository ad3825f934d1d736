"""Who is beside whom in a world: the simulated side of a link whose peers prove who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crisiskit.model import CENTER
from crisiskit.step import Transmit
from crisiskit.sync.events import PeerFound, PeerLost

if TYPE_CHECKING:
    from crisiskit.sim.world import Station, World

AGAIN_S = (1.0, 60.0)


class Neighbourhood:
    """The meetings of one world. Everybody whose link is up meets everybody else there."""

    def __init__(self, world: World) -> None:
        self._world = world

    def word(self, station: Station) -> str:
        """What neighbours call a station."""
        return CENTER if station.is_center else station.name.removeprefix("kit-")

    def member(self, word: str) -> Station:
        """The station of a word."""
        stations = self._world.stations
        return next(station for station in stations if self.word(station) == word)

    def joined(self, station: Station, link: str) -> None:
        """The link of a station came up: it meets the others, and they meet it."""
        for other in self._others(station, link):
            self.meet(station, other, link)

    def meet(self, one: Station, other: Station, link: str) -> None:
        """Two prove to each other who they are."""
        for here, there in ((one, other), (other, one)):
            if link in here.up and link in there.up:
                self._world.tell(here, PeerFound(link, self.word(there), there.name))

    def left(self, station: Station, link: str) -> None:
        """A station is not there any more."""
        for other in self._others(station, link):
            self._world.tell(other, PeerLost(link, self.word(station)))

    def parted(self, one: Station, other: Station, link: str) -> None:
        """The line between two breaks, with what was on it; later they meet again."""
        for here, there in ((one, other), (other, one)):
            if link in here.up:
                self._world.tell(here, PeerLost(link, self.word(there)))
        pause_s = self._world.rng.uniform(*AGAIN_S)
        self._world.at(self._world.now_s + pause_s, lambda: self.meet(one, other, link))

    def reached(self, transmit: Transmit) -> Station | None:
        """Who gets a frame, None if nobody is there."""
        station = self.member(transmit.peer)
        there = station.engine is not None and transmit.link in station.up
        return station if there else None

    def _others(self, station: Station, link: str) -> list[Station]:
        return [
            other
            for other in self._world.stations
            if other is not station and other.engine is not None and link in other.up
        ]
