"""A reader of frames, receipts and logs, written from docs/wire.md alone.

It shares no code with crisiskit, only what the page names: the dictionary of 32,500 bytes and
primitives of the package cryptography. What the page says to refuse raises ``RefusedError``. Tests
load this file by its path; records, contents and blocks are dicts shaped like the vectors.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

CODEC = Path(__file__).resolve().parents[2] / "crisiskit" / "codec"
DICTIONARY = (CODEC / "dictionary-1.bin").read_bytes()
WITH_DATA = (1, 2, 3, 4, 5, 6, 7)
KINDS = (0, 1, 2, 3, 4, 5, 6, 7)
FRAME_KINDS = (0, 1, 2, 3, 4, 5, 7)
CODECS = (0, 1, 2, 4)


def _text_model() -> Any:
    """The reader of codec 2, from its own page."""
    spec = spec_from_file_location(
        "independent_text", Path(__file__).with_name("independent_text.py")
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TEXT_MODEL = _text_model()


class RefusedError(Exception):
    """Bytes that the page says to refuse."""


def need(fact: bool, what: str) -> None:
    if not fact:
        raise RefusedError(what)


class Bytes:
    """Section 1: integers and varints, off the front."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, count: int) -> bytes:
        need(len(self.left) >= count, "too short")
        piece, self.left = self.left[:count], self.left[count:]
        return piece

    def uint(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def varint(self) -> int:
        value, first = 0, True
        while True:
            byte = self.uint(1)
            need(not first or byte != 0x80, "not the shortest form")
            first = False
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
    need(b0 >> 6 == 0, "version")
    need(b0 >> 3 & 7 in FRAME_KINDS, "kind")
    before = data.left
    station = data.varint()
    station_bytes = before[: len(before) - len(data.left)]
    need(station < 2 * 65536, "kit number")
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


# -- section 13 ------------------------------------------------------------------------------


def read_batch(raw: bytes) -> list[bytes]:
    """The frames of a batch up to where it is broken, each still to be judged by itself."""
    need(2 <= len(raw) <= 131_072 and raw[0] & 0xFC == 0x30, "no batch")
    frames: list[bytes] = []
    data = Bytes(raw[1:])
    while data.left and len(frames) < 255:
        try:
            length = data.varint()
            need(length <= 16384, "longer than any frame")
            frame = data.take(length)
        except RefusedError:
            break
        if len(frame) < 13 or frame[0] & 0xFC == 0x30:
            continue
        frames.append(frame)
    return frames


# -- section 4 -------------------------------------------------------------------------------


def read_content(raw: bytes, base: int | None) -> dict[str, Any]:
    """All of a content; ``base`` is the minute of envelope 0, None where it is not known."""
    need(len(raw) <= 16364, "too long")
    signature = b""
    if raw[:1] >= b"\x80":
        need(len(raw) > 64, "no room for a signature")
        raw, signature = raw[:-64], raw[-64:]
    data = Bytes(raw)
    c = data.uint(1)
    minute = data.uint(4 if c & 1 else 2)
    if not c & 1:
        need(base is not None, "decoded once envelope 0 is there")
        minute = near(minute, base or 0)
    ack = None
    if c & 0x40:
        ack = read_block(data)
        need("next" in ack, "a request for parts in an envelope")
    records = read_heads(data, minute)
    texts = read_texts(c >> 1 & 7, data.left, len(records))
    for record, text in zip(records, texts, strict=True):
        record["text"] = text
    return {"clock": c >> 4 & 3, "ack": ack, "records": records, "signature": signature.hex()}


def near(low: int, base: int) -> int:
    """The minute with these low 16 bits in base - 32768 to base + 32767."""
    first = base - 32768
    minute = first + (low - first) % 65536
    if minute < 0:
        return minute + 65536
    return minute - 65536 if minute > 2**32 - 1 else minute


def read_heads(data: Bytes, minute: int) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    more = True
    while more:
        need(len(records) < 255, "too many records")
        r = data.uint(1)
        if records:
            delta = data.varint()
            minute += -(delta + 1) // 2 if delta % 2 else delta // 2
        need(r >> 5 in KINDS and 0 <= minute < 2**32, "type or minute")
        record = {"kind": r >> 5, "precedence": r >> 3 & 3, "minute": minute, "data": ""}
        record["answers"] = data.reference() if r & 2 else None
        record["twin"] = data.uint(1) if r & 1 else 0
        need(not r & 1 or record["twin"] != 0, "twin 0 is not sent")
        if r >> 5 in WITH_DATA:
            size = data.varint()
            need(size <= 4096, "too much data")
            record["data"] = data.take(size).hex()
        records.append(record)
        more = bool(r & 4)
    return records


def read_texts(codec: int, coded: bytes, count: int) -> list[str]:
    """One text for each record; those missing at the end are empty."""
    need(codec in CODECS, "codec")
    if codec == 2:
        texts: list[str] = TEXT_MODEL.Stream(coded).texts(count)
        return texts
    try:
        plain = coded if codec == 0 else inflate(coded) if codec == 1 else unzstd(coded)
        texts = plain.decode().split("\0")
    except (zlib.error, zstandard.ZstdError, UnicodeDecodeError) as bad:
        raise RefusedError(str(bad)) from bad
    need(len(texts) <= count and not plain.endswith(b"\0"), "texts")
    return texts + [""] * (count - len(texts))


def inflate(coded: bytes) -> bytes:
    stream = zlib.decompressobj(-15, zdict=DICTIONARY)
    plain = stream.decompress(coded + b"\0\0", 65537)
    need(stream.eof and len(stream.unused_data) <= 2 and len(plain) <= 65536, "deflate")
    return plain


def unzstd(coded: bytes) -> bytes:
    frame = b"\x28\xb5\x2f\xfd" + coded
    size = zstandard.frame_content_size(frame)
    need(0 <= size <= 65536, "content size")
    known = zstandard.ZstdCompressionDict(DICTIONARY, zstandard.DICT_TYPE_RAWCONTENT)
    plain = zstandard.ZstdDecompressor(known, max_window_size=1 << 17).decompress(frame)
    need(len(plain) == size, "content size")
    return plain


def read_checkpoint(data: bytes) -> dict[str, Any] | None:
    """The life before, None for the empty checkpoint."""
    if not data:
        return None
    need(len(data) == 40, "a checkpoint")
    rest = Bytes(data)
    epoch, salt, count = rest.uint(2), rest.take(4).hex(), rest.uint(2)
    return {"epoch": epoch, "salt": salt, "count": count, "digest": rest.left.hex()}


def read_query(data: bytes) -> list[dict[str, Any]]:
    """The lives asked for, and how many envelopes the asker has of each."""
    need(0 < len(data) <= 360 and len(data) % 6 == 0, "a query")
    rest, found = Bytes(data), []
    while rest.left:
        epoch, salt, count = rest.uint(2), rest.take(2).hex(), rest.uint(2)
        found.append({"epoch": epoch, "salt": salt, "count": count})
    return found


# -- section 6 -------------------------------------------------------------------------------


class Bits:
    """The list of an ack block."""

    def __init__(self, data: bytes) -> None:
        self.bits = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def run(self, of: str) -> int:
        start = self.at
        while self.bits[self.at : self.at + 1] == of:
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
        need(last < 64 and bits >> last + 1 == 0, "parts")
        missing = [index for index in range(last + 1) if bits >> index & 1]
        return {"epoch": epoch, "seq": seq, "last": last, "missing": missing}
    digest, head = data.take(4).hex(), data.uint(1)
    wide = head >= 0x80
    epoch += data.uint(1) * 256 if wide else 0
    salt = data.take(2).hex() if wide else ""
    method, count = head >> 4 & 7, head & 15
    if count == 15:
        count += data.uint(1)
    need(method < 7 and (count > 0 or method == 0), "ack block")
    missing, at = [], following
    bits_left = Bits(data.left)
    for _ in range(count):
        gone = bits_left.exp_golomb(1) + 1 if method == 6 else 1
        stored = bits_left.exp_golomb(3) + 1 if method == 6 else bits_left.rice(method)
        missing += range(at, at + gone)
        at += gone + stored
    data.take(-(-bits_left.at // 8))
    block = {"epoch": epoch, "next": following, "digest": digest, "salt": salt}
    return block | {"missing": missing, "seen": at - 1}


# -- section 5 -------------------------------------------------------------------------------


def expand(key: bytes, info: bytes, size: int) -> bytes:
    return HKDFExpand(SHA256(), size, b"crisiskit/1 " + info).derive(key)


class Pairing:
    """What kit and center share, and the public keys that sign each direction."""

    def __init__(self, secret: bytes, network_id: bytes, kit_fp: bytes, signers: list[bytes]):
        self.secret, self.network_id, self.kit_fp = secret, network_id, kit_fp
        self.signers = signers

    def keys(self, direction: int, epoch: int, salt: bytes) -> dict[str, bytes]:
        way = b"crisiskit/1 down" if direction else b"crisiskit/1 up"
        chain = HKDF(SHA256(), 32, self.network_id, way + self.kit_fp).derive(self.secret)
        for _ in range(epoch):
            chain = expand(chain, b"next", 32)
        secret = expand(chain, b"epoch", 32)
        return {use: expand(secret, use.encode() + salt, 16) for use in ("env", "ack", "part")}

    def unsealed(self, frame: bytes, epoch: int, salt: bytes) -> bytes:
        """The content of an envelope or receipt of that life."""
        fields, associated, sealed = read_header(frame)
        need(fields["kind"] in (0, 4) and 13 <= len(frame) <= 16384, "not a sealed frame")
        need(fields["epoch"] in (None, epoch), "another epoch")
        need(fields["salt"] in (None, salt.hex()), "another life")
        nonce = bytes([fields["direction"]]) + epoch.to_bytes(2, "big") + salt
        nonce += bytes([fields["kind"]]) + fields["counter"].to_bytes(5, "big")
        key = self.keys(fields["direction"], epoch, salt)["ack" if fields["kind"] == 4 else "env"]
        try:
            return AESCCM(key, tag_length=8).decrypt(nonce, sealed, associated)
        except InvalidTag as bad:
            raise RefusedError("tag") from bad


def read_receipt(content: bytes) -> dict[str, Any]:
    """Section 6: the clock and the blocks."""
    data = Bytes(content)
    time_s, blocks = data.uint(4), []
    while data.left:
        blocks.append(read_block(data))
    return {"time_s": time_s, "blocks": blocks}


# -- section 14 ------------------------------------------------------------------------------


def read_piece(raw: bytes) -> dict[str, Any]:
    """The data of a record of type 7: a head with all its fields, or a slice."""
    data = Bytes(raw)
    file, number = data.take(6), data.varint()
    if number:
        need(0 < len(data.left) <= 4080, "slice")
        return {"file": file.hex(), "number": number, "slice": data.left.hex()}
    need(file == sha256(b"crisiskit/1 file\0" + data.left)[:6], "name of a file")
    head: dict[str, Any] = {"file": file.hex(), "number": 0, "message": data.take(16).hex()}
    head |= {"codec": data.uint(1), "size": data.varint(), "coded": data.varint()}
    head |= {"slice": data.varint(), "digest": data.take(32).hex()}
    need(head["codec"] in (0, 4) and 0 < head["size"] <= 1048576, "codec or size")
    need(0 < head["coded"] <= head["size"] and 256 <= head["slice"] <= 4080, "lengths")
    need(head["codec"] != 0 or head["coded"] == head["size"], "raw")
    need(0 < len(data.left) <= 120 and 0 not in data.left, "name")
    return head | {"name": data.left.decode()}


def read_file(pieces: list[bytes]) -> bytes:
    """A file from the data of all its records, in any order."""
    found = {piece["number"]: piece for piece in map(read_piece, pieces)}
    head = found[0]
    count = -(-head["coded"] // head["slice"])
    need(set(found) == set(range(count + 1)), "all pieces")
    need({piece["file"] for piece in found.values()} == {head["file"]}, "one file")
    slices = [bytes.fromhex(found[number]["slice"]) for number in range(1, count + 1)]
    need(all(len(piece) == head["slice"] for piece in slices[:-1]), "length of a slice")
    coded = b"".join(slices)
    need(len(coded) == head["coded"], "length of the stream")
    if head["codec"] == 4:
        known = zstandard.ZstdCompressionDict(DICTIONARY, zstandard.DICT_TYPE_RAWCONTENT)
        opener = zstandard.ZstdDecompressor(known, max_window_size=1 << 17)
        coded = opener.decompress(b"\x28\xb5\x2f\xfd" + coded)
    need(len(coded) == head["size"] and sha256(coded).hex() == head["digest"], "digest")
    return coded


# -- section 7 -------------------------------------------------------------------------------


def joined(frames: Iterable[bytes], key: bytes) -> bytes:
    """The body of an envelope from all its parts in order."""
    frames, body = list(frames), b""
    for index, frame in enumerate(frames):
        fields, _, rest = read_header(frame)
        need(fields["kind"] == 2 and (rest[0], rest[1]) == (index, len(frames) - 1), "place")
        check = hashlib.blake2s(frame[:-4], key=key, digest_size=4).digest()
        need(frame[-4:] == check, "check")
        body += rest[2:-4]
    return body


def joined_of_cuts(frames: Iterable[bytes], key: bytes) -> bytes:
    """The same from parts of several cuts, each number of which divides the greater ones."""
    slices: dict[Fraction, tuple[Fraction, bytes]] = {}
    for frame in frames:
        _, _, rest = read_header(frame)
        check = hashlib.blake2s(frame[:-4], key=key, digest_size=4).digest()
        need(frame[-4:] == check, "check")
        count = rest[1] + 1
        slices[Fraction(rest[0], count)] = Fraction(rest[0] + 1, count), rest[2:-4]
    at, body = Fraction(0), b""
    while at < 1:
        need(at in slices, "a gap")
        at, piece = slices[at]
        body += piece
    return body


# -- section 9 -------------------------------------------------------------------------------


class Log:
    """One life, envelope after envelope: the chain, and what signatures prove of it.

    ``signed_below``: envelopes below are covered by a right signature. ``proved`` is false
    from the first wrong signature on.
    """

    def __init__(self, pairing: Pairing, direction: int, epoch: int, salt: bytes, author: bytes):
        self.pairing, self.direction, self.author = pairing, direction, author
        life = bytes([direction]) + epoch.to_bytes(2, "big") + salt
        self.start = self.digest = sha256(b"crisiskit/1 epoch\0" + life + pairing.kit_fp)
        self.leaf, self.count, self.signed_below, self.proved = b"", 0, 0, True

    def add(self, associated: bytes, content: dict[str, Any]) -> None:
        """Take in the next envelope: the associated data of its header, and its content."""
        root = tree([record_digest(self.author, record) for record in content["records"]])
        self.leaf = sha256(b"crisiskit/1 leaf\0" + associated + root)
        self.digest = sha256(b"crisiskit/1 log\0" + self.digest + self.leaf)
        self.count += 1
        if content["signature"] and self.proved:
            self.proved = self._right(bytes.fromhex(content["signature"]))
            self.signed_below = self.count if self.proved else self.signed_below

    @property
    def statement(self) -> bytes:
        """What a signature in the newest envelope covers."""
        names = self.pairing.network_id + self.pairing.kit_fp
        return b"crisiskit/1 sig\0" + names + self.digest

    def _right(self, signature: bytes) -> bool:
        signer = Ed25519PublicKey.from_public_bytes(self.pairing.signers[self.direction])
        try:
            signer.verify(signature, self.statement)
        except InvalidSignature:
            return False
        return True


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
