"""The log of an epoch as a chain of hashes, and the Merkle tree over an envelope's records.

``d[-1]`` names the epoch, ``d[n]`` covers every envelope up to number n. A receipt that
shows ``d[n]`` proves that exactly these envelopes are stored, and a signature over it signs
them all. The tree (RFC 9162, section 2.1.1) lets one record be proved without its neighbors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from crisiskit.model import Direction

_EPOCH = b"crisiskit/1 epoch\0"
_LOG = b"crisiskit/1 log\0"
_LEAF = b"crisiskit/1 leaf\0"


def chain_start(direction: Direction, epoch: int, salt: bytes, kit_fp: bytes) -> bytes:
    """``d[-1]`` of an epoch: 32 bytes."""
    return _sha256(_EPOCH, bytes([direction]), epoch.to_bytes(2, "big"), salt, kit_fp)


def chain_next(previous: bytes, leaf: bytes) -> bytes:
    """``d[n]`` from ``d[n-1]`` and the leaf of envelope n."""
    return _sha256(_LOG, previous, leaf)


def envelope_leaf(associated: bytes, record_digests: Sequence[bytes]) -> bytes:
    """The leaf of an envelope: its authenticated header and the root over its records."""
    return _sha256(_LEAF, associated, merkle_root(record_digests))


def merkle_root(digests: Sequence[bytes]) -> bytes:
    """Root over one or more digests: leaves are hashed after 00, nodes after 01."""
    if not digests:
        raise ValueError("an envelope carries at least one record")
    if len(digests) == 1:
        return _sha256(b"\0", digests[0])
    left = 1 << (len(digests) - 1).bit_length() - 1
    return _sha256(b"\1", merkle_root(digests[:left]), merkle_root(digests[left:]))


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
