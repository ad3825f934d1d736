"""One TCP connection between two neighbours: introduced first, then frames, each of them sealed.

Both ends cut the stream by :mod:`transports.framing`. Nothing is repaired: whatever is not the
next sealed thing from the neighbour ends the line. An empty one says that somebody is there.
"""

from __future__ import annotations

import asyncio
from collections import deque

from transports.common import hand_up
from transports.framing import Decoder, encode
from transports.introduction import MESSAGE_BYTES_MAX, SEAL_BYTES, Introducer, Introduction
from transports.link import LinkError, Receiver, Trouble
from transports.tcp import tune

READ_BYTES = 16_384
INTRODUCTION_S = 10.0
BEAT_S = 15.0
SILENCE_S = 50.0
SEND_S_MAX = 15.0
SILENCE_S_MAX = 60


class LineEndedError(Exception):
    """The line is of no more use. The text says why, for the log."""


class Line:
    """One connection with one neighbour, or with a stranger who does not become one."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        introduction: Introduction,
        calls: bool,
        mtu_bytes: int,
    ) -> None:
        """``calls``: it was us who called."""
        self.calls = calls
        self._reader = reader
        self._writer = writer
        self._introduction = introduction
        self._decoder = Decoder(max(mtu_bytes + SEAL_BYTES, MESSAGE_BYTES_MAX))
        self._came: deque[bytes] = deque()
        self._ended = ""
        writer.transport.set_write_buffer_limits(high=0)
        tune(writer.get_extra_info("socket"), SILENCE_S_MAX)

    @property
    def peer(self) -> str:
        """The word of the neighbour; empty for a stranger."""
        return self._introduction.peer

    @property
    def name(self) -> str:
        """What people call the neighbour."""
        return self._introduction.name

    @property
    def life(self) -> bytes:
        """What tells this run of the neighbour's link from others, 8 bytes."""
        return self._introduction.life

    async def introduce(self) -> None:
        """Prove and hear proof, within a few seconds and bytes. Raises LineEndedError."""
        introduction = self._introduction
        async with _at_most(INTRODUCTION_S, "no introduction"):
            if self.calls:
                self._write(introduction.opening())
            while not introduction.peer:
                message = await self._next()
                answer = introduction.take(message) if len(message) <= MESSAGE_BYTES_MAX else None
                if answer is None:
                    raise LineEndedError("a stranger")
                if answer:
                    self._write(answer)

    async def agree(self) -> None:
        """Say that this line is the one to use, and hear it said. Raises LineEndedError."""
        self._write(self._introduction.seal(b""))
        async with _at_most(INTRODUCTION_S, "not taken by the neighbour"):
            if self._opened(await self._next()):
                raise LineEndedError("a frame before its time")

    async def serve(self, receiver: Receiver, introducer: Introducer) -> str:
        """Hand up what comes until the line ends; why it did."""
        beat = asyncio.create_task(self._beat(introducer))
        try:
            while True:
                async with _at_most(SILENCE_S, "silence"):
                    sealed = await self._next()
                if frame := self._opened(sealed):
                    await hand_up(receiver, frame, self.peer)
        except LineEndedError as ended:
            return self._ended or str(ended)
        finally:
            beat.cancel()

    async def send(self, frame: bytes) -> None:
        """Return when the kernel took the frame. A frame under way is never cut by a cancel."""
        try:
            async with asyncio.timeout(SEND_S_MAX):
                await self._writer.drain()
                self._write(self._introduction.seal(frame))
                await self._writer.drain()
        except TimeoutError as error:
            self.end("takes no bytes")
            raise LinkError(Trouble.NO_SERVICE, "the neighbour takes no bytes") from error
        except OSError as error:
            raise LinkError(Trouble.NO_SERVICE, str(error)) from error

    def end(self, reason: str) -> None:
        """Break it off; ``serve`` returns soon."""
        self._ended = reason
        self._writer.transport.abort()

    def close(self) -> None:
        """Close; what the kernel took still goes out, the rest is dropped."""
        if self._writer.transport.get_write_buffer_size():
            self._writer.transport.abort()
        self._writer.close()

    def _write(self, message: bytes) -> None:
        self._writer.write(encode(message))

    async def _next(self) -> bytes:
        """The next whole message, of whatever worth."""
        while not self._came:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError as error:
                raise LineEndedError(str(error)) from error
            if not data:
                raise LineEndedError("closed by the other side")
            self._came += self._decoder.feed(data)
            if self._decoder.junk_bytes:
                raise LineEndedError("junk")
        return self._came.popleft()

    def _opened(self, sealed: bytes) -> bytes:
        data = self._introduction.open(sealed)
        if data is None:
            raise LineEndedError("not what the neighbour sealed")
        return data

    async def _beat(self, introducer: Introducer) -> None:
        """Show now and then that somebody is here; part with who is not welcome any more."""
        while True:
            await asyncio.sleep(BEAT_S)
            if not introducer.welcome(self.peer):
                self.end("not welcome any more")
            if not self._writer.transport.get_write_buffer_size():
                self._write(self._introduction.seal(b""))


class _at_most:  # noqa: N801 - reads as a word of the language does
    """A time limit whose passing ends the line."""

    def __init__(self, seconds: float, reason: str) -> None:
        self._limit = asyncio.timeout(seconds)
        self._reason = reason

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._limit.__aexit__(*error)  # type: ignore[arg-type]
        except TimeoutError:
            raise LineEndedError(self._reason) from None
