"""The agent: commit, then send; a broken link or a full disk stops neither people nor links."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from crisiskit import agent as agent_module
from crisiskit import board
from crisiskit.agent import Agent
from crisiskit.crypto.keys import root_key
from crisiskit.crypto.vault import Vault
from crisiskit.errors import CrisiskitError, StoreError
from crisiskit.links import ConfiguredLink
from crisiskit.model import CENTER, Direction, Precedence, RecordKind
from crisiskit.step import Now, Step
from crisiskit.store import issue
from crisiskit.store.orders import TRUST_FACT
from crisiskit.store.store import Draft, NewPairing, Store
from crisiskit.store.views import Views
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import Event
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble

VAULT = Vault(bytes(32))
FP, CENTER_FP = b"k" * 16, b"c" * 16


class Wire:
    """One end of a wire in memory. ``broken`` makes every send fail."""

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self.other: Wire | None = None
        self.receiver: Receiver | None = None
        self.broken = False
        self.runs = 0
        self.refused = 0

    async def run(self, receiver: Receiver) -> None:
        self.runs += 1
        self.receiver = receiver
        receiver.state(LinkState(Phase.READY))
        await asyncio.Event().wait()

    async def send(self, frame: bytes, peer: str = "") -> None:
        if self.broken or self.other is None or self.other.receiver is None:
            raise LinkError(Trouble.NO_SERVICE, retry_after_s=0.05)
        try:
            await self.other.receiver.frame(frame, "1" if self.other.traits.listens else "")
        except CrisiskitError:
            self.refused += 1
            raise LinkError(Trouble.REFUSED, retry_after_s=0.05) from None

    async def poll(self) -> None:
        return


class Buggy(Wire):
    """A plug-in with a defect."""

    async def run(self, receiver: Receiver) -> None:
        self.runs += 1
        raise ZeroDivisionError


def stores(tmp_path: Path) -> tuple[Store, Store]:
    wall = lambda: time.time_ns() // 1_000_000  # noqa: E731
    kit, center = (
        Store(tmp_path / "kit.db", wall, VAULT),
        Store(tmp_path / "center.db", wall, VAULT),
    )
    up, down = (root_key(b"s" * 32, bytes(16), FP, way).key for way in Direction)
    kit.set_meta(role=b"kit", name=b"kit-1", own_fp=FP)
    kit.add_pairing(
        NewPairing(1, CENTER, FP, bytes(32), CENTER_FP, bytes(32), up, down, keeps_root=False)
    )
    center.set_meta(role=b"center", name=b"C", own_fp=CENTER_FP)
    center.add_pairing(
        NewPairing(1, "kit-1", FP, bytes(32), FP, bytes(32), down, up, keeps_root=True)
    )
    return kit, center


def wires() -> tuple[Wire, Wire]:
    up = Wire(Traits(4096, receipt_delay_s=0.01, repeat_s=0.3))
    down = Wire(Traits(4096, receipt_delay_s=0.01, repeat_s=0.3, listens=True))
    up.other, down.other = down, up
    return up, down


@asynccontextmanager
async def running(*agents: Agent) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(agent.run(False, stop)) for agent in agents]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def make(store: Store, *links: tuple[str, Wire]) -> Agent:
    configured = [ConfiguredLink(name, "wire", wire.traits, wire) for name, wire in links]
    return Agent(store, configured, lambda: time.time_ns() // 1_000_000, os.urandom)


def say(store: Store, text: str, precedence: Precedence = Precedence.ROUTINE) -> None:
    store.keep([Draft(RecordKind.TEXT, precedence, text)])


async def until(ready: Callable[[], bool], seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def held(store: Store) -> int:
    views = Views(store.path, VAULT)
    try:
        return views.tally("out").get("held", 0)
    finally:
        views.close()


def texts(store: Store) -> list[str]:
    views = Views(store.path, VAULT)
    try:
        return sorted(message.text for message in views.search("in"))
    finally:
        views.close()


async def test_what_another_process_keeps_is_found_and_held(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    up, down = wires()
    async with running(make(kit, ("wire", up)), make(center, ("wire", down))):
        other_process = Store(kit.path, lambda: 1_790_000_000_000, VAULT)
        say(other_process, "water")
        await until(lambda: held(kit) == 1)
        other_process.close()
    assert texts(center) == ["water"]


async def test_a_full_disk_at_the_center_refuses_the_frame_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "STORE_RETRY_S", 0.05)
    kit, center = stores(tmp_path)
    up, down = wires()
    real, full = center.apply, True

    def apply(changes: object) -> None:
        if full:
            raise StoreError("disk_full", path=center.path)
        real(changes)  # type: ignore[arg-type]

    monkeypatch.setattr(center, "apply", apply)
    async with running(make(kit, ("wire", up)), make(center, ("wire", down))):
        say(kit, "water")
        await until(lambda: up.refused >= 2)
        assert texts(center) == [] and held(kit) == 0
        full = False
        await until(lambda: held(kit) == 1)
    assert texts(center) == ["water"]


async def test_a_withdrawal_in_the_last_moment_wins_and_the_rest_goes_on(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    up, down = wires()
    kit_agent = make(kit, ("wire", up))
    for text in ("never mind", "water"):
        say(kit, text)
    views = Views(kit.path, VAULT)
    ref = min(message.ref for message in views.page())
    views.close()
    real, raced = kit.apply, False

    def apply(changes: object) -> None:
        nonlocal raced
        if not raced and len(changes) > 1:  # type: ignore[arg-type]
            raced = True
            kit.cancel(ref)
        real(changes)  # type: ignore[arg-type]

    kit.apply = apply  # type: ignore[method-assign]
    async with running(kit_agent, make(center, ("wire", down))):
        await until(lambda: held(kit) == 1)
    assert raced and texts(center) == ["water"]


async def test_a_defect_in_one_link_leaves_the_others_at_work(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    up, down = wires()
    bad = Buggy(Traits(4096))
    async with running(make(kit, ("bad", bad), ("wire", up)), make(center, ("wire", down))):
        say(kit, "water")
        await until(lambda: held(kit) == 1)
        await until(lambda: bad.runs >= 1)
        views = Views(kit.path, VAULT)
        await until(lambda: {link.name: link.phase for link in views.links(0)}["bad"] == "down")
        views.close()


async def test_a_failing_link_hands_its_message_to_another(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    (one, one_down), (two, two_down) = wires(), wires()
    one.broken = True
    async with running(
        make(kit, ("one", one), ("two", two)),
        make(center, ("one", one_down), ("two", two_down)),
    ):
        say(kit, "water")
        await until(lambda: held(kit) == 1)
    views = Views(kit.path, VAULT)
    assert views.page()[0].link == "two"
    views.close()


async def test_until_idle_ends_when_all_is_held(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    up, down = wires()
    say(kit, "water")
    async with running(make(center, ("wire", down))):
        await asyncio.wait_for(make(kit, ("wire", up)).run(True, asyncio.Event()), 10)
    assert held(kit) == 1


async def test_until_idle_ends_when_no_link_can_do_anything(tmp_path: Path) -> None:
    kit, _ = stores(tmp_path)
    say(kit, "water")
    bad = Buggy(Traits(4096))
    await asyncio.wait_for(make(kit, ("bad", bad)).run(True, asyncio.Event()), 10)
    assert held(kit) == 0


class Stubborn(Wire):
    """A link whose defect is in ``send``, or which never answers."""

    def __init__(self, traits: Traits, hangs: bool) -> None:
        super().__init__(traits)
        self.hangs = hangs

    async def send(self, frame: bytes, peer: str = "") -> None:
        if self.hangs:
            await asyncio.Event().wait()
        raise OSError(5, "defect")


async def test_a_defect_in_send_leaves_the_other_links_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "REOPEN_MIN_S", 0.05)
    kit, center = stores(tmp_path)
    up, down = wires()
    bad = Stubborn(Traits(4096, latency_s=0.0), hangs=False)
    async with running(make(kit, ("a", bad), ("wire", up)), make(center, ("wire", down))):
        say(kit, "water")
        await until(lambda: held(kit) == 1)


async def test_an_agent_stops_at_once_even_while_a_link_hangs(tmp_path: Path) -> None:
    kit, _ = stores(tmp_path)
    hanging = Stubborn(Traits(4096), hangs=True)
    say(kit, "water")
    stop = asyncio.Event()
    task = asyncio.create_task(make(kit, ("wire", hanging)).run(False, stop))
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.wait_for(task, 2)


async def test_a_kit_enrolled_while_the_center_runs_is_heard_and_written_to(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    up, down = wires()
    fp = b"2" * 16
    late = Store(tmp_path / "late.db", kit._wall, VAULT)
    up_key, down_key = (root_key(b"t" * 32, bytes(16), fp, way).key for way in Direction)
    late.set_meta(role=b"kit", name=b"kit-2", own_fp=fp)
    pairing = NewPairing(
        2, CENTER, fp, bytes(32), CENTER_FP, bytes(32), up_key, down_key, keeps_root=False
    )
    late.add_pairing(pairing)
    async with running(make(center, ("wire", down))):
        await asyncio.sleep(0.5)
        center_too = Store(center.path, center._wall, VAULT)
        center_too.add_pairing(
            NewPairing(2, "kit-2", fp, bytes(32), fp, bytes(32), down_key, up_key, keeps_root=True)
        )
        center_too.keep([Draft(RecordKind.ORDER, Precedence.ROUTINE, "come", to="kit-2")])
        async with running(make(late, ("wire", up))):
            say(late, "we are here")
            await until(lambda: held(late) == 1 and texts(late) == ["come"])
        center_too.close()
    assert texts(center) == ["we are here"]


async def test_an_engine_that_starts_again_while_it_starts_is_the_only_one_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit, _ = stores(tmp_path)
    made: list[Engine] = []
    stale: list[Event] = []
    handle = Engine.handle

    def watched(self: Engine, event: Event, now: Now) -> Step:
        if self not in made:
            made.append(self)
        elif self is not made[-1]:
            stale.append(event)
        step = handle(self, event, now)
        # As if what was kept for later said that the far end was restored.
        return replace(step, restart=True) if len(made) == 2 else step

    one, two = wires()
    async with running(make(kit, ("one", one), ("two", two))):
        await until(lambda: one.receiver is not None and two.receiver is not None, 20)
        monkeypatch.setattr(Engine, "handle", watched)
        kit_too = Store(kit.path, kit._wall, VAULT)
        made.clear()
        made.append(Engine(kit.snapshot(), os.urandom))
        kit_too.set_meta(**{TRUST_FACT: b"changed"})
        await until(lambda: len(made) >= 3, 20)
        kit_too.close()
    assert stale == []


async def test_a_kit_revoked_while_the_center_runs_is_refused_from_then_on(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    up, down = wires()
    async with running(make(center, ("wire", down)), make(kit, ("wire", up))):
        say(kit, "before")
        await until(lambda: held(kit) == 1)
        center_too = Store(center.path, center._wall, VAULT)
        issue.refuse(center_too, "kit-1", "stolen")
        await asyncio.sleep(0.6)
        kit_too = Store(kit.path, kit._wall, VAULT)
        say(kit_too, "after")
        aside = "SELECT count(*) FROM quarantine WHERE pairing = 1"
        await until(lambda: center_too._db.execute(aside).fetchone() >= (1,))
        await asyncio.sleep(0.5)
        assert held(kit) == 1 and texts(center) == ["before"]
        center_too.close()
        kit_too.close()


async def test_cancels_at_the_worst_moment_never_end_the_agent(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    (one, one_down), (two, two_down) = wires(), wires()
    agent = make(kit, ("one", one), ("two", two))
    real, left = kit.apply, 3

    def apply(changes: object) -> None:
        nonlocal left
        kinds = {type(change).__name__ for change in changes}  # type: ignore[attr-defined]
        if "Sealed" in kinds and left:
            left -= 1
            kit.cancel(min(kit.kept()))
        real(changes)  # type: ignore[arg-type]

    kit.apply = apply  # type: ignore[method-assign]
    async with running(agent, make(center, ("one", one_down), ("two", two_down))):
        kit.keep([Draft(RecordKind.TEXT, Precedence(n % 4), f"n {n}") for n in range(8)])
        await until(lambda: held(kit) == 5)
    assert left == 0 and len(texts(center)) == 5


class Ranked(Wire):
    """A wire whose other end sorts what waits."""

    ranks: tuple[int, ...] = ()

    async def send_ranked(self, frame: bytes, peer: str, rank: int) -> None:
        self.ranks = (*self.ranks, rank)
        await self.send(frame, peer)


async def test_a_link_that_knows_ranks_is_told_how_urgent_a_frame_is(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    up = Ranked(Traits(4096, receipt_delay_s=0.01, repeat_s=0.3))
    down = Wire(Traits(4096, receipt_delay_s=0.01, repeat_s=0.3, listens=True))
    up.other, down.other = down, up
    async with running(make(kit, ("wire", up)), make(center, ("wire", down))):
        other_process = Store(kit.path, lambda: 1_790_000_000_000, VAULT)
        say(other_process, "fire", Precedence.FLASH)
        await until(lambda: held(kit) == 1, 20)
        say(other_process, "water", Precedence.PRIORITY)
        await until(lambda: held(kit) == 2, 20)
        other_process.close()
    assert {3, 1} <= set(up.ranks)


async def test_notices_of_a_link_are_kept_once_and_strangers_cannot_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "NOTICES_TOLD", 3)
    kit, _ = stores(tmp_path)
    up, _ = wires()
    async with running(make(kit, ("wire", up))):
        await until(lambda: up.receiver is not None, 20)
        assert up.receiver is not None
        for _ in range(3):
            up.receiver.notice("modem_queue_full", "300234010753370")
        for number in range(100):
            up.receiver.notice("modem_prohibited", str(number))
    views = Views(kit.path, VAULT)
    told = [(notice.code, notice.detail) for notice in views.notices(50)]
    views.close()
    prohibited = [("modem_prohibited", number) for number in ("1", "0")]
    assert told == [*prohibited, ("modem_queue_full", "300234010753370")]
