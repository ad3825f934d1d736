"""Where this station is: the newest fix, what it says of the clock, and position reports.

The clock is never set from here. A fix is sealed in the store like all that people write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crisiskit.clock import minute_of, wall_ms
from crisiskit.compose import compose_form, parse_duration
from crisiskit.errors import CrisiskitError, SettingsError, TrustError
from crisiskit.installation import open_installation, writing
from crisiskit.keystore import opened
from crisiskit.model import CENTER, Notice, Precedence, RecordKind
from crisiskit.settings import FILE_NAME, GpsSettings, load
from crisiskit.step import Raised
from crisiskit.store.drafts import Draft
from crisiskit.store.schema import Sealed
from hardware.nmea import Fix

if TYPE_CHECKING:
    from crisiskit.crypto.vault import Vault
    from crisiskit.store.store import Store
    from crisiskit.store.views import Views

log = logging.getLogger(__name__)

FIX_FACT = "gps_fix"
AT_FACT = "gps_fix_at"
REPORTED_FACT = "gps_reported"
AGREED_FACT = "gps_agreed_at"
OFF_FACT = "gps_clock_off_s"
REPORT_KEY = "gps-position"
CLOCK_OFF_MS = 60_000
STORE_EVERY_MS = 60_000
STORE_MOVED_M = 25.0
RETRY_S = 10.0
EARTH_M = 6_371_009.0
_ACCURACIES = ((10.0, "10m"), (100.0, "100m"), (1000.0, "1km"), (10_000.0, "10km"))


@dataclass(frozen=True, slots=True)
class Policy:
    """When a position is reported by itself. Times in milliseconds, 0 for never."""

    every_ms: int = 0
    moved_m: float = 0.0
    least_ms: int = 0

    def due(self, last: tuple[int, Fix] | None, now_ms: int, fix: Fix) -> bool:
        """Whether ``fix`` is to be reported, after the ``last`` report and when that was."""
        if not (self.every_ms or self.moved_m):
            return False
        if last is None:
            return True
        passed_ms = abs(now_ms - last[0])  # a clock that was set back must not silence reports
        if passed_ms < self.least_ms:
            return False
        far = bool(self.moved_m) and distance_m(last[1], fix) >= self.moved_m
        return far or (bool(self.every_ms) and passed_ms >= self.every_ms)


class Keeper:
    """Takes fixes as they come: keeps the newest, judges the clock, reports by policy."""

    def __init__(self, store: Store, vault: Vault, policy: Policy, wall: Callable[[], int]) -> None:
        self._store = store
        self._vault = vault
        self._policy = policy
        self._wall = wall
        self._kept: tuple[int, Fix] | None = None
        self._reported = self._last_report()
        self._told = False

    def take(self, fix: Fix) -> None:
        """One fix has come in just now. Raises CrisiskitError where it cannot be stored."""
        now_ms = self._wall()
        kept = self._kept
        if (
            kept is None
            or abs(now_ms - kept[0]) >= STORE_EVERY_MS
            or distance_m(kept[1], fix) >= STORE_MOVED_M
        ):
            self._store.set_meta(**self._facts(fix, now_ms))
            self._kept = (now_ms, fix)
            self._tell_clock(now_ms - 1000 * fix.at_s)
        if self._policy.due(self._reported, now_ms, fix):
            self._store.keep([report(fix, now_ms)])
            self._reported = (now_ms, fix)
            sealed = self._vault.seal(msgspec.json.encode(self._reported), Sealed.FIX)
            self._store.set_meta(**{REPORTED_FACT: sealed})
            log.info("position_reported")

    def _last_report(self) -> tuple[int, Fix] | None:
        """Also of an earlier life: who starts again and again does not report each time."""
        sealed = self._store.meta(REPORTED_FACT)
        if sealed is None:
            return None
        return msgspec.json.decode(self._vault.open(sealed, Sealed.FIX), type=tuple[int, Fix])

    def _tell_clock(self, off_ms: int) -> None:
        """A notice, once: it is for people to set the clock."""
        if abs(off_ms) >= CLOCK_OFF_MS and not self._told:
            self._told = True
            notice = Notice("clock_off_gps", str(off_ms // 1000))
            self._store.apply([Raised(one, notice) for one in sorted(self._store.pairings())[:1]])

    def _facts(self, fix: Fix, now_ms: int) -> dict[str, bytes]:
        off_ms = now_ms - 1000 * fix.at_s
        facts = {
            FIX_FACT: self._vault.seal(msgspec.json.encode(fix), Sealed.FIX),
            AT_FACT: b"%d" % now_ms,
            OFF_FACT: b"%d" % (off_ms // 1000),
        }
        if abs(off_ms) < CLOCK_OFF_MS:
            facts[AGREED_FACT] = b"%d" % now_ms
        return facts


def report(fix: Fix, now_ms: int) -> Draft:
    """A position report; a newer one takes the place of one that still waits."""
    answers = {"position": f"{fix.latitude:.5f} {fix.longitude:.5f}"}
    if fix.error_m is not None:
        answers["accuracy"] = next((key for most, key in _ACCURACIES if fix.error_m <= most), "")
    data, text = compose_form("position", answers, minute_of(now_ms))
    return Draft(RecordKind.FORM, Precedence.ROUTINE, text, data, to=CENTER, replace_key=REPORT_KEY)


def newest_fix(views: Views) -> tuple[Fix, int] | None:
    """The newest fix in the store, and when it came (milliseconds).

    None where there is none, or somebody altered it. BusyError ``home_locked``.
    """
    value = views.fact(FIX_FACT)
    if not value:
        return None
    try:
        found = views.opened(value, Sealed.FIX)
    except TrustError:
        return None
    return msgspec.json.decode(found, type=Fix), int(views.fact(AT_FACT) or b"0")


def distance_m(one: Fix, other: Fix) -> float:
    """Metres along a great circle."""
    north, east = radians(other.latitude - one.latitude), radians(other.longitude - one.longitude)
    half = sin(north / 2) ** 2 + (
        cos(radians(one.latitude)) * cos(radians(other.latitude)) * sin(east / 2) ** 2
    )
    return 2 * EARTH_M * asin(min(1.0, sqrt(half)))


def policy_of(settings: GpsSettings, home: Path) -> Policy:
    """The policy of a ``[gps]`` table. SettingsError for a duration that is none."""
    every, least = (
        _milliseconds(home, key, getattr(settings, key)) for key in ("report_every", "report_least")
    )
    return Policy(every, settings.report_moved_m, least)


def _milliseconds(home: Path, key: str, word: str) -> int:
    if not word:
        return 0
    try:
        return 1000 * parse_duration(word)
    except CrisiskitError as error:
        from crisiskit.i18n import explain

        path, key = home / FILE_NAME, f"gps.{key}"
        raise SettingsError(
            "settings_wrong_value", path=path, key=key, why=explain(error)
        ) from None


async def watch(home: Path, settings: GpsSettings, vault: Vault) -> None:
    """Keep the newest fix of ``home`` until cancelled; receiver and disk may come and go."""
    from hardware.port import PortError

    policy = policy_of(settings, home)
    if not _reports(home):
        policy = Policy()
    while True:
        try:
            with writing(home) as store:
                keeper = Keeper(store, vault, policy, wall_ms)
                async with aclosing(_fixes(settings)) as fixes:
                    async for fix in fixes:
                        keeper.take(fix)
        except PortError as error:
            log.info("gps_down code=%s %s", error.code, error.detail)
        except CrisiskitError as error:
            log.error("fix_not_stored code=%s", error.code)
        await asyncio.sleep(RETRY_S)


def _fixes(settings: GpsSettings) -> AsyncGenerator[Fix, None]:
    from hardware.gps import gpsd_fixes, serial_fixes

    if settings.port:
        return serial_fixes(settings.port, settings.baud)
    host, _colon, port = settings.gpsd.rpartition(":")
    return gpsd_fixes(host.strip("[]"), int(port))


def _reports(home: Path) -> bool:
    """A kit that is active reports; a center has nobody to report to."""
    station = open_installation(home)
    return station.active and station.role != CENTER


def start(home: Path) -> asyncio.Task[None] | None:
    """The task that keeps the newest position, if a receiver is set up."""
    settings = load(home, links=False).gps
    if not settings.used:
        return None
    policy_of(settings, home)
    return asyncio.create_task(watch(home, settings, opened(home).vault))
