"""The cloud side of played 9704 modems: what they send is handed on, what is for them waits.

    cloud = ImtCloud(hand_on, spool=folder)     # hand_on(imei, payload, topic), durable on return
    cloud.put(imei, payload)                    # for that modem; False where none is known

Whoever plays a provider's service to the center gives it ``hand_on`` and calls ``put``. Modems
connect as to :class:`hardware.sim.gateway.PlayedGateway`, from whom this takes its doors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from hardware.imt_options import TOPIC_RAW
from hardware.imt_transfer import PAYLOAD_BYTES_MAX
from hardware.sim.gateway import MO_OK, MO_TOO_BIG, NO_NETWORK, Faults, PlayedGateway

WAITING_MAX = 50

HandOn = Callable[[str, bytes, int], None]


class ImtCloud(PlayedGateway):
    """Run it, wait for ``ready``, then ``modem_port`` is the real port."""

    def __init__(
        self,
        hand_on: HandOn,
        *,
        bind: str = "127.0.0.1",
        modem_port: int = 0,
        spool: Path | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__("", 0, bind=bind, modem_port=modem_port, spool=spool, faults=faults)
        self._hand_on = hand_on

    async def run(self) -> None:
        """Serve until cancelled. OSError when the port cannot be had."""
        self._began_at = asyncio.get_running_loop().time()
        async with self._serving(self._modem, self.modem_port) as self.modem_port:
            self.ready.set()
            await asyncio.get_running_loop().create_future()

    def put(self, imei: str, payload: bytes, _topic: str = "") -> bool:
        """Queue a message for a modem and call it; whether the modem is known and has room."""
        mailbox = self._mailboxes.get(imei)
        if mailbox is None or len(mailbox) >= WAITING_MAX:
            return False
        if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:
            return False
        mailbox.put(f"1-{self._next_number():012d}", payload)
        self._ring(imei)
        return True

    def _judge(self, payload: bytes | None) -> int:
        if self._out():
            return NO_NETWORK
        return MO_OK if len(payload or b"") <= PAYLOAD_BYTES_MAX else MO_TOO_BIG

    def _keep_mo(
        self, imei: str, momsn: int, mtmsn: int, status: int, payload: bytes | None
    ) -> None:
        if payload:
            self._hand_on(imei, payload, TOPIC_RAW)
