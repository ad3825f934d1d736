"""What the author of a log signs: the chain up to one envelope (docs/wire.md, section 9)."""

from __future__ import annotations

from collections.abc import Callable

Sign = Callable[[bytes], bytes]

_LABEL = b"crisiskit/1 sig\0"


def log_statement(network_id: bytes, kit_fp: bytes, digest: bytes) -> bytes:
    """The bytes under an Ed25519 signature in an envelope: everything up to ``digest`` is mine."""
    return _LABEL + network_id + kit_fp + digest
