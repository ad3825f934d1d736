"""JSPR lines are read whatever stands around them, and nothing that arrives costs much."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.imt_status import Accepted, MtSegment, Sky, State, Versions
from hardware.jspr import LINE_BYTES_MAX, OPENINGS_MAX, Decoder, Malformed, Reply, request

SKY = b'299 constellationState {"constellation_visible":true,"signal_bars":4,"signal_level":-111}\r'


def read(data: bytes) -> list[Reply]:
    return Decoder().feed(data)


def test_a_request_has_blanks_where_the_firmware_wants_them() -> None:
    body = {"topic_id": 244, "message_length": 7, "request_reference": 1}
    assert request("PUT", "messageOriginate", body) == (
        b'PUT messageOriginate {"topic_id": 244, "message_length": 7, "request_reference": 1}\r'
    )
    assert request("GET", "hwInfo", {}) == b"GET hwInfo {}\r"


def test_lines_in_pieces_of_any_size() -> None:
    data = b'200 hwInfo {"imei":"300258061234567"}\r' + SKY + b"405 MALFORMED {}\r\n"
    whole = read(data)
    assert [(reply.code, reply.target) for reply in whole] == [
        (200, "hwInfo"),
        (299, "constellationState"),
        (405, "MALFORMED"),
    ]
    decoder = Decoder()
    assert [one for byte in data for one in decoder.feed(bytes([byte]))] == whole


@pytest.mark.parametrize("stray", [b"\x11", b"\x11\0\x13\xff", b"12 ", b"2", b"boot v1.2 ", b"99"])
def test_stray_bytes_before_the_digits_are_skipped(stray: bytes) -> None:
    decoder = Decoder()
    (reply,) = decoder.feed(stray + SKY)
    assert reply.read(Sky) == Sky(True, 4)
    assert decoder.junk_bytes == len(stray)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"200",
        b"200 hwInfo",
        b"200 {}",
        b"2000 hwInfo {}",
        b"100 hwInfo {}",
        b"200 hw-Info {}",
        b"OK hwInfo {}",
        b"200 hwInfo []",
        b"200 " + b"a" * 50 + b" {}",
        b'200 hwInfo {"x":"' + b"y" * LINE_BYTES_MAX + b'"}',
        b'200 hwInfo {"x":' + b"[" * (OPENINGS_MAX + 1),
    ],
)
def test_what_is_no_line_is_junk(line: bytes) -> None:
    assert [reply.target for reply in read(line + b"\r" + SKY)] == ["constellationState"]


def test_an_endless_line_costs_no_memory() -> None:
    decoder = Decoder()
    for _ in range(1000):
        assert decoder.feed(b"x" * 4096) == []
    assert len(decoder._held) <= LINE_BYTES_MAX
    assert [reply.target for reply in decoder.feed(b"\r" + SKY)] == ["constellationState"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", Sky),
        (b'{"signal_bars":9}', Sky),
        (b'{"signal_bars":"4"}', Sky),
        (b'{"state":7}', State),
        (b'{"state":"' + b"x" * 100 + b'"}', State),
        (b'{"topic_id":244}', Accepted),
        (b'{"topic_id":3,"message_response":"message_accepted"}', Accepted),
        (b'{"supported_versions":[{"major":-1,"minor":0}]}', Versions),
        (b'{"supported_versions":[' + b'{"major":1,"minor":0},' * 99 + b"{}]}", Versions),
        (b"{\xff}", Sky),
    ],
)
def test_a_body_that_breaks_its_promise(body: bytes, kind: type) -> None:
    with pytest.raises(Malformed):
        Reply(299, "target", body).read(kind)


@pytest.mark.parametrize(
    "change",
    [{"data": "SGVsbG"}, {"data": "!!!!"}, {"segment_start": -1}, {"segment_start": 10**9}],
)
def test_a_segment_is_checked(change: dict[str, object]) -> None:
    body = {"topic_id": 244, "message_id": 7, "segment_start": 0, "segment_length": 7}
    good = json.dumps({**body, "data": "SGVsbG/L1g=="}).encode()
    assert Reply(299, "x", good).read(MtSegment).data == bytes.fromhex("48656c6c6fcbd6")
    with pytest.raises(Malformed):
        bad = {**body, "data": "SGVsbG/L1g==", **change}
        Reply(299, "x", json.dumps(bad).encode()).read(MtSegment)


@given(st.binary(max_size=2000), st.integers(1, 100))
def test_any_bytes_in_any_pieces_give_the_same(data: bytes, size: int) -> None:
    decoder = Decoder()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = [reply for piece in pieces for reply in decoder.feed(piece)]
    assert found == read(data)
    assert all(200 <= reply.code < 600 and reply.target.isidentifier() for reply in found)


@given(st.binary(max_size=60), st.sampled_from([b"\r", b"\n", b"\r\n"]))
def test_a_good_line_after_any_line_is_read(junk: bytes, end: bytes) -> None:
    assert read(junk + end + SKY)[-1] == read(SKY)[0]
