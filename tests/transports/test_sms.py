"""Frames pass through the mobile network whole, in both directions, and each is one message."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hardware.gsm import Timing
from hardware.port import open_port
from hardware.sim.core_gsm import Nature
from hardware.sim.faults import Fault
from hardware.sim.modemgsm import PlayedGsm, PtyPlug
from hardware.sim.sms_network import Sky, SmsNetwork
from transports import sms_server
from transports.link import LinkError, LinkState, Phase, Place, Trouble
from transports.plain import Fate, Heard, MaybeSentError
from transports.sms import Sms, SmsLink, SmsSettings
from transports.testing import CHECKS, Check, Inbox, Pair

KIT, CENTER, PERSON = "+262639000001", "+262639000002", "+262639555555"
NATURE = Nature(KIT, boot_s=0.0)
TIMING = Timing(
    command_s=5, probe_s=2, probe_tries=4, write_s=5, send_s=5, list_s=5, sim_s=0.05, quiet_s=0.01
)
QUICK = replace(TIMING, command_s=1, probe_s=0.5, list_s=1, send_s=1)


def open_link(path: Path, timing: Timing = TIMING, **words: Any) -> SmsLink:
    settings = msgspec.convert({"port": str(path), **words}, SmsSettings)
    return SmsLink(settings, Sms().traits(settings, {}), timing=timing)


@asynccontextmanager
async def modem(
    path: Path, network: SmsNetwork, *faults: Fault, **words: Any
) -> AsyncIterator[PlayedGsm]:
    nature = replace(NATURE, **words)
    async with PlayedGsm(PtyPlug(path), network, nature, faults) as played:
        yield played


@asynccontextmanager
async def make_pair(tmp_path: Path, coding: str) -> AsyncIterator[Pair]:
    network = SmsNetwork(Sky(refuses_data=coding == "text"))
    near, far = tmp_path / "near", tmp_path / "far"
    async with modem(near, network), modem(far, network, number=CENTER):
        yield Pair(
            open_link(near, center=CENTER, coding=coding),
            open_link(far, coding=coding),
            patience_s=60.0,
            flood_frames=12,
        )
    await network.close()


@pytest.mark.parametrize("coding", ["data", "text"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check, coding: str, tmp_path: Path) -> None:
    async with make_pair(tmp_path, coding) as pair:
        await check(pair)


class Above(Inbox):
    """An inbox for words as well."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[Heard] = []
        self.fates: list[Fate] = []
        self.peers: list[str] = []

    async def frame(self, data: bytes, peer: str = "", place: Place | None = None) -> None:
        await super().frame(data, peer, place)
        self.peers.append(peer)

    async def heard(self, words: Heard) -> None:
        if self.refuse:
            self.refuse -= 1
            raise OSError("the disk is full")
        self.words.append(words)

    async def fate(self, fate: Fate) -> None:
        self.fates.append(fate)


class World:
    """A network with a played modem, and a link on it that is run again when it ends."""

    def __init__(self, network: SmsNetwork, played: PlayedGsm, link: SmsLink) -> None:
        self.network, self.played, self.link = network, played, link
        self.above = Above()
        self.errors: list[LinkError] = []
        self._run = asyncio.create_task(self._serve())

    @property
    def state(self) -> LinkState:
        return self.above.states[-1]

    async def ready(self) -> None:
        await until(lambda: self.above.phase in (Phase.READY, Phase.BUSY))

    async def stop(self) -> None:
        self._run.cancel()
        await asyncio.wait({self._run})

    async def _serve(self) -> None:
        while True:
            try:
                await self.link.run(self.above)
            except LinkError as error:
                self.errors.append(error)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def world(
    tmp_path: Path, *faults: Fault, sky: Sky | None = None, nature: Nature = NATURE, **words: Any
) -> AsyncIterator[World]:
    """The modem of a kit; the other phones of the network only receive."""
    network = SmsNetwork(sky)
    for number in (CENTER, PERSON):
        network.attach(number, Sink())
    path = tmp_path / "phone"
    async with PlayedGsm(PtyPlug(path), network, nature, faults) as played:
        found = World(network, played, open_link(path, **words))
        try:
            yield found
        finally:
            await found.stop()
            await network.close()


class Sink:
    """A phone that takes everything."""

    def take(self, pdu: bytes) -> bool:
        return True


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def refused(work: Awaitable[object]) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await asyncio.wait_for(work, 60)
    return caught.value


def test_settings_and_traits() -> None:
    kit = msgspec.convert({"port": "/dev/x", "center": CENTER}, SmsSettings)
    traits = Sms().traits(kit, {"credit_micros": 60_000})
    assert (traits.mtu_bytes, traits.credit_bytes, traits.listens) == (140, 140, False)
    assert traits.price(140).micros == 60_000
    center = msgspec.convert({"modem": "auto", "coding": "text", "kits": [KIT]}, SmsSettings)
    traits = Sms().traits(center, {})
    assert (traits.mtu_bytes, traits.credit_bytes) == (126, 126)
    assert traits.listens and traits.lasting_peers
    free = msgspec.convert({"modem": "auto", "unlimited": True}, SmsSettings)
    assert not Sms().traits(free, {}).metered


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"port": ""},
        {"port": "/dev/x", "speed": 1},
        {"port": "/dev/x", "center": "my center"},
        {"port": "/dev/x", "center": CENTER, "kits": [KIT]},
        {"port": "/dev/x", "coding": "base64"},
        {"port": "/dev/x", "validity_s": 1},
        {"port": "/dev/x", "pin": "1234"},
    ],
)
def test_wrong_settings_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, SmsSettings)


async def test_a_frame_goes_out_and_the_bar_shows_it(tmp_path: Path) -> None:
    async with world(tmp_path, center=CENTER) as found:
        await found.ready()
        await found.link.send(b"hello")
        assert found.network.taken == 1
        await found.link.poll()
        await until(lambda: found.state.phase is Phase.READY)
        assert found.state.signal in range(1, 6)
        assert Phase.BUSY in [state.phase for state in found.above.states]
    assert found.state == LinkState(Phase.DOWN)
    assert (await refused(found.link.send(b"hello"))).code is Trouble.DEVICE_GONE


async def test_a_center_answers_the_number_it_heard(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        await found.ready()
        assert (await refused(found.link.send(b"hello"))).code is Trouble.REFUSED
        await found.link.send(b"hello", CENTER)
        assert (await refused(found.link.send(b"hello", "Orange"))).code is Trouble.REFUSED


@pytest.mark.parametrize(
    ("status", "trouble", "retry_after_s"),
    [
        (21, Trouble.REFUSED, 900),
        (38, Trouble.NO_SERVICE, 30),
        (42, Trouble.BUSY, 30),
        (69, Trouble.REFUSED, 900),
        (310, Trouble.SIM, 600),
        (322, Trouble.BUSY, 10),
        (331, Trouble.NO_SERVICE, 30),
        (500, Trouble.NO_SERVICE, 30),
        (777, Trouble.REFUSED, 900),
    ],
)
async def test_each_refusal_says_when_to_come_back(
    tmp_path: Path, status: int, trouble: Trouble, retry_after_s: float
) -> None:
    async with world(
        tmp_path, Fault(kind="status", session=1, status=status), center=CENTER
    ) as found:
        await found.ready()
        error = await refused(found.link.send(b"hello"))
        assert (error.code, error.retry_after_s) == (trouble, retry_after_s)
        assert str(status) in error.detail
        await until(lambda: found.state.reason == trouble)
        await found.link.send(b"hello")
        await until(lambda: found.state.reason == "")
        assert found.network.taken == 1 and not found.errors


async def test_a_network_that_refuses_binary_messages_takes_text(tmp_path: Path) -> None:
    async with world(tmp_path, sky=Sky(refuses_data=True), center=CENTER) as found:
        await found.ready()
        assert (await refused(found.link.send(b"hello"))).code is Trouble.REFUSED
    folder = tmp_path / "text"
    folder.mkdir()
    sky = Sky(refuses_data=True)
    async with world(folder, sky=sky, center=CENTER, coding="text") as found:
        await found.ready()
        await found.link.send(bytes(126))
        assert found.network.taken == 1


async def test_what_cannot_be_stored_stays_on_the_card(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        await found.ready()
        found.above.refuse = 1
        found.network.say(PERSON, KIT, "help at the school")
        await until(lambda: bool(found.above.words))
        (words,) = found.above.words
        assert (words.sender, words.text) == (PERSON, "help at the school")
        assert words.sent_at_ms > 1_700_000_000_000
        await until(lambda: not found.played.core.card.stored)
        assert found.above.frames == []


async def test_words_nobody_takes_stay_on_the_card_and_do_not_fill_it(tmp_path: Path) -> None:
    network = SmsNetwork()
    network.attach(PERSON, Sink())
    nature = replace(NATURE, places=sms_server.WORDS_LEFT_MAX + 2)
    path = tmp_path / "phone"
    async with PlayedGsm(PtyPlug(path), network, nature) as played:
        inbox = Inbox()
        run = asyncio.create_task(open_link(path).run(inbox))
        for at in range(30):
            network.say(PERSON, KIT, f"help {at}")
        network.say(PERSON, KIT, ":=00")
        await until(lambda: inbox.frames == [b"\0"])
        await until(lambda: len(played.core.card.stored) == sms_server.WORDS_LEFT_MAX)
        run.cancel()
        await asyncio.wait({run})
    await network.close()


async def test_a_card_that_is_full_is_emptied_and_nothing_is_lost(tmp_path: Path) -> None:
    async with world(tmp_path, nature=replace(NATURE, places=3)) as found:
        for at in range(10):
            found.network.say(PERSON, KIT, f"message {at}")
        await until(lambda: len(found.above.words) == 10)
        assert [one.text for one in found.above.words] == [f"message {at}" for at in range(10)]
        await until(lambda: not found.played.core.card.stored)


async def test_frames_of_strangers_are_dropped_where_kits_are_named(tmp_path: Path) -> None:
    async with world(tmp_path, kits=["0639555555"]) as found:
        await found.ready()
        found.network.say(CENTER, KIT, ":=00")
        found.network.say(PERSON, KIT, ":=00")
        await until(lambda: not found.played.core.card.stored and found.above.frames != [])
        assert (found.above.frames, found.above.peers) == ([b"\0"], [PERSON])


async def test_words_to_people_in_parts_and_the_report(tmp_path: Path) -> None:
    async with world(tmp_path) as found:
        await found.ready()
        reference = await found.link.say(PERSON, "Évacuez vers Sada. " * 20)
        assert (found.network.taken, reference) == (3, 3)
        await until(lambda: Fate(PERSON, reference, True) in found.above.fates)
        assert (await refused(found.link.say("somebody", "hello"))).code is Trouble.REFUSED
        error = await refused(found.link.say(PERSON, "a" * 40_000))
        assert error.code is Trouble.TOO_LARGE and not isinstance(error, MaybeSentError)


@pytest.mark.parametrize(
    ("fault", "maybe"),
    [
        (Fault(kind="status", session=1, status=331), False),
        (Fault(kind="status", session=1, status=332), True),
        (Fault(kind="status", session=2, status=331), True),
        (Fault(kind="reset", session=1), True),
        (Fault(kind="unplug", session=1, for_s=0.2, delivered=True), True),
    ],
)
async def test_words_are_never_sent_twice_by_themselves(
    tmp_path: Path, fault: Fault, maybe: bool
) -> None:
    async with world(tmp_path, fault, timing=QUICK) as found:
        await found.ready()
        error = await refused(found.link.say(PERSON, "Évacuez vers Sada. " * 10))
        assert isinstance(error, MaybeSentError) is maybe
        assert found.network.taken <= 1
        await found.ready()


async def test_words_cut_off_by_our_own_end_may_have_been_sent(tmp_path: Path) -> None:
    async with world(tmp_path, sky=Sky(submit_s=0.5)) as found:
        await found.ready()
        saying = asyncio.create_task(found.link.say(PERSON, "hello"))
        await until(lambda: found.played.core.submissions == 1)
        waiting = asyncio.create_task(found.link.say(PERSON, "later"))
        await asyncio.sleep(0)
        await found.stop()
        assert isinstance(await refused(saying), MaybeSentError)
        assert not isinstance(await refused(waiting), MaybeSentError)


async def test_a_cancelled_frame_that_went_out_is_billed(tmp_path: Path) -> None:
    async with world(tmp_path, sky=Sky(submit_s=0.2), center=CENTER) as found:
        await found.ready()
        sending = asyncio.create_task(found.link.send(b"hello"))
        await until(lambda: found.played.core.submissions == 1)
        sending.cancel()
        await until(lambda: found.above.billed_bytes == [5])
        assert found.network.taken == 1


async def test_news_in_the_middle_of_answers(tmp_path: Path) -> None:
    rings = [
        Fault(kind="ring", command=text, times=50)
        for text in ("AT+CMGL", "AT+CMGR", "AT+CSQ", "AT+CPMS", "AT+CMGD")
    ]
    async with world(tmp_path, *rings, center=CENTER) as found:
        await found.ready()
        for at in range(6):
            found.network.say(PERSON, KIT, f"message {at}")
            await found.link.send(b"frame")
        await until(lambda: len(found.above.words) == 6)
        assert (found.network.taken, found.errors) == (6, [])


@pytest.mark.parametrize("kind", ["reset", "hang", "noise"])
@pytest.mark.parametrize("command", ["AT+CMGF=0", "AT+CMGS", "AT+CMGL", "AT+CMGR", "AT+CMGD"])
async def test_a_modem_that_fails_under_a_command_is_brought_back(
    tmp_path: Path, kind: Any, command: str
) -> None:
    fault = Fault(kind=kind, command=command, nth=2, for_s=1.5)
    async with world(tmp_path, fault, center=CENTER, timing=QUICK) as found:
        await found.ready()
        for at in range(3):
            found.network.say(PERSON, KIT, f"message {at}")
            await found.ready()
            await asyncio.gather(found.link.send(b"frame"), return_exceptions=True)
        wanted = {f"message {at}" for at in range(3)}
        await until(lambda: {one.text for one in found.above.words} == wanted)
        await until(lambda: not found.played.core.card.stored)
        assert found.played.core.misdirected == []


async def test_a_modem_pulled_out_is_found_again(tmp_path: Path) -> None:
    async with world(tmp_path, center=CENTER) as found:
        await found.ready()
        found.played.suffer(Fault(kind="unplug", at_s=0, for_s=0.3))
        await until(lambda: found.above.phase is Phase.DOWN)
        await found.ready()
        await found.link.send(b"hello")
        assert found.errors[0].code is Trouble.DEVICE_GONE


async def test_a_port_that_another_program_holds(tmp_path: Path) -> None:
    async with modem(tmp_path / "phone", SmsNetwork()) as played:
        assert played is not None
        async with open_port(str(tmp_path / "phone"), 115_200):
            error = await refused(open_link(tmp_path / "phone").run(Inbox()))
        assert error.code is Trouble.DEVICE_BUSY


async def test_a_card_with_a_pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms_server, "HEARTBEAT_S", 0.3)
    pin = tmp_path / "pin"
    pin.write_text("1234\n")
    pin.chmod(0o600)
    locked = replace(NATURE, pin="1234", card_s=0.1)
    async with world(tmp_path, nature=locked, center=CENTER, pin_file=str(pin)) as found:
        await found.ready()
        await found.link.send(b"hello")
        found.played.suffer(Fault(kind="reset", at_s=0))
        await until(lambda: len(found.played.core.pins) == 2)
        await found.ready()
        await found.link.send(b"hello")


async def test_a_wrong_pin_is_entered_once_whatever_happens(tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("9999")
    pin.chmod(0o600)
    locked = replace(NATURE, pin="1234")
    async with world(tmp_path, nature=locked, pin_file=str(pin)) as found:
        await until(lambda: len(found.errors) > 5)
        assert {error.code for error in found.errors} == {Trouble.SIM}
        assert found.played.core.pins == ["9999"]
        assert found.state.reason == Trouble.SIM


async def test_a_modem_that_says_nothing_to_the_pin_has_nobody_told_the_pin(tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("7391")
    pin.chmod(0o600)
    silent = [Fault(kind="hang", command=at, for_s=4) for at in ("ATE0", "AT+CPIN=")]
    locked = replace(NATURE, pin="7391")
    async with world(tmp_path, *silent, nature=locked, pin_file=str(pin)) as found:
        await until(lambda: bool(found.errors))
        assert "CPIN" in str(found.errors[0]) and "7391" not in str(found.errors[0])
        assert not any("7391" in state.detail for state in found.above.states)


@pytest.mark.parametrize("nature", [replace(NATURE, pin="1234"), replace(NATURE, card=False)])
async def test_a_locked_card_without_a_pin_file_and_no_card(tmp_path: Path, nature: Nature) -> None:
    async with world(tmp_path, nature=nature) as found:
        await until(lambda: len(found.errors) > 2)
        assert {error.code for error in found.errors} == {Trouble.SIM}
        assert found.errors[0].retry_after_s == 600
        assert found.played.core.pins == []


async def test_no_service_is_shown_and_passes(tmp_path: Path) -> None:
    sky = Sky(outages=((0.0, 1.0),))
    async with world(tmp_path, sky=sky, center=CENTER) as found:
        await found.ready()
        assert found.state.signal == 0
        assert (await refused(found.link.send(b"hello"))).code is Trouble.NO_SERVICE
        await until(lambda: found.network.service)
        await found.link.send(b"hello")


async def test_modemmanager_is_tried_first_and_the_port_is_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    async with world(tmp_path, center=CENTER, modem="auto") as found:
        await found.ready()
        await found.link.send(b"hello")
        assert found.network.taken == 1
