"""Frames in clear: our bytes are those of the vectors, and a reader of docs/wire.md agrees."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from crisiskit.codec.header import FrameKind, decode_header, without_epoch
from crisiskit.codec.parts import Part, cut, open_part
from crisiskit.crypto.keys import EpochKeys
from crisiskit.crypto.seal import open_frame, seal
from crisiskit.model import Direction

HERE = Path(__file__).parent


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def named(kind: str) -> pytest.MarkDecorator:
    vectors = load("clear")[kind]
    return pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in vectors])


LIVES = {life["name"]: life for life in load("keys")["lives"]}


def keys_of(life: dict[str, Any]) -> EpochKeys:
    salt, env, ack, part = (bytes.fromhex(life[name]) for name in ("salt", "env", "ack", "part"))
    return EpochKeys(Direction(life["direction"]), life["epoch"], salt, env, ack, part)


# -- ours ------------------------------------------------------------------------------------


@named("frames")
def test_frames_are_made_and_read(vector: dict[str, Any]) -> None:
    keys, frame = keys_of(LIVES[vector["life"]]), bytes.fromhex(vector["frame"])
    found = decode_header(frame)
    assert isinstance(found, tuple)
    assert found[0].kind == vector["header"]["kind"]
    content = bytes.fromhex(vector["content"])
    assert seal(keys, found[0], content) == frame
    assert open_frame(keys, found[0], frame) == content
    assert without_epoch(frame).hex() == vector["frame_without_epoch"]


@named("parts")
def test_parts_are_cut_and_read(vector: dict[str, Any]) -> None:
    keys, envelope = keys_of(LIVES[vector["life"]]), bytes.fromhex(vector["envelope"])
    found = decode_header(envelope)
    assert isinstance(found, tuple)
    frames = cut(envelope, found[0], vector["mtu"], keys.part)
    assert [frame.hex() for frame in frames] == vector["frames"]
    parts = [open_part(frame, keys.part) for frame in frames]
    assert all(isinstance(part, Part) and part.header == found[0] for part in parts)


def test_every_kind_in_clear_has_a_vector() -> None:
    vectors = load("clear")
    kinds = {vector["header"]["kind"] for vector in vectors["frames"]}
    kinds |= {bytes.fromhex(part["frames"][0])[0] >> 3 & 7 for part in vectors["parts"]}
    assert kinds == {kind for kind in FrameKind if kind.clear}


# -- a second reader, from the page alone ----------------------------------------------------


def head_bytes(frame: bytes) -> int:
    station = 1
    while frame[station] >= 0x80:
        station += 1
    return station + 1 + (6 if frame[0] & 4 else 0) + 2


def associated(frame: bytes) -> bytes:
    head = frame[: head_bytes(frame)]
    station = head[1 : len(head) - (8 if frame[0] & 4 else 2)]
    return bytes([frame[0] & 0xFB]) + station + head[-2:]


@named("frames")
def test_a_reader_of_the_page_checks_the_tag(vector: dict[str, Any]) -> None:
    life = LIVES[vector["life"]]
    for text in (vector["frame"], vector["frame_without_epoch"]):
        frame = bytes.fromhex(text)
        kind, counter = frame[0] >> 3 & 7, frame[head_bytes(frame) - 2 : head_bytes(frame)]
        content, tag = frame[head_bytes(frame) : -8], frame[-8:]
        assert content.hex() == vector["content"]
        nonce = bytes([life["direction"]]) + life["epoch"].to_bytes(2, "big")
        nonce += bytes.fromhex(life["salt"]) + bytes([kind]) + counter.rjust(5, b"\0")
        key = bytes.fromhex(life["ack" if kind == 7 else "env"])
        sealed = AESCCM(key, tag_length=8).encrypt(nonce, b"", associated(frame) + content)
        assert sealed == tag


@named("parts")
def test_a_reader_of_the_page_joins_the_parts(vector: dict[str, Any]) -> None:
    key = bytes.fromhex(LIVES[vector["life"]]["part"])
    body = b""
    for place, frame in enumerate(map(bytes.fromhex, vector["frames"])):
        rest = frame[head_bytes(frame) :]
        assert (frame[0] >> 3 & 7, rest[0], rest[1]) == (3, place, len(vector["frames"]) - 1)
        assert hashlib.blake2s(frame[:-4], key=key, digest_size=4).digest() == frame[-4:]
        body += rest[2:-4]
    envelope = bytes.fromhex(vector["envelope"])
    assert body == envelope[head_bytes(envelope) :]
