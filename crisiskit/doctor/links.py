"""Checks of the settings file, and of the ports that its links need. Nothing is sent."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crisiskit.doctor import disturbers, neighbours
from crisiskit.doctor.finding import Finding, ok, warning, wrong
from crisiskit.doctor.station import receiver
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, explain
from crisiskit.installation import agent_runs
from crisiskit.plugged import PORT_CODES, ports

if TYPE_CHECKING:
    from crisiskit.settings import LinkSettings

_SECRET = ("credentials_file", "token_file", "secret_file", "tls_key_file")


def findings(home: Path) -> Iterator[Finding]:
    """The settings, then each link. Ports that our own agent holds are left alone."""
    from crisiskit.links import link_traits
    from crisiskit.settings import load

    try:
        settings = load(home)
        links = settings.links
        clear = {name for name, traits in link_traits(home).items() if not traits.may_encrypt}
    except CrisiskitError as error:
        yield wrong("settings", explain(error))
        return
    if settings.gps.used:
        yield from receiver(home)
    if not links:
        yield warning(
            "settings",
            _("No link is set up."),
            _("Set one up with “crisiskit link add”."),
        )
        return
    yield ok("settings", _("The settings can be used."))
    ours = agent_runs(home)
    for link in links:
        yield _link(link, ours, link.name in clear)
    yield from disturbers.findings(ports(settings))
    yield from neighbours.findings(home, settings)


def _link(link: LinkSettings, ours: bool, clear: bool) -> Finding:
    """A kind that has a ``port`` in words has a device; one with ``bind`` listens."""
    port = getattr(link.options, "port", None)
    bind = getattr(link.options, "bind", None)
    trouble = None
    if isinstance(port, str) and port:  # empty where the device is reached another way
        trouble = _device(port, ours)
    elif isinstance(port, int) and isinstance(bind, str) and not ours:
        trouble = _listening(bind, port)
    trouble = trouble or _missing_part(link.kind) or _files(link.options)
    if trouble is not None:
        return wrong(f"link.{link.name}", f"{link.name}: {explain(trouble)}")
    words = _("Link {name} ({kind}), READABLE BY ALL.") if clear else _("Link {name} ({kind}).")
    text = words.format(name=link.name, kind=link.kind)
    if certificate := getattr(link.options, "certificate", None):
        text += " " + _("Its callers may pin {pin}.").format(pin=_pin(certificate))
    return ok(f"link.{link.name}", text)


def _pin(certificate: str) -> str:
    """The pin of a certificate file, a question mark where it cannot be read."""
    from transports.tls import pin_of

    try:
        return pin_of(Path(certificate).read_bytes())
    except (OSError, ValueError):
        return "?"


def _missing_part(name: str) -> CrisiskitError | None:
    """Whether the modules of an extra are there that a kind says it ``needs``."""
    from transports.catalog import find

    kind = find(name)
    for module in getattr(kind, "needs", ()):
        if find_spec(module) is None:
            return CrisiskitError("part_missing", part=getattr(kind, "extra", ""), detail=module)
    return None


def _files(options: object) -> CrisiskitError | None:
    """Whether the files can be read that the keys ending in ``_file`` name, secrets by us alone.

    What is not for strangers: ``credentials_file``, ``token_file``, ``..._secret_file``,
    ``tls_key_file``.
    """
    for key in getattr(options, "__struct_fields__", ()):
        path = getattr(options, key)
        if not key.endswith("_file") or not path:
            continue
        try:
            with Path(path).open("rb") as file:
                open_to_all = os.name != "nt" and os.fstat(file.fileno()).st_mode & 0o007
        except OSError as error:
            return CrisiskitError("file_unreadable", path=path, detail=error.strerror)
        if open_to_all and key.endswith(_SECRET):
            return CrisiskitError("secret_readable", path=path)
    return None


def _device(port: str, ours: bool) -> CrisiskitError | None:
    """Whether the device is there, may be used, and is free."""
    if "://" in port:
        return None
    if os.name != "nt" and not Path(port).exists():
        return CrisiskitError("device_missing", device=port)
    return None if ours else _opened(port)


def _opened(port: str) -> CrisiskitError | None:
    """Open the port as a link would, its lines held steady, and close it again."""
    import asyncio

    from hardware.port import PortError, open_port

    async def try_it() -> None:
        async with open_port(port, 9600):
            pass

    try:
        asyncio.run(try_it())
    except PortError as error:
        return CrisiskitError(PORT_CODES.get(error.code, "device_gone"), device=port)
    return None


def _listening(bind: str, port: int) -> CrisiskitError | None:
    """Whether nobody else listens there."""
    address = f"{bind}:{port}"
    try:
        family, kind, protocol, _name, place = socket.getaddrinfo(
            bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as server:
            if os.name != "nt":
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return CrisiskitError("port_in_use", address=address)
        return CrisiskitError("system", path=address, detail=error.strerror or str(error))
    return None
