"""The inside of a played 9704: JSPR requests and what they start; bytes in, bytes out.

It has the habits that break careless drivers. The first line after power-up is malformed; lines
nobody asked for come between a request and its answer; a segment that is not supplied within
300 ms ends the message; an accepted message goes out hours later unless it is cancelled.
Source: rock7/RockBLOCK-9704 and reports of its firmware.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hardware.jspr import END, LINE_BYTES_MAX
from hardware.sim.faults9704 import Fault9704, Script9704
from hardware.sim.messages9704 import Incoming9704, Outgoing9704, RefusedError
from hardware.sim.uplink import Gateway

VERSIONS = ((1, 7, 0), (1, 6, 1), (1, 6, 0))
BACKLOG_BYTES_MAX = 65_536
BANNER = b"\x11\x00\x11"


@dataclass(frozen=True, slots=True)
class Nature9704:
    """How the modem and its sky are. Times in seconds, chances from 0 to 1.

    A message takes 0.6 to 1.4 times ``latency_s`` and its bytes at ``rate_bytes_s`` besides.
    ``loss``: chance that it ends with an error; ``maybe``: that the cloud has it and it ends
    with an error. ``boot_s``: deaf after power-on. ``answer_s``: patience for a segment.
    ``provision_s``: so long after power-on it is not provisioned. ``sky_s``: the signal changes
    so often, ``look_s``: a message that waits for sky is tried so often. ``expire_s``: an
    accepted message is kept so long. ``retry_s``: until an arriving message that did not come
    over is tried again. ``line_bytes_s``: speed of the serial line for arriving messages.
    ``chatter``: chance of a line nobody asked for before each answer.
    """

    imei: str = "300258061234567"
    latency_s: float = 10.0
    rate_bytes_s: float = 800.0
    loss: float = 0.0
    maybe: float = 0.0
    seed: int = 0
    boot_s: float = 1.0
    answer_s: float = 0.3
    provision_s: float = 0.0
    sky_s: float = 10.0
    look_s: float = 0.5
    expire_s: float = 21_600.0
    retry_s: float = 5.0
    line_bytes_s: float = 23_040.0
    chatter: float = 0.0
    topics: tuple[int, ...] = (244, 313)
    queue_depth: int = 8
    segment_bytes: int = 1446


class Core9704:
    """The modem while it has power. ``write`` takes its bytes, ``unplug`` pulls it out."""

    def __init__(
        self,
        nature: Nature9704,
        gateway: Gateway,
        script: Script9704,
        write: Callable[[bytes], None],
        unplug: Callable[[float], None],
    ) -> None:
        self.nature = nature
        self.gateway = gateway
        self.script = script
        self.chance = random.Random(f"{nature.seed} {nature.imei}")
        self.outgoing = Outgoing9704(self)
        self.incoming = Incoming9704(self)
        self._write = write
        self._unplug = unplug
        self._loop = asyncio.get_running_loop()
        self._deaf: asyncio.TimerHandle | None = None
        self._fault_until = 0.0
        self._fault_reason = 0
        self._provisioned_at = self._loop.time() + nature.provision_s
        self.power_up()

    @property
    def worst_answer_s(self) -> float:
        """The longest time that a segment was waited for."""
        return self.outgoing.worst_answer_s

    @property
    def online(self) -> bool:
        """Whether messages can pass now."""
        return self.active and self.provisioned and self.gateway.connected

    @property
    def deaf(self) -> bool:
        """Whether it neither hears nor speaks."""
        return self._deaf is not None

    @property
    def active(self) -> bool:
        """Whether the modem was told to work, and does."""
        return self._state == "active"

    @property
    def provisioned(self) -> bool:
        """Whether the network has told it its topics."""
        return self._loop.time() >= self._provisioned_at

    def power_up(self) -> None:
        """Start as after power-on: nothing chosen, nothing kept, a banner when it is up."""
        self.power_off()
        self._version: tuple[int, ...] | None = None
        self._interface = "none"
        self._state, self._reason = "inactive", 0
        self._reports_activity = False
        self._bars = 0
        self._line = bytearray(BANNER[:1])  # what stands in its buffer: the first line is spoiled
        self._deafen(self.nature.boot_s, self._booted)

    def power_off(self) -> None:
        """Stop whatever goes on."""
        self.outgoing.stop()
        self.incoming.stop()
        if self._deaf is not None:
            self._deaf.cancel()
            self._deaf = None

    def receive(self, data: bytes) -> None:
        """Bytes from the port."""
        if self._deaf is not None:
            return
        for byte in data:
            if byte != END[0]:
                if len(self._line) <= BACKLOG_BYTES_MAX:
                    self._line.append(byte)
                continue
            line = bytes(self._line)
            self._line.clear()
            if line.strip():
                self._execute(line)

    def ring(self) -> None:
        """The cloud says that a message waits."""
        self.incoming.look()

    def look(self) -> None:
        """Look at the sky; tell what changed."""
        bars = self.chance.randint(2, 5) if self.gateway.connected and self.active else 0
        if self.active and bars != self._bars:
            self._bars = bars
            self.say("constellationState", self._sky())
        self.incoming.look()

    def suffer(self, fault: Fault9704) -> None:
        """Let an accident happen now."""
        match fault.kind:
            case "noise":
                self._write(self.chance.randbytes(fault.count))
            case "hang":
                self._deafen(fault.for_s, self._hear)
            case "reset":
                self.power_up()
            case "unplug":
                self._unplug(fault.for_s)
            case "state":
                self._fault_until = self._loop.time() + fault.for_s
                self._fault_reason = fault.reason
                self._state, self._reason = "fault", fault.reason
                self.say("operationalState", {"state": "fault", "reason": fault.reason})

    def say(self, target: str, body: dict[str, Any]) -> None:
        """A line nobody asked for."""
        self._tell(299, target, body)

    def activity(self, busy: bool) -> None:
        """Tell that messages are on their way, or no more, where that was asked for."""
        if self._reports_activity:
            self.say("messageActivityStatus", {"message_activity": busy})

    # -- the line ------------------------------------------------------------------------------

    def _tell(self, code: int, target: str, body: dict[str, Any]) -> None:
        if self._deaf is not None:
            return
        if code != 299 and self.chance.random() < self.nature.chatter:
            self._tell(299, "constellationState", self._sky())
        text = json.dumps(body, separators=(",", ":"))
        self._write(f"{code} {target} {text}".encode("ascii") + END)

    def _deafen(self, for_s: float, then: Callable[[], None]) -> None:
        if self._deaf is not None:
            self._deaf.cancel()
        self._deaf = self._loop.call_later(for_s, then)

    def _hear(self) -> None:
        self._deaf = None

    def _booted(self) -> None:
        self._deaf = None
        self._write(BANNER)
        version = {"major": 1, "minor": 2, "patch": 0}
        self.say("bootInfo", {"image_type": "primary", "version": version})
        self.incoming.look()

    def _execute(self, line: bytes) -> None:
        text = line.decode("ascii", "replace").strip()
        fault = self.script.for_command(text)
        if fault is not None:
            self.suffer(fault)
            if fault.kind != "noise":
                return
        method, _, rest = text.partition(" ")
        target, _, words = rest.partition(" ")
        if len(line) > LINE_BYTES_MAX:
            self._tell(403, target[:20] or "TOO_LONG", {})
            return
        if method not in ("GET", "PUT") or not target.isalnum() or not words.startswith("{"):
            self._tell(405, "MALFORMED", {})
            return
        try:
            try:
                body = json.loads(words)
            except (ValueError, RecursionError):
                raise RefusedError(407) from None
            answer = self._obey(method, target, body)
        except RefusedError as refusal:
            self._tell(refusal.code, target, {})
            return
        if answer is not None:
            self._tell(200, target, answer)
        if target == "messageOriginate":
            self.outgoing.begin()

    def _obey(self, method: str, target: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The body of a good answer. Raises RefusedError."""
        if target == "apiVersion":
            return self._api(method, body)
        if self._version is None:
            raise RefusedError(400)
        if target.startswith("messageOriginate") and method == "PUT":
            return self.outgoing.obey(target, body)
        match method, target:
            case "GET", "hwInfo":
                return {
                    "hw_version": "0x0601",
                    "serial_number": "1a07ty",
                    "imei": self.nature.imei,
                    "board_temp": 19,
                }
            case "GET", "firmware":
                version = {"version": {"major": 1, "minor": 2, "patch": 0}, "build_info": "x"}
                return {"slot": "primary", "validity": True, "versionInfo": version}
            case "GET", "constellationState":
                return self._sky()
            case "GET", "messageProvisioning":
                return self._provisioning()
            case "GET", "messageOriginateQueue":
                return self.outgoing.queue()
            case "PUT", "messageActivityStatus":
                self._reports_activity = body.get("enabled") is True
                return {"enabled": self._reports_activity}
            case _, "simConfig" | "simStatus" | "operationalState":
                return self._power(method, target, body)
        raise RefusedError(404)

    def _api(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        told = [dict(zip(("major", "minor", "patch"), one, strict=True)) for one in VERSIONS]
        if method == "PUT":
            if self._version is not None:
                raise RefusedError(402)
            wanted = body.get("active_version")
            if wanted not in told:
                raise RefusedError(407)
            self._version = VERSIONS[told.index(wanted)]
        answer: dict[str, Any] = {"supported_versions": told}
        if self._version is not None:
            answer["active_version"] = told[VERSIONS.index(self._version)]
        return answer

    def _power(self, method: str, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """SIM and state."""
        there = self._interface == "internal"
        sim = {"card_present": there, "sim_connected": there, "iccid": "8988169771000000000"}
        if target == "simStatus":
            return sim
        if target == "simConfig":
            if method == "PUT":
                if self._interface == "internal":
                    raise RefusedError(402)
                if body.get("interface") != "internal":
                    raise RefusedError(407)
                self._interface = "internal"
                self._loop.call_soon(
                    self.say, "simStatus", {**sim, "card_present": True, "sim_connected": True}
                )
            return {"interface": self._interface}
        if method == "PUT":
            self._change_state(str(body.get("state")), there)
        return {"state": self._state, "reason": self._reason}

    def _change_state(self, wanted: str, sim_there: bool) -> None:
        if wanted not in ("active", "inactive"):
            raise RefusedError(407)
        if wanted == self._state:
            raise RefusedError(406)
        if wanted == "active" and not sim_there:
            raise RefusedError(410)
        if wanted == "active" and self._state != "inactive":
            raise RefusedError(406)
        if wanted == "active" and self._loop.time() < self._fault_until:
            self._state, self._reason = "fault", self._fault_reason
        else:
            self._state, self._reason = wanted, 0
        self._loop.call_soon(
            self.say, "operationalState", {"state": self._state, "reason": self._reason}
        )
        self._loop.call_soon(self.look)

    def _provisioning(self) -> dict[str, Any]:
        if not self.provisioned:
            raise RefusedError(418)
        topics = [
            {
                "topic_id": topic,
                "topic_name": f"TOPIC_{topic}",
                "priority": "Medium",
                "discard_time_seconds": int(self.nature.expire_s),
                "max_queue_depth": self.nature.queue_depth,
            }
            for topic in self.nature.topics
        ]
        return {"provisioning": topics}

    def _sky(self) -> dict[str, Any]:
        seen = self._bars > 0
        level = {"signal_level": -120 + 2 * self._bars} if seen else {}
        return {"constellation_visible": seen, "signal_bars": self._bars, **level}
