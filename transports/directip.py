"""The center's side of Iridium: kind ``directip``. The ``peer`` word is the IMEI of a modem.

MO: the gateway calls us with one message, and is answered only after the frame is durable
above; a message not confirmed comes again, and a repeat of what is durable is confirmed and
goes no further. MT: we call the gateway with one message for its queue. DirectIP is plain TCP:
keep it behind a firewall or VPN, and trust no field; envelopes are sealed above.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec

from hardware.directip import (
    CLIENT_ID_BYTES,
    MESSAGE_BYTES_MAX,
    MT_PAYLOAD_BYTES_MAX,
    QUEUE_FRAMES_MAX,
    Malformed,
    MoMessage,
    MtConfirmation,
    MtFlag,
    MtMessage,
    MtStatus,
    Outcome,
    SessionStatus,
    decode_mo,
    decode_mt_confirmation,
    encode_mo_confirmation,
    encode_mt,
    is_imei,
    outcome,
    read_message,
)
from transports.common import (
    Caller,
    Connections,
    NotNegative,
    PortNumber,
    PortOrAny,
    Positive,
    Seen,
    check_size,
    hand_up,
    listening,
)
from transports.link import LinkError, LinkState, Phase, Place, Receiver, Traits, Trouble

log = logging.getLogger(__name__)

READ_S_MAX = 15.0
CONFIRM_S_MAX = 15.0
MT_S_MAX = 30.0
RATE_BYTES_S = 1000.0
RETRY_S = 30.0
QUEUE_FULL_S = 900.0
PERMANENT_S = 3600.0
# By precedence, routine first: the gateway's levels, 1 before all others; none is the last.
PRIORITIES = (None, 3, 2, 1)

BROKEN_OFF = (OSError, asyncio.IncompleteReadError, TimeoutError)


class DirectIpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sizes in bytes, times in seconds.

    ``confirm``: the account has MO confirmation switched on. ``priorities``: what is urgent
    says so to the gateway. ``high_priority``: each MT goes to the front of its modem's queue.
    ``flush_when_stuck``: where a modem's queue is full, or blocked by what the modem cannot
    take, the next MT empties it first: what is not held is sent again. Port 0 takes a free one
    and keeps it.
    """

    bind: str = "127.0.0.1"
    port: PortOrAny = 10_800
    gateway_host: Annotated[str, msgspec.Meta(min_length=1)]
    gateway_port: PortNumber = 10_800
    mtu: Annotated[int, msgspec.Meta(ge=64, le=MT_PAYLOAD_BYTES_MAX)] = 270
    credit_bytes: Annotated[int, msgspec.Meta(ge=0)] = 50
    latency_s: NotNegative = 30.0
    receipt_delay_s: NotNegative = 600.0
    repeat_s: Positive = 1800.0
    confirm: bool = True
    priorities: bool = True
    high_priority: bool = False
    flush_when_stuck: bool = False
    connections_max: Connections = 32


class DirectIp:
    """Link kind ``directip``."""

    kind = "directip"
    Settings = DirectIpSettings
    asks = ("gateway_port", "bind", "port")

    def traits(self, settings: DirectIpSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return Traits(
            mtu_bytes=settings.mtu,
            latency_s=settings.latency_s,
            rate_bytes_s=RATE_BYTES_S,
            credit_bytes=settings.credit_bytes,
            price_credit_micros=price.get("credit_micros", 0),
            price_byte_micros=price.get("byte_micros", 0),
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            listens=True,
            lasting_peers=True,
        )

    def open(self, settings: DirectIpSettings, traits: Traits) -> DirectIpLink:
        """See :class:`transports.link.LinkKind`."""
        return DirectIpLink(settings, traits)


class DirectIpLink:
    """A server for what the gateway has and a client for what it should take."""

    def __init__(
        self,
        settings: DirectIpSettings,
        traits: Traits,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.traits = traits
        self.port = settings.port
        self._settings = settings
        self._entropy = entropy
        self._receiver: Receiver | None = None
        self._serving = 0
        self._seen = Seen()
        self._stuck = Seen()

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`."""
        limit = self._settings.connections_max
        receiver.state(LinkState(Phase.OPENING))
        try:
            async with (
                listening(self._settings.bind, self.port, limit, MESSAGE_BYTES_MAX) as (
                    self.port,
                    callers,
                ),
                asyncio.TaskGroup() as tasks,
            ):
                self._receiver, self._serving = receiver, 0
                receiver.state(LinkState(Phase.READY))
                while True:
                    caller = await callers.get()
                    if self._serving < limit:
                        self._serving += 1
                        tasks.create_task(self._serve(caller, receiver))
                    else:
                        caller[1].transport.abort()
        finally:
            self._receiver = None
            receiver.state(LinkState(Phase.DOWN))

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See ``send_ranked``."""
        await self.send_ranked(frame, peer, 0)

    async def send_ranked(self, frame: bytes, peer: str, rank: int) -> None:
        """Put one frame into the queue of the modem with this IMEI.

        LinkError TOO_LARGE; REFUSED by the gateway for good; BUSY when the queue is full or the
        gateway asks for patience; NO_SERVICE when nothing was confirmed (it may be queued).
        """
        check_size(frame, self.traits)
        receiver = self._receiver
        if receiver is None:
            raise LinkError(Trouble.NO_SERVICE, "the link does not run")
        if not is_imei(peer):
            raise LinkError(Trouble.REFUSED, "the peer is no IMEI", PERMANENT_S)
        status = await self._put(frame, peer, rank)
        if status == MtStatus.QUEUE_FULL and self._settings.flush_when_stuck:
            self._stuck.add(peer)
            status = await self._put(frame, peer, rank)
        meaning = outcome(status)
        if meaning is Outcome.OK:
            self._stuck.discard(peer)
            receiver.state(LinkState(Phase.READY, waiting=status))
            return
        error = _refusal(status, meaning)
        if meaning is Outcome.QUEUE_FULL:
            self._stuck.add(peer)
            receiver.notice("modem_queue_full", peer)
            receiver.state(LinkState(Phase.READY, None, error.code, error.detail, QUEUE_FRAMES_MAX))
        elif meaning in (Outcome.PERMANENT, Outcome.STOP):
            receiver.notice("gateway_refuses", f"{peer}, {_status_word(status)}")
        if meaning is Outcome.STOP:
            receiver.state(LinkState(Phase.READY, None, error.code, error.detail))
        raise error

    async def poll(self) -> None:
        """Nothing to ask: the gateway calls."""

    async def _serve(self, caller: Caller, receiver: Receiver) -> None:
        """One call of the gateway: one MO message, and its confirmation once it is durable."""
        reader, writer = caller
        try:
            async with asyncio.timeout(READ_S_MAX):
                message = decode_mo(await read_message(reader))
            self._mind_status(message, receiver)
            stored = await self._store(message, receiver)
            if self._settings.confirm:
                async with asyncio.timeout(CONFIRM_S_MAX):
                    writer.write(encode_mo_confirmation(stored))
                    await writer.drain()
            if stored or self._settings.confirm:
                writer.close()
        except Malformed as error:
            log.info("directip malformed reason=%s", error)
        except BROKEN_OFF as error:
            log.info("directip call broken off error=%s", type(error).__name__)
        finally:
            self._serving -= 1
            if not writer.is_closing():
                writer.transport.abort()

    def _mind_status(self, message: MoMessage, receiver: Receiver) -> None:
        """What the session of this message says about its modem; its payload counts anyway."""
        if message.status == SessionStatus.MT_TOO_BIG:
            self._stuck.add(message.imei)
            receiver.notice("modem_queue_blocked", message.imei)
        elif message.status in (SessionStatus.IMEI_ANOMALY, SessionStatus.IMEI_PROHIBITED):
            receiver.notice("modem_prohibited", message.imei)
        elif message.status == SessionStatus.MO_TOO_BIG:
            receiver.notice("modem_sends_too_much", message.imei)
        elif message.status not in (SessionStatus.OK, SessionStatus.LOCATION_POOR):
            log.info("directip session failed status=%d", message.status)

    async def _store(self, message: MoMessage, receiver: Receiver) -> bool:
        """Hand up the payload, once; whether it is durable. None is a mailbox check."""
        if message.payload is None:
            return True
        digest = hashlib.sha256(message.payload).digest()
        name = (message.imei, message.momsn, message.session_at, digest)
        if name in self._seen:
            return True
        stored = await hand_up(receiver, message.payload, message.imei, _place(message))
        if stored:
            self._seen.add(name)
        return stored

    async def _put(self, frame: bytes, peer: str, rank: int) -> int:
        """Ask the gateway to queue one frame; the status it confirms."""
        flags = MtFlag.HIGH_PRIORITY if self._settings.high_priority else MtFlag.NONE
        if self._settings.flush_when_stuck and peer in self._stuck:
            flags |= MtFlag.FLUSH
        priority = PRIORITIES[rank] if self._settings.priorities else None
        message = MtMessage(self._entropy(CLIENT_ID_BYTES), peer, flags, frame, priority)
        answer = await self._ask(message)
        if (answer.client_id, answer.imei) != (message.client_id, message.imei):
            raise LinkError(Trouble.REFUSED, "the gateway confirms something else", RETRY_S)
        return answer.status

    async def _ask(self, message: MtMessage) -> MtConfirmation:
        """One call to the gateway. LinkError when no confirmation can be had."""
        try:
            async with asyncio.timeout(MT_S_MAX):
                reader, writer = await asyncio.open_connection(
                    self._settings.gateway_host,
                    self._settings.gateway_port,
                    limit=MESSAGE_BYTES_MAX,
                )
                try:
                    writer.write(encode_mt(message))
                    await writer.drain()
                    return decode_mt_confirmation(await read_message(reader))
                finally:
                    writer.transport.abort()
        except Malformed as error:
            raise LinkError(Trouble.REFUSED, f"the gateway's answer: {error}", RETRY_S) from error
        except BROKEN_OFF as error:
            raise LinkError(Trouble.NO_SERVICE, f"gateway: {error!r}", RETRY_S) from error


def _place(message: MoMessage) -> Place | None:
    """Where the gateway heard the modem; a place it calls poor is none."""
    found = message.location
    if found is None or message.status == SessionStatus.LOCATION_POOR:
        return None
    return Place(found.latitude, found.longitude, found.radius_km or 0)


def _status_word(status: int) -> str:
    known = status in MtStatus.__members__.values()
    return f"{MtStatus(status).name.lower() if known else 'status'} ({status})"


def _refusal(status: int, meaning: Outcome) -> LinkError:
    detail = f"gateway: {_status_word(status)}"
    if meaning is Outcome.RETRY:
        return LinkError(Trouble.BUSY, detail, RETRY_S)
    if meaning is Outcome.QUEUE_FULL:
        return LinkError(Trouble.BUSY, detail, QUEUE_FULL_S)
    if status == MtStatus.TOO_BIG:
        return LinkError(Trouble.TOO_LARGE, detail, PERMANENT_S)
    return LinkError(Trouble.REFUSED, detail, PERMANENT_S)
