"""What tests of the gateways share: a modem of the played network as a link."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble

LOOPBACK = "127.0.0.1"
IMEI = "300234010753370"


class PlayedModem:
    """A link for tests: a modem of the played gateway, one session for each frame and poll."""

    traits = Traits(mtu_bytes=340)

    def __init__(self, port: int) -> None:
        self._port = port
        self._sessions = 0
        self._busy = asyncio.Lock()
        self._receiver: Receiver | None = None

    async def run(self, receiver: Receiver) -> None:
        self._receiver = receiver
        receiver.state(LinkState(Phase.READY))
        try:
            await asyncio.Event().wait()
        finally:
            self._receiver = None

    async def send(self, frame: bytes, peer: str = "") -> None:
        if len(frame) > self.traits.mtu_bytes:
            raise LinkError(Trouble.TOO_LARGE)
        await self._session(frame.hex())

    async def poll(self) -> None:
        await self._session(None)

    async def _session(self, mo: str | None) -> None:
        async with self._busy:
            if self._receiver is None:
                raise LinkError(Trouble.NO_SERVICE)
            self._sessions += 1
            words: list[dict[str, Any]] = [
                {"op": "attach", "imei": IMEI},
                {"op": "session", "n": 1, "momsn": self._sessions, "mo": mo, "mt_max": 270},
            ]
            reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
            writer.write(b"".join(json.dumps(line).encode() + b"\n" for line in words))
            while (answer := json.loads(await reader.readline())).get("op") == "ring":
                pass
            writer.close()
            if answer["mt"] is not None:
                await self._receiver.frame(bytes.fromhex(answer["mt"]))


@pytest.fixture
def modem() -> type[PlayedModem]:
    """Called with the port of a played gateway: the other end of a link of the center."""
    return PlayedModem
