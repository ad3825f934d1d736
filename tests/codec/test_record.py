"""A record has one name at both ends, and people can type it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.record import (
    encode_reference,
    parse_record_id,
    read_reference,
    record_digest,
    record_id,
)
from crisiskit.codec.reject import Reject
from crisiskit.codec.wire import Reader
from crisiskit.model import ClockQuality, Direction, Precedence, Record, RecordKind, Reference

AUTHOR = bytes(range(16))
FORM = Record(RecordKind.FORM, Precedence.PRIORITY, 29_800_000, "words", b"data")
CHANGES: list[dict[str, object]] = [
    {"kind": RecordKind.READ},
    {"precedence": Precedence.FLASH},
    {"minute": 29_800_001},
    {"text": "word"},
    {"text": "awords", "data": b"dat"},
    {"data": b"datb"},
    {"twin": 1},
    {"answers": Reference(Direction.UP, 0, 0, 0)},
    {"answers": Reference(Direction.DOWN, 0, 0, 0)},
]


def test_everything_a_record_says_is_in_its_digest() -> None:
    changed = [replace(FORM, **change) for change in CHANGES]  # type: ignore[arg-type]
    digests = {record_digest(AUTHOR, record) for record in [FORM, *changed]}
    digests.add(record_digest(bytes(16), FORM))
    assert len(digests) == len(CHANGES) + 2
    assert {len(digest) for digest in digests} == {16}


def test_the_clock_quality_of_the_envelope_is_not() -> None:
    sure = replace(FORM, clock=ClockQuality.CENTER)
    assert record_digest(AUTHOR, sure) == record_digest(AUTHOR, FORM)


def test_a_fingerprint_has_16_bytes() -> None:
    with pytest.raises(ValueError, match="16"):
        record_digest(b"short", FORM)


@given(st.binary(min_size=16, max_size=16))
def test_a_name_can_be_typed_back(digest: bytes) -> None:
    name = record_id(digest)
    assert len(name) == 9
    assert name[4] == "-"
    assert parse_record_id(name) == name
    assert parse_record_id(name.lower().replace("-", " ")) == name
    assert parse_record_id(name.replace("0", "o").replace("1", "l")) == name
    assert parse_record_id(name.replace("-", "").replace("1", "I")) == name
    for size in (3, 4, 6, 9):
        found = parse_record_id(name[:size])
        assert found is not None
        assert name.startswith(found)


@pytest.mark.parametrize("typed", ["", "7K", "7K-", "7KQ2-M3XD9", "7KU2", "7K!2", "médecin"])
def test_what_cannot_be_a_name_is_none(typed: str) -> None:
    assert parse_record_id(typed) is None


def test_the_name_is_the_first_40_bits() -> None:
    assert record_id(bytes.fromhex("0000000000") + bytes(11)) == "0000-0000"
    assert record_id(bytes.fromhex("ffffffffff") + bytes(11)) == "ZZZZ-ZZZZ"
    assert record_id(bytes.fromhex("00443214d4") + bytes(11)) == "0123-456M"


@given(
    st.builds(
        Reference,
        st.sampled_from(Direction),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFF),
    )
)
def test_a_reference_comes_back_in_3_to_7_bytes(reference: Reference) -> None:
    raw = encode_reference(reference)
    assert 3 <= len(raw) <= 7
    reader = Reader(raw, Reject.RECORD)
    assert read_reference(reader) == reference
    assert reader.done
