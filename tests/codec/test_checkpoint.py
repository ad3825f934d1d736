"""A checkpoint names one life and how it ended; a query names lives and counts; no junk does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.checkpoint import (
    QUERY_LIVES_MAX,
    Asked,
    Checkpoint,
    decode_checkpoint,
    decode_query,
    encode_checkpoint,
    encode_query,
)
from crisiskit.codec.content import (
    CONTENT_BYTES_MAX,
    SIGNATURE_BYTES,
    Content,
    decode_content,
    encode_content,
    with_signature,
)
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.model import Precedence, Record, RecordKind

numbers = st.integers(0, 0xFFFF)
checkpoints = st.builds(
    Checkpoint,
    numbers,
    st.binary(min_size=4, max_size=4),
    numbers,
    st.binary(min_size=32, max_size=32),
)
SIGNATURE = bytes(range(SIGNATURE_BYTES))


def of(kind: RecordKind, data: bytes, text: str = "") -> Content:
    return Content((Record(kind, Precedence.ROUTINE, 29_800_000, text, data),))


@given(checkpoints)
def test_a_checkpoint_comes_back_from_40_bytes(checkpoint: Checkpoint) -> None:
    data = encode_checkpoint(checkpoint)
    assert len(data) == 40 and decode_checkpoint(data) == checkpoint


def test_a_first_life_has_an_empty_checkpoint() -> None:
    assert decode_checkpoint(b"") is None


@given(st.binary(min_size=1, max_size=60).filter(lambda data: len(data) != 40))
def test_a_checkpoint_of_another_length_is_refused(data: bytes) -> None:
    assert decode_checkpoint(data) == Rejected(Reject.RECORD)


lives = st.builds(Asked, numbers, st.binary(min_size=2, max_size=2), numbers)


@given(st.lists(lives, min_size=1, max_size=QUERY_LIVES_MAX))
def test_a_query_comes_back_from_6_bytes_for_each_life(some: list[Asked]) -> None:
    data = encode_query(some)
    assert len(data) == 6 * len(some) and decode_query(data) == tuple(some)


@pytest.mark.parametrize("count", [0, QUERY_LIVES_MAX + 1])
def test_a_query_names_1_to_60_lives(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 60"):
        encode_query([Asked(0, b"sa", 0)] * count)


@pytest.mark.parametrize("data", [b"", b"12345", b"1234567", bytes(6 * QUERY_LIVES_MAX + 6)])
def test_a_query_of_hostile_bytes_asks_for_nothing(data: bytes) -> None:
    assert decode_query(data) == ()


@given(st.sampled_from([RecordKind.CHECKPOINT, RecordKind.QUERY]), st.binary(max_size=240))
def test_both_travel_as_records_with_data(kind: RecordKind, data: bytes) -> None:
    content = of(kind, data)
    assert decode_content(encode_content(content, None), None) == content


# -- the signature at the end ----------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80))
def test_a_signature_is_64_bytes_behind_everything_else(text: str) -> None:
    content = of(RecordKind.TEXT, b"", text)
    plain = encode_content(content, None)
    signed = with_signature(plain, SIGNATURE)
    assert signed == bytes([plain[0] | 0x80]) + plain[1:] + SIGNATURE
    found = decode_content(signed, None)
    assert found == Content(content.records, signature=SIGNATURE)


@given(st.integers(0, SIGNATURE_BYTES))
def test_a_content_too_short_for_its_signature_is_refused(size: int) -> None:
    raw = bytes([0x80] * size)
    expected = Reject.SIGNED if size else Reject.RECORD
    assert decode_content(raw, 0) == Rejected(expected)


@given(st.integers(1, 80))
def test_a_signed_content_cut_anywhere_is_refused_or_another_one(cut: int) -> None:
    signed = with_signature(encode_content(of(RecordKind.TEXT, b"", "water"), None), SIGNATURE)
    found = decode_content(signed[:-cut], None)
    assert isinstance(found, Rejected) or found.signature != SIGNATURE


def test_a_signature_must_have_room_and_64_bytes() -> None:
    for content, signature in (
        (bytes(20), SIGNATURE[:-1]),
        (bytes(CONTENT_BYTES_MAX - SIGNATURE_BYTES + 1), SIGNATURE),
    ):
        with pytest.raises(ValueError, match="room"):
            with_signature(content, signature)
