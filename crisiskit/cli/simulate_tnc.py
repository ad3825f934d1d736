"""``simulate tnc``: packet radio modems on real ports, with one played channel between them."""

from __future__ import annotations

import asyncio
import errno
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from crisiskit.cli.common import emit, examples, json_option, say
from crisiskit.cli.simulate import CHANCE, seed_option, until_stopped
from crisiskit.errors import BusyError
from crisiskit.i18n import _


@click.command(
    help=_("Play packet radio modems (KISS) that hear each other: each has a serial port."),
    epilog=examples(
        "crisiskit simulate tnc --port kit.tnc --port center.tnc",
        "crisiskit simulate tnc --port kit.tnc --tcp 8001 --loss 0.2 --deaf 0.3",
    ),
)
@click.option(
    "--port",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("Where the serial port of a modem appears; once for each."),
)
@click.option(
    "--tcp",
    "numbers",
    multiple=True,
    type=click.IntRange(0, 65_535),
    help=_("A modem that listens on this TCP port instead; 0 takes a free one."),
)
@click.option(
    "--rate",
    type=click.FloatRange(45, 10_000_000),
    default=1200.0,
    show_default=True,
    help=_("Bits per second on the air."),
)
@click.option("--loss", type=CHANCE, default=0.0, help=_("Chance that a frame is not heard."))
@click.option(
    "--deaf", type=CHANCE, default=0.0, help=_("Chance that one sends while another does.")
)
@click.option("--noise", type=CHANCE, default=0.0, help=_("Chance of junk before a frame."))
@seed_option
@json_option
def tnc(
    paths: tuple[Path, ...],
    numbers: tuple[int, ...],
    rate: float,
    loss: float,
    deaf: float,
    noise: float,
    seed: int,
    as_json: bool,
) -> None:
    """Play radios on one channel."""
    if sys.platform == "win32":
        raise click.UsageError(_("A played modem needs Linux or macOS."))
    if len(paths) + len(numbers) < 2:
        raise click.UsageError(_("A channel needs two modems or more: give --port twice."))
    from crisiskit import log
    from hardware.sim.tnc import Air, Channel, PlayedTnc

    log.to_stderr()
    channel = Channel(Air(rate, loss, deaf, noise, seed))
    radios = [PlayedTnc(channel, path) for path in paths]
    radios += [PlayedTnc(channel, port=number) for number in numbers]

    async def play() -> None:
        async with AsyncExitStack() as stack:
            for radio in radios:
                await stack.enter_async_context(radio)
            ports = [str(radio.path or radio.port) for radio in radios]
            if as_json:
                emit({"ports": ports})
            else:
                say(_("Radios on one channel: {ports}.").format(ports=", ".join(ports)))
            await until_stopped(radios[0].serve)

    try:
        asyncio.run(play())
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        names = ", ".join(map(str, (*paths, *numbers)))
        raise BusyError("device_busy", device=names) from None
