"""Short messages of the mobile network: one frame in one message of 140 bytes.

The link kind and its settings. What the modem does when is in :mod:`transports.sms_server`. A
kit names the number of its center; a center names none and listens to many, each called by its
number.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from hardware.at_line import ModemError
from hardware.gsm import Timing, open_gsm
from hardware.port import PortError, path_exists, wait_for_path
from hardware.sim_pin import PinFile
from hardware.sms_pdu import DATA_BYTES_MAX, NUMBER
from hardware.sms_phone import Phone, SmsError
from transports import text85
from transports.common import NotNegative, Positive, check_size, needing
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.sbd_server import Board
from transports.sms_server import Counter, Errand, Policy, Server, sms_link_error

Number = Annotated[str, msgspec.Meta(pattern=rf"^{NUMBER.pattern}$")]


class SmsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``modem``: "auto", an IMEI or an object path, by ModemManager. ``port``: by AT commands.

    With both, ``port`` is used where ModemManager does not run or does not have the modem.
    ``center``: the number frames go to, on a kit. ``kits``: at a center, the numbers frames are
    taken from, all if empty. ``coding`` "text" is for networks that refuse binary messages.
    ``unlimited``: the tariff counts no messages.
    ``pin_file``: a file with the PIN of the card, readable by its owner alone. Times in seconds;
    ``latency_s``: from modem to modem, half of it until the network has taken a message.
    """

    port: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    modem: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 115_200
    center: Number | None = None
    kits: Annotated[tuple[Number, ...], msgspec.Meta(max_length=1000)] = ()
    coding: Literal["data", "text"] = "data"
    pin_file: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    validity_s: Annotated[float, msgspec.Meta(ge=300, le=2_592_000)] = 86_400.0
    unlimited: bool = False
    latency_s: Positive = 8.0
    receipt_delay_s: NotNegative = 120.0
    repeat_s: Positive = 900.0
    send_timeout_s: Annotated[float, msgspec.Meta(ge=1, le=600)] = 90.0

    def __post_init__(self) -> None:
        if self.port is None and self.modem is None:
            raise ValueError("port or modem is missing")
        if self.center is not None and self.kits:
            raise ValueError("center is for a kit, kits is for a center")


class Sms:
    """Link kind ``sms``."""

    kind = "sms"
    Settings = SmsSettings
    devices = ("gsm",)
    asks = ("port", "modem", "center")

    def traits(self, settings: SmsSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`. A message is a credit, unless they are free."""
        mtu_bytes = DATA_BYTES_MAX if settings.coding == "data" else text85.BYTES_MAX
        listens = settings.center is None
        return Traits(
            mtu_bytes=mtu_bytes,
            latency_s=settings.latency_s,
            rate_bytes_s=2 * mtu_bytes / settings.latency_s,
            credit_bytes=0 if settings.unlimited else mtu_bytes,
            price_credit_micros=price.get("credit_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            listens=listens,
            lasting_peers=listens,
        )

    def open(self, settings: SmsSettings, traits: Traits) -> SmsLink:
        """See :class:`transports.link.LinkKind`."""
        return SmsLink(settings, traits)


class SmsLink:
    """One modem. ``run`` alone talks to it; ``send`` and ``say`` leave an errand and wait."""

    def __init__(
        self, settings: SmsSettings, traits: Traits, *, timing: Timing | None = None
    ) -> None:
        """``timing`` overrules the driver's deadlines."""
        self.traits = traits
        self._settings = settings
        self._timing = timing or Timing(send_s=settings.send_timeout_s)
        self._policy = Policy(
            center=settings.center,
            kits=frozenset(settings.kits),
            as_text=settings.coding == "text",
            validity_s=settings.validity_s,
        )
        self._counter = Counter()

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. Waits for the modem, then serves it."""
        board = Board(receiver)
        down = LinkState(Phase.DOWN)
        try:
            async with self._phone(board) as phone:
                self._counter.open(phone.changed)
                await Server(phone, self._counter, receiver, board, self._policy).serve()
        except (PortError, ModemError, SmsError) as error:
            failure = sms_link_error(error)
            down = LinkState(Phase.DOWN, None, failure.code, failure.detail)
            raise failure from error
        except LinkError as error:
            down = LinkState(Phase.DOWN, None, error.code, error.detail)
            raise
        finally:
            self._counter.close()
            board.show(down)

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`. Returns when the network took the message."""
        check_size(frame, self.traits)
        number = peer or self._settings.center or ""
        if not NUMBER.fullmatch(number):
            raise LinkError(Trouble.REFUSED, "no phone number to send to", 3600.0)
        await self._counter.bring(Errand(number, frame=frame))

    async def poll(self) -> None:
        """See :class:`transports.link.Link`. The network brings messages by itself."""

    async def say(self, number: str, text: str) -> int:
        """See :class:`transports.plain.Speaker`."""
        if not NUMBER.fullmatch(number):
            raise LinkError(Trouble.REFUSED, "not a phone number", 3600.0)
        return await self._counter.bring(Errand(number, text=text))

    @asynccontextmanager
    async def _phone(self, board: Board) -> AsyncIterator[Phone]:
        """The modem, by ModemManager where it has it, else by its port."""
        if self._settings.modem is not None:
            with needing("sms"):
                from hardware.modemmanager import AbsentError, open_modem
            board.show(LinkState(Phase.OPENING))
            try:
                async with open_modem(self._settings.modem) as modem:
                    yield modem
                    return
            except AbsentError as error:
                if self._settings.port is None:
                    raise LinkError(Trouble.DEVICE_GONE, str(error), 10.0) from error
        port = self._settings.port or ""
        if not await path_exists(port):
            board.show(LinkState(Phase.DOWN, None, Trouble.DEVICE_GONE, port))
            await wait_for_path(port)
        board.show(LinkState(Phase.OPENING))
        pin = PinFile(Path(self._settings.pin_file)) if self._settings.pin_file else None
        async with open_gsm(port, self._settings.baud, self._timing, pin) as modem:
            yield modem
