"""Hostile bodies: contents sealed with the right keys by a peer that is broken or malicious.

Such a peer cannot be told from an honest one by its tag. What it sends is stored and shown,
but never costs more than a bounded time and memory, and never breaks a line on a screen.
"""

from __future__ import annotations

import random
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import zstandard

from crisiskit.codec.bits import BitWriter
from crisiskit.codec.content import CONTENT_BYTES_MAX, Content, encode_content
from crisiskit.codec.header import FrameKind, Header
from crisiskit.codec.readings import REFERENCES_MAX, encode_references
from crisiskit.codec.shortest import dictionary
from crisiskit.codec.wire import varint
from crisiskit.crypto.keys import ChainKey, EpochKeys
from crisiskit.crypto.seal import seal
from crisiskit.model import Direction, Precedence, Record, RecordKind, Reference
from crisiskit.sim.carrier import Carrier
from crisiskit.sim.fuzz.mutate import scramble
from crisiskit.sim.world import EPOCH_MS, Station, World
from crisiskit.sync.events import FrameReceived
from transports.link import Traits

MINUTE = EPOCH_MS // 60_000
MIB = 1 << 20
PEAK_BYTES_MAX = 64 * MIB
SLOWEST_S = 2.0
PEER = Carrier("peer", Traits(16_384), Traits(16_384, listens=True))
RAW, DEFLATE, UNUSED, ZSTD = 0, 1, 7, 4
# Everything that has ever turned a line around, jumped over it or ended it.
SIGNS = (
    "\u202eevif\u202c \u2066\u2067\u2068\u2069 \u200e\u200f\u061c \x1b[2J\x1b[H \x1b]0;title\x07"
    " \x9b31m \x90q\x9c \r\b\x7f\x0b\x0c \u0085"
    " \u2028\u2029 \ufeff \u206a\u206f \U000e0041 \ufff9\ufffb"
)
Kinds = tuple[str, FrameKind, bytes]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one frame took to hear, decode and store."""

    name: str
    seconds: float
    peak_bytes: int
    refused: bool
    traced: bool


class Peer:
    """Seals whatever it likes as the kit of a world, towards its center, or the other way."""

    def __init__(self, world: World, direction: Direction) -> None:
        self.world = world
        self.direction = direction
        kit = world.kits[0]
        self.ear: Station = world.center if direction is Direction.UP else kit
        mouth = kit if direction is Direction.UP else world.center
        state = mouth.store.snapshot().pairings[0]
        self.number = state.kit_number
        self._chain = ChainKey(direction, state.send_epoch, state.send_chain).forward(
            state.send_epoch + 1
        )
        self._keys = self._next_life()
        self._counter = 0

    def _next_life(self) -> EpochKeys:
        keys = self._chain.secret().keys(self.world.rng.randbytes(4))
        self._chain = self._chain.forward(self._chain.epoch + 1)
        return keys

    def frame(self, kind: FrameKind, content: bytes) -> bytes:
        """One authentic frame."""
        if self._counter == 0xFFFE:
            self._keys, self._counter = self._next_life(), 0
        keys, counter = self._keys, self._counter
        header = Header(
            kind, self.number, self.direction, Precedence.ROUTINE, counter, keys.epoch, keys.salt
        )
        self._counter += 1
        return seal(keys, header, content)

    def send(self, name: str, kind: FrameKind, content: bytes, traced: bool = False) -> Cost:
        """Seal it, and let the other side hear and store it. ``traced``: measure memory too."""
        frame = self.frame(kind, content)
        peer = self.world.kits[0].name if self.ear.is_center else ""
        assert self.ear.engine is not None
        refused = self.ear.engine.rejected.total()
        if traced:
            tracemalloc.start()
        start = process_time()
        self.world.tell(self.ear, FrameReceived(PEER.name, peer, frame))
        seconds = process_time() - start
        peak = tracemalloc.get_traced_memory()[1]
        if traced:
            tracemalloc.stop()
        return Cost(name, seconds, peak, self.ear.engine.rejected.total() > refused, traced)


def open_world(folder: Path, seed: int = 0) -> World:
    """A center and a kit that have just met."""
    world = World(folder, [PEER], seed=seed)
    world.say(world.kits[0], "hello")
    world.run(60)
    return world


def fixed() -> Iterator[Kinds]:
    """The bombs that are known: name, kind of frame, content."""
    yield "deflate bomb", FrameKind.SEALED, _body(DEFLATE, _deflated(bytes(MIB * 8)))
    yield "deflate without end", FrameKind.SEALED, _body(DEFLATE, _deflated(b"a" * 60_000)[:-3])
    for name, stream in _zstd_bombs():
        yield name, FrameKind.SEALED, _body(ZSTD, stream)
    yield "unused codec", FrameKind.SEALED, _body(UNUSED, b"text")
    yield "separators only", FrameKind.SEALED, _body(DEFLATE, _deflated(bytes(60_000) + b"a"))
    yield "lone surrogate", FrameKind.SEALED, _body(RAW, b"half \xed\xa0\x80 a letter")
    yield "overlong", FrameKind.SEALED, _body(RAW, b"\xc0\x80\xc0\xaf")
    yield "signs", FrameKind.SEALED, _body(RAW, SIGNS.encode())
    yield "signs in a form", FrameKind.SEALED, _body(RAW, SIGNS.encode(), form(b"\xfa\x01"))
    for number in (1, 2, 3, 4):
        yield (
            f"signs in form {number}",
            FrameKind.SEALED,
            _body(RAW, "\x1f".join([SIGNS] * 40).encode(), form(bytes([number]) + b"\xff" * 200)),
        )
    yield "most texts", FrameKind.SEALED, _body(DEFLATE, _deflated(b"a\0" * 32_768))
    yield "giant length", FrameKind.SEALED, _body(RAW, b"", b"\x20" + varint((1 << 35) - 1))
    yield "endless varint", FrameKind.SEALED, _body(RAW, b"", b"\x20" + b"\xff" * 16_000)
    yield "256 records", FrameKind.SEALED, _body(RAW, b"", b"\x04" + b"\x04\0" * 254 + b"\0\0")
    yield "10,000 records", FrameKind.SEALED, _body(RAW, b"", b"\x04" + b"\x04\0" * 8_000)
    yield "no record", FrameKind.SEALED, _body(RAW, b"", b"")
    yield "readings", FrameKind.SEALED, _readings()
    yield "empty", FrameKind.SEALED, b""
    yield "empty receipt", FrameKind.RECEIPT, b""
    yield "wide ack blocks", FrameKind.RECEIPT, _receipt(_ack(1021, 1))
    yield "narrow ack blocks", FrameKind.RECEIPT, _receipt(_ack(1, 1021))
    yield "longest ack codes", FrameKind.RECEIPT, _receipt(_unary_ack())
    yield "part requests", FrameKind.RECEIPT, _receipt(b"\0\xff\xff\0\0\x3f" + b"\xff" * 8)


def mutated(rng: random.Random) -> Iterator[Kinds]:
    """The same and honest ones, scrambled, for ever. Always one that fits an envelope."""
    known = [*fixed(), *_honest()]
    contents = [content for _name, _kind, content in known]
    while True:
        name, kind, content = rng.choice(known)
        content = scramble(rng, content, contents)[:CONTENT_BYTES_MAX]
        yield f"scrambled {name}", kind, content


def form(data: bytes) -> bytes:
    """The head of a form with this data."""
    return bytes([RecordKind.FORM << 5]) + varint(len(data)) + data


def _body(codec: int, stream: bytes, heads: bytes = b"\0") -> bytes:
    """A content as it should not be: codec, wide minute, heads, coded texts."""
    return (bytes([codec << 1 | 1]) + MINUTE.to_bytes(4, "big") + heads + stream)[
        :CONTENT_BYTES_MAX
    ]


def _deflated(text: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=dictionary())
    return packer.compress(text) + packer.flush()


def _zstd_bombs() -> Iterator[tuple[str, bytes]]:
    """Sizes that are not stated, stated falsely or too large; windows; a frame and more."""
    magicless = zstandard.FORMAT_ZSTD1_MAGICLESS

    def packed(text: bytes, **settings: int) -> bytes:
        chosen = zstandard.ZstdCompressionParameters(format=magicless, **settings)
        return zstandard.ZstdCompressor(compression_params=chosen).compress(text)

    yield "zstd bomb", packed(bytes(32 * MIB))
    yield "zstd bomb of no stated size", packed(bytes(32 * MIB), write_content_size=0)
    # Single segment, size 200, then run-length blocks of 128 KiB each.
    run = (1 << 20 | 1 << 1).to_bytes(3, "little") + b"a"
    yield "zstd bomb behind a small size", b"\x20\xc8" + run * 4_000
    yield "zstd bomb of no size", b"\x00\x38" + run * 4_000
    yield "zstd window too large", b"\x00\xa8" + run * 4_000
    yield "zstd size too large", b"\xe0" + b"\xff" * 8 + run
    yield "zstd and more", packed(b"a" * 1000) + b"more"
    yield "zstd twice", packed(b"a" * 1000) * 2


def _readings() -> bytes:
    """As many references as find room, all the same."""
    one = encode_references([Reference(Direction.DOWN, 0, 0, 0)] * REFERENCES_MAX)
    head = RecordKind.READ << 5
    first = bytes([head | 4]) + varint(len(one)) + one
    more = bytes([head | 4, 0]) + varint(len(one)) + one
    last = bytes([head, 0]) + varint(len(one)) + one
    return _body(RAW, b"", first + more * 80 + last)


def _receipt(block: bytes) -> bytes:
    return bytes(4) + block * ((CONTENT_BYTES_MAX - 4) // len(block))


def _ack(missing: int, stored: int) -> bytes:
    """An ack block of epoch 0 that speaks of about 1,000 numbers in a few bits."""
    bits = BitWriter()
    bits.exp_golomb(missing - 1, 1)
    bits.exp_golomb(stored - 1, 3)
    return bytes(7) + b"\x61" + bytes(bits)


def _unary_ack() -> bytes:
    """An ack block with as many ones as may stand in a row."""
    bits = BitWriter()
    bits.rice(1000, 0)
    return bytes(7) + b"\x01" + bytes(bits)


def _honest() -> Iterator[Kinds]:
    texts = ("Pont coupé à Sada", "Water needed", "على الطريق", "route ouverte " * 60)
    records = [Record(RecordKind.TEXT, Precedence.FLASH, MINUTE, text) for text in texts]
    for count in range(1, len(records) + 1):
        content = encode_content(Content(tuple(records[:count])), None)
        yield f"{count} texts", FrameKind.SEALED, content


def run(folder: Path, seed: int, count: int, traced: bool = True) -> list[Cost]:
    """The known bombs and ``count`` scrambled ones, in both directions."""
    world = open_world(folder, seed)
    rng = random.Random(seed)
    peers = [Peer(world, direction) for direction in Direction]
    costs = [peer.send(*body, traced) for peer in peers for body in fixed()]
    for _n, body in zip(range(count), mutated(rng), strict=False):
        costs.append(rng.choice(peers).send(*body))
    for station in world.stations:
        station.store.close()
    return costs


def too_dear(costs: list[Cost]) -> list[str]:
    """What took more memory than is allowed, or so much time that no slow machine excuses it."""
    return [
        f"{cost.name}: {cost.seconds * 1000:.0f} ms, {cost.peak_bytes / MIB:.1f} MiB"
        for cost in costs
        if cost.peak_bytes > PEAK_BYTES_MAX or cost.seconds > SLOWEST_S
    ]
