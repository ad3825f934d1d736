"""How a kit and a center come to share a secret: three files, carried by hand (docs/wire.md, 8).

    center file  CKCN1   the network's name and public keys, signed by its authority
    request      CKRQ1   the kit's public key and name, and ``ps`` sealed to the center
    reply        CKRP1   the kit number, signed by the authority

The request's secret is sealed with a hybrid of ML-KEM-768 and X25519 (HPKE, RFC 9180), so what
is recorded in the air today stays closed to a later quantum computer. A person compares the
12-digit code of the request on both screens; that is what binds the kit in hand to the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from crisiskit.codec.reject import MalformedError, Reject
from crisiskit.codec.wire import Reader
from crisiskit.crypto.identity import (
    EXCHANGE_PUBLIC_BYTES,
    FINGERPRINT_BYTES,
    PUBLIC_BYTES,
    ROOT_FINGERPRINT_BYTES,
    ROOTS,
    SIGNATURE_BYTES,
    CenterIdentity,
    KitIdentity,
    exchange_key,
    kit_fingerprint,
    network_id,
    roots_network_id,
    verified,
)
from crisiskit.crypto.keys import SECRET_BYTES, Entropy
from crisiskit.errors import TrustError

NAME_BYTES_MAX = 64
FILE_BYTES_MAX = 4096
SEALED_SECRET_BYTES = 1168
_CENTER, _REQUEST, _REPLY = b"CKCN1", b"CKRQ1", b"CKRP1"
_LABELS = {
    _CENTER: b"crisiskit/1 center\0",
    _REQUEST: b"crisiskit/1 request\0",
    _REPLY: b"crisiskit/1 reply\0",
}
_ENROL = b"crisiskit/1 enrol"
_EXERCISE, _ROOTED = 0x01, 0x02


@dataclass(frozen=True, slots=True)
class CenterFile:
    """What a kit must know of its network before it can ask.

    ``roots`` are the fingerprints of three root keys, or none in a network without ceremony.
    """

    name: str
    exercise: bool
    authority_public: bytes
    exchange_public: bytes
    roots: tuple[bytes, ...] = ()

    @property
    def network_id(self) -> bytes:
        """16 bytes, from the fingerprints of the roots, else from the authority's key."""
        if self.roots:
            return roots_network_id(self.roots)
        return network_id(self.authority_public)


@dataclass(frozen=True, slots=True)
class Request:
    """A kit that asks, as the center sees it. ``digest`` is SHA-256 of the file."""

    name: str
    kit_public: bytes
    pairing_secret: bytes = field(repr=False)
    digest: bytes

    @property
    def kit_fp(self) -> bytes:
        """The kit's fingerprint, 16 bytes."""
        return kit_fingerprint(self.kit_public)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The center's answer: this kit has this number in this network."""

    kit_number: int
    kit_fp: bytes
    network_id: bytes
    request_digest: bytes
    name: str


def check_name(name: str) -> str:
    """``name`` if it can stand in an enrolment file: 1 to 64 bytes, printable, no blank ends.

    Raises TrustError ``enrol_bad_name``.
    """
    size = len(name.encode(errors="replace"))
    if not 0 < size <= NAME_BYTES_MAX or not name.isprintable() or name != name.strip():
        raise TrustError("enrol_bad_name", limit=NAME_BYTES_MAX)
    return name


def make_center_file(center: CenterIdentity, name: str, exercise: bool) -> bytes:
    """CKCN1, flags 1, authority key 32, exchange key 1216, roots 0 or 96, name, signature 64."""
    flags = bytes([_EXERCISE * exercise | _ROOTED * bool(center.roots)])
    keys = center.authority_public + center.exchange_public + b"".join(center.roots)
    return _signed(_CENTER + flags + keys + _named(name), center)


def read_center_file(data: bytes) -> CenterFile:
    """The network in a center file. Raises TrustError ``enrol_...``."""
    reader, signature = _opened(data, _CENTER)
    try:
        flags = reader.uint(1)
        authority, exchange = reader.take(PUBLIC_BYTES), reader.take(EXCHANGE_PUBLIC_BYTES)
        rooted = ROOTS if flags & _ROOTED else 0
        roots = tuple(reader.take(ROOT_FINGERPRINT_BYTES) for _ in range(rooted))
        name = _read_name(reader)
        exchange_key(exchange)
    except (MalformedError, ValueError):
        raise TrustError("enrol_damaged") from None
    _verify(data, signature, authority)
    if flags & ~(_EXERCISE | _ROOTED):
        raise TrustError("enrol_damaged")
    return CenterFile(name, bool(flags & _EXERCISE), authority, exchange, roots)


def make_request(
    kit: KitIdentity, name: str, center: CenterFile, entropy: Entropy
) -> tuple[bytes, bytes]:
    """The request file and the pairing secret ``ps`` that it carries sealed.

    CKRQ1, network 16, kit key 32, sealed ps 1168, name, signature 64. The sealing draws its
    own randomness inside the library.
    """
    secret = entropy(SECRET_BYTES)
    try:
        sealed = _suite().encrypt(
            secret, exchange_key(center.exchange_public), _info(center.network_id, kit.fingerprint)
        )
    except ValueError:
        raise TrustError("enrol_damaged") from None
    body = _REQUEST + center.network_id + kit.public + sealed + _named(name)
    return _signed(body, kit), secret


def read_request(data: bytes, center: CenterIdentity) -> Request:
    """The kit that asks. Raises TrustError ``enrol_...``."""
    network, public, sealed, name = _read_asker(data)
    if network != center.network_id:
        raise TrustError("enrol_wrong_network")
    info = _info(network, kit_fingerprint(public))
    try:
        secret = _suite().decrypt(sealed, center.exchange_private(), info)
    except (InvalidTag, ValueError):
        raise TrustError("enrol_damaged") from None
    if len(secret) != SECRET_BYTES:
        raise TrustError("enrol_damaged")
    return Request(name, public, secret, hashlib.sha256(data).digest())


def request_key(data: bytes) -> tuple[bytes, str]:
    """The public key in a request and the name its holder gave. Anybody can read these two.

    Raises TrustError ``enrol_...``.
    """
    _network, public, _sealed, name = _read_asker(data)
    return public, name


def _read_asker(data: bytes) -> tuple[bytes, bytes, bytes, str]:
    reader, signature = _opened(data, _REQUEST)
    try:
        network, public = reader.take(FINGERPRINT_BYTES), reader.take(PUBLIC_BYTES)
        sealed, name = reader.take(SEALED_SECRET_BYTES), _read_name(reader)
    except MalformedError:
        raise TrustError("enrol_damaged") from None
    _verify(data, signature, public)
    return network, public, sealed, name


def comparison_code(request: bytes) -> str:
    """The 12 digits that a person compares on both screens: ``1234 5678 9012``."""
    number = int.from_bytes(hashlib.sha256(request).digest(), "big") % 10**12
    digits = f"{number:012}"
    return f"{digits[:4]} {digits[4:8]} {digits[8:]}"


def make_reply(center: CenterIdentity, kit_number: int, request: Request) -> bytes:
    """CKRP1, kit number 2, kit_fp 16, network 16, digest of the request 32, name, signature 64."""
    number = kit_number.to_bytes(2, "big")
    body = _REPLY + number + request.kit_fp + center.network_id + request.digest
    return _signed(body + _named(request.name), center)


def read_reply(data: bytes, kit_fp: bytes, request: bytes, center: CenterFile) -> Certificate:
    """The kit's certificate, if it answers exactly ``request``. Raises TrustError ``enrol_...``."""
    found = read_certificate(data, center.network_id, center.authority_public)
    if found.kit_fp != kit_fp or found.request_digest != hashlib.sha256(request).digest():
        raise TrustError("enrol_not_for_this_kit")
    return found


def read_certificate(data: bytes, network_id: bytes, authority_public: bytes) -> Certificate:
    """A reply as anybody of the network may read it. Raises TrustError ``enrol_...``."""
    reader, signature = _opened(data, _REPLY)
    try:
        number, named = reader.uint(2), reader.take(FINGERPRINT_BYTES)
        network, digest = reader.take(FINGERPRINT_BYTES), reader.take(hashlib.sha256().digest_size)
        name = _read_name(reader)
    except MalformedError:
        raise TrustError("enrol_damaged") from None
    if network != network_id:
        raise TrustError("enrol_wrong_network")
    _verify(data, signature, authority_public)
    return Certificate(number, named, network, digest, name)


def _suite() -> Suite:
    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _info(network: bytes, kit_fp: bytes) -> bytes:
    return _ENROL + network + kit_fp


def _named(name: str) -> bytes:
    raw = check_name(name).encode()
    return bytes([len(raw)]) + raw


def _read_name(reader: Reader) -> str:
    """The last field; nothing may follow it."""
    try:
        name = check_name(reader.take(reader.uint(1)).decode())
    except (UnicodeDecodeError, TrustError):
        raise MalformedError(Reject.TEXT) from None
    if not reader.done:
        raise MalformedError(Reject.LENGTH)
    return name


def _signed(body: bytes, signer: KitIdentity | CenterIdentity) -> bytes:
    return body + signer.sign(_LABELS[body[:5]] + body)


def _opened(data: bytes, magic: bytes) -> tuple[Reader, bytes]:
    """A reader behind the magic word, before the signature; and the signature."""
    if data[: len(magic)] != magic or len(data) > FILE_BYTES_MAX:
        raise TrustError("enrol_wrong_file", expected=magic.decode())
    body, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    if len(body) < len(magic):
        raise TrustError("enrol_damaged")
    return Reader(body, Reject.LENGTH, at=len(magic)), signature


def _verify(data: bytes, signature: bytes, public: bytes) -> None:
    body = data[:-SIGNATURE_BYTES]
    if not verified(public, signature, _LABELS[data[:5]] + body):
        raise TrustError("enrol_bad_signature")
