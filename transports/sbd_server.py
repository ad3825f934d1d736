"""Which SBD session comes next, and what its end means for those who wait.

One session carries at most one frame out and one in. So waiting messages are fetched by the
sessions of outgoing frames, and by empty mailbox checks, which cost a credit each, only where
no frame waits. What arrived is durable above before the next session starts.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass

from hardware.at_line import ModemError, ModemTrouble
from hardware.iridium import Modem
from hardware.iridium_status import (
    BAD_SEGMENT,
    MT_TOO_BIG,
    RADIO_OFF,
    TRAFFIC_MANAGED,
    Backoff,
    MoStatus,
    Session,
    Verdict,
)
from hardware.port import PortError, PortTrouble
from transports.common import hand_up
from transports.link import LinkError, LinkState, Phase, Receiver, Trouble

log = logging.getLogger(__name__)

HEARTBEAT_S = 30.0
STORE_RETRY_S = 2.0
SILENT_RETRY_S = 5.0
TROUBLES_MAX = 3
FATAL_S = 60.0  # the same frame would fail again; others are not to be held up by it

_PORT_TROUBLES = {
    PortTrouble.MISSING: (Trouble.DEVICE_GONE, 2.0),
    PortTrouble.GONE: (Trouble.DEVICE_GONE, 2.0),
    PortTrouble.BUSY: (Trouble.DEVICE_BUSY, 10.0),
    PortTrouble.DENIED: (Trouble.REFUSED, 60.0),
}
_STATUS_TROUBLES = {
    11: Trouble.BUSY,
    12: Trouble.TOO_LARGE,
    14: Trouble.TOO_LARGE,
    15: Trouble.REFUSED,
    16: Trouble.REFUSED,
    33: Trouble.HARDWARE,
    34: Trouble.HARDWARE,
    35: Trouble.BUSY,
    36: Trouble.BUSY,
    64: Trouble.HARDWARE,
    65: Trouble.HARDWARE,
}


def link_error(error: PortError | ModemError) -> LinkError:
    """The same trouble in the words every link uses."""
    if isinstance(error, PortError):
        code, retry_after_s = _PORT_TROUBLES[error.code]
        return LinkError(code, error.detail, retry_after_s)
    if error.code is ModemTrouble.TOO_LARGE:
        return LinkError(Trouble.TOO_LARGE, error.detail)
    advice = "; unplug it for 10 s" if error.code is ModemTrouble.SILENT else ""
    return LinkError(Trouble.HARDWARE, f"{error}{advice}", SILENT_RETRY_S)


def status_code(status: MoStatus) -> str:
    """The name under which the end of a session is told to people."""
    return f"sbd-{status.code}" if status.known else "sbd-reserved"


def trouble_code(error: ModemError) -> str:
    """The name under which the trouble of a modem is told to people."""
    return f"modem-{error.code}"


@dataclass(frozen=True, slots=True)
class Policy:
    """When to ask the mailbox unasked. Times in seconds, ``poll_every_s`` 0 is never.

    ``fetches``: a message that is fetched is gone from the gateway, so the next one comes.
    """

    poll_every_s: float
    drain_max: int
    drain_pause_s: float
    fetches: bool = True


class Board:
    """Tells the receiver the state of the link, each change once."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._shown: LinkState | None = None

    def show(self, state: LinkState) -> None:
        """The state from now on."""
        if state != self._shown:
            self._shown = state
            self._receiver.state(state)


class Job:
    """A frame that waits for its session. ``not_before``: loop time of the next try."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.not_before = 0.0
        self.rewritten = False

    @property
    def withdrawn(self) -> bool:
        """Whether the sender was cancelled meanwhile."""
        return self.done.cancelled()


class Desk:
    """Where senders leave word and wait: one frame, any number of wishes for a check."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self._polls: list[asyncio.Future[None]] = []
        self._wake: asyncio.Event | None = None

    def open(self, wake: asyncio.Event) -> None:
        """Somebody serves now; ``wake`` is set for each word left."""
        self._wake = wake

    def close(self) -> None:
        """Nobody serves any more."""
        self._wake = None
        self.end_all(LinkError(Trouble.DEVICE_GONE, "the modem was closed"))

    async def send(self, frame: bytes) -> None:
        """Leave a frame and wait for its session. LinkError when it finally failed."""
        wake = self._served()
        if self.job is not None:
            raise LinkError(Trouble.BUSY, "one frame at a time")
        job = self.job = Job(frame)
        wake.set()
        try:
            await job.done
        finally:
            if self.job is job:
                self.job = None

    async def poll(self) -> None:
        """Wait for the next good session. LinkError when it finally failed."""
        wake = self._served()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._polls.append(done)
        wake.set()
        try:
            await done
        finally:
            if done in self._polls:
                self._polls.remove(done)

    @property
    def polled(self) -> bool:
        """Whether somebody waits for a check."""
        return bool(self._polls)

    def end_job(self, error: LinkError | None = None) -> None:
        """The frame was given away, or finally not."""
        if self.job is not None:
            _end(self.job.done, error)
            self.job = None

    def end_polls(self, error: LinkError | None = None) -> None:
        """A session was good, or finally not."""
        for done in self._polls:
            _end(done, error)
        self._polls.clear()

    def end_all(self, error: LinkError) -> None:
        """Nobody who waits will be served."""
        self.end_job(error)
        self.end_polls(error)

    def _served(self) -> asyncio.Event:
        if self._wake is None:
            raise LinkError(Trouble.DEVICE_GONE, "the modem is not open")
        return self._wake


class Server:
    """Serves the desk with one started modem until the port or the modem is lost."""

    def __init__(
        self,
        modem: Modem,
        desk: Desk,
        receiver: Receiver,
        board: Board,
        policy: Policy,
        backoff: Backoff,
        reception: Backoff,
    ) -> None:
        """``backoff`` counts failed sessions, ``reception`` messages that did not come over."""
        self._modem = modem
        self._desk = desk
        self._receiver = receiver
        self._board = board
        self._policy = policy
        self._backoff = backoff
        self._reception = reception
        self._now = asyncio.get_running_loop().time
        self._draining = modem.queued > 0 and policy.fetches
        self._checks_in_row = 0
        self._check_at = 0.0
        self._poll_at = 0.0
        self._succeeded_at = self._now()
        self._heartbeat_at = self._now() + HEARTBEAT_S
        self._troubles = 0
        self._damaged = 0
        self._reason = ""
        self._detail = ""
        self._status = ""

    async def serve(self) -> None:
        """Until cancelled. Raises PortError or ModemError when the port must be reopened."""
        while True:
            self._modem.changed.clear()
            self._modem.check()
            self._show(Phase.READY)
            try:
                if self._modem.restarted:
                    log.warning("sbd modem restarted")
                    await self._modem.recover()
                await self._step()
            except ModemError as error:
                await self._recover(error)

    async def _step(self) -> None:
        """One session, or some waiting."""
        settled = await self._modem.settle(self._deliver)
        self._tell_of_damage()
        if not settled:
            self._desk.end_all(
                LinkError(Trouble.BUSY, "an arrived frame cannot be stored", STORE_RETRY_S)
            )
            await self._idle(STORE_RETRY_S)
            return
        job = self._desk.job
        start_at = self._check_due_at() if job is None else job.not_before
        wait_s = max(start_at - self._now(), self._modem.pause_s)
        if wait_s > 0:
            await self._idle(wait_s)
            return
        self._show(Phase.BUSY)
        session = await self._modem.exchange(None if job is None else job.frame)
        self._troubles = 0
        log.info(
            "sbd session mo=%d mt=%d queued=%d",
            session.status.code,
            session.mt_status,
            session.queued,
        )
        if session.ok:
            self._succeeded(session, job)
        else:
            await self._failed(session.status, job)

    def _tell_of_damage(self) -> None:
        if self._modem.damaged > self._damaged:
            self._damaged = self._modem.damaged
            log.error("sbd message damaged on its way from the modem, given up")
            self._reason, self._status = Trouble.HARDWARE, "modem-damaged"

    async def _deliver(self, frame: bytes) -> bool:
        return await hand_up(self._receiver, frame)

    async def _idle(self, wait_s: float) -> None:
        """Wait so long, or until something happens; now and then look whether the modem lives."""
        try:
            async with asyncio.timeout(min(wait_s, max(0.0, self._heartbeat_at - self._now()))):
                await self._modem.changed.wait()
        except TimeoutError:
            if self._now() >= self._heartbeat_at:
                self._heartbeat_at = self._now() + HEARTBEAT_S
                await self._modem.ask_signal()

    def _check_due_at(self) -> float:
        """Loop time of the next mailbox check, infinite when none is wanted."""
        due = math.inf
        if self._desk.polled:
            due = self._poll_at
        if self._modem.ring or self._draining:
            due = min(due, self._check_at)
        if self._policy.poll_every_s:
            due = min(due, max(self._check_at, self._succeeded_at + self._policy.poll_every_s))
        return due

    def _succeeded(self, session: Session, job: Job | None) -> None:
        self._backoff.succeeded()
        self._succeeded_at = self._now()
        self._poll_at = self._check_at = 0.0
        self._reason = self._detail = self._status = ""
        if session.status.code:
            self._status = status_code(session.status)
        if session.status.alarm:
            self._reason, self._detail = Trouble.TOO_LARGE, session.status.meaning
        if job is None:
            self._receiver.billed(0)
        elif job.withdrawn:
            self._receiver.billed(len(job.frame))
        if job is not None and self._desk.job is job:
            self._desk.end_job()
        self._desk.end_polls()
        self._plan_drain(session, job)

    def _plan_drain(self, session: Session, job: Job | None) -> None:
        """Go on at once while messages come, slower when they do not, and never for ever."""
        fetches = self._policy.fetches and session.status.code != MT_TOO_BIG
        self._draining = session.queued > 0 and fetches
        if not self._draining:
            self._checks_in_row = 0
            return
        if session.received:
            self._reception.succeeded()
        else:
            self._check_at = self._now() + self._reception.failed()[0]
        if job is None:
            self._checks_in_row += 1
        if self._checks_in_row >= self._policy.drain_max:
            self._checks_in_row = 0
            self._check_at = max(self._check_at, self._now() + self._policy.drain_pause_s)

    async def _failed(self, status: MoStatus, job: Job | None) -> None:
        if status.code == RADIO_OFF:
            await self._modem.radio_on()
        if status.code == BAD_SEGMENT and job is not None and not job.rewritten:
            job.rewritten = True
            return
        delay_s, quick = await self._delay(status, job)
        trouble = _STATUS_TROUBLES.get(status.code, Trouble.NO_SERVICE)
        error = LinkError(trouble, f"status {status.code}: {status.meaning}", delay_s)
        self._reason, self._detail = error.code, error.detail
        self._status = status_code(status)
        self._check_at = self._now() + delay_s
        if quick:
            self._poll_at = self._check_at
            if job is not None:
                job.not_before = self._check_at
            return
        if self._desk.job is job:  # not one that came meanwhile and was never tried
            self._desk.end_job(error)
        if status.verdict is not Verdict.FATAL:
            self._poll_at = 0.0
            self._desk.end_polls(error)

    async def _delay(self, status: MoStatus, job: Job | None) -> tuple[float, bool]:
        """Seconds until the next try, and whether this link makes it by itself."""
        if status.code == TRAFFIC_MANAGED:
            asked_s = await self._modem.ask_traffic_wait_s()
            if asked_s:
                return asked_s, False
        if status.verdict is Verdict.FATAL and job is not None:
            return FATAL_S, False
        if status.wait_s:
            return status.wait_s, False
        return self._backoff.failed()

    async def _recover(self, error: ModemError) -> None:
        """Tell those who wait, then try to bring the modem back; raises when it stays away."""
        log.warning("sbd modem trouble=%s", error)
        failure = link_error(error)
        self._reason, self._detail = failure.code, failure.detail
        self._status = trouble_code(error)
        self._desk.end_all(failure)
        if error.code is ModemTrouble.TOO_LARGE:
            return
        self._troubles += 1
        if error.code is ModemTrouble.HARDWARE or self._troubles >= TROUBLES_MAX:
            raise error
        await self._modem.recover()

    def _show(self, phase: Phase) -> None:
        modem = self._modem
        signal = 0 if modem.service is False else modem.signal
        self._board.show(
            LinkState(phase, signal, self._reason, self._detail, modem.queued, self._status)
        )


def _end(done: asyncio.Future[None], error: LinkError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
