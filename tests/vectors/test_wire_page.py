"""A second reader of frames, written from docs/wire.md alone, agrees with the vectors.

It shares no code with crisiskit: if the page and the program differ, one of them is wrong.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

HERE = Path(__file__).parent
DICTIONARY = files("crisiskit.codec").joinpath("dictionary-1.bin").read_bytes()


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


KEYS = load("keys")
LIVES = {life["name"]: life for life in KEYS["lives"]}
CONTENTS = {content["name"]: content for content in load("contents")}


class Bytes:
    """Section 1: integers and varints, off the front."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, count: int) -> bytes:
        assert len(self.left) >= count
        piece, self.left = self.left[:count], self.left[count:]
        return piece

    def uint(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def varint(self) -> int:
        value = 0
        while True:
            byte = self.uint(1)
            value = value * 128 + byte % 128
            if byte < 128:
                return value

    def reference(self) -> list[int]:
        first = self.varint()
        return [first % 2, first // 2, self.varint(), self.uint(1)]


# -- section 3 -------------------------------------------------------------------------------


def read_header(frame: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    """The fields, the associated data, what follows the header."""
    data = Bytes(frame)
    b0 = data.uint(1)
    assert b0 >> 6 == 0
    before = data.left
    station = data.varint()
    station_bytes = before[: len(before) - len(data.left)]
    named = b0 >> 2 & 1
    epoch, salt = (data.uint(2), data.take(4).hex()) if named else (None, None)
    counter = data.take(2)
    fields = {
        "kind": b0 >> 3 & 7,
        "kit_number": station // 2,
        "direction": station % 2,
        "precedence": b0 & 3,
        "counter": int.from_bytes(counter, "big"),
        "epoch": epoch,
        "salt": salt,
    }
    return fields, bytes([b0 & ~4]) + station_bytes + counter, data.left


# -- section 4 -------------------------------------------------------------------------------


def read_content(raw: bytes, base: int | None) -> dict[str, Any]:
    data = Bytes(raw)
    c = data.uint(1)
    assert c < 0x80
    minute = data.uint(4 if c & 1 else 2)
    if not c & 1:
        assert base is not None
        minute = next(m for m in range(base - 32768, base + 32768) if m % 65536 == minute)
    ack = read_block(data) if c & 0x40 else None
    records: list[dict[str, Any]] = []
    more = True
    while more:
        r = data.uint(1)
        if records:
            delta = data.varint()
            minute += -(delta + 1) // 2 if delta % 2 else delta // 2
        record = {"kind": r >> 5, "precedence": r >> 3 & 3, "minute": minute, "data": ""}
        record["answers"] = data.reference() if r & 2 else None
        record["twin"] = data.uint(1) if r & 1 else 0
        if r >> 5 in (1, 3):
            record["data"] = data.take(data.varint()).hex()
        records.append(record)
        more = bool(r & 4)
    texts = read_texts(c >> 1 & 7, data.left)
    for place, record in enumerate(records):
        record["text"] = texts[place] if place < len(texts) else ""
    return {"clock": c >> 4 & 3, "ack": ack, "records": records}


def read_texts(codec: int, coded: bytes) -> list[str]:
    if codec == 1:
        stream = zlib.decompressobj(-15, zdict=DICTIONARY)
        plain = stream.decompress(coded + b"\0\0")
        assert stream.eof
    elif codec == 4:
        known = zstandard.ZstdCompressionDict(DICTIONARY, zstandard.DICT_TYPE_RAWCONTENT)
        plain = zstandard.ZstdDecompressor(known).decompress(b"\x28\xb5\x2f\xfd" + coded)
    else:
        assert codec == 0
        plain = coded
    return plain.decode().split("\0")


# -- section 6 -------------------------------------------------------------------------------


class Bits:
    """The list of an ack block."""

    def __init__(self, data: bytes) -> None:
        self.bits = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def run(self, of: str) -> int:
        start = self.at
        while self.bits[self.at] == of:
            self.at += 1
        return self.at - start

    def number(self, width: int) -> int:
        self.at += width
        return int("0" + self.bits[self.at - width : self.at], 2)

    def rice(self, k: int) -> int:
        ones = self.run("1")
        return (ones << k) + self.number(k + 1)

    def exp_golomb(self, k: int) -> int:
        zeros = self.run("0")
        return self.number(zeros + 1 + k) - (1 << k)


def read_block(data: Bytes) -> dict[str, Any]:
    epoch, following = data.uint(1), data.uint(2)
    if following == 0xFFFF:
        seq, last = data.uint(2), data.uint(1)
        bits = data.uint(last // 8 + 1)
        missing = [index for index in range(last + 1) if bits >> index & 1]
        return {"epoch": epoch, "seq": seq, "last": last, "missing": missing}
    digest, head = data.take(4).hex(), data.uint(1)
    wide = head >= 0x80
    epoch += data.uint(1) * 256 if wide else 0
    method, count = head >> 4 & 7, head & 15
    if count == 15:
        count += data.uint(1)
    missing, at = [], following
    bits_left = Bits(data.left)
    for _ in range(count):
        gone = bits_left.exp_golomb(1) + 1 if method == 6 else 1
        stored = bits_left.exp_golomb(3) + 1 if method == 6 else bits_left.rice(method)
        missing += range(at, at + gone)
        at += gone + stored
    data.take(-(-bits_left.at // 8))
    block = {"epoch": epoch, "next": following, "digest": digest, "wide": wide}
    return block | {"missing": missing, "seen": at - 1}


# -- section 5 -------------------------------------------------------------------------------


def expand(key: bytes, info: bytes, size: int) -> bytes:
    return HKDFExpand(SHA256(), size, b"crisiskit/1 " + info).derive(key)


def life_keys(life: dict[str, Any]) -> dict[str, bytes]:
    secret, network, kit = (
        bytes.fromhex(KEYS[name]) for name in ("pairing_secret", "network_id", "kit_fp")
    )
    way = b"crisiskit/1 down" if life["direction"] else b"crisiskit/1 up"
    chain = HKDF(SHA256(), 32, network, way + kit).derive(secret)
    for _ in range(life["epoch"]):
        chain = expand(chain, b"next", 32)
    secret = expand(chain, b"epoch", 32)
    salt = bytes.fromhex(life["salt"])
    return {use: expand(secret, use.encode() + salt, 16) for use in ("env", "ack", "part")}


def unsealed(life: dict[str, Any], frame: bytes) -> bytes:
    fields, associated, sealed = read_header(frame)
    nonce = bytes([life["direction"]]) + life["epoch"].to_bytes(2, "big")
    nonce += bytes.fromhex(life["salt"]) + bytes([fields["kind"]])
    nonce += fields["counter"].to_bytes(5, "big")
    key = life_keys(life)["ack" if fields["kind"] == 4 else "env"]
    return AESCCM(key, tag_length=8).decrypt(nonce, sealed, associated)


# -- the vectors -----------------------------------------------------------------------------


def named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in load(name)])


@named("headers")
def test_headers(vector: dict[str, Any]) -> None:
    fields, associated, rest = read_header(bytes.fromhex(vector["bytes"]) + b"rest")
    assert fields == vector["header"]
    assert associated.hex() == vector["associated_data"]
    assert rest == b"rest"


@named("contents")
def test_contents(vector: dict[str, Any]) -> None:
    found = read_content(bytes.fromhex(vector["bytes"]), vector["base_minute"])
    assert found == {name: vector[name] for name in ("clock", "ack", "records")}


@named("frames")
def test_frames(vector: dict[str, Any]) -> None:
    life = LIVES[vector["life"]]
    for frame in (vector["frame"], vector["frame_without_epoch"]):
        content = unsealed(life, bytes.fromhex(frame))
        assert content.hex() == CONTENTS[vector["content"]]["bytes"]


@named("receipts")
def test_receipts(vector: dict[str, Any]) -> None:
    data = Bytes(unsealed(LIVES[vector["life"]], bytes.fromhex(vector["frame"])))
    assert data.uint(4) == vector["time_s"]
    blocks = []
    while data.left:
        blocks.append(read_block(data))
    assert blocks == vector["blocks"]


@named("parts")
def test_parts(vector: dict[str, Any]) -> None:
    key = life_keys(LIVES[vector["life"]])["part"]
    body = b""
    for index, frame in enumerate(map(bytes.fromhex, vector["frames"])):
        assert len(frame) <= vector["mtu"]
        fields, _, rest = read_header(frame)
        assert fields["kind"] == 2
        assert (rest[0], rest[1]) == (index, len(vector["frames"]) - 1)
        check = hashlib.blake2s(frame[:-4], key=key, digest_size=4).digest()
        assert frame[-4:] == check
        body += rest[2:-4]
    assert body == read_header(bytes.fromhex(vector["envelope"]))[2]


def test_log() -> None:
    log = load("log")
    digests = [
        record_digest(bytes.fromhex(log["author_fp"]), one["record"]) for one in log["records"]
    ]
    assert [digest.hex() for digest in digests] == [one["digest"] for one in log["records"]]
    assert [short_name(digest) for digest in digests] == [one["id"] for one in log["records"]]
    life = bytes([log["direction"]]) + log["epoch"].to_bytes(2, "big") + bytes.fromhex(log["salt"])
    state = sha256(b"crisiskit/1 epoch\0" + life + bytes.fromhex(log["kit_fp"]))
    assert state.hex() == log["start"]
    for step in log["chain"]:
        root = tree(digests[: step["records"]])
        leaf = sha256(b"crisiskit/1 leaf\0" + bytes.fromhex(step["associated_data"]) + root)
        state = sha256(b"crisiskit/1 log\0" + state + leaf)
        assert (leaf.hex(), state.hex()) == (step["leaf"], step["digest"])


# -- section 9 -------------------------------------------------------------------------------


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def record_digest(author: bytes, record: dict[str, Any]) -> bytes:
    answers = b""
    if record["answers"]:
        direction, epoch, seq, index = record["answers"]
        answers = varint(epoch * 2 + direction) + varint(seq) + bytes([index])
    data = bytes.fromhex(record["data"])
    out = b"crisiskit/1 rec\0" + author + bytes([record["kind"]])
    out += record["minute"].to_bytes(4, "big") + bytes([record["twin"], record["precedence"]])
    out += bytes([len(answers)]) + answers + len(data).to_bytes(2, "big") + data
    return sha256(out + record["text"].encode())[:16]


def varint(value: int) -> bytes:
    groups = [value % 128]
    while value := value // 128:
        groups.insert(0, value % 128 + 128)
    return bytes(groups)


def short_name(digest: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in digest[:5])
    letters = [
        "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[int(bits[at : at + 5], 2)] for at in range(0, 40, 5)
    ]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def tree(digests: list[bytes]) -> bytes:
    if len(digests) == 1:
        return sha256(b"\0" + digests[0])
    left = 1
    while left * 2 < len(digests):
        left *= 2
    return sha256(b"\1" + tree(digests[:left]) + tree(digests[left:]))
