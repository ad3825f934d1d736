"""From the secret of a pairing to the keys of one life of a sender (docs/wire.md, section 5).

    root   up0, down0 = HKDF(ps, salt=network_id, info="crisiskit/1 up" | "down" || kit_fp)
    chain  ck[e+1]    = Expand(ck[e], "crisiskit/1 next")
    epoch  ek[e]      = Expand(ck[e], "crisiskit/1 epoch")
    keys              = Expand(ek[e], "crisiskit/1 env" | "ack" | "part" || salt)

A chain key gives every later epoch; an epoch secret gives its own epoch only, so the secret
of an epoch that was skipped can be kept while the chain key is erased.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from crisiskit.model import Direction

Entropy = Callable[[int], bytes]

SECRET_BYTES = 32
KEY_BYTES = 16
EPOCH_MAX = 0xFFFF
_LABEL = b"crisiskit/1 "
_WAY = {Direction.UP: b"up", Direction.DOWN: b"down"}


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The three 16-byte keys of one life of a sender, and what its nonces are made of."""

    direction: Direction
    epoch: int
    salt: bytes
    env: bytes = field(repr=False)
    ack: bytes = field(repr=False)
    part: bytes = field(repr=False)

    @property
    def life(self) -> tuple[int, bytes]:
        """Epoch and salt: the name of the life."""
        return self.epoch, self.salt


@dataclass(frozen=True, slots=True)
class EpochSecret:
    """What opens one epoch of one direction, whatever its salts, and no other epoch."""

    direction: Direction
    epoch: int
    secret: bytes = field(repr=False)

    def keys(self, salt: bytes) -> EpochKeys:
        """The keys of the life that drew ``salt`` (4 bytes)."""
        env, ack, part = (
            _expand(self.secret, use + salt, KEY_BYTES) for use in (b"env", b"ack", b"part")
        )
        return EpochKeys(self.direction, self.epoch, salt, env, ack, part)


@dataclass(frozen=True, slots=True)
class ChainKey:
    """Opens ``epoch`` and all later ones of one direction; earlier ones cannot be reached."""

    direction: Direction
    epoch: int
    key: bytes = field(repr=False)

    def forward(self, epoch: int) -> ChainKey:
        """The chain key of a later epoch. Raises ValueError for an earlier one."""
        if not self.epoch <= epoch <= EPOCH_MAX:
            raise ValueError(f"epoch {epoch} cannot be reached from {self.epoch}")
        key = self.key
        for _ in range(epoch - self.epoch):
            key = _expand(key, b"next", SECRET_BYTES)
        return ChainKey(self.direction, epoch, key)

    def secret(self) -> EpochSecret:
        """The secret of this epoch alone."""
        secret = _expand(self.key, b"epoch", SECRET_BYTES)
        return EpochSecret(self.direction, self.epoch, secret)


def root_key(
    pairing_secret: bytes, network_id: bytes, kit_fp: bytes, direction: Direction
) -> ChainKey:
    """The chain key of epoch 0 of a pairing, for one direction."""
    info = _LABEL + _WAY[direction] + kit_fp
    key = HKDF(SHA256(), SECRET_BYTES, network_id, info).derive(pairing_secret)
    return ChainKey(direction, 0, key)


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(SHA256(), length, _LABEL + info).derive(key)
