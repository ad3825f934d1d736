"""Neighbours: our bytes are those of the vectors, and the page alone is enough to read them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crisiskit.crypto.enrol import Request, make_reply
from crisiskit.crypto.identity import CenterIdentity, KitIdentity
from crisiskit.crypto.introduction import Introduction, Papers, network_mark
from crisiskit.sync.offer import Offer, decode_offer, encode_offer

FILE = Path(__file__).with_name("neighbours.json")
VECTOR: dict[str, Any] = json.loads(FILE.read_text("utf-8"))


def raw(name: str) -> bytes:
    return bytes.fromhex(VECTOR[name])


def made() -> dict[str, Any]:
    """The vectors as crisiskit makes them, from the keys in them."""
    center, kit = CenterIdentity(raw("center_secret")), KitIdentity(raw("kit_secret"))
    certificate = make_reply(center, 7, Request("Delta-2", kit.public, bytes(32), bytes(32)))
    network, authority = center.network_id, center.authority_public
    caller = Introduction(
        Papers(network, authority, kit.public, certificate, kit.sign),
        True,
        raw("caller_life"),
        lambda _count: raw("caller_key_secret"),
        lambda _number: False,
    )
    listener = Introduction(
        Papers(network, authority, authority, b"", center.sign),
        False,
        raw("listener_life"),
        lambda _count: raw("listener_key_secret"),
        lambda _number: False,
    )
    opening = caller.opening()
    answer = listener.take(opening)
    assert answer is not None
    proof = caller.take(answer)
    assert proof is not None and listener.take(proof) == b""
    offer = Offer(**VECTOR["offer"])
    return {
        **VECTOR,
        "network_id": network.hex(),
        "mark": network_mark(network, VECTOR["caller_life"]),
        "certificate": certificate.hex(),
        "opening": opening.hex(),
        "answer": answer.hex(),
        "proof": proof.hex(),
        "caller_empty": caller.seal(b"").hex(),
        "caller_frame": caller.seal(raw("frame")).hex(),
        "offer_bytes": encode_offer(offer).hex(),
    }


def test_our_bytes_are_those_of_the_vectors() -> None:
    assert made() == VECTOR
    assert decode_offer(raw("offer_bytes")) == Offer(**VECTOR["offer"])


def blake(label: bytes, data: bytes) -> bytes:
    return hashlib.blake2s(label + b"\0" + data, key=raw("network_id")).digest()


def test_the_page_alone_is_enough_to_read_them() -> None:
    """Written from docs/neighbours.md, with the primitives it names and nothing of ours."""
    opening, answer, network = raw("opening"), raw("answer"), raw("network_id")
    caller_key, listener_key = opening[1:33], answer[:32]
    assert opening[:1] == b"\1"
    check = blake(b"crisiskit/1 neighbour opening", b"\1" + caller_key)
    assert opening[33:] == check[:16]
    mark = blake(b"crisiskit/1 neighbour mark", VECTOR["caller_life"].encode())
    assert VECTOR["mark"] == mark[:4].hex()
    own = X25519PrivateKey.from_private_bytes(raw("listener_key_secret"))
    shared = own.exchange(X25519PublicKey.from_public_bytes(caller_key))
    both = caller_key + listener_key
    info = b"crisiskit/1 neighbour keys\0" + both
    keys = HKDF(SHA256(), 64, network, info).derive(shared)
    by_caller, by_listener = ChaCha20Poly1305(keys[:32]), ChaCha20Poly1305(keys[32:])

    for side, cipher, sealed in ((0, by_caller, raw("proof")), (1, by_listener, answer[32:])):
        proof = cipher.decrypt(bytes(12), sealed, None)
        life, signature, public, certificate = proof[:8], proof[8:72], proof[72:104], proof[104:]
        statement = b"crisiskit/1 neighbour\0" + network + bytes([side]) + both + life
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
        assert life == raw("listener_life" if side else "caller_life")
        assert certificate == (b"" if side else raw("certificate"))

    assert by_caller.decrypt(bytes(11) + b"\1", raw("caller_empty"), None) == b""
    assert by_caller.decrypt(bytes(11) + b"\2", raw("caller_frame"), None) == raw("frame")
    offer = VECTOR["offer"]
    words = ("mtu_bytes", "credit_bytes", "latency_s", "repeat_s", "receipt_delay_s")
    two = b"".join(offer[word].to_bytes(2, "big") for word in words)
    said = bytes([0xFE, 1, 1]) + two + offer["rate_bytes_s"].to_bytes(4, "big")
    assert raw("offer_bytes") == said
