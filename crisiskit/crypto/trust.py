"""Whether a signed object is to be believed and obeyed here (docs/wire.md, section 11).

One pure function decides: ``judge``. Its answer depends on the object, on whom this station
trusts, on its number, on the time, and on what came before; on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from crisiskit.codec.objects import (
    AUTHORITY,
    LIFE_UNIT_S,
    REVOKED_DUTY,
    ObjectKind,
    SignedObject,
    object_digest,
    signed_bytes,
)
from crisiskit.crypto.identity import verified
from crisiskit.model import Verdict
from crisiskit.trusted import Trust

ALWAYS_TWO = frozenset({ObjectKind.WIPE, ObjectKind.DUTY_KEY})
AUTHORITY_ONLY = frozenset({ObjectKind.TRUST_LIST, ObjectKind.DUTY_KEY})
FOR_NAMED_KITS = frozenset({ObjectKind.ORDER, ObjectKind.CANCEL, ObjectKind.WIPE, ObjectKind.TIME})
MAY_BE_EXERCISE = frozenset({ObjectKind.ORDER, ObjectKind.CANCEL})

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came before: number to digest, what is cancelled, the highest number that is over.

    ``over`` gives for each kind the highest number that was cancelled or has expired. Only
    authentic objects count, and trust lists have numbers of their own.
    """

    numbers: Mapping[int, bytes] = field(default_factory=dict)
    cancelled: frozenset[tuple[int, bool]] = frozenset()
    over: Mapping[int, int] = field(default_factory=dict)


def judge(
    signed: SignedObject, trust: Trust, kit_number: int, now_s: int | None, seen: Seen
) -> Verdict:
    """What the object is worth at kit ``kit_number``, now.

    ``now_s`` is Unix time, None where the clock cannot be believed: nothing has expired then.
    """
    return (
        _wrong_mode(signed, trust)
        or _wrong_signers(signed, trust)
        or _wrong_place(signed, trust, kit_number, seen)
        or _too_late(signed, now_s, seen)
        or Verdict.VALID
    )


def vouched(signed: SignedObject, trust: Trust) -> bool:
    """Whether the signatures are right, and those of keys that may sign such an object."""
    return not (_wrong_mode(signed, trust) or _wrong_signers(signed, trust))


def hopeless(head: SignedObject, trust: Trust) -> bool:
    """Whether no text and no signature can make an object with this head one to be believed."""
    return bool(_wrong_mode(head, trust) or _strangers(head, trust) or _no_right(head, trust))


def expiry_s(signed: SignedObject) -> int | None:
    """The Unix time at which the object's life ends, by the clock of who issued it."""
    return signed.issued_s + signed.life * LIFE_UNIT_S if signed.life else None


def signing_key(signer: int, trust: Trust) -> bytes | None:
    """The public key behind a signer's number, None where it is not known."""
    if signer >= AUTHORITY:
        place = signer - AUTHORITY
        return trust.authorities[place] if place < len(trust.authorities) else None
    duty = trust.duty.get(signer)
    return None if duty is None else duty.public


def sign(signed: SignedObject, network_id: bytes, *signs: Sign) -> SignedObject:
    """The object with the signatures of its next signers, in their order."""
    covered = signed_bytes(network_id, signed)
    more = tuple(one(covered) for one in signs)
    return replace(signed, signatures=signed.signatures + more)


def _wrong_mode(signed: SignedObject, trust: Trust) -> Verdict | None:
    """A drill network has no real orders; a real one exercises with words only."""
    if signed.exercise == trust.exercise:
        return None
    if signed.exercise and signed.kind in MAY_BE_EXERCISE:
        return None
    return Verdict.WRONG_MODE


def _wrong_signers(signed: SignedObject, trust: Trust) -> Verdict | None:
    return _strangers(signed, trust) or _forged(signed, trust) or _no_right(signed, trust)


def _strangers(signed: SignedObject, trust: Trust) -> Verdict | None:
    known = all(_key(signer, signed, trust) is not None for signer in signed.signers)
    return None if known else Verdict.UNKNOWN_SIGNER


def _forged(signed: SignedObject, trust: Trust) -> Verdict | None:
    covered = signed_bytes(trust.network_id, signed)
    for signer, signature in zip(signed.signers, signed.signatures, strict=True):
        key = _key(signer, signed, trust)
        if key is None or not verified(key, signature, covered):
            return Verdict.FORGED
    return None


def _no_right(signed: SignedObject, trust: Trust) -> Verdict | None:
    if any(signer + REVOKED_DUTY in trust.revoked for signer in signed.signers):
        return Verdict.REVOKED_SIGNER
    two = signed.kind in ALWAYS_TWO or signed.kind in trust.grave
    if two and len({_key(signer, signed, trust) for signer in signed.signers}) < 2:
        return Verdict.NEEDS_SECOND
    if signed.kind in AUTHORITY_ONLY and max(signed.signers) < AUTHORITY:
        return Verdict.NO_RIGHT
    return None


def _key(signer: int, signed: SignedObject, trust: Trust) -> bytes | None:
    """A network's first duty key has nobody beside its one authority but itself to sign."""
    first = not trust.duty and len(trust.authorities) == 1
    if signed.kind is ObjectKind.DUTY_KEY and signer == signed.duty_index and first:
        return signed.duty_public
    return signing_key(signer, trust)


def _wrong_place(signed: SignedObject, trust: Trust, kit_number: int, seen: Seen) -> Verdict | None:
    if signed.kind is ObjectKind.TRUST_LIST:
        known = signed.number <= trust.list_full or signed.number in trust.lists
        return Verdict.OLD if known else None
    if seen.numbers.get(signed.number, object_digest(signed)) != object_digest(signed):
        return Verdict.REPEATED
    if signed.kind is ObjectKind.DUTY_KEY:
        known_key = trust.duty.get(signed.duty_index)
        if known_key is not None and known_key.public != signed.duty_public:
            return Verdict.REPEATED
    if signed.kind in FOR_NAMED_KITS and signed.kits and kit_number not in signed.kits:
        return Verdict.NOT_ADDRESSED
    return None


def _too_late(signed: SignedObject, now_s: int | None, seen: Seen) -> Verdict | None:
    if signed.kind is ObjectKind.TRUST_LIST:
        return None
    if (signed.number, signed.exercise) in seen.cancelled:
        return Verdict.CANCELLED
    if signed.number < seen.over.get(signed.kind, 0):
        return Verdict.OLD
    end = expiry_s(signed)
    return Verdict.EXPIRED if end is not None and now_s is not None and now_s >= end else None
