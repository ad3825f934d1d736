"""The driver agrees with any modem that speaks its protocol, and believes only what is clear."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hardware.at_line import ModemError, ModemTrouble
from hardware.imt import Modem
from hardware.imt_flight import NotSentError
from hardware.imt_options import Memory, Options, Timing
from hardware.imt_status import ACKNOWLEDGED, Verdict, mo_end, reason
from hardware.imt_transfer import with_crc
from hardware.port import Port, PortError, memory_pair

TIMING = Timing(
    answer_s=0.3,
    probe_s=0.1,
    probe_tries=4,
    settle_s=0.0,
    state_s=0.2,
    cancel_s=0.1,
    heartbeat_s=0.1,
    provision_s=0.1,
)
TOPIC = {"topic_id": 244, "topic_name": "RAW", "max_queue_depth": 4}
NEW = {"major": 1, "minor": 7, "patch": 0}
OLD = {"major": 1, "minor": 5, "patch": 2}
ANSWERS: dict[str, Any] = {
    "GET apiVersion": (200, {"supported_versions": [OLD, NEW]}),
    "PUT apiVersion": (200, {"active_version": NEW}),
    "GET hwInfo": (200, {"imei": "300258061234567", "hw_version": "0x0601", "board_temp": -5}),
    "GET firmware": (200, {"version": {"major": 1, "minor": 2, "patch": 3}}),
    "GET simConfig": (200, {"interface": "internal"}),
    "GET simStatus": (200, {"card_present": True, "sim_connected": True}),
    "GET operationalState": (200, {"state": "active", "reason": 0}),
    "PUT messageActivityStatus": (200, {}),
    "GET constellationState": (200, {"constellation_visible": True, "signal_bars": 4}),
    "GET messageOriginateQueue": (404, {}),
    "GET messageProvisioning": (200, {"provisioning": [TOPIC]}),
    "PUT messageOriginateStatus": (200, {}),
}


class Above:
    """Hears the driver."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.late: list[int] = []

    def message(self, payload: bytes) -> None:
        self.messages.append(payload)

    def changed(self) -> None:
        """Looked at where it matters."""

    def sent_late(self, payload_bytes: int) -> None:
        self.late.append(payload_bytes)


class Peer:
    """A modem that answers as it is told, and keeps what it was asked."""

    def __init__(self, port: Port, answers: dict[str, Any]) -> None:
        self.port = port
        self.answers = ANSWERS | answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def count(self, request: str) -> int:
        return sum(asked == request for asked, _body in self.asked)

    async def say(self, code: int, target: str, body: dict[str, Any]) -> None:
        await self.port.write(f"{code} {target} {json.dumps(body)}\r".encode())

    async def serve(self) -> None:
        held = b""
        while True:
            held += await self.port.read()
            *lines, held = held.split(b"\r")
            for line in lines:
                if line:
                    await self.answer(line.decode())

    async def answer(self, line: str) -> None:
        method, target, words = line.split(" ", 2)
        body = json.loads(words)
        self.asked.append((f"{method} {target}", body))
        found = self.answers.get(f"{method} {target}")
        if callable(found):
            found = found(body)
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if found is not None:
            await self.say(found[0], target, found[1])


@asynccontextmanager
async def opened(
    answers: dict[str, Any] | None = None, memory: Memory | None = None, start: bool = True
) -> AsyncIterator[tuple[Modem, Peer, Above]]:
    near, far = memory_pair()
    peer, above = Peer(far, answers or {}), Above()
    serving = asyncio.create_task(peer.serve())
    async with Modem(near, Options(timing=TIMING), memory or Memory(), above) as modem:
        if start:
            await modem.start()
        yield modem, peer, above
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def accepted(body: dict[str, Any], name: int = 7) -> tuple[int, dict[str, Any]]:
    told = {"topic_id": 244, "message_id": name, "message_response": "message_accepted"}
    return 200, {**told, "request_reference": body["request_reference"]}


async def test_it_learns_who_the_modem_is_and_chooses_the_newest_version() -> None:
    async with opened() as (modem, peer, _):
        assert modem.described.version == "1.7.0"
        assert modem.described.imei == "300258061234567"
        assert (modem.described.hardware, modem.described.firmware) == ("0x0601", "1.2.3")
        assert (modem.signal, modem.ready) == (4, True)
        assert ("PUT apiVersion", {"active_version": NEW}) in peer.asked
        assert peer.count("PUT messageActivityStatus") == 1


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        (
            [NEW, {"major": 1, "minor": 9, "patch": 0}, {"major": 2, "minor": 0, "patch": 0}],
            "1.7.0",
        ),
        ([{"major": 1, "minor": 7, "patch": 9}, NEW], "1.7.9"),
        ([OLD], "1.5.2"),
    ],
)
async def test_a_version_that_both_know(versions: list[Any], chosen: str) -> None:
    answers = {"GET apiVersion": (200, {"supported_versions": versions})}
    async with opened(answers) as (modem, peer, _):
        assert modem.described.version == chosen
        assert peer.count("PUT messageActivityStatus") == (chosen != "1.5.2")


@pytest.mark.parametrize("versions", [[], [{"major": 2, "minor": 0, "patch": 0}]])
async def test_a_protocol_that_is_not_known(versions: list[Any]) -> None:
    async with opened({"GET apiVersion": (200, {"supported_versions": versions})}, start=False) as (
        modem,
        _peer,
        _above,
    ):
        with pytest.raises(ModemError) as caught:
            await modem.start()
        assert caught.value.code is ModemTrouble.REFUSED


async def test_a_modem_that_is_ready_already_and_one_that_spoils_the_first_line() -> None:
    answers: dict[str, Any] = {
        "GET apiVersion": [
            (405, {}),
            (200, {"supported_versions": [NEW], "active_version": OLD}),
        ],
        "PUT apiVersion": (402, {}),
        "GET simConfig": (200, {"interface": "none"}),
        "PUT simConfig": (402, {}),
        "GET operationalState": [(200, {"state": "inactive"}), (200, {"state": "active"})],
        "PUT operationalState": (406, {}),
        "GET firmware": (408, {}),
        "PUT messageActivityStatus": (417, {}),
    }
    async with opened(answers) as (modem, _, _):
        assert modem.ready
        assert modem.described.version == "1.5.2", "what was chosen stays"


async def test_out_of_a_fault_the_way_leads_through_inactive() -> None:
    states = [{"state": "fault", "reason": 3}, {"state": "inactive"}, {"state": "active"}]
    answers: dict[str, Any] = {
        "GET operationalState": [(200, state) for state in states],
        "PUT operationalState": (200, {}),
    }
    async with opened(answers) as (_, peer, _):
        wanted = [body["state"] for asked, body in peer.asked if asked == "PUT operationalState"]
        assert wanted == ["inactive", "active"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"GET simStatus": (200, {"card_present": False})}, "no SIM"),
        (
            {
                "GET operationalState": (200, {"state": "fault", "reason": 2}),
                "PUT operationalState": (200, {}),
            },
            "hot",
        ),
        ({"GET apiVersion": None}, "no answer"),
        ({"GET hwInfo": (200, {"imei": 7})}, "hwInfo"),
    ],
)
async def test_why_it_cannot_start(answers: dict[str, Any], words: str) -> None:
    async with opened(answers, start=False) as (modem, _, _):
        with pytest.raises(ModemError, match=words):
            await modem.start()


async def test_the_vector_of_the_reference_and_an_acknowledgement() -> None:
    async with opened({"PUT messageOriginate": accepted}) as (modem, peer, _):
        sending = asyncio.create_task(modem.send(b"Hello", 20))
        await until(lambda: peer.count("PUT messageOriginate") == 1)
        assert dict(peer.asked)["PUT messageOriginate"]["message_length"] == 7
        place = {"topic_id": 244, "message_id": 7}
        wanted = {**place, "segment_start": 0, "segment_length": 7}
        await peer.say(299, "messageOriginateSegment", wanted)
        await until(lambda: peer.count("PUT messageOriginateSegment") == 1)
        answer = dict(peer.asked)["PUT messageOriginateSegment"]
        assert answer == {**wanted, "data": "SGVsbG/L1g=="}
        assert not sending.done()
        await peer.say(299, "messageOriginateStatus", {**place, "final_mo_status": ACKNOWLEDGED})
        await sending


async def test_an_acknowledgement_of_what_was_never_handed_over_is_not_believed() -> None:
    async with opened({"PUT messageOriginate": accepted}) as (modem, peer, _):
        sending = asyncio.create_task(modem.send(b"Hello", 20))
        await until(lambda: bool(modem._flights))
        final = {"topic_id": 244, "message_id": 7, "final_mo_status": ACKNOWLEDGED}
        await peer.say(299, "messageOriginateStatus", final)
        with pytest.raises(NotSentError) as caught:
            await sending
        assert caught.value.end.verdict is Verdict.MAYBE


async def test_an_answer_to_another_offer_is_not_ours_and_its_message_is_taken_back() -> None:
    def other(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return accepted({"request_reference": body["request_reference"] % 100 + 1}, 9)

    async with opened({"PUT messageOriginate": other}) as (modem, peer, _):
        with pytest.raises(ModemError):
            await modem.send(b"Hello", 20)
        await until(lambda: peer.count("PUT messageOriginateStatus") == 1)
        assert dict(peer.asked)["PUT messageOriginateStatus"]["message_id"] == 9


async def test_a_message_nobody_here_sent_is_taken_back_once() -> None:
    async with opened() as (_, peer, above):
        place = {"topic_id": 244, "message_id": 3}
        for start in (0, 1446, 2892):
            body = {**place, "segment_start": start, "segment_length": 1446}
            await peer.say(299, "messageOriginateSegment", body)
        await until(lambda: peer.count("PUT messageOriginateStatus") == 1)
        await peer.say(299, "messageOriginateStatus", {**place, "final_mo_status": ACKNOWLEDGED})
        await until(lambda: above.late == [0])
        assert peer.count("PUT messageOriginateStatus") == 1


async def test_what_a_modem_still_holds_from_an_earlier_life_is_taken_back() -> None:
    queue = {"status": [{"topic_id": 244, "queue_length": 2, "status": [{"message_id": 5}]}]}
    memory = Memory(doubtful={(244, 6): 1234})
    answers = {"GET messageOriginateQueue": (200, queue)}
    async with opened(answers, memory) as (_, peer, above):
        names = {
            body["message_id"] for asked, body in peer.asked if asked.endswith("OriginateStatus")
        }
        assert names == {5, 6}
        final = {"topic_id": 244, "message_id": 6, "final_mo_status": ACKNOWLEDGED}
        await peer.say(299, "messageOriginateStatus", final)
        await until(lambda: above.late == [1234])


async def test_a_modem_that_restarts_is_started_again() -> None:
    async with opened() as (modem, peer, _):
        serving = asyncio.create_task(modem.serve())
        await peer.say(299, "bootInfo", {"image_type": "primary"})
        await until(lambda: peer.count("GET hwInfo") == 2 and modem.ready)
        peer.answers["GET constellationState"] = [(400, {}), ANSWERS["GET constellationState"]]
        await until(lambda: peer.count("GET hwInfo") == 3 and modem.ready)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_a_silent_modem_ends_serving() -> None:
    async with opened() as (modem, peer, _):
        peer.answers = dict.fromkeys(ANSWERS)
        with pytest.raises(ModemError) as caught:
            await asyncio.wait_for(modem.serve(), 40)
        assert caught.value.code is ModemTrouble.SILENT


async def test_a_port_that_goes_ends_everything_that_waits() -> None:
    async with opened({"PUT messageOriginate": accepted}) as (modem, peer, _):
        serving = asyncio.create_task(modem.serve())
        sending = asyncio.create_task(modem.send(b"Hello", 20))
        await until(lambda: bool(modem._flights))
        await peer.port.aclose()
        with pytest.raises(PortError):
            await asyncio.wait_for(serving, 20)
    assert isinstance((await asyncio.gather(sending, return_exceptions=True))[0], ModemError)


async def test_damaged_lines_and_strangers_harm_nothing() -> None:
    async with opened() as (modem, peer, above):
        for body in ({}, {"topic_id": 244}, {"message_id": 300, "topic_id": 244}):
            for target in ("Originate", "OriginateSegment", "OriginateStatus", "Terminate"):
                await peer.say(299, f"message{target}", body)
        await peer.port.write(b"\xff\r\r\n299 \r299 x y\r{}\r")
        message = with_crc(b"order")
        place = {"topic_id": 244, "message_id": 1}
        data = base64.b64encode(message).decode()
        segment = {**place, "segment_start": 0, "segment_length": 7, "data": data}
        await peer.say(299, "messageTerminateSegment", segment)
        await peer.say(299, "messageTerminateStatus", {**place, "final_mt_status": "complete"})
        await until(lambda: above.messages == [b"order"])
        assert modem.ready


async def until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.002)


def test_unknown_words_and_reasons() -> None:
    assert mo_end(ACKNOWLEDGED).verdict is Verdict.OK
    assert mo_end("MO_ACK_RECEIVED").verdict is Verdict.MAYBE
    assert len(mo_end("x" * 1000).meaning) < 100
    assert reason(6) == "supply voltage too low"
    assert reason(77) == "reason 77"
