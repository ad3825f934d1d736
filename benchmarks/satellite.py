"""500 real messages through the played 9602, one session in five failing.

    python benchmarks/satellite.py ../shared

Everything is real but the sky: two agents with their stores, the SBD driver on a
pseudo-terminal, DirectIP on loopback. Only sessions are shorter than on a real modem.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from corpus import messages

from crisiskit import enrolment
from crisiskit.agent import Agent
from crisiskit.clock import wall_ms
from crisiskit.installation import Places
from crisiskit.links import ConfiguredLink, configured_links
from crisiskit.model import Precedence, RecordKind
from crisiskit.settings import load
from crisiskit.store.store import Draft, Store
from crisiskit.store.views import Views
from hardware.sim.core9602 import Nature
from hardware.sim.gateway import PlayedGateway
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import Uplink
from transports.sbd import SbdLink

COUNT = 500
LOSS, MAYBE = 0.2, 0.02
KIT = """
[[link]]
name = "satellite"
kind = "sbd"
port = "{port}"
session_gap_s = 0.0
receipt_delay_s = 20.0
repeat_s = 30.0
"""
CENTER = """
[[link]]
name = "directip"
kind = "directip"
port = {port}
gateway_host = "127.0.0.1"
gateway_port = {mt}
receipt_delay_s = 1.0
repeat_s = 30.0
"""


def main() -> None:
    """Measure both columns and print a line for each."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    for column in ("message", "original"):
        texts = messages(shared, column, COUNT)
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(Path(folder), column, texts))


async def measure(folder: Path, column: str, texts: list[str]) -> None:
    """Send the texts, wait until all are HELD, and print what it took."""
    center_home, kit_home, port = _enrolled(folder)
    gateway = PlayedGateway("127.0.0.1", port, modem_port=0, mt_port=0)
    serving = asyncio.create_task(gateway.run())
    await gateway.ready.wait()
    _link(center_home, CENTER.format(port=port, mt=gateway.mt_port))
    _link(kit_home, KIT.format(port=folder / "modem"))
    center, kit = Store(center_home / "store.db", wall_ms), Store(kit_home / "store.db", wall_ms)
    kit.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, text) for text in texts])
    nature = Nature(session_s=0.02, loss=LOSS, maybe=MAYBE, seed=1, boot_s=0.1)
    stop = asyncio.Event()
    began = time.monotonic()
    async with PlayedModem(folder / "modem", Uplink("127.0.0.1", gateway.modem_port), nature) as m:
        agents = [
            asyncio.create_task(agent.run(False, stop))
            for agent in (
                Agent(center, configured_links(center_home), wall_ms, os.urandom),
                Agent(kit, [_modem_link(kit_home)], wall_ms, os.urandom),
            )
        ]
        views = Views(kit_home / "store.db")
        while views.tally("out").get("held", 0) < COUNT:
            await asyncio.sleep(0.5)
        sessions = m.sessions
        stop.set()
        await asyncio.gather(*agents)
    serving.cancel()
    _report(column, texts, center_home, gateway, sessions, time.monotonic() - began)


def _report(
    column: str, texts: list[str], home: Path, gateway: PlayedGateway, sessions: int, took: float
) -> None:
    views = Views(home / "store.db")
    got = Counter(message.text for message in views.search("in"))
    want = Counter(texts)
    envelopes = views._rows("SELECT count(*), sum(length(frame)) FROM arrived")[0]
    mo = gateway.counters
    print(
        f"{column}: {COUNT} HELD, {len(got)} distinct at the center,"
        f" lost {sum((want - got).values())}, doubled {sum((got - want).values())};"
        f" {sessions} sessions, {envelopes[0]} envelopes in {mo.mo} MO frames,"
        f" {mo.mo_bytes} B up, {mo.mt} MT frames, {mo.mt_bytes} B down, {mo.credits} credits"
        f" in all; {COUNT / envelopes[0]:.2f} messages a 340-byte frame,"
        f" {sum(len(t.encode()) for t in texts) / COUNT:.0f} B mean text; {took:.0f} s"
    )


def _enrolled(folder: Path) -> tuple[Path, Path, int]:
    import socket

    center, kit = folder / "center", folder / "kit"
    enrolment.create_center(center, "bench", exercise=False)
    enrolment.create_kit(kit, "kit", Places.of(center).network.read_bytes())
    reply, _, _ = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return center, kit, int(probe.getsockname()[1])


def _modem_link(home: Path) -> ConfiguredLink:
    """The kit's link, without the random seconds it would wait after a failure."""
    made = configured_links(home)[0]
    options = load(home).links[0].options
    link = SbdLink(options, made.traits, chance=lambda: 0.0)
    return ConfiguredLink(made.name, made.kind, made.traits, link)


def _link(home: Path, table: str) -> None:
    with Places.of(home).settings.open("a", encoding="utf-8") as file:
        file.write(table)


if __name__ == "__main__":
    main()
