"""Receipts say what is held, missing and unknown, in the fewest bytes, and never lie."""

from __future__ import annotations

import random
import tracemalloc
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.codec.acks import (
    MISSING_IN_RECEIPT_MAX,
    MISSING_MAX,
    NO_DIGEST,
    SPAN_MAX,
    AckBlock,
    PartRequest,
    Receipt,
    ack_block,
    decode_receipt,
    encode_block,
    encode_receipt,
    read_block,
    resolve_epoch,
)
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.wire import Reader

DIGEST = b"\x12\x34\x56\x78"
# What a block costs besides the list: epoch 1, digest 4.
BESIDES = 5

beyond = st.sets(st.integers(1, 1500), max_size=60)
blocks = st.builds(
    lambda epoch, first, stored, wide: ack_block(
        epoch if wide else epoch & 0xFF,
        first,
        DIGEST,
        {first + place for place in stored},
        b"sa" if wide else b"",
    ),
    st.integers(0, 0xFFFF),
    st.integers(0, 60_000),
    beyond,
    st.booleans(),
)
requests = st.builds(
    lambda epoch, seq, last, bits: PartRequest(
        epoch, seq, last, tuple(index for index in range(last + 1) if bits >> index & 1)
    ),
    st.integers(0, 0xFF),
    st.integers(0, 0xFFFE),
    st.integers(0, 63),
    st.integers(0, 2**64 - 1),
)
receipts = st.builds(
    lambda time_s, parts: Receipt(time_s, tuple(parts)),
    st.integers(0, 2**32 - 1),
    st.lists(st.one_of(blocks, requests), max_size=4),
)


def read(data: bytes) -> AckBlock | PartRequest:
    reader = Reader(data, Reject.ACK)
    block = read_block(reader)
    assert reader.done
    return block


def lost(missing: list[int], count: int, first: int = 1000) -> AckBlock:
    """The block for ``count`` messages of which those in ``missing`` are not there."""
    stored = {first + at for at in range(count)} - {first + at for at in missing}
    lowest = first + missing[0]
    return ack_block(7, lowest, DIGEST, {seq for seq in stored if seq > lowest})


@given(receipts)
def test_a_receipt_comes_back(receipt: Receipt) -> None:
    assert decode_receipt(encode_receipt(receipt)) == receipt


@given(st.integers(0, 60_000), beyond)
def test_a_block_never_claims_what_is_not_stored(first: int, places: set[int]) -> None:
    stored = {first + place for place in places}
    block = read(encode_block(ack_block(7, first, DIGEST, stored)))
    assert isinstance(block, AckBlock)
    claimed = {seq for seq in range(first, first + 2000) if block.arrived(seq)}
    assert claimed <= stored
    assert set(block.missing).isdisjoint(stored)
    highest = max(places, default=0)
    if highest < SPAN_MAX and highest + 1 - len(places) <= MISSING_MAX:
        assert claimed == stored


def test_numbers_above_the_highest_seen_are_unknown() -> None:
    block = ack_block(0, 3, DIGEST, {5, 6})
    assert (block.missing, block.seen) == ((3, 4), 6)
    assert [block.arrived(seq) for seq in range(2, 8)] == [False, False, False, True, True, False]


def test_a_block_with_nothing_missing_takes_8_bytes() -> None:
    assert len(encode_block(ack_block(9, 300, DIGEST, ()))) == 8
    assert len(encode_block(ack_block(9, 300, DIGEST, (), b"salt"))) == 11


def test_a_lone_receipt_takes_26_bytes_at_most() -> None:
    header_and_tag = 4 + 8
    receipt = Receipt(1_800_000_000, (ack_block(9, 300, DIGEST, ()),))
    assert len(encode_receipt(receipt)) + header_and_tag == 24


def test_ten_lost_of_a_hundred_cost_few_bytes() -> None:
    rng = random.Random(1)
    scattered = [lost(sorted(rng.sample(range(100), 10)), 100) for _ in range(300)]
    sizes = [len(encode_block(block)) - BESIDES for block in scattered]
    assert mean(sizes) <= 9.1
    assert max(sizes) <= 10
    starts = [sorted(rng.sample(range(0, 90, 6), 2)) for _ in range(100)]
    bursts = [lost([at + step for at in pair for step in range(5)], 100) for pair in starts]
    assert mean(len(encode_block(block)) - BESIDES for block in bursts) <= 7
    assert len(encode_block(lost(list(range(90, 100)), 100))) - BESIDES == 3


def test_a_block_too_long_to_list_says_less() -> None:
    every_other = range(2, 1002, 2)
    block = read(encode_block(ack_block(1, 1, DIGEST, every_other)))
    assert isinstance(block, AckBlock)
    assert len(block.missing) <= MISSING_MAX
    assert block.seen in every_other
    nothing_near = ack_block(1, 1, DIGEST, {400})
    assert (nothing_near.seen, nothing_near.missing) == (0, ())


@pytest.mark.parametrize(
    ("low", "newest", "epoch"),
    [(5, 5, 5), (5, 3, 5), (255, 256, 255), (0, 255, 256), (250, 3, 250), (3, 65533, 65283)],
)
def test_the_low_byte_of_an_epoch_means_the_nearest_one(low: int, newest: int, epoch: int) -> None:
    assert resolve_epoch(low, newest) == epoch


@given(st.integers(0, 0xFFFF), st.integers(-127, 127))
def test_a_near_epoch_is_found_again(newest: int, away: int) -> None:
    epoch = min(max(newest + away, 0), 0xFFFF)
    assert resolve_epoch(epoch & 0xFF, newest) == epoch


@given(st.binary(max_size=60))
def test_any_bytes_are_a_receipt_or_refused(data: bytes) -> None:
    found = decode_receipt(data)
    assert isinstance(found, (Receipt, Rejected))


@given(blocks, st.data())
def test_a_cut_block_is_refused(block: AckBlock, data: st.DataObject) -> None:
    raw = encode_block(block)
    short = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(MalformedError):
        read_block(Reader(short, Reject.ACK))


@pytest.mark.parametrize(
    "tail",
    [
        "10",  # a method, but nothing missing
        "7100",  # no such method
        "01ff",  # padding that is not zero
        "0100",  # the only number missing, and nothing stored behind it
    ],
)
def test_a_list_without_meaning_is_refused(tail: str) -> None:
    raw = b"\x07\x00\x05" + DIGEST + bytes.fromhex(tail)
    with pytest.raises(MalformedError):
        read_block(Reader(raw, Reject.ACK))


def test_numbers_that_no_envelope_can_have_are_refused() -> None:
    block = ack_block(7, 0xFFFC, NO_DIGEST, {0xFFFE})
    raw = bytearray(encode_block(block))
    assert read(bytes(raw)) == block
    raw[1:3] = b"\xff\xfe"
    with pytest.raises(MalformedError):
        read_block(Reader(bytes(raw), Reject.ACK))


def test_a_request_for_parts_names_the_cut_and_costs_7_bytes() -> None:
    assert len(encode_block(PartRequest(1, 2, 7, (3,)))) == 7
    assert len(encode_block(PartRequest(1, 2, 63, (3,)))) == 14
    beyond_last = b"\x01\xff\xff\x00\x02\x03\x10"
    with pytest.raises(MalformedError):
        read_block(Reader(beyond_last, Reject.ACK))


@pytest.mark.parametrize(
    "block",
    [
        AckBlock(1, 5, b"abc", 4),
        AckBlock(1, 5, DIGEST, 9, (6,)),
        AckBlock(1, 5, DIGEST, 9, (5, 9)),
        AckBlock(1, 0xFFFF, DIGEST, 0xFFFE),
        AckBlock(1, 5, DIGEST, 548, tuple(range(5, 548, 2))),
    ],
)
def test_a_block_that_contradicts_itself_is_an_error_of_the_caller(block: AckBlock) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_block(block)


def test_a_block_with_more_gaps_than_rice_can_count_is_written_as_runs() -> None:
    missing = (5, *range(6, 546, 2))
    block = AckBlock(1, 5, DIGEST, 545, missing)

    assert len(missing) == 271
    assert read(encode_block(block)) == block


def test_a_receipt_that_names_millions_of_numbers_is_refused_in_little_memory() -> None:
    wide = encode_block(AckBlock(1, 5, DIGEST, 1028, tuple(range(5, 1028))))
    some = MISSING_IN_RECEIPT_MAX // 1023
    assert isinstance(decode_receipt(bytes(4) + wide * some), Receipt)

    tracemalloc.start()
    assert decode_receipt(bytes(4) + wide * 1400) == Rejected(Reject.ACK)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
