"""Who a kit and a center are: signing keys, the center's exchange key, fingerprints.

The center's exchange key is the hybrid of ML-KEM-768 (FIPS 203) and X25519 (RFC 7748). As
bytes: secret = ML-KEM seed 64 || X25519 32, public = ML-KEM 1184 || X25519 32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from crisiskit.crypto.keys import Entropy

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
FINGERPRINT_BYTES = 16
SIGNING_SECRET_BYTES = 32
MLKEM_SEED_BYTES = 64
MLKEM_PUBLIC_BYTES = 1184
X25519_BYTES = 32
ROOTS = 3
ROOT_FINGERPRINT_BYTES = 32
EXCHANGE_SECRET_BYTES = MLKEM_SEED_BYTES + X25519_BYTES
EXCHANGE_PUBLIC_BYTES = MLKEM_PUBLIC_BYTES + X25519_BYTES
CENTER_SECRET_BYTES = SIGNING_SECRET_BYTES + EXCHANGE_SECRET_BYTES


def kit_fingerprint(public: bytes) -> bytes:
    """The 16 bytes that name a kit for ever, from its public signing key."""
    return hashlib.sha256(b"crisiskit/1 id\0" + public).digest()[:FINGERPRINT_BYTES]


def network_id(authority_public: bytes) -> bytes:
    """The 16 bytes that name a network, from its authority's public key."""
    return hashlib.sha256(authority_public).digest()[:FINGERPRINT_BYTES]


def roots_network_id(fingerprints: Sequence[bytes]) -> bytes:
    """The 16 bytes that name a network with three roots; no authority key is in them."""
    joined = b"crisiskit/1 roots\0" + b"".join(fingerprints)
    return hashlib.sha256(joined).digest()[:FINGERPRINT_BYTES]


def verified(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` over ``data`` is right. Ed25519, RFC 8032."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class KitIdentity:
    """The signing key of a kit, from its 32 secret bytes."""

    secret: bytes = field(repr=False)

    @classmethod
    def make(cls, entropy: Entropy) -> KitIdentity:
        """A new identity."""
        return cls(entropy(SIGNING_SECRET_BYTES))

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> bytes:
        """``kit_fp``, 16 bytes."""
        return kit_fingerprint(self.public)

    def sign(self, data: bytes) -> bytes:
        """Ed25519 over ``data``, 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.secret).sign(data)


@dataclass(frozen=True, slots=True)
class CenterIdentity:
    """The keys of a center, from its 128 secret bytes: authority 32, exchange key 96.

    ``roots`` are the fingerprints of the network's root keys, if it has any.
    """

    secret: bytes = field(repr=False)
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.secret) != CENTER_SECRET_BYTES:
            raise ValueError("a center's secret has 128 bytes")

    @classmethod
    def make(cls, entropy: Entropy) -> CenterIdentity:
        """A new center, hence a new network."""
        return cls(entropy(CENTER_SECRET_BYTES))

    @property
    def authority_public(self) -> bytes:
        """The public key that kits trust, 32 bytes."""
        return self._authority().public_key().public_bytes_raw()

    @property
    def network_id(self) -> bytes:
        """16 bytes."""
        if self.roots:
            return roots_network_id(self.roots)
        return network_id(self.authority_public)

    @property
    def exchange_public(self) -> bytes:
        """The public key that kits encrypt their request to, 1216 bytes."""
        mlkem, x25519 = self._exchange()
        return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """Ed25519 by the authority over ``data``, 64 bytes."""
        return self._authority().sign(data)

    def exchange_private(self) -> MLKEM768X25519PrivateKey:
        """The key that opens requests."""
        return MLKEM768X25519PrivateKey(*self._exchange())

    def _authority(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret[:SIGNING_SECRET_BYTES])

    def _exchange(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        seed = self.secret[SIGNING_SECRET_BYTES:-X25519_BYTES]
        mlkem = MLKEM768PrivateKey.from_seed_bytes(seed)
        return mlkem, X25519PrivateKey.from_private_bytes(self.secret[-X25519_BYTES:])


def exchange_key(public: bytes) -> MLKEM768X25519PublicKey:
    """The hybrid public key from its 1216 bytes. Raises ValueError."""
    mlkem = MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES])
    x25519 = X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_BYTES:])
    return MLKEM768X25519PublicKey(mlkem, x25519)
