"""Checks for programs that take a configured serial port for themselves. Nothing is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from crisiskit.doctor.finding import Finding, warning
from crisiskit.i18n import _
from hardware.candidates import BRAILLE_IDS
from hardware.devices import devices as plugged_in
from hardware.devices import left_alone, named, running

RULES = "70-crisiskit.rules"


def findings(
    ports: Mapping[str, str], programs: set[str] | None = None, braille: set[str] | None = None
) -> Iterator[Finding]:
    """A warning for each port, by its link, that a running program may take or disturb.

    ``programs`` are those that run and ``braille`` the ports with an adapter that brltty claims;
    both are looked up if not given.
    """
    there = {name: port for name, port in ports.items() if Path(port).exists()}
    runs = running() if programs is None else programs
    if there and runs:
        claimed = _claimed(there) if braille is None else braille
        for name, port in there.items():
            yield from _port(name, port, runs, claimed)


def _port(name: str, port: str, runs: set[str], claimed: set[str]) -> Iterator[Finding]:
    check = f"link.{name}"
    values = {"name": name, "device": port, "rules": RULES}
    if "ModemManager" in runs and not left_alone(port):
        text = _("ModemManager runs and may write to {device}, which {name} uses.")
        fix = _(
            "Install the rules {rules} (the Debian package does) and plug the device in again. If "
            "it is a modem of the mobile network, write modem instead of port in its table."
        )
        yield warning(check, text.format(**values), fix.format(**values))
    if "brltty" in runs and port in claimed:
        text = _("brltty runs and takes adapters like {device} for braille displays.")
        fix = _("If nobody here reads braille, remove it: apt remove brltty.")
        yield warning(check, text.format(**values), fix)
    if "gpsd" in runs and name == "[gps]":
        text = _("gpsd runs and may hold {device} already.")
        fix = _('Write gpsd = "127.0.0.1:2947" instead of port under [gps].')
        yield warning(check, text.format(**values), fix)


def _claimed(ports: Mapping[str, str]) -> set[str]:
    found = plugged_in()
    return {port for port in ports.values() if named(port, found).usb_id in BRAILLE_IDS}
