"""``simulate sms``: a played mobile network and its modems on real ports, faults included."""

from __future__ import annotations

import asyncio
import errno
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit, examples, json_option, say
from crisiskit.cli.simulate import (
    CHANCE,
    SECONDS,
    _faults,
    outage_option,
    seed_option,
    until_stopped,
)
from crisiskit.errors import BusyError
from crisiskit.i18n import _

if TYPE_CHECKING:
    from hardware.sim.core_gsm import Nature
    from hardware.sim.faults import Fault
    from hardware.sim.sms_network import Sky

PLACES = click.IntRange(1, 1000)


def _modems(
    _context: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[Path, str], ...]:
    """PATH=NUMBER each."""
    return tuple(_modem(word) for word in value)


def _modem(word: str) -> tuple[Path, str]:
    from hardware.sms_pdu import NUMBER

    path, _sign, number = word.rpartition("=")
    if not path or not NUMBER.fullmatch(number):
        raise click.BadParameter(
            _("“{word}” is not PATH=NUMBER.").format(word=word), param_hint="--modem"
        )
    return Path(path), number


@click.command(
    help=_("Play a mobile network and its modems: each serial port appears at its PATH."),
    epilog=examples(
        "crisiskit simulate sms --modem kit=+262639000001 --modem center=+262639000002",
        "crisiskit simulate sms --modem kit=+262639000001 --modem center=+262639000002 "
        "--loss 0.1 --refuse-binary",
    ),
)
@click.option(
    "--modem",
    "modems",
    callback=_modems,
    metavar="PATH=NUMBER",
    multiple=True,
    required=True,
    help=_("A modem and its phone number; may be repeated."),
)
@click.option("--pin", default="", help=_("The PIN of the cards, 4 to 8 digits."))
@click.option("--places", type=PLACES, default=20, show_default=True, help=_("Places on a card."))
@click.option("--loss", type=CHANCE, default=0.0, help=_("Chance that a message is lost."))
@click.option("--repeat", type=CHANCE, default=0.0, help=_("Chance that it arrives twice."))
@click.option(
    "--latency",
    type=SECONDS,
    default=2.0,
    show_default=True,
    help=_("Seconds on the way at most; messages overtake each other."),
)
@click.option("--refuse-binary", is_flag=True, help=_("The network takes text only."))
@click.option("--script", type=click.Path(path_type=Path), help=_("A TOML file of faults."))
@outage_option
@seed_option
@json_option
def sms(
    modems: tuple[tuple[Path, str], ...],
    pin: str,
    places: int,
    loss: float,
    repeat: float,
    latency: float,
    refuse_binary: bool,
    script: Path | None,
    outages: tuple[tuple[float, float], ...],
    seed: int,
    as_json: bool,
) -> None:
    """Play a mobile network."""
    if sys.platform == "win32":
        raise click.UsageError(_("A played modem needs Linux or macOS."))
    from crisiskit import log
    from hardware.sim.core_gsm import Nature
    from hardware.sim.sms_network import Sky

    sky = Sky(loss, repeat, (0.0, latency), latency / 4, refuse_binary, outages, seed)
    phones = [(path, Nature(number, places, pin, seed=seed)) for path, number in modems]
    faults = _faults(script)
    log.to_stderr()
    try:
        asyncio.run(_play(sky, phones, faults, as_json))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise BusyError("device_busy", device=error.filename) from None


async def _play(
    sky: Sky, phones: list[tuple[Path, Nature]], faults: tuple[Fault, ...], as_json: bool
) -> None:
    from hardware.sim.modemgsm import PlayedGsm, PtyPlug
    from hardware.sim.sms_network import SmsNetwork

    network = SmsNetwork(sky)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(network.close)
        played = [PlayedGsm(PtyPlug(path), network, nature, faults) for path, nature in phones]
        for (path, nature), one in zip(phones, played, strict=True):
            await stack.enter_async_context(one)
            if as_json:
                emit({"port": str(path), "number": nature.number})
            else:
                words = _("A played phone {number} answers at {port}.")
                say(words.format(number=nature.number, port=path))

        async def serve() -> None:
            await asyncio.gather(*(one.serve() for one in played))

        await until_stopped(serve)
