"""What signed objects do to a station: once each, whatever order they come in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crisiskit.codec.object_frame import CodedObject, encode_object_frame
from crisiskit.codec.objects import (
    AUTHORITY,
    REVOKED_DUTY,
    ObjectKind,
    SignedObject,
    encode_answer,
    object_data,
)
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.identity import KitIdentity
from crisiskit.crypto.trust import sign
from crisiskit.model import Precedence, Record, RecordKind, Verdict
from crisiskit.step import Change, Now, Raised
from crisiskit.sync.orders import PENDING_MAX, OrderBook
from crisiskit.trusted import (
    DutyKey,
    DutyKeyLearned,
    Judged,
    OrderAnswered,
    OrderCancelled,
    Ordered,
    OrderState,
    Trust,
    TrustListed,
    WipeOrdered,
)

NETWORK, KIT, PAIRING = b"n" * 16, 5, 1
AUTH, ALI, EVE = (KitIdentity(bytes([n]) * 32) for n in (1, 2, 3))
ISSUED = 1_790_000_000
HOUR = 3600
TRUST = Trust(NETWORK, False, (AUTH.public,))
SIGNS = {AUTHORITY: AUTH.sign, 0: ALI.sign, 1: EVE.sign}


def at(seconds: float) -> Now:
    return Now(seconds, int((ISSUED + seconds) * 1000))


def book(clock_sure: bool = True, kit: int = KIT, **state: object) -> OrderBook:
    agreed_ms = ISSUED * 1000 if clock_sure else None
    return OrderBook(OrderState(TRUST, kit, PAIRING, clock_agreed_ms=agreed_ms, **state))  # type: ignore[arg-type]


def made(number: int, kind: ObjectKind = ObjectKind.ORDER, **changes: object) -> SignedObject:
    body, text = b"", "" if kind in (ObjectKind.TRUST_LIST, ObjectKind.TIME) else "Go."
    if kind is ObjectKind.DUTY_KEY:
        body, text = b"\0" + ALI.public, "Ali"
    signers = (AUTHORITY, 0) if kind is ObjectKind.DUTY_KEY else (AUTHORITY,)
    plain = SignedObject(kind, number, ISSUED, signers, body=body, text=text)
    wanted = replace(plain, **changes)  # type: ignore[arg-type]
    return sign(wanted, NETWORK, *(SIGNS[signer] for signer in wanted.signers))


def record(signed: SignedObject) -> Record:
    data = object_data(signed)
    return Record(RecordKind.ORDER, Precedence.IMMEDIATE, ISSUED // 60, signed.text, data)


def came(to: OrderBook, signed: SignedObject, seconds: float = 0) -> list[Change]:
    name = str(seconds).encode().ljust(16)
    return to.records(PAIRING, (record(signed),), (name,), at(seconds))


def verdicts(changes: list[Change]) -> list[Verdict]:
    return [change.verdict for change in changes if isinstance(change, Ordered)]


def test_each_object_is_judged_once() -> None:
    one, wipe = book(), made(1, ObjectKind.WIPE, kits=(KIT,), signers=(AUTHORITY, 0))
    came(one, made(9, ObjectKind.DUTY_KEY))
    assert came(one, wipe)[1:] == [WipeOrdered(1)]
    again = came(one, wipe, 1)
    assert verdicts(again) == [Verdict.VALID] and len(again) == 1


def test_a_number_serves_once() -> None:
    one = book()
    assert verdicts(came(one, made(1))) == [Verdict.VALID]
    assert verdicts(came(one, made(1, text="Else."))) == [Verdict.REPEATED]
    # What nobody may have signed takes no number.
    other = book()
    assert verdicts(came(other, made(2, kits=(9,)))) == [Verdict.NOT_ADDRESSED]
    forged = replace(made(3), text="Forged.")
    assert verdicts(came(other, forged)) == [Verdict.FORGED]
    assert verdicts(came(other, made(3))) == [Verdict.VALID]


def test_a_cancel_works_before_and_after_its_order() -> None:
    cancel = made(7, ObjectKind.CANCEL, body=b"\0\5", text="")
    after, before = book(), book()
    assert verdicts(came(after, made(5))) == [Verdict.VALID]
    assert came(after, cancel)[1:] == [OrderCancelled(5, False, 7)]
    came(before, cancel)
    assert verdicts(came(before, made(5))) == [Verdict.CANCELLED]


def test_a_cancel_of_an_exercise_leaves_a_real_order_alone() -> None:
    one = book()
    came(one, made(7, ObjectKind.CANCEL, body=b"\0\5", text="", exercise=True))
    assert verdicts(came(one, made(5))) == [Verdict.VALID]
    assert verdicts(came(one, made(5, exercise=True))) == [Verdict.REPEATED]


@pytest.mark.parametrize("over", ["expired", "cancelled"])
def test_what_is_older_than_something_over_is_no_news(over: str) -> None:
    one = book()
    came(one, made(5, life=4))
    if over == "cancelled":
        came(one, made(6, ObjectKind.CANCEL, body=b"\0\5", text=""))
    late = 2 * HOUR if over == "expired" else 0
    assert verdicts(came(one, made(3), late)) == [Verdict.OLD]
    assert verdicts(came(one, made(8), late)) == [Verdict.VALID]


def test_life_ends_by_a_clock_that_is_sure() -> None:
    assert verdicts(came(book(), made(1, life=4), HOUR - 1)) == [Verdict.VALID]
    assert verdicts(came(book(), made(1, life=4), HOUR)) == [Verdict.EXPIRED]


@pytest.mark.parametrize("years", [-50, -10, 10, 60])
def test_with_a_clock_wrong_by_years_life_begins_when_it_came(years: int) -> None:
    wrong = years * 365 * 24 * HOUR
    unsure = book(clock_sure=False)
    (ordered,) = came(unsure, made(1, life=4), wrong)
    assert isinstance(ordered, Ordered) and ordered.verdict is Verdict.VALID
    assert ordered.expires_at == at(wrong).wall_ms + HOUR * 1000


def test_a_clock_that_is_set_moves_lives_along_and_is_sure_only_when_it_agrees() -> None:
    one = book()
    came(one, made(5, life=4))
    one.clock_jumped(30 * 24 * HOUR * 1000)
    month = 30 * 24 * HOUR
    assert verdicts(came(one, made(3), month + 60)) == [Verdict.VALID]
    assert verdicts(came(one, made(6, life=4), month + 60)) == [Verdict.VALID]
    one.clock_agreed(at(month + 60))
    assert verdicts(came(one, made(7, life=4), month + 60)) == [Verdict.EXPIRED]


def test_a_clock_is_believed_for_a_week_and_no_longer() -> None:
    """Also while the agent runs on and on: it may be wrong by now, and nobody would know."""
    week = 7 * 24 * HOUR
    for one in (book(), book(clock_sure=False)):
        one.clock_agreed(at(0))
        assert verdicts(came(one, made(7, life=4), week - 1)) == [Verdict.EXPIRED]
        assert verdicts(came(one, made(8, life=4), week)) == [Verdict.VALID]
    for later, verdict in ((week - 1, Verdict.EXPIRED), (week, Verdict.VALID)):
        assert verdicts(came(book(), made(7, life=4), later)) == [verdict]


def test_an_order_waits_for_the_key_that_signed_it() -> None:
    one = book()
    order, list_first = made(5, signers=(0,), life=4), made(6, signers=(1,))
    assert verdicts(came(one, order)) == [Verdict.UNKNOWN_SIGNER]
    assert verdicts(came(one, list_first)) == [Verdict.UNKNOWN_SIGNER]
    ordered, learned, judged = came(one, made(2, ObjectKind.DUTY_KEY), 60)
    assert isinstance(ordered, Ordered) and ordered.verdict is Verdict.VALID
    assert learned == DutyKeyLearned(0, "Ali", ALI.public)
    assert isinstance(judged, Judged) and judged.verdict is Verdict.VALID
    assert judged.expires_at == (ISSUED + HOUR) * 1000


def test_what_waited_for_a_key_can_obey_it_too() -> None:
    one = book()
    cancel = made(6, ObjectKind.CANCEL, body=b"\0\5", text="", signers=(0,))
    came(one, cancel)
    changes = came(one, made(2, ObjectKind.DUTY_KEY))
    assert changes[-1] == OrderCancelled(5, False, 6)


def test_keys_that_came_by_hand_are_tried_at_the_start() -> None:
    order = made(5, signers=(0,))
    waiting = (b"d" * 32, object_data(order), order.text, ISSUED * 1000)
    known = replace(TRUST, duty={0: DutyKey(0, "Ali", ALI.public)})
    one = OrderBook(OrderState(known, KIT, PAIRING, pending=(waiting,)))
    (judged,) = one.catch_up(at(1))
    assert isinstance(judged, Judged) and judged.verdict is Verdict.VALID
    assert one.catch_up(at(2)) == []


def test_strangers_do_not_fill_the_memory() -> None:
    one = book()
    for number in range(1, PENDING_MAX + 20):
        came(one, made(number, signers=(1,)))
    changes = came(
        one, made(1, ObjectKind.DUTY_KEY, body=b"\1" + EVE.public, signers=(AUTHORITY, 1))
    )
    judged = [change for change in changes if isinstance(change, Judged)]
    assert len(judged) == PENDING_MAX


def test_lists_add_up_and_whole_ones_replace() -> None:
    one = book()
    came(one, made(2, ObjectKind.DUTY_KEY))
    gone = REVOKED_DUTY
    listed = made(4, ObjectKind.TRUST_LIST, kits=(gone,), delta=True)
    assert came(one, listed)[1:] == [TrustListed(4, True, ISSUED, (gone,))]
    assert verdicts(came(one, made(10, signers=(0,)))) == [Verdict.REVOKED_SIGNER]
    assert verdicts(came(one, made(3, ObjectKind.TRUST_LIST, kits=(8,)))) == [Verdict.VALID]
    assert verdicts(came(one, made(11, signers=(0,)))) == [Verdict.REVOKED_SIGNER]
    assert verdicts(came(one, made(5, ObjectKind.TRUST_LIST, kits=(8,)))) == [Verdict.VALID]
    assert verdicts(came(one, made(12, signers=(0,)))) == [Verdict.VALID]
    assert verdicts(came(one, made(4, ObjectKind.TRUST_LIST, kits=(9,)))) == [Verdict.OLD]


def test_a_kit_that_is_on_the_list_says_so() -> None:
    changes = came(book(), made(1, ObjectKind.TRUST_LIST, kits=(KIT,)))
    assert [change.notice.code for change in changes if isinstance(change, Raised)] == [
        "revoked_here"
    ]


@pytest.mark.parametrize(
    ("behind_s", "told"), [(0, False), (599, False), (601, True), (-999, False)]
)
def test_the_time_is_a_hint_that_a_clock_is_behind(behind_s: int, told: bool) -> None:
    changes = came(book(), made(1, ObjectKind.TIME), -behind_s)
    assert bool([change for change in changes if isinstance(change, Raised)]) is told


# -- alone -----------------------------------------------------------------------------------


def alone(to: OrderBook, signed: SignedObject) -> list[Change] | Rejected:
    return to.alone(encode_object_frame(signed, Precedence.FLASH), at(0))


def test_alone_it_counts_once_and_leaves_a_trace_only_if_it_is_for_us() -> None:
    one = book()
    changes = alone(one, made(1))
    assert not isinstance(changes, Rejected)
    (ordered,) = changes
    assert isinstance(ordered, Ordered) and ordered.carrier == b""
    assert alone(one, made(1)) == []
    assert alone(one, made(3, kits=(9,))) == []
    for signed in (replace(made(2), text="x"), made(4, signers=(1,))):
        assert isinstance(alone(one, signed), Rejected)
    assert isinstance(one.alone(b"\x28\1\0\1" + bytes(20), at(0)), Rejected)


def test_alone_nothing_is_decoded_that_cannot_be_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can send such a frame: what its head gives away costs no more than reading that."""

    def dear(_coded: CodedObject) -> Rejected:
        raise AssertionError("a text was decoded")

    valid, time = made(1), made(5, ObjectKind.TIME, exercise=True)
    monkeypatch.setattr(CodedObject, "decode", dear)
    one = book()
    with pytest.raises(AssertionError):
        alone(one, valid)
    wipe = made(2, ObjectKind.WIPE, kits=(KIT,))
    for signed in (made(4, signers=(1,)), time, wipe):
        assert isinstance(alone(one, signed), Rejected)
    other_number = bytearray(encode_object_frame(valid, Precedence.FLASH))
    other_number[3] += 1
    assert isinstance(one.alone(bytes(other_number), at(0)), Rejected)
    assert isinstance(alone(book(kit=0), valid), Rejected), "a center takes none at all"


# -- center ----------------------------------------------------------------------------------


def test_a_center_obeys_nobody_and_takes_answers() -> None:
    center = book(kit=0)
    wipe = made(1, ObjectKind.WIPE, kits=(KIT,), signers=(AUTHORITY, 0))
    assert came(center, wipe) == [] and isinstance(alone(center, wipe), Rejected)
    answer = Record(RecordKind.ANSWER, Precedence.ROUTINE, 1, "yes", encode_answer(4, "0042"))
    junk = replace(answer, data=b"junk!")
    changes = center.records(PAIRING, (answer, junk), (b"a" * 16, b"b" * 16), at(0))
    assert changes == [OrderAnswered(PAIRING, 4, "0042", "yes")]
    assert book().records(PAIRING, (answer,), (b"a" * 16,), at(0)) == []


def test_a_record_that_is_no_object_is_kept_as_unreadable() -> None:
    record = Record(RecordKind.ORDER, Precedence.FLASH, 1, "Do it", b"\1\0")
    (ordered,) = book().records(PAIRING, (record,), (b"c" * 16,), at(0))
    assert isinstance(ordered, Ordered) and ordered.verdict is Verdict.UNREADABLE
