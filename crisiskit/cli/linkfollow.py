"""``links --follow``: a line for each link or device that comes, goes or changes its state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit
from crisiskit.clock import wall_ms
from crisiskit.devicewords import device_line
from crisiskit.harmless import in_line
from crisiskit.i18n import _, trouble_word
from crisiskit.installation import agent_runs, looking
from crisiskit.jsonform import iso
from crisiskit.plugged import Newcomers, unplugged
from crisiskit.settings import load

if TYPE_CHECKING:
    from crisiskit.settings import LinkSettings
    from crisiskit.store.views import Views
    from hardware.devices import Device

LOOK_S = 2.0
GONE = "device_gone"


def follow(
    home: Path,
    as_json: bool,
    phase_word: Callable[[str], str],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Print the state of each link, then every change, until interrupted."""
    with looking(home) as views:
        tables = load(home).links
        news = _News(home, views, tables)
        while True:
            for row in news.look():
                if as_json:
                    emit({"at": iso(wall_ms()), **row})
                else:
                    click.echo(_line(row, phase_word))
            pause(LOOK_S)


class _News:
    """What is new since the last look. An idle look is a few ``stat`` calls."""

    def __init__(self, home: Path, views: Views, tables: tuple[LinkSettings, ...]) -> None:
        self._home = home
        self._views = views
        self._tables = tables
        self._newcomers = Newcomers(home)
        self._mark: object = None
        self._links: dict[str, dict[str, object]] = {}
        self._devices: dict[str, Device] = {}

    def look(self) -> Iterator[dict[str, object]]:
        """A row for each link and device that is not as it was."""
        gone = frozenset(table.name for table in self._tables if unplugged(table.options))
        runs = agent_runs(self._home)
        mark = (self._views.data_version(), runs, gone)
        if mark != self._mark:
            self._mark = mark
            yield from self._changed_links(runs, gone)
        yield from self._changed_devices()

    def _changed_links(self, runs: bool, gone: frozenset[str]) -> Iterator[dict[str, object]]:
        seen = {view.name: view for view in self._views.links(wall_ms())}
        for table in self._tables:
            view = seen.get(table.name) if runs else None
            row: dict[str, object] = {
                "event": "link",
                "name": table.name,
                "phase": view.phase if view else "down",
                "reason": (view.reason if view else "") or (GONE if table.name in gone else ""),
                "plugged": table.name not in gone,
            }
            if self._links.get(table.name) != row:
                self._links[table.name] = row
                yield row

    def _changed_devices(self) -> Iterator[dict[str, object]]:
        now = {device.path: device for device in self._newcomers.look()}
        before, self._devices = self._devices, now
        for path, device in {**before, **now}.items():
            if (path in before) != (path in now):
                yield {
                    "event": "device",
                    "path": path,
                    "name": device.name,
                    "about": device_line(device),
                    "plugged": path in now,
                }


def _line(row: dict[str, object], phase_word: Callable[[str], str]) -> str:
    now = datetime.now().astimezone().strftime("%H:%M:%S")
    if row["event"] == "device":
        came = _("New device: {name} — crisiskit link add")
        words = came if row["plugged"] else _("{name} was unplugged.")
        return f"{now}  {words.format(name=in_line(str(row['about'])))}"
    state = phase_word(str(row["phase"]))
    if row["reason"]:
        state += f" ({trouble_word(str(row['reason']))})"
    return f"{now}  {row['name']}: {state}"
