"""Giving orders at a center, answering them at a kit, and refusing a kit that is lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crisiskit.clock import wall_ms
from crisiskit.codec.objects import (
    AUTHORITY,
    LIFE_MAX,
    LIFE_UNIT_S,
    TEXT_BYTES_MAX,
    ObjectKind,
    SignedObject,
    encode_answer,
)
from crisiskit.crypto.trust import ALWAYS_TWO, sign
from crisiskit.duty import Signer, in_force, open_signer
from crisiskit.errors import CrisiskitError, TrustError, UsageError
from crisiskit.harmless import clean_text
from crisiskit.model import CENTER, EVERY_KIT, Order, Precedence, RecordKind, Verdict
from crisiskit.store import issue
from crisiskit.store.store import Draft, Store
from crisiskit.trusted import Trust

LIST_ENTRIES_MAX = 94  # what a frame of 270 bytes holds


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order as an operator means it. ``kits`` are numbers, none for all; life in seconds."""

    kind: ObjectKind
    kits: tuple[int, ...]
    text: str = ""
    life_s: int = 0
    exercise: bool = False
    answer: bool = False
    grave: bool = False
    precedence: Precedence = Precedence.IMMEDIATE


def compose_order(text: str, needed: bool = True) -> str:
    """The words of an order. Raises UsageError ``text_empty`` or ``text_too_long``."""
    cleaned = clean_text(text)
    if needed and not cleaned:
        raise UsageError("text_empty")
    if (size := len(cleaned.encode())) > TEXT_BYTES_MAX:
        raise UsageError("text_too_long", bytes=size, most=TEXT_BYTES_MAX)
    return cleaned


def life_units(life_s: int) -> int:
    """Seconds as quarters of an hour, rounded up. Raises UsageError ``life_too_long``."""
    units = -(-life_s // LIFE_UNIT_S)
    if units > LIFE_MAX:
        raise UsageError("life_too_long", hours=LIFE_MAX * LIFE_UNIT_S // 3600)
    return units


def addressed(
    numbers: dict[str, int], whom: Sequence[str], revoked: Collection[str] = ()
) -> tuple[int, ...]:
    """Kit numbers for names and numbers people typed; none for ``all``.

    ``numbers`` has them by name; ``revoked`` are names and numbers of revoked kits. Raises
    UsageError ``kit_unknown`` or ``kit_revoked``.
    """
    if EVERY_KIT in whom:
        return ()
    found = set()
    for word in whom:
        known = {str(number): number for number in numbers.values()} | numbers
        if word not in known:
            raise UsageError("kit_revoked" if word in revoked else "kit_unknown", name=word)
        found.add(known[word])
    return tuple(sorted(found))


def needs_second(trust: Trust, wanted: Wanted) -> bool:
    """Whether one person alone cannot give it."""
    return wanted.grave or wanted.kind in ALWAYS_TWO or wanted.kind in trust.grave


def give(store: Store, wanted: Wanted, signer: Signer, second: int | None = None) -> SignedObject:
    """Sign and keep an order; with ``second`` it waits until that signer has signed as well.

    Raises UsageError ``order_needs_second``, ``order_same_signer``, ``kit_unknown`` or
    ``life_too_long``.
    """
    life = life_units(wanted.life_s)

    def make(number: int, now_s: int, trust: Trust) -> SignedObject:
        if second is None and needs_second(trust, wanted):
            raise UsageError("order_needs_second")
        if second == signer.number:
            raise UsageError("order_same_signer")
        unsigned = SignedObject(
            wanted.kind,
            number,
            now_s,
            (signer.number,) if second is None else (signer.number, second),
            exercise=trust.exercise or wanted.exercise,
            answer=wanted.answer,
            life=life,
            kits=wanted.kits,
            text=wanted.text,
        )
        return sign(unsigned, trust.network_id, signer.sign)

    return issue.issue(store, make, wanted.precedence)


def cosign(store: Store, number: int, signer: Signer) -> SignedObject:
    """The second signature: now it leaves. Raises UsageError ``order_not_yours``."""

    def add(waiting: SignedObject) -> SignedObject:
        if waiting.signers[len(waiting.signatures)] != signer.number:
            raise UsageError("order_not_yours", number=number)
        return sign(waiting, network_id, signer.sign)

    network_id = issue.trust(store).network_id
    return issue.cosign(store, number, add)


def cancel(store: Store, order: Order, signer: Signer | None) -> SignedObject | None:
    """Take an order back; None if no kit could have it yet, else the object that cancels it.

    Without ``signer`` only what no kit can have is taken back: UsageError ``order_left``.
    CrisiskitError ``order_taken_back`` where that was done before.
    """
    if order.withdrawn or order.cancelled_by:
        raise CrisiskitError("order_taken_back", number=order.number)
    if issue.withdraw(store, order.number):
        return None
    if signer is None:
        raise UsageError("order_left", number=order.number)

    def make(number: int, now_s: int, trust: Trust) -> SignedObject:
        unsigned = SignedObject(
            ObjectKind.CANCEL,
            number,
            now_s,
            (signer.number,),
            exercise=order.exercise,
            kits=order.kits,
            body=order.number.to_bytes(2, "big"),
        )
        return sign(unsigned, trust.network_id, signer.sign)

    return issue.issue(store, make, max(order.precedence, Precedence.IMMEDIATE))


def answer(store: Store, order: Order, code: str, text: str = "") -> str:
    """Tell the center that a person here read the order; the id of the answer.

    Raises UsageError ``order_code_wrong``, or ``order_not_valid`` for what is no order here;
    TrustError ``order_cancelled`` or ``order_over``, CrisiskitError ``order_answered``.
    """
    if not order.verdict.authentic or order.verdict is Verdict.NOT_ADDRESSED:
        raise UsageError("order_not_valid", number=order.number)
    worth = order.verdict_at(wall_ms())
    if worth is Verdict.CANCELLED:
        raise TrustError("order_cancelled", number=order.number)
    if order.answered_at is not None:
        raise CrisiskitError("order_answered", number=order.number)
    if worth is Verdict.EXPIRED:
        raise TrustError("order_over", number=order.number)
    if code.strip() != order.code:
        raise UsageError("order_code_wrong", number=order.number)
    data = encode_answer(order.number, order.code)
    words = compose_order(text, needed=False)
    draft = Draft(RecordKind.ANSWER, order.precedence, words, data, to=CENTER)
    return issue.keep_answer(store, order.number, draft)


def revoke(home: Path, store: Store, kit: str, reason: str) -> tuple[int, SignedObject | None]:
    """Refuse a kit at once and tell the others; its number, and the list that leaves.

    Raises UsageError ``kit_unknown``.
    """
    number = issue.refuse(store, kit, clean_text(reason)[:200])
    return number, tell_revoked(home, store)


def tell_revoked(home: Path, store: Store) -> SignedObject | None:
    """A trust list of what was not listed before, signed by the authority."""

    def signed(unsigned: SignedObject, trust: Trust) -> SignedObject:
        authority = open_signer(home, trust, AUTHORITY, lambda _name: "")
        named = replace(unsigned, signers=(authority.number,))
        return sign(named, trust.network_id, authority.sign)

    return issue.list_revoked(store, LIST_ENTRIES_MAX, signed)


def signers_left(trust: Trust, first: int) -> list[tuple[int, str]]:
    """Who could be the second signer: number and name."""
    named = [(key.index, key.name) for key in in_force(trust)]
    return [one for one in [*named, (AUTHORITY, "authority")] if one[0] != first]
