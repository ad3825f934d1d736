"""24 hours of each kind of accident, under a virtual clock, with two modems and their links.

The loop's clock jumps to the next moment when nothing is left to do; ports are in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import selectors
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from itertools import count
from typing import Any

import msgspec
import pytest

import hardware.gsm
import transports.sms
from hardware.port import Port, PortError, PortTrouble, memory_pair
from hardware.sim.core_gsm import Nature
from hardware.sim.faults import Fault
from hardware.sim.modemgsm import PlayedGsm
from hardware.sim.sms_network import Sky, SmsNetwork
from transports.link import LinkError
from transports.plain import Fate, Heard, MaybeSentError
from transports.sms import Sms, SmsLink, SmsSettings
from transports.testing import Inbox

SEED = 7
DAY_S = 24 * 3600.0
KIT, CENTER, PERSON = "+262639000001", "+262639000002", "+262639555555"


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop that never waits: where it would, its clock jumps instead."""

    def __init__(self) -> None:
        super().__init__(_Jumper(self))
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s


class _Jumper(selectors.SelectSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is None:
            raise AssertionError("everything waits and nothing will happen")
        if not found and timeout:
            self._loop.now_s += timeout
        return found


class MemoryPlug:
    """A port in memory that comes and goes."""

    def __init__(self) -> None:
        self._far: Port | None = None
        self._near: Port | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def insert(self, receive: Callable[[bytes], None]) -> None:
        self._near, self._far = memory_pair()
        self._keep(self._pump(self._far, receive))

    def pull(self) -> None:
        if self._far is not None:
            self._keep(self._far.aclose())
        self._near = self._far = None

    def write(self, data: bytes) -> None:
        if self._far is not None:
            self._keep(self._write(self._far, data))

    def unlock(self) -> None:
        """There is no lock."""

    def close(self) -> None:
        """There is no name."""

    @property
    def there(self) -> bool:
        return self._near is not None

    def open(self) -> Port:
        if self._near is None:
            raise PortError(PortTrouble.MISSING, "memory")
        return self._near

    async def _pump(self, port: Port, receive: Callable[[bytes], None]) -> None:
        with contextlib.suppress(PortError):
            while True:
                receive(await port.read())

    async def _write(self, port: Port, data: bytes) -> None:
        with contextlib.suppress(PortError):
            await port.write(data)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Above(Inbox):
    """An inbox for words as well."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    async def heard(self, words: Heard) -> None:
        self.words.append(words.text)

    async def fate(self, fate: Fate) -> None:
        """Reports are not counted here."""


async def serve(link: SmsLink, above: Above) -> None:
    """Run it again and again, as the agent does."""
    while True:
        with contextlib.suppress(LinkError):
            await link.run(above)
        await asyncio.sleep(1.0)


async def send(link: SmsLink, frame: bytes) -> int:
    """Give a frame to a link until it takes it, as the engine does; after how many tries."""
    for tries in count(1):
        try:
            await link.send(frame)
        except LinkError as error:
            await asyncio.sleep(min(error.retry_after_s, 60.0) + 1.0)
            continue
        return tries
    raise AssertionError("it counts for ever")


CAUSES = (21, 38, 42, 322, 331, 332, 500)
UNSURE = (332, 500)  # after these alone the network may have taken the message
COMMANDS = ("AT+CMGS", "AT+CMGR", "AT+CMGL", "AT+CMGD", "AT+CSQ", "AT+CPMS", "AT+CMGF", "AT+CNMI")


def accidents(kind: str, seed: int) -> tuple[Fault, ...]:
    """A day full of accidents of one kind."""
    chance = random.Random(f"{kind} {seed}")
    found = []
    for _ in range(60):
        for_s = chance.choice((0.5, 5.0, 40.0, 300.0))
        where = chance.randrange(3)
        one: dict[str, Any] = {"kind": kind, "for_s": for_s, "status": chance.choice(CAUSES)}
        unsure = kind != "status" or one["status"] in UNSURE
        if where == 0 and kind != "status":
            one["at_s"] = chance.uniform(0, DAY_S)
        elif where == 1 and kind != "status":
            one |= {"command": chance.choice(COMMANDS), "nth": chance.randrange(1, 400)}
        else:
            one |= {
                "session": chance.randrange(1, 200),
                "delivered": unsure and chance.random() < 0.5,
            }
        found.append(Fault(**one))
    return tuple(found)


class Day:
    """A kit's modem that suffers, a center's that does not, and what went over them."""

    def __init__(self) -> None:
        self.kit, self.center = Above(), Above()
        self.sent: list[bytes] = []
        self.said: Counter[str] = Counter()
        self.wanted: list[str] = []
        self.tries = 0
        self.submitted = 0
        self.left = 0
        self.misdirected = 0

    async def run(self, faults: tuple[Fault, ...], sky: Sky, plugs: dict[str, MemoryPlug]) -> None:
        loop = asyncio.get_running_loop()
        network = SmsNetwork(sky, loop.time)
        network.attach(PERSON, self)
        kit_modem = PlayedGsm(plugs["kit"], network, Nature(KIT), faults)
        async with kit_modem, PlayedGsm(plugs["center"], network, Nature(CENTER)):
            links = open_links()
            runs = [
                asyncio.create_task(serve(link, above))
                for link, above in zip(links, (self.kit, self.center), strict=True)
            ]
            await asyncio.gather(
                self._frames(links[0]), self._words(links[0]), self._people(network)
            )
            await asyncio.sleep(3600.0)
            self.left = len(kit_modem.core.card.stored)
            self.misdirected = len(kit_modem.core.misdirected)
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
        self.submitted = network.taken
        await network.close()

    def take(self, pdu: bytes) -> bool:
        return True

    async def _frames(self, link: SmsLink) -> None:
        for at in range(144):
            frame = b"frame %d" % at
            self.tries += await send(link, frame)
            self.sent.append(frame)
            await asyncio.sleep(DAY_S / 144)

    async def _words(self, link: SmsLink) -> None:
        """Words of the operator: at most once each, tried again only where surely not sent."""
        for at in range(24):
            while True:
                try:
                    await link.say(CENTER, f"words {at}")
                except MaybeSentError:
                    self.said["maybe"] += 1
                except LinkError as error:
                    await asyncio.sleep(error.retry_after_s)
                    continue
                else:
                    self.said["sent"] += 1
                    self.wanted.append(f"words {at}")
                break
            await asyncio.sleep(DAY_S / 24)

    async def _people(self, network: SmsNetwork) -> None:
        for at in range(100):
            network.say(PERSON, KIT, f"person {at}")
            await asyncio.sleep(DAY_S / 100)


def open_links() -> tuple[SmsLink, SmsLink]:
    tables = ({"port": "kit", "center": CENTER}, {"port": "center"})
    settings = [msgspec.convert(table, SmsSettings) for table in tables]
    kit, center = (SmsLink(one, Sms().traits(one, {})) for one in settings)
    return kit, center


@pytest.mark.parametrize("kind", ["status", "hang", "reset", "ring", "unplug", "noise"])
def test_a_day_of_accidents(
    kind: str, monkeypatch: pytest.MonkeyPatch, fault_day: Callable[..., None]
) -> None:
    plugs = {"kit": MemoryPlug(), "center": MemoryPlug()}

    @contextlib.asynccontextmanager
    async def open_port(path: str, baud: int) -> AsyncIterator[Port]:
        yield plugs[path].open()

    async def path_exists(path: str) -> bool:
        return plugs[path].there

    async def wait_for_path(path: str) -> None:
        while not plugs[path].there:
            await asyncio.sleep(1.0)

    monkeypatch.setattr(hardware.gsm, "open_port", open_port)
    monkeypatch.setattr(transports.sms, "path_exists", path_exists)
    monkeypatch.setattr(transports.sms, "wait_for_path", wait_for_path)
    day = Day()
    outages = tuple((at * 7200.0 + 600.0, 400.0) for at in range(12))
    sky = Sky(delay_s=(1.0, 30.0), submit_s=3.0, outages=outages, seed=SEED)
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(day.run(accidents(kind, SEED), sky, plugs))
    arrived = set(day.center.frames)
    fault_day(
        "sms",
        kind,
        sessions=day.tries,
        **{
            "MO handed": 144,
            "sent": len(day.sent),
            "arrived": len(arrived),
            "MT handed": 100,
            "received": len(set(day.kit.words)),
            "repeats": day.tries - len(day.sent),
            "billed": day.submitted,
        },
    )
    assert len(day.sent) == 144, "the queue is stuck"
    assert arrived >= set(day.sent), "a frame was called sent and did not arrive"
    assert set(day.kit.words) == {f"person {at}" for at in range(100)}, "words were lost"
    assert day.left == 0 and day.misdirected == 0
    words = Counter(day.center.words)
    assert set(day.wanted) <= set(words), "words were called sent and did not arrive"
    assert max(words.values()) == 1, "words were sent twice"
    assert sum(day.said.values()) == 24 and day.said["sent"] >= 12
