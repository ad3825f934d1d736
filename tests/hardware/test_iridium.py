"""The driver loses no message and doubles none, whatever the modem does in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.at_line import ModemError, ModemTrouble
from hardware.iridium import DeliveryCode, Memory, Modem, Options, Timing, open_modem
from hardware.port import PortError, PortTrouble, open_port
from hardware.sim.core9602 import Nature
from hardware.sim.faults import Fault
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import MemoryGateway

NATURE = Nature(session_s=0.02, boot_s=0.0)
TIMING = Timing(
    command_s=1,
    probe_s=0.2,
    probe_tries=4,
    write_s=1,
    session_s=2,
    gap_s=0,
    network_s=0.02,
    quiet_s=0.01,
)


class Above:
    """What takes the messages; ``full`` while it cannot store any."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.full = False

    async def deliver(self, payload: bytes) -> bool:
        if not self.full:
            self.messages.append(payload)
        return not self.full


class Bench:
    """A played modem, its gateway and the opened driver."""

    def __init__(self, played: PlayedModem, gateway: MemoryGateway, modem: Modem) -> None:
        self.played, self.gateway, self.modem = played, gateway, modem
        self.above = Above()

    async def exchange(self, payload: bytes | None) -> None:
        """A whole turn, as a link would do it."""
        session = await self.modem.exchange(payload)
        assert session.ok
        assert await self.modem.settle(self.above.deliver)


@asynccontextmanager
async def bench(
    tmp_path: Path,
    *faults: Fault,
    nature: Nature = NATURE,
    timing: Timing = TIMING,
    delivery: DeliveryCode = DeliveryCode.NONE,
) -> AsyncIterator[Bench]:
    gateway = MemoryGateway()
    async with PlayedModem(tmp_path / "modem0", gateway, nature, faults) as played:
        await asyncio.sleep(0)
        options = Options(timing=timing, delivery=delivery)
        async with open_modem(str(played.path), options, Memory()) as modem:
            yield Bench(played, gateway, modem)


async def test_it_learns_who_the_modem_is(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        identity = world.modem.identity
        assert identity.imei == "300234010753370"
        assert "9600" in identity.model
        assert identity.firmware == "TA16005"


async def test_a_modem_told_to_be_silent_or_to_speak_in_digits_is_found(tmp_path: Path) -> None:
    for profile in ("ATQ1", "ATV0"):
        async with bench(tmp_path) as world:
            await world.modem._line.write(f"{profile}&W0\r".encode())
            await asyncio.sleep(0.05)
            world.played.suffer(Fault(kind="reset", at_s=0))
            await world.modem.recover()
            await world.exchange(b"hello")


async def test_what_is_sent_is_cleared(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await world.exchange(b"hello")
        assert not (await world.modem.buffers()).mo
        await world.exchange(None)
        assert world.gateway.received == [b"hello"]
        assert world.gateway.checks == 1


async def test_a_mailbox_check_never_sends_what_a_failed_session_left(tmp_path: Path) -> None:
    async with bench(tmp_path, Fault(kind="status", session=1)) as world:
        assert not (await world.modem.exchange(b"hello")).ok
        assert (await world.modem.buffers()).mo
        await world.exchange(None)
        assert world.gateway.received == []


async def test_no_session_while_a_message_is_unread(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.gateway.put(b"order", ring=False)
        assert (await world.modem.exchange(None)).received
        with pytest.raises(RuntimeError):
            await world.modem.exchange(None)
        assert await world.modem.settle(world.above.deliver)
        await world.exchange(None)
        assert world.above.messages == [b"order"]


async def test_a_message_that_cannot_be_stored_stays_in_the_modem(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.gateway.put(b"order", ring=False)
        world.above.full = True
        await world.modem.exchange(None)
        assert not await world.modem.settle(world.above.deliver)
        assert world.modem.unread
        world.above.full = False
        assert await world.modem.settle(world.above.deliver)
        assert await world.modem.settle(world.above.deliver)
        assert world.above.messages == [b"order"]


async def test_a_message_is_handed_up_once_though_clearing_it_failed(tmp_path: Path) -> None:
    async with bench(tmp_path, Fault(kind="hang", command="AT+SBDD1", for_s=1.2)) as world:
        world.gateway.put(b"order", ring=False)
        await world.modem.exchange(None)
        with pytest.raises(ModemError):
            await world.modem.settle(world.above.deliver)
        await world.modem.recover()
        assert world.modem.unread
        assert await world.modem.settle(world.above.deliver)
        assert not (await world.modem.buffers()).mt
        assert world.above.messages == [b"order"]


async def test_equal_messages_are_different_messages(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        for _ in range(2):
            world.gateway.put(b"order", ring=False)
            await world.exchange(None)
        assert world.above.messages == [b"order", b"order"]


async def test_a_message_left_by_a_crash_of_our_program_is_fetched_first(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.gateway.put(b"order", ring=False)
        await world.modem.exchange(b"hello")
        await world.modem._line.__aexit__(None, None, None)
        await world.modem._line._port.aclose()
        path = str(world.played.path)
        async with open_modem(path, Options(timing=TIMING), Memory()) as modem:
            assert modem.unread
            assert await modem.settle(world.above.deliver)
        assert world.above.messages == [b"order"]


@pytest.mark.parametrize(
    "payload",
    [b"hello", b"XOK\r\n", b"\r\nOK\r\n", b"0123456789", b"0123456789abc", b"\xff" * 270, b"\0"],
    ids=["hello", "XOK", "OK", "length 10", "length 13", "checksum over 65535", "zero"],
)
async def test_payloads_pass_whole_in_both_directions(tmp_path: Path, payload: bytes) -> None:
    async with bench(tmp_path) as world:
        assert await world.modem.self_test(payload)
        buffers = await world.modem.buffers()
        assert (buffers.mo, buffers.mt) == (False, False)
        world.gateway.put(payload, ring=False)
        await world.exchange(payload)
        assert world.gateway.received == world.above.messages == [payload]


async def test_the_largest_payload_passes_and_one_byte_more_does_not(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await world.exchange(b"\xff" * 340)
        with pytest.raises(ModemError) as caught:
            await world.modem.exchange(b"\xff" * 341)
        assert caught.value.code is ModemTrouble.TOO_LARGE
        await world.exchange(b"hello")
        assert world.gateway.received == [b"\xff" * 340, b"hello"]


async def test_the_self_test_never_destroys_a_message(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.gateway.put(b"order", ring=False)
        await world.modem.exchange(None)
        with pytest.raises(RuntimeError):
            await world.modem.self_test(b"test")
        assert await world.modem.settle(world.above.deliver)
        assert world.above.messages == [b"order"]


@pytest.mark.parametrize("command", ["AT+SBDSX", "AT+CSQF", "AT-MSSTM", "AT+SBDD0"])
async def test_a_ring_in_the_middle_of_a_command_is_heard(tmp_path: Path, command: str) -> None:
    nth = 2 if command == "AT+SBDSX" else 1  # the first is part of the start
    async with bench(tmp_path, Fault(kind="ring", command=command, nth=nth)) as world:
        await world.exchange(b"hello")
        assert await world.modem.ask_signal() is not None
        assert await world.modem.ask_ticks() is not None
        assert (await world.modem.buffers()).momsn == 1
        assert world.modem.ring
        await world.exchange(None)
        assert not world.modem.ring
        assert not (await world.modem.buffers()).ring


async def test_a_ring_while_a_frame_is_written_is_answered_by_its_session(tmp_path: Path) -> None:
    async with bench(tmp_path, Fault(kind="ring", command="AT+SBDWB")) as world:
        world.gateway.put(b"order", ring=False)
        await world.exchange(b"hello")
        assert not world.modem.ring
        assert not (await world.modem.buffers()).ring
        assert world.gateway.received == [b"hello"]
        assert world.above.messages == [b"order"]


async def test_a_ring_at_the_end_of_a_session_is_a_new_one(tmp_path: Path) -> None:
    async with bench(tmp_path, Fault(kind="ring", session=1)) as world:
        world.modem.ring = True
        await world.modem.exchange(None)
        await asyncio.sleep(0.05)
        assert world.modem.ring


async def test_a_failed_answer_leaves_the_ring_to_be_answered(tmp_path: Path) -> None:
    async with bench(tmp_path, Fault(kind="status", session=1)) as world:
        world.modem.ring = True
        await world.modem.exchange(None)
        assert world.modem.ring


async def test_a_garbled_answer_is_trouble_and_the_message_behind_it_is_kept(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as world:
        world.gateway.put(b"order", ring=False)
        take = world.modem._line._dialogue.feed
        damaged = [True]

        def feed(data: bytes) -> object:
            if b"+SBDIX" in data and damaged.pop():
                data = data.replace(b"+SBDIX", b"+S\xffDIX")
            return take(data)

        world.modem._line._dialogue.feed = feed  # type: ignore[method-assign,assignment]
        with pytest.raises(ModemError) as caught:
            await world.modem.exchange(b"hello")
        assert caught.value.code is ModemTrouble.GARBLED
        await world.modem.recover()
        assert await world.modem.settle(world.above.deliver)
        assert world.above.messages == [b"order"]


async def test_noise_before_the_counted_bytes_only_costs_another_reading(tmp_path: Path) -> None:
    for seed in range(5):
        noise = Fault(kind="noise", command="AT+SBDRB", count=40)
        timing = replace(TIMING, write_s=0.3)
        async with bench(
            tmp_path, noise, nature=replace(NATURE, seed=seed), timing=timing
        ) as world:
            world.gateway.put(b"order", ring=False)
            await world.modem.exchange(None)
            try:
                assert await world.modem.settle(world.above.deliver)
            except ModemError:
                await world.modem.recover()
                assert await world.modem.settle(world.above.deliver)
            assert world.above.messages == [b"order"]


async def test_a_hung_session_ends_at_its_deadline_and_the_modem_comes_back(
    tmp_path: Path,
) -> None:
    hang = Fault(kind="hang", session=1, for_s=0.4)
    async with bench(tmp_path, hang, timing=replace(TIMING, session_s=0.3)) as world:
        with pytest.raises(ModemError) as caught:
            await world.modem.exchange(b"hello")
        assert caught.value.code is ModemTrouble.SILENT
        await world.modem.recover()
        await world.exchange(b"hello")
        assert world.gateway.received == [b"hello"]


async def test_a_late_answer_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    nature = replace(NATURE, session_s=0.3)
    async with bench(tmp_path, nature=nature, timing=replace(TIMING, session_s=0.1)) as world:
        for number in range(3):
            with pytest.raises(ModemError):
                await world.modem.exchange(b"%d" % number)
            await world.modem.recover()
            assert world.modem.identity.imei == "300234010753370"
            assert await world.modem.settle(world.above.deliver)
        assert world.gateway.received == [b"0", b"1", b"2"]


async def test_a_brown_out_in_the_middle_of_a_payload(tmp_path: Path) -> None:
    reset = Fault(kind="reset", command="AT+SBDWB")
    async with bench(tmp_path, reset, timing=replace(TIMING, write_s=0.2)) as world:
        with pytest.raises(ModemError) as caught:
            await world.modem.exchange(b"hello")
        assert caught.value.code is ModemTrouble.SILENT
        await world.modem.recover()
        await world.exchange(b"hello again")
        assert world.gateway.received == [b"hello again"]


async def test_a_silent_brown_out_is_noticed_by_the_echo(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await world.exchange(b"hello")
        assert not world.modem.restarted
        world.played.suffer(Fault(kind="reset", at_s=0))
        await world.modem.ask_signal()
        assert world.modem.restarted
        await world.modem.recover()
        assert not world.modem.restarted


async def test_a_modem_that_waits_for_the_rest_of_a_payload_is_freed(tmp_path: Path) -> None:
    hang = Fault(kind="hang", command="AT+SBDWB", for_s=0.1)
    async with bench(tmp_path, hang, timing=replace(TIMING, write_s=0.2)) as world:
        with pytest.raises(ModemError):
            await world.modem.exchange(b"x" * 300)
        async with asyncio.timeout(5):  # and not the 60 s after which it gives up by itself
            await world.modem.recover()
        await world.exchange(b"hello")
        assert world.gateway.received == [b"hello"]


async def test_a_program_that_crashed_in_the_middle_of_a_payload(tmp_path: Path) -> None:
    async with PlayedModem(tmp_path / "modem0", MemoryGateway(), NATURE) as played:
        path = str(played.path)
        async with open_port(path, 19200) as port:
            await port.write(b"AT+SBDWB=340\r")
            await asyncio.sleep(0.05)
            await port.write(b"half of it")
        options = Options(timing=replace(TIMING, probe_s=0.05))
        async with asyncio.timeout(5), open_modem(path, options, Memory()) as modem:
            assert modem.identity.imei


async def test_a_run_that_was_cancelled_in_the_middle_of_a_payload(tmp_path: Path) -> None:
    memory, options = Memory(), Options(timing=TIMING)
    hang = Fault(kind="hang", command="AT+SBDWB", for_s=0.05)
    async with PlayedModem(tmp_path / "modem0", MemoryGateway(), NATURE, (hang,)) as played:
        path = str(played.path)
        with pytest.raises(TimeoutError):
            async with open_modem(path, options, memory) as modem, asyncio.timeout(0.1):
                await modem.exchange(b"x" * 300)
        assert memory.writing == 300
        async with asyncio.timeout(2), open_modem(path, options, memory) as modem:
            assert memory.writing == 0
            assert (await modem.exchange(b"hello")).ok


async def test_unplugging_is_noticed_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        world.modem.changed.clear()
        world.played.unplug(60)
        await asyncio.wait_for(world.modem.changed.wait(), 5)
        with pytest.raises(PortError) as caught:
            world.modem.check()
        assert caught.value.code is PortTrouble.GONE


async def test_unplugging_in_the_middle_of_a_session(tmp_path: Path) -> None:
    async with bench(tmp_path, Fault(kind="unplug", session=1, for_s=60)) as world:
        with pytest.raises(PortError):
            await asyncio.wait_for(world.modem.exchange(b"hello"), 1)


async def test_a_modem_that_is_busy_elsewhere(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        with pytest.raises(PortError) as caught:
            async with open_modem(str(world.played.path), Options(timing=TIMING), Memory()):
                pass
        assert caught.value.code is PortTrouble.BUSY


async def test_a_silent_modem_gets_a_reopened_port_then_a_power_cycle(tmp_path: Path) -> None:
    gateway = MemoryGateway()
    cycled = []
    async with PlayedModem(tmp_path / "modem0", gateway, NATURE) as played:
        played.suffer(Fault(kind="hang", at_s=0, for_s=60))

        async def power_cycle() -> None:
            cycled.append(True)
            played.suffer(Fault(kind="hang", at_s=0, for_s=0))

        options = Options(timing=replace(TIMING, probe_s=0.1, probe_tries=2))
        with pytest.raises(ModemError) as caught:
            async with open_modem(str(played.path), options, Memory()):
                pass
        assert caught.value.code is ModemTrouble.SILENT
        async with open_modem(str(played.path), options, Memory(), power_cycle) as modem:
            assert modem.identity.imei
        assert cycled == [True]
        played.suffer(Fault(kind="hang", at_s=0, for_s=0.3))
        async with open_modem(str(played.path), options, Memory(), power_cycle) as modem:
            assert modem.identity.imei
        assert cycled == [True]


async def test_signal_service_and_time(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await asyncio.sleep(0.05)
        assert world.modem.signal in range(2, 6)
        assert world.modem.service is True
        assert await world.modem.ask_signal() == world.modem.signal
        assert await world.modem.ask_ticks()
        world.gateway.connected = False
        world.modem.changed.clear()
        world.played.core.look()
        await asyncio.wait_for(world.modem.changed.wait(), 5)
        await asyncio.sleep(0.02)
        assert (world.modem.signal, world.modem.service) == (0, False)
        assert await world.modem.ask_ticks() is None


async def test_sessions_keep_their_distance(tmp_path: Path) -> None:
    async with bench(tmp_path, timing=replace(TIMING, gap_s=0.3)) as world:
        now = asyncio.get_running_loop().time
        await world.exchange(b"one")
        began_at = now()
        assert 0.2 < world.modem.pause_s <= 0.3
        await world.exchange(b"two")
        assert now() - began_at > 0.25


async def test_the_radio_is_switched_on_and_the_memory_flushed(tmp_path: Path) -> None:
    async with bench(tmp_path) as world:
        await world.modem.prepare_power_off()
        assert (await world.modem.exchange(b"hello")).status.code == 34
        await world.modem.radio_on()
        await world.exchange(b"hello")


async def test_firmware_that_lacks_what_is_optional_does_the_whole_job(tmp_path: Path) -> None:
    lacks = frozenset({"+CGSN", "+CGMM", "+CGMR", "+SBDSX", "+SBDMTA", "+CIER", "+SBDDSC"})
    async with bench(tmp_path, nature=replace(NATURE, lacks=lacks)) as world:
        assert world.modem.identity.imei == "300234010753370"
        world.gateway.put(b"order", ring=False)
        await world.exchange(b"hello")
        assert world.gateway.received == [b"hello"] and world.above.messages == [b"order"]


async def test_what_is_held_back_stays_at_the_gateway_while_we_send(tmp_path: Path) -> None:
    async with bench(tmp_path, delivery=DeliveryCode.HOLD) as world:
        world.gateway.put(b"order", ring=False)
        await world.exchange(b"hello")
        assert world.gateway.received == [b"hello"]
        assert world.above.messages == [] and list(world.gateway.mailbox) == [b"order"]


async def test_a_drill_leaves_the_order_in_the_queue(tmp_path: Path) -> None:
    async with bench(tmp_path, delivery=DeliveryCode.LEAVE) as world:
        world.gateway.put(b"order", ring=False)
        await world.exchange(b"hello")
        assert world.above.messages == [b"order"]
        assert list(world.gateway.mailbox) == [b"order"]


async def test_a_message_with_a_wrong_checksum_is_read_again(tmp_path: Path) -> None:
    once = Fault(kind="garble", command="AT+SBDRB")
    async with bench(tmp_path, once) as world:
        world.gateway.put(b"order", ring=False)
        await world.exchange(None)
        assert world.above.messages == [b"order"] and world.modem.damaged == 0


async def test_one_that_stays_damaged_is_never_delivered_and_stops_nothing(tmp_path: Path) -> None:
    always = Fault(kind="garble", command="AT+SBDRB", times=6)
    async with bench(tmp_path, always) as world:
        world.gateway.put(b"order", ring=False)
        assert (await world.modem.exchange(None)).received
        with pytest.raises(ModemError) as caught:
            await world.modem.settle(world.above.deliver)
        assert caught.value.code is ModemTrouble.GARBLED
        await world.modem.recover()
        assert await world.modem.settle(world.above.deliver)
        assert world.above.messages == [] and world.modem.damaged == 1
        world.gateway.put(b"another", ring=False)
        await world.exchange(None)
        assert world.above.messages == [b"another"]
