"""A thousand random envelopes: what crisiskit seals, the independent reader reads, field by field.

They come as lives: random keys, records, acks, codecs and signatures, some of them wrong, with
and without epoch and salt, whole and in parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crisiskit.codec.acks import AckBlock, PartRequest, Receipt, ack_block, encode_receipt
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.checkpoint import Asked, Checkpoint, encode_checkpoint, encode_query
from crisiskit.codec.content import Content, encode_content, with_signature
from crisiskit.codec.header import FrameKind, Header, associated_data, without_epoch
from crisiskit.codec.parts import cut
from crisiskit.codec.pieces import Piece, cut_file, decode_piece
from crisiskit.codec.record import record_digest
from crisiskit.codec.shortest import Codec
from crisiskit.crypto.identity import CenterIdentity, KitIdentity
from crisiskit.crypto.keys import EpochKeys, root_key
from crisiskit.crypto.seal import seal
from crisiskit.crypto.statement import log_statement
from crisiskit.model import ClockQuality, Direction, Precedence, Record, RecordKind, Reference

LIVES, LONGEST = 50, 20
BASE = 29_800_000
PHRASES = (
    "water road open closed family wounded school bridge fuel truck needs tonight "
    "médicaments équipe besoin eau hôpital pont coupé blessés Fa'a 蓬 🚑"
)
WORDS = PHRASES.split()


def independent() -> Any:
    spec = spec_from_file_location("independent", Path(__file__).with_name("independent.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reader = independent()


# -- random things ---------------------------------------------------------------------------


def text(rng: Random) -> str:
    size = rng.choice([0, 1, 3, 8, 20, 20, 200])
    return " ".join(rng.choice(WORDS) for _ in range(size))


def data_for(kind: RecordKind, rng: Random) -> bytes:
    if kind is RecordKind.CHECKPOINT:
        end = Checkpoint(rng.randrange(65536), rng.randbytes(4), rng.randrange(65536), bytes(32))
        return encode_checkpoint(end) if rng.random() < 0.7 else b""
    if kind is RecordKind.QUERY:
        some = [
            Asked(rng.randrange(65536), rng.randbytes(2), rng.randrange(65536))
            for _ in range(rng.randint(1, 60))
        ]
        return encode_query(some)
    if kind is RecordKind.FILE:
        file = rng.randbytes(rng.choice([1, 300, 700]))
        return rng.choice(cut_file(rng.randbytes(16), "pont.jpg", file, 256))
    if kind in (RecordKind.FORM, RecordKind.READ):
        return rng.randbytes(rng.choice([0, 1, 9, 127, 128, 700]))
    return b""


def record(rng: Random, clock: ClockQuality) -> Record:
    kind = RecordKind(rng.choice(reader.KINDS))
    answers = Reference(
        Direction(rng.randrange(2)), rng.randrange(65536), rng.randrange(65536), rng.randrange(256)
    )
    return Record(
        kind,
        rng.choice(list(Precedence)),
        rng.choice([BASE + rng.randint(-40_000, 40_000), rng.randrange(2**32)]),
        text(rng),
        data_for(kind, rng),
        rng.choice([0, 0, 0, 1, 255]),
        answers if rng.random() < 0.3 else None,
        clock,
    )


def block(rng: Random, wide: bool = True) -> AckBlock:
    following = rng.choice([0, 1, 40, 300, 60_000])
    stored = {following + rng.randint(1, 60) for _ in range(rng.choice([0, 0, 1, 3, 40]))}
    high = wide and rng.random() < 0.5
    epoch = rng.randrange(65536 if high else 256)
    return ack_block(epoch, following, rng.randbytes(4), stored, rng.randbytes(2) if high else b"")


def content(rng: Random) -> Content:
    clock = rng.choice(list(ClockQuality))
    some = tuple(record(rng, clock) for _ in range(rng.choice([1, 1, 1, 2, 3, 7])))
    return Content(some, block(rng) if rng.random() < 0.4 else None, clock)


# -- as the reader tells it ------------------------------------------------------------------


def record_told(one: Record) -> dict[str, Any]:
    ref = one.answers
    return {
        "kind": one.kind,
        "precedence": one.precedence,
        "minute": one.minute,
        "text": one.text,
        "data": one.data.hex(),
        "twin": one.twin,
        "answers": None if ref is None else [ref.direction, ref.epoch, ref.seq, ref.index],
    }


def block_told(one: AckBlock | PartRequest | None) -> dict[str, Any] | None:
    if one is None:
        return None
    if isinstance(one, PartRequest):
        return {"epoch": one.epoch, "seq": one.seq, "last": one.last, "missing": [*one.missing]}
    return {
        "epoch": one.epoch,
        "next": one.next,
        "digest": one.digest.hex(),
        "salt": one.salt.hex(),
        "missing": list(one.missing),
        "seen": one.seen,
    }


def content_told(one: Content, signature: bytes) -> dict[str, Any]:
    return {
        "clock": one.clock,
        "ack": block_told(one.ack),
        "records": [record_told(r) for r in one.records],
        "signature": signature.hex(),
    }


def test_a_hundred_random_files_are_read_the_same() -> None:
    rng = Random(13)
    for _ in range(100):
        size = rng.choice([1, 255, 256, 257, 5000])
        file = rng.randbytes(size) if rng.random() < 0.5 else text(rng).encode() * 9 + b"."
        pieces = cut_file(rng.randbytes(16), rng.choice(WORDS), file, rng.randint(256, 4080))
        for piece in pieces:
            ours, theirs = decode_piece(piece), reader.read_piece(piece)
            assert isinstance(ours, Piece)
            assert (ours.file.hex(), ours.number) == (theirs["file"], theirs["number"])
            assert ours.content.hex() == theirs.get("slice", "") or ours.head is not None
        rng.shuffle(pieces)
        assert reader.read_file(pieces) == file


# -- lives -----------------------------------------------------------------------------------


@dataclass
class Life:
    """A random life, as crisiskit makes it and as the reader sees it."""

    rng: Random

    def __post_init__(self) -> None:
        rng = self.rng
        kit, center = KitIdentity.make(rng.randbytes), CenterIdentity.make(rng.randbytes)
        secret, self.network = rng.randbytes(32), center.network_id
        self.way = rng.choice(list(Direction))
        self.epoch, self.salt = rng.choice([0, 1, 7, 255, 256, 300]), rng.randbytes(4)
        self.kit_fp, self.author = kit.fingerprint, rng.randbytes(16)
        self.kit_number = rng.choice([0, 5, 63, 64, 8191, 8192, 65535])
        root = root_key(secret, self.network, self.kit_fp, self.way)
        self.keys: EpochKeys = root.forward(self.epoch).secret().keys(self.salt)
        self.sign = kit.sign if self.way is Direction.UP else center.sign
        self.digest = chain_start(self.way, self.epoch, self.salt, self.kit_fp)
        signers = [kit.public, center.authority_public]
        self.pairing = reader.Pairing(secret, self.network, self.kit_fp, signers)
        self.log = reader.Log(self.pairing, self.way, self.epoch, self.salt, self.author)

    def header(self, kind: FrameKind, counter: int, precedence: Precedence) -> Header:
        return Header(kind, self.kit_number, self.way, precedence, counter, self.epoch, self.salt)

    def signature(self) -> bytes:
        """None, a right one, or now and then a wrong one."""
        drawn = self.rng.random()
        if drawn < 0.5:
            return b""
        right = self.sign(log_statement(self.network, self.kit_fp, self.digest))
        return right if drawn < 0.97 else bytes([right[0] ^ 1]) + right[1:]


def seen(header: Header, frame: bytes) -> None:
    """What the reader says of a header."""
    named = header.epoch if frame[0] & 4 else None
    assert reader.read_header(frame)[0] == {
        "kind": header.kind,
        "kit_number": header.kit_number,
        "direction": header.direction,
        "precedence": header.precedence,
        "counter": header.counter,
        "epoch": named,
        "salt": None if named is None or header.salt is None else header.salt.hex(),
    }


def assembled(life: Life, header: Header, frame: bytes) -> bytes:
    """The envelope again, from the parts in which it travels on a thin link."""
    mtu = max(40, len(frame) // life.rng.randint(1, 9))
    frames = cut(frame, header, mtu, life.keys.part)
    if len(frames) == 1:
        return frame
    key = life.pairing.keys(life.way, life.epoch, life.salt)["part"]
    whole = frame[: len(frame) - len(reader.read_header(frame)[2])] + reader.joined(frames, key)
    assert isinstance(whole, bytes)
    return whole


@pytest.mark.parametrize("seed", range(50))
def test_parts_of_two_cuts_are_one_envelope(seed: int) -> None:
    life = Life(Random(seed))
    header = life.header(FrameKind.SEALED, 3, Precedence.ROUTINE)
    frame = seal(life.keys, header, life.rng.randbytes(life.rng.randint(400, 2000)))
    coarse = cut(frame, header, 300, life.keys.part)
    fine = cut(frame, header, life.rng.randint(80, 140), life.keys.part, len(coarse))
    times = len(fine) // len(coarse)
    some = [
        one if life.rng.random() < 0.5 else fine[times * n : times * (n + 1)]
        for n, one in enumerate(coarse)
    ]
    frames = [part for one in some for part in ([one] if isinstance(one, bytes) else one)]
    key = life.pairing.keys(life.way, life.epoch, life.salt)["part"]
    assert reader.joined_of_cuts(frames, key) == reader.read_header(frame)[2]


def exchange(life: Life, counter: int, base: int | None) -> int:
    """One envelope through both; the minute of its first record."""
    rng, made = life.rng, content(life.rng)
    codecs = {Codec(n) for n in reader.CODECS if rng.random() < 0.8}
    precedence = max(r.precedence for r in made.records)
    header = life.header(FrameKind.SEALED, counter, precedence)
    digests = [record_digest(life.author, r) for r in made.records]
    life.digest = chain_next(life.digest, envelope_leaf(associated_data(header), digests))
    signature = life.signature()
    plain = encode_content(made, base if rng.random() < 0.7 else None, codecs)
    frame = seal(life.keys, header, with_signature(plain, signature) if signature else plain)
    seen(header, frame)
    assert assembled(life, header, frame) == frame
    frame = rng.choice([frame, without_epoch(frame)])
    seen(header, frame)
    found = reader.read_content(life.pairing.unsealed(frame, life.epoch, life.salt), base)
    assert found == content_told(made, signature)
    life.log.add(reader.read_header(frame)[1], found)
    assert life.log.digest == life.digest
    if signature:
        said = log_statement(life.network, life.kit_fp, life.digest)
        assert life.log.statement == said
        right = signature == life.sign(said)
        assert life.log.proved is (right and life.log.signed_below == counter + 1)
    return made.records[0].minute


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_random_life_of_twenty_envelopes_is_read_as_it_was_sealed(seed: int) -> None:
    life = Life(Random(seed))
    base = exchange(life, 0, None)
    for counter in range(1, LONGEST):
        exchange(life, counter, base)


@pytest.mark.parametrize("seed", range(20))
def test_random_receipts_are_read_as_they_were_sealed(seed: int) -> None:
    life = Life(Random(seed))
    for counter in range(10):
        rng = life.rng
        some: list[AckBlock | PartRequest] = [block(rng) for _ in range(rng.choice([0, 1, 2, 9]))]
        if rng.random() < 0.5:
            last = rng.randrange(64)
            missing = tuple(sorted(rng.sample(range(last + 1), rng.randint(1, last + 1))))
            some.insert(0, PartRequest(rng.randrange(256), rng.randrange(65535), last, missing))
        header = life.header(FrameKind.RECEIPT, counter, Precedence.ROUTINE)
        receipt = Receipt(rng.randrange(2**32), tuple(some))
        frame = seal(life.keys, header, encode_receipt(receipt))
        found = reader.read_receipt(life.pairing.unsealed(frame, life.epoch, life.salt))
        assert found == {"time_s": receipt.time_s, "blocks": [block_told(b) for b in some]}


@pytest.mark.parametrize("seed", range(10))
def test_no_frame_with_a_bit_changed_is_read(seed: int) -> None:
    life = Life(Random(seed))
    header = life.header(FrameKind.SEALED, 3, Precedence.ROUTINE)
    frame = seal(life.keys, header, encode_content(content(life.rng), None))
    for place in range(0, 8 * len(frame), 7):
        spoiled = bytearray(frame)
        spoiled[place // 8] ^= 1 << place % 8
        with pytest.raises(reader.RefusedError):
            life.pairing.unsealed(bytes(spoiled), life.epoch, life.salt)
