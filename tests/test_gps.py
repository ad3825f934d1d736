"""The newest fix, the clock it speaks for, and reports by policy; under a virtual clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crisiskit import doctor, enrolment, serve
from crisiskit.crypto.vault import Vault
from crisiskit.errors import SettingsError
from crisiskit.gps import (
    FIX_FACT,
    OFF_FACT,
    Keeper,
    Policy,
    distance_m,
    newest_fix,
    policy_of,
    report,
)
from crisiskit.installation import reading
from crisiskit.keystore import opened
from crisiskit.model import ClockQuality, Message, Precedence, RecordKind
from crisiskit.settings import GpsSettings, load
from crisiskit.store.store import Draft, Store
from hardware.nmea import Fix, checksum
from hardware.sim.pty_port import PtyPort

NOW_S = 1_795_456_812
HERE = Fix(NOW_S, -12.7807, 45.22505, 4.6)
MINUTE = 60_000


def moved(metres: float, fix: Fix = HERE) -> Fix:
    return replace(fix, latitude=fix.latitude + metres / 111_195)


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_S * 1000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    center, home = tmp_path / "center", tmp_path / "kit"
    enrolment.create_center(center, "Mayotte", exercise=False)
    enrolment.create_kit(home, "Delta-2", (center / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(center, enrolment.make_request(home))
    enrolment.activate(home, reply)
    return home


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(kit: Path) -> Vault:
    return opened(kit).vault


@pytest.fixture
def store(kit: Path, clock: Clock, vault: Vault) -> Iterator[Store]:
    made = Store(kit / "store.db", clock, vault)
    yield made
    made.close()


def messages(home: Path) -> list[Message]:
    with reading(home) as views:
        return list(views.search("out"))


def fix_of(home: Path) -> tuple[Fix, int] | None:
    with reading(home) as views:
        return newest_fix(views)


# -- when to report ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "passed_min", "metres", "due"),
    [
        (Policy(), 600, 9000, False),
        (Policy(every_ms=60 * MINUTE), 59, 9000, False),
        (Policy(every_ms=60 * MINUTE), 60, 0, True),
        (Policy(moved_m=500), 600, 490, False),
        (Policy(moved_m=500), 1, 510, True),
        (Policy(moved_m=500, least_ms=10 * MINUTE), 9, 5000, False),
        (Policy(moved_m=500, least_ms=10 * MINUTE), 10, 5000, True),
        (Policy(every_ms=5 * MINUTE, least_ms=10 * MINUTE), 6, 0, False),
        (Policy(every_ms=60 * MINUTE), -61, 0, True),  # the clock was set back
    ],
)
def test_when_a_report_is_due(policy: Policy, passed_min: int, metres: float, due: bool) -> None:
    last = (NOW_S * 1000, HERE)
    assert policy.due(last, last[0] + passed_min * MINUTE, moved(metres)) is due


def test_the_first_fix_is_reported_if_any_is() -> None:
    assert Policy(moved_m=500).due(None, 0, HERE)
    assert not Policy(least_ms=1).due(None, 0, HERE)


def test_distances() -> None:
    assert distance_m(HERE, moved(500)) == pytest.approx(500, rel=0.01)
    east = replace(HERE, longitude=-179.9), replace(HERE, longitude=179.9)
    assert distance_m(*east) < 25_000, "across the date line"


def test_a_day_on_the_road(kit: Path, store: Store, vault: Vault, clock: Clock) -> None:
    """Standing still: one an hour. Driving: each 500 m, but not more than one in ten minutes."""
    keeper = Keeper(store, vault, Policy(60 * MINUTE, 500, 10 * MINUTE), clock)
    place = HERE
    for minute in range(24 * 60):
        clock.ms += MINUTE
        if 480 <= minute < 540:
            place = moved(1000, place)
        keeper.take(replace(place, at_s=clock.ms // 1000))
    found = messages(kit)
    assert 24 + 4 <= len(found) <= 24 + 6
    assert {message.kind for message in found} == {RecordKind.FORM}
    kept = [message for message in found if message.state == "kept"]
    assert len(kept) == 1, "a newer report takes the place of one that waits"


def test_who_starts_again_does_not_report_each_time(
    kit: Path, store: Store, vault: Vault, clock: Clock
) -> None:
    for _ in range(5):
        Keeper(store, vault, Policy(60 * MINUTE, 0, 0), clock).take(HERE)
        clock.ms += MINUTE
    assert len(messages(kit)) == 1


def test_a_report_is_small_and_says_how_exact_it_is() -> None:
    draft = report(HERE, NOW_S * 1000)
    assert draft.text == "" and len(draft.data) <= 10
    assert report(replace(HERE, error_m=None), NOW_S * 1000).data != draft.data
    assert report(replace(HERE, error_m=90_000.0), NOW_S * 1000)


# -- what is kept ------------------------------------------------------------------------------


def test_the_newest_fix_is_kept_sealed(kit: Path, store: Store, vault: Vault, clock: Clock) -> None:
    assert fix_of(kit) is None
    keeper = Keeper(store, vault, Policy(), clock)
    for metres in (0, 10, 100, 110):
        keeper.take(moved(metres))
    sealed = store.meta(FIX_FACT) or b""
    assert fix_of(kit) == (moved(100), clock.ms), "a few metres are not worth a commit"
    assert b"latitude" not in sealed and b"45.2" not in sealed
    clock.ms += MINUTE
    keeper.take(moved(110))
    assert fix_of(kit) == (moved(110), clock.ms)


def quality(kit: Path, store: Store) -> ClockQuality:
    store.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, "what time is it?")])
    return max(messages(kit), key=lambda message: message.ref).clock


def test_a_clock_that_agrees_is_as_good_as_the_satellites(
    kit: Path, store: Store, vault: Vault, clock: Clock
) -> None:
    assert quality(kit, store) is ClockQuality.UNKNOWN
    clock.ms += 20_000
    Keeper(store, vault, Policy(), clock).take(HERE)
    assert quality(kit, store) is ClockQuality.SATELLITE


def test_a_clock_that_is_off_is_told_once_and_never_set(
    kit: Path, store: Store, vault: Vault, clock: Clock
) -> None:
    clock.ms += 3_600_000
    keeper = Keeper(store, vault, Policy(), clock)
    for _ in range(3):
        clock.ms += MINUTE
        keeper.take(replace(HERE, at_s=clock.ms // 1000 - 3600))
    assert quality(kit, store) is ClockQuality.UNKNOWN
    assert store.meta(OFF_FACT) == b"3600"
    with reading(kit) as views:
        assert [(n.code, n.detail) for n in views.notices()] == [("clock_off_gps", "3600")]


# -- settings, agent, doctor -------------------------------------------------------------------


def test_the_policy_of_the_settings(kit: Path) -> None:
    (kit / "settings.toml").write_text(
        '[gps]\ngpsd = "127.0.0.1:2947"\nreport_every = "1h"\nreport_moved_m = 500\n'
    )
    settings = load(kit).gps
    assert settings.used
    assert policy_of(settings, kit) == Policy(60 * MINUTE, 500, 10 * MINUTE)
    with pytest.raises(SettingsError, match="settings_wrong_value"):
        policy_of(GpsSettings(report_every="often"), kit)


@pytest.mark.parametrize("line", ['gpsd = "127.0.0.1"', "report_moved_m = -1", 'recieve = "x"'])
def test_a_wrong_table_is_refused(kit: Path, line: str) -> None:
    (kit / "settings.toml").write_text(f"[gps]\n{line}\n")
    with pytest.raises(SettingsError):
        load(kit)


def sentence(at_s: int) -> bytes:
    now = datetime.fromtimestamp(at_s, UTC)
    body = f"GPRMC,{now:%H%M%S}.00,A,1246.8420,S,04513.5030,E,0.05,,{now:%d%m%y},,,A"
    return f"${body}*{checksum(body.encode()):02X}\r\n".encode()


async def test_an_agent_with_a_receiver(kit: Path) -> None:
    port = PtyPort(lambda _data: None)
    (kit / "settings.toml").write_text(f'[gps]\nport = "{port.name}"\nreport_every = "1h"\n')
    findings = {one.check: one for one in doctor.examine(kit)}
    assert findings["gps"].level == "warning"
    stop = asyncio.Event()
    running = asyncio.create_task(serve.run(kit, stop=stop))
    try:
        async with asyncio.timeout(30):
            while not messages(kit):
                port.write(sentence(int(time.time())))
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await running
        port.close()
    (found,) = messages(kit)
    assert found.kind is RecordKind.FORM and found.clock is ClockQuality.SATELLITE
    findings = {one.check: one for one in doctor.examine(kit)}
    assert findings["gps"].level == "ok" and "gps.clock" not in findings
