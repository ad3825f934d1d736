"""The log of an epoch: nothing can be changed, left out, moved or taken from another epoch."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf, merkle_root
from crisiskit.model import Direction

KIT = bytes(16)
digests = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=20)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def log(leaves: list[bytes]) -> bytes:
    state = chain_start(Direction.UP, 1, b"salt", KIT)
    for leaf in leaves:
        state = chain_next(state, leaf)
    return state


def test_the_tree_is_that_of_certificate_transparency() -> None:
    a, b, c = (sha(b"\0", bytes([at]) * 16) for at in range(3))
    assert merkle_root([bytes(16)]) == a
    assert merkle_root([bytes([at]) * 16 for at in range(3)]) == sha(b"\1", sha(b"\1", a, b), c)


@given(digests)
def test_one_record_is_proved_without_its_neighbors(some: list[bytes]) -> None:
    """The path from a leaf to the root needs only hashes of the others."""

    def prove(part: list[bytes], place: int) -> bytes:
        if len(part) == 1:
            return sha(b"\0", part[0])
        left = 1 << (len(part) - 1).bit_length() - 1
        if place < left:
            return sha(b"\1", prove(part[:left], place), merkle_root(part[left:]))
        return sha(b"\1", merkle_root(part[:left]), prove(part[left:], place - left))

    assert all(prove(some, place) == merkle_root(some) for place in range(len(some)))


@given(digests)
def test_order_and_number_of_envelopes_count(some: list[bytes]) -> None:
    assert log(some) != log(some[:-1])
    assert log(some) != log(some[1:])
    assert log(some[::-1]) != log(some) or some == some[::-1]


def test_an_epoch_a_direction_and_a_kit_have_their_own_log() -> None:
    starts = {
        chain_start(Direction.UP, 1, b"salt", KIT),
        chain_start(Direction.DOWN, 1, b"salt", KIT),
        chain_start(Direction.UP, 2, b"salt", KIT),
        chain_start(Direction.UP, 1, b"sale", KIT),
        chain_start(Direction.UP, 1, b"salt", b"another kit here"),
    }
    assert len(starts) == 5


def test_the_header_is_part_of_the_leaf() -> None:
    assert envelope_leaf(b"\0\2\0\1", [KIT]) != envelope_leaf(b"\0\2\0\2", [KIT])


def test_an_envelope_without_records_has_no_leaf() -> None:
    with pytest.raises(ValueError, match="at least one"):
        merkle_root([])
