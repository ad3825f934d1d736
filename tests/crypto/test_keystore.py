"""The keystore: one lock, changed without touching the rest; nothing opens it but its opener."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.crypto.keystore import (
    FILE_BYTES_MAX,
    Keystore,
    Lock,
    new_keystore,
    read_keystore,
)
from crisiskit.errors import TrustError

OWNER, DATA_KEY = b"o" * 16, bytes(range(32))
SECRETS = {"identity": b"i" * 32, "asked": b"a" * 1400, "empty": b""}
KEY_FILE = b"k" * 32


@pytest.fixture(scope="module")
def locked() -> Keystore:
    return new_keystore(OWNER, DATA_KEY, SECRETS, Lock.PASSPHRASE, b"caf\xc3\xa9 noir", os.urandom)


def test_the_passphrase_opens_it_however_its_accents_are_typed(locked: Keystore) -> None:
    read = read_keystore(locked.encode())
    assert read == locked
    assert read.unlock("café noir".encode()) == DATA_KEY
    assert read.unlock("cafe\u0301 noir".encode()) == DATA_KEY
    assert read.unlock("\uff43afé noir".encode()) == DATA_KEY, "a wide letter, as in a key file"
    assert read.secrets(DATA_KEY) == SECRETS
    assert read.owner == OWNER


def test_another_passphrase_or_key_file_opens_nothing(locked: Keystore) -> None:
    with pytest.raises(TrustError, match="passphrase_wrong"):
        locked.unlock(b"cafe noir")
    other = locked.locked(DATA_KEY, Lock.KEY_FILE, KEY_FILE, os.urandom)
    with pytest.raises(TrustError, match="key_file_wrong"):
        other.unlock(b"K" * 32)


def test_a_new_lock_leaves_the_secrets_alone(locked: Keystore) -> None:
    other = locked.locked(DATA_KEY, Lock.KEY_FILE, KEY_FILE, os.urandom)
    assert other.sealed_secrets == locked.sealed_secrets
    assert other.unlock(KEY_FILE) == DATA_KEY
    again = other.locked(DATA_KEY, Lock.KEY_FILE, KEY_FILE, os.urandom)
    assert (again.salt, again.sealed_key) != (other.salt, other.sealed_key)


def test_nothing_of_it_can_be_read_in_the_file(locked: Keystore) -> None:
    raw = locked.encode()
    for hidden in (DATA_KEY, b"i" * 8, b"a" * 8, b"identity", b"noir"):
        assert hidden not in raw


@given(st.data())
def test_a_flipped_bit_is_noticed(data: st.DataObject) -> None:
    raw = bytearray(new_keystore(OWNER, DATA_KEY, SECRETS, Lock.KEY_FILE, KEY_FILE, bytes).encode())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    if raw[5] == Lock.PASSPHRASE:
        return  # the lock flipped: opening takes Argon2id, and is tried below
    with pytest.raises(TrustError):
        found = read_keystore(bytes(raw))
        found.secrets(found.unlock(KEY_FILE))


def test_a_flipped_lock_opens_nothing() -> None:
    raw = bytearray(new_keystore(OWNER, DATA_KEY, SECRETS, Lock.KEY_FILE, KEY_FILE, bytes).encode())
    raw[5] = Lock.PASSPHRASE
    with pytest.raises(TrustError, match="passphrase_wrong"):
        read_keystore(bytes(raw)).unlock(KEY_FILE)


@given(st.binary(max_size=300))
def test_any_other_bytes_are_no_keystore(data: bytes) -> None:
    for raw in (data, b"CKKS1" + data[:90], b"CKKS1" + bytes(FILE_BYTES_MAX), b"CKKS1\x02" + data):
        with pytest.raises(TrustError):
            read_keystore(raw).unlock(KEY_FILE)
