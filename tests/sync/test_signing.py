"""sign = auto: what must be signed is, the rest where it costs nothing, and all within a day."""

from __future__ import annotations

import pytest

from crisiskit.model import Precedence, Record, RecordKind
from crisiskit.step import Queued
from crisiskit.sync.signing import UNSIGNED_MOST, UNSIGNED_S_MAX, Signing, costs_no_more
from transports.link import Traits

SBD = Traits(340, credit_bytes=50, price_credit_micros=100_000)
FLAT = Traits(340, credit_bytes=340, price_credit_micros=500_000)
BY_THE_BYTE = Traits(1000, price_byte_micros=10)
FREE = Traits(64)


def signing() -> Signing:
    return Signing(lambda statement: b"s" * 64)


def item(
    precedence: Precedence = Precedence.ROUTINE,
    kind: RecordKind = RecordKind.TEXT,
    sign: bool = False,
) -> Queued:
    return Queued(1, 1, Record(kind, precedence, 0), bytes(16), sign=sign)


def test_on_a_link_of_50_byte_credits_a_signature_always_costs() -> None:
    assert not any(costs_no_more(SBD, size, size + 64) for size in range(1, 341))


def test_where_one_price_carries_a_whole_frame_it_costs_nothing_until_the_frame_is_full() -> None:
    assert costs_no_more(FLAT, 276, 340)
    assert not costs_no_more(FLAT, 277, 341)


def test_each_byte_that_is_paid_for_counts() -> None:
    assert not costs_no_more(BY_THE_BYTE, 10, 11)


def test_what_costs_nothing_is_signed_even_where_it_takes_another_part() -> None:
    assert costs_no_more(FREE, 60, 124)
    assert signing().wanted(FREE, 60, must=False, follows=False)


def test_of_what_follows_one_another_on_a_free_link_only_the_last_is_signed() -> None:
    fresh = signing()
    assert not fresh.wanted(FREE, 60, must=False, follows=True)
    assert fresh.wanted(FREE, 60, must=True, follows=True), "but for what must be"
    assert fresh.wanted(FLAT, 100, must=False, follows=True), "a paid frame has the room"


def test_a_quiet_text_on_a_satellite_link_is_not_signed() -> None:
    fresh = signing()
    assert not fresh.must([item()], 0)
    assert not fresh.wanted(SBD, 40, must=False, follows=False)


@pytest.mark.parametrize(
    "grave",
    [item(Precedence.FLASH), item(kind=RecordKind.ORDER), item(sign=True)],
    ids=["FLASH", "an order", "a form that says so"],
)
def test_what_is_grave_is_signed_whatever_it_costs(grave: Queued) -> None:
    fresh = signing()
    assert fresh.must([item(), grave], 0), "wherever it stands in the envelope"
    assert fresh.wanted(SBD, 40, must=True, follows=False)


@pytest.mark.parametrize("precedence", [Precedence.PRIORITY, Precedence.IMMEDIATE])
def test_no_other_precedence_forces_a_signature(precedence: Precedence) -> None:
    assert not signing().must([item(precedence)], 0)


def test_of_32_envelopes_one_is_signed() -> None:
    life = signing()
    for _ in range(UNSIGNED_MOST - 1):
        assert not life.must([item()], 0)
        life.sealed(False, 0)
    assert life.must([item()], 0)
    life.sealed(True, 0)
    assert not life.must([item()], 0), "and then counting begins again"


def test_nothing_stays_unsigned_longer_than_a_day_after_the_first_that_was_not() -> None:
    life = signing()
    life.sealed(False, 100.0)
    life.sealed(False, 50_000.0)
    assert life.due_s == 100.0 + UNSIGNED_S_MAX
    assert not life.must([item()], life.due_s - 1) and life.must([item()], life.due_s)
    assert not life.overdue(False, life.due_s - 1) and life.overdue(False, life.due_s)


def test_where_it_costs_nothing_nothing_waits_for_its_signature() -> None:
    life = signing()
    assert not life.overdue(True, 0), "there is nothing to sign"
    life.sealed(False, 0)
    assert life.overdue(True, 0)
    life.sealed(True, 0)
    assert not life.overdue(True, 1e9) and life.due_s is None


def test_without_a_key_nothing_is_ever_signed_or_due() -> None:
    bare = Signing(None)
    for _ in range(100):
        assert not bare.must([item(Precedence.FLASH, sign=True)], 1e9)
        assert not bare.wanted(FREE, 10, must=False, follows=False)
        bare.sealed(False, 0)
        assert bare.due_s is None and not bare.overdue(True, 1e9)
