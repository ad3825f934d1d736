"""500 real messages through the played 9602, one session in five failing.

Everything is real but the sky and the time: two agents with their stores, the SBD driver on a
pseudo-terminal, DirectIP on loopback, in an event loop whose clock runs fast. Almost all of
the time passes in the pauses that the driver makes after a failed session.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from corpus import messages
from report import Options, Report
from sizes import packed, per_frame
from stations import add_link, enrolled, free_port

from crisiskit.agent import Agent
from crisiskit.clock import wall_ms
from crisiskit.installation import looking, reading
from crisiskit.keystore import opened
from crisiskit.links import ConfiguredLink, configured_links
from crisiskit.model import Precedence, RecordKind
from crisiskit.settings import load
from crisiskit.store.store import Draft, Store
from hardware.sim.core9602 import Nature
from hardware.sim.gateway import PlayedGateway
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import Uplink
from transports.sbd import SbdLink

COUNT = 500
LOSS, MAYBE = 0.2, 0.02
SPEED = 10
LOOK_S = 2.0
GIVE_UP_S = 1200.0
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


class _FastSelector(selectors.DefaultSelector):
    """Waits a fraction of what it is told."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See selectors.BaseSelector."""
        return super().select(None if timeout is None else timeout / SPEED)


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop in which ``SPEED`` seconds pass in each second."""

    def __init__(self) -> None:
        super().__init__(_FastSelector())

    def time(self) -> float:
        """See asyncio.AbstractEventLoop."""
        return super().time() * SPEED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What it took. ``took_s`` counts the loop's own seconds."""

    held: int
    texts: Counter[str]
    envelopes: int
    sessions: int
    gateway: PlayedGateway
    took_s: float


def run(options: Options, report: Report) -> None:
    """Both columns through the played modem; the other genres by packing only."""
    report.part(f"satellite: {COUNT} texts each, {LOSS:.0%} of sessions fail, {MAYBE:.0%} maybe")
    for column in ("message", "original"):
        texts = messages(options.shared, column, COUNT)
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=FastLoop) as fast:
            _print(column, texts, fast.run(measure(Path(folder), texts)), report)
    texts = messages(options.shared, "message", COUNT, genre=None)
    frames = packed(texts)
    report.figure("message, all genres: frames, by packing only", len(frames), "frames")
    report.figure("message, all genres: in a full frame", per_frame(frames), "texts", digits=2)


async def measure(folder: Path, texts: list[str]) -> Outcome:
    """Send the texts and wait until all are HELD."""
    center_home, kit_home = enrolled(folder)
    port = free_port()
    gateway = PlayedGateway("127.0.0.1", port, modem_port=0, mt_port=0)
    serving = asyncio.create_task(gateway.run())
    await gateway.ready.wait()
    add_link(center_home, CENTER.format(port=port, mt=gateway.mt_port))
    add_link(kit_home, KIT.format(port=folder / "modem"))
    center, kit = (
        Store(home / "store.db", wall_ms, opened(home).vault) for home in (center_home, kit_home)
    )
    kit.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, text) for text in texts])
    nature = Nature(session_s=0.02, loss=LOSS, maybe=MAYBE, seed=1, boot_s=0.1)
    stop = asyncio.Event()
    now = asyncio.get_running_loop().time
    began = now()
    async with PlayedModem(folder / "modem", Uplink("127.0.0.1", gateway.modem_port), nature) as m:
        agents = [
            asyncio.create_task(agent.run(False, stop))
            for agent in (
                Agent(center, configured_links(center_home), wall_ms, os.urandom),
                Agent(kit, [_modem_link(kit_home)], wall_ms, os.urandom),
            )
        ]
        with looking(kit_home) as views:
            while (held := views.tally("out").get("held", 0)) < len(texts):
                if now() - began > GIVE_UP_S:
                    break
                await asyncio.sleep(LOOK_S)
        took_s, sessions = now() - began, m.sessions
        stop.set()
        await asyncio.gather(*agents)
    serving.cancel()
    center.close()
    kit.close()
    return Outcome(held, *_arrived(center_home), sessions, gateway, took_s)


def _arrived(center: Path) -> tuple[Counter[str], int]:
    """The texts at the center, and how many envelopes brought them."""
    with reading(center) as views:
        texts = Counter(message.text for message in views.search("in"))
    with closing(sqlite3.connect(center / "store.db")) as db:
        return texts, db.execute("SELECT count(*) FROM arrived").fetchone()[0]


def _print(column: str, texts: list[str], got: Outcome, report: Report) -> None:
    want, sky = Counter(texts), got.gateway.counters
    report.figure(f"{column}: shown as HELD", got.held, "texts", least=COUNT)
    report.figure(f"{column}: distinct at the center", len(got.texts), "texts", least=COUNT)
    doubled = sum((got.texts - want).values())
    report.figure(f"{column}: doubled or altered at the center", doubled, "texts", most=0)
    report.figure(f"{column}: in an envelope", COUNT / got.envelopes, "texts", digits=2)
    report.note(
        f"{column}: {got.sessions} sessions, {got.envelopes} envelopes in {sky.mo} MO frames of"
        f" {sky.mo_bytes} B, {sky.mt} MT frames of {sky.mt_bytes} B, {sky.credits} credits"
        f" ({sky.credits / COUNT:.2f} a text), {got.took_s:.0f} s"
    )


def _modem_link(home: Path) -> ConfiguredLink:
    """The kit's link, without the random seconds it would wait after a failure."""
    made = configured_links(home)[0]
    options = load(home).links[0].options
    link = SbdLink(options, made.traits, chance=lambda: 0.0)
    return ConfiguredLink(made.name, made.kind, made.traits, link)
