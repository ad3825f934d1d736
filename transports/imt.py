"""Iridium Messaging Transport: frames of up to 100 kB through a RockBLOCK 9704.

There is no mailbox: messages for this modem come by themselves while it is on. Several frames
may be under way at once. The driver runs in a thread of its own, because the modem must be
answered within 300 ms whatever the screen and the disk do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Literal

import msgspec

from hardware.at_line import ModemError
from hardware.imt import Modem, open_modem
from hardware.imt_flight import NotSentError
from hardware.imt_options import BAUD, TOPIC_RAW, Memory, Options, Timing
from hardware.imt_status import Verdict
from hardware.imt_transfer import PAYLOAD_BYTES_MAX
from hardware.own_loop import Beside, LoopEndedError, OwnLoop
from hardware.port import PortError, path_exists, wait_for_path
from transports.common import NotNegative, Positive, check_size, hand_up
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.sbd_server import STORE_RETRY_S, Board, link_error

log = logging.getLogger(__name__)

LATENCY_S = 15.0
RATE_BYTES_S = 800.0  # a full message takes about two minutes with a good sky
SLOW_BYTES_S = 100.0  # and with a poor one
ARRIVED_MAX = 64

_TROUBLES = {
    Verdict.RETRY: Trouble.NO_SERVICE,
    Verdict.MAYBE: Trouble.NO_SERVICE,
    Verdict.FULL: Trouble.BUSY,
    Verdict.LINE: Trouble.BUSY,
    Verdict.STOP: Trouble.REFUSED,
}


class ImtSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port`` is a path, best one of /dev/serial/by-id. Sizes in bytes, times in seconds.

    ``topic``: the number of the subscription's topic, RAW is 244. ``credit_bytes``: one credit
    per started so many bytes, as the contract says. ``flights``: frames under way at once.
    ``send_timeout_s``: then a frame is taken back from the modem; a large one gets longer.
    """

    port: Annotated[str, msgspec.Meta(min_length=1)]
    baud: Annotated[int, msgspec.Meta(ge=9600, le=921_600)] = BAUD
    topic: Annotated[int, msgspec.Meta(ge=64, le=65_535)] = TOPIC_RAW
    sim: Literal["internal", "local", "remote"] = "internal"
    mtu: Annotated[int, msgspec.Meta(ge=64, le=PAYLOAD_BYTES_MAX)] = PAYLOAD_BYTES_MAX
    credit_bytes: Annotated[int, msgspec.Meta(ge=0, le=PAYLOAD_BYTES_MAX)] = 1000
    flights: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4
    receipt_delay_s: NotNegative = 600.0
    repeat_s: Positive = 1800.0
    send_timeout_s: Positive = 900.0
    cancel_timeout_s: Positive = 60.0


class Imt:
    """Link kind ``imt``."""

    kind = "imt"
    Settings = ImtSettings
    devices = ("imt",)
    asks = ("credit_bytes",)

    def traits(self, settings: ImtSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return Traits(
            mtu_bytes=settings.mtu,
            latency_s=LATENCY_S,
            rate_bytes_s=RATE_BYTES_S,
            credit_bytes=settings.credit_bytes,
            price_credit_micros=price.get("credit_micros", 0),
            price_byte_micros=price.get("byte_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            flights=settings.flights,
        )

    def open(self, settings: ImtSettings, traits: Traits) -> ImtLink:
        """See :class:`transports.link.LinkKind`."""
        return ImtLink(settings, traits)


def _own_loop() -> AbstractAsyncContextManager[Beside]:
    return OwnLoop("imt")


class ImtLink:
    """One modem. It lives in a loop of its own; what it tells is heard in that of ``run``."""

    def __init__(
        self,
        settings: ImtSettings,
        traits: Traits,
        *,
        timing: Timing | None = None,
        beside: Callable[[], AbstractAsyncContextManager[Beside]] = _own_loop,
    ) -> None:
        """``timing`` overrules the driver's deadlines, ``beside`` says where it runs."""
        self.traits = traits
        self._settings = settings
        self._options = Options(
            topic=settings.topic,
            interface=settings.sim,
            baud=settings.baud,
            flights=settings.flights,
            timing=timing or Timing(cancel_s=settings.cancel_timeout_s),
        )
        self._open_beside = beside
        self._memory = Memory()
        self._arrived: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._line: tuple[Beside, Modem] | None = None
        self._board: Board | None = None
        self._receiver: Receiver | None = None
        self._sending = 0
        self._trouble: LinkError | None = None

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. Waits for the port's name, then for the modem."""
        port = self._settings.port
        board = self._board = Board(receiver)
        self._receiver = receiver
        down = LinkState(Phase.DOWN)
        delivering = asyncio.create_task(self._deliver(receiver))
        try:
            if not await path_exists(port):
                board.show(LinkState(Phase.DOWN, None, Trouble.DEVICE_GONE, port))
                await wait_for_path(port)
            board.show(LinkState(Phase.OPENING))
            async with self._open_beside() as beside:
                await beside.call(self._drive(_Ears(self, beside)))
        except (PortError, ModemError) as error:
            failure = link_error(error)
            down = LinkState(Phase.DOWN, None, failure.code, failure.detail)
            raise failure from error
        finally:
            self._line = None
            self._board = None
            delivering.cancel()
            board.show(down)

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`, but so many calls at a time as there are flights.

        Returns when the network has acknowledged the frame. One given up is taken back.
        """
        check_size(frame, self.traits)
        if not frame:
            raise LinkError(Trouble.REFUSED, "an empty frame is nothing to send")
        if self._line is None:
            raise LinkError(Trouble.DEVICE_GONE, "the modem is not open")
        beside, modem = self._line
        patience_s = self._settings.send_timeout_s + len(frame) / SLOW_BYTES_S
        self._sending += 1
        self.show()
        try:
            await beside.call(modem.send(frame, patience_s))
            self._trouble = None
        except NotSentError as error:
            code = _TROUBLES[error.end.verdict]
            self._trouble = LinkError(code, error.end.meaning, error.end.wait_s)
            raise self._trouble from error
        except (PortError, ModemError) as error:
            self._trouble = link_error(error)
            raise self._trouble from error
        except LoopEndedError as error:
            raise LinkError(Trouble.DEVICE_GONE, "the modem was closed") from error
        finally:
            self._sending -= 1
            self.show()

    async def poll(self) -> None:
        """See :class:`transports.link.Link`. There is no mailbox."""

    def opened(self, beside: Beside, modem: Modem) -> None:
        """The modem has started."""
        self._line = (beside, modem)
        self._trouble = None
        self.show()

    def arrived(self, payload: bytes) -> None:
        """A message came. The modem has it no more, so it is kept until it is durable above."""
        if len(self._arrived) >= ARRIVED_MAX:
            log.error("imt arrivals overflow: one is dropped")
            return
        self._arrived.append(payload)
        self._news.set()

    def sent_late(self, payload_bytes: int) -> None:
        """A message went out of which no ``send`` told."""
        if self._receiver is not None:
            self._receiver.billed(payload_bytes)

    def show(self) -> None:
        """Tell the receiver how it stands."""
        if self._board is None or self._line is None:
            return
        modem = self._line[1]
        if not modem.ready:
            code = Trouble.REFUSED if modem.foreign else Trouble.NO_SERVICE
            self._board.show(LinkState(Phase.OPENING, modem.signal, code, modem.trouble))
            return
        reason, detail = "", ""
        if self._trouble is not None:
            reason, detail = self._trouble.code, self._trouble.detail
        phase = Phase.BUSY if self._sending else Phase.READY
        self._board.show(LinkState(phase, modem.signal, reason, detail))

    async def _drive(self, ears: _Ears) -> None:
        """Runs beside: open the modem and serve it until port or modem are lost."""
        async with open_modem(self._settings.port, self._options, self._memory, ears) as modem:
            ears.opened(modem)
            await modem.serve()

    async def _deliver(self, receiver: Receiver) -> None:
        """Hand up what arrived, each message until it is durable."""
        while True:
            self._news.clear()
            while self._arrived:
                if await hand_up(receiver, self._arrived[0]):
                    self._arrived.popleft()
                else:
                    await asyncio.sleep(STORE_RETRY_S)
            await self._news.wait()


class _Ears:
    """Hears the driver in its loop and has the link told in the other."""

    def __init__(self, link: ImtLink, beside: Beside) -> None:
        self._link = link
        self._beside = beside

    def opened(self, modem: Modem) -> None:
        self._beside.tell(self._link.opened, self._beside, modem)

    def message(self, payload: bytes) -> None:
        """See :class:`hardware.imt_options.Listener`."""
        self._beside.tell(self._link.arrived, payload)

    def changed(self) -> None:
        """See :class:`hardware.imt_options.Listener`."""
        self._beside.tell(self._link.show)

    def sent_late(self, payload_bytes: int) -> None:
        """See :class:`hardware.imt_options.Listener`."""
        self._beside.tell(self._link.sent_late, payload_bytes)
