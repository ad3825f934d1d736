"""Who this station is to its neighbours: its papers from the home folder, and whom it refuses."""

from __future__ import annotations

import os
from pathlib import Path

from crisiskit.crypto.introduction import Introduction, Papers, network_mark
from crisiskit.crypto.keys import Entropy
from crisiskit.enrolment import own_public, own_signature, read_network
from crisiskit.installation import KIT, Places, looking, open_installation


class StationIntroducer:
    """See :class:`transports.introduction.Introducer`. ``refused`` are revoked kit numbers."""

    def __init__(self, papers: Papers, entropy: Entropy) -> None:
        self.refused: frozenset[int] = frozenset()
        self._papers = papers
        self._entropy = entropy

    def mark(self, instance: str) -> str:
        """What members of this network know each other's services by."""
        return network_mark(self._papers.network_id, instance)

    def introduction(self, calls: bool, life: bytes) -> Introduction:
        """A new introduction; ``calls``: ours is the side that called."""
        return Introduction(self._papers, calls, life, self._entropy, self._refuses)

    def welcome(self, peer: str) -> bool:
        """Whether a proven peer was not revoked since."""
        return not (peer.isdecimal() and self._refuses(int(peer)))

    def _refuses(self, number: int) -> bool:
        return number in self.refused


def own_introducer(home: Path) -> StationIntroducer | None:
    """The introducer of this installation, None for a kit that has no certificate yet."""
    station = open_installation(home)
    with looking(home) as views:
        certificate = views.fact("certificate")
    if station.role == KIT and not certificate:
        return None
    network = read_network(Places.of(home))
    papers = Papers(
        network.network_id,
        network.authority_public,
        own_public(home),
        certificate,
        own_signature(home),
    )
    return StationIntroducer(papers, os.urandom)
