"""The messages of a played 9704: those it pulls and sends, and those it hands over."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hardware.imt_status import ACCEPTED, ACKNOWLEDGED, COMPLETE
from hardware.imt_transfer import MESSAGE_BYTES_MAX, PAYLOAD_BYTES_MAX, with_crc, without_crc
from hardware.sim.faults9704 import Fault9704
from hardware.sim.uplink import GatewayLostError

if TYPE_CHECKING:
    from hardware.sim.core9704 import Core9704

LOST = ("network_error", "message_transfer_timeout", "protocol_error")
NO_NETWORK, CLOUD_FULL, SENT_MAX = 32, 11, 4
ARRIVED_MAX = 50
PULLING, WAITING, TRANSIT, HANDING = range(4)
_ACCIDENTS = ("hang", "reset", "unplug", "noise", "state")


class RefusedError(Exception):
    """The request ends with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(slots=True)
class Message:
    """An outgoing message in the modem. ``wanted``: the segment it waits for."""

    topic: int
    number: int
    id: int
    data: bytearray
    fault: Fault9704 | None
    stage: int = PULLING
    wanted: tuple[int, int] | None = None
    supplied: asyncio.Event = field(default_factory=asyncio.Event)
    wrong: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def names(self) -> dict[str, Any]:
        """How the lines call it."""
        return {"topic_id": self.topic, "message_id": self.id}


class Outgoing9704:
    """What the host offers, the modem pulls and the cloud gets."""

    def __init__(self, core: Core9704) -> None:
        self.worst_answer_s = 0.0
        self.answers = 0
        self.late = 0
        self.accepted = 0
        self.sent = 0
        self._core = core
        self._messages: dict[tuple[int, int], Message] = {}
        self._next_id = 0
        self._begun: Message | None = None
        self._radio = asyncio.Lock()

    def stop(self) -> None:
        """Power is gone: nothing is kept."""
        for message in self._messages.values():
            if message.task is not None:
                message.task.cancel()
        self._messages.clear()

    def queue(self) -> dict[str, Any]:
        """The answer to ``messageOriginateQueue``."""
        queues: dict[int, list[dict[str, Any]]] = {}
        for message in self._messages.values():
            queues.setdefault(message.topic, []).append(
                {"message_id": message.id, "status": "queued"}
            )
        rows = [
            {"topic_id": topic, "queue_length": len(ids), "status": ids}
            for topic, ids in queues.items()
        ]
        return {"status": rows}

    def obey(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """A ``PUT`` about an outgoing message. Raises RefusedError."""
        try:
            topic = int(body["topic_id"])
            if target == "messageOriginate":
                return self._offer(topic, int(body["message_length"]), body["request_reference"])
            message = self._messages.get((topic, int(body["message_id"])))
            if message is None:
                raise RefusedError(408)
            if target == "messageOriginateSegment":
                return self._supplied(message, body)
            if target == "messageOriginateStatus" and body["action"] == "cancel":
                return self._cancelled(message)
        except (KeyError, TypeError, ValueError):
            raise RefusedError(407) from None
        raise RefusedError(404)

    def begin(self) -> None:
        """The offer was answered: pull the message."""
        if (message := self._begun) is not None:
            self._begun = None
            message.task = asyncio.create_task(self._life(message))

    def _offer(self, topic: int, length: int, reference: object) -> dict[str, Any]:
        core = self._core
        if not core.active:
            raise RefusedError(406)
        if not core.provisioned:
            raise RefusedError(418)
        if not 2 < length <= MESSAGE_BYTES_MAX:
            raise RefusedError(407)
        answer = {"topic_id": topic, "request_reference": reference}
        fault = core.script.for_message(self.accepted + 1)
        waiting = sum(message.topic == topic for message in self._messages.values())
        if topic not in core.nature.topics:
            return {**answer, "message_response": "subscription_invalid"}
        if waiting >= core.nature.queue_depth:
            return {**answer, "message_response": "message_discarded_on_overflow"}
        self.accepted += 1
        if fault is not None and fault.kind == "refuse":
            return {**answer, "message_response": fault.word}
        while (topic, self._next_id) in self._messages:
            self._next_id = (self._next_id + 1) % 256
        message = Message(topic, self.accepted, self._next_id, bytearray(b"\xff" * length), fault)
        self._next_id = (self._next_id + 1) % 256
        self._messages[topic, message.id] = self._begun = message
        return {**answer, "message_id": message.id, "message_response": ACCEPTED}

    def _supplied(self, message: Message, body: dict[str, Any]) -> dict[str, Any]:
        start, length = int(body["segment_start"]), int(body["segment_length"])
        data = base64.b64decode(body["data"], validate=True)
        if (start, length) == message.wanted and len(data) == length:
            message.data[start : start + length] = data
        else:
            message.wrong = True
        message.supplied.set()
        return message.names

    def _cancelled(self, message: Message) -> dict[str, Any]:
        if message.stage < HANDING and message.task is not None:
            message.task.cancel()
            word = "in_transit" if message.stage == TRANSIT else "pre_transit"
            self._end(message, f"message_cancelled_{word}")
        return message.names

    async def _life(self, message: Message) -> None:
        self._core.activity(True)
        word = await self._pull(message)
        if not word:
            payload = without_crc(bytes(message.data))
            word = "message_dropped_local_crc_error"
            if payload is not None:
                word = await self._transfer(message, payload)
        self._end(message, word)

    def _end(self, message: Message, word: str) -> None:
        self._messages.pop((message.topic, message.id), None)
        self.sent += word == ACKNOWLEDGED
        if message.fault is None or message.fault.kind != "unended":
            body = {**message.names, "final_mo_status": word}
            asyncio.get_running_loop().call_soon(self._core.say, "messageOriginateStatus", body)
        self._core.activity(False)

    async def _pull(self, message: Message) -> str:
        """Ask for the segments; how it failed, or nothing."""
        fault = message.fault if message.fault and message.fault.kind == "segments" else None
        plan = self._plan(len(message.data), fault.word if fault else "")
        for place, (start, length) in enumerate(plan):
            accident = message.fault
            if accident and accident.kind in _ACCIDENTS and 2 * place >= len(plan) - 1:
                message.fault = None
                self._core.suffer(accident)
            if fault is not None and fault.word == "other_message":
                other = {**message.names, "message_id": (message.id + 100) % 256}
                self._ask(other, start, length)
            if not await self._get(message, start, length):
                return "segment_not_supplied"
            if message.wrong:
                return "segment_incorrect"
        return ""

    async def _get(self, message: Message, start: int, length: int) -> bool:
        message.wanted = (start, length)
        message.supplied.clear()
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        self._ask(message.names, start, length)
        try:
            async with asyncio.timeout(self._core.nature.answer_s):
                await message.supplied.wait()
        except TimeoutError:
            self.late += 1
            return False
        finally:
            self.worst_answer_s = max(self.worst_answer_s, loop.time() - asked_at)
        self.answers += 1
        return True

    def _ask(self, names: dict[str, Any], start: int, length: int) -> None:
        body = {**names, "segment_length": length, "segment_start": start}
        self._core.say("messageOriginateSegment", body)

    def _plan(self, total: int, manner: str) -> list[tuple[int, int]]:
        size = 64 if manner == "small" else self._core.nature.segment_bytes
        plan = [(start, min(size, total - start)) for start in range(0, total, size)]
        if manner == "repeated":
            return [*plan, *plan]
        if manner == "backwards":
            return plan[::-1]
        if manner == "one_missing":
            return plan[:-1]
        if manner == "outside":
            return [*plan, (total, min(size, MESSAGE_BYTES_MAX - total) or 1)]
        return plan

    async def _transfer(self, message: Message, payload: bytes) -> str:
        core, nature = self._core, self._core.nature
        message.stage = WAITING
        expires_at = asyncio.get_running_loop().time() + nature.expire_s
        while True:
            while not core.online:
                if asyncio.get_running_loop().time() >= expires_at:
                    return "message_expired"
                await asyncio.sleep(nature.look_s)
            message.stage = TRANSIT
            await asyncio.sleep(nature.latency_s * core.chance.uniform(0.6, 1.4))
            await asyncio.sleep(len(payload) / nature.rate_bytes_s)
            fault = message.fault
            if fault is not None and fault.kind == "final":
                if fault.delivered:
                    await self._hand(message, payload)
                return fault.word
            if core.chance.random() < nature.loss:
                return core.chance.choice(LOST)
            status = await self._hand(message, payload) if core.online else NO_NETWORK
            if status in (NO_NETWORK, CLOUD_FULL):
                message.stage = WAITING
                await asyncio.sleep(nature.look_s)
                continue
            if status > SENT_MAX:
                return "network_error"
            if core.chance.random() < nature.maybe:
                return core.chance.choice(LOST)
            return ACKNOWLEDGED

    async def _hand(self, message: Message, payload: bytes) -> int:
        """Give it to the cloud; its status, see :class:`hardware.sim.uplink.Reply`."""
        message.stage = HANDING
        async with self._radio:
            try:
                reply = await self._core.gateway.session(message.number & 0xFFFF, payload, 0)
            except GatewayLostError:
                return NO_NETWORK
        return reply.mo_status


class Incoming9704:
    """What the cloud has for this modem. The cloud keeps each message until it came over."""

    def __init__(self, core: Core9704) -> None:
        self.handed = 0
        self._core = core
        self._waiting: deque[bytes] = deque()
        self._tried = 0
        self._next_id = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> tuple[bytes, ...]:
        """What has not come over yet."""
        return tuple(self._waiting)

    def stop(self) -> None:
        """Power is gone; what had not come over is tried again later."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def look(self) -> None:
        """Fetch and hand over, unless that goes on already."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        more = True
        while self._core.online and (more or self._waiting):
            if more and len(self._waiting) < ARRIVED_MAX:
                more = await self._ask_cloud()
            if self._waiting and not await self._hand_over(self._waiting[0]):
                await asyncio.sleep(self._core.nature.retry_s)

    async def _ask_cloud(self) -> bool:
        """Take one message from the cloud; whether there may be more."""
        try:
            reply = await self._core.gateway.session(0, None, PAYLOAD_BYTES_MAX)
        except GatewayLostError:
            return False
        if reply.mt is not None:
            self._waiting.append(reply.mt)
        return reply.queued > 0

    async def _hand_over(self, payload: bytes) -> bool:
        """All lines of one message; whether it came over, so that the cloud forgets it."""
        core = self._core
        self._tried += 1
        fault = core.script.for_mt(self._tried)
        manner = fault.word if fault is not None and fault.kind == "mt" else ""
        message = with_crc(payload)
        self._next_id = (self._next_id + 1) % 256
        names = {"topic_id": core.nature.topics[0], "message_id": self._next_id}
        core.activity(True)
        if manner != "unannounced":
            core.say("messageTerminate", {**names, "message_length_max": len(message)})
        plan = self._plan(len(message), manner)
        for place, (start, length) in enumerate(plan):
            if fault is not None and fault.kind in _ACCIDENTS and 2 * place >= len(plan) - 1:
                accident, fault = fault, None
                core.suffer(accident)
            data = message[start : start + length]
            if manner == "bad_crc" and place == len(plan) // 2:
                data = bytes([data[0] ^ 1]) + data[1:]
            body = {**names, "segment_length": length, "segment_start": start}
            core.say(
                "messageTerminateSegment", {**body, "data": base64.b64encode(data).decode("ascii")}
            )
            await asyncio.sleep(1.5 * length / core.nature.line_bytes_s)
        core.activity(False)
        if manner == "unfinished" or core.deaf:
            return False
        word = "message_timed_out" if manner == "timed_out" else COMPLETE
        core.say("messageTerminateStatus", {**names, "final_mt_status": word})
        if word == COMPLETE and self._waiting:
            self._waiting.popleft()
            self.handed += 1
        return word == COMPLETE

    def _plan(self, total: int, manner: str) -> list[tuple[int, int]]:
        size = self._core.nature.segment_bytes
        plan = [(start, min(size, total - start)) for start in range(0, total, size)]
        if manner == "repeated":
            return [*plan, *plan]
        if manner == "backwards":
            return plan[::-1]
        if manner == "overlapping":
            return [(start, min(size, total - start)) for start in range(0, total, size - 10)]
        return plan
