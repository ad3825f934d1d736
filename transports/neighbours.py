"""Link kind ``neighbours``: stations of one network that are on the same local network.

Every station listens and calls; of two that reach one another one line stays. Whoever is not
proven by the :class:`transports.introduction.Introducer` gets no answer. The ``peer`` word is
``center`` or the number of a kit; ``Receiver.peer_found`` tells who came.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import msgspec

from transports.common import (
    Caller,
    Connections,
    FrameBytes,
    NotNegative,
    PortOrAny,
    Positive,
    check_size,
    listening,
)
from transports.introduction import LIFE_BYTES, Introducer
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.neighbours_line import READ_BYTES, Line, LineEndedError
from transports.neighbours_mdns import announced, local_addresses, require_zeroconf

log = logging.getLogger(__name__)

ANY_ADDRESS = "0.0.0.0"
CONNECT_S_MAX = 10.0
PAUSE_S_MIN = 0.5
PAUSE_S_MAX = 30.0
DOUBLINGS_MAX = 6
RETURN_S = 1.0  # who comes and goes without end is told of no oftener
YIELD_S = 5.0  # the one with the greater life lets the other call first
SEARCH_S = 8.0
ADDRESSES_S = 5.0
STRANGERS_MAX = 32
STRANGERS_EACH_MAX = 4
TARGETS_MAX = 64
BITS_PER_BYTE = 8

Place = Annotated[str, msgspec.Meta(pattern=r"^[^\s]{1,255}:[0-9]{1,5}$")]


class NeighboursSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to listen and whom to call. Sizes in bytes, rates in bits a second.

    ``search``: announce this station and look for others by multicast DNS. ``peers`` are called
    besides, each ``host:port``: for networks without multicast. Port 0 takes a free one.
    """

    bind: str = ANY_ADDRESS
    port: PortOrAny = 0
    search: bool = True
    peers: Annotated[tuple[Place, ...], msgspec.Meta(max_length=16)] = ()
    connections_max: Connections = 32
    mtu: FrameBytes = 4096
    rate_bit_s: Positive = 1_000_000
    latency_s: NotNegative = 0.05
    receipt_delay_s: NotNegative = 0.05
    repeat_s: Positive = 4.0


class Neighbours:
    """Link kind ``neighbours``."""

    kind = "neighbours"
    Settings = NeighboursSettings

    def traits(self, settings: NeighboursSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return Traits(
            mtu_bytes=settings.mtu,
            latency_s=settings.latency_s,
            rate_bytes_s=settings.rate_bit_s / BITS_PER_BYTE,
            price_byte_micros=price.get("byte_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            listens=True,
            proves=True,
        )

    def open(self, settings: NeighboursSettings, traits: Traits) -> NeighboursLink:
        """See :class:`transports.link.LinkKind`."""
        return NeighboursLink(settings, traits)


@dataclass(slots=True)
class _Target:
    """Where somebody may be. ``life``: the run that is, or was last, reached there.

    ``named``: by the settings, so never forgotten. ``failures`` in a row.
    """

    host: str
    port: int
    life: bytes = b""
    named: bool = False
    failures: int = 0


class NeighboursLink:
    """See the module. Up while at least one neighbour is there."""

    def __init__(
        self,
        settings: NeighboursSettings,
        traits: Traits,
        chance: random.Random | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.traits = traits
        self.introducer: Introducer | None = None
        self.port = settings.port
        self._settings = settings
        self._chance = chance or random.Random()
        self._entropy = entropy
        self._life = b""
        self._lines: dict[str, Line] = {}
        self._told: set[str] = set()
        self._strangers: Counter[str] = Counter()
        self._targets: dict[tuple[str, int], _Target] = {}
        self._found_s: dict[str, float] = {}
        self._parted = asyncio.Event()

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`."""
        if self.introducer is None:
            raise LinkError(Trouble.UNUSABLE, "this station has no certificate", 300.0)
        if self._settings.search:
            require_zeroconf()
        self._life = self._entropy(LIFE_BYTES)
        receiver.state(LinkState(Phase.OPENING))
        try:
            async with (
                listening(self._settings.bind, self.port, STRANGERS_MAX, READ_BYTES) as (
                    self.port,
                    callers,
                ),
                asyncio.TaskGroup() as tasks,
            ):
                work = _Work(tasks, receiver, self.introducer)
                for place in self._settings.peers:
                    host, _, port = place.rpartition(":")
                    self._call_there(work, host.strip("[]"), int(port), b"", named=True)
                if self._settings.search:
                    tasks.create_task(self._search(work))
                tasks.create_task(self._say_when_alone(receiver))
                while True:
                    self._called(work, await callers.get())
        finally:
            self._lines.clear()
            self._told.clear()
            self._strangers.clear()
            self._targets.clear()
            self._found_s.clear()
            receiver.state(LinkState(Phase.DOWN))

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`. Without a word: to the only neighbour there is."""
        check_size(frame, self.traits)
        if not peer and len(self._told) == 1:
            (peer,) = self._told
        if peer not in self._told:
            raise LinkError(Trouble.NO_SERVICE, "this neighbour is not here")
        await self._lines[peer].send(frame)

    async def poll(self) -> None:
        """Nothing to ask: frames come by themselves."""

    # -- finding ---------------------------------------------------------------------------

    async def _search(self, work: _Work) -> None:
        """Announce and look on every network this machine is on, also those that come later."""
        instance = self._life.hex()

        def found(other: str, address: str, port: int) -> None:
            life = bytes.fromhex(other) if len(other) == 2 * LIFE_BYTES and _is_hex(other) else b""
            self._call_there(work, address, port, life)

        while True:
            addresses = self._addresses()
            if addresses:
                try:
                    async with announced(addresses, self.port, instance, work.introducer, found):
                        while self._addresses() == addresses:
                            await asyncio.sleep(ADDRESSES_S)
                except* OSError as errors:
                    log.info("neighbours cannot search: %s", errors.exceptions[0])
            await asyncio.sleep(ADDRESSES_S)

    def _addresses(self) -> list[str]:
        bind = self._settings.bind
        return local_addresses() if bind in (ANY_ADDRESS, "") else [bind]

    async def _say_when_alone(self, receiver: Receiver) -> None:
        await asyncio.sleep(SEARCH_S)
        if not self._told:
            receiver.state(LinkState(Phase.DOWN, None, Trouble.NO_SERVICE, "nobody is here"))

    # -- calling and being called ----------------------------------------------------------

    def _call_there(
        self, work: _Work, host: str, port: int, life: bytes, named: bool = False
    ) -> None:
        known = self._targets.get((host, port))
        if known is not None:
            known.life = life or known.life
        elif life != self._life and self._has_room():
            target = self._targets[host, port] = _Target(host, port, life, named)
            work.tasks.create_task(self._call(work, target))

    def _has_room(self) -> bool:
        """Room for one more target: where nobody answered longest is forgotten for it."""
        if len(self._targets) < TARGETS_MAX:
            return True
        found = [target for target in self._targets.values() if not target.named]
        worst = max(found, key=lambda target: target.failures, default=None)
        if worst is None or not worst.failures:
            return False
        del self._targets[worst.host, worst.port]
        return True

    async def _call(self, work: _Work, target: _Target) -> None:
        """Call and call again while that neighbour is not here; nobody calls himself."""
        if target.life and target.life < self._life:
            await asyncio.sleep(YIELD_S)
        place = target.host, target.port
        while target.life != self._life and self._targets.get(place) is target:
            while self._is_here(target):
                await self._parted.wait()
            useful = await self._call_once(work, target)
            target.failures = 0 if useful else target.failures + 1
            pause_s = min(PAUSE_S_MIN * 2 ** min(target.failures, DOUBLINGS_MAX), PAUSE_S_MAX)
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.0))
        if self._targets.get(place) is target:
            del self._targets[place]

    def _is_here(self, target: _Target) -> bool:
        return any(line.life == target.life for line in self._lines.values())

    async def _call_once(self, work: _Work, target: _Target) -> bool:
        """Whether a neighbour was found there."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                reader, writer = await asyncio.open_connection(
                    target.host, target.port, limit=READ_BYTES
                )
        except (OSError, TimeoutError) as error:
            log.debug("neighbours no answer port=%d %s", target.port, error)
            return False
        line = self._line(work, (reader, writer), calls=True)
        useful = await self._serve(work, line)
        target.life = line.life or target.life
        return useful

    def _called(self, work: _Work, caller: Caller) -> None:
        """A stranger until proven; so many at once, and so many from one address."""
        address = str((caller[1].get_extra_info("peername") or ("",))[0])
        many = self._strangers.total() >= STRANGERS_MAX
        if many or self._strangers[address] >= STRANGERS_EACH_MAX:
            caller[1].transport.abort()
            return
        line = self._line(work, caller, calls=False)
        work.tasks.create_task(self._serve(work, line, address))

    def _line(self, work: _Work, caller: Caller, calls: bool) -> Line:
        introduction = work.introducer.introduction(calls, self._life)
        return Line(*caller, introduction, calls, self.traits.mtu_bytes)

    async def _serve(self, work: _Work, line: Line, address: str = "") -> bool:
        """One line from its beginning to its end; whether it was a neighbour's."""
        try:
            async with self._as_stranger(address):
                await line.introduce()
                await self._not_too_often(line.peer)
                if not self._admit(line):
                    return True
                await line.agree()
            self._found(work.receiver, line)
            reason = await line.serve(work.receiver, work.introducer)
            log.info("neighbours parted peer=%s reason=%s", line.peer, reason)
            return True
        except LineEndedError as ended:
            log.debug("neighbours line ended: %s", ended)
            return bool(line.peer)
        finally:
            line.close()
            self._ended(work.receiver, line)

    @asynccontextmanager
    async def _as_stranger(self, address: str) -> AsyncIterator[None]:
        if not address:
            yield
            return
        self._strangers[address] += 1
        try:
            yield
        finally:
            self._strangers[address] -= 1
            self._strangers += Counter()  # forgets those at 0

    async def _not_too_often(self, peer: str) -> None:
        now = asyncio.get_running_loop().time()
        wait_s = self._found_s.get(peer, now - RETURN_S) + RETURN_S - now
        self._found_s[peer] = now + max(0.0, wait_s)
        await asyncio.sleep(max(0.0, wait_s))

    # -- who is here -----------------------------------------------------------------------

    def _admit(self, line: Line) -> bool:
        """Keep one line with each neighbour; both ends choose alike.

        The one called by the smaller life is preferred, of two such the newer one; a line with
        an earlier life of the neighbour is dead.
        """
        if line.life == self._life:
            return False
        before = self._lines.get(line.peer)
        if before is None:
            if len(self._lines) >= self._settings.connections_max:
                return False
        elif before.life == line.life and self._preferred(before) and not self._preferred(line):
            return False
        else:
            before.end("another line took its place")
        self._lines[line.peer] = line
        return True

    def _preferred(self, line: Line) -> bool:
        return line.calls == (self._life < line.life)

    def _found(self, receiver: Receiver, line: Line) -> None:
        if self._lines.get(line.peer) is not line:
            raise LineEndedError("another line took its place")
        log.info("neighbours found peer=%s", line.peer)
        self._told.add(line.peer)
        receiver.state(LinkState(Phase.READY))
        receiver.peer_found(line.peer, line.name)

    def _ended(self, receiver: Receiver, line: Line) -> None:
        if self._lines.get(line.peer) is not line:
            return
        del self._lines[line.peer]
        if line.peer in self._told:
            self._told.discard(line.peer)
            receiver.peer_lost(line.peer)
            if not self._told:
                alone = LinkState(Phase.DOWN, None, Trouble.NO_SERVICE, "nobody is here")
                receiver.state(alone)
        self._parted.set()
        self._parted = asyncio.Event()


@dataclass(frozen=True, slots=True)
class _Work:
    """What one run of the link works with."""

    tasks: asyncio.TaskGroup
    receiver: Receiver
    introducer: Introducer


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text)
