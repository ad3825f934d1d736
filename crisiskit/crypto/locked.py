"""A secret in a file under a passphrase: duty keys and root keys (docs/wire.md, section 12).

    magic 5, length of the clear part 2, clear part, salt 16, nonce 12, sealed secret

The key is Argon2id of the passphrase (RFC 9106: 3 passes, 4 lanes, 64 MiB), the seal
ChaCha20-Poly1305 over the secret, with everything before the nonce as associated data.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.wire import Reader
from crisiskit.crypto.keys import Entropy
from crisiskit.crypto.passphrase import SALT_BYTES, checked_new, passphrase_key
from crisiskit.errors import TrustError

FILE_BYTES_MAX = 4096
MAGIC_BYTES = 5
_NONCE, _TAG = 12, 16


def lock(magic: bytes, clear: bytes, secret: bytes, passphrase: str, entropy: Entropy) -> bytes:
    """The file. Raises UsageError ``passphrase_short``."""
    salt, nonce = entropy(SALT_BYTES), entropy(_NONCE)
    key = passphrase_key(checked_new(passphrase), salt)
    front = magic + len(clear).to_bytes(2, "big") + clear + salt
    return front + nonce + ChaCha20Poly1305(key).encrypt(nonce, secret, front)


def clear_part(magic: bytes, data: bytes) -> bytes:
    """What the file says without its passphrase. Raises TrustError ``key_file_wrong``."""
    return _split(magic, data)[0]


def unlock(magic: bytes, data: bytes, passphrase: str) -> bytes:
    """The secret. Raises TrustError ``key_file_wrong`` or ``passphrase_wrong``."""
    clear, salt, nonce, sealed = _split(magic, data)
    front = magic + len(clear).to_bytes(2, "big") + clear + salt
    try:
        return ChaCha20Poly1305(passphrase_key(passphrase, salt)).decrypt(nonce, sealed, front)
    except InvalidTag:
        raise TrustError("passphrase_wrong") from None


def _split(magic: bytes, data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    if data[:MAGIC_BYTES] != magic or len(data) > FILE_BYTES_MAX:
        raise TrustError("key_file_wrong", expected=magic.decode())
    reader = Reader(data, Reject.LENGTH, at=MAGIC_BYTES)
    try:
        clear = reader.take(reader.uint(2))
        salt, nonce, sealed = reader.take(SALT_BYTES), reader.take(_NONCE), reader.rest()
    except MalformedError:
        raise TrustError("key_file_wrong", expected=magic.decode()) from None
    if len(sealed) < _TAG:
        raise TrustError("key_file_wrong", expected=magic.decode())
    return clear, salt, nonce, sealed
