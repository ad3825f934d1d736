"""Sealed values open with the same key, place and row, and with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.crypto.vault import TAG_BYTES, Vault
from crisiskit.errors import TrustError

KEY, OTHER = bytes(range(32)), bytes(32)


@given(st.binary(max_size=200), st.text(max_size=20), st.binary(max_size=20))
def test_what_is_sealed_opens_again(value: bytes, place: str, row: bytes) -> None:
    sealed = Vault(KEY).seal(value, place, row)
    assert len(sealed) == len(value) + TAG_BYTES
    assert Vault(KEY).open(sealed, place, row) == value


@given(st.data())
def test_one_flipped_bit_anywhere_closes_it(data: st.DataObject) -> None:
    sealed = bytearray(Vault(KEY).seal(b"Bridge gone", "record.text", b"1"))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TrustError, match="sealed_otherwise"):
        Vault(KEY).open(bytes(sealed), "record.text", b"1")


@pytest.mark.parametrize(
    ("vault", "place", "row"),
    [
        (Vault(OTHER), "record.text", b"1"),
        (Vault(KEY), "record.data", b"1"),
        (Vault(KEY), "record.text", b"2"),
        (Vault(KEY), "record.text1", b""),
    ],
)
def test_another_key_place_or_row_opens_nothing(vault: Vault, place: str, row: bytes) -> None:
    sealed = Vault(KEY).seal(b"Bridge gone", "record.text", b"1")
    with pytest.raises(TrustError, match="sealed_otherwise"):
        vault.open(sealed, place, row)


@pytest.mark.parametrize("size", [0, 1, TAG_BYTES - 1])
def test_what_is_too_short_is_no_bug(size: int) -> None:
    with pytest.raises(TrustError, match="sealed_otherwise"):
        Vault(KEY).open(bytes(size), "record.text")


def test_equal_words_in_two_rows_look_different() -> None:
    first, second = (Vault(KEY).seal(b"All well", "record.text", row) for row in (b"1", b"2"))
    assert first != second


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        Vault(bytes(16))
