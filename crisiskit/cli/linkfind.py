"""``link find``: serial devices and what they may be. Writes to none without leave."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.columns import COLUMNS
from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, explain

if TYPE_CHECKING:
    from crisiskit.plugged import Seen
    from crisiskit.settings import Settings

LISTEN_S_MAX = 600


@click.command(
    help=_(
        "Show the serial devices and what they may be. No port is opened unless you say --listen, "
        "and no byte written unless you say --yes-write."
    ),
    epilog=examples(
        "crisiskit link find",
        "crisiskit link find --listen 8",
        "crisiskit link find --yes-write /dev/ttyUSB0 --json",
    ),
)
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@click.option(
    "--listen",
    "listen_s",
    type=click.FloatRange(0, LISTEN_S_MAX),
    default=0.0,
    metavar="SECONDS",
    help=_("Open the free ports and listen so long, without writing."),
)
@click.option(
    "--yes-write",
    "asked",
    multiple=True,
    metavar="PORT",
    help=_("Ask the device on PORT what it is. A radio on that port may transmit for a moment."),
)
@json_option
@home_option
def find(
    home: Path, as_json: bool, ports: tuple[str, ...], listen_s: float, asked: tuple[str, ...]
) -> None:
    """Show the serial devices."""
    from crisiskit.plugged import identify, look

    wanted = tuple(dict.fromkeys((*ports, *(asked if ports else ()))))
    found = look(settings_if_any(home), wanted)
    known = {one.device.path for one in found}
    found += [one for one in look(None, asked) if one.device.path not in known] if asked else []
    if listen_s and not as_json:
        say(_("Listening for {seconds} s; nothing is written …").format(seconds=round(listen_s)))
    found = asyncio.run(identify(found, listen_s, asked))
    if as_json:
        for one in found:
            emit(_row(one))
        return
    if not found:
        say(_("No serial device is plugged in here."))
    for number, one in enumerate(found, 1):
        for line in seen_lines(one, f"{number}. "):
            click.echo(line)
    for line in disturber_lines():
        say(line)


def settings_if_any(home: Path) -> Settings | None:
    """The settings in ``home``; None where there are none or they cannot be used."""
    from crisiskit.settings import load

    try:
        return load(home)
    except CrisiskitError as error:
        if error.code != "home_missing":
            say(explain(error))
        return None


def seen_lines(seen: Seen, mark: str) -> list[str]:
    """A device as lines: its name, then what it may be, then who uses it."""
    from crisiskit.devicewords import device_line, judgement, use_words
    from crisiskit.plugged import PORT_CODES

    lines = wrapped(device_line(seen.device), mark)
    more = [use_words(seen)]
    if seen.trouble:
        code = PORT_CODES.get(seen.trouble, "device_gone")
        more.append(explain(CrisiskitError(code, device=seen.device.path)))
    elif not seen.link:
        more.append(judgement(seen.candidates))
    indent = " " * len(mark)
    return lines + [line for words in more if words for line in wrapped(words, indent)]


def wrapped(words: str, mark: str = "") -> list[str]:
    """Words as lines of at most 79 columns after ``mark``; a path is never cut."""
    return textwrap.wrap(
        words,
        COLUMNS - 1,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def disturber_lines() -> list[str]:
    """One line for each program that opens ports which nobody gave it."""
    from hardware.devices import running

    words = _("{program} runs here and may use a port of yours: “crisiskit doctor” says more.")
    return [words.format(program=name) for name in sorted(running())]


def _row(seen: Seen) -> dict[str, object]:
    from crisiskit.devicewords import all_kinds, kinds_for

    device, kinds = seen.device, all_kinds()
    return {
        "path": device.path,
        "name": device.name,
        "usb": device.usb_id,
        "serial": device.serial,
        "maker": device.maker,
        "model": device.model,
        "link": seen.link,
        "users": list(seen.users),
        "heard_bytes": seen.heard,
        "trouble": seen.trouble,
        "candidates": [
            {
                "role": one.role,
                "trust": one.trust.name.lower(),
                "why": one.why,
                "detail": one.detail,
                "kinds": kinds_for([one], kinds),
            }
            for one in seen.candidates
        ],
    }
