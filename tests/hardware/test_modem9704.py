"""The played 9704 answers as the real one does, with the habits that break careless drivers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardware.imt_transfer import with_crc
from hardware.port import Port, PortError, open_port, wait_for_path
from hardware.sim.core9704 import Nature9704
from hardware.sim.faults9704 import Fault9704
from hardware.sim.modem9704 import PlayedModem9704
from hardware.sim.uplink import MemoryGateway

NATURE = Nature9704(latency_s=0.02, rate_bytes_s=1e7, boot_s=0.0, line_bytes_s=1e7, answer_s=20.0)
VERSION = {"active_version": {"major": 1, "minor": 7, "patch": 0}}
HELLO = with_crc(b"hello")
OFFER = {"topic_id": 244, "message_length": len(HELLO), "request_reference": 9}
PLACE = {"topic_id": 244, "message_id": 0}
SEGMENT = {**PLACE, "segment_start": 0, "segment_length": len(HELLO)}
Line = tuple[int, str, dict[str, Any]]


class Terminal:
    """Somebody at a terminal program."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._held = b""

    async def until(self, code: int, target: str = "") -> Line:
        """The next line of that code and target; others are passed over."""
        async with asyncio.timeout(20):
            while True:
                line, end, rest = self._held.partition(b"\r")
                if not end:
                    self._held += await self.port.read()
                    continue
                self._held = rest
                words = line.lstrip(b"\x11\0").decode().split(" ", 2)
                if int(words[0]) == code and target in ("", words[1]):
                    return code, words[1], json.loads(words[2])

    async def ask(self, request: str, body: dict[str, Any], code: int = 200) -> dict[str, Any]:
        await self.port.write(f"{request} {json.dumps(body)}\r".encode())
        return (await self.until(code, "" if code == 405 else request.split()[1]))[2]

    async def start(self) -> None:
        await self.ask("GET apiVersion", {}, 405)
        await self.ask("PUT apiVersion", VERSION)
        await self.ask("PUT simConfig", {"interface": "internal"})
        await self.ask("PUT operationalState", {"state": "active"})

    async def final(self) -> str:
        word: str = (await self.until(299, "messageOriginateStatus"))[2]["final_mo_status"]
        return word


@asynccontextmanager
async def at_terminal(
    tmp_path: Path, *faults: Fault9704, nature: Nature9704 = NATURE
) -> AsyncIterator[tuple[Terminal, PlayedModem9704, MemoryGateway]]:
    cloud = MemoryGateway()
    async with PlayedModem9704(tmp_path / "imt0", cloud, nature, faults) as modem:
        await asyncio.sleep(0.05)
        async with open_port(str(modem.path), 230_400) as port:
            yield Terminal(port), modem, cloud


async def test_the_first_line_is_spoiled_and_nothing_goes_without_a_version(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        await terminal.ask("GET hwInfo", {}, 405)
        await terminal.ask("GET hwInfo", {}, 400)
        told = await terminal.ask("GET apiVersion", {})
        assert len(told["supported_versions"]) == 3
        await terminal.ask("PUT apiVersion", {"active_version": {"major": 9}}, 407)
        await terminal.ask("PUT apiVersion", VERSION)
        await terminal.ask("PUT apiVersion", VERSION, 402)
        assert (await terminal.ask("GET hwInfo", {}))["imei"] == NATURE.imei


async def test_codes(tmp_path: Path) -> None:
    async with at_terminal(tmp_path, nature=replace(NATURE, provision_s=1000.0)) as (
        terminal,
        _,
        _,
    ):
        await terminal.ask("GET apiVersion", {}, 405)
        await terminal.ask("PUT apiVersion", VERSION)
        await terminal.ask("GET noSuchThing", {}, 404)
        await terminal.ask("PUT operationalState", {"state": "active"}, 410)
        await terminal.ask("PUT operationalState", {"state": "asleep"}, 407)
        await terminal.ask("PUT simConfig", {"interface": "internal"})
        await terminal.until(299, "simStatus")
        await terminal.ask("PUT simConfig", {"interface": "internal"}, 402)
        await terminal.ask("PUT messageOriginate", OFFER, 406)
        await terminal.ask("PUT operationalState", {"state": "active"})
        await terminal.ask("PUT operationalState", {"state": "active"}, 406)
        await terminal.ask("GET messageProvisioning", {}, 418)
        await terminal.ask("PUT messageOriginate", OFFER, 418)
        await terminal.port.write(b"GET hwInfo {" + b"x" * 4000 + b"}\r")
        await terminal.until(403)


async def test_a_message_goes_out(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, cloud):
        await terminal.start()
        answer = await terminal.ask("PUT messageOriginate", OFFER)
        assert answer["message_response"] == "message_accepted"
        assert (await terminal.until(299, "messageOriginateSegment"))[2] == SEGMENT
        data = base64.b64encode(HELLO).decode()
        await terminal.ask("PUT messageOriginateSegment", {**SEGMENT, "data": data})
        assert await terminal.final() == "mo_ack_received"
        assert cloud.received == [b"hello"]
        assert modem.core.outgoing.answers == 1


async def test_who_is_late_loses_the_message(tmp_path: Path) -> None:
    async with at_terminal(tmp_path, nature=replace(NATURE, answer_s=0.05)) as (terminal, modem, _):
        await terminal.start()
        await terminal.ask("PUT messageOriginate", OFFER)
        assert await terminal.final() == "segment_not_supplied"
        assert modem.core.outgoing.late == 1
        assert modem.core.worst_answer_s >= 0.05


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"segment_start": 1}, "segment_incorrect"),
        ({"data": base64.b64encode(HELLO[:-1]).decode()}, "segment_incorrect"),
        (
            {"data": base64.b64encode(b"hellx" + HELLO[5:]).decode()},
            "message_dropped_local_crc_error",
        ),
    ],
)
async def test_wrong_bytes_are_found_out(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    async with at_terminal(tmp_path) as (terminal, _, cloud):
        await terminal.start()
        await terminal.ask("PUT messageOriginate", OFFER)
        good = {**SEGMENT, "data": base64.b64encode(HELLO).decode()}
        await terminal.ask("PUT messageOriginateSegment", {**good, **change})
        assert await terminal.final() == word
        assert cloud.received == []


async def test_overflow_a_foreign_topic_and_a_cancel(tmp_path: Path) -> None:
    async with at_terminal(tmp_path, nature=replace(NATURE, queue_depth=1)) as (terminal, _, _):
        await terminal.start()
        await terminal.ask("PUT messageOriginate", OFFER)
        answer = await terminal.ask("PUT messageOriginate", OFFER)
        assert answer["message_response"] == "message_discarded_on_overflow"
        answer = await terminal.ask("PUT messageOriginate", {**OFFER, "topic_id": 99})
        assert answer["message_response"] == "subscription_invalid"
        queue = await terminal.ask("GET messageOriginateQueue", {"report": "status"})
        assert queue["status"][0]["queue_length"] == 1
        await terminal.ask("PUT messageOriginateStatus", {**PLACE, "action": "cancel"})
        assert await terminal.final() == "message_cancelled_pre_transit"
        await terminal.ask("PUT messageOriginateStatus", {**PLACE, "action": "cancel"}, 408)


async def test_without_sky_a_message_waits_and_expires(tmp_path: Path) -> None:
    nature = replace(NATURE, expire_s=0.1, look_s=0.02)
    async with at_terminal(tmp_path, nature=nature) as (terminal, _, cloud):
        cloud.connected = False
        await terminal.start()
        await terminal.ask("PUT messageOriginate", OFFER)
        data = base64.b64encode(HELLO).decode()
        await terminal.ask("PUT messageOriginateSegment", {**SEGMENT, "data": data})
        assert await terminal.final() == "message_expired"


async def test_a_message_comes_in_segments(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, cloud):
        await terminal.start()
        cloud.put(bytes(2000))
        begin = (await terminal.until(299, "messageTerminate"))[2]
        assert begin["message_length_max"] == 2002
        sizes = [
            (await terminal.until(299, "messageTerminateSegment"))[2]["segment_length"]
            for _ in range(2)
        ]
        assert sizes == [1446, 556]
        told = (await terminal.until(299, "messageTerminateStatus"))[2]
        assert told["final_mt_status"] == "complete"


async def test_a_restart_says_so_and_forgets(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, _):
        await terminal.start()
        modem.core.suffer(Fault9704(kind="reset", at_s=0))
        await terminal.until(299, "bootInfo")
        await terminal.ask("GET hwInfo", {}, 405)
        await terminal.ask("GET hwInfo", {}, 400)


async def test_a_fault_and_the_way_out_of_it(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, _):
        await terminal.start()
        modem.core.suffer(Fault9704(kind="state", at_s=0, for_s=0.0, reason=2))
        while (await terminal.until(299, "operationalState"))[2]["state"] != "fault":
            pass
        await terminal.ask("PUT operationalState", {"state": "active"}, 406)
        await terminal.ask("PUT operationalState", {"state": "inactive"})
        assert (await terminal.ask("PUT operationalState", {"state": "active"}))[
            "state"
        ] == "active"


async def test_unplugged_the_name_goes_and_comes_back(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, modem, _):
        modem.unplug(0.1)
        assert not modem.path.exists()
        with pytest.raises(PortError):
            await terminal.ask("GET hwInfo", {})
        await asyncio.wait_for(wait_for_path(str(modem.path), poll_s=0.01), 20)
    assert not modem.path.is_symlink()


async def test_garbage_never_breaks_it(tmp_path: Path) -> None:
    async with at_terminal(tmp_path) as (terminal, _, _):
        for value in range(256):
            await terminal.port.write(bytes([value]) * 50 + b'\rPUT messageOriginate {"a":[]}\r')
        await terminal.ask("GET apiVersion", {})
