"""Valid bytes made wrong: the few ways in which a line or an attacker changes them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from crisiskit.codec.header import Header, decode_header, encode_header
from crisiskit.codec.reject import Rejected

# Lengths, flags and signs that decoders take another way at.
TELLING = (0x00, 0x01, 0x0F, 0x1F, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xC0, 0xED, 0xF4, 0xFE, 0xFF)
Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def flip(rng: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """One to four bits turned."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def truncate(rng: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """The end is missing, or the beginning."""
    cut = rng.randrange(len(data) + 1)
    return data[:cut] if rng.random() < 0.8 else data[cut:]


def extend(rng: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """More behind it: noise, or its own end again."""
    size = rng.randint(1, 32)
    return data + (rng.randbytes(size) if rng.random() < 0.7 else data[-size:])


def splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The beginning of one and the end of another."""
    other = rng.choice(others)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def overwrite(rng: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """One to three bytes with values that lengths and flags are made of."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3) if out else 0):
        out[rng.randrange(len(out))] = rng.choice(TELLING)
    return bytes(out)


def repeat(rng: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """A piece of it several times over."""
    start = rng.randrange(len(data) + 1)
    end = rng.randint(start, len(data))
    return data[:end] + data[start:end] * rng.randint(1, 8) + data[end:]


def remove(rng: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """A piece in the middle is missing."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[rng.randint(start, len(data)) :]


ANY: tuple[Mutation, ...] = (flip, truncate, extend, splice, overwrite, repeat, remove)


def scramble(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One to three mutations, one upon the other. ``others`` are for splicing."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(ANY)(rng, data, others)
    return data


# -- frames: the header read and written with another field ----------------------------------


def readdress(rng: random.Random, frame: bytes, _others: Sequence[bytes]) -> bytes:
    """Another kit's number, of one that is enrolled or of none."""
    return _reheaded(
        frame, lambda h: replace(h, kit_number=rng.choice((1, 2, 3, 63, 64, rng.getrandbits(16))))
    )


def reflect(_rng: random.Random, frame: bytes, _others: Sequence[bytes]) -> bytes:
    """Thrown back at its sender: the other direction."""
    return _reheaded(frame, lambda h: replace(h, direction=h.direction.other))


def retype(rng: random.Random, frame: bytes, _others: Sequence[bytes]) -> bytes:
    """Another kind, version or precedence; the other bits of the first byte stay."""
    return (
        bytes([frame[0] ^ rng.choice((0x10, 0x20, 0x30, 0x01, 0x02, 0x03, 0x08, 0x40, 0x80))])
        + (frame[1:])
    )


def recount(rng: random.Random, frame: bytes, _others: Sequence[bytes]) -> bytes:
    """Another number: a neighbor, or any."""
    return _reheaded(
        frame,
        lambda h: replace(
            h, counter=rng.choice(((h.counter + 1) & 0xFFFF, rng.getrandbits(16), 0, 0xFFFF))
        ),
    )


def relive(rng: random.Random, frame: bytes, _others: Sequence[bytes]) -> bytes:
    """Another life: an epoch past, near or far ahead, another salt, or both."""

    def other(header: Header) -> Header:
        epoch, salt = header.epoch or 0, header.salt or bytes(4)
        ahead = rng.choice((0, 1, -1, rng.randint(1, 1100), rng.getrandbits(16)))
        changed = rng.randbytes(4) if ahead == 0 or rng.random() < 0.5 else salt
        return replace(header, epoch=(epoch + ahead) & 0xFFFF, salt=changed)

    return _reheaded(frame, other)


def noise(rng: random.Random, frame: bytes, _others: Sequence[bytes]) -> bytes:
    """An honest header before bytes that mean nothing."""
    found = decode_header(frame)
    head = b"" if isinstance(found, Rejected) else frame[: found[1]]
    return head + rng.randbytes(max(1, len(frame) - len(head)))


HEADERS: tuple[Mutation, ...] = (readdress, reflect, retype, recount, relive, noise)
FRAMES = (*HEADERS, flip, flip, flip, truncate, extend, splice, splice, overwrite)


def _reheaded(frame: bytes, change: Callable[[Header], Header]) -> bytes:
    found = decode_header(frame)
    if isinstance(found, Rejected):
        return frame
    header, length = found
    return encode_header(change(header)) + frame[length:]
