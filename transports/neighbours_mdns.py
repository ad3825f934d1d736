"""Finding neighbours by multicast DNS (RFC 6762 and 6763): announced and looked for in one.

What is announced says nothing of who it is: a random name that changes with every run, a port,
and a mark that only members of the network can tell from any other eight digits.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from transports.introduction import Introducer
from transports.link import LinkError, Trouble

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

log = logging.getLogger(__name__)

SERVICE = "_crisiskit._tcp.local."
MARK = "m"
RESOLVE_MS = 3000
RESOLVING_MOST = 16
INSTANCE_LETTERS_MAX = 32

Found = Callable[[str, str, int], None]
"""Somebody of this network was found: its instance, an address, a port."""


def require_zeroconf() -> None:
    """LinkError where the package is missing."""
    try:
        import zeroconf  # noqa: F401
    except ImportError as error:
        raise LinkError(
            Trouble.PART_MISSING, 'zeroconf: pip install "crisiskit[neighbours]"', 300.0
        ) from error


def local_addresses() -> list[str]:
    """The IPv4 addresses of this machine on networks that others may be on."""
    import ifaddr

    ips = (ip for adapter in ifaddr.get_adapters() for ip in adapter.ips)
    found = {str(ip.ip) for ip in ips if ip.is_IPv4}
    return sorted(ip for ip in found if not ipaddress.ip_address(ip).is_loopback)


@asynccontextmanager
async def announced(
    addresses: Sequence[str], port: int, instance: str, introducer: Introducer, found: Found
) -> AsyncIterator[None]:
    """Be found on these addresses, and hear who else is there. Raises OSError."""
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

    async with asyncio.TaskGroup() as tasks:
        multicast = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        resolving: set[asyncio.Task[None]] = set()

        def changed(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
            known = name == f"{instance}.{SERVICE}" or state_change.name == "Removed"
            if known or len(resolving) >= RESOLVING_MOST:
                return
            task = tasks.create_task(_resolve(multicast, name, introducer, found))
            resolving.add(task)
            task.add_done_callback(resolving.discard)

        try:
            info = AsyncServiceInfo(
                SERVICE,
                f"{instance}.{SERVICE}",
                parsed_addresses=list(addresses),
                port=port,
                properties={MARK: introducer.mark(instance)},
                server=f"{instance}.local.",
            )
            await multicast.async_register_service(info)
            browser = AsyncServiceBrowser(multicast.zeroconf, SERVICE, handlers=[changed])
            yield
            await browser.async_cancel()
        finally:
            for task in resolving:
                task.cancel()
            await multicast.async_close()


async def _resolve(
    multicast: AsyncZeroconf, name: str, introducer: Introducer, found: Found
) -> None:
    """Ask where a service is; strangers' ones are passed over."""
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceInfo

    instance = name.removesuffix(f".{SERVICE}")
    if len(instance) > INSTANCE_LETTERS_MAX:
        return
    info = AsyncServiceInfo(SERVICE, name)
    if not await info.async_request(multicast.zeroconf, RESOLVE_MS):
        return
    mark = (info.properties or {}).get(MARK.encode())
    if mark != introducer.mark(instance).encode() or info.port is None:
        return
    for address in info.parsed_addresses(IPVersion.V4Only)[:4]:
        found(instance, address, info.port)
