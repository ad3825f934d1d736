"""A packet radio modem (TNC) behind KISS, on a serial port or TCP: parameters and frames.

KISS answers nothing: what was written waits in the TNC until the channel is free. Two kinds of
TNC tell more. Some send two bytes back when a frame is on the air (``acks``); Dire Wolf says how
many frames wait when it is asked. A TNC is asked only where ``ask`` allows it: to others the
same command may mean a change of the modem. Source: Dire Wolf 1.6 user guide and behaviour.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from hardware.kiss import TICK_S, VALUE_MAX, Command, Decoder, KissFrame, encode
from hardware.port import READ_SIZE, Port, PortError, PortTrouble

CONNECT_S_MAX = 10.0
ANSWER_S_MAX = 5.0
DATA_BYTES_MAX = 1024
FRAME_CHECK_BYTES = 2
FLAG_BYTES = 2
BITS_PER_BYTE = 8
STUFFING = 1.05  # a 0 after five 1s: one bit in 62 of random ones, more in runs of 1s
TOKEN_BYTES = 2

_QUEUE_KNOWN = b"DIREWOLF"
_ASK_NAME = b"TNC:"
_ASK_QUEUE = b"TXBUF:"


@dataclass(frozen=True, slots=True)
class Radio:
    """How the TNC keys its radio. Times in seconds, ``persistence`` from 0 to 1."""

    bit_s: float = 1200.0
    tx_delay_s: float = 0.3
    tx_tail_s: float = 0.1
    persistence: float = 0.25
    slot_s: float = 0.1

    def air_s(self, frame_bytes: int) -> float:
        """How long a frame of so many bytes keeps the channel, the radio's delays included."""
        bits = (frame_bytes + FRAME_CHECK_BYTES + FLAG_BYTES) * BITS_PER_BYTE * STUFFING
        return self.tx_delay_s + bits / self.bit_s + self.tx_tail_s

    @property
    def access_s(self) -> float:
        """How long a TNC throws its dice, on average, before it takes a free channel."""
        return self.slot_s / max(self.persistence, 1 / (VALUE_MAX + 1))


class Tnc:
    """An open TNC. One task reads; frames are written by one task at a time."""

    def __init__(
        self, port: Port, radio: Radio, *, kiss_port: int = 0, acks: bool = False, ask: bool = False
    ) -> None:
        self.counts_queue = False
        self._port = port
        self._radio = radio
        self._kiss_port = kiss_port
        self._acks = acks
        self._ask = ask
        self._decoder = Decoder(DATA_BYTES_MAX)
        self._token = 0
        self._on_air: dict[bytes, asyncio.Event] = {}
        self._queue: asyncio.Future[int] | None = None

    @property
    def junk_bytes_since_frame(self) -> int:
        """How much came since the last whole frame that was none."""
        return self._decoder.junk_bytes_since_frame

    async def start(self) -> None:
        """Set the parameters of the radio. Raises PortError."""
        radio = self._radio
        values = (
            (Command.TX_DELAY, radio.tx_delay_s / TICK_S),
            (Command.PERSISTENCE, radio.persistence * (VALUE_MAX + 1) - 1),
            (Command.SLOT_TIME, radio.slot_s / TICK_S),
            (Command.TX_TAIL, radio.tx_tail_s / TICK_S),
            (Command.FULL_DUPLEX, 0),
        )
        told = [(command, bytes([min(VALUE_MAX, max(0, round(n)))])) for command, n in values]
        if self._ask:
            told.append((Command.HARDWARE, _ASK_NAME))
        await self._port.write(b"".join(self._kiss(command, data) for command, data in told))

    async def read(self) -> list[bytes]:
        """The AX.25 frames that came next; waits for some bytes. Raises PortError."""
        heard = []
        for frame in self._decoder.feed(await self._port.read()):
            if frame.port != self._kiss_port:
                continue
            if frame.command == Command.DATA:
                heard.append(frame.data)
            elif frame.command == Command.DATA_ACKED:
                if (event := self._on_air.get(frame.data[:TOKEN_BYTES])) is not None:
                    event.set()
            elif frame.command == Command.HARDWARE:
                self._take_answer(frame.data)
        return heard

    async def write(self, frame: bytes) -> bytes:
        """Give one AX.25 frame to the TNC; the token for :meth:`on_air`. Raises PortError.

        Not to be cancelled half-way: the TNC would send what it has.
        """
        if not self._acks:
            await self._port.write(self._kiss(Command.DATA, frame))
            return b""
        self._token = (self._token + 1) % (1 << BITS_PER_BYTE * TOKEN_BYTES)
        token = self._token.to_bytes(TOKEN_BYTES)
        self._on_air = {token: asyncio.Event()}
        await self._port.write(self._kiss(Command.DATA_ACKED, token + frame))
        return token

    async def on_air(self, token: bytes) -> None:
        """Wait until the TNC says that the frame with this token was sent."""
        if (event := self._on_air.get(token)) is not None:
            await event.wait()

    async def waiting(self) -> int:
        """How many bytes wait in the TNC; 0 where it does not tell. Raises PortError."""
        if not self.counts_queue:
            return 0
        self._queue = asyncio.get_running_loop().create_future()
        await self._port.write(self._kiss(Command.HARDWARE, _ASK_QUEUE))
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S_MAX):
                return await self._queue
        return 0

    def _take_answer(self, data: bytes) -> None:
        if self._ask and data.startswith(_QUEUE_KNOWN):
            self.counts_queue = True
        count = data.removeprefix(_ASK_QUEUE)
        digits = count.isdigit() and len(count) < len(data) and len(count) <= 9
        if digits and self._queue is not None and not self._queue.done():
            self._queue.set_result(int(count))

    def _kiss(self, command: Command, data: bytes) -> bytes:
        return encode(KissFrame(command, data, self._kiss_port))


@asynccontextmanager
async def open_tcp(host: str, port: int) -> AsyncIterator[Port]:
    """A TNC that listens on TCP, as a port; closed on leaving the context. Raises PortError."""
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            reader, writer = await asyncio.open_connection(host, port, limit=READ_SIZE)
    except (OSError, TimeoutError) as error:
        raise PortError(PortTrouble.MISSING, f"{host}:{port}: {error}") from error
    connection = _TcpPort(reader, writer)
    try:
        yield connection
    finally:
        await connection.aclose()


class _TcpPort:
    """See :class:`hardware.port.Port`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=0)

    async def read(self) -> bytes:
        try:
            data = await self._reader.read(READ_SIZE)
        except OSError as error:
            raise PortError(PortTrouble.GONE, str(error)) from error
        if not data:
            raise PortError(PortTrouble.GONE, "closed by the other side")
        return data

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise PortError(PortTrouble.GONE, str(error)) from error

    async def aclose(self) -> None:
        self._writer.transport.abort()
