"""The judge of orders, over the whole matrix: signer, count, age, number, EXERCISE, target.

The expected verdict is worked out by a table of its own: 0 wrong cards.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.objects import AUTHORITY, REVOKED_DUTY, ObjectKind, SignedObject, object_digest
from crisiskit.crypto import trust as trust_module
from crisiskit.crypto.identity import KitIdentity, verified
from crisiskit.crypto.trust import Seen, judge, sign
from crisiskit.model import Verdict
from crisiskit.trusted import DutyKey, Trust

NETWORK, OTHER_NETWORK = b"n" * 16, b"o" * 16
KIT, OTHER_KIT = 5, 6
ISSUED = 1_790_000_000
KEYS = {name: KitIdentity(bytes([place]) * 32) for place, name in enumerate("AB01239X")}
NUMBER_OF = {"A": AUTHORITY, "B": AUTHORITY + 1, "0": 0, "1": 1, "2": 2, "3": 3, "9": 9}
KNOWN = {
    place: DutyKey(place, f"op-{place}", KEYS[name].public) for place, name in enumerate("012")
}
REAL = Trust(
    NETWORK, False, (KEYS["A"].public, KEYS["B"].public), KNOWN,
    lists={3: frozenset({REVOKED_DUTY + 2, 77})}, list_full=3,
)  # fmt: skip
DRILL = replace(REAL, exercise=True)


def made(who: str, kind: ObjectKind = ObjectKind.ORDER, **changes: object) -> SignedObject:
    """An object that ``who`` signed; X is a stranger who claims to be duty key 0."""
    network = changes.pop("network", NETWORK)
    body, text = b"", "Go."
    if kind is ObjectKind.CANCEL:
        body = (4).to_bytes(2, "big")
    if kind is ObjectKind.DUTY_KEY:
        body, text = bytes([3]) + KEYS["3"].public, "op-3"
    if kind in (ObjectKind.TRUST_LIST, ObjectKind.TIME):
        text = ""
    kits = (KIT,) if kind is ObjectKind.WIPE else ()
    signers = tuple(NUMBER_OF.get(name, 0) for name in who)
    plain = SignedObject(kind, 10, ISSUED, signers, kits=kits, body=body, text=text)
    wanted = replace(plain, **changes)  # type: ignore[arg-type]
    assert isinstance(network, bytes)
    return sign(wanted, network, *(KEYS[name].sign for name in who))


def verdict(signed: SignedObject, trust: Trust = REAL, now: int | None = ISSUED) -> Verdict:
    return judge(signed, trust, KIT, now, Seen())


def expected_signers(kind: ObjectKind, who: str, grave: bool) -> Verdict | None:
    """By hand: what the signers alone say."""
    if "9" in who or "3" in who:
        return Verdict.UNKNOWN_SIGNER
    if "X" in who:
        return Verdict.FORGED
    if "2" in who:
        return Verdict.REVOKED_SIGNER
    if (kind in (ObjectKind.WIPE, ObjectKind.DUTY_KEY) or grave) and len(who) == 1:
        return Verdict.NEEDS_SECOND
    authority = "A" in who or "B" in who
    if kind in (ObjectKind.TRUST_LIST, ObjectKind.DUTY_KEY) and not authority:
        return Verdict.NO_RIGHT
    return None


SIGNERS = ["A", "B", "0", "1", "2", "9", "X", "AB", "A0", "0A", "01", "02", "A2", "09", "X1", "A3"]


def test_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_module, "verified", cache(verified))
    make = cache(made)
    wrong, seen_verdicts, count = [], set(), 0
    for kind, who, drill_net, drill, target, age, number, grave in product(
        ObjectKind,
        SIGNERS,
        (False, True),
        (False, True),
        ("all", "here", "there"),
        ("fresh", "over", "no clock"),
        ("new", "same", "taken", "cancelled", "below"),
        (False, True),
    ):
        kits = {"all": (), "here": (KIT,), "there": (OTHER_KIT,)}[target]
        if kind is ObjectKind.WIPE and not kits:
            continue
        life = 0 if kind is ObjectKind.TRUST_LIST else 8
        signed = make(who, kind, kits=kits, exercise=drill, life=life)
        trust = DRILL if drill_net else REAL
        trust = replace(trust, grave=frozenset({kind}) if grave else frozenset())
        want = expected(kind, who, drill_net, drill, target, age, number, grave)
        found = judge(signed, trust, KIT, now_of(age), seen_of(signed, number))
        seen_verdicts.add(found)
        count += 1
        if found is not want:
            wrong.append((kind.name, who, drill_net, drill, target, age, number, found, want))
    assert wrong == []
    assert count > 30_000
    assert seen_verdicts == set(Verdict) - {Verdict.UNREADABLE}


def now_of(age: str) -> int | None:
    return {"fresh": ISSUED + 7199, "over": ISSUED + 7200, "no clock": None}[age]


def seen_of(signed: SignedObject, number: str) -> Seen:
    match number:
        case "same":
            return Seen(numbers={10: object_digest(signed)})
        case "taken":
            return Seen(numbers={10: bytes(32)})
        case "cancelled":
            return Seen(cancelled=frozenset({(10, signed.exercise)}))
        case "below":
            return Seen(over={signed.kind: 11})
    return Seen(cancelled=frozenset({(10, not signed.exercise)}), over={signed.kind: 9})


def expected(
    kind: ObjectKind,
    who: str,
    drill_net: bool,
    drill: bool,
    target: str,
    age: str,
    number: str,
    grave: bool,
) -> Verdict:
    if drill_net and not drill:
        return Verdict.WRONG_MODE
    if drill and not drill_net and kind not in (ObjectKind.ORDER, ObjectKind.CANCEL):
        return Verdict.WRONG_MODE
    by_signers = expected_signers(kind, who, grave)
    if by_signers is not None:
        return by_signers
    if kind is ObjectKind.TRUST_LIST:
        return Verdict.VALID
    if number == "taken":
        return Verdict.REPEATED
    if target == "there" and kind is not ObjectKind.DUTY_KEY:
        return Verdict.NOT_ADDRESSED
    if number == "cancelled":
        return Verdict.CANCELLED
    if number == "below":
        return Verdict.OLD
    return Verdict.EXPIRED if age == "over" else Verdict.VALID


# -- what the table does not show ------------------------------------------------------------


@given(st.data())
def test_no_altered_object_is_believed(data: st.DataObject) -> None:
    signed = made("01", life=8, kits=(KIT,))
    change = data.draw(
        st.sampled_from(
            [
                {"number": 11},
                {"issued_s": ISSUED + 1},
                {"life": 9},
                {"kits": (KIT, OTHER_KIT)},
                {"kits": ()},
                {"text": "Stay."},
                {"exercise": True},
                {"answer": True},
                {"signers": (1, 0)},
                {"signatures": (signed.signatures[0], signed.signatures[0])},
                {"kind": ObjectKind.WIPE},
            ]
        )
    )
    assert verdict(replace(signed, **change)) is Verdict.FORGED  # type: ignore[arg-type]


def test_an_order_of_another_network_is_forged_here() -> None:
    assert verdict(made("0", network=OTHER_NETWORK)) is Verdict.FORGED


def test_two_numbers_of_one_key_are_one_signer() -> None:
    twice = replace(REAL, duty={0: KNOWN[0], 1: DutyKey(1, "again", KEYS["0"].public)})
    wipe = SignedObject(ObjectKind.WIPE, 10, ISSUED, (0, 1), kits=(KIT,))
    signed = sign(wipe, NETWORK, KEYS["0"].sign, KEYS["0"].sign)
    assert verdict(signed, twice) is Verdict.NEEDS_SECOND


@pytest.mark.parametrize("version", [1, 2, 3])
def test_only_higher_lists_are_taken(version: int) -> None:
    listed = made("A", ObjectKind.TRUST_LIST, number=version, kits=(1,))
    assert verdict(listed) is Verdict.OLD
    assert verdict(replace(listed, number=9)) is Verdict.FORGED
    assert verdict(made("A", ObjectKind.TRUST_LIST, number=9, kits=(1,))) is Verdict.VALID


def test_a_delta_is_taken_once() -> None:
    delta = made("A", ObjectKind.TRUST_LIST, number=5, delta=True, kits=(1,))
    assert verdict(delta) is Verdict.VALID
    known = replace(REAL, lists={**REAL.lists, 5: frozenset({1})})
    assert verdict(delta, known) is Verdict.OLD
    late = made("A", ObjectKind.TRUST_LIST, number=4, delta=True, kits=(2,))
    assert verdict(late, known) is Verdict.VALID


def test_the_first_duty_key_signs_for_itself_beside_the_one_authority() -> None:
    alone = Trust(NETWORK, False, (KEYS["A"].public,))
    first = made("A3", ObjectKind.DUTY_KEY)
    assert verdict(first, alone) is Verdict.VALID
    assert verdict(made("3A", ObjectKind.DUTY_KEY), alone) is Verdict.VALID
    # Never without the authority, never once somebody else could sign, never for anything else.
    assert verdict(made("3", ObjectKind.DUTY_KEY), alone) is Verdict.NEEDS_SECOND
    assert verdict(made("A", ObjectKind.DUTY_KEY), alone) is Verdict.NEEDS_SECOND
    assert verdict(first, replace(alone, duty={0: KNOWN[0]})) is Verdict.UNKNOWN_SIGNER
    two = replace(alone, authorities=(KEYS["A"].public, KEYS["B"].public))
    assert verdict(first, two) is Verdict.UNKNOWN_SIGNER
    assert verdict(made("A3"), alone) is Verdict.UNKNOWN_SIGNER
    assert verdict(made("0A", ObjectKind.DUTY_KEY), alone) is Verdict.UNKNOWN_SIGNER


def test_a_number_of_a_duty_key_is_never_given_to_another_key() -> None:
    taken = replace(REAL, duty={**KNOWN, 3: DutyKey(3, "other", KEYS["X"].public)})
    assert verdict(made("A0", ObjectKind.DUTY_KEY), taken) is Verdict.REPEATED
    same = replace(REAL, duty={**KNOWN, 3: DutyKey(3, "op-3", KEYS["3"].public)})
    assert verdict(made("A0", ObjectKind.DUTY_KEY), same) is Verdict.VALID


def test_without_end_it_never_expires_and_a_clock_behind_expires_nothing() -> None:
    assert verdict(made("0"), now=2**40) is Verdict.VALID
    assert verdict(made("0", life=1), now=0) is Verdict.VALID
