"""A network of test stations that can introduce themselves to one another."""

from __future__ import annotations

import hashlib
import os
from functools import cache

from crisiskit.crypto.enrol import Request, make_reply
from crisiskit.crypto.identity import CenterIdentity, KitIdentity
from crisiskit.crypto.introduction import Papers
from crisiskit.introducing import StationIntroducer

# Tests that run at once elsewhere on this machine are other networks.
_OWN = os.urandom(16)


@cache
def network(seed: int = 1) -> CenterIdentity:
    return CenterIdentity(hashlib.shake_256(_OWN + b"center %d" % seed).digest(128))


def papers(number: int, name: str = "", seed: int = 1) -> Papers:
    """Those of a kit, or with number 0 those of the center."""
    center = network(seed)
    if number == 0:
        return Papers(
            center.network_id, center.authority_public, center.authority_public, b"", center.sign
        )
    kit = KitIdentity(hashlib.sha256(_OWN + b"kit %d %d" % (seed, number)).digest())
    asked = Request(name or f"Kit {number}", kit.public, bytes(32), bytes(32))
    reply = make_reply(center, number, asked)
    return Papers(center.network_id, center.authority_public, kit.public, reply, kit.sign)


def introducer(number: int, name: str = "", seed: int = 1) -> StationIntroducer:
    return StationIntroducer(papers(number, name, seed), os.urandom)
