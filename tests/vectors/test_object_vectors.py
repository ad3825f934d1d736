"""Signed objects, bundles and locked files: our bytes are those of the published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crisiskit.codec.object_frame import decode_object_frame, encode_object_frame
from crisiskit.codec.objects import (
    ObjectKind,
    SignedObject,
    answer_code,
    decode_answer,
    decode_object,
    encode_answer,
    object_data,
)
from crisiskit.codec.shortest import Codec
from crisiskit.crypto.bundle import RootKey, check_bundle, encode_bundle, read_bundle
from crisiskit.crypto.identity import KitIdentity, roots_network_id
from crisiskit.crypto.locked import lock, unlock
from crisiskit.crypto.trust import sign
from crisiskit.model import Precedence

HERE = Path(__file__).parent
Vector = dict[str, Any]


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


OBJECTS, TRUST = load("objects"), load("trust")
each = pytest.mark.parametrize(
    "vector", [pytest.param(vector, id=vector["name"]) for vector in OBJECTS["objects"]]
)


def unsigned(vector: Vector) -> SignedObject:
    return SignedObject(
        ObjectKind(vector["kind"]),
        vector["number"],
        vector["issued_s"],
        tuple(vector["signers"]),
        vector["exercise"],
        vector["answer"],
        vector["delta"],
        vector["life"],
        tuple(vector["kits"]),
        raw(vector["body"]),
        vector["text"],
    )


@each
def test_objects_are_made_and_read(vector: Vector) -> None:
    secrets = [raw(OBJECTS["signers"][str(number)]["secret"]) for number in vector["signers"]]
    signs = [KitIdentity(secret).sign for secret in secrets]
    signed = sign(unsigned(vector), raw(OBJECTS["network_id"]), *signs)
    assert [one.hex() for one in signed.signatures] == vector["signatures"]
    assert object_data(signed).hex() == vector["data"]
    assert decode_object(raw(vector["data"]), vector["text"]) == signed
    assert answer_code(signed) == vector["code"]
    frame = encode_object_frame(signed, Precedence(vector["precedence"]), {Codec.RAW})
    assert frame.hex() == vector["frame"]
    assert decode_object_frame(frame) == signed


def test_the_answer() -> None:
    answer = OBJECTS["answer"]
    assert encode_answer(answer["number"], answer["code"]).hex() == answer["data"]
    assert decode_answer(raw(answer["data"])) == (answer["number"], answer["code"])


def test_the_bundle_is_read_and_believed() -> None:
    bundle = read_bundle(raw(TRUST["bundle"]))
    marks = [raw(mark) for mark in TRUST["fingerprints"]]
    assert roots_network_id(marks).hex() == TRUST["network_id"]
    check_bundle(bundle, raw(TRUST["network_id"]), marks)
    assert encode_bundle(bundle).hex() == TRUST["bundle"]
    assert [root.hex() for root in bundle.roots] == [
        RootKey(raw(secret)).public.hex() for secret in TRUST["root_secrets"]
    ]
    assert (bundle.version, sorted(bundle.grave)) == (TRUST["version"], TRUST["grave"])
    assert [key.name for key in bundle.duty] == [key["name"] for key in TRUST["duty"]]


def test_the_locked_file() -> None:
    given = TRUST["locked"]
    drawn = iter([raw(given["salt"]), raw(given["nonce"])])
    magic, secret = given["magic"].encode(), raw(given["secret"])
    made = lock(magic, raw(given["clear"]), secret, given["passphrase"], lambda _n: next(drawn))
    assert made.hex() == given["file"]
    assert unlock(magic, raw(given["file"]), given["passphrase"]) == secret
