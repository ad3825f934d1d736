"""From power-on to active: what a RockBLOCK 9704 must be told before it carries messages."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated

import msgspec

from hardware import imt_status as said
from hardware.at_line import ModemError, ModemTrouble
from hardware.imt_options import Timing
from hardware.jspr import Body, Code, Malformed, Reply
from hardware.jspr_line import JsprLine

VERSION_MAX = said.Version(1, 7, 65_535)  # the newest that this driver was written for
ACTIVITY_SINCE = said.Version(1, 6, 0)
PAUSE_S_MAX = 2.0
_DONE = (Code.OK, Code.ALREADY_SET, Code.NOT_ALLOWED)


@dataclass(frozen=True, slots=True)
class Description:
    """What a started modem told. ``left_over``: messages that still lie in it."""

    version: str = ""
    imei: str = ""
    hardware: str = ""
    firmware: str = ""
    signal: int | None = None
    left_over: tuple[said.Key, ...] = ()


class _Queued(msgspec.Struct):
    message_id: said.MessageId


class _Queue(msgspec.Struct):
    topic_id: said.Topic
    status: Annotated[tuple[_Queued, ...], said.Lists] = ()


class _Queues(msgspec.Struct):
    status: Annotated[tuple[_Queue, ...], said.Lists] = ()


async def agree(line: JsprLine, timing: Timing) -> said.Version:
    """Wake the modem and choose the newest version that both know. PortError or ModemError."""
    told = _read(await _wake(line, timing), said.Versions)
    known = [one for one in told.supported_versions if one <= VERSION_MAX and one.major == 1]
    if not known:
        raise ModemError(ModemTrouble.REFUSED, "no version of its protocol is known here")
    chosen = max(known)
    if told.active_version == chosen:
        return chosen
    wanted = {"major": chosen.major, "minor": chosen.minor, "patch": chosen.patch}
    reply = await line.ask("PUT", "apiVersion", {"active_version": wanted})
    if reply.code == Code.ALREADY_SET:  # it stays chosen until the modem restarts
        return told.active_version or chosen
    if not reply.ok:
        raise ModemError(ModemTrouble.REFUSED, f"apiVersion {reply.code}")
    return chosen


async def activate(
    line: JsprLine, version: said.Version, interface: str, timing: Timing
) -> Description:
    """SIM, state and what the modem tells of itself. Raises PortError or ModemError."""
    hardware = _read(await _must(line, "GET", "hwInfo"), said.Hardware)
    firmware = await line.ask("GET", "firmware", {"slot": "primary"})
    await _insert_sim(line, interface, timing)
    await _to_active(line, timing)
    await asyncio.sleep(timing.settle_s)
    if version >= ACTIVITY_SINCE:
        await line.ask("PUT", "messageActivityStatus", {"enabled": True})
    sky = await line.ask("GET", "constellationState")
    return Description(
        version=str(version),
        imei=hardware.imei if re.fullmatch(r"\d{15}", hardware.imei) else "",
        hardware=hardware.hw_version,
        firmware=_firmware(firmware),
        signal=_read(sky, said.Sky).signal_bars if sky.ok else None,
        left_over=await _left_over(line),
    )


async def _wake(line: JsprLine, timing: Timing) -> Reply:
    """Ask until it answers well: the first line after opening is often not understood."""
    heard = ""
    for _ in range(timing.probe_tries):
        try:
            reply = await line.ask("GET", "apiVersion", fresh=True, deadline_s=timing.probe_s)
        except ModemError:
            continue
        if reply.ok and reply.target == "apiVersion":
            return reply
        heard = f", last code {reply.code}"
        await asyncio.sleep(timing.settle_s)
    raise ModemError(ModemTrouble.SILENT, f"no answer to {timing.probe_tries} tries{heard}")


async def _insert_sim(line: JsprLine, interface: str, timing: Timing) -> None:
    reply = await line.ask("GET", "simConfig")
    if not reply.ok or _read(reply, said.Interface).interface != interface:
        reply = await line.ask("PUT", "simConfig", {"interface": interface})
        if reply.code not in _DONE:
            raise ModemError(ModemTrouble.REFUSED, f"simConfig {reply.code}")
    end = asyncio.get_running_loop().time() + timing.state_s
    while True:
        reply = await line.ask("GET", "simStatus")
        if reply.ok:
            sim = _read(reply, said.Sim)
            if sim.card_present and sim.sim_connected:
                return
        if asyncio.get_running_loop().time() >= end:
            raise ModemError(ModemTrouble.HARDWARE, "no SIM")
        await asyncio.sleep(max(timing.settle_s, timing.probe_s / 4))


async def _to_active(line: JsprLine, timing: Timing) -> None:
    """To active; from a fault or a test the way leads through inactive."""
    end = asyncio.get_running_loop().time() + timing.state_s
    why = "stays inactive"
    pause_s = timing.settle_s
    while True:
        state = _read(await _must(line, "GET", "operationalState"), said.State)
        if state.state == said.ACTIVE:
            return
        if state.state != said.INACTIVE:
            why = f"{state.state}: {said.reason(state.reason)}"
        if asyncio.get_running_loop().time() >= end:
            raise ModemError(ModemTrouble.HARDWARE, why)
        wanted = said.ACTIVE if state.state == said.INACTIVE else said.INACTIVE
        reply = await line.ask("PUT", "operationalState", {"state": wanted})
        if reply.code not in (*_DONE, Code.NOT_PROVISIONED):
            raise ModemError(ModemTrouble.REFUSED, f"operationalState {reply.code}")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, PAUSE_S_MAX)


async def _left_over(line: JsprLine) -> tuple[said.Key, ...]:
    """Messages an earlier life of the program left in the modem, where its firmware can tell."""
    reply = await line.ask("GET", "messageOriginateQueue", {"report": "status"})
    if not reply.ok:
        return ()
    try:
        queues = reply.read(_Queues).status
    except Malformed:
        return ()
    return tuple((queue.topic_id, one.message_id) for queue in queues for one in queue.status)


async def _must(line: JsprLine, method: str, target: str) -> Reply:
    reply = await line.ask(method, target)
    if not reply.ok:
        raise ModemError(ModemTrouble.REFUSED, f"{method} {target} {reply.code}")
    return reply


def _read(reply: Reply, kind: type[Body]) -> Body:
    try:
        return reply.read(kind)
    except Malformed as error:
        raise ModemError(ModemTrouble.GARBLED, str(error)) from error


def _firmware(reply: Reply) -> str:
    """Major, minor and patch, wherever they stand in the answer."""
    numbers = [re.search(rb'"%s": ?(\d{1,5})' % key, reply.body) for key in (b"major", b"minor")]
    patch = re.search(rb'"patch": ?(\d{1,5})', reply.body)
    found = [one.group(1).decode() for one in (*numbers, patch) if one]
    return ".".join(found) if reply.ok and len(found) == 3 else ""
