"""DirectIP bytes are those of the gateway, and hostile bytes are only ever Malformed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.directip import (
    HEADER_BYTES,
    MESSAGE_BYTES_MAX,
    Location,
    Malformed,
    MoMessage,
    MtConfirmation,
    MtFlag,
    MtMessage,
    Outcome,
    body_bytes,
    decode_mo,
    decode_mo_confirmation,
    decode_mt,
    decode_mt_confirmation,
    encode_mo,
    encode_mo_confirmation,
    encode_mt,
    encode_mt_confirmation,
    outcome,
)

IMEI = "300234010753370"
MO_BYTES = bytes.fromhex(
    "01004501001c0012d6873330303233343031303735333337300030390000617e72ee"
    "03000b00345aa20044dc0000000802001548656c6c6f20576f726c6420526f636b424c4f434b"
)
MO = MoMessage(
    auto_id=1234567,
    imei=IMEI,
    status=0,
    momsn=12345,
    mtmsn=0,
    session_at=1635676910,  # 2021-10-31 10:41:50 UTC
    payload=b"Hello World RockBLOCK",
    location=Location(52.3867, 0.2938, 8),
)
MT_BYTES = bytes.fromhex(
    "01002541001501020304333030323334303130373533333730000042000568656c6c6f4600020001"
)
MT = MtMessage(bytes.fromhex("01020304"), IMEI, payload=b"hello", priority=1)
DECODERS = (decode_mo, decode_mo_confirmation, decode_mt, decode_mt_confirmation)

imeis = st.text("0123456789", min_size=15, max_size=15)
u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
angles = st.tuples(st.integers(-90 * 60_000, 90 * 60_000), st.integers(-180 * 60_000, 180 * 60_000))
places = st.builds(
    lambda parts, radius: Location(parts[0] / 60_000, parts[1] / 60_000, radius), angles, u32
)


def test_the_mo_message_of_the_reference() -> None:
    assert decode_mo(MO_BYTES) == MO
    assert encode_mo(MO) == MO_BYTES


def test_the_mo_confirmations_of_the_reference() -> None:
    assert encode_mo_confirmation(True).hex() == "01000405000101"
    assert decode_mo_confirmation(bytes.fromhex("01000405000101")) is True
    assert decode_mo_confirmation(bytes.fromhex("01000405000100")) is False
    with pytest.raises(Malformed):
        decode_mo_confirmation(bytes.fromhex("31000405000101"))


def test_the_mt_message_of_the_reference() -> None:
    assert encode_mt(MT) == MT_BYTES
    assert decode_mt(MT_BYTES) == MT


@pytest.mark.parametrize(("end", "status"), [("0001", 1), ("fffb", -5)])
def test_the_mt_confirmations_of_the_reference(end: str, status: int) -> None:
    raw = bytes.fromhex("01001c44001901020304333030323334303130373533333730000181cd" + end)
    answer = MtConfirmation(bytes.fromhex("01020304"), IMEI, 98765, status)
    assert decode_mt_confirmation(raw) == answer
    assert encode_mt_confirmation(answer) == raw


def test_a_location_in_the_southern_hemisphere() -> None:
    place = "022b7a26ac8dc400000002"
    data = MO_BYTES[:34] + bytes.fromhex("03000b" + place) + MO_BYTES[48:]
    location = decode_mo(data).location
    assert location is not None
    assert location.latitude == pytest.approx(-43.52117, abs=1e-5)
    assert location.longitude == pytest.approx(172.60487, abs=1e-5)
    assert location.radius_km == 2
    assert place in encode_mo(replace(MO, location=location)).hex()


@pytest.mark.parametrize(
    "place",
    [
        "005b000000000000000008",
        "0434000000000000000008",
        "0034ea6000000000000008",
        "003400",
        "0000000000b5000000",
    ],
)
def test_an_impossible_location_does_not_cost_the_message(place: str) -> None:
    element = bytes.fromhex("03%04x" % (len(place) // 2) + place)
    body = MO_BYTES[3:34] + element + MO_BYTES[48:]
    message = decode_mo(b"\1" + len(body).to_bytes(2) + body)
    assert (message.payload, message.location) == (MO.payload, None)


@settings(deadline=None)
@given(
    auto_id=u32,
    imei=imeis,
    status=st.integers(0, 255),
    momsn=u16,
    mtmsn=u16,
    session_at=u32,
    payload=st.none() | st.binary(min_size=1, max_size=1960),
    location=st.none() | places,
)
def test_any_mo_message_comes_back(**fields: object) -> None:
    message = MoMessage(**fields)  # type: ignore[arg-type]
    data = encode_mo(message)
    assert body_bytes(data[:HEADER_BYTES]) == len(data) - HEADER_BYTES
    assert decode_mo(data) == message


@settings(deadline=None)
@given(
    client_id=st.binary(min_size=4, max_size=4),
    imei=imeis,
    flags=st.sampled_from([MtFlag.NONE, MtFlag.FLUSH, MtFlag.RING | MtFlag.HIGH_PRIORITY]),
    payload=st.none() | st.binary(min_size=1, max_size=1890),
    priority=st.none() | st.integers(1, 5),
    location=st.none() | places.map(lambda place: replace(place, radius_km=None)),
)
def test_any_mt_message_comes_back(**fields: object) -> None:
    message = MtMessage(**fields)  # type: ignore[arg-type]
    assert decode_mt(encode_mt(message)) == message


def test_a_mailbox_check_has_no_payload() -> None:
    assert decode_mo(encode_mo(replace(MO, payload=None))).payload is None
    empty = encode_mo(replace(MO, payload=b""))
    assert decode_mo(empty).payload is None


def test_unknown_elements_are_skipped() -> None:
    body = bytes.fromhex("7f0003aabbcc") + MO_BYTES[3:] + bytes.fromhex("040000")
    assert decode_mo(b"\1" + len(body).to_bytes(2) + body) == MO


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\1",
        b"\1\0\0",
        b"\2" + MO_BYTES[1:],
        MO_BYTES[:-1],
        MO_BYTES + b"\0",
        b"\1\0\1\1",
        MO_BYTES.replace(IMEI.encode(), b"30023401075337x"),
        MO_BYTES.replace(IMEI.encode(), "³".encode("latin-1") * 15),
        b"\1" + (2 * 31).to_bytes(2) + MO_BYTES[3:34] * 2,
        b"\1" + (3 + 27).to_bytes(2) + bytes.fromhex("01001b") + bytes(27),
    ],
)
def test_bad_bytes_are_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode_mo(raw)


def test_a_giant_length_is_refused_before_it_is_read() -> None:
    with pytest.raises(Malformed):
        body_bytes(b"\1\xff\xff")
    assert body_bytes(b"\1" + (MESSAGE_BYTES_MAX - HEADER_BYTES).to_bytes(2)) < MESSAGE_BYTES_MAX


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(MO_BYTES) - 1), st.integers(0, 255))
def test_no_bytes_raise_anything_else(junk: bytes, at: int, byte: int) -> None:
    damaged = bytearray(MO_BYTES)
    damaged[at] = byte
    framed = b"\1" + len(junk).to_bytes(2) + junk
    for decode in DECODERS:
        for raw in (junk, framed, bytes(damaged)):
            with suppress(Malformed):
                decode(raw)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(place, Outcome.OK) for place in (0, 1, 50)]
    + [(-6, Outcome.RETRY), (-5, Outcome.QUEUE_FULL)]
    + [(-10, Outcome.STOP), (-12, Outcome.STOP)]
    + [(status, Outcome.PERMANENT) for status in (-1, -2, -3, -4, -7, -8, -9, -11, -99)],
)
def test_what_a_status_means(status: int, meaning: Outcome) -> None:
    assert outcome(status) is meaning
