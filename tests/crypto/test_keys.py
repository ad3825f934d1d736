"""Keys of different use, life, epoch, direction, kit and network have nothing in common."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from crisiskit.crypto.keys import EPOCH_MAX, ChainKey, EpochKeys, root_key
from crisiskit.model import Direction

SECRET, NETWORK, KIT = b"p" * 32, b"n" * 16, b"k" * 16
ROOT = root_key(SECRET, NETWORK, KIT, Direction.UP)


def expand(key: bytes, info: bytes, size: int) -> bytes:
    return HKDFExpand(SHA256(), size, info).derive(key)


def test_keys_are_derived_as_the_protocol_writes_them() -> None:
    up0 = HKDF(SHA256(), 32, NETWORK, b"crisiskit/1 up" + KIT).derive(SECRET)
    ck2 = expand(expand(up0, b"crisiskit/1 next", 32), b"crisiskit/1 next", 32)
    ek2 = expand(ck2, b"crisiskit/1 epoch", 32)
    assert ROOT.key == up0
    assert ROOT.forward(2).key == ck2
    assert ROOT.forward(2).secret().secret == ek2
    keys = ROOT.forward(2).secret().keys(b"salt")
    assert keys.env == expand(ek2, b"crisiskit/1 envsalt", 16)
    assert keys.ack == expand(ek2, b"crisiskit/1 acksalt", 16)
    assert keys.part == expand(ek2, b"crisiskit/1 partsalt", 16)
    assert (keys.direction, keys.epoch, keys.salt) == (Direction.UP, 2, b"salt")


def test_no_two_keys_are_alike() -> None:
    roots = [
        ROOT,
        root_key(SECRET, NETWORK, KIT, Direction.DOWN),
        root_key(SECRET, NETWORK, b"K" * 16, Direction.UP),
        root_key(SECRET, b"N" * 16, KIT, Direction.UP),
        root_key(b"P" * 32, NETWORK, KIT, Direction.UP),
    ]
    lives: list[EpochKeys] = [
        root.forward(epoch).secret().keys(salt)
        for root in roots
        for epoch in (0, 1)
        for salt in (b"one.", b"two.")
    ]
    keys = [key for life in lives for key in (life.env, life.ack, life.part)]
    assert len(set(keys)) == len(keys) == 60


def test_the_chain_only_goes_forward() -> None:
    chain = ROOT.forward(5)
    assert chain.forward(7) == ROOT.forward(7)
    for epoch in (4, EPOCH_MAX + 1):
        with pytest.raises(ValueError, match="reached"):
            chain.forward(epoch)


def test_an_epoch_secret_is_not_the_key_of_the_chain() -> None:
    chain = ROOT.forward(3)
    kept = chain.secret()
    later = chain.forward(4)
    stolen = ChainKey(Direction.UP, 3, kept.secret)
    assert stolen.forward(4).key != later.key
    assert stolen.secret().secret != later.secret().secret


def test_secrets_are_not_shown() -> None:
    for shown in (repr(ROOT), repr(ROOT.secret()), repr(ROOT.secret().keys(b"salt"))):
        assert "b'" not in shown.replace("salt=b'salt'", "")
