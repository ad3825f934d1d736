"""``simulate modem --model 9704``: a played modem for Iridium IMT."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crisiskit.cli.common import emit, say
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _

if TYPE_CHECKING:
    from hardware.sim.faults9704 import Fault9704
    from hardware.sim.messages9704 import Outgoing9704
    from hardware.sim.uplink import Gateway

MODEL = "9704"
SCRIPT_BYTES_MAX = 262_144


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command. Times in seconds, chances from 0 to 1."""

    port: Path
    imei: str
    loss: float
    maybe: float
    latency_s: float
    seed: int
    script: Path | None
    as_json: bool


async def play(
    wanted: Wanted,
    sky: Gateway,
    until_stopped: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> None:
    """Play until stopped; then say how fast the modem was answered. OSError as the modem's."""
    from hardware.sim.core9704 import Nature9704
    from hardware.sim.modem9704 import PlayedModem9704

    nature = Nature9704(
        imei=wanted.imei,
        latency_s=wanted.latency_s,
        loss=wanted.loss,
        maybe=wanted.maybe,
        seed=wanted.seed,
    )
    async with PlayedModem9704(wanted.port, sky, nature, faults(wanted.script)) as played:
        if wanted.as_json:
            emit({"port": str(wanted.port), "imei": wanted.imei})
        else:
            said = _("A played {model} answers at {port}.")
            say(said.format(model=MODEL, port=wanted.port))
        try:
            await until_stopped(played.serve)
        finally:
            _tell(played.core.outgoing, wanted.as_json)


def _tell(pulled: Outgoing9704, as_json: bool) -> None:
    worst_ms = round(1000 * pulled.worst_answer_s)
    if as_json:
        emit({"answers": pulled.answers, "late": pulled.late, "worst_answer_ms": worst_ms})
        return
    said = _("{answers} segments came in time, {late} did not; the slowest took {ms} ms.")
    say(said.format(answers=pulled.answers, late=pulled.late, ms=worst_ms))


def faults(script: Path | None) -> tuple[Fault9704, ...]:
    """The faults of a script. Raises CrisiskitError."""
    from crisiskit.files import read_small
    from hardware.sim.faults import FaultScriptError
    from hardware.sim.faults9704 import parse_script9704

    if script is None:
        return ()
    try:
        return parse_script9704(read_small(script, SCRIPT_BYTES_MAX).decode())
    except (FaultScriptError, UnicodeDecodeError) as error:
        raise CrisiskitError("file_unreadable", path=script, detail=str(error)) from None
