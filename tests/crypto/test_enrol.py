"""A kit and a center come to share a secret; every other file gets one clear refusal."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.crypto.enrol import (
    FILE_BYTES_MAX,
    NAME_BYTES_MAX,
    check_name,
    comparison_code,
    make_center_file,
    make_reply,
    make_request,
    read_center_file,
    read_reply,
    read_request,
)
from crisiskit.crypto.identity import CENTER_SECRET_BYTES, CenterIdentity, KitIdentity
from crisiskit.errors import TrustError


def entropy(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


CENTER, OTHER_CENTER = CenterIdentity.make(entropy(1)), CenterIdentity.make(entropy(2))
KIT, OTHER_KIT = KitIdentity.make(entropy(3)), KitIdentity.make(entropy(4))
CENTER_FILE = make_center_file(CENTER, "Préfecture", exercise=True)
KNOWN = read_center_file(CENTER_FILE)
REQUEST, SECRET = make_request(KIT, "Équipe 4", KNOWN, entropy(5))
SEEN = read_request(REQUEST, CENTER)
REPLY = make_reply(CENTER, 300, SEEN)

READERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "center": (CENTER_FILE, read_center_file),
    "request": (REQUEST, lambda data: read_request(data, CENTER)),
    "reply": (REPLY, lambda data: read_reply(data, KIT.fingerprint, REQUEST, KNOWN)),
}
CODES = {
    "enrol_wrong_file",
    "enrol_wrong_network",
    "enrol_bad_signature",
    "enrol_not_for_this_kit",
    "enrol_damaged",
}


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(TrustError) as refused:
        read()
    return refused.value.code


def test_both_ends_hold_the_same_secret_and_only_they() -> None:
    assert SEEN.pairing_secret == SECRET == entropy(5)(32)
    assert SECRET not in REQUEST
    certificate = read_reply(REPLY, KIT.fingerprint, REQUEST, KNOWN)
    assert (certificate.kit_number, certificate.name) == (300, "Équipe 4")
    assert certificate.network_id == CENTER.network_id == KNOWN.network_id
    assert certificate.kit_fp == SEEN.kit_fp == KIT.fingerprint


def test_the_center_file_tells_name_and_exercise() -> None:
    assert (KNOWN.name, KNOWN.exercise) == ("Préfecture", True)
    real = read_center_file(make_center_file(CENTER, "Préfecture", exercise=False))
    assert not real.exercise
    assert KNOWN.network_id == hashlib.sha256(CENTER.authority_public).digest()[:16]


def test_the_same_kit_may_ask_twice_and_only_the_latest_answer_fits() -> None:
    again, secret = make_request(KIT, "Équipe 4", KNOWN, entropy(6))
    assert secret != SECRET
    assert refusal(lambda: read_reply(REPLY, KIT.fingerprint, again, KNOWN)) == (
        "enrol_not_for_this_kit"
    )


def test_the_code_is_compared_in_three_groups_of_four() -> None:
    number = int.from_bytes(hashlib.sha256(REQUEST).digest(), "big") % 10**12
    code = comparison_code(REQUEST)
    assert code.replace(" ", "") == f"{number:012}"
    assert [len(group) for group in code.split(" ")] == [4, 4, 4]


def test_files_stay_small() -> None:
    assert len(CENTER_FILE) < 1400
    assert len(REQUEST) < 1400
    assert len(REPLY) < 256


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_another_sort_is_named(name: str) -> None:
    _, read = READERS[name]
    for other, (data, _) in READERS.items():
        if other != name:
            assert refusal(lambda data=data: read(data)) == "enrol_wrong_file"  # type: ignore[misc]
    for junk in (b"", b"CK", b"hello, this is a letter", bytes(100_000)):
        assert refusal(lambda junk=junk: read(junk)) == "enrol_wrong_file"  # type: ignore[misc]


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_short_or_too_long_is_refused(name: str) -> None:
    data, read = READERS[name]
    for size in [*range(5, 140), *range(140, len(data), 37), len(data) - 1]:
        assert refusal(lambda size=size: read(data[:size])) in CODES  # type: ignore[misc]
    assert refusal(lambda: read(data + b"\0")) in CODES
    assert refusal(lambda: read(data + bytes(FILE_BYTES_MAX))) == "enrol_wrong_file"


@pytest.mark.parametrize("name", READERS)
def test_a_changed_file_is_refused(name: str) -> None:
    data, read = READERS[name]
    rng = random.Random(7)
    for at in [*range(60), *rng.sample(range(len(data)), 60)]:
        changed = bytearray(data)
        changed[at % len(data)] ^= 1 << rng.randrange(8)
        assert refusal(lambda: read(bytes(changed))) in CODES  # noqa: B023


@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=300))
def test_hostile_bytes_get_a_clear_refusal(name: str, data: bytes) -> None:
    whole, read = READERS[name]
    assert refusal(lambda: read(whole[:5] + data)) in CODES


def test_a_request_for_another_network_is_refused() -> None:
    elsewhere = read_center_file(make_center_file(OTHER_CENTER, "Elsewhere", exercise=False))
    foreign, _ = make_request(KIT, "Team 4", elsewhere, entropy(8))
    assert refusal(lambda: read_request(foreign, CENTER)) == "enrol_wrong_network"


def test_an_answer_from_another_network_is_refused() -> None:
    foreign = make_reply(OTHER_CENTER, 300, SEEN)
    assert refusal(lambda: read_reply(foreign, KIT.fingerprint, REQUEST, KNOWN)) == (
        "enrol_wrong_network"
    )


def test_an_answer_that_the_authority_did_not_sign_is_refused() -> None:
    body = REPLY[:-64]
    forged = body + KIT.sign(b"crisiskit/1 reply\0" + body)
    assert refusal(lambda: read_reply(forged, KIT.fingerprint, REQUEST, KNOWN)) == (
        "enrol_bad_signature"
    )


def test_an_answer_to_another_kit_is_refused() -> None:
    assert refusal(lambda: read_reply(REPLY, OTHER_KIT.fingerprint, REQUEST, KNOWN)) == (
        "enrol_not_for_this_kit"
    )


def test_a_secret_sealed_by_one_kit_cannot_be_claimed_by_another() -> None:
    """Whoever copies the sealed part into a request of his own gets nothing opened."""
    own, _ = make_request(OTHER_KIT, "Équipe 4", KNOWN, entropy(9))
    sealed_at = 5 + 16 + 32
    stolen = own[:sealed_at] + REQUEST[sealed_at : sealed_at + 1168] + own[sealed_at + 1168 : -64]
    stolen += OTHER_KIT.sign(b"crisiskit/1 request\0" + stolen)
    assert refusal(lambda: read_request(stolen, CENTER)) == "enrol_damaged"


@pytest.mark.parametrize(
    "name",
    ["", " Team", "Team\n4", "Team \u202e4", "x" * (NAME_BYTES_MAX + 1), "é" * 33, "\ud800"],
)
def test_a_name_that_could_deceive_or_does_not_fit_is_refused(name: str) -> None:
    assert refusal(lambda: check_name(name)) == "enrol_bad_name"
    assert refusal(lambda: make_request(KIT, name, KNOWN, entropy(1))) == "enrol_bad_name"


def test_the_secret_of_a_center_has_128_bytes() -> None:
    assert CenterIdentity(CENTER.secret) == CENTER
    assert len(CENTER.secret) == CENTER_SECRET_BYTES == 128
    with pytest.raises(ValueError, match="128"):
        CenterIdentity(b"short")


def test_secrets_are_not_shown() -> None:
    for shown in (repr(CENTER), repr(KIT), repr(SEEN)):
        assert "secret=" not in shown
