"""Checks of one home folder: role, store, room on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from crisiskit.clock import wall_ms
from crisiskit.doctor import protection
from crisiskit.doctor.finding import Finding, Level, ok, warning, wrong
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, explain
from crisiskit.installation import (
    RESERVE_ROOM_BYTES,
    Installation,
    Places,
    agent_runs,
    looking,
    open_installation,
)
from crisiskit.model import CENTER
from crisiskit.render import size_text
from crisiskit.store import schema
from crisiskit.store.connect import explained, open_reader
from crisiskit.store.store import BALLAST_BYTES

ROOM_BYTES_SOME = 256 * 1024 * 1024
ROOM_BYTES_LEAST = 32 * 1024 * 1024
DAY_MS = 86_400_000
FIX_OLD_MIN = 10


def exists(home: Path) -> bool:
    """Whether there is, or was, an installation."""
    return Places.of(home).store.exists() or Places.of(home).keystore.exists()


def nothing_yet(home: Path) -> Finding:
    """What to do on a fresh machine."""
    text = _("There is no installation in {path} yet.").format(path=home)
    fix = _(
        "Try it with “crisiskit demo”. For a kit: crisiskit kit init NAME --center FILE. For a "
        "center: crisiskit center init."
    )
    return ok("home", text, fix)


def findings(home: Path) -> Iterator[Finding]:
    """Everything that can be said of the installation in ``home``."""
    places = Places.of(home)
    store = _store(places)
    yield store
    if store.level is not Level.WRONG:
        installation = open_installation(home)
        yield _role(installation)
        yield from _dates(home)
        yield _network(installation)
        yield from _files(home)
    yield from protection.findings(home, store.level is not Level.WRONG)
    yield from _room(places)
    yield _agent(home)


def _files(home: Path) -> Iterator[Finding]:
    """How many files of messages came in whole, and how many are on their way."""
    with looking(home) as views:
        tally = views.files_in()
    if not any(tally):
        return
    words = _("Files that came in: {whole} whole, {partly} on their way, {lost} damaged.")
    text = words.format(whole=tally[0], partly=tally[1], lost=tally[2])
    if tally[2]:
        yield warning("files", text, _("“crisiskit list --json” names them: ask for them again."))
    else:
        yield ok("files", text)


def _store(places: Places) -> Finding:
    if not places.store.exists():
        text = _("The store {path} is missing.").format(path=places.store)
        return wrong("store", text, _("Bring it back from a backup, or make a new installation."))
    try:
        with closing(open_reader(places.store)) as db, explained(places.store):
            answer = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            found = schema.version(db)
    except CrisiskitError as error:
        return wrong("store", explain(error))
    if answer != "ok":
        return wrong("store", explain(CrisiskitError("store_damaged", path=places.store)))
    if found > schema.VERSION:
        newer = CrisiskitError("store_newer", path=places.store, found=found, known=schema.VERSION)
        return wrong("store", explain(newer))
    text = _("The store opens and is whole (format {found}).")
    return ok("store", text.format(found=found))


def _role(station: Installation) -> Finding:
    names = {"name": station.name, "network": station.network, "number": station.kit_number}
    if station.role == CENTER:
        return ok("role", _("Center “{name}”.").format(**names))
    if not station.active:
        text = _("Kit “{name}” of “{network}”, not activated.").format(**names)
        return warning("role", text, explain(CrisiskitError("not_activated")))
    return ok("role", _("Kit “{name}”, number {number} of “{network}”.").format(**names))


def _dates(home: Path) -> Iterator[Finding]:
    """A message dated after now means that a clock was wrong, then or now."""
    with looking(home) as views:
        newest = views.newest_change()
    if newest > wall_ms() + DAY_MS:
        yield warning(
            "clock",
            _("The store holds messages that were written after the time this clock shows."),
            _("Set the clock. Nothing is refused for its date."),
        )


def receiver(home: Path) -> Iterator[Finding]:
    """What the satellite receiver said last, and what it says of the clock."""
    from crisiskit.gps import AT_FACT, CLOCK_OFF_MS, OFF_FACT

    with looking(home) as views:
        at_ms, off_s = int(views.fact(AT_FACT) or b"0"), int(views.fact(OFF_FACT) or b"0")
    age_min = max(0, wall_ms() - at_ms) // 60_000
    if not at_ms or age_min >= FIX_OLD_MIN:
        text = _("The satellite receiver has given no position for a while.")
        fix = _("Let the agent run, check the cable, and give the antenna a clear view of the sky.")
        yield warning("gps", text, fix)
        return
    yield ok("gps", _("The last position is {age} min old.").format(age=age_min))
    if abs(off_s) * 1000 >= CLOCK_OFF_MS:
        true = datetime.fromtimestamp(wall_ms() / 1000 - off_s, UTC)
        yield warning(
            "gps.clock",
            _("The clock is {seconds} s off the time of the satellites.").format(seconds=off_s),
            _("Set it: by the satellites it is {time} UTC.").format(
                time=f"{true:%Y-%m-%d %H:%M:%S}"
            ),
        )


def _network(station: Installation) -> Finding:
    from crisiskit.enrolment import read_network

    again = _("Bring it back from a backup, or from the center.")
    try:
        network = read_network(station.places)
    except CrisiskitError as error:
        return wrong("network", f"{station.places.network}: {explain(error)}", again)
    if network.network_id != station.network_id:
        text = _("{path} belongs to another network.").format(path=station.places.network)
        return wrong("network", text, again)
    return ok("network", _("Network “{name}”.").format(name=network.name))


def _room(places: Places) -> Iterator[Finding]:
    free = shutil.disk_usage(places.home).free
    text = _("{size} free on the disk.").format(size=size_text(free))
    fix = _("Delete what you do not need.")
    if free < ROOM_BYTES_LEAST:
        yield wrong("disk", text, fix)
    elif free < ROOM_BYTES_SOME:
        yield warning("disk", text, fix)
    else:
        yield ok("disk", text)
    ballast = places.home / "ballast"
    if not ballast.exists() or ballast.stat().st_size < BALLAST_BYTES:
        text = _("The reserve for FLASH messages on a full disk is used up, or not laid yet.")
        fix = _("Make room on the disk, then start the agent again: it lays a new one.")
        if free >= RESERVE_ROOM_BYTES:
            fix = _("There is room for it: the next start of the agent lays it.")
        yield warning("ballast", text, fix)
    if not os.access(places.home, os.W_OK):
        text = _("You cannot write in {path}.").format(path=places.home)
        yield wrong("home", text, _("Use the account that made it, or another --home."))


def _agent(home: Path) -> Finding:
    if agent_runs(home):
        return ok("agent", _("An agent runs."))
    return ok("agent", _("No agent runs. “crisiskit agent” starts one; the screens do, too."))
