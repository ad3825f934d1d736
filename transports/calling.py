"""What links that call out over IP share: settings, what a way costs, and calling again.

A call is made when there is a route, at once when one appears, and never into the void. Which
interface leads there decides what the link costs: the same address may be free over Wi-Fi and
dear over a telephone.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from hardware.network import Medium, interface_of, medium, source_address, watching
from transports.common import FrameBytes, NotNegative, Positive
from transports.link import LinkState, Phase, Receiver, Traits, Trouble

log = logging.getLogger(__name__)

PAUSE_S_MIN = 0.5
PAUSE_S_MAX = 30.0
SETTLE_S = 0.5  # addresses and routes of a new network come one after the other
PATTERNS_MAX = 16
SLOW_LATENCY_S = 1.0
SLOW_MTU_BYTES = 512
BITS_PER_BYTE = 8

Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Patterns = Annotated[tuple[Pattern, ...], msgspec.Meta(max_length=PATTERNS_MAX)]


class IpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sizes in bytes, rates in bits a second, times in seconds."""

    mtu: FrameBytes = 4096
    rate_bit_s: Positive = 1_000_000
    latency_s: NotNegative = 0.05
    receipt_delay_s: NotNegative = 0.05
    repeat_s: Positive = 4.0


class CallSettings(IpSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which interfaces may be used, and how: lists of names like ``"wlan*"``.

    ``never_on`` wins, then ``free_on``, ``slow_on``, ``metered_on``. Any other interface is
    metered where the link has a price or the interface is a telephone's, else free. A slow one
    is metered too.
    """

    free_on: Patterns = ()
    metered_on: Patterns = ()
    slow_on: Patterns = ()
    never_on: Patterns = ()
    slow_bit_s: Positive = 9600


class WayClass(StrEnum):
    """What a way costs."""

    FREE = "free"
    METERED = "metered"
    SLOW = "slow"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Way:
    """How the far end would be reached now: address of ours, its interface, what it costs."""

    address: str
    interface: str
    cost: WayClass


def ip_traits(settings: IpSettings, price: Mapping[str, int], listens: bool) -> Traits:
    """What settings and price say of a link over IP."""
    return Traits(
        mtu_bytes=settings.mtu,
        latency_s=settings.latency_s,
        rate_bytes_s=settings.rate_bit_s / BITS_PER_BYTE,
        price_byte_micros=price.get("byte_micros", 0),
        repeat_s=settings.repeat_s,
        receipt_delay_s=settings.receipt_delay_s,
        listens=listens,
    )


def classify(settings: CallSettings, interface: str, made_of: Medium, priced: bool) -> WayClass:
    """What an interface costs; see :class:`CallSettings`."""
    for cost, patterns in (
        (WayClass.NEVER, settings.never_on),
        (WayClass.FREE, settings.free_on),
        (WayClass.SLOW, settings.slow_on),
        (WayClass.METERED, settings.metered_on),
    ):
        if any(fnmatchcase(interface, pattern) for pattern in patterns):
            return cost
    dear = priced or made_of is Medium.CELLULAR
    return WayClass.METERED if dear else WayClass.FREE


def shaped(traits: Traits, settings: CallSettings, cost: WayClass) -> Traits:
    """The traits of the link over a way of this cost. A metered byte is never free."""
    if cost is WayClass.FREE:
        return replace(traits, price_byte_micros=0, price_credit_micros=0, credit_bytes=0)
    priced = traits if traits.metered else replace(traits, price_byte_micros=1)
    if cost is WayClass.METERED:
        return priced
    return replace(
        priced,
        rate_bytes_s=min(traits.rate_bytes_s, settings.slow_bit_s / BITS_PER_BYTE),
        latency_s=max(traits.latency_s, SLOW_LATENCY_S),
        mtu_bytes=min(traits.mtu_bytes, SLOW_MTU_BYTES),
        repeat_s=max(traits.repeat_s, 4 * SLOW_LATENCY_S),
    )


class Caller:
    """Calls as long as it runs. ``call`` serves one connection to its end.

    ``call`` gets the traits of the way and returns why it ended and whether it was of use.
    It is cancelled when another way has become the right one, or this one is gone.
    """

    def __init__(
        self,
        host: str,
        port: int,
        settings: CallSettings,
        traits: Traits,
        chance: random.Random,
    ) -> None:
        self._place = host, port
        self._settings = settings
        self._traits = traits
        self._chance = chance

    def way(self) -> Way | None:
        """The way there is now; None without one."""
        address = source_address(*self._place)
        if address is None:
            return None
        interface = interface_of(address) or ""
        cost = classify(self._settings, interface, medium(interface), self._traits.metered)
        return Way(address, interface, cost)

    async def run(
        self, receiver: Receiver, call: Callable[[Traits], Awaitable[tuple[str, Trouble, bool]]]
    ) -> None:
        """Call again and again, after growing pauses; a change of the network ends a pause."""
        pause_s = PAUSE_S_MIN
        try:
            async with watching() as changed:
                while True:
                    changed.clear()
                    way = self.way()
                    if way is None or way.cost is WayClass.NEVER:
                        why = "no route" if way is None else f"not by {way.interface}"
                        receiver.state(LinkState(Phase.DOWN, None, Trouble.NO_SERVICE, why))
                        await changed.wait()
                        pause_s = PAUSE_S_MIN
                        continue
                    ended = await self._call(call, way, changed)
                    if ended is None or ended[2]:
                        pause_s = PAUSE_S_MIN
                    if ended is None:
                        log.info("call ended: another way")
                        continue
                    reason, trouble, _useful = ended
                    log.info("call ended port=%d reason=%s", self._place[1], reason)
                    receiver.state(LinkState(Phase.DOWN, None, trouble, reason))
                    if await self._pause(changed, pause_s):
                        pause_s = PAUSE_S_MIN
                    else:
                        pause_s = min(2 * pause_s, PAUSE_S_MAX)
        finally:
            receiver.state(LinkState(Phase.DOWN))

    async def _call(
        self,
        call: Callable[[Traits], Awaitable[tuple[str, Trouble, bool]]],
        way: Way,
        changed: asyncio.Event,
    ) -> tuple[str, Trouble, bool] | None:
        """One call by this way; None when the way changed under it."""
        traits = shaped(self._traits, self._settings, way.cost)
        calling = asyncio.ensure_future(call(traits))
        changes = asyncio.create_task(self._other_way(way, changed))
        try:
            await asyncio.wait({calling, changes}, return_when=asyncio.FIRST_COMPLETED)
            return calling.result() if calling.done() else None
        finally:
            for task in (calling, changes):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _other_way(self, way: Way, changed: asyncio.Event) -> None:
        """Return when this way is no longer the one."""
        while True:
            await changed.wait()
            await asyncio.sleep(SETTLE_S)
            changed.clear()
            if self.way() != way:
                return

    async def _pause(self, changed: asyncio.Event, pause_s: float) -> bool:
        """Wait, spread so that all kits of a center that restarts do not call at once.

        True when a change of the network ended the pause.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s * self._chance.uniform(0.5, 1.0)):
                await changed.wait()
            await asyncio.sleep(SETTLE_S)
            return True
        return False
