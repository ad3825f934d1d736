"""Kit and center with nothing but short messages: lost, repeated, overtaking each other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import pytest

from crisiskit import enrolment
from crisiskit.installation import Places, reading, writing
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.world import Station, World
from crisiskit.store.store import Draft
from transports.sms import Sms, SmsSettings

KIT_NUMBER, CENTER_NUMBER = "+262639000001", "+262639000002"
TABLE = """
[[link]]
name = "phone"
kind = "sms"
port = "{port}"
repeat_s = 3.0
latency_s = 0.5
receipt_delay_s = 0.5
unlimited = true
"""


class Street:
    """A center, a kit, a modem for each and the network between them, all real processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.center, self.kit = folder / "center", folder / "kit"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        enrolment.create_center(self.center, "Street", exercise=True)
        enrolment.create_kit(self.kit, "equipe-1", Places.of(self.center).network.read_bytes())
        reply, _, _ = enrolment.enrol(self.center, enrolment.make_request(self.kit))
        enrolment.activate(self.kit, reply)
        for home, more in ((self.center, ""), (self.kit, f'center = "{CENTER_NUMBER}"\n')):
            table = TABLE.format(port=self.port(home))
            with Places.of(home).settings.open("a", encoding="utf-8") as file:
                file.write(table.replace("repeat_s", f"{more}repeat_s", 1))

    def port(self, home: Path) -> Path:
        return self.folder / f"{home.name}-modem"

    def start(self, *network: str) -> None:
        modems = ((self.kit, KIT_NUMBER), (self.center, CENTER_NUMBER))
        words = [w for home, n in modems for w in ("--modem", f"{self.port(home)}={n}")]
        self._run("network", "simulate", "sms", *words, *network)
        self._run("center", "center", "run", "--home", str(self.center))
        self._run("kit", "agent", "--home", str(self.kit))

    def kill_and_restart(self, name: str) -> None:
        process = self._processes[name]
        process.kill()
        process.wait()
        self._run(name, *process.args[3:])  # type: ignore[index]

    def end(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    def _run(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "crisiskit", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path)
    yield made
    made.end()


def keep(home: Path, text: str, to: str = CENTER) -> None:
    with writing(home) as store:
        store.keep([Draft(RecordKind.TEXT, Precedence.PRIORITY, text, to=to)])


def texts(home: Path) -> Counter[str]:
    with reading(home) as views:
        return Counter(message.text for message in views.search("in"))


def tally(home: Path) -> dict[str, int]:
    with reading(home) as views:
        return views.tally("out")


def until(ready: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("coding", ["data", "text"])
def test_all_is_held_and_nothing_doubled(street: Street, coding: str) -> None:
    if coding == "text":
        for home in (street.center, street.kit):
            settings = Places.of(home).settings
            table = settings.read_text().replace("repeat_s", 'coding = "text"\nrepeat_s', 1)
            settings.write_text(table)
    words = ("--loss", "0.2", "--repeat", "0.2", "--latency", "1", "--seed", "5")
    street.start(*words, *(["--refuse-binary"] if coding == "text" else []))
    long = "La route est coupée entre Sada et Chiconi, le pont est tombé. " * 6
    reports = [f"report {n}" for n in range(6)] + [long]
    orders = [f"order {n}" for n in range(4)]
    for at, text in enumerate(reports):
        keep(street.kit, text)
        if at < len(orders):
            keep(street.center, orders[at], "all")
        if at == 3:
            street.kill_and_restart("kit")
        if at == 5:
            street.kill_and_restart("network")
    until(lambda: tally(street.kit) == {"held": len(reports)}, 240)
    until(lambda: tally(street.center) == {"held": len(orders)}, 240)
    assert texts(street.center) == Counter(reports)
    assert texts(street.kit) == Counter(orders)


def _say(world: World, station: Station, text: str, to: str) -> None:
    world.say(station, text, to=to)


@pytest.mark.parametrize("seed", range(6))
def test_a_day_of_paid_messages_under_a_virtual_clock(tmp_path: Path, seed: int) -> None:
    kit = msgspec.convert({"port": "/dev/kit", "center": CENTER_NUMBER}, SmsSettings)
    center = msgspec.convert({"port": "/dev/center"}, SmsSettings)
    price = {"credit_micros": 60_000}
    carrier = Carrier(
        "sms",
        up=Sms().traits(kit, price),
        down=Sms().traits(center, price),
        loss=0.15,
        repeat=0.1,
        failure=0.1,
        unsure=0.2,
        delay_s=(2, 120),
        outage_s=3600,
        outage_every_s=5 * 3600,
    )
    world = World(tmp_path, (carrier,), kits=3, seed=seed)
    reports = [f"report {n}: road cut, water needed" for n in range(24)]
    orders = [f"order {n}" for n in range(6)]
    for at, text in enumerate(reports):
        world.at(at * 3000.0, partial(_say, world, world.kits[at % 3], text, CENTER))
    for at, text in enumerate(orders):
        world.at(at * 9000.0, partial(_say, world, world.center, text, "all"))
    for at in range(4):
        world.at(5000.0 + at * 15_000.0, partial(world.crash, world.stations[at % 4], 200.0))
    world.run(24 * 3600.0)
    assert world.settle(48 * 3600.0), "something is still waiting after two more days"
    assert Counter(world.texts(world.center)) == Counter(reports)
    for one in world.kits:
        assert Counter(world.texts(one)) == Counter(orders)


@pytest.mark.timeout(200)
def test_plain_words_arrive_marked_and_apart_from_messages(street: Street) -> None:
    send = ("sms", "send", "--home", str(street.center), KIT_NUMBER, "Évacuez", "vers", "Sada")
    assert "[clear]" in ours(*send, "--clear", fails=True)
    for home in (street.center, street.kit):
        settings = Places.of(home).settings
        settings.write_text(settings.read_text() + "\n[clear]\nallowed = true\n")
    assert "--clear" in ours(*send, fails=True)
    street.start()
    assert "KEPT" in ours(*send, "--clear")
    until(lambda: "DELIVERED" in ours("sms", "list", "--home", str(street.center)), 120)
    until(lambda: "Évacuez" in ours("sms", "list", "--home", str(street.kit)), 60)
    line = ours("sms", "list", "--home", str(street.kit))
    assert CENTER_NUMBER in line and "READABLE BY ALL" in line and "NOT AUTHENTICATED" in line
    assert texts(street.kit) == Counter()


def ours(*words: str, fails: bool = False) -> str:
    """Run a command; what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "crisiskit", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"CRISISKIT_LANG": "en"},
    )
    assert (done.returncode != 0) is fails, done.stderr
    return done.stdout + done.stderr
