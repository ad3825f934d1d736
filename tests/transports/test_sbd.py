"""Frames pass through a satellite modem whole, once, in both directions, and are paid once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hardware.iridium import Timing
from hardware.port import open_port
from hardware.sim.core9602 import Nature
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import MemoryGateway, Reply
from transports.link import LinkError, Trouble
from transports.sbd import Sbd, SbdLink, SbdSettings
from transports.testing import CHECKS, Check, Inbox, Pair

NATURE = Nature(session_s=0.01, boot_s=0.0)
TIMING = Timing(
    command_s=1, probe_s=0.2, probe_tries=4, write_s=1, session_s=2, gap_s=0, quiet_s=0.01
)


def open_link(
    path: Path, timing: Timing = TIMING, chance: Callable[[], float] = lambda: 0.0, **words: Any
) -> SbdLink:
    settings = msgspec.convert({"port": str(path), **words}, SbdSettings)
    return SbdLink(settings, Sbd().traits(settings, {}), timing=timing, chance=chance)


class Crossing(MemoryGateway):
    """A gateway whose MO messages become the other modem's MT messages."""

    other: "Crossing"

    async def session(
        self, momsn: int, mo: bytes | None, mt_max: int, leave: bool = False
    ) -> Reply:
        if mo is not None:
            self.other.put(mo)
        return await super().session(momsn, mo, mt_max, leave)


@asynccontextmanager
async def make_pair(tmp_path: Path) -> AsyncIterator[Pair]:
    near, far = Crossing(), Crossing()
    near.other, far.other = far, near
    nature = replace(NATURE, session_s=0.002)
    async with (
        PlayedModem(tmp_path / "near", near, nature) as near_modem,
        PlayedModem(tmp_path / "far", far, nature) as far_modem,
    ):
        yield Pair(
            open_link(near_modem.path, mtu=270),
            open_link(far_modem.path, mtu=270),
            patience_s=20.0,
            flood_frames=12,
        )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check, tmp_path: Path) -> None:
    async with make_pair(tmp_path) as pair:
        await check(pair)


def test_settings_and_traits() -> None:
    settings = msgspec.convert({"port": "/dev/serial/by-id/modem"}, SbdSettings)
    traits = Sbd().traits(settings, {"credit_micros": 120_000})
    assert (traits.mtu_bytes, traits.credit_bytes) == (340, 50)
    assert traits.price(51).micros == 240_000
    assert (traits.repeat_s, traits.receipt_delay_s) == (1800, 600)
    assert traits.metered
    assert traits.returns
    assert not traits.listens


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"port": ""},
        {"port": "/dev/x", "speed": 1},
        {"port": "/dev/x", "mtu": 5000},
        {"port": "/dev/x", "session_gap_s": -1},
        {"port": "/dev/x", "drain_max": 0},
    ],
)
def test_wrong_settings_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, SbdSettings)


async def test_a_modem_that_another_program_holds(tmp_path: Path) -> None:
    async with PlayedModem(tmp_path / "modem0", MemoryGateway(), NATURE) as played:
        async with open_port(str(played.path), 19200):
            with pytest.raises(LinkError) as caught:
                await open_link(played.path).run(Inbox())
        assert caught.value.code is Trouble.DEVICE_BUSY
