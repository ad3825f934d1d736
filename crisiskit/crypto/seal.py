"""Envelopes and receipts sealed and opened: AES-CCM, 8-byte tag, a nonce that never travels.

In clear the same call covers an empty plaintext: the content stands in the associated data,
behind the header's, and travels as it is before the tag.

The kind is in the nonce, so what is encrypted and what is clear never share one. A nonce is
used once as long as no (epoch, salt, kind, counter) is sealed twice under the same
keys: the caller commits the counter with the sealed bytes, and takes a new epoch with a fresh
salt in every process life. Source: RFC 3610, with the nonce of docs/wire.md, section 5.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from crisiskit.codec.header import FrameKind, Header, associated_data, encode_header
from crisiskit.crypto.keys import EpochKeys

TAG_BYTES = 8


def seal(keys: EpochKeys, header: Header, content: bytes) -> bytes:
    """The frame: header as given, then ``content`` sealed. ``header`` may name the epoch or not.

    For a kind that is clear, ``content`` stays readable and its tag follows.

    Raises ValueError for a header that does not belong to ``keys``.
    """
    if header.direction is not keys.direction or _names_other_epoch(keys, header):
        raise ValueError("these keys belong to another direction or epoch")
    cipher = AESCCM(_key(keys, header.kind), tag_length=TAG_BYTES)
    nonce, associated = _nonce(keys, header), associated_data(header)
    if header.kind.clear:
        return encode_header(header) + content + cipher.encrypt(nonce, b"", associated + content)
    return encode_header(header) + cipher.encrypt(nonce, content, associated)


def open_frame(keys: EpochKeys, header: Header, frame: bytes) -> bytes | None:
    """The content of a whole frame with this decoded ``header``, or None if it is not authentic."""
    if header.direction is not keys.direction or _names_other_epoch(keys, header):
        return None
    if not header.kind.has_tag:
        return None
    cipher = AESCCM(_key(keys, header.kind), tag_length=TAG_BYTES)
    sealed = frame[len(encode_header(header)) :]
    if len(sealed) < TAG_BYTES:
        return None
    nonce, associated = _nonce(keys, header), associated_data(header)
    content = b""
    if header.kind.clear:
        content, sealed = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    try:
        return content + cipher.decrypt(nonce, sealed, associated + content)
    except InvalidTag:
        return None


def frame_tag(frame: bytes) -> bytes:
    """The tag of a whole frame: with the numbers of its header it tells repeats from forks."""
    return frame[-TAG_BYTES:]


def _key(keys: EpochKeys, kind: FrameKind) -> bytes:
    if kind in (FrameKind.SEALED, FrameKind.CLEAR):
        return keys.env
    if kind.is_receipt:
        return keys.ack
    raise ValueError("a part has a check, not a seal")


def _names_other_epoch(keys: EpochKeys, header: Header) -> bool:
    return header.epoch is not None and (header.epoch, header.salt) != (keys.epoch, keys.salt)


def _nonce(keys: EpochKeys, header: Header) -> bytes:
    """direction 1, epoch 2, salt 4, kind 1, counter 5."""
    named = bytes([keys.direction]) + keys.epoch.to_bytes(2, "big") + keys.salt
    return named + bytes([header.kind]) + header.counter.to_bytes(5, "big")
