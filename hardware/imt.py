"""Driver for Iridium IMT modems: the RockBLOCK 9704 and its protocol JSPR.

The modem pulls an outgoing message in segments and gives it up when one does not come within
300 ms. So this driver answers from memory, in the task that reads the port; whoever runs it in
an event loop of its own (:mod:`hardware.own_loop`) is on time whatever the rest does. A message
that the modem has accepted stays there for up to six hours: one that is given up here is
cancelled there, and its final status awaited. Source: rock7/RockBLOCK-9704.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType

from hardware import imt_status as said
from hardware.at_line import ModemError, ModemTrouble
from hardware.imt_flight import Flight, NotSentError
from hardware.imt_options import Listener, Memory, Options
from hardware.imt_receiving import Arrivals
from hardware.imt_start import Description, activate, agree
from hardware.imt_transfer import PAYLOAD_BYTES_MAX
from hardware.jspr import Code, Malformed, Reply
from hardware.jspr_line import JsprLine, Mine
from hardware.port import Port, PortError, open_port

log = logging.getLogger(__name__)

REFERENCES = 100
HELD_MAX = 32
LEFT_OVER_MAX = 64
TROUBLES_MAX = 3


def _whatever(_reply: Reply) -> bool:
    return True


@asynccontextmanager
async def open_modem(
    path: str, options: Options, memory: Memory, listener: Listener
) -> AsyncIterator[Modem]:
    """Open the port and start the modem. Raises PortError or ModemError."""
    async with (
        open_port(path, options.baud) as port,
        Modem(port, options, memory, listener) as modem,
    ):
        try:
            await modem.start()
        except ModemError as error:
            if error.code is ModemTrouble.HARDWARE:
                raise
            await modem.start()  # it may have been just starting itself
        yield modem


class Modem:
    """One modem on an open port; a context manager around its tasks.

    ``signal`` is 0..5 bars, None where unknown. ``ready``: the topic may be used. ``trouble``
    says in technical words what keeps it from that; ``foreign``: the subscription has others.
    """

    def __init__(self, port: Port, options: Options, memory: Memory, listener: Listener) -> None:
        self.described = Description()
        self.signal: int | None = None
        self.ready = False
        self.trouble = ""
        self.foreign = False
        self.arrivals = Arrivals()
        self.answered = 0
        self._options = options
        self._timing = options.timing
        self._memory = memory
        self._listener = listener
        self._line = JsprLine(
            port, self._take, self._stray, self._wake, answer_s=options.timing.answer_s
        )
        self._changed = asyncio.Event()
        self._flights_max = options.flights
        self._originating = asyncio.Lock()
        self._offering = False
        self._held: list[Reply] = []
        self._flights: dict[said.Key, Flight] = {}
        self._left_over: set[said.Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._restarted = False
        self._suspect = False
        self._fault = ""

    async def __aenter__(self) -> Modem:
        await self._line.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ready = False
        for key, flight in self._flights.items():
            self._post_cancel(key)
            self._memory.doubtful[key] = flight.payload_bytes
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timing.close_s):
                await self._line.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._line.__aexit__(kind, error, trace)

    async def start(self) -> Description:
        """Agree on a version, look at SIM and state, make it active. ModemError if it cannot."""
        self.ready = False
        version = await agree(self._line, self._timing)
        self._restarted = self._suspect = False
        self.described = await activate(self._line, version, self._options.interface, self._timing)
        self.signal = self.described.signal
        self._fault = ""  # told on the way out of it
        await self._give_up_the_old()
        await self._provision()
        return self.described

    async def serve(self) -> None:
        """Until cancelled. Raises PortError or ModemError when the port must be reopened."""
        troubles = 0
        while True:
            self._changed.clear()
            self._line.check()
            try:
                if self._restarted or self._fault:
                    log.warning("imt modem restarted=%s fault=%s", self._restarted, self._fault)
                    self._end_flights(said.RESTARTED)
                    self._tell()
                    await self.start()
                    self._tell()
                if self._suspect:
                    await self._probe()
                else:
                    await self._idle()
                troubles = 0
            except ModemError as error:
                troubles += 1
                log.warning("imt modem trouble=%s", error)
                if error.code is ModemTrouble.HARDWARE or troubles >= TROUBLES_MAX:
                    raise
                self._restarted = True

    async def send(self, payload: bytes, patience_s: float) -> None:
        """Returns when the network has acknowledged the message. NotSentError if not.

        After ``patience_s`` it is cancelled at the modem and the final status decides. Safe to
        cancel: then the same happens behind the caller's back.
        """
        if not 0 < len(payload) <= PAYLOAD_BYTES_MAX:
            raise ModemError(ModemTrouble.TOO_LARGE, f"{len(payload)} bytes")
        if not self.ready:
            raise NotSentError(said.MoEnd("not_ready", said.Verdict.RETRY, self.trouble, 10.0))
        while len(self._tasks) >= self._flights_max:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        flight = Flight(payload)
        task = asyncio.create_task(self._fly(flight, patience_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _task: flight.abandon())
        try:
            end = await flight.done
        finally:
            flight.withdrawn.set()
        if end.verdict is not said.Verdict.OK:
            raise NotSentError(end)

    # -- going out -----------------------------------------------------------------------------

    async def _fly(self, flight: Flight, patience_s: float) -> None:
        """The whole way of one message, whoever still waits for it."""
        try:
            word = await self._carry(flight, patience_s)
            if flight.done.cancelled() and word == said.ACKNOWLEDGED:
                self._listener.sent_late(flight.payload_bytes)
            if not flight.done.done():
                flight.done.set_result(said.mo_end(word))
        except (ModemError, PortError) as error:
            self._suspect = True
            self._wake()
            if not flight.done.done():
                flight.done.set_exception(error)

    async def _carry(self, flight: Flight, patience_s: float) -> str:
        """The final status of a message, or what stands for it."""
        async with self._originating:
            if flight.withdrawn.is_set():
                return said.WITHDRAWN
            self._offering = True
            try:
                word, key = await self._originate(flight)
            finally:
                self._offering = False
                held, self._held = self._held, []
                for reply in held:
                    self._take(reply)
        if key is None:
            return word
        try:
            if await flight.heard(patience_s, or_withdrawn=True):
                return flight.final.result()
            known = await self._cancel(key)
            wait_s = self._timing.cancel_s if known else self._timing.settle_s
            if await flight.heard(wait_s):
                return flight.final.result()
            if known:
                self._memory.doubtful[key] = flight.payload_bytes
            return said.NOT_HEARD
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]

    async def _originate(self, flight: Flight) -> tuple[str, said.Key | None]:
        """Offer a message to the modem: its word, and the key if it was accepted."""
        self._memory.reference = self._memory.reference % REFERENCES + 1
        reference = self._memory.reference
        body = {
            "topic_id": self._options.topic,
            "message_length": len(flight.message),
            "request_reference": reference,
        }

        def mine(reply: Reply) -> bool:
            if not reply.ok:
                return True
            with suppress(Malformed):
                return reply.read(said.Accepted).request_reference in (reference, None)
            return False

        reply = await self._ask("PUT", "messageOriginate", body, mine)
        if not reply.ok:
            return self._refused(reply), None
        answer = reply.read(said.Accepted)
        if answer.message_response != said.ACCEPTED or answer.message_id is None:
            return answer.message_response, None
        key = (answer.topic_id, answer.message_id)
        if key in self._flights:
            self._flights.pop(key).end(said.RESTARTED)
        self._left_over.discard(key)
        self._memory.doubtful.pop(key, None)
        self._flights[key] = flight
        return answer.message_response, key

    def _refused(self, reply: Reply) -> str:
        if reply.code == Code.NOT_PROVISIONED:
            self.ready = False
            self.trouble = "not provisioned"
            self._wake()
        return f"refused with code {reply.code}"

    def _supply(self, wanted: said.Wanted) -> None:
        """Answer a request for a segment, at once."""
        flight = self._flights.get(wanted.key)
        if flight is None:
            self._leave(wanted.key)
            return
        data = flight.supply(wanted.segment_start, wanted.segment_length)
        if data is None:
            log.warning("imt modem asks for bytes that do not exist")
            return
        body = {
            "topic_id": wanted.topic_id,
            "message_id": wanted.message_id,
            "segment_length": wanted.segment_length,
            "segment_start": wanted.segment_start,
            "data": base64.b64encode(data).decode("ascii"),
        }
        self._line.post("PUT", "messageOriginateSegment", body)
        self.answered += 1

    def _leave(self, key: said.Key) -> None:
        """A message of an earlier life: unknown whether sent, so it must not go out again."""
        if key in self._left_over:
            return
        if len(self._left_over) >= LEFT_OVER_MAX:
            self._left_over.clear()
        self._left_over.add(key)
        log.warning("imt message left over, unknown whether sent: topic=%d id=%d", *key)
        self._post_cancel(key)

    def _post_cancel(self, key: said.Key) -> None:
        self._line.post("PUT", "messageOriginateStatus", _cancel(key))

    def _finished(self, final: said.MoFinal) -> None:
        log.info("imt message ended status=%s", final.final_mo_status[:64])
        if (flight := self._flights.get(final.key)) is not None:
            flight.end(final.final_mo_status)
            return
        payload_bytes = self._memory.doubtful.pop(final.key, 0)
        self._left_over.discard(final.key)
        if final.final_mo_status == said.ACKNOWLEDGED:
            self._listener.sent_late(payload_bytes)

    async def _give_up_the_old(self) -> None:
        """Cancel what an earlier opening, or an earlier life of the program, left in the modem."""
        for key in set(self._memory.doubtful) | set(self.described.left_over):
            if key not in self._flights:
                log.warning("imt message unknown whether sent: topic=%d id=%d", *key)
                reply = await self._ask("PUT", "messageOriginateStatus", _cancel(key))
                if not reply.ok:
                    self._memory.doubtful.pop(key, None)

    async def _cancel(self, key: said.Key) -> bool:
        """Have the modem take a message back; false when it knows of none."""
        try:
            return (await self._ask("PUT", "messageOriginateStatus", _cancel(key))).ok
        except ModemError:
            return True

    def _end_flights(self, word: str) -> None:
        for flight in self._flights.values():
            flight.end(word)

    # -- the line ------------------------------------------------------------------------------

    def _take(self, reply: Reply) -> None:
        """What the modem says unasked. Called by the task that reads the port."""
        try:
            self._sort(reply)
        except Malformed as error:
            log.warning("imt line not understood: %s", error)

    def _sort(self, reply: Reply) -> None:
        match reply.target:
            case "messageOriginateSegment":
                wanted = reply.read(said.Wanted)
                if not self._hold(wanted.key, reply):
                    self._supply(wanted)
            case "messageOriginateStatus":
                final = reply.read(said.MoFinal)
                if not self._hold(final.key, reply):
                    self._finished(final)
            case "messageTerminate":
                self.arrivals.begin(reply.read(said.MtBegin))
            case "messageTerminateSegment":
                self.arrivals.put(reply.read(said.MtSegment))
            case "messageTerminateStatus":
                payload = self.arrivals.end(reply.read(said.MtFinal))
                if payload is not None:
                    self._listener.message(payload)
            case "constellationState":
                sky = reply.read(said.Sky)
                self.signal = sky.signal_bars if sky.constellation_visible else 0
                self._tell()
            case "operationalState":
                self._state(reply.read(said.State))
            case "bootInfo":
                self._restarted = True
                self._wake()

    def _hold(self, key: said.Key, reply: Reply) -> bool:
        """Keep a line on a message whose acceptance is just being answered."""
        if key in self._flights or not self._offering or len(self._held) >= HELD_MAX:
            return False
        self._held.append(reply)
        return True

    def _state(self, state: said.State) -> None:
        if state.state not in (said.ACTIVE, said.INACTIVE):
            self._fault = said.reason(state.reason)
            self._wake()
        elif state.state == said.INACTIVE and self.ready:
            self._restarted = True
            self._wake()

    def _stray(self, reply: Reply) -> None:
        """An answer that nobody waits for."""
        if reply.code == Code.NO_API_VERSION:
            self._restarted = True
            self._wake()
        elif reply.ok and reply.target == "messageOriginate":
            with suppress(Malformed):
                late = reply.read(said.Accepted)
                if late.message_response == said.ACCEPTED and late.message_id is not None:
                    self._leave((late.topic_id, late.message_id))
        elif not reply.ok and reply.target == "messageOriginateSegment":
            log.warning("imt modem refuses a segment code=%d", reply.code)

    def _wake(self) -> None:
        self._changed.set()

    def _tell(self) -> None:
        self._listener.changed()

    async def _idle(self) -> None:
        """Wait until something happens; now and then look whether the modem lives."""
        timing = self._timing
        try:
            async with asyncio.timeout(timing.heartbeat_s if self.ready else timing.provision_s):
                await self._changed.wait()
        except TimeoutError:
            await self._probe()

    async def _probe(self) -> None:
        """Look whether the modem lives, and whether it may be used."""
        self._suspect = False
        if not self.ready:
            await self._provision()
            return
        reply = await self._ask("GET", "constellationState")
        if reply.ok:
            self._take(reply)

    async def _provision(self) -> None:
        """Look whether the topic may be used; it takes up to 30 minutes of sky the first time."""
        reply = await self._ask("GET", "messageProvisioning")
        try:
            told = reply.read(said.Provisioning).provisioning if reply.ok else ()
        except Malformed as error:
            raise ModemError(ModemTrouble.GARBLED, str(error)) from error
        topics = {one.topic_id: one for one in told}
        self.foreign = bool(topics) and self._options.topic not in topics
        if (mine := topics.get(self._options.topic)) is not None:
            self.ready, self.trouble = True, ""
            self._flights_max = min(self._options.flights, mine.max_queue_depth or 1)
        elif not topics:
            self.trouble = "not provisioned yet: give it 10 to 30 minutes of open sky"
        else:
            have = ", ".join(str(topic) for topic in sorted(topics))
            self.trouble = f"topic {self._options.topic} is not in the subscription, only {have}"
        self._tell()

    async def _ask(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | None = None,
        mine: Mine = _whatever,
    ) -> Reply:
        """Ask a started modem; one that has restarted meanwhile is found out by its answer."""
        reply = await self._line.ask(method, target, body, mine=mine)
        if reply.code == Code.NO_API_VERSION:
            self._restarted = True
            self._wake()
        return reply


def _cancel(key: said.Key) -> dict[str, object]:
    return {"topic_id": key[0], "message_id": key[1], "action": "cancel"}
