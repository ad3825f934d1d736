"""What a cellular modem is to a program that sends short messages, by whatever route.

Two routes keep this contract: AT commands on its port (:mod:`hardware.gsm`), and ModemManager
(:mod:`hardware.modemmanager`). Sources: 3GPP TS 27.005 (3.2.5, +CMS ERROR), TS 27.007 (9.2,
+CME ERROR), TS 24.011 (Annex E, causes 1 to 127).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hardware.sms_pdu import Report


class SmsTrouble(StrEnum):
    """Why a message was not taken. ``SIM``: the card is missing, locked or broken."""

    NO_SERVICE = "no_service"
    BUSY = "busy"
    REFUSED = "refused"
    SIM = "sim"
    FULL = "full"


class SmsError(Exception):
    """The modem or the network did not take a message. ``detail`` is technical.

    ``retry_s``: the earliest useful time to try again. ``maybe``: it may have been sent.
    """

    def __init__(
        self, code: SmsTrouble, detail: str = "", retry_s: float = 30.0, *, maybe: bool = False
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail
        self.retry_s = retry_s
        self.maybe = maybe


@dataclass(frozen=True, slots=True)
class Incoming:
    """What lies in the modem, whole: ``data``, ``text`` or ``report``; none of them is junk.

    ``places`` is what :meth:`Phone.delete` wants. ``sent_at``: when the network took it.
    """

    places: tuple[str, ...]
    sender: str = ""
    data: bytes | None = None
    text: str | None = None
    report: Report | None = None
    sent_at: datetime | None = None


class Phone(Protocol):
    """A modem that is ready. One task at a time may call it; every wait has a deadline.

    ``changed`` is set when something came or the modem was lost; the caller clears it.
    ``signal`` is 0..5 bars, None where unknown. Besides SmsError, calls raise what the route
    raises when the modem is lost.
    """

    changed: asyncio.Event
    signal: int | None
    registered: bool

    def check(self) -> None:
        """Raise what the route raises if the modem is lost."""

    async def look(self) -> None:
        """Ask for signal and registration; notice a modem that started again."""

    async def send_data(self, number: str, data: bytes, validity_s: float) -> None:
        """One message of at most 140 bytes. Returns when the network took it, else SmsError."""

    async def send_text(self, number: str, text: str, *, report: bool) -> int:
        """A text of any length; the reference of its last message, for the ``report`` on it."""

    async def inbox(self) -> list[Incoming]:
        """What came since; after a delivery that failed, call :meth:`look_again` first."""

    def look_again(self) -> None:
        """Let the next :meth:`inbox` look at everything that lies in the modem."""

    async def delete(self, incoming: Incoming) -> None:
        """Forget a message: it is durable above, or junk."""


_RETRY_S = {
    SmsTrouble.SIM: 600.0,
    SmsTrouble.BUSY: 30.0,
    SmsTrouble.NO_SERVICE: 30.0,
    SmsTrouble.FULL: 10.0,
    SmsTrouble.REFUSED: 900.0,
}
_CMS = {
    SmsTrouble.SIM: (310, 311, 312, 313, 315, 316, 317, 318),
    SmsTrouble.BUSY: (42, 47, 192, 314),
    SmsTrouble.NO_SERVICE: (17, 22, 27, 38, 41, 194, 197, 331, 332, 500),
    SmsTrouble.FULL: (208, 322),
}
_CME = {
    SmsTrouble.SIM: (10, 11, 12, 13, 15, 16, 17, 18),
    SmsTrouble.BUSY: (14,),
    SmsTrouble.NO_SERVICE: (30, 31, 32),
    SmsTrouble.FULL: (20,),
}
_MAYBE = (41, 332, 500)  # the network may have taken it before it said nothing more


def failure(line: str) -> SmsError:
    """The trouble behind ``+CMS ERROR: n`` or ``+CME ERROR: n``; REFUSED for what nobody knows."""
    name, _colon, number = line.partition(":")
    code = int(number) if re.fullmatch(r"\s*[0-9]{1,5}\s*", number) else -1
    of_sms = name == "+CMS ERROR"
    table = _CMS if of_sms else _CME
    found = (trouble for trouble, codes in table.items() if code in codes)
    trouble = next(found, SmsTrouble.REFUSED)
    return SmsError(trouble, line, _RETRY_S[trouble], maybe=of_sms and code in _MAYBE)


def bars(rssi: int) -> int | None:
    """0..5 bars of +CSQ's 0..31; None for 99, unknown."""
    if not 0 <= rssi <= 31:
        return None
    return 0 if rssi < 2 else min(5, 1 + rssi // 6)
