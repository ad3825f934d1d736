"""A call is made when there is a way, at once when one appears, and never into the void."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hardware.network import Medium
from transports import calling
from transports.calling import (
    Caller,
    CallSettings,
    WayClass,
    classify,
    ip_traits,
    shaped,
)
from transports.link import Phase, Traits, Trouble
from transports.testing import Inbox

PATIENCE_S = 30.0
PLAIN = Traits(mtu_bytes=4096)
PRICED = Traits(mtu_bytes=4096, price_byte_micros=7)


class Net:
    """A network whose ways the test lays. ``address`` is ours, None without a route."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.interface = "wlan0"
        self.medium = Medium.WIFI
        self.changed = asyncio.Event()

    def change(self, address: str | None, interface: str = "wlan0") -> None:
        self.address, self.interface = address, interface
        self.changed.set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[asyncio.Event]:
        yield self.changed


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    it = Net()
    monkeypatch.setattr(calling, "watching", it.watching)
    monkeypatch.setattr(calling, "source_address", lambda _host, _port: it.address)
    monkeypatch.setattr(calling, "interface_of", lambda _address: it.interface)
    monkeypatch.setattr(calling, "medium", lambda _interface: it.medium)
    monkeypatch.setattr(calling, "SETTLE_S", 0.01)
    return it


class Center:
    """Counts calls; each lasts until the test ends it."""

    def __init__(self) -> None:
        self.calls: list[Traits] = []
        self.open = 0
        self.hang_up = asyncio.Event()

    async def call(self, traits: Traits) -> tuple[str, Trouble, bool]:
        self.calls.append(traits)
        self.open += 1
        try:
            await self.hang_up.wait()
        finally:
            self.open -= 1
        return "hung up", Trouble.NO_SERVICE, False


@asynccontextmanager
async def calls(
    settings: CallSettings, traits: Traits = PLAIN
) -> AsyncIterator[tuple[Center, Inbox]]:
    center, inbox = Center(), Inbox()
    caller = Caller("center.example", 443, settings, traits, random.Random(1))
    running = asyncio.create_task(caller.run(inbox, center.call))
    try:
        yield center, inbox
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert center.open == 0
    assert inbox.phase is Phase.DOWN


async def settled(rounds: int = 20) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0.005)


async def until(center: Center, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(center.calls) < count:
            await asyncio.sleep(0.005)


async def test_without_a_route_nobody_is_called(net: Net) -> None:
    async with calls(CallSettings()) as (center, inbox):
        await settled()
        assert center.calls == []
        assert inbox.states[-1].reason == Trouble.NO_SERVICE


async def test_a_network_that_appears_is_used_at_once(net: Net) -> None:
    async with calls(CallSettings()) as (center, _):
        await settled()
        net.change("10.0.0.5")
        await until(center, 1)


async def test_a_change_ends_the_longest_pause(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "PAUSE_S_MIN", 3600.0)
    net.change("10.0.0.5")
    async with calls(CallSettings()) as (center, _):
        await until(center, 1)
        center.hang_up.set()
        await settled()
        assert len(center.calls) == 1, "it waits before it calls again"
        net.change("10.0.0.5")
        await until(center, 2)


async def test_a_better_way_takes_over_from_the_one_in_use(net: Net) -> None:
    net.change("10.64.0.9", "wwan0")
    settings = CallSettings(metered_on=("wwan*",))
    async with calls(settings) as (center, _):
        await until(center, 1)
        assert center.calls[0].metered
        net.change("192.168.1.7", "wlan0")
        await until(center, 2)
        assert not center.calls[1].metered and center.open == 1


async def test_news_of_other_networks_leave_the_call_alone(net: Net) -> None:
    net.change("10.0.0.5")
    async with calls(CallSettings()) as (center, _):
        await until(center, 1)
        net.changed.set()
        await settled()
        assert len(center.calls) == 1 and center.open == 1


async def test_a_way_that_is_gone_ends_the_call(net: Net) -> None:
    net.change("10.0.0.5")
    async with calls(CallSettings()) as (center, inbox):
        await until(center, 1)
        net.change(None)
        async with asyncio.timeout(PATIENCE_S):
            while center.open or inbox.phase is not Phase.DOWN:
                await asyncio.sleep(0.005)


async def test_an_interface_that_must_not_be_used_is_not(net: Net) -> None:
    net.change("10.64.0.9", "wwan0")
    async with calls(CallSettings(never_on=("wwan*",))) as (center, inbox):
        await settled()
        assert center.calls == []
        assert inbox.states[-1].detail == "not by wwan0"


@pytest.mark.parametrize(
    ("interface", "made_of", "priced", "cost"),
    [
        ("wlan0", Medium.WIFI, False, WayClass.FREE),
        ("eth0", Medium.WIRED, False, WayClass.FREE),
        ("eth0", Medium.WIRED, True, WayClass.METERED),
        ("wwan0", Medium.CELLULAR, False, WayClass.METERED),
        ("usb0", Medium.OTHER, False, WayClass.SLOW),
        ("wlan9", Medium.WIFI, False, WayClass.NEVER),
        ("home0", Medium.WIRED, True, WayClass.FREE),
    ],
)
def test_what_a_way_costs(interface: str, made_of: Medium, priced: bool, cost: WayClass) -> None:
    settings = CallSettings(
        never_on=("wlan9",), free_on=("home*",), slow_on=("usb*",), metered_on=("usb*", "wlan9")
    )
    assert classify(settings, interface, made_of, priced) is cost


def test_a_free_way_costs_nothing_and_a_metered_one_never_nothing() -> None:
    assert not shaped(PRICED, CallSettings(), WayClass.FREE).metered
    assert shaped(PLAIN, CallSettings(), WayClass.METERED).metered
    assert shaped(PRICED, CallSettings(), WayClass.METERED) == PRICED


def test_a_slow_way_is_known_to_be_slow() -> None:
    traits = shaped(ip_traits(CallSettings(), {}, listens=False), CallSettings(), WayClass.SLOW)
    assert traits.metered and traits.rate_bytes_s == 1200 and traits.mtu_bytes == 512
    assert traits.latency_s == 1.0
