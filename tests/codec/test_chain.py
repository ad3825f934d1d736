"""The log of an epoch: nothing can be changed, left out, moved or taken from another epoch."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.chain import (
    chain_next,
    chain_start,
    envelope_leaf,
    inclusion_path,
    merkle_root,
    path_length,
    root_from_path,
)
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


# -- paths -----------------------------------------------------------------------------------

places = digests.flatmap(lambda some: st.tuples(st.just(some), st.integers(0, len(some) - 1)))


@given(places)
def test_a_path_leads_from_each_place_to_the_root(case: tuple[list[bytes], int]) -> None:
    some, place = case
    path = inclusion_path(some, place)
    assert len(path) == path_length(place, len(some))
    assert root_from_path(some[place], place, len(some), path) == merkle_root(some)


@given(places, st.binary(min_size=16, max_size=16), st.data())
def test_a_path_leads_nothing_else_there(
    case: tuple[list[bytes], int], other: bytes, data: st.DataObject
) -> None:
    some, place = case
    root, path = merkle_root(some), inclusion_path(some, place)
    if other != some[place]:
        assert root_from_path(other, place, len(some), path) != root
    if path:
        step = data.draw(st.integers(0, len(path) - 1))
        bent = [*path[:step], bytes([path[step][0] ^ 1]) + path[step][1:], *path[step + 1 :]]
        assert root_from_path(some[place], place, len(some), bent) != root


def test_a_path_of_another_length_or_from_nowhere_is_refused() -> None:
    some = [bytes([at]) * 16 for at in range(3)]
    path = inclusion_path(some, 0)
    for wrong in (path[:1], [*path, KIT], []):
        with pytest.raises(ValueError, match="does not lead"):
            root_from_path(some[0], 0, 3, wrong)
    for place in (-1, 3):
        with pytest.raises(IndexError):
            inclusion_path(some, place)
        with pytest.raises(IndexError):
            root_from_path(some[0], place, 3, path)


def test_the_longest_path_has_eight_steps() -> None:
    assert max(path_length(place, 255) for place in range(255)) == 8


def test_the_paths_are_those_of_certificate_transparency() -> None:
    """The tree of seven leaves of RFC 9162, section 2.1.5: paths of d0, d3, d4 and d6."""
    d = [bytes([at]) * 16 for at in range(7)]
    a, b, c, leaf_d, e, f, j = (sha(b"\0", one) for one in d)
    g, h, i = sha(b"\1", a, b), sha(b"\1", c, leaf_d), sha(b"\1", e, f)
    k, left = sha(b"\1", i, j), sha(b"\1", g, h)
    assert inclusion_path(d, 0) == [b, h, k]
    assert inclusion_path(d, 3) == [c, g, k]
    assert inclusion_path(d, 4) == [f, j, left]
    assert inclusion_path(d, 6) == [i, left]
