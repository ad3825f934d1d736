"""Two of one network prove themselves to each other; nobody else, and nothing that was recorded."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from crisiskit.crypto.introduction import Introduction, Papers, network_mark
from tests.transports.introducing import papers
from transports.introduction import LIFE_BYTES, MESSAGE_BYTES_MAX, SEAL_BYTES

ENTROPY = random.Random(8).randbytes
LIVES = b"life one", b"life two"


def party(
    own: Papers, calls: bool, refused: frozenset[int] = frozenset(), life: bytes = LIVES[0]
) -> Introduction:
    return Introduction(own, calls, life, ENTROPY, refused.__contains__)


def introduced(one: Papers, other: Papers) -> tuple[Introduction, Introduction]:
    """Caller and listener after all three messages."""
    caller, listener = party(one, True), party(other, False, life=LIVES[1])
    answer = listener.take(caller.opening())
    assert answer
    proof = caller.take(answer)
    assert proof
    assert listener.take(proof) == b""
    return caller, listener


@pytest.mark.parametrize(
    ("one", "other"), [((7, "Équipe 7"), (300, "Delta")), ((7, "Équipe 7"), (0, "center"))]
)
def test_both_know_who_the_other_is(one: tuple[int, str], other: tuple[int, str]) -> None:
    for first, second in ((one, other), (other, one)):
        caller, listener = introduced(papers(*first), papers(*second))
        words = [str(number) if number else "center" for number, _ in (first, second)]
        assert (listener.peer, listener.name, listener.life) == (words[0], first[1], LIVES[0])
        assert (caller.peer, caller.name, caller.life) == (words[1], second[1], LIVES[1])


def test_messages_are_bounded() -> None:
    longest = papers(65_000, "x" * 64)
    caller, listener = party(longest, True), party(longest, False)
    opening = caller.opening()
    other = party(papers(1, "y" * 64), False)
    answer = other.take(opening)
    assert answer is not None and listener.take(opening) is not None
    proof = caller.take(answer)
    assert proof is not None
    assert len(opening) == 49 and max(len(answer), len(proof)) <= MESSAGE_BYTES_MAX
    assert len(LIVES[0]) == LIFE_BYTES


def test_what_is_said_afterwards_is_sealed_in_order_and_each_once() -> None:
    caller, listener = introduced(papers(1), papers(2))
    first, second = caller.seal(b"first"), caller.seal(b"second")
    assert len(first) == len(b"first") + SEAL_BYTES and b"first" not in first
    assert listener.open(second) is None, "one is missing before it"
    assert listener.open(first) == b"first"
    assert listener.open(first) is None, "a repeat"
    assert listener.open(second) == b"second"
    assert caller.open(caller.seal(b"turned round")) is None
    assert caller.open(listener.seal(b"back")) == b"back"


def refused_as_caller(own: Papers, at: Papers, refused: frozenset[int] = frozenset()) -> bool:
    caller, listener = party(own, True), party(at, False, refused)
    answer = listener.take(caller.opening())
    if answer is None:
        return True
    # A stranger proves himself as far as he can, whatever he thinks of who answered.
    proof = caller.take(answer) or caller._proof()
    return listener.take(proof) is None and not listener.peer


HONEST = papers(2)
STRANGERS: dict[str, Callable[[], Papers]] = {
    "another network": lambda: papers(1, seed=2),
    "a kit of another network that knows our name": lambda: replace(
        papers(1, seed=2), network_id=HONEST.network_id
    ),
    "no certificate": lambda: replace(papers(1), certificate=b""),
    "somebody else's certificate": lambda: replace(papers(1), certificate=papers(3).certificate),
    "somebody else's key": lambda: replace(papers(1), public=papers(3).public),
    "a copy without the secret key": lambda: replace(papers(1), sign=papers(3).sign),
    "one who says he is the center": lambda: replace(
        papers(0), public=papers(1).public, sign=papers(1).sign
    ),
    "the center's key without its secret": lambda: replace(papers(0), sign=papers(1).sign),
    "oneself": lambda: HONEST,
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_who_does_not_belong_is_refused_whoever_calls(stranger: Callable[[], Papers]) -> None:
    assert refused_as_caller(stranger(), HONEST)
    caller, listener = party(HONEST, True), party(stranger(), False)
    answer = listener.take(caller.opening())
    assert answer is None or (caller.take(answer) is None and not caller.peer)


def test_the_revoked_are_refused() -> None:
    assert refused_as_caller(papers(1), HONEST, frozenset({1}))
    assert not refused_as_caller(papers(1), HONEST, frozenset({3}))


def test_who_does_not_know_the_network_gets_no_answer_at_all() -> None:
    outsider = replace(papers(1), network_id=bytes(16))
    assert party(HONEST, False).take(party(outsider, True).opening()) is None


def test_a_recording_is_worth_nothing() -> None:
    caller, listener = party(papers(1), True), party(HONEST, False)
    opening = caller.opening()
    answer = listener.take(opening)
    assert answer is not None
    proof = caller.take(answer)
    assert proof is not None and listener.take(proof) == b""
    again = party(HONEST, False)
    assert again.take(opening), "an opening names nobody"
    assert again.take(proof) is None
    assert party(papers(1), True).take(answer) is None
    assert listener.take(proof) is None, "and not a second time either"


def test_nothing_can_be_turned_round() -> None:
    caller = party(HONEST, True)
    opening = caller.opening()
    for message in (opening, opening[1:33] + b"", opening[1:33] + bytes(200)):
        mirror = party(HONEST, True)
        assert mirror.take(message) is None


def test_one_in_the_middle_gets_two_lines_that_do_not_fit() -> None:
    """Whoever puts his own key in cannot have it signed by the other end."""
    caller, listener, middle = party(papers(1), True), party(HONEST, False), party(papers(3), True)
    answer = listener.take(middle.opening())
    assert answer is not None
    assert caller.take(answer) is None


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), b"\xff" * 32])
def test_a_key_that_gives_no_secret_is_refused(key: bytes) -> None:
    from crisiskit.crypto.introduction import VERSION, _check

    opening = VERSION + key + _check(HONEST.network_id, key)
    answer = party(HONEST, False).take(opening)
    assert answer is None or key == b"\xff" * 32


def test_a_mark_says_nothing_to_others_and_changes_with_the_name() -> None:
    marks = [network_mark(HONEST.network_id, f"{n:x}") for n in range(20)]
    assert all(len(mark) == 8 for mark in marks) and len(set(marks)) == 20
    assert network_mark(bytes(16), "0") != marks[0]
    assert all(HONEST.network_id.hex()[:8] not in pair for pair in pairwise(marks))
