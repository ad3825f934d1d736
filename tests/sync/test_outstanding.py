"""What is not known to be held is repeated, with growing patience, and never dropped."""

from __future__ import annotations

import pytest

from crisiskit.codec.acks import NO_DIGEST, AckBlock, PartRequest, ack_block
from crisiskit.model import Precedence
from crisiskit.snapshot import SealedEnvelope
from crisiskit.step import Carries
from crisiskit.sync.lanes import Lane
from crisiskit.sync.outstanding import (
    REPEAT_MAX_S,
    REPEAT_URGENT_MAX_S,
    Outgoing,
    Outstanding,
)
from transports.link import Traits

SAT = Lane("sat", "", Traits(340, credit_bytes=50, repeat_s=1800))
LAN = Lane("lan", "", Traits(4096, repeat_s=4))
PROOF = b"\1\2\3\4"


def some(*seqs: int, precedence: Precedence = Precedence.ROUTINE) -> Outstanding:
    found = Outstanding(())
    for seq in seqs:
        found.add(Outgoing(7, seq, b"frame", precedence))
    return found


def send(ones: Outstanding, seq: int, lane: Lane, s: float) -> None:
    assert ones.left(Carries(1, 7, seq), lane, s)


def held(below: int, *beyond: int, digest: bytes = PROOF) -> AckBlock:
    return ack_block(7, below, digest, beyond)


def numbers(ones: list[Outgoing]) -> list[int]:
    return [one.seq for one in ones]


def test_the_most_urgent_leaves_first_then_the_oldest() -> None:
    ones = some(2, 0, 1)
    ones.add(Outgoing(7, 9, b"", Precedence.FLASH))
    assert numbers(ones.due(0)) == [9, 0, 1, 2]


@pytest.mark.parametrize(
    ("precedence", "most"),
    [(Precedence.ROUTINE, REPEAT_MAX_S), (Precedence.IMMEDIATE, REPEAT_URGENT_MAX_S)],
)
def test_each_repeat_waits_twice_as_long_up_to_a_limit(precedence: Precedence, most: float) -> None:
    ones, s = some(0, precedence=precedence), 0.0
    waits = []
    for _ in range(10):
        send(ones, 0, SAT, s)
        due = ones.next_due_s()
        assert due is not None and not ones.due(due - 1) and ones.due(due)
        waits.append(due - s)
        s = due
    assert waits == sorted(waits) and waits[1] == 2 * waits[0] and waits[-1] == most


def test_held_envelopes_are_done_and_arrived_ones_only_wait_for_their_proof() -> None:
    ones = some(0, 1, 2, 3)
    assert ones.settle(7, held(1, 3), True, 0) == ([0], [3])
    assert numbers(ones.due(0)) == [1, 2] and ones.unanswered == 2
    assert ones.settle(7, held(4), True, 0) == ([1, 2, 3], [])
    assert list(ones) == []


def test_what_is_stored_without_proof_is_arrived_and_never_done() -> None:
    ones = some(0, 1)
    assert ones.settle(7, held(2, digest=NO_DIGEST), False, 0) == ([], [0, 1])
    assert len(list(ones)) == 2 and not ones.due(1e9)


def test_a_block_of_another_epoch_settles_nothing() -> None:
    ones = some(0)
    assert ones.settle(8, held(1), True, 0) == ([], [])


def test_what_was_overtaken_on_its_link_is_sent_again_at_once() -> None:
    ones = some(0, 1, 2)
    send(ones, 0, SAT, 1)
    send(ones, 1, LAN, 2)
    send(ones, 2, SAT, 3)
    ones.settle(7, held(0, 2), True, 4)
    assert numbers(ones.due(4)) == [0], "number 1 went by another link and may still be under way"


def test_what_waits_for_its_first_sending_was_not_lost() -> None:
    ones = some(0, 1)
    next(iter(ones)).due_s = 50.0
    send(ones, 1, SAT, 1)
    ones.settle(7, held(0, 1), True, 4)
    assert not ones.due(4)


def test_a_link_that_comes_up_takes_what_waits_for_an_answer_elsewhere() -> None:
    ones = some(0)
    ones.add(Outgoing(7, 1, b"", Precedence.IMMEDIATE))
    for seq in (0, 1):
        send(ones, seq, SAT, 0)
    ones.link_up("dear", free=False, now_s=10)
    assert numbers(ones.due(10)) == [1], "where it costs something, only what is urgent"
    ones.link_up("lan", free=True, now_s=11)
    assert numbers(ones.due(11)) == [1, 0]


def test_a_lane_that_failed_gives_back_what_it_was_given() -> None:
    ones = some(0)
    (one,) = ones
    one.flying.add(("sat", ""))
    assert not ones.due(0) and ones.next_due_s() is None
    ones.failed("lan", "", 5)
    assert not ones.due(5), "another lane has it"
    ones.failed("sat", "", 5)
    assert numbers(ones.due(5)) == [0]


def test_an_envelope_in_parts_is_out_with_its_last_part_and_parts_are_asked_for_again() -> None:
    ones = some(0)
    (one,) = ones
    one.parts, one.parts_left = (b"a", b"b", b"c"), [0, 1, 2]
    assert [ones.left(Carries(1, 7, 0, part), SAT, 0) for part in range(3)] == [False, False, True]
    ones.parts_wanted(7, PartRequest(7, 0, 5, (1,)), 1)
    assert one.parts_left == [], "that names another cut"
    ones.parts_wanted(7, PartRequest(7, 0, 2, (1,)), 1)
    assert one.parts_left == [1] and ones.due(1)
    ones.parts_wanted(7, PartRequest(7, 0, 2, (0,)), 2)
    assert one.parts_left == [1], "it is being repeated already"


def test_a_receipt_that_left_is_no_envelope() -> None:
    assert not some(0).left(Carries(1, 7, None), SAT, 0)
    assert not some(0).left(Carries(1, 7, 5), SAT, 0)


def test_after_a_restart_it_is_known_what_arrived_and_what_had_left() -> None:
    ones = Outstanding(
        SealedEnvelope(7, seq, b"", Precedence.ROUTINE, bytes(32), arrived=seq == 0, sent=seq == 1)
        for seq in range(3)
    )
    assert numbers(ones.due(0)) == [1, 2] and ones.unanswered == 2
    assert [one.resumed for one in ones] == [False, True, False]


def test_a_receipt_that_comes_while_it_is_repeated_in_parts_by_another_free_link() -> None:
    ones = some(0)
    radio = Lane("radio", "", Traits(100, repeat_s=60))
    send(ones, 0, LAN, 0)
    one = next(iter(ones))
    one.parts, one.parts_left = (b"a", b"b"), [0, 1]
    assert not ones.left(Carries(1, 7, 0, part=0), radio, 5)
    assert ones.settle(7, held(1), True, 6) == ([0], [])
