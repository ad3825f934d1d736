"""Our bytes are those of the published vectors: made the same, read the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crisiskit.codec.acks import (
    AckBlock,
    PartRequest,
    Receipt,
    decode_receipt,
    encode_receipt,
)
from crisiskit.codec.batch import encode_batch, frames_of
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf, merkle_root
from crisiskit.codec.checkpoint import (
    Checkpoint,
    decode_checkpoint,
    decode_query,
    encode_checkpoint,
    encode_query,
)
from crisiskit.codec.content import (
    Content,
    decode_content,
    encode_content,
    with_signature,
)
from crisiskit.codec.header import (
    FrameKind,
    Header,
    associated_data,
    decode_header,
    encode_header,
    without_epoch,
)
from crisiskit.codec.parts import Part, cut, open_part
from crisiskit.codec.pieces import Piece, cut_file, decode_piece, join_file
from crisiskit.codec.record import record_digest, record_id
from crisiskit.codec.shortest import Codec
from crisiskit.crypto.enrol import (
    comparison_code,
    make_center_file,
    make_reply,
    read_center_file,
    read_reply,
    read_request,
)
from crisiskit.crypto.identity import CenterIdentity, KitIdentity, verified
from crisiskit.crypto.keys import EpochKeys, root_key
from crisiskit.crypto.seal import open_frame, seal
from crisiskit.crypto.statement import log_statement
from crisiskit.model import ClockQuality, Direction, Precedence, Record, RecordKind, Reference

HERE = Path(__file__).parent
Vector = dict[str, Any]


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def named(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in vectors])


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


KEYS: Vector = load("keys")
CONTENTS: list[Vector] = load("contents")
RECEIPTS: list[Vector] = load("receipts")
LOG: Vector = load("log")
SIGNED: Vector = load("signed")


def header_of(given: Vector) -> Header:
    salt = given["salt"]
    return Header(
        FrameKind(given["kind"]),
        given["kit_number"],
        Direction(given["direction"]),
        Precedence(given["precedence"]),
        given["counter"],
        given["epoch"],
        None if salt is None else raw(salt),
    )


def record_of(given: Vector, clock: int = 0) -> Record:
    answers = given["answers"]
    return Record(
        RecordKind(given["kind"]),
        Precedence(given["precedence"]),
        given["minute"],
        given["text"],
        raw(given["data"]),
        given["twin"],
        None if answers is None else Reference(Direction(answers[0]), *answers[1:]),
        ClockQuality(clock),
    )


def block_of(given: Vector) -> AckBlock | PartRequest:
    if "last" in given:
        return PartRequest(given["epoch"], given["seq"], given["last"], tuple(given["missing"]))
    missing = tuple(given["missing"])
    digest = raw(given["digest"])
    return AckBlock(
        given["epoch"], given["next"], digest, given["seen"], missing, raw(given["salt"])
    )


def content_of(given: Vector) -> Content:
    ack = None if given["ack"] is None else block_of(given["ack"])
    assert not isinstance(ack, PartRequest)
    records = tuple(record_of(record, given["clock"]) for record in given["records"])
    return Content(records, ack, ClockQuality(given["clock"]), raw(given["signature"]))


def life_of(given: Vector) -> EpochKeys:
    fields = raw(given["salt"]), raw(given["env"]), raw(given["ack"]), raw(given["part"])
    return EpochKeys(Direction(given["direction"]), given["epoch"], *fields)


LIVES = {vector["name"]: life_of(vector) for vector in KEYS["lives"]}


@named(KEYS["lives"])
def test_keys(vector: Vector) -> None:
    secrets = [raw(KEYS[name]) for name in ("pairing_secret", "network_id", "kit_fp")]
    root = root_key(secrets[0], secrets[1], secrets[2], Direction(vector["direction"]))
    chain = root.forward(vector["epoch"])
    assert root.key == raw(vector["root"])
    assert chain.key == raw(vector["chain_key"])
    assert chain.secret().secret == raw(vector["epoch_secret"])
    assert chain.secret().keys(raw(vector["salt"])) == life_of(vector)


@named(load("headers"))
def test_headers(vector: Vector) -> None:
    header = header_of(vector["header"])
    assert encode_header(header) == raw(vector["bytes"])
    assert associated_data(header) == raw(vector["associated_data"])
    assert decode_header(raw(vector["bytes"]) + bytes(20)) == (header, len(raw(vector["bytes"])))


@named(CONTENTS)
def test_contents(vector: Vector) -> None:
    content, base = content_of(vector), vector["base_minute"]
    assert decode_content(raw(vector["bytes"]), base) == content
    if vector["exact"]:
        plain = encode_content(content, base, {Codec(vector["codec"])})
        signed = with_signature(plain, content.signature) if content.signature else plain
        assert signed == raw(vector["bytes"])


@named(load("frames"))
def test_frames(vector: Vector) -> None:
    keys, header = LIVES[vector["life"]], header_of(vector["header"])
    content = next(raw(one["bytes"]) for one in CONTENTS if one["name"] == vector["content"])
    frame = seal(keys, header, content)
    assert frame == raw(vector["frame"])
    assert without_epoch(frame) == raw(vector["frame_without_epoch"])
    assert open_frame(keys, header, frame) == content


@named(RECEIPTS)
def test_receipts(vector: Vector) -> None:
    receipt = Receipt(vector["time_s"], tuple(block_of(block) for block in vector["blocks"]))
    assert encode_receipt(receipt) == raw(vector["bytes"])
    assert decode_receipt(raw(vector["bytes"])) == receipt
    keys, header = LIVES[vector["life"]], header_of(vector["header"])
    assert seal(keys, header, raw(vector["bytes"])) == raw(vector["frame"])
    assert open_frame(keys, header, raw(vector["frame"])) == raw(vector["bytes"])


@named(load("batches"))
def test_batches(vector: Vector) -> None:
    frames, batch = [raw(one) for one in vector["frames"]], raw(vector["bytes"])
    if vector["whole"]:
        assert encode_batch(frames, Precedence(vector["precedence"])) == batch
        assert frames_of(batch) == frames
    else:
        *found, rest = frames_of(batch)
        assert found == frames
        assert batch.endswith(rest)


@named(load("parts"))
def test_parts(vector: Vector) -> None:
    keys, envelope = LIVES[vector["life"]], raw(vector["envelope"])
    found = decode_header(envelope)
    assert isinstance(found, tuple)
    frames = [raw(frame) for frame in vector["frames"]]
    assert cut(envelope, found[0], vector["mtu"], keys.part) == frames
    slices = []
    for index, frame in enumerate(frames):
        part = open_part(frame, keys.part)
        assert isinstance(part, Part)
        assert (part.header, part.index, part.last) == (found[0], index, len(frames) - 1)
        slices.append(part.piece)
    assert b"".join(slices) == envelope[found[1] :]


def test_log() -> None:
    digests = []
    for vector in LOG["records"]:
        digest = record_digest(raw(LOG["author_fp"]), record_of(vector["record"]))
        assert digest == raw(vector["digest"])
        assert record_id(digest) == vector["id"]
        digests.append(digest)
    for size, root in enumerate(LOG["roots"], 1):
        assert merkle_root(digests[:size]) == raw(root)
    salt, kit_fp = raw(LOG["salt"]), raw(LOG["kit_fp"])
    state = chain_start(Direction(LOG["direction"]), LOG["epoch"], salt, kit_fp)
    assert state == raw(LOG["start"])
    for step in LOG["chain"]:
        leaf = envelope_leaf(raw(step["associated_data"]), digests[: step["records"]])
        assert leaf == raw(step["leaf"])
        state = chain_next(state, leaf)
        assert state == raw(step["digest"])


@pytest.mark.parametrize("signed", [pytest.param(v, id=v["life"]) for v in SIGNED["lives"]])
def test_signed_lives(signed: Vector) -> None:
    """A life envelope by envelope: sealed, chained and signed with the keys of enrolment.json."""
    secrets, keys = load("enrolment"), LIVES[signed["life"]]
    kit, center = (
        KitIdentity(raw(secrets["kit_secret"])),
        CenterIdentity(raw(secrets["center_secret"])),
    )
    up = keys.direction is Direction.UP
    public, sign = (kit.public, kit.sign) if up else (center.authority_public, center.sign)
    assert public == raw(SIGNED["signers"][keys.direction.name.lower()])
    state = chain_start(keys.direction, keys.epoch, keys.salt, kit.fingerprint)
    assert state == raw(signed["start"])
    for envelope in signed["envelopes"]:
        vector = next(one for one in CONTENTS if one["name"] == envelope["content"])
        header, content = decode_header(raw(envelope["frame"])), content_of(vector)
        assert isinstance(header, tuple)
        assert seal(keys, header[0], raw(vector["bytes"])) == raw(envelope["frame"])
        digests = [record_digest(raw(signed["author_fp"]), r) for r in content.records]
        leaf = envelope_leaf(associated_data(header[0]), digests)
        state = chain_next(state, leaf)
        assert (leaf, state) == (raw(envelope["leaf"]), raw(envelope["digest"]))
        if content.signature:
            said = log_statement(center.network_id, kit.fingerprint, state)
            assert said == raw(envelope["statement"])
            assert sign(said) == content.signature == raw(envelope["signature"])
            assert verified(public, content.signature, said)


def test_checkpoints_and_queries() -> None:
    records = {(r["kind"], r["data"]) for one in CONTENTS for r in one["records"]}
    checkpoints = {raw(data) for kind, data in records if kind == RecordKind.CHECKPOINT}
    (full,) = checkpoints - {b""}
    found, before = decode_checkpoint(full), SIGNED["lives"][0]
    life, last = LIVES[before["life"]], before["envelopes"][-1]
    count = len(before["envelopes"])
    assert found == Checkpoint(life.epoch, life.salt, count, raw(last["digest"]))
    assert encode_checkpoint(found) == full and decode_checkpoint(b"") is None
    (query,) = [raw(data) for kind, data in records if kind == RecordKind.QUERY]
    assert encode_query(decode_query(query)) == query


def test_enrolment() -> None:
    given = load("enrolment")
    center, kit = CenterIdentity(raw(given["center_secret"])), KitIdentity(raw(given["kit_secret"]))
    assert center.exchange_public == raw(given["exchange_public"])
    assert center.network_id == raw(given["network_id"])
    assert kit.fingerprint == raw(given["kit_fp"])
    center_file, request, reply = (raw(given[name]) for name in ("center", "request", "reply"))
    assert make_center_file(center, given["network"], given["exercise"]) == center_file
    known = read_center_file(center_file)
    assert (known.name, known.exercise) == (given["network"], given["exercise"])
    seen = read_request(request, center)
    assert seen.pairing_secret == raw(given["pairing_secret"])
    assert (seen.name, seen.kit_public) == (given["kit_name"], kit.public)
    assert comparison_code(request) == given["code"]
    assert make_reply(center, given["kit_number"], seen) == reply
    certificate = read_reply(reply, kit.fingerprint, request, known)
    assert certificate.kit_number == given["kit_number"]


@named(load("files"))
def test_files(vector: Vector) -> None:
    content, pieces = raw(vector["content"]), [raw(piece) for piece in vector["pieces"]]
    made = cut_file(raw(vector["message"]), vector["file_name"], content, vector["slice"])
    if vector["exact"]:
        assert made == pieces
    first, *rest = [decode_piece(piece) for piece in pieces]
    assert isinstance(first, Piece) and first.head is not None
    assert (first.head.message, first.head.name) == (raw(vector["message"]), vector["file_name"])
    slices = [one.content for one in rest if isinstance(one, Piece)]
    assert join_file(first.head, slices) == content


def test_every_kind_flag_codec_and_clock_has_a_vector() -> None:
    first = {raw(one["bytes"])[0] for one in CONTENTS}
    assert {byte >> 1 & 7 for byte in first} == set(Codec)
    assert {byte >> 4 & 3 for byte in first} == set(ClockQuality)
    assert {byte & 0x80 for byte in first} == {0, 0x80}
    assert {byte & 0x40 for byte in first} == {0, 0x40}
    assert {byte & 0x01 for byte in first} == {0, 1}
    records = [record for one in CONTENTS for record in one["records"]]
    assert {record["kind"] for record in records} == set(RecordKind)
    assert {record["precedence"] for record in records} == set(Precedence)
    assert {bool(record["twin"]) for record in records} == {False, True}
    assert {record["answers"] is None for record in records} == {False, True}
    checkpoints = {bool(r["data"]) for r in records if r["kind"] == RecordKind.CHECKPOINT}
    assert checkpoints == {False, True}
    assert {one["header"]["kind"] for one in load("headers")} == set(FrameKind)
    assert {min(len(one["blocks"]), 2) for one in RECEIPTS} == {0, 1, 2}


def test_a_vector_that_is_changed_is_noticed() -> None:
    vector = CONTENTS[0]
    content = content_of(vector)
    other = replace(content, records=(replace(content.records[0], minute=1), *content.records[1:]))
    assert decode_content(raw(vector["bytes"]), vector["base_minute"]) != other
