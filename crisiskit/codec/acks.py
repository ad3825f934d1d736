"""Receipts as bytes: the ack block, the request for parts, the receipt (docs/wire.md, section 6).

An ack block says three things about one epoch of the other side: everything below ``next``
is stored (``digest`` proves which bytes), ``next`` itself and the other numbers listed are
missing, the rest up to ``seen`` is stored too. Above ``seen`` nothing is known.

    [epoch low 1][next 2][digest 4][head 1][epoch high 1, salt 2, if wide][count 1, if long][bits]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from crisiskit.codec.bits import BitReader, BitWriter
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.wire import Reader

DIGEST_BYTES = 4
NO_DIGEST = bytes(DIGEST_BYTES)
SEQ_MAX = 0xFFFE
SPAN_MAX = 1024
MISSING_MAX = 255
MISSING_IN_RECEIPT_MAX = 65_536
PARTS_MAX = 64
SALT_BYTES = 2
_PART_MARK = 0xFFFF
_WIDE = 0x80
_RUNS = 6
_RICE_MAX = 5
_LONG = 15
_GAP_RUN_K = 1
_STORED_RUN_K = 3


@dataclass(frozen=True, slots=True)
class AckBlock:
    """What one side holds of an epoch of the other.

    ``salt`` is empty, or the first two bytes of the life's salt; then the block is ``wide``:
    ``epoch`` is whole, else only its low byte is sent and comes back
    (:func:`resolve_epoch`). ``missing`` starts with ``next`` unless nothing beyond it is
    stored, and then ``seen`` is ``next - 1``.
    """

    epoch: int
    next: int
    digest: bytes
    seen: int
    missing: tuple[int, ...] = ()
    salt: bytes = b""

    @property
    def wide(self) -> bool:
        """Whether it names one life and no other."""
        return bool(self.salt)

    def arrived(self, seq: int) -> bool:
        """Stored out of order: beyond ``next`` and not missing."""
        return self.next < seq <= self.seen and seq not in self.missing


@dataclass(frozen=True, slots=True)
class PartRequest:
    """Asks for parts of one envelope: ``missing`` of the indexes 0..``last``; epoch low byte."""

    epoch: int
    seq: int
    last: int
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says; ``time_s`` is the sender's clock, Unix seconds modulo 2**32."""

    time_s: int
    blocks: tuple[AckBlock | PartRequest, ...]


def ack_block(
    epoch: int, next_seq: int, digest: bytes, stored_beyond: Collection[int], salt: bytes = b""
) -> AckBlock:
    """The block for what is stored. ``stored_beyond`` are numbers above ``next_seq``.

    Says less than it could where the numbers lie too far apart; that is always safe.
    """
    seen = max((seq for seq in stored_beyond if seq < next_seq + SPAN_MAX), default=next_seq - 1)
    stored = set(stored_beyond)
    missing = [seq for seq in range(next_seq, seen + 1) if seq not in stored]
    if len(missing) > MISSING_MAX:
        limit = missing[MISSING_MAX]
        seen = max((seq for seq in stored if seq < limit), default=next_seq - 1)
        missing = [seq for seq in missing if seq < seen]
    return AckBlock(epoch, next_seq, digest, seen, tuple(missing), salt[:SALT_BYTES])


def resolve_epoch(low: int, newest: int) -> int:
    """The epoch with that low byte that lies nearest to ``newest`` (0..65535)."""
    near = newest + (low - newest + 128) % 256 - 128
    if near < 0:
        return near + 256
    return near - 256 if near > 0xFFFF else near


def encode_block(block: AckBlock | PartRequest) -> bytes:
    """An ack block, 8 bytes when nothing is missing, or a request for parts, 7 and more."""
    low = (block.epoch & 0xFF).to_bytes(1, "big")
    if isinstance(block, PartRequest):
        bitmap = sum(1 << index for index in block.missing)
        size = block.last // 8 + 1
        named = _PART_MARK.to_bytes(2, "big") + block.seq.to_bytes(2, "big")
        return low + named + bytes([block.last]) + bitmap.to_bytes(size, "big")
    if len(block.digest) != DIGEST_BYTES or not -1 < block.next <= SEQ_MAX:
        raise ValueError("not an ack block")
    tail = _encode_missing(block)
    if block.wide:
        if len(block.salt) != SALT_BYTES:
            raise ValueError("a wide block has two bytes of the salt")
        named = (block.epoch >> 8).to_bytes(1, "big") + block.salt
        tail = bytes([tail[0] | _WIDE]) + named + tail[1:]
    return low + block.next.to_bytes(2, "big") + block.digest + tail


def read_block(reader: Reader) -> AckBlock | PartRequest:
    """The next block. Raises :class:`MalformedError`."""
    low = reader.uint(1)
    following = reader.uint(2)
    if following == _PART_MARK:
        return _read_request(reader, low)
    digest = reader.take(DIGEST_BYTES)
    head = reader.uint(1)
    wide = bool(head & _WIDE)
    epoch = low | reader.uint(1) << 8 if wide else low
    salt = reader.take(SALT_BYTES) if wide else b""
    method, count = head >> 4 & 7, head & 15
    if count == 0:
        if method:
            raise MalformedError(Reject.ACK)
        return AckBlock(epoch, following, digest, following - 1, (), salt)
    if count == _LONG:
        count += reader.uint(1)
    missing, seen = _read_missing(reader, method, count, following)
    return AckBlock(epoch, following, digest, seen, tuple(missing), salt)


def encode_receipt(receipt: Receipt) -> bytes:
    """The plaintext of a RECEIPT: time 4, then the blocks."""
    time = (receipt.time_s & 0xFFFFFFFF).to_bytes(4, "big")
    return time + b"".join(encode_block(block) for block in receipt.blocks)


def decode_receipt(data: bytes) -> Receipt | Rejected:
    """The way back from :func:`encode_receipt`."""
    reader = Reader(data, Reject.ACK)
    blocks: list[AckBlock | PartRequest] = []
    missing = 0
    try:
        time_s = reader.uint(4)
        while not reader.done:
            blocks.append(read_block(reader))
            missing += len(blocks[-1].missing)
            if missing > MISSING_IN_RECEIPT_MAX:
                raise MalformedError(Reject.ACK)
    except MalformedError as bad:
        return Rejected(bad.code)
    return Receipt(time_s, tuple(blocks))


def _encode_missing(block: AckBlock) -> bytes:
    """Head byte, count byte if long, bits: the shortest of the seven ways."""
    missing, seen = block.missing, block.seen
    if seen < block.next:
        return b"\0"
    if missing[:1] != (block.next,) or missing[-1] >= seen or seen > SEQ_MAX:
        raise ValueError("the missing numbers start at next and end below seen")
    ways = [(k, len(missing), _rice(missing, seen, k)) for k in range(_RICE_MAX + 1)]
    runs = _runs(missing, seen)
    ways.append((_RUNS, len(runs) // 2, _exp_golomb(runs)))
    ways = [way for way in ways if way[1] <= _LONG + 0xFF]
    if not ways:
        raise ValueError("more gaps than a block can name")
    method, count, bits = min(ways, key=lambda way: (len(way[2]) + (way[1] >= _LONG), way[0]))
    if count < _LONG:
        return bytes([method << 4 | count]) + bits
    return bytes([method << 4 | _LONG, count - _LONG]) + bits


def _rice(missing: Sequence[int], seen: int, k: int) -> bytes:
    """How many are stored after each missing number, before the next one or up to ``seen``."""
    writer = BitWriter()
    for one, other in pairwise((*missing, seen + 1)):
        writer.rice(other - one - 1, k)
    return bytes(writer)


def _runs(missing: Iterable[int], seen: int) -> list[int]:
    """Lengths of the runs from ``next`` to ``seen``: missing, stored, missing, ... stored."""
    absent = sorted(missing)
    gaps = set(absent)
    return [len(list(run)) for _, run in groupby(range(absent[0], seen + 1), gaps.__contains__)]


def _exp_golomb(runs: Sequence[int]) -> bytes:
    writer = BitWriter()
    for place, length in enumerate(runs):
        writer.exp_golomb(length - 1, _STORED_RUN_K if place % 2 else _GAP_RUN_K)
    return bytes(writer)


def _read_missing(reader: Reader, method: int, count: int, following: int) -> tuple[list[int], int]:
    """The missing numbers and the highest seen, counted from ``following``."""
    bits = BitReader(reader.data[reader.at :], Reject.ACK)
    missing: list[int] = []
    at = following
    for _ in range(count):
        if method == _RUNS:
            length = bits.exp_golomb(_GAP_RUN_K, SPAN_MAX) + 1
            stored = bits.exp_golomb(_STORED_RUN_K, SPAN_MAX) + 1
        elif method <= _RICE_MAX:
            length, stored = 1, bits.rice(method, SPAN_MAX)
        else:
            raise MalformedError(Reject.ACK)
        missing += range(at, at + length)
        at += length + stored
        if at > following + SPAN_MAX:
            raise MalformedError(Reject.ACK)
    seen = at - 1
    if seen > SEQ_MAX or missing[-1] == seen:
        raise MalformedError(Reject.ACK)
    reader.take(bits.close())
    return missing, seen


def _read_request(reader: Reader, low: int) -> PartRequest:
    seq, last = reader.uint(2), reader.uint(1)
    if last >= PARTS_MAX:
        raise MalformedError(Reject.ACK)
    bitmap = reader.uint(last // 8 + 1)
    if bitmap >> last + 1:
        raise MalformedError(Reject.ACK)
    missing = tuple(index for index in range(last + 1) if bitmap >> index & 1)
    return PartRequest(low, seq, last, missing)
