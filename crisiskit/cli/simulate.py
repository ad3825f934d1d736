"""``simulate modem`` and ``simulate gateway``: played devices on real ports, faults included."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from crisiskit.cli.common import emit, examples, json_option, say
from crisiskit.cli.stopping import stop_on_signals
from crisiskit.errors import BusyError, CrisiskitError
from crisiskit.i18n import _

if TYPE_CHECKING:
    from hardware.sim.faults import Fault
    from hardware.sim.gateway import PlayedGateway
    from hardware.sim.uplink import Gateway, Reply

SCRIPT_BYTES_MAX = 262_144


def _address(_context: click.Context, _param: click.Parameter, value: str) -> tuple[str, int]:
    """HOST:PORT; an IPv6 host stands in brackets."""
    host, _colon, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise click.BadParameter(_("“{word}” is not HOST:PORT.").format(word=value))
    return host.strip("[]"), int(port)


def _outages(
    _context: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[float, float], ...]:
    """START:LENGTH each, in seconds from the beginning."""
    return tuple(_outage(word) for word in value)


def _outage(word: str) -> tuple[float, float]:
    start, _colon, length = word.partition(":")
    try:
        found = float(start), float(length)
    except ValueError:
        found = (-1.0, -1.0)
    if not (found[0] >= 0 and 0 < found[1] < inf):
        raise click.BadParameter(
            _("“{word}” is not START:LENGTH in seconds.").format(word=word),
            param_hint="--outage",
        )
    return found


def _heard(
    _context: click.Context, _param: click.Parameter, value: str | None
) -> tuple[float, float, int] | None:
    """LAT,LON,KM in degrees and whole kilometers."""
    if value is None:
        return None
    latitude, _comma, rest = value.partition(",")
    longitude, _comma, radius = rest.partition(",")
    try:
        found = float(latitude), float(longitude), int(radius)
    except ValueError:
        found = (91.0, 0.0, 0)
    if not (abs(found[0]) <= 90 and abs(found[1]) <= 180 and 0 <= found[2] <= 20_000):
        raise click.BadParameter(_("“{word}” is not LAT,LON,KM.").format(word=value))
    return found


CHANCE = click.FloatRange(0, 1)
SECONDS = click.FloatRange(min=0)
outage_option = click.option(
    "--outage",
    "outages",
    callback=_outages,
    metavar="START:LENGTH",
    multiple=True,
    help=_("No network from second START on for LENGTH seconds; may be repeated."),
)
seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, help=_("The same seed, the same faults.")
)


@click.command(
    help=_("Play a satellite modem: its serial port appears at PATH."),
    epilog=examples(
        "crisiskit simulate modem --model 9602 --port sat0 --gateway 127.0.0.1:7402",
        "crisiskit simulate modem --port sat0 --gateway 127.0.0.1:7402 --loss 0.3 --outage 60:120",
        "crisiskit simulate modem --model 9704 --port imt0 --gateway 127.0.0.1:7402",
    ),
)
@click.option("--model", type=click.Choice(("9602", "9704")), default="9602", show_default=True)
@click.option(
    "--port", required=True, type=click.Path(path_type=Path), help=_("Where the port appears.")
)
@click.option(
    "--gateway",
    required=True,
    callback=_address,
    metavar="HOST:PORT",
    help=_("A played gateway."),
)
@click.option("--imei", default="300234010753370", show_default=True, help=_("15 digits."))
@click.option("--loss", type=CHANCE, default=0.0, help=_("Chance that a session fails."))
@click.option(
    "--maybe", type=CHANCE, default=0.0, help=_("Chance that it fails but was delivered.")
)
@click.option(
    "--latency", type=SECONDS, default=20.0, show_default=True, help=_("Seconds for a session.")
)
@outage_option
@seed_option
@click.option("--script", type=click.Path(path_type=Path), help=_("A TOML file of faults."))
@json_option
def modem(
    model: str,
    port: Path,
    gateway: tuple[str, int],
    imei: str,
    loss: float,
    maybe: float,
    latency: float,
    outages: tuple[tuple[float, float], ...],
    seed: int,
    script: Path | None,
    as_json: bool,
) -> None:
    """Play a modem."""
    if sys.platform == "win32":
        raise click.UsageError(_("A played modem needs Linux or macOS."))
    from crisiskit import log
    from crisiskit.cli import simulate_imt
    from hardware.sim.core9602 import Nature
    from hardware.sim.modem9602 import PlayedModem
    from hardware.sim.uplink import Uplink

    if len(imei) != 15 or not imei.isdecimal() or not imei.isascii():
        raise click.BadParameter(_("an IMEI has 15 digits"), param_hint="--imei")
    imt = model == simulate_imt.MODEL
    faults = () if imt else _faults(script)
    log.to_stderr()

    async def play_imt() -> None:
        wanted = simulate_imt.Wanted(port, imei, loss, maybe, latency, seed, script, as_json)
        sky = cast("Gateway", Sky(Uplink(*gateway), outages))
        await simulate_imt.play(wanted, sky, until_stopped)

    async def play() -> None:
        nature = Nature(imei=imei, session_s=latency, loss=loss, maybe=maybe, seed=seed)
        # The protocol would let a modem set ``connected``; none does.
        sky = cast("Gateway", Sky(Uplink(*gateway), outages))
        async with PlayedModem(port, sky, nature, faults) as played:
            if as_json:
                emit({"port": str(port), "imei": imei})
            else:
                say(_("A played {model} answers at {port}.").format(model=model, port=port))
            await until_stopped(played.serve)

    try:
        asyncio.run(play_imt() if imt else play())
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise BusyError("device_busy", device=port) from None


@click.command(
    help=_("Play the satellite gateway: modems on one side, a center by DirectIP on the other."),
    epilog=examples(
        "crisiskit simulate gateway --center 127.0.0.1:10800 --mt-port 7403",
        "crisiskit simulate gateway --web http://127.0.0.1:10880/push --web-key play.key",
    ),
)
@click.option(
    "--center",
    callback=_address,
    metavar="HOST:PORT",
    default="127.0.0.1:10800",
    show_default=True,
    help=_("Where the center listens for DirectIP."),
)
@click.option(
    "--web",
    metavar="URL",
    help=_("Play Ground Control instead: signed calls to a center's webhook, messages over HTTP."),
)
@click.option(
    "--web-key",
    type=click.Path(path_type=Path),
    help=_("Its key, made where there is none; FILE.pub is for the center."),
)
@click.option("--cloudloop", metavar="URL", help=_("Play Cloudloop instead, with this webhook."))
@click.option("--bind", default="127.0.0.1", show_default=True, help=_("The address to listen on."))
@click.option(
    "--modem-port",
    type=click.IntRange(0, 65_535),
    default=7402,
    show_default=True,
    help=_("The port for played modems; 0 takes a free one."),
)
@click.option(
    "--mt-port",
    type=click.IntRange(0, 65_535),
    default=7403,
    show_default=True,
    help=_("The port for the center's messages; 0 takes a free one."),
)
@click.option("--spool", type=click.Path(path_type=Path), help=_("A folder that keeps what waits."))
@click.option(
    "--loss", type=CHANCE, default=0.0, help=_("Chance that the center's confirmation is lost.")
)
@click.option(
    "--latency", type=SECONDS, default=0.0, help=_("Seconds that each message takes to the center.")
)
@click.option(
    "--double", type=CHANCE, default=0.0, help=_("Chance that a call to a webhook is made twice.")
)
@click.option(
    "--forge", type=CHANCE, default=0.0, help=_("Chance that somebody forges such a call first.")
)
@click.option(
    "--heard",
    callback=_heard,
    metavar="LAT,LON,KM",
    help=_("Where the network says to have heard the modems."),
)
@outage_option
@seed_option
@json_option
def gateway(
    center: tuple[str, int],
    web: str | None,
    web_key: Path | None,
    cloudloop: str | None,
    bind: str,
    modem_port: int,
    mt_port: int,
    spool: Path | None,
    loss: float,
    latency: float,
    double: float,
    forge: float,
    heard: tuple[float, float, int] | None,
    outages: tuple[tuple[float, float], ...],
    seed: int,
    as_json: bool,
) -> None:
    """Play the gateway."""
    from crisiskit import log
    from hardware.directip import Location

    if (web and cloudloop) or (web and not web_key):
        raise click.UsageError(_("Give --web with --web-key, or --cloudloop, or neither."))
    log.to_stderr()
    faults = {"confirm_loss": loss, "delay_s": latency, "outages": outages, "seed": seed}
    location = Location(*heard) if heard else None
    places = {"bind": bind, "modem_port": modem_port, "mt_port": mt_port, "spool": spool}

    async def play() -> None:
        chances = {**faults, "doubled": double, "forged": forge}
        where = {**places, "location": location}
        played = _gateway(center, web, web_key, cloudloop, chances, where)
        telling = asyncio.create_task(_tell(played.ready, lambda: ports(played)))
        try:
            await until_stopped(played.run)
        finally:
            telling.cancel()

    def ports(played: PlayedGateway) -> None:
        if as_json:
            emit({"bind": bind, "modem_port": played.modem_port, "mt_port": played.mt_port})
            return
        text = _("Modems: {bind}:{modems}. Messages from the center: {bind}:{mt}.")
        say(text.format(bind=bind, modems=played.modem_port, mt=played.mt_port))

    try:
        asyncio.run(play())
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        address = f"{bind}:{modem_port}, {bind}:{mt_port}"
        raise CrisiskitError("port_in_use", address=address) from None


def _gateway(
    center: tuple[str, int],
    web: str | None,
    web_key: Path | None,
    cloudloop: str | None,
    chances: dict[str, Any],
    where: dict[str, Any],
) -> PlayedGateway:
    """The gateway that is asked for."""
    from hardware.sim.gateway import Faults, PlayedGateway

    if web is None and cloudloop is None:
        del chances["doubled"], chances["forged"]
        return PlayedGateway(*center, faults=Faults(**chances), **where)
    try:
        from hardware.sim.webservice import WebFaults

        faults = WebFaults(**chances)
        if cloudloop is not None:
            from hardware.sim.cloudloop import PlayedCloudloop

            return PlayedCloudloop(cloudloop, faults=faults, **where)
        from hardware.sim.groundcontrol import PlayedGroundControl, kept_key

        assert web is not None and web_key is not None
        return PlayedGroundControl(web, kept_key(web_key), faults=faults, **where)
    except ImportError as error:
        raise CrisiskitError("part_missing", part="web", detail=str(error)) from None
    except ValueError as error:
        raise CrisiskitError("file_unreadable", path=web_key, detail=str(error)) from None


@dataclass(slots=True)
class Sky:
    """The way to a gateway, closed during outages."""

    way: Gateway
    outages: tuple[tuple[float, float], ...]
    began_s: float = 0.0

    @property
    def connected(self) -> bool:
        """Whether the network can be seen now."""
        passed_s = asyncio.get_running_loop().time() - self.began_s
        dark = any(start <= passed_s < start + length for start, length in self.outages)
        return self.way.connected and not dark

    async def run(self, imei: str, ring: Callable[[], None]) -> None:
        """See :class:`hardware.sim.uplink.Gateway`."""
        self.began_s = asyncio.get_running_loop().time()
        await self.way.run(imei, lambda: ring() if self.connected else None)

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        """See :class:`hardware.sim.uplink.Gateway`."""
        from hardware.sim.uplink import GatewayLostError

        if not self.connected:
            raise GatewayLostError
        return await self.way.session(momsn, mo, mt_max, leave)


async def until_stopped(work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` until a signal asks to stop; raises what it raises."""
    stop = asyncio.create_task(stop_on_signals().wait())
    task = asyncio.ensure_future(work())
    await asyncio.wait((stop, task), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        await task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _tell(ready: asyncio.Event, tell: Callable[[], None]) -> None:
    await ready.wait()
    tell()


def _faults(script: Path | None) -> tuple[Fault, ...]:
    from crisiskit.files import read_small
    from hardware.sim.faults import FaultScriptError, parse_script

    if script is None:
        return ()
    try:
        return parse_script(read_small(script, SCRIPT_BYTES_MAX).decode())
    except (FaultScriptError, UnicodeDecodeError) as error:
        raise CrisiskitError("file_unreadable", path=script, detail=str(error)) from None
