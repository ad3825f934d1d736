"""Signed objects: orders and what changes trust, as bytes (docs/wire.md, section 11).

    head        kind 1, flags 1, number 2, issued 4, life 1, n 1, kit number 2 x n, signer 1 or 2
                (a trust list has no life; its n numbers are the revoked, its number a version)
    body        what the kind needs besides words: nothing, for a cancel 2, for a duty key 33
    text        words
    signatures  64 or 2 x 64, over the network and all bytes before them

Inside an envelope an object is a record of type 2: its data is head, body and signatures, its
text the text. Alone it travels in a frame of its own (``object_frame``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import IntEnum

from crisiskit.codec.record import DATA_BYTES_MAX
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.wire import Reader

TEXT_BYTES_MAX = 1024
NAME_BYTES_MAX = 32
KITS_MAX = 255
NUMBER_MAX = 0xFFFF
LIFE_UNIT_S = 15 * 60
LIFE_MAX = 0xFF
SIGNATURE_BYTES = 64
PUBLIC_BYTES = 32
CODE_MAX = 9999
AUTHORITY = 0xF0
DUTY_MAX = AUTHORITY - 1
REVOKED_DUTY = 0xFE00
_EXERCISE, _TWO, _ANSWER, _DELTA = 0x01, 0x02, 0x04, 0x08
_SIGNED = b"crisiskit/1 obj\0"
_CODE = b"crisiskit/1 code\0"
_CHECKED = b"crisiskit/1 object\0"


class ObjectKind(IntEnum):
    """What a signed object does."""

    ORDER = 1
    CANCEL = 2
    TRUST_LIST = 3
    WIPE = 4
    DUTY_KEY = 5
    TIME = 6


_BODY_BYTES = {ObjectKind.CANCEL: 2, ObjectKind.DUTY_KEY: 1 + PUBLIC_BYTES}
_WORDLESS = (ObjectKind.TRUST_LIST, ObjectKind.TIME)


@dataclass(frozen=True, slots=True)
class SignedObject:
    """An object with as many signatures as signers, or with fewer while it is being signed.

    ``issued_s`` is Unix time, ``life`` counts quarters of an hour, 0 for no end. ``kits`` are
    those addressed, none for all; in a trust list they are the revoked. ``signers`` are
    numbers of duty keys, from ``AUTHORITY`` on those of authority keys. ``delta``: this trust
    list adds to those before it.
    """

    kind: ObjectKind
    number: int
    issued_s: int
    signers: tuple[int, ...]
    exercise: bool = False
    answer: bool = False
    delta: bool = False
    life: int = 0
    kits: tuple[int, ...] = ()
    body: bytes = b""
    text: str = ""
    signatures: tuple[bytes, ...] = ()

    @property
    def cancels(self) -> int:
        """The number of the object that this one cancels."""
        return int.from_bytes(self.body, "big")

    @property
    def duty_index(self) -> int:
        """The number of the duty key that this object brings."""
        return self.body[0]

    @property
    def duty_public(self) -> bytes:
        """The public key that this object brings."""
        return self.body[1:]


# -- bytes -----------------------------------------------------------------------------------


def signed_bytes(network_id: bytes, signed: SignedObject) -> bytes:
    """What each signature covers. Raises ValueError for an object that has no wire form."""
    return _SIGNED + network_id + _front(signed) + signed.text.encode()


def whole_bytes(signed: SignedObject) -> bytes:
    """Head, body, text, signatures: the object as one piece."""
    return _front(signed) + signed.text.encode() + b"".join(signed.signatures)


def object_digest(signed: SignedObject) -> bytes:
    """32 bytes that name the object with its signatures."""
    return hashlib.sha256(_CHECKED + whole_bytes(signed)).digest()


def answer_code(signed: SignedObject) -> str:
    """The four digits on the card of an order; who sends them back has read it."""
    number = int.from_bytes(hashlib.sha256(_CODE + whole_bytes(signed)).digest(), "big")
    return f"{number % (CODE_MAX + 1):04}"


def object_data(signed: SignedObject) -> bytes:
    """The data of its record: head, body and signatures. Raises ValueError."""
    if len(signed.signatures) != len(signed.signers):
        raise ValueError("an object leaves when all have signed")
    if any(len(one) != SIGNATURE_BYTES for one in signed.signatures):
        raise ValueError("a signature has 64 bytes")
    return _front(signed) + b"".join(signed.signatures)


def decode_object(data: bytes, text: str) -> SignedObject | Rejected:
    """The object in a record. Whether it is true is for ``crypto.trust`` to say."""
    head = decode_head(data)
    if isinstance(head, Rejected):
        return head
    if not _text_fits(head.kind, text):
        return Rejected(Reject.OBJECT)
    return replace(head, text=text)


def decode_head(data: bytes) -> SignedObject | Rejected:
    """The object in a record but for its text: what can be said before that is decoded."""
    if len(data) > DATA_BYTES_MAX:
        return Rejected(Reject.OBJECT)
    try:
        head = _read(Reader(data, Reject.OBJECT))
        _check_head(head)
    except (MalformedError, ValueError):
        return Rejected(Reject.OBJECT)
    return head


def _front(signed: SignedObject) -> bytes:
    """Head and body."""
    _check(signed)
    flags = _EXERCISE * signed.exercise | _TWO * (len(signed.signers) == 2)
    flags |= _ANSWER * signed.answer | _DELTA * signed.delta
    head = bytes([signed.kind, flags]) + signed.number.to_bytes(2, "big")
    head += signed.issued_s.to_bytes(4, "big")
    if signed.kind is not ObjectKind.TRUST_LIST:
        head += bytes([signed.life])
    kits = b"".join(kit.to_bytes(2, "big") for kit in signed.kits)
    return head + bytes([len(signed.kits)]) + kits + bytes(signed.signers) + signed.body


def _check(signed: SignedObject) -> None:
    """There is one way to write each object, and no object that says nothing."""
    _check_head(signed)
    if not _text_fits(signed.kind, signed.text):
        raise ValueError("an object whose text has no wire form")


def _check_head(signed: SignedObject) -> None:
    """The same without its text."""
    kind, listed = signed.kind, signed.kind is ObjectKind.TRUST_LIST
    wrong = (
        not 0 < signed.number <= NUMBER_MAX
        or not 0 <= signed.issued_s < 1 << 32
        or not 0 <= signed.life <= LIFE_MAX
        or (listed and signed.life)
        or len(signed.kits) > KITS_MAX
        or any(a >= b for a, b in zip(signed.kits, signed.kits[1:], strict=False))
        or len(signed.signers) not in (1, 2)
        or len(set(signed.signers)) != len(signed.signers)
        or (signed.answer and kind is not ObjectKind.ORDER)
        or (signed.delta and not listed)
        or (kind is ObjectKind.WIPE and len(signed.kits) != 1)
        or len(signed.body) != _BODY_BYTES.get(kind, 0)
        or (kind is ObjectKind.CANCEL and not signed.cancels)
        or (kind is ObjectKind.DUTY_KEY and signed.duty_index > DUTY_MAX)
    )
    if wrong:
        raise ValueError("an object that has no wire form")


def _text_fits(kind: ObjectKind, text: str) -> bool:
    size = len(text.encode())
    if kind in _WORDLESS:
        return not text
    if kind is ObjectKind.DUTY_KEY:
        return 0 < size <= NAME_BYTES_MAX and text.isprintable() and text == text.strip()
    return (
        (bool(text) or kind is not ObjectKind.ORDER)
        and "\0" not in text
        and (size <= TEXT_BYTES_MAX)
    )


def _read(reader: Reader) -> SignedObject:
    kind, flags = ObjectKind(reader.uint(1)), reader.uint(1)
    if flags & ~(_EXERCISE | _TWO | _ANSWER | _DELTA):
        raise MalformedError(Reject.OBJECT)
    number, issued_s = reader.uint(2), reader.uint(4)
    life = 0 if kind is ObjectKind.TRUST_LIST else reader.uint(1)
    kits = tuple(reader.uint(2) for _ in range(reader.uint(1)))
    signers = tuple(reader.take(2 if flags & _TWO else 1))
    body = reader.take(_BODY_BYTES.get(kind, 0))
    signatures = tuple(reader.take(SIGNATURE_BYTES) for _ in signers)
    if not reader.done:
        raise MalformedError(Reject.OBJECT)
    return SignedObject(
        kind,
        number,
        issued_s,
        signers,
        bool(flags & _EXERCISE),
        bool(flags & _ANSWER),
        bool(flags & _DELTA),
        life,
        kits,
        body,
        signatures=signatures,
    )


# -- answers ---------------------------------------------------------------------------------


def encode_answer(number: int, code: str) -> bytes:
    """The data of an answer: number of the order 2, its code 2. Raises ValueError."""
    if not code.isascii() or not code.isdecimal() or len(code) != len(str(CODE_MAX)):
        raise ValueError("a code has four digits")
    if not 0 < number <= NUMBER_MAX:
        raise ValueError("no order has this number")
    return number.to_bytes(2, "big") + int(code).to_bytes(2, "big")


def decode_answer(data: bytes) -> tuple[int, str] | None:
    """Number and code of an answer, None for bytes that are none."""
    number, code = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
    if len(data) != 4 or not number or code > CODE_MAX:
        return None
    return number, f"{code:04}"
