"""A secret under a passphrase: opened by it, by nothing else, and nothing in it is altered."""

from __future__ import annotations

import pytest

from crisiskit.crypto.locked import clear_part, lock, unlock
from crisiskit.errors import TrustError, UsageError

SECRET = b"s" * 32


def entropy(count: int) -> bytes:
    return bytes(count)


@pytest.fixture(scope="module")
def locked() -> bytes:
    return lock(b"CKDK1", b"clear", SECRET, "Mahorais café", entropy)


def test_it_opens_with_its_passphrase_only(locked: bytes) -> None:
    assert unlock(b"CKDK1", locked, "Mahorais cafe\u0301") == SECRET
    with pytest.raises(TrustError, match="passphrase_wrong"):
        unlock(b"CKDK1", locked, "Mahorais cafe")
    assert SECRET not in locked and clear_part(b"CKDK1", locked) == b"clear"


@pytest.mark.parametrize("place", [7, 15, 30, -1])
def test_an_altered_file_does_not_open(locked: bytes, place: int) -> None:
    bad = bytearray(locked)
    bad[place] ^= 1
    with pytest.raises(TrustError, match="passphrase_wrong"):
        unlock(b"CKDK1", bytes(bad), "Mahorais café")


@pytest.mark.parametrize("size", [0, 5, 6, 20, 40, 50])
def test_a_file_cut_short_is_no_key_file(locked: bytes, size: int) -> None:
    with pytest.raises(TrustError, match="key_file_wrong"):
        unlock(b"CKDK1", locked[:size], "Mahorais café")


def test_another_kind_of_file_is_no_key_file(locked: bytes) -> None:
    with pytest.raises(TrustError, match="key_file_wrong"):
        clear_part(b"CKRT1", locked)


def test_a_short_passphrase_protects_nothing() -> None:
    with pytest.raises(UsageError, match="passphrase_short"):
        lock(b"CKDK1", b"", SECRET, "1234567", entropy)
