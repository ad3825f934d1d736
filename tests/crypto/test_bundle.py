"""Two of three, with both algorithms each: less is refused, and so is any other change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.crypto.bundle import (
    Bundle,
    RootKey,
    check_bundle,
    encode_bundle,
    read_bundle,
    root_fingerprint,
    sign_bundle,
)
from crisiskit.crypto.identity import CenterIdentity, roots_network_id
from crisiskit.errors import TrustError
from crisiskit.trusted import DutyKey

ROOTS = [RootKey(bytes([place]) * 64) for place in (1, 2, 3)]
STRANGER = RootKey(bytes([4]) * 64)
PUBLIC = tuple(root.public for root in ROOTS)
MARKS = tuple(root_fingerprint(public) for public in PUBLIC)
NETWORK = roots_network_id(MARKS)
CENTER = CenterIdentity(bytes(range(128)))
PLAIN = Bundle(
    NETWORK,
    1,
    frozenset({1}),
    PUBLIC,
    CENTER.exchange_public,
    (CENTER.authority_public,),
    (DutyKey(0, "Prefect", bytes(32)), DutyKey(7, "Ali", bytes(range(32)))),
)
SIGNED = sign_bundle(sign_bundle(PLAIN, ROOTS[2]), ROOTS[0])
FILE = encode_bundle(SIGNED)


def refused(bundle: Bundle) -> str:
    with pytest.raises(TrustError) as caught:
        check_bundle(bundle, NETWORK, MARKS)
    return caught.value.code


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (2, 1)])
def test_any_two_of_three_suffice(pair: tuple[int, int]) -> None:
    bundle = PLAIN
    for place in pair:
        bundle = sign_bundle(bundle, ROOTS[place])
    check_bundle(read_bundle(encode_bundle(bundle)), NETWORK, MARKS)


def test_three_are_fine_and_one_is_not() -> None:
    check_bundle(sign_bundle(SIGNED, ROOTS[1]), NETWORK, MARKS)
    assert refused(PLAIN) == "bundle_needs_two"
    assert refused(sign_bundle(PLAIN, ROOTS[0])) == "bundle_needs_two"


def test_one_root_is_one_however_often_it_signs() -> None:
    assert refused(sign_bundle(sign_bundle(PLAIN, ROOTS[0]), ROOTS[0])) == "bundle_needs_two"


def test_a_stranger_cannot_sign_nor_take_the_place_of_a_root() -> None:
    with pytest.raises(TrustError, match="root_unknown"):
        sign_bundle(PLAIN, STRANGER)
    theirs = replace(PLAIN, roots=(PUBLIC[0], PUBLIC[1], STRANGER.public))
    signed = sign_bundle(sign_bundle(theirs, STRANGER), ROOTS[0])
    assert refused(signed) == "bundle_wrong_network"


@pytest.mark.parametrize("part", ["ed25519", "mldsa"])
def test_both_algorithms_must_be_right(part: str) -> None:
    (first, good), (second, other) = SIGNED.signatures
    bad = bytearray(good)
    bad[0 if part == "ed25519" else -1] ^= 1
    assert refused(replace(SIGNED, signatures=((first, bytes(bad)), (second, other)))) == (
        "bundle_bad_signature"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"grave": frozenset()},
        {"authorities": (bytes(32),)},
        {"duty": ()},
        {"exchange_public": CenterIdentity(bytes(128)).exchange_public},
    ],
)
def test_everything_in_it_is_signed(change: dict[str, object]) -> None:
    assert refused(replace(SIGNED, **change)) == "bundle_bad_signature"  # type: ignore[arg-type]


def test_a_bundle_of_another_network_is_refused() -> None:
    assert refused(replace(SIGNED, network_id=bytes(16))) == "bundle_wrong_network"


def test_it_comes_back_from_its_file() -> None:
    assert read_bundle(FILE) == SIGNED
    assert len(FILE) < 12_000


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_no_flipped_byte_is_taken(place: int, flip: int) -> None:
    bad = bytearray(FILE)
    bad[place] ^= flip
    with pytest.raises(TrustError, match="bundle_"):
        check_bundle(read_bundle(bytes(bad)), NETWORK, MARKS)


@pytest.mark.parametrize("size", [0, 4, 5, 30, 2000, len(FILE) - 1])
def test_a_file_cut_short_or_with_more_behind_it_is_refused(size: int) -> None:
    for data in (FILE[:size], FILE + b"x"):
        with pytest.raises(TrustError, match="bundle_"):
            read_bundle(data)
