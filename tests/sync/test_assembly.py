"""Parts become one envelope in any order; what is missing is asked for; memory is bounded."""

from __future__ import annotations

from itertools import permutations

import pytest

from crisiskit.codec.acks import PartRequest
from crisiskit.codec.header import FrameKind, Header, encode_header
from crisiskit.codec.parts import Part, cut, open_part
from crisiskit.model import Direction, Precedence
from crisiskit.step import PartArrived, PartsDropped
from crisiskit.sync.assembly import PART_SETS, Assembly, Place

KEY = b"p" * 16
LIFE = (3, b"salt")


def header(seq: int) -> Header:
    return Header(FrameKind.SEALED, 5, Direction.UP, Precedence.ROUTINE, seq)


def envelope(seq: int) -> bytes:
    return encode_header(header(seq)) + bytes(range(100))


def parts(seq: int, mtu: int = 50) -> list[tuple[Part, bytes]]:
    found = []
    for frame in cut(envelope(seq), header(seq), mtu, KEY):
        part = open_part(frame, KEY)
        assert isinstance(part, Part)
        found.append((part, frame))
    return found


def place(seq: int) -> Place:
    return LIFE, seq


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_parts_make_the_envelope_in_any_order_and_more_than_once(order: tuple[int, ...]) -> None:
    assembly, pieces = Assembly(1), parts(0)
    assert len(pieces) == 3
    for index in order[:-1]:
        changes, whole = assembly.add(place(0), *pieces[index], 10.0)
        assert [type(change) for change in changes] == [PartArrived] and whole is None
        assert assembly.add(place(0), *pieces[index], 10.0) == ([], None), "a repeat"
    changes, whole = assembly.add(place(0), *pieces[order[-1]], 10.0)
    assert whole == envelope(0)
    assert changes == [PartsDropped(1, 3, b"salt", 0)] and not assembly.due_s


def test_what_is_missing_is_asked_for_when_it_is_late_and_once() -> None:
    assembly, pieces = Assembly(1), parts(0)
    assembly.add(place(0), *pieces[1], 10.0)
    assert assembly.requests(9.9) == []
    (request,) = assembly.requests(10.0)
    assert request == PartRequest(3, 0, 2, (0, 2))
    assembly.asked(request)
    assert assembly.requests(1e9) == []
    assembly.add(place(0), *pieces[0], 20.0)
    assert assembly.requests(20.0) == [PartRequest(3, 0, 2, (2,))], "each new part asks anew"


def test_another_cut_of_the_same_envelope_starts_over() -> None:
    assembly = Assembly(1)
    assembly.add(place(0), *parts(0)[0], 10.0)
    changes, whole = assembly.add(place(0), *parts(0, 40)[0], 10.0)
    assert [type(change) for change in changes] == [PartsDropped, PartArrived] and whole is None
    assert assembly.requests(10.0)[0].last == len(parts(0, 40)) - 1


def test_the_oldest_of_too_many_open_sets_gives_way() -> None:
    assembly = Assembly(1)
    for seq in range(PART_SETS):
        assembly.add(place(seq), *parts(seq)[0], 10.0)
    changes, _ = assembly.add(place(99), *parts(99)[0], 10.0)
    assert changes[0] == PartsDropped(1, 3, b"salt", 0)
    assert {request.seq for request in assembly.requests(10.0)} == {1, 2, 3, 99}


def test_after_a_restart_stored_parts_count_and_the_rest_is_asked_for_at_once() -> None:
    pieces = parts(0)
    (kept,), _ = Assembly(1).add(place(0), *pieces[0], 10.0)
    assert isinstance(kept, PartArrived)
    again = Assembly(1)
    again.resume(kept, KEY)
    again.resume(PartArrived(1, 3, b"salt", 1, 0, 2, b"not a part"), KEY)
    assert again.requests(0.0) == [PartRequest(3, 0, 2, (1, 2))]
    again.add(place(0), *pieces[1], 5.0)
    assert again.add(place(0), *pieces[2], 5.0)[1] == envelope(0)
