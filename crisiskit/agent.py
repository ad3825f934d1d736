"""The only place where engine, store, links and clock meet.

One event at a time: the engine answers it with a Step, the step is committed in one
transaction, then its frames go to their links. The commit runs on the loop's own thread, so
when ``frame`` returns to a link the frame is durable.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence

from crisiskit.board import Board
from crisiskit.clock import offset_s
from crisiskit.codec.batch import frames_of
from crisiskit.courier import Courier
from crisiskit.crypto.keys import Entropy
from crisiskit.crypto.statement import Sign
from crisiskit.errors import BusyError, CrisiskitError, StoreError
from crisiskit.floor import Floor
from crisiskit.introducing import StationIntroducer
from crisiskit.links import ConfiguredLink
from crisiskit.lock import AgentLock
from crisiskit.model import Notice
from crisiskit.speaking import Speaking
from crisiskit.step import Decoding, Now, Step, Transmit
from crisiskit.store.commit import WithdrawnError
from crisiskit.store.orders import TRUST_FACT
from crisiskit.store.store import Store
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import (
    Billed,
    Decoded,
    Event,
    FrameFailed,
    FrameReceived,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    PeerFound,
    PeerLost,
    Tick,
)
from crisiskit.sync.policy import Policy
from crisiskit.sync.relay import RelayPolicy
from crisiskit.trusted import WipeOrdered
from transports.link import LinkError, LinkState, Phase, Place, RankedLink
from transports.plain import Fate, Heard, Speaker

__all__ = ["Agent", "AgentLock"]

log = logging.getLogger(__name__)

WATCH_S = 0.1
QUIET_S = 0.25
REOPEN_MIN_S = 1.0
REOPEN_MAX_S = 300.0
STORE_RETRY_S = 5.0
SETTLE_S = 90.0
WITHDRAWN_MOST = 5
WIPE_GRACE_S = 20.0
_UP = (Phase.READY, Phase.BUSY)


class Agent:
    """Runs links around an engine over a store."""

    def __init__(
        self,
        store: Store,
        links: Sequence[ConfiguredLink],
        wall: Callable[[], int],
        entropy: Entropy,
        sign: Sign | None = None,
        floor: Floor | None = None,
        clear: bool = False,
        policy: Policy | None = None,
        relay: RelayPolicy | None = None,
        introducer: StationIntroducer | None = None,
    ) -> None:
        self._policy = policy
        self._store = store
        self._links = links
        self._wall = wall
        self._entropy = entropy
        self._sign = sign
        self._floor = floor
        self._clear = clear
        self._relay = relay
        self._introducer = introducer
        self._neighbours: dict[tuple[str, str], str] = {}
        self._life = 0
        self._known: set[int] = set()
        self._trust: bytes | None = None
        self._stop = asyncio.Event()
        self._up: set[str] = set()
        self._settled: set[str] = set()
        self._courier = Courier(store, self, {link.name for link in links}, wall)
        self._board = Board(store, links)
        self._talks = {
            link.name: Speaking(store, link.name, link.link)
            for link in links
            if isinstance(link.link, Speaker)
        }
        self._data_version = -1
        self._woken = asyncio.Event()
        self._wake_at_s: float | None = None
        self._store_broken = False
        self._engine: Engine | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._decoder = asyncio.Semaphore(1)

    async def run(self, until_idle: bool, stop: asyncio.Event) -> None:
        """Serve all links until stopped or idle."""
        self._stop = stop
        self._store.forget_links([link.name for link in self._links])
        self._store.prune()
        self._start_engine()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                tasks = [group.create_task(self._serve(link)) for link in self._links]
                tasks += [group.create_task(self._alarm()), group.create_task(self._watch())]
                tasks += [group.create_task(talk.run()) for talk in self._talks.values()]
                await self._until(stop, until_idle)
                for task in (*tasks, *self._tasks):
                    task.cancel()
        finally:
            self._board.show(self._now().mono_s, last=True)

    # -- one event -------------------------------------------------------------------------

    def _now(self) -> Now:
        wall = self._wall()
        return Now(asyncio.get_running_loop().time(), wall, offset_s(wall))

    def _start_engine(self) -> None:
        """A fresh engine from what is committed; frames under way of an older one are forgotten.

        Raises WithdrawnError when a cancel came between its look and its first commit.
        """
        self._life += 1
        if self._floor is not None:
            self._floor.rise_to(self._store.newest_epoch())
        snapshot = self._store.snapshot()
        paths = self._engine.paths() if self._engine else {}
        offers = self._engine.offers() if self._engine else {}
        self._known = {item.delivery for item in snapshot.queue}
        self._trust = self._store.meta(TRUST_FACT)
        self._engine = engine = Engine(
            snapshot,
            self._entropy,
            self._sign,
            self._store,
            self._clear,
            self._policy,
            self._relay,
        )
        engine.adopt(paths, offers)
        if self._introducer is not None:
            self._introducer.refused = snapshot.revoked
        links = self._courier.beside(self._links)
        up = [LinkUp(link.name, link.link.traits) for link in links if link.name in self._up]
        there: list[Event] = [*up]
        there += [PeerFound(*way, words) for way, words in self._neighbours.items()]
        for event in there:
            self._commit(engine.handle(event, self._now()))
            if self._engine is not engine:
                return  # what was heard before made it start again: another engine has it all

    def _handle(self, event: Event) -> bool:
        """Event, commit, then send; whether a frame was taken in.

        Raises CrisiskitError if it could not be committed.
        """
        if self._store_broken or self._engine is None:
            raise StoreError("store_io", path=self._store.path)
        try:
            return self._commit(self._engine.handle(event, self._now()))
        except WithdrawnError:
            return self._start_again(event)
        except CrisiskitError as error:
            log.error("commit_failed code=%s", error.code)
            self._mend_store(error)
            raise

    def _start_again(self, event: Event) -> bool:
        """Somebody cancelled what was being sealed: nothing of that step was committed.

        What the store and the links say is in the new engine already; only what came from
        outside has to be taken in again.
        """
        for _ in range(WITHDRAWN_MOST):
            taken = False
            try:
                self._start_engine()
                if isinstance(event, FrameReceived | PeerLost | Billed):
                    assert self._engine is not None
                    taken = self._commit(self._engine.handle(event, self._now()))
            except WithdrawnError:
                continue
            except CrisiskitError as error:
                self._mend_store(error)
                raise
            return taken
        locked = BusyError("store_locked", path=self._store.path)
        self._mend_store(locked)
        raise locked

    def _commit(self, step: Step) -> bool:
        if step.changes:
            self._store.apply(step.changes)
            self._courier.note(step.changes)
            if self._floor is not None:
                self._floor.note(step.changes)
        if any(isinstance(change, WipeOrdered) for change in step.changes):
            asyncio.get_running_loop().call_later(WIPE_GRACE_S, self._stop.set)
        if step.restart:
            self._start_again(Tick())
            return step.taken
        for job in step.decodings:
            self._keep_task(self._decode(job, self._life))
        for transmit in step.transmits:
            self._keep_task(self._transmit(transmit, self._life))
        if step.wake_at_s != self._wake_at_s:
            self._wake_at_s = step.wake_at_s
            self._woken.set()
        return step.taken

    def _keep_task(self, work: Coroutine[None, None, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _decode(self, job: Decoding, life: int) -> None:
        """Decode texts beside the loop, one envelope at a time, so that frames go on coming in."""
        async with self._decoder:
            content = await asyncio.to_thread(job.coded.decode)
        if life == self._life:
            self._quietly(Decoded(job, content))

    def _mend_store(self, error: CrisiskitError) -> None:
        """The commit's outcome is unknown: look again later, with an engine from the disk."""
        self._store_broken = True
        asyncio.get_running_loop().call_later(STORE_RETRY_S, self._retry_store)
        try:
            if error.code == "disk_full" and self._store.flash_waits():
                self._store.release_ballast()
        except (CrisiskitError, OSError) as another:
            log.error("ballast_not_released error=%s", type(another).__name__)

    def _retry_store(self) -> None:
        self._store_broken = False
        try:
            self._start_again(Tick())
            log.info("store_works_again")
        except CrisiskitError as error:
            log.error("store_still_broken code=%s", error.code)

    def _quietly(self, event: Event) -> None:
        """Handle an event whose failure is told elsewhere: the store is being mended."""
        try:
            self._handle(event)
        except CrisiskitError as error:
            log.debug("event_dropped code=%s", error.code)

    # -- links -----------------------------------------------------------------------------

    async def _transmit(self, transmit: Transmit, life: int) -> None:
        links = {link.name: link for link in self._courier.beside(self._links)}
        if (link := links.get(transmit.link)) is None:  # the stick's errand is over
            return
        outcome: Event
        try:
            if isinstance(link.link, RankedLink):
                rank = int(transmit.precedence)
                await link.link.send_ranked(transmit.frame, transmit.peer, rank)
            else:
                await link.link.send(transmit.frame, transmit.peer)
            outcome = FrameSent(transmit)
        except LinkError as error:
            log.info("frame_failed link=%s code=%s detail=%s", link.name, error.code, error.detail)
            outcome = FrameFailed(transmit, error.retry_after_s)
            self._courier.failed(link.name, error.code)
        except Exception:
            log.exception("link_bug link=%s", link.name)
            outcome = FrameFailed(transmit, REOPEN_MIN_S)
        if life == self._life:
            self._quietly(outcome)
        elif isinstance(outcome, FrameSent):  # an older engine's frame is paid for all the same
            self._quietly(Billed(transmit.link, len(transmit.frame)))

    async def _serve(self, link: ConfiguredLink) -> None:
        """Run one link for ever, reopening it after growing pauses."""
        pause = REOPEN_MIN_S
        while True:
            began = asyncio.get_running_loop().time()
            wait = 0.0
            try:
                await link.link.run(_Receiver(self, link))
            except LinkError as error:
                log.warning("link_down link=%s code=%s %s", link.name, error.code, error.detail)
                told = self._board.state(link.name).status
                self._link_state(link, LinkState(Phase.DOWN, reason=error.code, status=told))
                wait = error.retry_after_s
            except Exception:
                log.exception("link_bug link=%s", link.name)
                self._link_state(link, LinkState(Phase.DOWN, reason="bug"))
            else:
                self._link_state(link, LinkState(Phase.DOWN))
            self._settled.add(link.name)
            if asyncio.get_running_loop().time() - began > REOPEN_MAX_S:
                pause = REOPEN_MIN_S
            await asyncio.sleep(max(wait, pause) * random.uniform(1.0, 1.3))
            pause = min(2 * pause, REOPEN_MAX_S)

    def _link_state(self, link: ConfiguredLink, state: LinkState) -> None:
        if not self._courier.shows(link.name, state):
            self._board.set(link.name, state)
        up = state.phase in _UP
        if up and link.name not in self._up:
            self._up.add(link.name)
            self._settled.add(link.name)
            log.info("link_up link=%s", link.name)
            self._quietly(LinkUp(link.name, link.link.traits))
        elif not up and link.name in self._up:
            self._up.discard(link.name)
            for way in [way for way in self._neighbours if way[0] == link.name]:
                del self._neighbours[way]
            self._quietly(LinkDown(link.name))
        if state.reason:
            self._settled.add(link.name)

    # -- time and outbox -------------------------------------------------------------------

    async def _alarm(self) -> None:
        """Wake the engine when it asked for it."""
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            wait = None if self._wake_at_s is None else max(0.0, self._wake_at_s - loop.time())
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                self._wake_at_s = None
                self._quietly(Tick())

    async def _watch(self) -> None:
        """Look for what people and commands kept or withdrew; show link states."""
        while True:
            if not self._store_broken:
                try:
                    self._look()
                except CrisiskitError as error:
                    log.error("store_unreadable code=%s", error.code)
            self._board.show(self._now().mono_s)
            await asyncio.sleep(WATCH_S)

    def _look(self) -> None:
        version = self._store.data_version()
        if version == self._data_version:
            return
        changed = self._store.meta(TRUST_FACT) != self._trust
        if self._engine is not None and (
            changed or self._store.pairings() != self._engine.pairings
        ):
            log.info("stations_changed")
            self._start_again(Tick())
        kept = set(self._store.kept())
        new = self._store.queued(sorted(kept - self._known))
        gone = frozenset(self._known - kept)
        self._known = kept
        if new or gone:
            self._handle(OutboxChanged(new, gone))
        if errand := self._courier.look():
            self._keep_task(errand)
        self._data_version = version

    # -- what the courier asks -------------------------------------------------------------

    async def serve(self, link: ConfiguredLink) -> None:
        """See Host."""
        try:
            await self._serve(link)
        finally:
            self._link_state(link, LinkState(Phase.DOWN))

    def carrying(self, link: str) -> bool:
        """See Host."""
        return self._store_broken or self._engine is None or self._engine.carrying(link)

    async def _until(self, stop: asyncio.Event, until_idle: bool) -> None:
        """Until stopped; or until links had their chance and nothing is under way."""
        settle_by = asyncio.get_running_loop().time() + SETTLE_S
        quiet = 0
        while not stop.is_set():
            try:
                async with asyncio.timeout(QUIET_S if until_idle else None):
                    await stop.wait()
            except TimeoutError:
                settled = len(self._settled) >= len(self._links)
                late = asyncio.get_running_loop().time() > settle_by
                busy = self._store_broken or self._engine is None or self._engine.busy
                idle = (settled or late) and not busy
                quiet = quiet + 1 if idle else 0
                if quiet > 2:
                    return


class _Receiver:
    """What a link sees of the agent."""

    def __init__(self, agent: Agent, link: ConfiguredLink) -> None:
        self._agent = agent
        self._link = link

    async def frame(self, data: bytes, peer: str = "", place: Place | None = None) -> bool:
        """Commit what the frame brings; raises if that was not possible."""
        stored = [
            self._agent._handle(FrameReceived(self._link.name, peer, frame, place))
            for frame in frames_of(data)
        ]
        return bool(stored) and all(stored)

    def state(self, state: LinkState) -> None:
        """Note the newest state of the link."""
        self._agent._link_state(self._link, state)

    async def heard(self, words: Heard) -> None:
        """Keep plain words; raises if that was not possible."""
        self._agent._talks[self._link.name].heard(words)

    async def fate(self, fate: Fate) -> None:
        """Note what became of plain words; raises if that was not possible."""
        self._agent._talks[self._link.name].fate(fate)

    def peer_found(self, peer: str, name: str) -> None:
        """A neighbour proved who it is."""
        self._agent._neighbours[self._link.name, peer] = name
        self._agent._quietly(PeerFound(self._link.name, peer, name))

    def peer_lost(self, peer: str) -> None:
        """A peer of a listening link is gone."""
        self._agent._neighbours.pop((self._link.name, peer), None)
        self._agent._quietly(PeerLost(self._link.name, peer))

    def billed(self, frame_bytes: int) -> None:
        """A session that carried nothing of ours was charged."""
        self._agent._quietly(Billed(self._link.name, frame_bytes))

    def notice(self, code: str, detail: str = "") -> None:
        """Tell people, and the same again after ``NOTICE_AGAIN_S`` only."""
        now_s = self._agent._now().mono_s
        self._agent._board.tell(self._link.name, Notice(code, detail), now_s)
