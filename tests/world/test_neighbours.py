"""A kit without sky reaches its center through a neighbour, with real processes and networks.

The center and kit A have a TCP line; kit B sees nobody but A, by multicast.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisiskit import enrolment
from crisiskit.clock import wall_ms
from crisiskit.installation import looking, reading, writing
from crisiskit.model import CENTER, Precedence, RecordKind, State
from crisiskit.store.store import Draft

PATIENCE_S = 100.0
SECRET = "the east bridge carries no more than two tonnes"
LAN = '\n[[link]]\nname = "lan"\nkind = "neighbours"\nbind = "127.0.0.1"\n'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Network:
    """A center and two kits in folders, and the processes that serve them."""

    def __init__(self, place: Path) -> None:
        self.center, self.a, self.b = (place / name for name in ("center", "a", "b"))
        enrolment.create_center(self.center, "Test", exercise=False)
        for home, name in ((self.a, "Alpha"), (self.b, "Bravo")):
            enrolment.create_kit(home, name, (self.center / "network.ckcn").read_bytes())
            reply, _, _ = enrolment.enrol(self.center, enrolment.make_request(home))
            enrolment.activate(home, reply)
        self.running: dict[Path, subprocess.Popen[bytes]] = {}

    def link(self, home: Path, *tables: str) -> None:
        with (home / "settings.toml").open("a") as file:
            file.write("".join(tables))

    def tcp(self) -> None:
        """The line of the center and kit A."""
        port = free_port()
        for home, kind in ((self.center, "tcp-listen"), (self.a, "tcp")):
            self.link(home, f'\n[[link]]\nname = "line"\nkind = "{kind}"\nport = {port}\n')

    def start(self, home: Path, *inside: str) -> None:
        """``inside``: words that put a command into a network of its own."""
        command = ["center", "run"] if home == self.center else ["agent"]
        with (home / "log").open("ab") as log:
            self.running[home] = subprocess.Popen(
                [*inside, sys.executable, "-m", "crisiskit", *command, "--home", str(home)],
                stderr=log,
                stdout=log,
                env=os.environ | {"CRISISKIT_LANG": "en"},
            )

    def kill(self, home: Path) -> None:
        process = self.running.pop(home)
        process.kill()
        process.wait()


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network(tmp_path)
    yield made
    for home in list(made.running):
        made.kill(home)


def keep(home: Path, text: str, to: str = CENTER) -> None:
    with writing(home) as store:
        store.keep([Draft(RecordKind.TEXT, Precedence.PRIORITY, text, to=to)])


def texts(home: Path) -> Counter[str]:
    with reading(home) as views:
        return Counter(message.text for message in views.search("in"))


def states(home: Path) -> dict[str, State]:
    with reading(home) as views:
        return {message.text: message.state for message in views.search("out")}


def until(ready: Callable[[], object], *homes: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while not ready():
        logs = "\n".join((home / "log").read_text()[-1500:] for home in homes)
        assert time.monotonic() < end, f"it did not happen in time\n{logs}"
        time.sleep(0.1)


def held(home: Path) -> bool:
    with reading(home) as views:
        return views.waiting() == 0


def test_messages_and_receipts_pass_through_a_neighbour_that_is_killed(network: Network) -> None:
    network.tcp()
    network.link(network.a, LAN)
    network.link(network.b, LAN)
    homes = network.center, network.a, network.b
    for home in homes:
        network.start(home)
    keep(network.b, SECRET)
    until(lambda: states(network.b) == {SECRET: State.HELD}, *homes)
    keep(network.center, "go to the school", "Bravo")
    until(lambda: texts(network.b) == Counter(["go to the school"]), *homes)
    until(lambda: held(network.center), *homes)

    network.kill(network.a)
    keep(network.b, "written while nobody carries")
    keep(network.center, "for B, while nobody carries", "Bravo")
    network.start(network.a)
    until(lambda: held(network.b) and held(network.center), *homes)
    wanted = Counter([SECRET, "written while nobody carries"])
    assert texts(network.center) == wanted
    assert texts(network.b) == Counter(["go to the school", "for B, while nobody carries"])

    with looking(network.a) as views:
        assert views.carrying(wall_ms()).frames_today >= 4
        neighbours = [(one.name, one.here) for one in views.neighbours()]
        assert neighbours == [("Bravo", True)]
        assert views.count() == 0, "nothing of another kit is a message here"
    for path in network.a.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_what_a_relay_took_goes_on_when_it_finds_sky_and_the_writer_is_gone(
    network: Network,
) -> None:
    network.tcp()
    network.link(network.a, LAN)
    network.link(network.b, LAN)
    for home in (network.a, network.b):
        network.start(home)
    keep(network.b, "taken along")

    def taken() -> bool:
        with looking(network.a) as views:
            return views.carrying(wall_ms()).frames > 0

    until(taken, network.a, network.b)
    network.kill(network.b)
    network.kill(network.a)
    network.start(network.a)
    network.start(network.center)
    until(lambda: texts(network.center) == Counter(["taken along"]), network.a, network.center)
    assert states(network.b) == {"taken along": State.SENT}, "a relay marks nothing delivered"
    network.start(network.b)
    until(lambda: states(network.b) == {"taken along": State.HELD}, network.a, network.b)
    until(lambda: not taken(), network.a)


def test_a_kit_and_its_center_on_one_network_need_nobody_else(network: Network) -> None:
    homes = network.center, network.b
    for home in homes:
        network.link(home, LAN)
        network.start(home)
    keep(network.b, SECRET)
    until(lambda: states(network.b) == {SECRET: State.HELD}, *homes)
    keep(network.center, "understood", "Bravo")
    until(lambda: texts(network.b) == Counter(["understood"]) and held(network.center), *homes)


@pytest.fixture
def cable(real: Callable[[str], str]) -> Iterator[Callable[..., list[str]]]:
    """Two networks of their own: ``cable(n)`` gives the words to be inside the n-th.

    ``cable(plug=True)`` joins them with a cable, each with an address.
    """
    ip = real("ip")
    names = [f"ck-{os.getpid()}-{n}" for n in range(2)]

    def run(*words: str) -> None:
        subprocess.run([ip, *words], check=True)

    def cable(n: int = 0, plug: bool = False) -> list[str]:
        if plug:
            run("-n", names[0], "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
            run("-n", names[0], "link", "set", "lan1", "netns", names[1])
            for at, name in enumerate(names):
                run("-n", name, "addr", "add", f"198.51.100.{at + 1}/24", "dev", f"lan{at}")
                run("-n", name, "link", "set", f"lan{at}", "up")
        return [ip, "netns", "exec", names[n]]

    if os.geteuid() or subprocess.run([ip, "netns", "add", names[0]], check=False).returncode:
        pytest.skip("networks of their own need root and a kernel that makes them")
    run("netns", "add", names[1])
    try:
        for name in names:
            run("-n", name, "link", "set", "lo", "up")
        yield cable
    finally:
        for name in names:
            run("netns", "del", name)


def test_they_find_each_other_the_moment_a_cable_joins_them(
    network: Network, cable: Callable[..., list[str]]
) -> None:
    homes = network.center, network.b
    for n, home in enumerate(homes):
        network.link(home, '\n[[link]]\nname = "nearby"\nkind = "neighbours"\n')
        network.start(home, *cable(n))
    keep(network.b, SECRET)

    def running() -> bool:
        with looking(network.b) as views:
            return any(one.reason == "no_service" for one in views.links(wall_ms()))

    until(running, *homes)
    cable(plug=True)
    until(lambda: states(network.b) == {SECRET: State.HELD}, *homes)
