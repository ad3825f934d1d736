"""A cellular modem that ModemManager looks after, spoken to over D-Bus.

ModemManager owns the port, unlocks the card and puts long texts together; here its messages are
read, sent and deleted. Needs the package dbus-fast. One task at a time may call a
:class:`ManagedModem`; every call has a deadline.

Source: ModemManager D-Bus API 1.20 (Modem, Modem.Messaging, Sms, ObjectManager).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from dbus_fast import BusType, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusError, InvalidAddressError
from dbus_fast.message import Message

from hardware.port import PortError, PortTrouble
from hardware.sms_pdu import DATA_BYTES_MAX, Report
from hardware.sms_phone import Incoming, SmsError, SmsTrouble

SERVICE = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
MODEM = f"{SERVICE}.Modem"
MESSAGING = f"{MODEM}.Messaging"
SMS = f"{SERVICE}.Sms"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"

CALL_S = 25.0
SEND_S = 120.0
ENABLE_S = 60.0
MESSAGES_MAX = 200  # of one look; what is left comes with the next
_RECEIVING, _RECEIVED = 2, 3
_DELIVER, _REPORT = 1, 3
_LOCKED, _DISABLED, _REGISTERED = 2, 3, 8
_VALIDITY_RELATIVE = 1

_TROUBLES = {
    SmsTrouble.SIM: ("SimNotInserted", "SimPin", "SimPuk", "SimFailure", "SimWrong", "IncorrectP"),
    SmsTrouble.FULL: ("MemoryFull",),
    SmsTrouble.NO_SERVICE: ("NoNetwork", "NetworkTimeout", "NetworkNotAllowed", "Message.Unknown"),
    SmsTrouble.BUSY: ("SimBusy", "InProgress", "Retry", "WrongState"),
}
_RETRY_S = {SmsTrouble.SIM: 600.0, SmsTrouble.REFUSED: 900.0}
_MAYBE = ("NetworkTimeout", "Unknown", "Timeout", "NoReply")


class AbsentError(Exception):
    """ModemManager does not run, or does not have that modem."""


@asynccontextmanager
async def open_modem(which: str) -> AsyncIterator[ManagedModem]:
    """The modem ``which``: "auto", an IMEI or an object path; enabled, if it was not.

    Raises AbsentError or SmsError.
    """
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        async with asyncio.timeout(CALL_S):
            await bus.connect()
    except (OSError, TimeoutError, AuthError, DBusError, InvalidAddressError) as error:
        raise AbsentError(f"no system bus: {error}") from error
    try:
        modem = ManagedModem(bus, await _find(bus, which))
        await modem.start()
        yield modem
    finally:
        bus.disconnect()


async def _call(
    bus: MessageBus,
    path: str,
    interface: str,
    member: str,
    signature: str = "",
    body: tuple[Any, ...] = (),
    *,
    deadline_s: float = CALL_S,
    service: str = SERVICE,
) -> list[Any]:
    """One method call. SmsError for what it answers, PortError when the bus is gone."""
    message = Message(
        destination=service,
        path=path,
        interface=interface,
        member=member,
        signature=signature,
        body=list(body),
    )
    try:
        async with asyncio.timeout(deadline_s):
            reply = await bus.call(message)
    except TimeoutError as error:
        raise SmsError(SmsTrouble.BUSY, f"{member}: no answer", maybe=True) from error
    except (OSError, EOFError) as error:
        raise PortError(PortTrouble.GONE, f"D-Bus: {error}") from error
    if reply is None or reply.message_type is MessageType.ERROR:
        raise _failure(reply)
    return list(reply.body)


def _failure(reply: Message | None) -> SmsError | PortError:
    name = (reply.error_name if reply else None) or "NoReply"
    words = str(reply.body[0])[:200] if reply and reply.body else ""
    if name.endswith((".ServiceUnknown", ".UnknownObject", ".UnknownMethod", ".NameHasNoOwner")):
        return PortError(PortTrouble.GONE, f"{name}: {words}")
    short = name.removeprefix(f"{SERVICE}.Error.")
    found = (code for code, parts in _TROUBLES.items() if any(part in short for part in parts))
    code = next(found, SmsTrouble.REFUSED)
    maybe = any(part in short for part in _MAYBE)
    return SmsError(code, f"{short}: {words}", _RETRY_S.get(code, 30.0), maybe=maybe)


async def _find(bus: MessageBus, which: str) -> str:
    try:
        (objects,) = await _call(bus, ROOT, OBJECTS, "GetManagedObjects")
    except (SmsError, PortError) as error:
        raise AbsentError(f"ModemManager does not run: {error}") from error
    for path, interfaces in sorted(objects.items()):
        modem = interfaces.get(MODEM)
        if modem is None or MESSAGING not in interfaces:
            continue
        imei = modem.get("EquipmentIdentifier")
        if which in ("auto", path) or (imei is not None and imei.value == which):
            return str(path)
    raise AbsentError(f"ModemManager has no modem {which} for messages")


class ManagedModem:
    """One modem; see :class:`hardware.sms_phone.Phone`. PortError when it is gone."""

    def __init__(self, bus: MessageBus, path: str) -> None:
        self.changed = asyncio.Event()
        self.signal: int | None = None
        self.registered = False
        self._bus = bus
        self._path = path
        self._gone = ""
        self._news: list[str] = []
        self._all = True

    async def start(self) -> None:
        """Listen for news and enable the modem. SmsError when its card is locked."""
        self._bus.add_message_handler(self._hear)
        for rule in (
            f"type='signal',sender='{SERVICE}',path='{self._path}'",
            f"type='signal',sender='{SERVICE}',interface='{OBJECTS}'",
            f"type='signal',member='NameOwnerChanged',arg0='{SERVICE}'",
        ):
            await _call(
                self._bus,
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "AddMatch",
                "s",
                (rule,),
                service="org.freedesktop.DBus",
            )
        state = (await self._properties(self._path, MODEM)).get("State", 0)
        if state in (-1, _LOCKED):
            raise SmsError(SmsTrouble.SIM, f"modem state {state}", 60.0)
        if state == _DISABLED:
            await _call(self._bus, self._path, MODEM, "Enable", "b", (True,), deadline_s=ENABLE_S)
        await self.look()

    def check(self) -> None:
        """Raise PortError if ModemManager or the modem is gone."""
        if self._gone or not self._bus.connected:
            raise PortError(PortTrouble.GONE, self._gone or "D-Bus")

    async def look(self) -> None:
        """See :class:`hardware.sms_phone.Phone`."""
        found = await self._properties(self._path, MODEM)
        quality = found.get("SignalQuality", [0])[0]
        self.signal = min(5, -(-int(quality) // 20))
        self.registered = found.get("State", 0) >= _REGISTERED
        self.look_again()
        self.check()

    async def send_data(self, number: str, data: bytes, validity_s: float) -> None:
        """See :class:`hardware.sms_phone.Phone`."""
        if len(data) > DATA_BYTES_MAX:
            raise SmsError(SmsTrouble.REFUSED, f"{len(data)} bytes")
        minutes = max(5, int(validity_s // 60))
        validity = Variant("(uv)", [_VALIDITY_RELATIVE, Variant("u", minutes)])
        await self._send(number, {"data": Variant("ay", data), "validity": validity})

    async def send_text(self, number: str, text: str, *, report: bool) -> int:
        """See :class:`hardware.sms_phone.Phone`."""
        words = {"text": Variant("s", text), "delivery-report-request": Variant("b", report)}
        return await self._send(number, words)

    async def inbox(self) -> list[Incoming]:
        """See :class:`hardware.sms_phone.Phone`."""
        news, self._news = self._news, []
        if self._all:
            (news,) = await _call(self._bus, self._path, MESSAGING, "List")
            self._all = len(news) > MESSAGES_MAX
        found = [await self._read(path) for path in news[:MESSAGES_MAX]]
        return [one for one in found if one is not None]

    def look_again(self) -> None:
        """See :class:`hardware.sms_phone.Phone`."""
        self._all = True

    async def delete(self, incoming: Incoming) -> None:
        """See :class:`hardware.sms_phone.Phone`."""
        for path in incoming.places:
            await self._delete(path)

    async def _delete(self, path: str) -> None:
        try:
            await _call(self._bus, self._path, MESSAGING, "Delete", "o", (path,))
        except SmsError:
            self.look_again()
        except PortError:
            self.check()  # the message is gone already, unless the modem is

    async def _send(self, number: str, words: dict[str, Variant]) -> int:
        body = ({"number": Variant("s", number), **words},)
        (path,) = await _call(self._bus, self._path, MESSAGING, "Create", "a{sv}", body)
        try:
            await _call(self._bus, path, SMS, "Send", deadline_s=SEND_S)
            return int((await self._properties(path, SMS)).get("MessageReference", 0))
        finally:
            await self._delete(path)

    async def _read(self, path: str) -> Incoming | None:
        """What came; None for our own, for what is still coming in and what is gone."""
        try:
            found = await self._properties(path, SMS)
        except PortError:
            self.check()
            return None
        if found.get("State") != _RECEIVED:
            return None
        number = str(found.get("Number", ""))
        if found.get("PduType") == _REPORT:
            status = int(found.get("DeliveryState", 255)) & 0xFF
            reference = int(found.get("MessageReference", 0))
            return Incoming((path,), number, report=Report(number, reference, status))
        sent_at = _time(str(found.get("Timestamp", "")))
        if data := bytes(found.get("Data", b"")):
            return Incoming((path,), number, data=data, sent_at=sent_at)
        return Incoming((path,), number, text=str(found.get("Text", "")), sent_at=sent_at)

    async def _properties(self, path: str, interface: str) -> dict[str, Any]:
        (found,) = await _call(self._bus, path, PROPERTIES, "GetAll", "s", (interface,))
        return {name: variant.value for name, variant in found.items()}

    def _hear(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.member == "Added" and message.path == self._path and message.body[1:] == [True]:
            self._news = [*self._news, str(message.body[0])][-MESSAGES_MAX:]
        elif message.member == "InterfacesRemoved" and message.body[:1] == [self._path]:
            self._gone = "ModemManager lost the modem"
        elif message.member == "NameOwnerChanged" and message.body[:1] == [SERVICE]:
            self._gone = "ModemManager has ended"
        self.changed.set()


def _time(text: str) -> datetime | None:
    """ISO 8601 as ModemManager writes it, the zone perhaps without minutes."""
    if text[-3:-2] in ("+", "-"):
        text += ":00"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
