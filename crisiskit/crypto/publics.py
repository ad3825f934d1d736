"""Public keys that a person trusts, from a file: a center file, a kit's request, or a list.

A list is text: a key as 64 hexadecimal digits and the name of its holder on each line. Empty
lines and lines that begin with # are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from crisiskit.crypto.enrol import check_name, read_center_file, request_key
from crisiskit.errors import TrustError

KEYS_BYTES_MAX = 1024 * 1024
_LINE = re.compile(r"([0-9A-Fa-f]{64})\s+(\S.*)")
_CENTER, _REQUEST = b"CKCN1", b"CKRQ1"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a key is; ``network_id`` if it is the authority of that network, else empty."""

    name: str
    network_id: bytes = b""


def read_public_keys(data: bytes) -> dict[bytes, Holder]:
    """Keys of 32 bytes and whose they are. Raises TrustError ``keys_wrong_file``, ``enrol_...``."""
    if data.startswith(_CENTER):
        network = read_center_file(data)
        return {network.authority_public: Holder(network.name, network.network_id)}
    if data.startswith(_REQUEST):
        public, name = request_key(data)
        return {public: Holder(name)}
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise TrustError("keys_wrong_file") from None
    keys = dict(_key(line) for line in lines if line and not line.startswith("#"))
    if not keys:
        raise TrustError("keys_wrong_file")
    return keys


def _key(line: str) -> tuple[bytes, Holder]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise TrustError("keys_wrong_file")
    try:
        return bytes.fromhex(found[1]), Holder(check_name(found[2]))
    except TrustError:
        raise TrustError("keys_wrong_file") from None
