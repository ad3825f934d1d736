"""A signature proves its signer, and nothing else passes."""

from __future__ import annotations

import hashlib

from crisiskit.crypto.identity import (
    EXCHANGE_PUBLIC_BYTES,
    CenterIdentity,
    KitIdentity,
    exchange_key,
    kit_fingerprint,
    verified,
)

KIT = KitIdentity(b"k" * 32)


def test_a_signature_holds_for_its_bytes_and_its_signer_only() -> None:
    signature = KIT.sign(b"order")
    assert verified(KIT.public, signature, b"order")
    assert not verified(KIT.public, signature, b"ordes")
    assert not verified(KitIdentity(b"K" * 32).public, signature, b"order")
    assert not verified(KIT.public, signature[:-1], b"order")
    assert not verified(b"not a key", signature, b"order")


def test_a_fingerprint_is_16_bytes_of_a_labelled_hash() -> None:
    wanted = hashlib.sha256(b"crisiskit/1 id\0" + KIT.public).digest()[:16]
    assert KIT.fingerprint == kit_fingerprint(KIT.public) == wanted


def test_a_new_identity_takes_its_entropy_from_the_caller() -> None:
    drawn: list[int] = []

    def entropy(count: int) -> bytes:
        drawn.append(count)
        return bytes(count)

    assert KitIdentity.make(entropy) == KitIdentity(bytes(32))
    assert CenterIdentity.make(entropy).authority_public == KitIdentity(bytes(32)).public
    assert drawn == [32, 128]


def test_the_exchange_key_of_a_center_can_be_published() -> None:
    center = CenterIdentity(bytes(range(128)))
    assert len(center.exchange_public) == EXCHANGE_PUBLIC_BYTES == 1216
    exchange_key(center.exchange_public)
