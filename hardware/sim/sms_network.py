"""A played mobile network: takes messages from played phones and brings them to others.

It keeps what a phone cannot take now, as a service center does, and has the habits that break
careless programs: it loses, repeats, delays and so reorders, refuses 8-bit data, and may say
nothing about a message that it took. Source: 3GPP TS 23.040, 9.2.2 (SUBMIT, DELIVER).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

REFUSED = 21  # short message transfer rejected
NO_SERVICE = 331
UNKNOWN = 1  # unassigned number
WAITING_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Sky:
    """How the network is. ``loss`` and ``repeat`` from 0 to 1, times in seconds.

    ``delay_s``: least and most time on the way. ``submit_s``: until it says it took a message.
    ``outages``: starts and lengths without service, from the beginning.
    """

    loss: float = 0.0
    repeat: float = 0.0
    delay_s: tuple[float, float] = (0.0, 0.0)
    submit_s: float = 0.0
    refuses_data: bool = False
    outages: tuple[tuple[float, float], ...] = ()
    seed: int = 0


class Mobile(Protocol):
    """A phone as the network sees it."""

    def take(self, pdu: bytes) -> bool:
        """A message, service center address in front; False where there is no room now."""


@dataclass(frozen=True, slots=True)
class _Submitted:
    """What the network reads of SMS-SUBMIT."""

    reference: int
    number: str
    header: bool
    report: bool
    protocol: int
    scheme: int
    user: bytes  # with its length in front


class SmsNetwork:
    """The network. ``taken`` counts messages it took, ``lost`` those it never brought."""

    def __init__(self, sky: Sky | None = None, clock: Callable[[], float] = time.time) -> None:
        self.sky = sky or Sky()
        self.taken = 0
        self.lost = 0
        self._clock = clock
        self._chance = random.Random(self.sky.seed)
        self._mobiles: dict[str, Mobile | None] = {}
        self._waiting: dict[str, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._began_s = asyncio.get_running_loop().time()

    @property
    def service(self) -> bool:
        """Whether phones see the network now."""
        passed_s = asyncio.get_running_loop().time() - self._began_s
        return not any(at <= passed_s < at + length for at, length in self.sky.outages)

    def attach(self, number: str, mobile: Mobile) -> None:
        """A phone is switched on; what waits for it is brought now."""
        self._mobiles[number] = mobile
        self.bring(number)

    def detach(self, number: str) -> None:
        """A phone is switched off."""
        self._mobiles[number] = None

    def bring(self, number: str) -> None:
        """Try to deliver what waits, in order."""
        mobile = self._mobiles.get(number)
        waiting = self._waiting.setdefault(number, [])
        while waiting and mobile is not None and self.service and mobile.take(waiting[0]):
            waiting.pop(0)

    async def submit(self, sender: str, tpdu: bytes) -> int:
        """Take a message: its reference, or minus the cause of +CMS ERROR."""
        await asyncio.sleep(self.sky.submit_s)
        if not self.service:
            return -NO_SERVICE
        message = _submitted(tpdu)
        if self.sky.refuses_data and message.scheme & 0x0C == 4:
            return -REFUSED
        if message.number not in self._mobiles:
            return -UNKNOWN
        self.accept(sender, tpdu)
        return message.reference

    def accept(self, sender: str, tpdu: bytes) -> None:
        """The message is the network's business from now on."""
        message = _submitted(tpdu)
        self.taken += 1
        if self._chance.random() < self.sky.loss:
            self.lost += 1
            return
        for _ in range(2 if self._chance.random() < self.sky.repeat else 1):
            self._later(self._deliver(message.number, _deliver(message, sender, self._stamp())))
        if message.report:
            report = bytes([6, message.reference]) + _address(message.number)
            self._later(self._deliver(sender, b"\0" + report + 2 * self._stamp() + b"\0"))

    def say(self, sender: str, number: str, text: str) -> None:
        """Plain ASCII words from a phone that nobody plays."""
        from hardware.gsm7 import encode, pack

        septets = encode(text) or b"?"
        user = bytes([len(septets)]) + pack(septets)
        message = _Submitted(0, number, False, False, 0, 0, user)
        self._later(self._deliver(number, _deliver(message, sender, self._stamp())))

    async def close(self) -> None:
        """Nothing is on its way any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, number: str, pdu: bytes) -> None:
        await asyncio.sleep(self._chance.uniform(*self.sky.delay_s))
        waiting = self._waiting.setdefault(number, [])
        if len(waiting) < WAITING_MAX:
            waiting.append(pdu)
        self.bring(number)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stamp(self) -> bytes:
        now = datetime.fromtimestamp(self._clock(), UTC)
        digits = now.strftime("%y%m%d%H%M%S") + "00"
        return bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, 14, 2)))


def _submitted(tpdu: bytes) -> _Submitted:
    """Read an SMS-SUBMIT. ValueError or IndexError for anything else."""
    first, reference, digits, kind = tpdu[:4]
    if first & 3 != 1:
        raise ValueError("not a message to send")
    after = 4 + (digits + 1) // 2
    number = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in tpdu[4:after])[:digits]
    validity = (0, 7, 1, 7)[first >> 3 & 3]
    return _Submitted(
        reference,
        ("+" if kind == 0x91 else "") + number,
        bool(first & 0x40),
        bool(first & 0x20),
        tpdu[after],
        tpdu[after + 1],
        tpdu[after + 2 + validity :],
    )


def _deliver(message: _Submitted, sender: str, stamp: bytes) -> bytes:
    first = 0x04 | (0x40 if message.header else 0)
    head = bytes([0, first]) + _address(sender) + bytes([message.protocol, message.scheme])
    return head + stamp + message.user


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    padded = digits + "f" * (len(digits) % 2)
    pairs = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    return bytes([len(digits), 0x91 if number.startswith("+") else 0x81]) + bytes.fromhex(pairs)
