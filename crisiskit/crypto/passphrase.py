"""A key from a passphrase: Argon2id (RFC 9106), 3 passes, 4 lanes, 64 MiB (wire.md, section 12)."""

from __future__ import annotations

import unicodedata

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from crisiskit.errors import UsageError

CHARACTERS_MIN = 8
SALT_BYTES = 16
KEY_BYTES = 32
_PASSES, _LANES, _MEMORY_KIB = 3, 4, 65_536


def checked_new(words: str) -> str:
    """``words`` if they will do as a new passphrase. Raises UsageError ``passphrase_short``."""
    if len(words) < CHARACTERS_MIN:
        raise UsageError("passphrase_short", least=CHARACTERS_MIN)
    return words


def passphrase_key(words: str, salt: bytes) -> bytes:
    """32 bytes; the same words give the same key on every keyboard (Unicode NFKC).

    Costs 64 MiB and a tenth of a second or more.
    """
    kdf = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return kdf.derive(unicodedata.normalize("NFKC", words).encode(errors="replace"))
