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
    return leaf_of(associated, merkle_root(record_digests))


def leaf_of(associated: bytes, root: bytes) -> bytes:
    """The leaf of an envelope of which only the root over its records is known."""
    return _sha256(_LEAF, associated, root)


def merkle_root(digests: Sequence[bytes]) -> bytes:
    """Root over one or more digests: leaves are hashed after 00, nodes after 01."""
    if not digests:
        raise ValueError("an envelope carries at least one record")
    if len(digests) == 1:
        return _tree_leaf(digests[0])
    left = _left(len(digests))
    return _node(merkle_root(digests[:left]), merkle_root(digests[left:]))


def inclusion_path(digests: Sequence[bytes], place: int) -> list[bytes]:
    """What besides ``digests[place]`` leads to the root, from the leaf upwards.

    RFC 9162, section 2.1.3.1. IndexError for a place that is none.
    """
    if not 0 <= place < len(digests):
        raise IndexError(place)
    if len(digests) == 1:
        return []
    left = _left(len(digests))
    if place < left:
        return [*inclusion_path(digests[:left], place), merkle_root(digests[left:])]
    return [*inclusion_path(digests[left:], place - left), merkle_root(digests[:left])]


def path_length(place: int, count: int) -> int:
    """How many hashes the path of that place has in a tree over ``count`` digests."""
    if not 0 <= place < count:
        raise IndexError(place)
    if count == 1:
        return 0
    left = _left(count)
    return 1 + (
        path_length(place, left) if place < left else path_length(place - left, count - left)
    )


def root_from_path(digest: bytes, place: int, count: int, path: Sequence[bytes]) -> bytes:
    """The root that a digest at a place and its :func:`inclusion_path` lead to.

    ValueError for a path of another length than ``path_length``, IndexError as there.
    """
    if len(path) != path_length(place, count):
        raise ValueError("the path does not lead to a root")
    if count == 1:
        return _tree_leaf(digest)
    *below, other = path
    left = _left(count)
    if place < left:
        return _node(root_from_path(digest, place, left, below), other)
    return _node(other, root_from_path(digest, place - left, count - left, below))


def _left(count: int) -> int:
    """How many leaves stand on the left side: the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _tree_leaf(digest: bytes) -> bytes:
    return _sha256(b"\0", digest)


def _node(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\1", left, right)


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
