"""A backup's bytes: the keystore as it stands in its file, then everything else sealed.

    CKBK1  keystore length 2  keystore  number 16  chunks

The plaintext is cut into chunks of 64 KiB, the last one shorter, each sealed with its place,
and the last one as the last: what is missing, moved or from another backup does not open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from crisiskit.crypto.keys import Entropy
from crisiskit.crypto.keystore import FILE_BYTES_MAX, Keystore, read_keystore
from crisiskit.crypto.vault import TAG_BYTES, Vault
from crisiskit.errors import TrustError

MAGIC = b"CKBK1"
CHUNK_BYTES = 65_536
NUMBER_BYTES = 16
_PLACE = "backup.chunk"


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""
        ...


class Source(Protocol):
    """Where bytes come from."""

    def read(self, count: int, /) -> bytes:
        """At most ``count`` bytes, none at the end."""
        ...


class Sealer:
    """Something to write to; what is written comes out sealed at ``out``. Ends with ``close``."""

    def __init__(self, out: Sink, vault: Vault, keystore: Keystore, entropy: Entropy) -> None:
        self._out = out
        self._vault = vault
        self._number = entropy(NUMBER_BYTES)
        self._waiting = bytearray()
        self._place = 0
        raw = keystore.encode()
        out.write(MAGIC + len(raw).to_bytes(2, "big") + raw + self._number)

    def write(self, data: bytes, /) -> int:
        """Take bytes; all but the last of them leave in whole chunks."""
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._leave(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(data)

    def close(self) -> None:
        """The last chunk, empty if need be."""
        self._leave(bytes(self._waiting), last=True)

    def _leave(self, chunk: bytes, *, last: bool) -> None:
        self._out.write(self._vault.seal(chunk, _PLACE, _row(self._number, self._place, last)))
        self._place += 1


class Opener:
    """Something to read from, chunk by chunk; raises TrustError ``backup_damaged``."""

    def __init__(self, source: Source, vault: Vault, number: bytes) -> None:
        self._source = source
        self._vault = vault
        self._number = number
        self._place = 0
        self._ahead = source.read(CHUNK_BYTES + TAG_BYTES)
        self._ready = b""
        self._ended = False

    def read(self, count: int = -1, /) -> bytes:
        """``count`` bytes, fewer only at the end; all that is left if negative."""
        while not self._ended and (count < 0 or len(self._ready) < count):
            self._ready += self._next()
        piece = self._ready if count < 0 else self._ready[:count]
        self._ready = self._ready[len(piece) :]
        return piece

    def _next(self) -> bytes:
        sealed, self._ahead = self._ahead, self._source.read(CHUNK_BYTES + TAG_BYTES)
        self._ended = not self._ahead
        row = _row(self._number, self._place, self._ended)
        self._place += 1
        try:
            return self._vault.open(sealed, _PLACE, row)
        except TrustError:
            raise TrustError("backup_damaged") from None


def read_head(source: Source) -> tuple[Keystore, Callable[[Vault], Opener]]:
    """The keystore of a backup, and how to read the rest. TrustError ``backup_...``."""
    if source.read(len(MAGIC)) != MAGIC:
        raise TrustError("backup_wrong_file")
    size = int.from_bytes(source.read(2), "big")
    try:
        keystore = read_keystore(source.read(min(size, FILE_BYTES_MAX)))
    except TrustError:
        raise TrustError("backup_damaged") from None
    number = source.read(NUMBER_BYTES)
    return keystore, lambda vault: Opener(source, vault, number)


def _row(number: bytes, place: int, last: bool) -> bytes:
    return number + place.to_bytes(8, "big") + bytes([last])
