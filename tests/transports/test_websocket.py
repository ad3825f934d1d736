"""Frames over WebSocket on HTTPS; the caller makes sure whom it talks to; junk gets nothing."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from transports.link import LinkError, Phase, Trouble
from transports.testing import CHECKS, Check, Pair, Running, arrived, running
from transports.tls import client_tls, pin_of
from transports.websocket import (
    Wss,
    WssLink,
    WssListen,
    WssListenLink,
    WssListenSettings,
    WssSettings,
)

LOOPBACK = "127.0.0.1"
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Papers:
    """A certificate of its own authority, and its key."""

    certificate: Path
    key: Path

    @property
    def pin(self) -> str:
        return pin_of(self.certificate.read_bytes())


def papers(folder: Path, name: str, key: ec.EllipticCurvePrivateKey | None = None) -> Papers:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    made = Papers(folder / f"{name}.pem", folder / f"{name}.key")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.touch(0o600)
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("tls"), "center")


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def listener(port: int, its: Papers | None, connections_max: int = 16) -> WssListenLink:
    settings = WssListenSettings(
        port=port,
        certificate=str(its.certificate) if its else None,
        key=str(its.key) if its else None,
        connections_max=connections_max,
    )
    return WssListen().open(settings, WssListen().traits(settings, {}))


def caller(
    port: int, *, pin: str | None = None, ca_file: Path | None = None, path: str = "/link"
) -> WssLink:
    settings = WssSettings(
        url=f"https://{LOOPBACK}:{port}{path}",
        pin=pin,
        ca_file=str(ca_file) if ca_file else None,
        proxy=False,
    )
    return Wss().open(settings, Wss().traits(settings, {}))


@asynccontextmanager
async def down_with(link: WssLink) -> AsyncIterator[Running]:
    """Run a link until it is down with a reason."""
    run = Running(link, PATIENCE_S)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not any(state.reason for state in run.inbox.states):
                await asyncio.sleep(0.01)
        yield run
    finally:
        await run.stop()


def reason(run: Running) -> str:
    return next(state.reason for state in run.inbox.states if state.reason)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("how", ["pin", "certificate"])
async def test_it_is_a_link(check: Check, how: str, ours: Papers) -> None:
    port = free_port()
    known = {"pin": ours.pin} if how == "pin" else {}
    near = caller(port, ca_file=None if how == "pin" else ours.certificate, **known)
    await check(Pair(near=near, far=listener(port, ours), patience_s=PATIENCE_S))


async def test_a_renewed_certificate_with_the_same_key_keeps_its_pin(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    first, second = papers(tmp_path, "old", key), papers(tmp_path, "new", key)
    assert first.certificate.read_bytes() != second.certificate.read_bytes()
    port = free_port()
    near, far = caller(port, pin=first.pin), listener(port, second)
    async with running(near, far, patience_s=PATIENCE_S) as (_, center):
        await near.send(b"still you")
        await arrived([b"still you"], center.inbox, Pair(near, far))


async def test_another_key_is_not_trusted_and_gets_no_frame(tmp_path: Path, ours: Papers) -> None:
    port = free_port()
    impostor = listener(port, papers(tmp_path, "impostor"))
    async with (
        running(impostor, patience_s=PATIENCE_S) as (false,),
        down_with(caller(port, pin=ours.pin)) as kit,
    ):
        assert reason(kit) == Trouble.UNTRUSTED
        with pytest.raises(LinkError):
            await kit.link.send(b"for the center only")
        assert false.inbox.frames == []


async def test_without_pin_or_authority_a_self_made_certificate_is_not_trusted(
    ours: Papers,
) -> None:
    port = free_port()
    async with (
        running(listener(port, ours), patience_s=PATIENCE_S),
        down_with(caller(port)) as kit,
    ):
        assert reason(kit) == Trouble.UNTRUSTED


async def test_a_server_that_wants_something_else_is_refusal(ours: Papers) -> None:
    port = free_port()
    async with (
        running(listener(port, ours), patience_s=PATIENCE_S),
        down_with(caller(port, pin=ours.pin, path="/hotel")) as kit,
    ):
        assert reason(kit) == Trouble.REFUSED


async def test_a_login_page_in_plain_http_is_no_center(ours: Papers) -> None:
    async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://login.invalid/\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(portal, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    async with server, down_with(caller(port, pin=ours.pin)) as kit:
        assert reason(kit) in (Trouble.UNTRUSTED, Trouble.NO_SERVICE)


async def test_each_caller_is_answered_by_its_own_word(ours: Papers) -> None:
    port = free_port()
    far, first, second = (
        listener(port, ours),
        caller(port, pin=ours.pin),
        caller(port, pin=ours.pin),
    )
    async with (
        running(far, patience_s=PATIENCE_S) as (center,),
        running(first, second, patience_s=PATIENCE_S) as (one, two),
    ):
        await first.send(b"from one")
        await arrived([b"from one"], center.inbox, Pair(first, far))
        word_of_one = center.inbox.peer
        await second.send(b"from two")
        await arrived([b"from two"], center.inbox, Pair(second, far))
        await far.send(b"to one", word_of_one)
        await arrived([b"to one"], one.inbox, Pair(far, first))
        assert two.inbox.frames == []


async def test_behind_a_reverse_proxy_it_speaks_plain_http(ours: Papers) -> None:
    """The proxy is played: it ends TLS and passes bytes on."""
    far = listener(free_port(), None)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(ours.certificate, ours.key)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner = await asyncio.open_connection(LOOPBACK, far.port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await source.read(4096):
                    sink.write(data)
                    await sink.drain()
            sink.transport.abort()

        await asyncio.gather(pump(reader, inner), pump(inner_reader, writer))

    async with running(far, patience_s=PATIENCE_S) as (center,):
        proxy = await asyncio.start_server(forward, LOOPBACK, 0, ssl=tls)
        near = caller(proxy.sockets[0].getsockname()[1], pin=ours.pin)
        async with proxy, running(near, patience_s=PATIENCE_S):
            await near.send(b"through the proxy")
            await arrived([b"through the proxy"], center.inbox, Pair(near, far))


async def test_junk_gets_no_answer_and_harms_nobody(ours: Papers) -> None:
    far = listener(free_port(), None, connections_max=4)
    async with running(far, patience_s=PATIENCE_S) as (center,):
        for junk in (b"\x00\xff" * 300, b"GET /" + b"a" * 20_000, b"SSH-2.0-x\r\n\r\n"):
            reader, writer = await asyncio.open_connection(LOOPBACK, far.port)
            writer.write(junk)
            async with asyncio.timeout(PATIENCE_S):
                with suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.transport.abort()
        assert not center.ended and center.inbox.frames == []


async def test_callers_who_say_nothing_keep_nobody_out(ours: Papers) -> None:
    import aiohttp

    far = listener(free_port(), ours, connections_max=4)
    near = caller(far.port, ca_file=ours.certificate)
    url = f"https://{LOOPBACK}:{far.port}/link"
    async with AsyncExitStack() as stack:
        (center,) = await stack.enter_async_context(running(far, patience_s=PATIENCE_S))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for _ in range(3):
            await session.ws_connect(url, ssl=False)
        for _ in range(3):
            await asyncio.open_connection(
                LOOPBACK, far.port, ssl=client_tls(None, str(ours.certificate))
            )
        await stack.enter_async_context(running(near, patience_s=PATIENCE_S))
        await near.send(b"we are here")
        await arrived([b"we are here"], center.inbox, Pair(near, far))
        for _ in range(6):
            await session.ws_connect(url, ssl=False)
        await near.send(b"and remain")
        await arrived([b"we are here", b"and remain"], center.inbox, Pair(near, far))


async def test_a_text_message_ends_the_connection(ours: Papers) -> None:
    import aiohttp

    far = listener(free_port(), None)
    async with (
        running(far, patience_s=PATIENCE_S) as (center,),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{LOOPBACK}:{far.port}/link") as stranger,
    ):
        await stranger.send_str("hello?")
        async with asyncio.timeout(PATIENCE_S):
            ended = await stranger.receive()
        assert ended.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert center.inbox.frames == [] and center.inbox.lost == []


async def test_a_frame_over_the_mtu_is_not_taken_in(ours: Papers) -> None:
    import aiohttp

    far = listener(free_port(), None)
    async with (
        running(far, patience_s=PATIENCE_S) as (center,),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{LOOPBACK}:{far.port}/link") as stranger,
    ):
        await stranger.send_bytes(b"x" * (far.traits.mtu_bytes + 1))
        async with asyncio.timeout(PATIENCE_S):
            ended = await stranger.receive()
        assert ended.data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        assert center.inbox.frames == []


async def test_wrong_files_are_told_before_anything_is_opened(tmp_path: Path) -> None:
    near = caller(free_port(), ca_file=tmp_path / "none.pem")
    with pytest.raises(LinkError) as caught:
        async with running(near, patience_s=PATIENCE_S):
            pass
    assert caught.value.code is Trouble.UNTRUSTED and "none.pem" in caught.value.detail


async def test_a_key_that_all_can_read_is_refused(tmp_path: Path) -> None:
    its = papers(tmp_path, "careless")
    its.key.chmod(0o644)
    with pytest.raises(LinkError) as caught:
        async with running(listener(free_port(), its), patience_s=PATIENCE_S):
            pass
    assert "chmod 600" in caught.value.detail


@pytest.mark.parametrize(
    "url", ["http://center.example/link", "https://user:word@center.example/", "https://", "center"]
)
def test_only_https_without_a_secret_in_the_address(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"url": url}, WssSettings)


async def test_it_comes_back_when_the_center_does(ours: Papers) -> None:
    port = free_port()
    near = caller(port, pin=ours.pin)
    async with running(near, listener(port, ours), patience_s=PATIENCE_S) as (kit, center):
        await center.stop()
        async with asyncio.timeout(PATIENCE_S):
            while all(state.phase is not Phase.DOWN for state in kit.inbox.states):
                await asyncio.sleep(0.01)
        again = listener(port, ours)
        async with running(again, patience_s=PATIENCE_S) as (back,):
            async with asyncio.timeout(PATIENCE_S):
                while kit.inbox.phase is not Phase.READY:
                    await asyncio.sleep(0.01)
            await near.send(b"here again")
            await arrived([b"here again"], back.inbox, Pair(near, again))
