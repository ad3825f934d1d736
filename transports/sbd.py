"""Iridium Short Burst Data: frames through a satellite modem and its mailbox.

The link kind and its settings. What the modem does when is in :mod:`transports.sbd_server`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import msgspec

from hardware.at_line import ModemError
from hardware.iridium import DeliveryCode, Memory, Options, Timing, open_modem
from hardware.iridium_status import Backoff
from hardware.port import PortError, path_exists, wait_for_path
from transports.common import NotNegative, Positive, check_size
from transports.link import Finding, LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.sbd_server import Board, Desk, Policy, Server, link_error, trouble_code

SESSION_S = 20.0  # one session with a good sky
FRAME_EVERY_S = 40.0  # one after the other, pauses included
DRAIN_PAUSE_GAPS = 3
TEST_BYTES = bytes(range(256)) + b"\r\nOK\r\n"  # whatever a line might swallow


class SbdSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port`` is a path, best one of /dev/serial/by-id. Sizes in bytes, times in seconds.

    ``credit_bytes``: one credit per started so many bytes. ``poll_every_s`` 0: the mailbox is
    asked only after a ring alert or with an outgoing frame. ``drain_max``: mailbox checks in
    a row before a pause. ``session_timeout_s``: a session of that length is a hung modem.
    ``incoming``: ``fetch`` messages that wait at the gateway, ``hold`` them there and only send,
    or ``leave`` each there although it was fetched, for drills.
    """

    port: Annotated[str, msgspec.Meta(min_length=1)]
    baud: Annotated[int, msgspec.Meta(ge=300, le=921_600)] = 19200
    mtu: Annotated[int, msgspec.Meta(ge=50, le=1960)] = 340
    credit_bytes: Annotated[int, msgspec.Meta(ge=0, le=1960)] = 50
    flow_control: bool = False
    poll_every_s: NotNegative = 0.0
    session_gap_s: NotNegative = 10.0
    drain_max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    receipt_delay_s: NotNegative = 600.0
    repeat_s: Positive = 1800.0
    session_timeout_s: Positive = 90.0
    incoming: Literal["fetch", "hold", "leave"] = "fetch"


_DELIVERY = {
    "fetch": DeliveryCode.NONE,
    "hold": DeliveryCode.HOLD,
    "leave": DeliveryCode.LEAVE,
}


class Sbd:
    """Link kind ``sbd``."""

    kind = "sbd"
    Settings = SbdSettings
    devices = ("sbd",)

    def traits(self, settings: SbdSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return Traits(
            mtu_bytes=settings.mtu,
            latency_s=SESSION_S,
            rate_bytes_s=settings.mtu / FRAME_EVERY_S,
            credit_bytes=settings.credit_bytes,
            price_credit_micros=price.get("credit_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
        )

    def open(self, settings: SbdSettings, traits: Traits) -> SbdLink:
        """See :class:`transports.link.LinkKind`."""
        return SbdLink(settings, traits)

    async def self_test(self, settings: SbdSettings) -> list[Finding]:
        """See :class:`transports.link.SelfTested`. Loops bytes through the modem, not the sky."""
        options = Options(settings.baud, settings.flow_control)
        try:
            async with open_modem(settings.port, options, Memory()) as modem:
                who = modem.identity
                found = [Finding("modem", True, f"{who.model} {who.firmware} {who.imei}".strip())]
                bars = await modem.ask_signal()
                found.append(Finding("signal", bool(bars), f"{bars or 0}/5"))
                if modem.unread:
                    return [*found, Finding("loopback", True, "not tried: a message waits in it")]
                return [*found, Finding("loopback", await modem.self_test(TEST_BYTES))]
        except (PortError, ModemError) as error:
            raise link_error(error) from error


class SbdLink:
    """One modem. ``run`` alone talks to it; ``send`` and ``poll`` leave word and wait."""

    def __init__(
        self,
        settings: SbdSettings,
        traits: Traits,
        *,
        timing: Timing | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``timing`` overrules the driver's deadlines, ``chance`` gives floats in 0..1."""
        self.traits = traits
        self._settings = settings
        self._timing = timing or Timing(
            session_s=settings.session_timeout_s, gap_s=settings.session_gap_s
        )
        self._policy = Policy(
            poll_every_s=settings.poll_every_s,
            drain_max=settings.drain_max,
            drain_pause_s=DRAIN_PAUSE_GAPS * self._timing.gap_s,
            fetches=settings.incoming == "fetch",
        )
        self._chance = chance
        self._backoff = Backoff(chance)
        self._memory = Memory()
        self._desk = Desk()

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. Waits for the port's name, then for the modem."""
        port = self._settings.port
        board = Board(receiver)
        down = LinkState(Phase.DOWN)
        try:
            if not await path_exists(port):
                board.show(LinkState(Phase.DOWN, None, Trouble.DEVICE_GONE, port))
                await wait_for_path(port)
            board.show(LinkState(Phase.OPENING))
            options = Options(
                self._settings.baud,
                self._settings.flow_control,
                _DELIVERY[self._settings.incoming],
                self._timing,
            )
            async with open_modem(port, options, self._memory) as modem:
                self._desk.open(modem.changed)
                reception = Backoff(self._chance)
                server = Server(
                    modem, self._desk, receiver, board, self._policy, self._backoff, reception
                )
                await server.serve()
        except (PortError, ModemError) as error:
            failure = link_error(error)
            told = trouble_code(error) if isinstance(error, ModemError) else ""
            down = LinkState(Phase.DOWN, None, failure.code, failure.detail, status=told)
            raise failure from error
        finally:
            self._desk.close()
            board.show(down)

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`. Returns when a session gave the frame away.

        Tries again by itself while the back-off is a matter of seconds.
        """
        check_size(frame, self.traits)
        if not frame:
            raise LinkError(Trouble.REFUSED, "an empty frame is a mailbox check: use poll")
        await self._desk.send(frame)

    async def poll(self) -> None:
        """See :class:`transports.link.Link`. Any session that succeeds will do."""
        await self._desk.poll()
