"""The root of trust: three key pairs, any two of which sign a trust bundle (wire.md, section 12).

Each root key is a pair of Ed25519 and ML-DSA-44 (FIPS 204), and both must be right: who breaks
one of them, by a quantum computer or by mathematics, cannot sign. A station notes the three
fingerprints at enrolment and takes no bundle that two of them did not sign.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from crisiskit.codec.objects import DUTY_MAX, NAME_BYTES_MAX, ObjectKind
from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.wire import Reader
from crisiskit.crypto.identity import (
    EXCHANGE_PUBLIC_BYTES,
    FINGERPRINT_BYTES,
    PUBLIC_BYTES,
    ROOTS,
    SIGNATURE_BYTES,
    exchange_key,
    verified,
)
from crisiskit.crypto.keys import Entropy
from crisiskit.errors import TrustError
from crisiskit.trusted import DutyKey

BUNDLE_BYTES_MAX = 65536
ROOTS_NEEDED = 2
AUTHORITIES_MAX = 3
ROOT_SECRET_BYTES = 64
MLDSA_PUBLIC_BYTES = 1312
MLDSA_SIGNATURE_BYTES = 2420
ROOT_PUBLIC_BYTES = PUBLIC_BYTES + MLDSA_PUBLIC_BYTES
_MAGIC = b"CKTB1"
_LABEL = b"crisiskit/1 bundle\0"


@dataclass(frozen=True, slots=True)
class RootKey:
    """One of three: 64 secret bytes, Ed25519 32 then ML-DSA-44 seed 32."""

    secret: bytes = field(repr=False)

    @classmethod
    def make(cls, entropy: Entropy) -> RootKey:
        """A new root key."""
        return cls(entropy(ROOT_SECRET_BYTES))

    @property
    def public(self) -> bytes:
        """Ed25519 32 then ML-DSA-44 1312."""
        ed25519, mldsa = self._pair()
        return ed25519.public_key().public_bytes_raw() + mldsa.public_key().public_bytes_raw()

    def sign(self, body: bytes) -> bytes:
        """Ed25519 64 then ML-DSA-44 2420, both over label and body."""
        ed25519, mldsa = self._pair()
        return ed25519.sign(_LABEL + body) + mldsa.sign(_LABEL + body)

    def _pair(self) -> tuple[Ed25519PrivateKey, MLDSA44PrivateKey]:
        half = ROOT_SECRET_BYTES // 2
        ed25519 = Ed25519PrivateKey.from_private_bytes(self.secret[:half])
        return ed25519, MLDSA44PrivateKey.from_seed_bytes(self.secret[half:])


@dataclass(frozen=True, slots=True)
class Bundle:
    """What two of three vouch for. ``version`` only ever rises.

    ``roots`` are public keys, ``grave`` object kinds that need two signers here besides those
    that always do. ``signatures`` are (place of the root, signature).
    """

    network_id: bytes
    version: int
    grave: frozenset[int]
    roots: tuple[bytes, ...]
    exchange_public: bytes
    authorities: tuple[bytes, ...]
    duty: tuple[DutyKey, ...] = ()
    signatures: tuple[tuple[int, bytes], ...] = ()


def root_fingerprint(public: bytes) -> bytes:
    """32 bytes that name a root key."""
    return hashlib.sha256(b"crisiskit/1 root\0" + public).digest()


def encode_bundle(bundle: Bundle) -> bytes:
    """The file, with the signatures it has so far. Raises ValueError for one out of bounds."""
    out = bytearray(_body(bundle) + bytes([len(bundle.signatures)]))
    for place, signature in bundle.signatures:
        out += bytes([place]) + signature
    return bytes(out)


def sign_bundle(bundle: Bundle, root: RootKey) -> Bundle:
    """The bundle with one more signature. Raises TrustError ``root_unknown``."""
    if root.public not in bundle.roots:
        raise TrustError("root_unknown")
    place = bundle.roots.index(root.public)
    others = tuple(one for one in bundle.signatures if one[0] != place)
    signed = (*others, (place, root.sign(_body(bundle))))
    return replace(bundle, signatures=tuple(sorted(signed)))


def read_bundle(data: bytes) -> Bundle:
    """The bundle in a file, whoever signed it. Raises TrustError ``bundle_...``."""
    if data[: len(_MAGIC)] != _MAGIC or len(data) > BUNDLE_BYTES_MAX:
        raise TrustError("bundle_wrong_file")
    try:
        bundle = _read(Reader(data, Reject.LENGTH, at=len(_MAGIC)))
        _check(bundle)
    except (MalformedError, UnicodeDecodeError, ValueError):
        raise TrustError("bundle_damaged") from None
    return bundle


def check_bundle(bundle: Bundle, network_id: bytes, fingerprints: Sequence[bytes]) -> None:
    """That two of the three roots in ``fingerprints`` signed it, for this network.

    Raises TrustError ``bundle_wrong_network``, ``bundle_bad_signature`` or
    ``bundle_needs_two``.
    """
    known = tuple(root_fingerprint(root) for root in bundle.roots)
    if bundle.network_id != network_id or known != tuple(fingerprints):
        raise TrustError("bundle_wrong_network")
    body = _body(bundle)
    for place, signature in bundle.signatures:
        if not root_signed(bundle.roots[place], signature, body):
            raise TrustError("bundle_bad_signature")
    if len(bundle.signatures) < ROOTS_NEEDED:
        raise TrustError("bundle_needs_two", signed=len(bundle.signatures))


def root_signed(root: bytes, signature: bytes, body: bytes) -> bool:
    """Whether a root signed the body of a bundle: both algorithms, or nothing."""
    if not verified(root[:PUBLIC_BYTES], signature[:SIGNATURE_BYTES], _LABEL + body):
        return False
    try:
        mldsa = MLDSA44PublicKey.from_public_bytes(root[PUBLIC_BYTES:])
        mldsa.verify(signature[SIGNATURE_BYTES:], _LABEL + body)
    except (InvalidSignature, ValueError):
        return False
    return True


def _body(bundle: Bundle) -> bytes:
    """All that is signed."""
    _check(bundle)
    out = bytearray(_MAGIC + bundle.network_id + bundle.version.to_bytes(4, "big"))
    out.append(sum(1 << kind for kind in bundle.grave))
    out += b"".join(bundle.roots) + bundle.exchange_public
    out += bytes([len(bundle.authorities)]) + b"".join(bundle.authorities)
    out.append(len(bundle.duty))
    for key in bundle.duty:
        name = key.name.encode()
        out += bytes([key.index]) + key.public + bytes([len(name)]) + name
    return bytes(out)


def _check(bundle: Bundle) -> None:
    """Bounds, and one order for everything that could stand in another."""
    indexes, places = [key.index for key in bundle.duty], [one[0] for one in bundle.signatures]
    names = [key.name for key in bundle.duty]
    wrong = (
        len(bundle.network_id) != FINGERPRINT_BYTES
        or not 0 < bundle.version < 1 << 32
        or not bundle.grave <= {int(kind) for kind in ObjectKind}
        or len(bundle.roots) != ROOTS
        or len(set(bundle.roots)) != ROOTS
        or not 0 < len(bundle.authorities) <= AUTHORITIES_MAX
        or len(set(bundle.authorities)) != len(bundle.authorities)
        or indexes != sorted(set(indexes))
        or any(index > DUTY_MAX for index in indexes)
        or any(not 0 < len(name.encode()) <= NAME_BYTES_MAX for name in names)
        or any(not name.isprintable() or name != name.strip() for name in names)
        or places != sorted(set(places))
        or any(place >= ROOTS for place in places)
    )
    if wrong:
        raise ValueError("a bundle out of bounds")
    exchange_key(bundle.exchange_public)


def _read(reader: Reader) -> Bundle:
    network_id, version = reader.take(FINGERPRINT_BYTES), reader.uint(4)
    mask = reader.uint(1)
    grave = frozenset(bit for bit in range(8) if mask >> bit & 1)
    roots = tuple(reader.take(ROOT_PUBLIC_BYTES) for _ in range(ROOTS))
    exchange = reader.take(EXCHANGE_PUBLIC_BYTES)
    authorities = tuple(reader.take(PUBLIC_BYTES) for _ in range(reader.uint(1)))
    duty = tuple(_read_duty(reader) for _ in range(reader.uint(1)))
    size = SIGNATURE_BYTES + MLDSA_SIGNATURE_BYTES
    signatures = tuple((reader.uint(1), reader.take(size)) for _ in range(reader.uint(1)))
    if not reader.done:
        raise MalformedError(Reject.LENGTH)
    return Bundle(network_id, version, grave, roots, exchange, authorities, duty, signatures)


def _read_duty(reader: Reader) -> DutyKey:
    index, public = reader.uint(1), reader.take(PUBLIC_BYTES)
    return DutyKey(index, reader.take(reader.uint(1)).decode(), public)
