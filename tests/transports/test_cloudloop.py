"""Cloudloop at the center, for SBD and IMT. The other end is the played platform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from hardware.cloudloop import answer_of, is_delivered, lingo_mo
from hardware.directip import Location
from hardware.sim.cloudloop import TOKEN, PlayedCloudloop, thing_of
from hardware.sim.webservice import WebFaults
from transports.cloudloop import Cloudloop, CloudloopLink, CloudloopSettings
from transports.link import Link, LinkError, LinkState, Phase, Place, Receiver, Traits, Trouble
from transports.testing import CHECKS, Check, Pair, Running, arrived, running

LOOPBACK = "127.0.0.1"
IMEI = "300234010753370"
SECRET = "a-secret-of-the-test"
LINGO = {
    "id": "c0eb3dd4-0ab5-41f2-8fbd-b71083161fba",
    "receivedAt": {"year": 2023, "month": 10, "day": 9},
    "identity": {"thingId": "DgXeoxwVPMyrdOBJeEGlqKRJLbajQkzZ", "hardware": {"imei": IMEI}},
    "sbd": {"momsn": 5, "location": {"latitude": -12.5, "longitude": 45.25, "cep": 3.2}},
    "message": "aGVsbG8=",
}
Modem = Callable[[int], Link]


def private(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


@pytest.fixture
def table(tmp_path: Path) -> dict[str, object]:
    return {
        "port": 0,
        "network": "sbd",
        "token_file": private(tmp_path / "token", TOKEN),
        "path_secret_file": private(tmp_path / "secret", SECRET),
        "api_url": "http://127.0.0.1:9",
    }


def center(table: dict[str, object], **more: object) -> CloudloopLink:
    settings = msgspec.convert({**table, **more}, CloudloopSettings)
    return Cloudloop().open(settings, Cloudloop().traits(settings, {}))


class ImtModem:
    """A link for tests: an IMT modem of the played platform that gets what waits by itself."""

    traits = Traits(mtu_bytes=100_000)

    def __init__(self) -> None:
        self.service: PlayedCloudloop | None = None
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._runs = False

    def take(self, imei: str, payload: bytes, topic: str) -> bool:
        assert topic == "IMT_TOPIC_PINK"
        self._waiting.put_nowait(payload)
        return imei == IMEI

    async def run(self, receiver: Receiver) -> None:
        receiver.state(LinkState(Phase.READY))
        self._runs = True
        try:
            while True:
                await receiver.frame(await self._waiting.get())
        finally:
            self._runs = False

    async def send(self, frame: bytes, peer: str = "") -> None:
        if len(frame) > self.traits.mtu_bytes:
            raise LinkError(Trouble.TOO_LARGE)
        if self.service is None or not self._runs:
            raise LinkError(Trouble.NO_SERVICE)
        self.service.put_mo(IMEI, frame, 314)

    async def poll(self) -> None:
        """It needs not ask."""


@asynccontextmanager
async def played(**more: object) -> AsyncIterator[PlayedCloudloop]:
    service = PlayedCloudloop("", **more)  # type: ignore[arg-type]
    task = asyncio.create_task(service.run())
    await asyncio.wait_for(service.ready.wait(), 20)
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def joined(service: PlayedCloudloop, far: CloudloopLink) -> AsyncIterator[None]:
    """Tell the platform where the center listens, as soon as it does."""

    async def tell() -> None:
        while not far.port:
            await asyncio.sleep(0.01)
        service.url = f"http://{LOOPBACK}:{far.port}/push/{SECRET}"

    telling = asyncio.create_task(tell())
    yield
    telling.cancel()


@asynccontextmanager
async def sbd_pair(
    table: dict[str, object], modem: Modem, faults: WebFaults | None = None
) -> AsyncIterator[tuple[Pair, PlayedCloudloop]]:
    async with played(faults=faults, location=Location(1.5, 2.5, 4)) as service:
        far = center(table, api_url=f"http://{LOOPBACK}:{service.mt_port}")
        async with joined(service, far):
            yield Pair(modem(service.modem_port), far, 30.0, flood_frames=15), service


@asynccontextmanager
async def imt_pair(
    table: dict[str, object], **more: object
) -> AsyncIterator[tuple[Pair, PlayedCloudloop]]:
    near = ImtModem()
    async with played(imt=near.take) as service:
        near.service = service
        address = f"http://{LOOPBACK}:{service.mt_port}"
        far = center(table, api_url=address, network="imt", topic="PINK", **more)
        async with joined(service, far):
            yield Pair(near, far, 60.0, flood_frames=6), service


async def post(far: CloudloopLink, body: bytes, path: str = f"/push/{SECRET}") -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://{LOOPBACK}:{far.port}{path}",
            data=body,
            headers={"Content-Type": "application/json"},
        ) as answer,
    ):
        assert await answer.read() == b""
        return answer.status


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link_for_sbd(check: Check, table: dict[str, object], modem: Modem) -> None:
    async with sbd_pair(table, modem) as (pair, _):
        await check(pair)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link_for_imt(check: Check, table: dict[str, object]) -> None:
    async with imt_pair(table) as (pair, _):
        await check(pair)


async def test_a_platform_that_doubles_and_loses(table: dict[str, object], modem: Modem) -> None:
    faults = WebFaults(confirm_loss=0.4, doubled=0.4, seed=2)
    async with (
        sbd_pair(table, modem, faults) as (pair, service),
        running(pair.near, pair.far, patience_s=30) as (_, hub),
    ):
        frames = [b"frame %d" % number for number in range(10)]
        for frame in frames:
            await pair.near.send(frame)
        await arrived(frames, hub.inbox, pair)
        while service.undelivered:
            await asyncio.sleep(0.02)
        assert sorted(hub.inbox.frames) == sorted(frames)
        assert service.counters.repeated
        assert (hub.inbox.peer, hub.inbox.places[0]) == (thing_of(IMEI), Place(1.5, 2.5, 4))


async def test_the_documented_form_is_understood(table: dict[str, object]) -> None:
    far = center(table)
    async with running(far) as (hub,):
        for _ in range(2):
            assert await post(far, json.dumps(LINGO).encode()) == 200
        assert hub.inbox.frames == [b"hello"]
        assert hub.inbox.peer == "DgXeoxwVPMyrdOBJeEGlqKRJLbajQkzZ"
        assert hub.inbox.places == [Place(-12.5, 45.25, 4)]
        assert await post(far, json.dumps({**LINGO, "id": "2", "message": ""}).encode()) == 200
        assert len(hub.inbox.frames) == 1


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"message": "no base64!"}, 400),
        ({"message": 5}, 400),
        ({"message": "aGVsbG8=" * 16_700}, 400),
        ({"identity": {}}, 400),
        ({"identity": {"thingId": "../../x"}}, 400),
        ({"id": ""}, 400),
        ({"id": "x" * 65}, 400),
        ({"sbd": {"location": {"latitude": 91.0}}}, 200),
    ],
)
async def test_junk_gets_a_number_and_nothing_else(
    table: dict[str, object], more: dict[str, object], status: int
) -> None:
    far = center(table)
    async with running(far):
        assert await post(far, json.dumps({**LINGO, **more}).encode()) == status
        assert await post(far, json.dumps(LINGO).encode(), "/push") == 404
        assert await post(far, b"[[") == 400


@pytest.mark.parametrize(
    ("status", "trouble", "least_s"),
    [
        (400, Trouble.REFUSED, 3600),
        (401, Trouble.REFUSED, 3600),
        (402, Trouble.OUT_OF_CREDIT, 3600),
        (404, Trouble.REFUSED, 3600),
        (413, Trouble.TOO_LARGE, 3600),
        (429, Trouble.BUSY, 300),
        (500, Trouble.NO_SERVICE, 30),
        (503, Trouble.NO_SERVICE, 30),
    ],
)
async def test_a_refusal_says_why_and_until_when(
    table: dict[str, object], modem: Modem, status: int, trouble: Trouble, least_s: float
) -> None:
    async with (
        sbd_pair(table, modem, WebFaults(refusals=(status,))) as (pair, _),
        running(pair.near, pair.far, patience_s=30) as (_near, hub),
    ):
        await pair.near.poll()
        with pytest.raises(LinkError) as refused:
            await pair.far.send(b"one", thing_of(IMEI))
        assert (refused.value.code, refused.value.retry_after_s) == (trouble, least_s)
        assert bool(hub.inbox.notices) == (least_s == 3600)
        await pair.far.send(b"one", thing_of(IMEI))


async def test_a_wrong_token_and_an_unknown_thing_are_refused(
    table: dict[str, object], modem: Modem, tmp_path: Path
) -> None:
    async with sbd_pair(table, modem) as (pair, service):
        async with running(pair.far):
            with pytest.raises(LinkError) as refused:
                await pair.far.send(b"one", thing_of("300234010000009"))
            assert refused.value.code is Trouble.REFUSED
        wrong = private(tmp_path / "wrong", "not the token")
        address = f"http://{LOOPBACK}:{service.mt_port}"
        other = center(table, api_url=address, token_file=wrong)
        async with running(other):
            with pytest.raises(LinkError) as refused:
                await other.send(b"one", thing_of(IMEI))
            assert "401" in refused.value.detail


async def test_what_was_delivered_no_longer_waits(table: dict[str, object]) -> None:
    async with (
        imt_pair(table, status_every_s=0.05) as (pair, service),
        running(pair.near, pair.far, patience_s=60) as (near, hub),
    ):
        await pair.far.send(b"one", thing_of(IMEI))
        await pair.far.send(b"two", thing_of(IMEI))
        assert hub.inbox.states[-1].waiting == 2
        await arrived([b"one", b"two"], near.inbox, pair)
        service.delivered[next(iter(service.delivered))] = True
        async with asyncio.timeout(30):
            while hub.inbox.states[-1].waiting != 1:
                await asyncio.sleep(0.02)


async def test_a_token_that_others_may_read_is_refused(table: dict[str, object]) -> None:
    Path(str(table["token_file"])).chmod(0o604)
    with pytest.raises(LinkError) as refused:
        await Running(center(table), 5).ready()
    assert refused.value.code is Trouble.UNUSABLE


@pytest.mark.parametrize(
    ("body", "error", "name", "status"),
    [
        (b"{}", "", "", ""),
        (b'{"id":"a"}', "", "a", ""),
        (b'{"message":{"id":"a"},"status":"X"}', "", "a", "X"),
        (b'{"error":"no"}', "no", "", ""),
        (b'{"error":{"deep":1}}', "unknown", "", ""),
    ],
)
def test_what_an_answer_says(body: bytes, error: str, name: str, status: str) -> None:
    found = answer_of(body)
    assert (found.error, found.id, found.status) == (error, name, status)


def test_only_known_words_say_delivered() -> None:
    assert is_delivered("delivered") and is_delivered("DELIVERY_ACKNOWLEDGED")
    assert not any(is_delivered(word) for word in ("", "PENDING", "UNDELIVERED", "NOT_DELIVERED"))


def test_a_message_without_payload_is_a_check() -> None:
    bare = {"id": "1", "identity": {"thingId": "T"}}
    assert lingo_mo(json.dumps(bare).encode()).payload is None


@pytest.mark.parametrize(
    "more",
    [
        {"network": "gsm"},
        {"mtu": 271},
        {"network": "imt", "mtu": 100_001},
        {"mtu": 63},
        {"path_secret_file": ""},
        {"api_url": "http://api.example"},
        {"topic": "GREEN"},
        {"token": "secret"},
    ],
)
def test_wrong_settings_are_refused(table: dict[str, object], more: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**table, **more}, CloudloopSettings)
