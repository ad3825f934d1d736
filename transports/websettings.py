"""What links over HTTP are told in their settings, and what is made of it before they run."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from transports.common import UNUSABLE_S, Connections, PortOrAny, secret_text
from transports.link import LinkError, Trouble

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SECRET = re.compile(r"[A-Za-z0-9._~-]{16,200}")


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the provider's calls come in.

    ``path_secret_file``: the last part of the path stands in this file, so that nobody guesses
    it. With ``tls_cert_file`` and ``tls_key_file`` (PEM) it speaks HTTPS itself; without them a
    reverse proxy does. Port 0 takes a free one and keeps it.
    """

    bind: str = "127.0.0.1"
    port: PortOrAny = 10_880
    path: Annotated[str, msgspec.Meta(pattern=r"^/[A-Za-z0-9._~/-]{0,100}$")] = "/push"
    path_secret_file: str = ""
    tls_cert_file: str = ""
    tls_key_file: str = ""
    connections_max: Connections = 32

    def __post_init__(self) -> None:
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("tls_cert_file and tls_key_file go together")


def check_url(url: str) -> None:
    """ValueError for what is no address of a web service that may be told a password."""
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{url} is no address of a web service")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"{url} must begin with https://")


def whole_path(settings: ServerSettings) -> str:
    """The path of the calls, with its secret. LinkError where that cannot be used."""
    if not settings.path_secret_file:
        return settings.path
    secret = secret_text(settings.path_secret_file)
    if not _SECRET.fullmatch(secret):
        why = f"{settings.path_secret_file}: 16 to 200 letters, digits and . _ ~ -"
        raise LinkError(Trouble.UNUSABLE, why, UNUSABLE_S)
    return f"{settings.path.rstrip('/')}/{secret}"
