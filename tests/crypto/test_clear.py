"""What is sent in clear is readable, authentic, and never taken for what is encrypted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.header import (
    FrameKind,
    Header,
    associated_data,
    decode_header,
    encode_header,
    is_clear,
    with_epoch,
    without_epoch,
)
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import EpochKeys, root_key
from crisiskit.crypto.seal import TAG_BYTES, open_frame, seal
from crisiskit.model import Direction, Precedence

SALT = b"salt"
KEYS = root_key(b"p" * 32, b"n" * 16, b"k" * 16, Direction.UP).secret().keys(SALT)
HEADER = Header(FrameKind.CLEAR, 70, Direction.UP, Precedence.PRIORITY, 258)
CONTENT = b"what the records say"
WHOLE = [kind for kind in FrameKind if kind.has_tag]
PAIRS = [(one, other) for one in WHOLE for other in WHOLE if one is not other]


def opened(frame: bytes) -> bytes | None:
    """As a receiver does it: believe the header of the frame, then the tag."""
    found = decode_header(frame)
    if isinstance(found, Rejected) or found[0].kind.is_part:
        return None
    return open_frame(KEYS, found[0], frame)


@given(
    st.sampled_from([FrameKind.CLEAR, FrameKind.RECEIPT_CLEAR]),
    st.integers(0, 0xFFFF),
    st.booleans(),
    st.binary(min_size=1, max_size=200),
)
def test_all_can_read_it_and_only_the_keys_can_make_it(
    kind: FrameKind, counter: int, named: bool, content: bytes
) -> None:
    header = replace(HEADER, kind=kind, counter=counter)
    if named:
        header = replace(header, epoch=0, salt=SALT)
    frame = seal(KEYS, header, content)
    assert frame[:-TAG_BYTES] == encode_header(header) + content
    assert opened(frame) == content
    assert opened(with_epoch(frame, 0, SALT)) == opened(without_epoch(frame)) == content
    strangers = replace(KEYS, env=bytes(16), ack=bytes(16))
    assert open_frame(strangers, header, frame) is None


@pytest.mark.parametrize("kind", [FrameKind.CLEAR, FrameKind.RECEIPT_CLEAR])
@pytest.mark.parametrize("named", [False, True])
def test_no_bit_can_be_changed(kind: FrameKind, named: bool) -> None:
    header = replace(HEADER, kind=kind)
    frame = seal(KEYS, replace(header, epoch=0, salt=SALT) if named else header, CONTENT)
    for at in range(len(frame) * 8):
        changed = bytearray(frame)
        changed[at // 8] ^= 1 << at % 8
        assert opened(bytes(changed)) is None, f"bit {at}"


@given(st.binary(min_size=1, max_size=60), st.data())
def test_no_cut_and_no_moved_border_passes(content: bytes, data: st.DataObject) -> None:
    """The header ends where it says: content cannot become header, nor header content."""
    frame = seal(KEYS, HEADER, content)
    at = data.draw(st.integers(0, len(frame) - 1))
    assert opened(frame[:at]) is None
    assert opened(frame[:at] + frame[at + 1 :]) is None
    assert opened(frame[:at] + b"\0" + frame[at:]) is None


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_no_kind_is_taken_for_another(kind: FrameKind, other: FrameKind) -> None:
    """An attacker may write another kind into the header of any frame; nobody believes it."""
    frame = bytearray(seal(KEYS, replace(HEADER, kind=kind), CONTENT))
    frame[0] = frame[0] & 0xC7 | other << 3
    assert opened(bytes(frame)) is None


@given(st.sampled_from(PAIRS), st.binary(min_size=8, max_size=80))
def test_bytes_of_one_kind_are_worth_nothing_under_another(
    kinds: tuple[FrameKind, FrameKind], content: bytes
) -> None:
    """Ciphertext shown as clear, clear words shown as ciphertext: each tag belongs to its kind."""
    one = replace(HEADER, kind=kinds[0])
    body = seal(KEYS, one, content)[len(encode_header(one)) :]
    moved = encode_header(replace(HEADER, kind=kinds[1])) + body
    assert opened(moved) is None


def test_no_two_kinds_share_a_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[bytes, bytes]] = []

    class Watched:
        def __init__(self, key: bytes, tag_length: int) -> None:
            self.key, self.cipher = key, AESCCM(key, tag_length=tag_length)

        def encrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
            used.append((self.key, nonce))
            return self.cipher.encrypt(nonce, data, associated)

    monkeypatch.setattr("crisiskit.crypto.seal.AESCCM", Watched)
    for kind in WHOLE:
        for counter in range(20):
            seal(KEYS, replace(HEADER, kind=kind, counter=counter), CONTENT)
    assert len(set(used)) == len(used) == 20 * len(WHOLE)


def test_the_tag_is_what_the_page_says() -> None:
    frame = seal(KEYS, HEADER, CONTENT)
    nonce = bytes([0]) + bytes(2) + SALT + bytes([1]) + (258).to_bytes(5, "big")
    tag = AESCCM(KEYS.env, tag_length=8).encrypt(nonce, b"", associated_data(HEADER) + CONTENT)
    assert frame == encode_header(HEADER) + CONTENT + tag


def test_a_frame_says_by_itself_whether_all_can_read_it() -> None:
    assert [is_clear(seal(KEYS, replace(HEADER, kind=kind), CONTENT)) for kind in WHOLE] == [
        kind.name.endswith("CLEAR") for kind in WHOLE
    ]
    assert not is_clear(b"") and not is_clear(b"\x08")


def test_other_keys_open_nothing() -> None:
    frame = seal(KEYS, HEADER, CONTENT)
    other: EpochKeys = (
        root_key(b"p" * 32, b"n" * 16, b"k" * 16, Direction.UP).secret().keys(b"sale")
    )
    assert open_frame(other, HEADER, frame) is None
