"""One message on its way out through an IMT modem, whoever still waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

from hardware.at_line import ModemError, ModemTrouble
from hardware.imt_status import ACKNOWLEDGED, UNSUPPLIED, MoEnd
from hardware.imt_transfer import segment, with_crc


class NotSentError(Exception):
    """The message was not sent, or it is not known to be: ``end`` says how it ended."""

    def __init__(self, end: MoEnd) -> None:
        super().__init__(f"{end.word}: {end.meaning}")
        self.end = end


class Flight:
    """A message on its way out."""

    def __init__(self, payload: bytes) -> None:
        self.payload_bytes = len(payload)
        self.message = with_crc(payload)
        self._supplied = bytearray(len(self.message))
        self.final: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[MoEnd] = asyncio.get_running_loop().create_future()
        self.withdrawn = asyncio.Event()

    def supply(self, start: int, length: int) -> bytes | None:
        """The bytes the modem wants, None where there are none."""
        data = segment(self.message, start, length)
        if data is not None:
            self._supplied[start : start + length] = b"\1" * length
        return data

    def end(self, word: str) -> None:
        """The final status came. What was never handed over whole cannot have been sent."""
        if word == ACKNOWLEDGED and 0 in self._supplied:
            word = UNSUPPLIED
        if not self.final.done():
            self.final.set_result(word)

    def abandon(self) -> None:
        """Nobody carries it any more: who still waits is told, however early that came."""
        if not self.done.done():
            self.done.set_exception(ModemError(ModemTrouble.SILENT, "closed"))

    async def heard(self, limit_s: float, *, or_withdrawn: bool = False) -> bool:
        """Wait for the final status, the limit or the withdrawal; whether the status is there."""
        waits: set[asyncio.Future[Any]] = {self.final}
        if or_withdrawn:
            waits.add(asyncio.create_task(self.withdrawn.wait()))
        try:
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits - {self.final}:
                wait.cancel()
        return self.final.done()
