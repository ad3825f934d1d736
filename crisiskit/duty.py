"""Who signs at a center: its authority key, and the duty key of each operator.

A duty key is a file under a passphrase, in the folder of keys or wherever its owner keeps it.
Kits learn its public half from a signed object.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crisiskit.codec.objects import (
    AUTHORITY,
    DUTY_MAX,
    NAME_BYTES_MAX,
    REVOKED_DUTY,
    ObjectKind,
    SignedObject,
)
from crisiskit.crypto.identity import FINGERPRINT_BYTES, KitIdentity
from crisiskit.crypto.locked import FILE_BYTES_MAX, clear_part, lock, unlock
from crisiskit.crypto.trust import Sign, sign
from crisiskit.enrolment import center_identity
from crisiskit.errors import CrisiskitError, TrustError, UsageError
from crisiskit.files import SECRET, read_small, write_whole
from crisiskit.installation import Places
from crisiskit.model import Precedence
from crisiskit.store import issue
from crisiskit.store.store import Store
from crisiskit.trusted import DutyKey, Trust

AUTHORITY_NAME = "authority"
_MAGIC = b"CKDK1"

Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that was unlocked: its number in objects, and what it does."""

    number: int
    name: str
    sign: Sign


def in_force(trust: Trust) -> list[DutyKey]:
    """The duty keys that may sign."""
    return [key for key in trust.duty.values() if key.index + REVOKED_DUTY not in trust.revoked]


def key_path(home: Path, index: int) -> Path:
    """Where the file of a duty key is, unless its owner took it away."""
    return Places.of(home).keys / f"duty-{index}.key"


def number_of(trust: Trust, name: str | None) -> int:
    """The signer people mean by a name; by none, the only one there is.

    Raises UsageError ``duty_unknown`` or ``duty_which``.
    """
    keys = in_force(trust)
    if name == AUTHORITY_NAME or (name is None and not keys):
        return AUTHORITY
    if name is None:
        if len(keys) > 1:
            raise UsageError("duty_which", names=", ".join(key.name for key in keys))
        return keys[0].index
    for key in keys:
        if key.name.casefold() == name.casefold():
            return key.index
    raise UsageError("duty_unknown", name=name)


def open_signer(
    home: Path, trust: Trust, number: int, ask: Ask, file: Path | None = None
) -> Signer:
    """Unlock a signer; ``ask`` gets the name and gives the passphrase.

    Raises TrustError ``passphrase_wrong``, ``key_file_wrong`` or ``duty_key_differs``.
    """
    if number >= AUTHORITY:
        return Signer(number, AUTHORITY_NAME, center_identity(Places.of(home)).sign)
    key = trust.duty[number]
    data = read_small(file or key_path(home, number), FILE_BYTES_MAX)
    if clear_part(_MAGIC, data) != _clear(trust.network_id, number, key.public, key.name):
        raise TrustError("duty_key_differs", name=key.name)
    identity = KitIdentity(unlock(_MAGIC, data, ask(key.name)))
    if identity.public != key.public:
        raise TrustError("duty_key_differs", name=key.name)
    return Signer(number, key.name, identity.sign)


def new_duty_key(
    home: Path, store: Store, name: str, passphrase: str, second: Signer | None, file: Path | None
) -> DutyKey:
    """Make an operator's key and tell all kits; the authority and ``second`` vouch for it.

    The first key of a network vouches for itself beside the authority: there is nobody else.
    Raises UsageError ``duty_name``, ``duty_taken``, ``duty_second`` or ``passphrase_short``,
    CrisiskitError ``duty_used_up``.
    """
    trust = issue.trust(store)
    _check_name(trust, name)
    if trust.duty and second is None:
        raise UsageError("duty_second")
    index = 1 + max(trust.duty, default=-1)
    if index > DUTY_MAX:
        raise CrisiskitError("duty_used_up")
    identity = KitIdentity.make(os.urandom)
    clear = _clear(trust.network_id, index, identity.public, name)
    locked = lock(_MAGIC, clear, identity.secret, passphrase, os.urandom)
    write_whole(file or key_path(home, index), locked, SECRET)
    authority = open_signer(home, trust, AUTHORITY, lambda _name: "")
    other = second or Signer(index, name, identity.sign)

    def make(number: int, now_s: int, trust: Trust) -> SignedObject:
        if index in trust.duty:
            raise UsageError("duty_taken", name=name)
        unsigned = SignedObject(
            ObjectKind.DUTY_KEY,
            number,
            now_s,
            (authority.number, other.number),
            exercise=trust.exercise,
            body=bytes([index]) + identity.public,
            text=name,
        )
        return sign(unsigned, trust.network_id, authority.sign, other.sign)

    issue.issue(store, make, Precedence.PRIORITY)
    return DutyKey(index, name, identity.public)


def _check_name(trust: Trust, name: str) -> None:
    fits = 0 < len(name.encode(errors="replace")) <= NAME_BYTES_MAX
    if not fits or not name.isprintable() or name != name.strip() or name == AUTHORITY_NAME:
        raise UsageError("duty_name", limit=NAME_BYTES_MAX)
    if any(key.name.casefold() == name.casefold() for key in in_force(trust)):
        raise UsageError("duty_taken", name=name)


def _clear(network_id: bytes, index: int, public: bytes, name: str) -> bytes:
    assert len(network_id) == FINGERPRINT_BYTES
    return network_id + bytes([index]) + public + name.encode()
