"""Values sealed for the disk: AES-SIV with 256-bit keys and a whole 16-byte tag (RFC 5297).

It needs no nonce, so nothing goes wrong when a database is restored or two processes write.
The price is that equal values in the same place become equal bytes: what people wrote is
therefore bound to its row as well.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from crisiskit.errors import TrustError

KEY_BYTES = 32
SIV_KEY_BYTES = 64
TAG_BYTES = 16
_LABEL = b"crisiskit/1 vault"


class Vault:
    """Seals and opens under one key of 32 bytes. A sealed value is 16 bytes longer.

    ``place`` says what a value is, ``row`` which one: opening asks for the same two.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a vault's key has 32 bytes")
        self._cipher = AESSIV(HKDFExpand(SHA256(), SIV_KEY_BYTES, _LABEL).derive(key))

    def seal(self, value: bytes, place: str, row: bytes = b"") -> bytes:
        """``value`` as it may stand on a disk."""
        return self._cipher.encrypt(value, [place.encode(), row])

    def open(self, sealed: bytes, place: str, row: bytes = b"") -> bytes:
        """The value again. Raises TrustError ``sealed_otherwise``: another key, place or byte."""
        try:
            return self._cipher.decrypt(sealed, [place.encode(), row])
        except (InvalidTag, ValueError):
            raise TrustError("sealed_otherwise") from None
