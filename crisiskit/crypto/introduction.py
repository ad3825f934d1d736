"""How two stations of one network prove to each other who they are, on a line open to all.

    caller   -> [version 1][caller's key 32][check 16]
    listener -> [listener's key 32][sealed proof]
    caller   -> [sealed proof]

    proof = [life 8][signature 64][public key 32][certificate: the reply file; none of a center]

The keys are fresh X25519 ones (RFC 7748). Each signature covers the network, the side, both keys
and the life, so nothing of one introduction is worth anything in another, nor turned round. The
check is keyed with the network's name: who does not know it gets no answer at all. What follows
is sealed with ChaCha20-Poly1305 (RFC 8439) under a key for each direction, numbered from 0.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crisiskit.crypto.enrol import read_certificate
from crisiskit.crypto.identity import (
    PUBLIC_BYTES,
    SIGNATURE_BYTES,
    kit_fingerprint,
    verified,
)
from crisiskit.crypto.keys import Entropy
from crisiskit.crypto.statement import Sign
from crisiskit.errors import TrustError
from crisiskit.model import CENTER

VERSION = b"\1"
KEY_BYTES = 32
CHECK_BYTES = 16
LIFE_BYTES = 8
TAG_BYTES = 16
MARK_BYTES = 4
OPENING_BYTES = len(VERSION) + KEY_BYTES + CHECK_BYTES
PROOF_BYTES_MIN = LIFE_BYTES + SIGNATURE_BYTES + PUBLIC_BYTES
CENTER_NUMBER = 0
_CALLER, _LISTENER = b"\0", b"\1"
_PROOF = b"crisiskit/1 neighbour\0"
_OPENING = b"crisiskit/1 neighbour opening\0"
_KEYS = b"crisiskit/1 neighbour keys\0"
_MARK = b"crisiskit/1 neighbour mark\0"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Papers:
    """What a station shows: its network's keys, its own, and the center's reply that names it.

    A center has no certificate: its key is the authority's.
    """

    network_id: bytes
    authority_public: bytes
    public: bytes
    certificate: bytes
    sign: Sign = field(repr=False)


def network_mark(network_id: bytes, instance: str) -> str:
    """What a service of this network says of itself, 8 hexadecimal digits; another each time."""
    return _hash(network_id, _MARK + instance.encode(errors="replace"))[:MARK_BYTES].hex()


class Introduction:
    """One side of one introduction, then the seal of the line. Pure: the same in, the same out.

    ``peer``: ``center`` or a kit number in digits, once proved; ``name`` for people, ``life``
    as the far side gave it. ``refuses`` says which kit numbers are revoked.
    """

    def __init__(
        self,
        papers: Papers,
        calls: bool,
        life: bytes,
        entropy: Entropy,
        refuses: Callable[[int], bool],
    ) -> None:
        self.peer = ""
        self.name = ""
        self.life = b""
        self._papers = papers
        self._calls = calls
        self._own_life = life
        self._refuses = refuses
        self._secret = X25519PrivateKey.from_private_bytes(entropy(KEY_BYTES))
        self._key = self._secret.public_key().public_bytes_raw()
        self._both = b""
        self._sends: _Sealer | None = None
        self._hears: _Sealer | None = None

    def opening(self) -> bytes:
        """What the caller says first, 49 bytes."""
        return VERSION + self._key + _check(self._papers.network_id, self._key)

    def take(self, message: bytes) -> bytes | None:
        """What to answer, empty for nothing; None for a stranger, who gets no word."""
        if self.peer:
            return None
        if self._calls:
            return self._proof() if self._take_answer(message) else None
        if self._hears is None:
            return self._answer(message)
        return b"" if self._take_proof(message) else None

    def seal(self, data: bytes) -> bytes:
        """Data for the far side, 16 bytes longer; to be sent in this order."""
        assert self._sends is not None
        return self._sends.seal(data)

    def open(self, sealed: bytes) -> bytes | None:
        """The next data from the far side, None if it is not just that."""
        return None if self._hears is None else self._hears.open(sealed)

    # -- the listener ----------------------------------------------------------------------

    def _answer(self, opening: bytes) -> bytes | None:
        if len(opening) != OPENING_BYTES or opening[:1] != VERSION:
            return None
        theirs = opening[1 : 1 + KEY_BYTES]
        if not hmac.compare_digest(
            opening[1 + KEY_BYTES :], _check(self._papers.network_id, theirs)
        ):
            return None
        if not self._agree(theirs, theirs + self._key):
            return None
        return self._key + self._proof()

    # -- the caller ------------------------------------------------------------------------

    def _take_answer(self, answer: bytes) -> bool:
        theirs, sealed = answer[:KEY_BYTES], answer[KEY_BYTES:]
        if len(theirs) != KEY_BYTES or not self._agree(theirs, self._key + theirs):
            return False
        return self._take_proof(sealed)

    # -- both ------------------------------------------------------------------------------

    def _agree(self, theirs: bytes, both: bytes) -> bool:
        """Two keys from the two public ones; False for one that gives no secret."""
        try:
            shared = self._secret.exchange(X25519PublicKey.from_public_bytes(theirs))
        except ValueError:
            return False
        keys = HKDF(SHA256(), 2 * KEY_BYTES, self._papers.network_id, _KEYS + both).derive(shared)
        caller, listener = _Sealer(keys[:KEY_BYTES]), _Sealer(keys[KEY_BYTES:])
        self._both = both
        self._sends, self._hears = (caller, listener) if self._calls else (listener, caller)
        return True

    def _proof(self) -> bytes:
        papers, side = self._papers, _CALLER if self._calls else _LISTENER
        signature = papers.sign(self._statement(side, self._own_life))
        return self.seal(self._own_life + signature + papers.public + papers.certificate)

    def _take_proof(self, sealed: bytes) -> bool:
        proof = self.open(sealed)
        if proof is None or len(proof) < PROOF_BYTES_MIN:
            return False
        life, rest = proof[:LIFE_BYTES], proof[LIFE_BYTES:]
        signature, rest = rest[:SIGNATURE_BYTES], rest[SIGNATURE_BYTES:]
        public, certificate = rest[:PUBLIC_BYTES], rest[PUBLIC_BYTES:]
        side = _LISTENER if self._calls else _CALLER
        if public == self._papers.public:
            return False
        found = self._named(public, certificate)
        if found is None or not verified(public, signature, self._statement(side, life)):
            return False
        number, self.name = found
        self.life = life
        self.peer = CENTER if number == CENTER_NUMBER else str(number)
        return True

    def _statement(self, side: bytes, life: bytes) -> bytes:
        return _PROOF + self._papers.network_id + side + self._both + life

    def _named(self, public: bytes, certificate: bytes) -> tuple[int, str] | None:
        """Number and name of whoever has this key; None for a stranger or one revoked."""
        papers = self._papers
        if not certificate:
            return (CENTER_NUMBER, CENTER) if public == papers.authority_public else None
        try:
            found = read_certificate(certificate, papers.network_id, papers.authority_public)
        except TrustError:
            return None
        if found.kit_fp != kit_fingerprint(public) or found.kit_number == CENTER_NUMBER:
            return None
        return None if self._refuses(found.kit_number) else (found.kit_number, found.name)


class _Sealer:
    """One direction of a line: what is sealed is opened in the same order, each once."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._number = 0

    def seal(self, data: bytes) -> bytes:
        sealed = self._cipher.encrypt(self._nonce(), data, None)
        self._number += 1
        return sealed

    def open(self, sealed: bytes) -> bytes | None:
        try:
            data = self._cipher.decrypt(self._nonce(), sealed, None)
        except (InvalidTag, ValueError):
            return None
        self._number += 1
        return data

    def _nonce(self) -> bytes:
        return self._number.to_bytes(_NONCE_BYTES, "big")


def _check(network_id: bytes, key: bytes) -> bytes:
    return _hash(network_id, _OPENING + VERSION + key)[:CHECK_BYTES]


def _hash(network_id: bytes, data: bytes) -> bytes:
    return hashlib.blake2s(data, key=network_id).digest()
