"""Serves one modem for short messages: takes in what came, gives away what waits.

What arrived is deleted from the card only when it is durable above. A message that may have
been sent is never reported as sent; a frame comes again from the engine, words do not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from hardware.at_line import ModemError
from hardware.port import PortError
from hardware.sms_pdu import PduError
from hardware.sms_phone import Incoming, Phone, SmsError, SmsTrouble
from transports import text85
from transports.common import hand_up
from transports.link import LinkError, LinkState, Phase, Receiver, Trouble
from transports.plain import Fate, Heard, Hearer, MaybeSentError
from transports.sbd_server import Board, link_error

log = logging.getLogger(__name__)

HEARTBEAT_S = 30.0
STORE_RETRY_S = 2.0
WORDS_LEFT_MAX = 8
SAME_DIGITS = 9  # a number is written with and without its country

_TROUBLES = {
    SmsTrouble.NO_SERVICE: Trouble.NO_SERVICE,
    SmsTrouble.BUSY: Trouble.BUSY,
    SmsTrouble.FULL: Trouble.BUSY,
    SmsTrouble.REFUSED: Trouble.REFUSED,
    SmsTrouble.SIM: Trouble.SIM,
}


def sms_link_error(error: PortError | ModemError | SmsError) -> LinkError:
    """The same trouble in the words every link uses."""
    if isinstance(error, SmsError):
        return LinkError(_TROUBLES[error.code], error.detail, error.retry_s)
    return link_error(error)


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose frames are taken, and how ours are written."""

    center: str | None
    kits: frozenset[str]
    as_text: bool
    validity_s: float

    def takes(self, sender: str) -> bool:
        """Whether frames of this number are handed up."""
        return not self.kits or any(same_number(sender, kit) for kit in self.kits)


def same_number(one: str, other: str) -> bool:
    """Whether two ways of writing mean one phone."""
    return one.lstrip("+0")[-SAME_DIGITS:] == other.lstrip("+0")[-SAME_DIGITS:]


@dataclass(slots=True, eq=False)
class Errand:
    """A frame or words for a number; ``done`` gives the network's reference."""

    number: str
    frame: bytes | None = None
    text: str | None = None
    begun: bool = False
    done: asyncio.Future[int] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Counter:
    """Where senders leave errands and wait."""

    def __init__(self) -> None:
        self._queue: deque[Errand] = deque()
        self._wake: asyncio.Event | None = None

    def open(self, wake: asyncio.Event) -> None:
        """Somebody serves now; ``wake`` is set for each errand."""
        self._wake = wake

    def close(self) -> None:
        """Nobody serves any more."""
        self._wake = None
        while (errand := self.next()) is not None:
            end(errand, LinkError(Trouble.DEVICE_GONE, "the modem was closed"))

    async def bring(self, errand: Errand) -> int:
        """Wait until it is done. LinkError; for words that were begun MaybeSentError."""
        if self._wake is None:
            raise LinkError(Trouble.DEVICE_GONE, "the modem is not open")
        self._queue.append(errand)
        self._wake.set()
        return await errand.done

    def next(self) -> Errand | None:
        """The next errand that somebody still waits for."""
        while self._queue:
            errand = self._queue.popleft()
            if not errand.done.done():
                return errand
        return None


def end(errand: Errand, error: LinkError) -> None:
    """Tell who waits that it failed."""
    if errand.done.done():
        return
    if errand.begun and errand.text is not None and not isinstance(error, MaybeSentError):
        error = MaybeSentError(error.code, error.detail, error.retry_after_s)
    errand.done.set_exception(error)


class Server:
    """Serves the counter with one modem until it is lost."""

    def __init__(
        self, phone: Phone, counter: Counter, receiver: Receiver, board: Board, policy: Policy
    ) -> None:
        self._phone = phone
        self._counter = counter
        self._receiver = receiver
        self._board = board
        self._policy = policy
        self._now = asyncio.get_running_loop().time
        self._heartbeat_at = self._now() + HEARTBEAT_S
        self._left: dict[tuple[str, ...], Incoming] = {}
        self._reason = ""
        self._detail = ""

    async def serve(self) -> None:
        """Until cancelled. Raises what the modem raises when it is lost."""
        while True:
            self._phone.changed.clear()
            self._phone.check()
            if not await self._take_in():
                self._phone.look_again()
                self._show(Phase.READY)
                await asyncio.sleep(STORE_RETRY_S)
                continue
            errand = self._counter.next()
            if errand is None:
                self._show(Phase.READY)
                await self._idle()
                continue
            self._show(Phase.BUSY)
            await self._give(errand)

    async def _idle(self) -> None:
        """Wait until something happens; now and then look whether the modem lives."""
        try:
            async with asyncio.timeout(max(0.0, self._heartbeat_at - self._now())):
                await self._phone.changed.wait()
        except TimeoutError:
            self._heartbeat_at = self._now() + HEARTBEAT_S
            await self._phone.look()

    # -- out -------------------------------------------------------------------------------

    async def _give(self, errand: Errand) -> None:
        """Give one errand to the network, or say why not. Raises when the modem is lost."""
        errand.begun = True
        try:
            reference = await self._send(errand)
        except PduError as error:
            errand.begun = False
            end(errand, LinkError(Trouble.TOO_LARGE, str(error), 3600.0))
        except SmsError as error:
            self._refused(errand, error)
        except (ModemError, PortError) as error:
            end(errand, sms_link_error(error))
            raise
        except asyncio.CancelledError:
            end(errand, LinkError(Trouble.DEVICE_GONE, "the modem was closed"))
            raise
        else:
            self._reason = self._detail = ""
            if not errand.done.done():
                errand.done.set_result(reference)
            elif errand.frame is not None:
                self._receiver.billed(len(errand.frame))

    async def _send(self, errand: Errand) -> int:
        if errand.text is not None:
            return await self._phone.send_text(errand.number, errand.text, report=True)
        frame = errand.frame or b""
        if self._policy.as_text:
            text = text85.encode(frame)
            return await self._phone.send_text(errand.number, text, report=False)
        await self._phone.send_data(errand.number, frame, self._policy.validity_s)
        return 0

    def _refused(self, errand: Errand, error: SmsError) -> None:
        log.info("sms not taken %s", error)
        failure = sms_link_error(error)
        self._reason, self._detail = failure.code, failure.detail
        if error.code is SmsTrouble.FULL:
            self._phone.look_again()
        errand.begun = error.maybe
        end(errand, failure)

    # -- in --------------------------------------------------------------------------------

    async def _take_in(self) -> bool:
        """Hand up what came and delete it. False when something could not be stored."""
        stored = True
        for incoming in await self._phone.inbox():
            if self._has_words(incoming) and not isinstance(self._receiver, Hearer):
                await self._leave(incoming)
            elif await self._hand_up(incoming):
                await self._phone.delete(incoming)
            else:
                stored = False
        return stored

    @staticmethod
    def _has_words(incoming: Incoming) -> bool:
        return incoming.text is not None and text85.decode(incoming.text) is None

    async def _leave(self, incoming: Incoming) -> None:
        """Words that nobody above takes stay on the card for a person; the last few of them."""
        if incoming.places not in self._left:
            log.warning("sms words left on the card")
            self._left[incoming.places] = incoming
        if len(self._left) > WORDS_LEFT_MAX:
            oldest = self._left.pop(next(iter(self._left)))
            await self._phone.delete(oldest)

    async def _hand_up(self, incoming: Incoming) -> bool:
        """Whether it may be deleted."""
        frame = incoming.data
        if frame is None and incoming.text is not None:
            frame = text85.decode(incoming.text)
        if frame is not None:
            if not self._policy.takes(incoming.sender):
                log.info("sms frame of a stranger dropped")
                return True
            peer = "" if self._policy.center else incoming.sender
            return await hand_up(self._receiver, frame, peer)
        if incoming.text is None and incoming.report is None:
            log.info("sms junk deleted")
        if not isinstance(self._receiver, Hearer):
            return True
        try:
            if incoming.text is not None:
                sent_at_ms = int(incoming.sent_at.timestamp() * 1000) if incoming.sent_at else 0
                words = Heard(incoming.sender, incoming.text, sent_at_ms)
                await self._receiver.heard(words)
            elif incoming.report is not None and incoming.report.final:
                report = incoming.report
                fate = Fate(report.recipient, report.reference, report.delivered)
                await self._receiver.fate(fate)
        except Exception as error:
            log.warning("sms words not stored error=%s", type(error).__name__)
            return False
        return True

    def _show(self, phase: Phase) -> None:
        signal = self._phone.signal if self._phone.registered else 0
        self._board.show(LinkState(phase, signal, self._reason, self._detail))
