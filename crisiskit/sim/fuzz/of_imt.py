"""The decoders of what an IMT modem says, with valid bytes for each."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping

import msgspec

from crisiskit.sim.fuzz.decoder import Decoder
from hardware import imt_status as said
from hardware.at_line import ModemError
from hardware.imt import Modem
from hardware.imt_flight import NotSentError
from hardware.imt_options import Memory, Options, Timing
from hardware.imt_receiving import Arrivals
from hardware.imt_transfer import SEGMENT_BYTES_MAX, with_crc, without_crc
from hardware.jspr import LINE_BYTES_MAX, Malformed, Reply
from hardware.jspr import Decoder as LineDecoder
from hardware.port import PortError, PortTrouble

QUICK = Timing(0.02, 0.01, 2, 0.0, 0.02, 0.01, 0.01, 0.01, 0.0)
MO = b"mo"
_KINDS: tuple[type[msgspec.Struct], ...] = (
    *(said.Versions, said.Interface, said.Sim, said.State, said.Hardware, said.Sky),
    *(said.Provisioning, said.Accepted, said.Wanted, said.MoFinal),
    *(said.MtBegin, said.MtSegment, said.MtFinal),
)
_PLACE = {"topic_id": 244, "message_id": 7}


def decoders() -> tuple[Decoder, ...]:
    """All of them."""
    return (
        Decoder("JSPR", (b"".join(_start()), b"".join(_mt())), _lines, again=_lines_again),
        Decoder("JSPR bodies", tuple(_bodies()), _body, (Malformed,)),
        Decoder("IMT arrivals", (b"".join(_mt()),), _arrivals),
        Decoder("imt modem", (b"|".join(_start() + _mo()),), _modem, (ModemError, PortError)),
    )


def _line(code: int, target: str, body: Mapping[str, object]) -> bytes:
    return f"{code} {target} {json.dumps(body)}\r".encode("ascii")


def _start() -> list[bytes]:
    """What a modem answers until it is ready, one piece for each request."""
    versions = {"supported_versions": [{"major": 1, "minor": 7, "patch": 0}]}
    topic = {"topic_id": 244, "topic_name": "RAW", "max_queue_depth": 4}
    return [
        b"\x11" + _line(200, "apiVersion", versions),
        _line(200, "apiVersion", versions),
        _line(200, "hwInfo", {"imei": "300258061234567", "hw_version": "0x0601"}),
        _line(404, "firmware", {}),
        _line(200, "simConfig", {"interface": "internal"}),
        _line(200, "simStatus", {"card_present": True, "sim_connected": True, "iccid": "1"}),
        _line(200, "operationalState", {"state": "active", "reason": 0}),
        _line(200, "messageActivityStatus", {"enabled": True}),
        _line(200, "constellationState", {"constellation_visible": True, "signal_bars": 4}),
        _line(404, "messageOriginateQueue", {}),
        _line(200, "messageProvisioning", {"provisioning": [topic]}),
    ]


def _mo() -> list[bytes]:
    """What it says to an offered message, and an arriving one."""
    accepted = {**_PLACE, "request_reference": 1, "message_response": "message_accepted"}
    wanted = {**_PLACE, "segment_start": 0, "segment_length": len(MO) + 2}
    final = _line(299, "messageOriginateStatus", {**_PLACE, "final_mo_status": "mo_ack_received"})
    return [
        _line(200, "messageOriginate", accepted) + _line(299, "messageOriginateSegment", wanted),
        _line(200, "messageOriginateSegment", _PLACE) + b"".join(_mt()) + final,
    ]


def _mt() -> list[bytes]:
    message = with_crc(b"an order")
    cut = 4
    pieces = [(0, message[:cut]), (cut, message[cut:]), (0, message[:cut])]
    segments = [
        {
            **_PLACE,
            "segment_start": start,
            "segment_length": len(data),
            "data": base64.b64encode(data).decode("ascii"),
        }
        for start, data in pieces
    ]
    return [
        _line(299, "messageTerminate", {**_PLACE, "message_length_max": len(message)}),
        *(_line(299, "messageTerminateSegment", one) for one in segments),
        _line(299, "messageTerminateStatus", {**_PLACE, "final_mt_status": "complete"}),
    ]


def _lines(data: bytes) -> tuple[Reply, ...]:
    decoder = LineDecoder()
    found: list[Reply] = []
    for at in range(0, len(data), 7):
        found += decoder.feed(data[at : at + 7])
    assert all(len(one.body) <= LINE_BYTES_MAX for one in found), "a line too long"
    return tuple(found)


def _lines_again(value: tuple[Reply, ...]) -> bytes:
    lines = [f"{one.code} {one.target} ".encode("ascii") + one.body for one in value]
    return b"".join(line + b"\r" for line in lines)


def _bodies() -> list[bytes]:
    """Which kind of body 1, then the body."""
    samples = []
    for line in _start() + _mo() + _mt():
        for reply in LineDecoder().feed(line):
            for place, kind in enumerate(_KINDS):
                try:
                    reply.read(kind)
                except Malformed:
                    continue
                samples.append(bytes([place]) + reply.body)
    return samples


def _body(data: bytes) -> object:
    kind = _KINDS[data[0] % len(_KINDS)] if data else said.State
    found = Reply(299, "any", data[1:]).read(kind)
    if isinstance(found, said.MtSegment):
        assert len(found.data) <= SEGMENT_BYTES_MAX, "a segment too large"
    return found


def _arrivals(data: bytes) -> list[bytes]:
    arrivals = Arrivals()
    found = []
    for reply in _lines(data):
        try:
            if reply.target == "messageTerminate":
                arrivals.begin(reply.read(said.MtBegin))
            elif reply.target == "messageTerminateSegment":
                arrivals.put(reply.read(said.MtSegment))
            elif reply.target == "messageTerminateStatus":
                payload = arrivals.end(reply.read(said.MtFinal))
                if payload is not None:
                    found.append(payload)
        except Malformed:
            continue
    assert all(without_crc(with_crc(payload)) == payload for payload in found)
    return found


class _Script:
    """A port behind which each thing written is answered by the next piece of a script."""

    def __init__(self, data: bytes) -> None:
        self._pieces = iter(data.split(b"|"))
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read(self) -> bytes:
        piece = await self._heard.get()
        if piece is None:
            raise PortError(PortTrouble.GONE, "the script has ended")
        return piece

    async def write(self, data: bytes) -> None:
        self._heard.put_nowait(next(self._pieces, None))

    async def aclose(self) -> None:
        """Nothing is open."""


class _Above:
    """Hears the driver."""

    def message(self, payload: bytes) -> None:
        assert payload, "an empty message"

    def changed(self) -> None:
        """Nothing to show."""

    def sent_late(self, payload_bytes: int) -> None:
        assert payload_bytes >= 0


def _modem(data: bytes) -> None:
    asyncio.run(_talk(data))


async def _talk(data: bytes) -> None:
    options = Options(timing=QUICK)
    async with Modem(_Script(data), options, Memory(), _Above()) as modem:
        await modem.start()
        try:
            await modem.send(MO, patience_s=0.02)
        except NotSentError as error:
            assert error.end.word != said.ACKNOWLEDGED
