"""Tries each primitive once, with published answers where there are any: the start-up test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from crisiskit.crypto.bundle import RootKey, root_signed
from crisiskit.crypto.enrol import make_center_file, make_request, read_center_file, read_request
from crisiskit.crypto.identity import CenterIdentity, KitIdentity, verified
from crisiskit.errors import TrustError


def self_check() -> None:
    """Raises TrustError ``crypto_unusable`` naming the first primitive that does not work."""
    for name, works in _CHECKS.items():
        try:
            right = works()
        except Exception as trouble:
            raise TrustError("crypto_unusable", primitive=name) from trouble
        if not right:
            raise TrustError("crypto_unusable", primitive=name)


def _seal() -> bool:
    """RFC 3610, packet vector 1: 13-byte nonce, 8-byte tag."""
    packet = bytes(range(0x1F))
    sealed = AESCCM(bytes(range(0xC0, 0xD0)), tag_length=8).encrypt(
        bytes.fromhex("00000003020100a0a1a2a3a4a5"), packet[8:], packet[:8]
    )
    wanted = "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"
    return sealed == bytes.fromhex(wanted)


def _seal_for_disk() -> bool:
    """RFC 5297, appendix A.1."""
    key = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    associated = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    sealed = AESSIV(bytes.fromhex(key)).encrypt(
        bytes.fromhex("112233445566778899aabbccddee"), [associated]
    )
    return sealed.hex() == "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"


def _stretch() -> bool:
    """RFC 9106, section 5.3: the test vector of Argon2id, 32 KiB."""
    argon = Argon2id(
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        ad=b"\x04" * 12,
        secret=b"\x03" * 8,
    )
    wanted = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    return argon.derive(b"\x01" * 32).hex() == wanted


def _derive() -> bool:
    """RFC 5869, test case 1, whole and by its second step."""
    info, length = bytes(range(0xF0, 0xFA)), 42
    prk = bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    wanted = bytes.fromhex(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    whole = HKDF(SHA256(), length, bytes(range(13)), info).derive(b"\x0b" * 22)
    return whole == wanted and HKDFExpand(SHA256(), length, info).derive(prk) == wanted


def _sign() -> bool:
    """RFC 8032, section 7.1, test 1."""
    secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    wanted = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    public = key.public_key().public_bytes_raw()
    return key.sign(b"") == wanted and not verified(public, wanted, b"x")


def _check() -> bool:
    """The keyed BLAKE2s of the reference test vectors, empty message."""
    wanted = "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49"
    return hashlib.blake2s(b"", key=bytes(range(32))).hexdigest() == wanted


def _enrol() -> bool:
    """A request made and opened: hybrid key, HPKE, signatures."""
    center, kit = CenterIdentity(bytes(range(128))), KitIdentity(bytes(range(32)))
    known = read_center_file(make_center_file(center, "self-check", exercise=True))
    request, secret = make_request(kit, "self-check", known, lambda count: bytes(count))
    return read_request(request, center).pairing_secret == secret


def _root() -> bool:
    """A root key signs with both algorithms, and nothing else verifies."""
    root = RootKey(bytes(range(64)))
    signature = root.sign(b"body")
    return root_signed(root.public, signature, b"body") and not root_signed(
        root.public, signature, b"else"
    )


_CHECKS: dict[str, Callable[[], bool]] = {
    "AES-CCM": _seal,
    "AES-SIV": _seal_for_disk,
    "Argon2id": _stretch,
    "HKDF": _derive,
    "Ed25519": _sign,
    "BLAKE2s": _check,
    "HPKE": _enrol,
    "ML-DSA": _root,
}
