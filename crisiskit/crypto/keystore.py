"""The keystore's bytes: the data key under a lock, and every other secret under the data key.

    CKKS1  lock 1  owner 16  salt 16  data key sealed 48  secrets sealed (the rest)

``lock`` 0 is a key file of 32 random bytes, 1 a passphrase through Argon2id (RFC 9106).
``owner`` is the fingerprint of the station, in clear. Changing the lock seals the data key
anew and leaves the rest as it is. Each secret is: name length 1, name, length 2, bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crisiskit.codec.reject import Reject
from crisiskit.codec.wire import Reader
from crisiskit.crypto.keys import Entropy
from crisiskit.crypto.passphrase import SALT_BYTES, passphrase_key
from crisiskit.crypto.vault import KEY_BYTES, TAG_BYTES, Vault
from crisiskit.errors import TrustError

FILE_BYTES_MAX = 65_536
OWNER_BYTES = 16
_MAGIC = b"CKKS1"
_SEALED_KEY_BYTES = KEY_BYTES + TAG_BYTES
_DATA_KEY, _SECRETS = "keystore.data_key", "keystore.secrets"
_KEY_FILE_INFO = b"crisiskit/1 key file"


class Lock(IntEnum):
    """What opens a keystore."""

    KEY_FILE = 0
    PASSPHRASE = 1


@dataclass(frozen=True, slots=True)
class Keystore:
    """A keystore as it stands in its file."""

    lock: Lock
    owner: bytes
    salt: bytes
    sealed_key: bytes
    sealed_secrets: bytes

    def encode(self) -> bytes:
        """The bytes of the file."""
        return self._head + self.sealed_key + self.sealed_secrets

    @property
    def _head(self) -> bytes:
        return _MAGIC + bytes([self.lock]) + self.owner + self.salt

    def unlock(self, opener: bytes) -> bytes:
        """The data key. ``opener``: the words of a passphrase in UTF-8, or a key file's bytes.

        A passphrase costs 64 MiB and a tenth of a second or more. Raises TrustError
        ``passphrase_wrong`` or ``key_file_wrong``.
        """
        try:
            return _wrapping(self.lock, opener, self.salt).open(
                self.sealed_key, _DATA_KEY, self._head
            )
        except TrustError:
            wrong = "passphrase_wrong" if self.lock is Lock.PASSPHRASE else "key_file_wrong"
            raise TrustError(wrong) from None

    def locked(self, data_key: bytes, lock: Lock, opener: bytes, entropy: Entropy) -> Keystore:
        """The same keystore under another lock."""
        bare = replace(self, lock=lock, salt=entropy(SALT_BYTES))
        wrapping = _wrapping(lock, opener, bare.salt)
        return replace(bare, sealed_key=wrapping.seal(data_key, _DATA_KEY, bare._head))

    def secrets(self, data_key: bytes) -> dict[str, bytes]:
        """All secrets by name. Raises TrustError ``sealed_otherwise``."""
        packed = Vault(data_key).open(self.sealed_secrets, _SECRETS, self.owner)
        reader = Reader(packed, Reject.LENGTH)
        found = {}
        while not reader.done:
            name = reader.take(reader.uint(1)).decode()
            found[name] = reader.take(reader.uint(2))
        return found

    def with_secrets(self, data_key: bytes, secrets: Mapping[str, bytes]) -> Keystore:
        """The same keystore with these secrets instead."""
        packed = b"".join(
            bytes([len(name)]) + name.encode() + len(secret).to_bytes(2, "big") + secret
            for name, secret in secrets.items()
        )
        return replace(self, sealed_secrets=Vault(data_key).seal(packed, _SECRETS, self.owner))


def new_keystore(
    owner: bytes,
    data_key: bytes,
    secrets: Mapping[str, bytes],
    lock: Lock,
    opener: bytes,
    entropy: Entropy,
) -> Keystore:
    """A keystore for the station with this fingerprint."""
    empty = Keystore(lock, owner, bytes(SALT_BYTES), b"", b"")
    return empty.with_secrets(data_key, secrets).locked(data_key, lock, opener, entropy)


def read_keystore(data: bytes) -> Keystore:
    """The keystore in a file. Raises TrustError ``keystore_damaged``."""
    lock_at = len(_MAGIC)
    owner_at = lock_at + 1
    salt_at = owner_at + OWNER_BYTES
    key_at = salt_at + SALT_BYTES
    secrets_at = key_at + _SEALED_KEY_BYTES
    if data[:lock_at] != _MAGIC or not secrets_at + TAG_BYTES <= len(data) <= FILE_BYTES_MAX:
        raise TrustError("keystore_damaged")
    if data[lock_at] not in set(Lock):
        raise TrustError("keystore_damaged")
    return Keystore(
        Lock(data[lock_at]),
        owner=data[owner_at:salt_at],
        salt=data[salt_at:key_at],
        sealed_key=data[key_at:secrets_at],
        sealed_secrets=data[secrets_at:],
    )


def _wrapping(lock: Lock, opener: bytes, salt: bytes) -> Vault:
    if lock is Lock.KEY_FILE:
        return Vault(HKDF(SHA256(), KEY_BYTES, salt, _KEY_FILE_INFO).derive(opener))
    return Vault(passphrase_key(opener.decode(errors="replace"), salt))
