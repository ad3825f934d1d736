"""TLS for links: whom to believe, by certificate or by pinned public key.

A pin names the server's public key, not its certificate, so it stays right when the certificate
is renewed with the same key: ``sha256/`` and the base64 of the SHA-256 of the
SubjectPublicKeyInfo (as in RFC 7469).
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from transports.link import LinkError, Trouble

if TYPE_CHECKING:
    import asyncio

    import aiohttp

PIN_PATTERN = r"^sha256/[A-Za-z0-9+/]{43}=$"
RETRY_S = 60.0


def pin_of(certificate: bytes) -> str:
    """The pin of a certificate, PEM or DER. ValueError for anything else."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = certificate.lstrip().startswith(b"-----BEGIN")
    load = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
    key = load(certificate).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(info).digest()).decode()


def client_tls(pin: str | None, ca_file: str | None) -> ssl.SSLContext | aiohttp.Fingerprint:
    """What ``aiohttp`` takes as ``ssl`` to check a server. LinkError for files that are no use."""
    if pin is not None:
        return _pinned(pin)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise LinkError(Trouble.UNTRUSTED, f"{ca_file}: {error}", RETRY_S) from error


def server_tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """The server's side; None for plain HTTP. LinkError for files that are no use."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if key is not None and Path(key).stat().st_mode & 0o007:
            raise LinkError(Trouble.UNUSABLE, f"{key} can be read by all: chmod 600", RETRY_S)
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise LinkError(Trouble.UNUSABLE, f"{certificate}: {error}", RETRY_S) from error
    return context


def _pinned(pin: str) -> aiohttp.Fingerprint:
    """Checks the public key where aiohttp would check the whole certificate."""
    import aiohttp

    class KeyPin(aiohttp.Fingerprint):
        def check(self, transport: asyncio.Transport) -> None:
            if not transport.get_extra_info("sslcontext"):
                return
            shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            got = base64.b64decode(pin_of(shown)[7:]) if shown else b""
            if got != self.fingerprint:
                host, port, *_ = transport.get_extra_info("peername")
                raise aiohttp.ServerFingerprintMismatch(self.fingerprint, got, host, port)

    return KeyPin(base64.b64decode(pin.removeprefix("sha256/")))
