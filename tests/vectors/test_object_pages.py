"""A second reader of sections 11 and 12 of docs/wire.md, which shares no code with crisiskit."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

HERE = Path(__file__).parent


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


OBJECTS, TRUST = load("objects"), load("trust")


class Bytes:
    """Integers and pieces off the front."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, count: int) -> bytes:
        assert len(self.left) >= count
        piece, self.left = self.left[:count], self.left[count:]
        return piece

    def uint(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")


def verify(public: bytes, signature: bytes, data: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(public).verify(signature, data)


def read_object(data: bytes, text: bytes, network: bytes) -> dict[str, Any]:
    """The fields; the signatures are checked with the keys of the vectors."""
    reader = Bytes(data)
    kind, flags, number, issued = (reader.uint(size) for size in (1, 1, 2, 4))
    life = 0 if kind == 3 else reader.uint(1)
    kits = [reader.uint(2) for _ in range(reader.uint(1))]
    signers = list(reader.take(2 if flags & 2 else 1))
    body = reader.take({2: 2, 5: 33}.get(kind, 0))
    front = data[: len(data) - len(reader.left)]
    signatures = [reader.take(64) for _ in signers]
    assert reader.left == b"" and flags < 16
    covered = b"crisiskit/1 obj\0" + network + front + text
    for signer, signature in zip(signers, signatures, strict=True):
        public = bytes.fromhex(OBJECTS["signers"][str(signer)]["public"])
        verify(public, signature, covered)
    whole = front + text + b"".join(signatures)
    code = int.from_bytes(hashlib.sha256(b"crisiskit/1 code\0" + whole).digest(), "big") % 10000
    return {
        "kind": kind,
        "number": number,
        "issued_s": issued,
        "signers": signers,
        "exercise": bool(flags & 1),
        "answer": bool(flags & 4),
        "delta": bool(flags & 8),
        "life": life,
        "kits": kits,
        "body": body.hex(),
        "text": text.decode(),
        "signatures": [one.hex() for one in signatures],
        "code": f"{code:04}",
    }


@pytest.mark.parametrize(
    "vector", [pytest.param(vector, id=vector["name"]) for vector in OBJECTS["objects"]]
)
def test_objects(vector: dict[str, Any]) -> None:
    network = bytes.fromhex(OBJECTS["network_id"])
    found = read_object(bytes.fromhex(vector["data"]), vector["text"].encode(), network)
    assert found == {name: vector[name] for name in found}
    frame = Bytes(bytes.fromhex(vector["frame"]))
    b0 = frame.uint(1)
    assert (b0 >> 6, b0 >> 3 & 7, b0 >> 2 & 1, b0 & 3) == (0, 5, 0, vector["precedence"])
    assert (frame.uint(1), frame.uint(2)) == (1, vector["number"])
    size = frame.uint(1)
    if size & 0x80:
        size = (size & 0x7F) * 128 + frame.uint(1)
    assert frame.take(size).hex() == vector["data"]
    assert frame.uint(1) == 0 and frame.left.decode() == vector["text"]


def test_the_answer() -> None:
    answer = OBJECTS["answer"]
    data = Bytes(bytes.fromhex(answer["data"]))
    assert (data.uint(2), f"{data.uint(2):04}") == (answer["number"], answer["code"])


def test_the_bundle() -> None:
    data = bytes.fromhex(TRUST["bundle"])
    reader = Bytes(data)
    assert reader.take(5) == b"CKTB1"
    network, version, grave = reader.take(16), reader.uint(4), reader.uint(1)
    roots = [reader.take(1344) for _ in range(3)]
    marks = [hashlib.sha256(b"crisiskit/1 root\0" + root).digest() for root in roots]
    assert network == hashlib.sha256(b"crisiskit/1 roots\0" + b"".join(marks)).digest()[:16]
    assert [mark.hex() for mark in marks] == TRUST["fingerprints"]
    exchange = reader.take(1216).hex()
    authorities = [reader.take(32).hex() for _ in range(reader.uint(1))]
    duty = [
        {"index": reader.uint(1), "public": reader.take(32).hex(), "name": name(reader)}
        for _ in range(reader.uint(1))
    ]
    body = data[: len(data) - len(reader.left)]
    signed_by = []
    for _ in range(reader.uint(1)):
        place, signature = reader.uint(1), reader.take(2484)
        signed_by.append(place)
        verify(roots[place][:32], signature[:64], b"crisiskit/1 bundle\0" + body)
        mldsa = MLDSA44PublicKey.from_public_bytes(roots[place][32:])
        mldsa.verify(signature[64:], b"crisiskit/1 bundle\0" + body)
    assert reader.left == b"" and len(signed_by) >= 2
    assert (network.hex(), version, signed_by) == (
        TRUST["network_id"],
        TRUST["version"],
        TRUST["signed_by"],
    )
    assert [bit for bit in range(8) if grave >> bit & 1] == TRUST["grave"]
    assert (exchange, authorities) == (TRUST["exchange_public"], TRUST["authorities"])
    assert duty == TRUST["duty"]


def name(reader: Bytes) -> str:
    return reader.take(reader.uint(1)).decode()


def test_the_locked_file() -> None:
    given = TRUST["locked"]
    data = bytes.fromhex(given["file"])
    reader = Bytes(data)
    assert reader.take(5).decode() == given["magic"]
    assert reader.take(reader.uint(2)).hex() == given["clear"]
    salt = reader.take(16)
    front = data[: len(data) - len(reader.left)]
    kdf = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65536)
    key = kdf.derive(unicodedata.normalize("NFKC", given["passphrase"]).encode())
    secret = ChaCha20Poly1305(key).decrypt(reader.take(12), reader.left, front)
    assert secret.hex() == given["secret"]
