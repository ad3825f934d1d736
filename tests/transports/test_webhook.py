"""Ground Control at the center: only what it signed is believed, only what is durable is told.

The other end is the played service; the key and the token of the vendor's documentation are
fixed test vectors.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import ssl
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import jwt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hardware.directip import Location, MoMessage
from hardware.sim.groundcontrol import LOGIN, PlayedGroundControl, public_pem, signed_push
from hardware.sim.webservice import WebFaults
from transports.link import Link, LinkError, Place, Trouble
from transports.testing import CHECKS, Check, Inbox, Pair, Running, arrived, running
from transports.webhook import Webhook, WebhookLink, WebhookSettings

LOOPBACK = "127.0.0.1"
IMEI = "300234010753370"
NOW_S = 1_790_000_000
MO = MoMessage(1, IMEI, 0, 5, 0, NOW_S - 9, b"hello", Location(-12.5, 45.25, 8))
Modem = Callable[[int], Link]

VENDOR_KEY = """
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlaWAVJfNWC4XfnRx96p9cztBcdQV6l8aKmzAlZdpEcQR6MSPzlgvihaUHNJgKm8t
5ShR3jcDXIOI7er30cIN4/9aVFMe0LWZClUGgCSLc3rrMD4FzgOJ4ibD8scVyER/sirRzf5/dswJedEiMte1ElMQy2M6IWBACry9u12kIqG0
HrhaQOzc6Tr8pHUWTKft3xwGpxCkV+K1N+9HCKFccbwb8okRP6FFAMm5sBbw4yAu39IVvcSL43Tucaa79FzOmfGs5mMvQfvO1ua7cOLKfAwk
hxEjirC0/RYX7Wio5yL6jmykAHJqFG2HT0uyjjrQWMtoGgwv9cIcI7xbsDX6owIDAQAB
"""
VENDOR_TOKEN = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJSb2NrIDciLCJpYXQiOjE2Nzg3ODUzMDgsImFsdCI6IjAiLCJhdCI6IjIwMjMtMDMtMTRUMDk6"
    "MTA6MDFaIiwiYXZlcmFnZUNvZyI6IjMyOCIsImF2ZXJhZ2VTb2ciOiIwLjAiLCJiYXR0ZXJ5IjoiOTgiLCJjb2ciOiIzMjgiLCJkZXZp"
    "Y2VfdHlwZSI6IkdSSUZGSU4iLCJpZCI6ImVKd2d6ZHBYVnhOUm5vcHJaZXdiV01EbFFHTFB2QWJrIiwiaW1laSI6IjMwMDQzNDA2Mjky"
    "OTU0MCIsImxhdCI6IjUxLjQ5NTQwIiwibG9uIjoiLTMuMTcwNDAiLCJtb21zbiI6IjcwMTU0ODcxIiwicG93ZXIiOiJ0cnVlIiwic2Vy"
    "aWFsIjoiMTAwMDE1Iiwic29nIjoiMC4wIiwic291cmNlIjoiR1BTIiwidGVtcCI6IjAuMCIsInRyYW5zbWl0X3RpbWUiOiIyMDIzLTAz"
    "LTE0VDA5OjE1OjA0WiIsInRyYW5zcG9ydCI6IkdQUlMiLCJ0cmlnZ2VyIjoiQlVSU1QiLCJ0eEF0IjoiMjAyMy0wMy0xNFQwOToxNTow"
    "NFoifQ.g4AMhUDwaK-WKaaITOKMtIu8lVtsEBfJ-00ytW-c0jyGUFxNW0259Dj9JcR34NaIai-ysSTVzqXBdROsZAiZS0oTSRum9l56Jw"
    "ZQTE0-Zx5yUUO8AOsUqXPjsSg2lSgsnSMTiQHXOzhydL9GIkmiEVdwANeaB24AuP45__zUwjhwniUfi-Z2RTG8J22GqnQ9Q_w9Z861A0B"
    "os7LmJEymbmcLOiDDdzfYxvVWE6GSm2y8ypBZEqhI0byNphZ5adIFM19iyqng4MVpQe0Uh9Jc49RR_IAjte3AMS4Y82lO76sM90Tu3-3J"
    "whj3Iq_NGpfd4735Bl-b5FR5oePP40mV3Q"
)
VENDOR_IAT = 1_678_785_308


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2048)


def private(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


@pytest.fixture
def table(tmp_path: Path, key: RSAPrivateKey) -> dict[str, object]:
    (tmp_path / "key.pub").write_bytes(public_pem(key))
    return {
        "port": 0,
        "key_file": str(tmp_path / "key.pub"),
        "credentials_file": private(tmp_path / "login", "\n".join(LOGIN)),
        "mt_url": "http://127.0.0.1:9",
    }


def center(table: dict[str, object], **more: object) -> WebhookLink:
    settings = msgspec.convert({**table, **more}, WebhookSettings)
    return WebhookLink(settings, Webhook().traits(settings, {}), lambda: NOW_S)


@asynccontextmanager
async def played(key: RSAPrivateKey, **more: object) -> AsyncIterator[PlayedGroundControl]:
    service = PlayedGroundControl("", key, clock=lambda: NOW_S, **more)  # type: ignore[arg-type]
    task = asyncio.create_task(service.run())
    await asyncio.wait_for(service.ready.wait(), 20)
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def joined(service: PlayedGroundControl, far: WebhookLink) -> None:
    """Tell the service where the center listens, as soon as it does."""
    while not far.port:
        await asyncio.sleep(0.01)
    service.url = f"http://{LOOPBACK}:{far.port}/push"


@asynccontextmanager
async def made_pair(
    table: dict[str, object], key: RSAPrivateKey, modem: Modem, faults: WebFaults | None = None
) -> AsyncIterator[tuple[Pair, PlayedGroundControl]]:
    async with played(key, faults=faults) as service:
        far = center(table, mt_url=f"http://{LOOPBACK}:{service.mt_port}")
        joining = asyncio.create_task(joined(service, far))
        yield Pair(modem(service.modem_port), far, 30.0, flood_frames=20), service
        joining.cancel()


async def post(
    far: WebhookLink, body: bytes, content_type: str = "application/json", path: str = "/push"
) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://{LOOPBACK}:{far.port}{path}",
            data=body,
            headers={"Content-Type": content_type},
        ) as answer,
    ):
        return answer.status, await answer.read()


def signed(key: RSAPrivateKey, claims: dict[str, object], **plain: object) -> bytes:
    """A push in JSON of these claims, its plain fields the same but for ``plain``."""
    token = jwt.encode({"iss": "Rock 7", "iat": NOW_S, **claims}, key, algorithm="RS256")
    return json.dumps({**claims, **plain, "JWT": token}).encode()


FIELDS: dict[str, object] = {"imei": IMEI, "momsn": "5", "data": b"hello".hex()}


# -- both ways -------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(
    check: Check, table: dict[str, object], key: RSAPrivateKey, modem: Modem
) -> None:
    async with made_pair(table, key, modem) as (pair, _):
        await check(pair)


async def test_a_service_that_doubles_loses_and_lets_others_forge(
    table: dict[str, object], key: RSAPrivateKey, modem: Modem
) -> None:
    faults = WebFaults(confirm_loss=0.4, doubled=0.4, forged=0.5, seed=3)
    async with (
        made_pair(table, key, modem, faults) as (pair, service),
        running(pair.near, pair.far, patience_s=30) as (_, hub),
    ):
        frames = [b"frame %d" % number for number in range(12)]
        for frame in frames:
            await pair.near.send(frame)
        await arrived(frames, hub.inbox, pair)
        while service.undelivered:
            await asyncio.sleep(0.02)
        assert sorted(hub.inbox.frames) == sorted(frames)
        assert service.counters.repeated and service.statuses[401]
        assert service.forged_accepted == 0


# -- what comes in ---------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [True, False])
async def test_a_signed_push_is_handed_up_with_its_place(
    table: dict[str, object], key: RSAPrivateKey, as_json: bool
) -> None:
    far = center(table)
    content_type, body = signed_push(MO, key, NOW_S, as_json=as_json)
    async with running(far) as (hub,):
        for _ in range(3):
            assert await post(far, body, content_type) == (200, b"")
        assert (hub.inbox.frames, hub.inbox.peer) == ([b"hello"], IMEI)
        assert hub.inbox.places == [Place(-12.5, 45.25, 8)]
        later = signed_push(MO, key, NOW_S + 1, as_json=as_json)[1]
        assert await post(far, later, content_type) == (200, b"")
        assert len(hub.inbox.frames) == 2
        check = signed_push(replace(MO, payload=None), key, NOW_S, as_json=as_json)[1]
        assert await post(far, check, content_type) == (200, b"")
        assert len(hub.inbox.frames) == 2


async def test_the_vendors_own_example_is_good_and_a_changed_one_is_not(
    table: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "vendor").write_text(VENDOR_KEY)
    settings = msgspec.convert({**table, "key_file": str(tmp_path / "vendor")}, WebhookSettings)
    far = WebhookLink(settings, Webhook().traits(settings, {}), lambda: VENDOR_IAT + 60)
    head, claims, signature = VENDOR_TOKEN.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    plain = {name: value for name, value in said.items() if name not in ("iss", "iat")}
    async with running(far) as (hub,):
        assert (await post(far, json.dumps({**plain, "JWT": VENDOR_TOKEN}).encode()))[0] == 200
        numbers = {**plain, "lat": 51.4954, "power": True, "momsn": 70154871, "JWT": VENDOR_TOKEN}
        assert (await post(far, json.dumps(numbers).encode()))[0] == 200
        assert far.read("application/json", json.dumps(numbers).encode()).peer == "300434062929540"
        changed = (
            f"{head}.{claims[:40]}{'A' if claims[40] != 'A' else 'B'}{claims[41:]}.{signature}"
        )
        assert (await post(far, json.dumps({"JWT": changed}).encode()))[0] == 401
        other = json.dumps({**plain, "imei": "300434062929541", "JWT": VENDOR_TOKEN})
        assert (await post(far, other.encode()))[0] == 403
        assert hub.inbox.frames == []


async def test_other_ways_to_sign_are_refused(table: dict[str, object], key: RSAPrivateKey) -> None:
    far = center(table)
    claims = {"iss": "Rock 7", "iat": NOW_S, **FIELDS}

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    unsigned = f"{part({'alg': 'none'})}.{part(claims)}."
    head = f"{part({'alg': 'HS256'})}.{part(claims)}"
    mac = hmac.digest(public_pem(key), head.encode(), "sha256")
    hs256 = f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    stranger = jwt.encode(claims, generate_private_key(65_537, 2048), algorithm="RS256")
    rs512 = jwt.encode(claims, key, algorithm="RS512")
    async with running(far) as (hub,):
        for token in (unsigned, hs256, stranger, rs512, "", "a.b.c", "." * 9):
            body = json.dumps({**FIELDS, "JWT": token}).encode()
            assert await post(far, body) == (401, b""), token
        assert await post(far, json.dumps(FIELDS).encode()) == (401, b"")
        assert hub.inbox.frames == []


@pytest.mark.parametrize(
    ("iat", "status"),
    [
        (NOW_S, 200),
        (NOW_S - 259_100, 200),
        (NOW_S - 259_300, 403),
        (NOW_S + 700, 403),
        (float("inf"), 403),
        (10**400, 401),
        ("soon", 401),
        (None, 401),
        (True, 403),
    ],
)
async def test_a_token_is_good_for_a_while(
    table: dict[str, object], key: RSAPrivateKey, iat: object, status: int
) -> None:
    far = center(table)
    token = jwt.api_jws.encode(json.dumps({**FIELDS, "iat": iat}).encode(), key, algorithm="RS256")
    async with running(far):
        assert (await post(far, json.dumps({"JWT": token}).encode()))[0] == status


@pytest.mark.parametrize(
    ("claims", "plain", "status"),
    [
        (FIELDS, {}, 200),
        (FIELDS, {"momsn": 5}, 200),
        (FIELDS, {"unknown": "more", "deep": {"a": [1]}}, 200),
        (FIELDS, {"momsn": "6"}, 403),
        (FIELDS, {"data": "00"}, 403),
        ({"imei": IMEI, "momsn": "5"}, {"data": "00"}, 403),
        ({**FIELDS, "imei": "123"}, {}, 400),
        ({**FIELDS, "momsn": "-1"}, {}, 400),
        ({**FIELDS, "data": "xy"}, {}, 400),
        ({**FIELDS, "data": "00" * 2000}, {}, 400),
        ({**FIELDS, "transmit_time": "2023-03-14T09:15:04Z"}, {}, 200),
        ({**FIELDS, "transmit_time": "soon"}, {}, 200),
        ({**FIELDS, "iridium_latitude": "nan", "iridium_longitude": "900"}, {}, 200),
    ],
)
async def test_plain_fields_must_say_what_was_signed(
    table: dict[str, object],
    key: RSAPrivateKey,
    claims: dict[str, object],
    plain: dict[str, object],
    status: int,
) -> None:
    far = center(table)
    async with running(far) as (hub,):
        assert await post(far, signed(key, claims, **plain)) == (status, b"")
        assert hub.inbox.frames == ([b"hello"] if status == 200 else [])
        assert hub.inbox.places in ([], [None])


async def test_what_takes_long_to_store_is_asked_for_again_and_stored_once(
    table: dict[str, object], key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.push.ANSWER_S", 0.2)
    far = center(table)
    committed = asyncio.Event()

    class Slow(Inbox):
        async def frame(self, data: bytes, peer: str = "", place: Place | None = None) -> None:
            await committed.wait()
            await super().frame(data, peer, place)

    inbox = Slow()
    task = asyncio.create_task(far.run(inbox))
    while not far.port:
        await asyncio.sleep(0.01)
    body = signed(key, FIELDS)
    assert [(await post(far, body))[0] for _ in range(2)] == [503, 503]
    committed.set()
    while (await post(far, body))[0] != 200:
        await asyncio.sleep(0.01)
    assert inbox.frames == [b"hello"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_was_not_stored_is_not_accepted(
    table: dict[str, object], key: RSAPrivateKey
) -> None:
    far = center(table)
    async with running(far) as (hub,):
        hub.inbox.refuse = 1
        assert (await post(far, signed(key, FIELDS)))[0] == 503
        assert (await post(far, signed(key, FIELDS)))[0] == 200
        assert hub.inbox.frames == [b"hello"]


# -- junk ------------------------------------------------------------------------------------


async def test_junk_gets_a_number_and_nothing_else(
    table: dict[str, object], key: RSAPrivateKey, tmp_path: Path
) -> None:
    secret = private(tmp_path / "secret", "0123456789abcdefXYZ\n")
    far = center(table, path_secret_file=secret)
    good, form = "/push/0123456789abcdefXYZ", "application/x-www-form-urlencoded"
    async with running(far) as (hub,):
        for body, content_type, path, status in (
            (signed(key, FIELDS), "application/json", "/push", 404),
            (signed(key, FIELDS), "application/json", "/push/0123456789abcdefXYZ0", 404),
            (b"[" * 30_000, "application/json", good, 400),
            (b"{}", "application/json", good, 401),
            (b"\xff\xfe", form, good, 400),
            (b"a=1&a=2", form, good, 400),
            (urlencode({f"f{n}": n for n in range(99)}).encode(), form, good, 400),
            (signed(key, FIELDS), "application/json", good, 200),
        ):
            assert await post(far, body, content_type, path) == (status, b"")
        async with aiohttp.ClientSession() as session:
            address = f"http://{LOOPBACK}:{far.port}{good}"
            async with session.get(address) as answer:
                assert answer.status == 405
            for body, headers in ((b"x" * 32_769, {}), (b"x", {"Content-Encoding": "gzip"})):
                with suppress(aiohttp.ClientError):  # It may not wait for all of it.
                    async with session.post(address, data=body, headers=headers) as answer:
                        assert answer.status in (413, 415)
        assert hub.inbox.frames == [b"hello"]


async def test_a_flood_of_junk_is_bounded_and_real_pushes_pass(
    table: dict[str, object], key: RSAPrivateKey
) -> None:
    far = center(table, connections_max=8)
    junk = (
        b"\0" * 500,
        b"POST /push HTTP/1.1\r\nContent-Length: 9\r\n\r\nJWT=a.b.c",
        b"GET / HTTP",
    )

    async def flood(rounds: int) -> int:
        answered = 0
        for turn in range(rounds):
            try:
                reader, writer = await asyncio.open_connection(LOOPBACK, far.port)
                writer.write(junk[turn % 3])
                writer.write_eof()
                answered += bool(await asyncio.wait_for(reader.read(), 20))
                writer.close()
            except OSError:
                pass
        return answered

    async with running(far) as (hub,):
        await flood(60)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        await asyncio.gather(*(flood(100) for _ in range(4)))
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 300_000
        assert (await post(far, signed(key, FIELDS)))[0] == 200
        assert hub.inbox.frames == [b"hello"]


async def test_answers_to_junk_are_rationed(
    table: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.push.JUNK_ANSWERS_S", 0)
    far = center(table)
    async with running(far):
        with pytest.raises(aiohttp.ClientError):
            await post(far, b"{}")


async def test_callers_that_say_nothing_are_bounded_in_number_and_time(
    table: dict[str, object], key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.push.CALL_S_MAX", 0.5)
    far = center(table, connections_max=3)
    async with running(far) as (hub,):
        silent = [await asyncio.open_connection(LOOPBACK, far.port) for _ in range(10)]
        ends = [await asyncio.wait_for(reader.read(), 20) for reader, _ in silent]
        assert ends == [b""] * 10
        assert (await post(far, signed(key, FIELDS)))[0] == 200
        assert hub.inbox.frames == [b"hello"]
        for _, writer in silent:
            writer.close()


# -- what goes out ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "trouble", "least_s"),
    [
        (10, Trouble.REFUSED, 3600),
        (11, Trouble.REFUSED, 3600),
        (12, Trouble.REFUSED, 3600),
        (13, Trouble.OUT_OF_CREDIT, 3600),
        (14, Trouble.REFUSED, 3600),
        (15, Trouble.TOO_LARGE, 3600),
        (16, Trouble.REFUSED, 3600),
        (99, Trouble.BUSY, 60),
    ],
)
async def test_a_refusal_says_why_and_until_when(
    table: dict[str, object],
    key: RSAPrivateKey,
    modem: Modem,
    code: int,
    trouble: Trouble,
    least_s: float,
) -> None:
    faults = WebFaults(refusals=(code,))
    async with (
        made_pair(table, key, modem, faults) as (pair, _),
        running(pair.near, pair.far, patience_s=30) as (_near, hub),
    ):
        await pair.near.poll()
        with pytest.raises(LinkError) as refused:
            await pair.far.send(b"one", IMEI)
        assert (refused.value.code, refused.value.retry_after_s) == (trouble, least_s)
        assert bool(hub.inbox.notices) == (code != 99)
        await pair.far.send(b"one", IMEI)


async def test_credit_is_counted_and_its_end_is_told(
    table: dict[str, object], key: RSAPrivateKey, modem: Modem
) -> None:
    async with played(key, credits=3) as service:
        far = center(table, mt_url=f"http://{LOOPBACK}:{service.mt_port}")
        near = modem(service.modem_port)
        async with running(near, far):
            await near.poll()
            await far.send(b"x" * 51, IMEI)
            assert service.credits == 1
            with pytest.raises(LinkError) as refused:
                await far.send(b"x" * 51, IMEI)
            assert refused.value.code is Trouble.OUT_OF_CREDIT
            with pytest.raises(LinkError) as refused:
                await far.send(b"x", "300234010000009")
            assert "unknown_imei" in refused.value.detail
            assert (service.credits, service.waiting(IMEI)) == (1, 1)


async def test_a_lost_answer_is_no_success_though_it_may_have_counted(
    table: dict[str, object], key: RSAPrivateKey, modem: Modem
) -> None:
    faults = WebFaults(mt_confirm_loss=1.0)
    async with (
        made_pair(table, key, modem, faults) as (pair, service),
        running(pair.near, pair.far, patience_s=30) as (near, _),
    ):
        await pair.near.poll()
        for _ in range(2):
            with pytest.raises(LinkError) as refused:
                await pair.far.send(b"one", IMEI)
            assert refused.value.code is Trouble.NO_SERVICE
        assert service.waiting(IMEI) == 2
        await arrived([b"one"], near.inbox, pair)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99_999,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
        b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nFAILED,0",
        b"\0\1\2",
        b"",
    ],
)
async def test_an_answer_that_says_nothing_is_no_success(
    table: dict[str, object], answer: bytes
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    far = center(table, mt_url=f"http://{LOOPBACK}:{port}")
    async with running(far):
        with pytest.raises(LinkError) as refused:
            await far.send(b"one", IMEI)
        assert refused.value.code is Trouble.NO_SERVICE
        with pytest.raises(LinkError) as refused:
            await far.send(b"one", "7")
        assert refused.value.code is Trouble.REFUSED
    server.close()


# -- what it needs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table, folder: Path(str(table["credentials_file"])).chmod(0o644),
        lambda table, folder: Path(str(table["credentials_file"])).write_text("only a name"),
        lambda table, folder: Path(str(table["credentials_file"])).unlink(),
        lambda table, folder: Path(str(table["key_file"])).write_text("no key"),
        lambda table, folder: Path(str(table["key_file"])).unlink(),
        lambda table, folder: table.update(
            path_secret_file=private(folder / "secret", "too/short")
        ),
        lambda table, folder: table.update(tls_cert_file="none", tls_key_file="none"),
    ],
)
async def test_files_that_cannot_be_used_are_told(
    table: dict[str, object],
    tmp_path: Path,
    spoil: Callable[[dict[str, object], Path], object],
) -> None:
    spoil(table, tmp_path)
    with pytest.raises(LinkError) as refused:
        await Running(center(table), 5).ready()
    assert refused.value.code is Trouble.UNUSABLE


def certificate(folder: Path, key: RSAPrivateKey) -> tuple[str, str]:
    """A certificate for the loopback address, signed by itself, and its key, as PEM files."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2120, 1, 1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False
        )
        .sign(key, SHA256())
    )
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "cert.key").touch(mode=0o600)
    (folder / "cert.key").write_bytes(key.private_bytes(*form))
    return str(folder / "cert.pem"), str(folder / "cert.key")


async def test_it_speaks_https_itself_where_it_has_a_certificate(
    table: dict[str, object], key: RSAPrivateKey, tmp_path: Path
) -> None:
    cert, cert_key = certificate(tmp_path, key)
    far = center(table, tls_cert_file=cert, tls_key_file=cert_key)
    trusting = ssl.create_default_context(cafile=cert)
    async with running(far) as (hub,):
        address = f"https://{LOOPBACK}:{far.port}/push"
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                address,
                data=signed(key, FIELDS),
                headers={"Content-Type": "application/json"},
                ssl=trusting,
            ) as answer,
        ):
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await post(far, signed(key, FIELDS))
        assert hub.inbox.frames == [b"hello"]


async def test_a_service_that_cannot_prove_itself_gets_no_password(
    table: dict[str, object], key: RSAPrivateKey, tmp_path: Path
) -> None:
    cert, cert_key = certificate(tmp_path, key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, cert_key)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nOK,7")
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    address = f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    doubting, trusting = center(table, mt_url=address), center(table, mt_url=address, ca_file=cert)
    async with running(doubting):
        with pytest.raises(LinkError) as refused:
            await doubting.send(b"one", IMEI)
        assert refused.value.code is Trouble.UNTRUSTED
    assert heard == []
    async with running(trusting):
        await trusting.send(b"one", IMEI)
    assert len(heard) == 1 and heard[0].startswith(b"POST /rockblock/MT HTTP/1.1")
    server.close()


async def test_an_authority_that_cannot_be_used_is_told(table: dict[str, object]) -> None:
    with pytest.raises(LinkError) as refused:
        await Running(center(table, ca_file="none"), 5).ready()
    assert refused.value.code is Trouble.UNTRUSTED


async def test_a_missing_part_is_told(
    table: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(LinkError) as refused:
        await Running(center(table), 5).ready()
    assert refused.value.code is Trouble.PART_MISSING


async def test_a_port_in_use_is_told_as_busy(table: dict[str, object]) -> None:
    first = center(table)
    async with running(first):
        with pytest.raises(LinkError) as refused:
            await Running(center(table, port=first.port), 5).ready()
        assert refused.value.code is Trouble.DEVICE_BUSY


@pytest.mark.parametrize(
    "more",
    [
        {"mt_url": "http://rockblock.example"},
        {"mt_url": "ftp://127.0.0.1"},
        {"mt_url": "https://me:secret@rockblock.example"},
        {"mtu": 271},
        {"tls_cert_file": "cert"},
        {"path": "no slash"},
        {"key_file": ""},
        {"password": "secret"},
    ],
)
def test_wrong_settings_are_refused(table: dict[str, object], more: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**table, **more}, WebhookSettings)
