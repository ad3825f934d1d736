"""A center and its kits in one process: real engines, real stores, simulated time and links.

A heap of events runs everything, so the same seed gives the same history. Links lose, repeat
and delay frames, say "failed" of frames that did arrive, and go down; stations crash between
any two events and start again from their store.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from crisiskit.codec.batch import frames_of
from crisiskit.crypto.identity import KitIdentity, network_id
from crisiskit.crypto.keys import root_key
from crisiskit.crypto.vault import Vault
from crisiskit.model import CENTER, Attached, Direction, Precedence, RecordKind
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.neighbourhood import Neighbourhood
from crisiskit.sim.sticks import Sticks
from crisiskit.step import Change, EpochOpened, Now, Step, Transmit
from crisiskit.store.store import Draft, NewPairing, Store
from crisiskit.store.views import Views
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import (
    Decoded,
    Event,
    FrameFailed,
    FrameReceived,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    PeerLost,
    Tick,
)
from crisiskit.sync.patience import Patience
from crisiskit.sync.policy import Policy
from crisiskit.sync.relay import Offers, RelayPolicy

EPOCH_MS = 1_790_000_000_000
VAULT = Vault(bytes(32))


@dataclass(slots=True)
class Station:
    """One store, and the engine of its present process life. ``ahead_ms`` is its clock's error."""

    name: str
    store: Store
    is_center: bool
    identity: KitIdentity
    ahead_ms: int = 0
    floor: int = -1
    engine: Engine | None = None
    life: int = 0
    wake_s: float | None = None
    up: set[str] = field(default_factory=set)
    known: set[int] = field(default_factory=set)


class Observer(Protocol):
    """Somebody who watches a world and may stop it by raising."""

    def committed(self, station: Station, changes: Sequence[Change]) -> None:
        """A station has committed these changes."""

    def leaves(self, station: Station, transmit: Transmit) -> None:
        """A station gives a frame to a link."""


class World:
    """See the module. Give it a folder for its databases, carriers, and a seed.

    In a folder used before, the stations go on from what their databases hold.
    """

    def __init__(
        self,
        folder: Path,
        carriers: Sequence[Carrier],
        kits: int = 1,
        seed: int = 0,
        clear: bool = False,
        patience: Patience | None = None,
        dark: frozenset[str] = frozenset(),
        relay: RelayPolicy | None = None,
    ) -> None:
        """``patience``: with it the hours and budgets of carriers count, else nothing waits.

        ``dark``: the kits that have no link but those to neighbours.
        """
        self.rng = random.Random(seed)
        self._clear = clear
        self._patience = patience
        self._dark = dark
        self.relay = relay or RelayPolicy()
        self._neighbours = Neighbourhood(self)
        self._sticks = Sticks(self)
        self.now_s = 0.0
        self.carriers = {carrier.name: carrier for carrier in carriers}
        self.frames: list[tuple[float, str, str, bytes]] = []
        self.observer: Observer | None = None
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self.center = self._station(folder, CENTER, is_center=True)
        self.kits = [self._station(folder, f"kit-{n}", is_center=False) for n in range(1, kits + 1)]
        for number, kit in enumerate(self.kits, 1):
            if not kit.store.pairings():
                self._pair(kit, number)
        for station in self.stations:
            self.start(station)

    @property
    def stations(self) -> list[Station]:
        """The center and the kits."""
        return [self.center, *self.kits]

    def _station(self, folder: Path, name: str, is_center: bool) -> Station:
        identity = KitIdentity(_secret_of(name))
        path = folder / f"{name}.db"
        station = Station(name, Store(path, lambda: 0, VAULT), is_center, identity)
        station.store = Store(path, lambda: self._wall(station), VAULT)
        role = CENTER if is_center else "kit"
        authority = identity.public if is_center else self.center.identity.public
        station.store.set_meta(
            role=role.encode(),
            name=name.encode(),
            own_fp=identity.fingerprint,
            network_id=network_id(authority),
        )
        return station

    def _pair(self, kit: Station, number: int) -> None:
        secret = self.rng.randbytes(32)
        fp = kit.identity.fingerprint
        network = network_id(self.center.identity.public)
        up, down = (root_key(secret, network, fp, way).key for way in Direction)
        kit.store.set_meta(kit_number=str(number).encode())
        kit.store.add_pairing(
            NewPairing(
                number,
                CENTER,
                fp,
                kit.identity.public,
                self.center.identity.fingerprint,
                self.center.identity.public,
                up,
                down,
                keeps_root=False,
            )
        )
        self.center.store.add_pairing(
            NewPairing(
                number,
                kit.name,
                fp,
                kit.identity.public,
                fp,
                kit.identity.public,
                down,
                up,
                keeps_root=True,
            )
        )

    # -- time ------------------------------------------------------------------------------

    def _wall(self, station: Station) -> int:
        return EPOCH_MS + station.ahead_ms + int(self.now_s * 1000)

    @property
    def keeps_terms(self) -> bool:
        """Whether hours and budgets of the carriers count here."""
        return self._patience is not None

    def wall_ms(self, station: Station) -> int:
        """What the clock of a station says."""
        return self._wall(station)

    def _now(self, station: Station) -> Now:
        return Now(self.now_s, self._wall(station))

    def at(self, time_s: float, action: Callable[[], object]) -> None:
        """Do something at a time."""
        heapq.heappush(self._events, (max(time_s, self.now_s), next(self._order), action))

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, action = heapq.heappop(self._events)
            action()
        self.now_s = until_s

    def settle(self, most_s: float, step_s: float = 60.0) -> bool:
        """Let time pass until nothing awaits a receipt anywhere; False if that took too long."""
        end = self.now_s + most_s
        while self.now_s < end:
            self.run(self.now_s + step_s)
            if not any(self.waiting(station) for station in self.stations):
                return True
        return False

    # -- people ----------------------------------------------------------------------------

    def say(
        self,
        station: Station,
        text: str,
        precedence: Precedence = Precedence.ROUTINE,
        to: str = CENTER,
        expires_at: int | None = None,
        replace_key: str | None = None,
        clear: bool = False,
        files: tuple[Attached, ...] = (),
        kind: RecordKind = RecordKind.TEXT,
    ) -> str:
        """Somebody writes a message; its id."""
        plain = Draft(kind, precedence, text, to=to, clear=clear, files=files)
        draft = replace(plain, expires_at=expires_at, replace_key=replace_key)
        code = station.store.keep([draft])[0]
        self.look(station)
        return code

    def look(self, station: Station) -> None:
        """The agent sees what was kept or withdrawn."""
        kept = set(station.store.kept())
        new = station.store.queued(sorted(kept - station.known))
        gone = frozenset(station.known - kept)
        station.known = kept
        self.tell(station, OutboxChanged(new, gone))

    def texts(self, station: Station, box: str = "in") -> list[str]:
        """What is listed in a box."""
        views = Views(station.store.path, VAULT)
        try:
            return [message.text for message in views.search(box)]
        finally:
            views.close()

    def waiting(self, station: Station) -> int:
        """How many messages are not known to be held."""
        views = Views(station.store.path, VAULT)
        try:
            return views.waiting()
        finally:
            views.close()

    # -- stations --------------------------------------------------------------------------

    def start(
        self,
        station: Station,
        paths: Mapping[int, Mapping[str, str]] | None = None,
        offers: Offers | None = None,
    ) -> None:
        """A process life begins; `paths` and `offers` are kept by one that only starts again."""
        station.life += 1
        snapshot = station.store.snapshot()
        station.known = {item.delivery for item in snapshot.queue}
        station.engine = Engine(
            snapshot,
            self.rng.randbytes,
            station.identity.sign,
            station.store,
            self._clear,
            self._policy(station),
            self.relay,
        )
        station.engine.adopt(paths or {}, offers or {})
        station.up, station.wake_s = set(), None
        for name in self.carriers:
            self._link_up(station, name)

    def _policy(self, station: Station) -> Policy | None:
        """The terms of a station's links; its budgets are its own."""
        if self._patience is None:
            return None
        terms = {
            name: one.terms(station.is_center)
            for name, one in self.carriers.items()
            if one.belongs_to(station.name)
        }
        return Policy(terms, self._patience)

    def crash(self, station: Station, for_s: float = 1.0) -> None:
        """Power is cut: all that was not committed is gone."""
        station.engine = None
        station.life += 1
        self.at(self.now_s + for_s, lambda: self.start(station))
        for name, carrier in self.carriers.items():
            if carrier.up.proves and name in station.up:
                self._neighbours.left(station, name)
            elif station.is_center and not carrier.down.lasting_peers:
                for kit in self.kits:
                    self._disconnect(kit, name, for_s)

    def backup(self, station: Station) -> bytes:
        """What a backup of the station's store would hold now."""
        return station.store.path.read_bytes()

    def restore(
        self, station: Station, backup: bytes, for_s: float = 60.0, knows: bool = True
    ) -> None:
        """Power is cut, and the station comes back with an old store; only its floor is new.

        ``knows`` is false where the whole machine was set back, so that nothing tells it so.
        """
        self.crash(station, for_s)
        path = station.store.path
        station.store.close()
        path.write_bytes(backup)
        station.store = Store(path, lambda: self._wall(station), VAULT)
        if knows:
            station.store.resume_restored(station.floor, self.rng.randbytes)

    def _disconnect(self, kit: Station, name: str, for_s: float) -> None:
        """A connection ends with the process at its other end, and is made anew later."""
        life = kit.life
        if name in kit.up:
            kit.up.discard(name)
            self.tell(kit, LinkDown(name))
            self.at(
                self.now_s + for_s + 1.0,
                lambda: self._link_up(kit, name) if kit.life == life else None,
            )

    def tell(self, station: Station, event: Event) -> bool:
        """An event for a station that is running; commit, then send. True for a frame it took."""
        if station.engine is None:
            return False
        step = station.engine.handle(event, self._now(station))
        if step.changes:
            station.store.apply(step.changes)
            opened = [c.epoch for c in step.changes if isinstance(c, EpochOpened)]
            station.floor = max([station.floor, *opened])
            if self.observer is not None:
                self.observer.committed(station, step.changes)
        if step.restart:
            self.start(station, station.engine.paths(), station.engine.offers())
            return step.taken
        self._act(station, step)
        for job in step.decodings:
            self.tell(station, Decoded(job, job.coded.decode()))
        return step.taken

    def _act(self, station: Station, step: Step) -> None:
        for transmit in step.transmits:
            self._transmit(station, transmit)
        wake = step.wake_at_s
        if wake is not None and wake != station.wake_s:
            life = station.life
            self.at(wake, lambda: self._alarm(station, life))
        station.wake_s = wake

    def _alarm(self, station: Station, life: int) -> None:
        if station.life == life:
            station.wake_s = None
            self.tell(station, Tick())

    # -- links -----------------------------------------------------------------------------

    def _link_up(self, station: Station, name: str) -> None:
        carrier = self.carriers[name]
        if not self._has(station, carrier):
            return
        opens_s, closes_s = carrier.window(station.name, self.now_s)
        life = station.life
        if opens_s > self.now_s:
            self.at(opens_s, lambda: self._in_life(station, life, name))
            return
        if carrier.out(self.now_s):
            over = self.now_s - self.now_s % carrier.outage_every_s + carrier.outage_s
            self.at(over, lambda: self._in_life(station, life, name))
            return
        if station.engine is not None and name not in station.up:
            station.up.add(name)
            self.tell(station, LinkUp(name, carrier.down if station.is_center else carrier.up))
            if carrier.up.proves:
                self._neighbours.joined(station, name)
            if carrier.visits:
                self._sticks.inserted(station, name)
            self.at(closes_s, lambda: self._window_over(station, name, life))

    def _in_life(self, station: Station, life: int, name: str) -> None:
        if station.life == life:
            self._link_up(station, name)

    def _window_over(self, station: Station, name: str, life: int) -> None:
        """A link that comes and goes is gone; whoever listens at its other end sees that."""
        if station.life != life or name not in station.up:
            return
        station.up.discard(name)
        self.tell(station, LinkDown(name))
        down = self.carriers[name].down
        if not station.is_center and down.listens and not down.lasting_peers:
            self.tell(self.center, PeerLost(name, station.name))
        self._link_up(station, name)

    def _has(self, station: Station, carrier: Carrier) -> bool:
        if not carrier.belongs_to(station.name):
            return False
        return carrier.up.proves or station.name not in self._dark

    def _transmit(self, station: Station, transmit: Transmit) -> None:
        carrier = self.carriers[transmit.link]
        traits = carrier.down if station.is_center else carrier.up
        assert len(transmit.frame) <= traits.mtu_bytes, "a frame larger than its link"
        self.frames.append((self.now_s, station.name, transmit.link, transmit.frame))
        if self.observer is not None:
            self.observer.leaves(station, transmit)
        life = station.life
        done = self.now_s + len(transmit.frame) / traits.rate_bytes_s
        if carrier.out(self.now_s):
            self.at(done, lambda: self._link_lost(station, transmit.link, life))
            return
        failed = self.rng.random() < carrier.failure
        if not failed or self.rng.random() < carrier.unsure:
            self._fly(station, transmit, carrier, done)
        event: Event = FrameFailed(transmit, carrier.retry_s) if failed else FrameSent(transmit)
        self.at(done, lambda: self.tell(station, event) if station.life == life else None)

    def _link_lost(self, station: Station, name: str, life: int) -> None:
        if station.life == life and name in station.up:
            station.up.discard(name)
            self.tell(station, LinkDown(name))
            if self.carriers[name].up.proves:
                self._neighbours.left(station, name)
            self._link_up(station, name)
            if station.is_center and not self.carriers[name].down.lasting_peers:
                for kit in self.kits:
                    self._disconnect(kit, name, for_s=0.0)

    def _fly(self, station: Station, transmit: Transmit, carrier: Carrier, done: float) -> None:
        if carrier.up.proves:
            self._hand_over(station, transmit, carrier, done)
            return
        if carrier.visits:
            self._sticks.written(station, transmit)
            return
        copies = 1 + (self.rng.random() < carrier.repeat)
        for _ in range(copies):
            if self.rng.random() < carrier.loss:
                continue
            target = self._far_end(station, transmit)
            if target is None:
                continue
            peer = "" if station.is_center else station.name
            event = FrameReceived(transmit.link, peer, transmit.frame)
            self.at(done + self.rng.uniform(*carrier.delay_s), self._landing(target, event))

    def _hand_over(
        self, station: Station, transmit: Transmit, carrier: Carrier, done: float
    ) -> None:
        """To a neighbour: in order and once, or the line breaks."""
        target = self._neighbours.reached(transmit)
        if target is None:
            return
        event = FrameReceived(transmit.link, self._neighbours.word(station), transmit.frame)

        def land() -> None:
            if transmit.link in target.up and transmit.link in station.up:
                self.receive(target, event)

        if self.rng.random() < carrier.loss:
            self.at(done, lambda: self._neighbours.parted(station, target, transmit.link))
        else:
            self.at(done + carrier.delay_s[0], land)

    def _landing(self, target: Station, event: FrameReceived) -> Callable[[], object]:
        return lambda: self.receive(target, event)

    def receive(self, station: Station, event: FrameReceived) -> None:
        """A link hands up what came: one frame, or several in one."""
        for frame in frames_of(event.frame):
            self.tell(station, FrameReceived(event.link, event.peer, frame))

    def _far_end(self, station: Station, transmit: Transmit) -> Station | None:
        """Who gets a frame; None for a stranger who pretended to be a kit."""
        if not station.is_center:
            return self.center
        return next((kit for kit in self.kits if kit.name == transmit.peer), None)


def _secret_of(name: str) -> bytes:
    """A signing key that is the same in every world: one may go on where another stopped."""
    return hashlib.sha256(f"identity of {name}".encode()).digest()
