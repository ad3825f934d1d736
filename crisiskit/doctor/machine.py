"""Checks of the machine and of what is installed on it; no home folder is needed."""

from __future__ import annotations

import gettext
import platform
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, packages_distributions, version
from pathlib import Path

from crisiskit import __version__
from crisiskit.clock import wall_ms
from crisiskit.doctor.finding import Finding, ok, warning, wrong
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import DOMAIN, LANGUAGES, LOCALES, _, explain

PYTHON_OLDEST = (3, 11)
SQLITE_OLDEST = (3, 37, 0)  # STRICT tables
WRITTEN_AT = datetime(2026, 11, 1, tzinfo=UTC)  # no right clock shows an earlier time
LIFE_YEARS = 15
OWN_NAMES = ("crisiskit", "transports", "hardware")
PLUG_INS = ("crisiskit.links", "crisiskit.forms")
LIBRARIES = {
    "click": "click",
    "cryptography": "cryptography",
    "msgspec": "msgspec",
    "platformdirs": "platformdirs",
    "serial": "pyserial",
    "sqlite_utils": "sqlite-utils",
    "textual": "textual",
    "zstandard": "zstandard",
}


def findings() -> Iterator[Finding]:
    """Everything that can be said of this machine."""
    yield _python()
    yield _sqlite()
    missing = [_broken(name) for name in LIBRARIES if not _loads(name)]
    yield from missing or [ok("libraries", _libraries())]
    if not missing:
        yield _cryptography()
    yield from _names()
    yield from _plug_ins()
    yield _clock()
    yield _languages()


def _python() -> Finding:
    text = f"crisiskit {__version__}, Python {platform.python_version()}, {platform.platform()}"
    if sys.version_info < PYTHON_OLDEST:
        return wrong("python", text, _("Install Python 3.11 or newer."))
    return ok("python", text)


def _sqlite() -> Finding:
    from crisiskit.store.connect import WAL_SOUND_SINCE

    mode = "WAL" if sqlite3.sqlite_version_info >= WAL_SOUND_SINCE else "TRUNCATE"
    text = _("SQLite {version}, journal mode {mode}").format(
        version=sqlite3.sqlite_version, mode=mode
    )
    if sqlite3.sqlite_version_info < SQLITE_OLDEST:
        return wrong("sqlite", text, _("Install a Python with SQLite 3.37 or newer."))
    return ok("sqlite", text)


def _loads(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def _broken(name: str) -> Finding:
    text = _("The library {name} is missing or cannot be loaded.").format(name=LIBRARIES[name])
    return wrong("libraries", text, _("Install crisiskit again, in an environment of its own."))


def _libraries() -> str:
    found = []
    for distribution in LIBRARIES.values():
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError:
            found.append(distribution)
    return ", ".join(found)


def _cryptography() -> Finding:
    from crisiskit.crypto.selfcheck import self_check

    try:
        self_check()
    except CrisiskitError as error:
        return wrong("cryptography", explain(error))
    return ok("cryptography", _("All cryptographic calls work."))


def _names() -> Iterator[Finding]:
    """Another distribution that brings ``transports`` would be imported in place of ours."""
    owners = packages_distributions()
    ours = Path(import_module("crisiskit").__path__[0]).parent
    fix = _("Install crisiskit in an environment of its own, with nothing else in it.")
    shared = False
    for name in OWN_NAMES:
        held_by = sorted(set(owners.get(name, ())))
        place = Path(import_module(name).__path__[0]).parent
        if len(held_by) > 1:
            text = _("The import name {name} is claimed by {owners}.")
            yield wrong("names", text.format(name=name, owners=", ".join(held_by)), fix)
        elif place != ours:
            text = _("The import name {name} leads to {place}, which is not ours.")
            yield wrong("names", text.format(name=name, place=place), fix)
        else:
            continue
        shared = True
    if not shared:
        yield ok("names", _("Each import name has one owner."))


def _plug_ins() -> Iterator[Finding]:
    from crisiskit.forms import catalog

    for group in PLUG_INS:
        for point in sorted(entry_points(group=group), key=lambda point: point.name):
            owner = point.dist.name if point.dist else "?"
            if owner != "crisiskit":
                text = _("Plug-in {name} ({group}) comes from {owner}.")
                yield ok("plug-ins", text.format(name=point.name, group=group, owner=owner))
    for error in catalog.problems().values():
        yield warning("forms", explain(error))


def _clock() -> Finding:
    now_ms = wall_ms()
    try:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        now = datetime.max.replace(tzinfo=UTC)
    text = _("The clock says {now} UTC.").format(now=now.strftime("%Y-%m-%d %H:%M"))
    fix = _("Set the clock. Messages go out all the same; their dates will look wrong.")
    if now < WRITTEN_AT:
        return wrong("clock", text, fix)
    if now.year > WRITTEN_AT.year + LIFE_YEARS:
        return warning("clock", text, fix)
    return ok("clock", text)


def _languages() -> Finding:
    there = [lang for lang in LANGUAGES if lang == "en" or gettext.find(DOMAIN, LOCALES, [lang])]
    text = _("Languages: {languages}").format(languages=", ".join(there))
    if len(there) < len(LANGUAGES):
        fix = _("The French texts are not compiled. Install crisiskit, do not run its source.")
        return warning("languages", text, fix)
    return ok("languages", text)
