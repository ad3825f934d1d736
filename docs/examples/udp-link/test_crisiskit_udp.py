"""The example keeps the contract of crisiskit's links."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from crisiskit_udp import Udp, UdpLink, UdpSettings

from transports import catalog
from transports.testing import CHECKS, Check, Pair, running


def link(port: int, peer_port: int) -> UdpLink:
    settings = UdpSettings(port=port, peer_port=peer_port)
    return Udp().open(settings, Udp().traits(settings, {}))


@asynccontextmanager
async def make_pair() -> AsyncIterator[Pair]:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as first,
        socket.socket(type=socket.SOCK_DGRAM) as second,
    ):
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        one, other = first.getsockname()[1], second.getsockname()[1]
    yield Pair(near=link(one, other), far=link(other, one))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check) -> None:
    async with make_pair() as pair:
        await check(pair)


async def test_a_stranger_is_not_heard() -> None:
    async with make_pair() as pair, running(pair.near, pair.far) as (_, far):
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"let me in", ("127.0.0.1", pair.far._settings.port))  # type: ignore[attr-defined]
        await pair.near.send(b"a frame")
        async with asyncio.timeout(20):
            while not far.inbox.frames:
                await asyncio.sleep(0.01)
        assert far.inbox.frames == [b"a frame"]


def test_it_is_found_by_its_name() -> None:
    assert "udp" in catalog.names()
    assert isinstance(catalog.find("udp"), Udp)
