"""``stick``: everything in and everything out, by a stick or a folder that somebody carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.clock import wall_ms
from crisiskit.errors import BusyError, CrisiskitError, UsageError
from crisiskit.i18n import _
from crisiskit.installation import open_installation, writing

if TYPE_CHECKING:
    from crisiskit.stick import Report

AGAIN = 75


@click.command(
    help=_(
        "Exchange messages with a stick: take in what is for this station, write everything that "
        "the other side is not known to hold. FOLDER is where it is mounted, or any folder that "
        "somebody carries; without it, the stick that is inserted."
    ),
    epilog=examples("crisiskit stick", "crisiskit stick /media/courier --json"),
)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
@home_option
def stick(home: Path, folder: Path | None, as_json: bool) -> None:
    """Exchange messages with a stick."""
    from crisiskit.cli.inside import agent_inside
    from crisiskit.settings import load
    from crisiskit.stick import ask, report_words, wait_for

    if not open_installation(home).active:
        raise CrisiskitError("not_activated")
    medium = _medium(folder)
    level = load(home, links=False).log_level
    with writing(home) as store, agent_inside(home, level, links=()):
        report = wait_for(store.meta, ask(store, medium, wall_ms()))
    if as_json:
        emit(_row(report))
    else:
        say(report_words(report))
    click.get_current_context().exit(0 if report.state == "done" else AGAIN)


def _medium(folder: Path | None) -> Path:
    """The folder that was named, or the one stick there is."""
    from hardware.removable import mounted

    if folder is not None:
        if not folder.is_dir():
            raise CrisiskitError("folder_missing", path=folder)
        return folder.absolute()
    media = mounted()
    if not media:
        raise BusyError("stick_missing")
    if len(media) > 1:
        raise UsageError("stick_which", folders=", ".join(map(str, media)))
    return media[0]


def _row(report: Report) -> dict[str, object]:
    return {
        "folder": report.folder,
        "state": report.state,
        "written": report.written,
        "read": report.read,
        "reason": report.reason,
    }
