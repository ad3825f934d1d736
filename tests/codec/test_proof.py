"""The file of a proof: one for each proof, bounded, and any other bytes are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisiskit.codec.chain import path_length
from crisiskit.codec.header import FrameKind, Header
from crisiskit.codec.proof import PROOF_BYTES_MAX, Proof, decode_proof, encode_proof
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.model import Direction, Precedence, Record, RecordKind, Reference

hashes = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
references = st.builds(
    Reference,
    st.sampled_from(Direction),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFE),
    st.integers(0, 255),
)
records = st.builds(
    Record,
    kind=st.sampled_from(RecordKind),
    precedence=st.sampled_from(Precedence),
    minute=st.integers(0, 0xFFFFFFFF),
    text=texts,
    data=st.binary(max_size=20),
    twin=st.integers(0, 255),
    answers=st.none() | references,
)
headers = st.builds(
    Header,
    kind=st.just(FrameKind.SEALED),
    kit_number=st.integers(0, 0xFFFF),
    direction=st.sampled_from(Direction),
    precedence=st.sampled_from(Precedence),
    counter=st.integers(0, 3) | st.integers(0, 65_000),
)


@st.composite
def proofs(draw: st.DrawFn) -> Proof:
    count = draw(st.integers(1, 255))
    place = draw(st.integers(0, count - 1))
    steps = path_length(place, count)
    header = draw(headers)
    return Proof(
        network_id=draw(st.binary(min_size=16, max_size=16)),
        kit_fp=draw(st.binary(min_size=16, max_size=16)),
        epoch=draw(st.integers(0, 0xFFFF)),
        salt=draw(st.binary(min_size=4, max_size=4)),
        author_public=draw(hashes),
        record=draw(records),
        header=header,
        place=place,
        count=count,
        path=tuple(draw(st.lists(hashes, min_size=steps, max_size=steps))),
        previous=draw(hashes),
        earlier=tuple(
            draw(hashes)
            for _leaf in range(header.counter if header.counter < 4 and draw(st.booleans()) else 0)
        ),
        following=tuple(draw(st.lists(hashes, max_size=5))),
        signature=draw(st.binary(min_size=64, max_size=64)),
    )


SMALL = Proof(
    network_id=bytes(16),
    kit_fp=bytes(16),
    epoch=1,
    salt=b"salt",
    author_public=bytes(32),
    record=Record(RecordKind.TEXT, Precedence.FLASH, 29_000_000, "Pont coupé"),
    header=Header(FrameKind.SEALED, 7, Direction.UP, Precedence.FLASH, 2),
    place=1,
    count=3,
    path=(b"a" * 32, b"b" * 32),
    previous=b"c" * 32,
    earlier=(),
    following=(b"d" * 32,),
    signature=b"e" * 64,
)


@given(proofs())
@settings(max_examples=100)
def test_what_is_written_is_read(proof: Proof) -> None:
    assert decode_proof(encode_proof(proof)) == proof


def test_the_format_is_that_of_its_page() -> None:
    """Byte by byte as in docs/proof.md."""
    text = "Pont coupé".encode()
    written = (
        *(b"CKPF1", bytes(16), bytes(16), b"\0\1", b"salt", bytes(32)),
        *(b"\0", (29_000_000).to_bytes(4, "big"), b"\0", b"\3", b"\0", b"\0\0"),
        *(len(text).to_bytes(3, "big"), text, b"\4", bytes([3, 14, 0, 2]), b"\1", b"\3"),
        *(b"a" * 32, b"b" * 32, b"c" * 32, b"\0\0", b"\0\1"),
        *(b"d" * 32, b"\0", b"e" * 64),
    )
    assert encode_proof(SMALL) == b"".join(written)


@given(proofs(), st.data())
@settings(max_examples=200)
def test_other_bytes_are_another_proof_or_none(proof: Proof, data: st.DataObject) -> None:
    good = encode_proof(proof)
    place = data.draw(st.integers(0, len(good) - 1))
    bent = bytearray(good)
    bent[place] ^= data.draw(st.integers(1, 255))
    found = decode_proof(bytes(bent))
    assert isinstance(found, Rejected) or (found != proof and encode_proof(found) == bytes(bent))


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_a_proof(noise: bytes) -> None:
    for data in (noise, b"CKPF1" + noise, encode_proof(SMALL)[:200] + noise):
        found = decode_proof(data)
        assert isinstance(found, Rejected) or encode_proof(found) == data


def test_a_cut_or_longer_file_is_refused() -> None:
    data = encode_proof(SMALL)
    assert all(isinstance(decode_proof(data[:end]), Rejected) for end in range(len(data)))
    assert decode_proof(data + b"\0") == Rejected(Reject.LENGTH)
    assert decode_proof(b"CKPF1" + bytes(PROOF_BYTES_MAX)) == Rejected(Reject.LENGTH)
    assert decode_proof(b"CKPF2" + data[5:]) == Rejected(Reject.VERSION)


def test_the_longest_proof_has_room() -> None:
    head = replace(SMALL.header, counter=0)
    long = replace(
        SMALL,
        record=replace(SMALL.record, text="a" * 65_536, data=bytes(4096)),
        header=head,
        following=(b"d" * 32,) * 65_534,
    )
    assert decode_proof(encode_proof(long)) == long


@pytest.mark.parametrize(
    "wrong",
    [
        {"record": replace(SMALL.record, text="a\0b")},
        {"record": replace(SMALL.record, text="a" * 65_537)},
        {"record": replace(SMALL.record, text="\ud800")},
        {"record": replace(SMALL.record, data=bytes(4097))},
        {"header": replace(SMALL.header, kind=FrameKind.RECEIPT)},
        {"header": replace(SMALL.header, counter=65_534)},
        {"place": 3},
        {"path": SMALL.path[:1]},
        {"path": (b"a", b"b" * 63)},
        {"salt": b"sal"},
        {"signature": bytes(63)},
    ],
)
def test_what_could_not_be_read_is_not_written(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        encode_proof(replace(SMALL, **wrong))  # type: ignore[arg-type]
