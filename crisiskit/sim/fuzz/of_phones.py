"""The decoders of what phones and people who write short messages send."""

from __future__ import annotations

import asyncio

from crisiskit.sim.fuzz.decoder import Decoder
from crisiskit.sim.fuzz.of_devices import _Script
from hardware import gsm7
from hardware.at_line import ModemError
from hardware.gsm import GsmModem, Timing
from hardware.port import PortError
from hardware.sms_assembly import PARTS_KEPT_MAX, Assembly
from hardware.sms_pdu import DATA_BYTES_MAX, SEPTETS_MAX, Deliver, PduError, Report, decode
from hardware.sms_phone import SmsError
from transports import text85

QUICK = Timing(0.05, 0.02, 2, 0.05, 0.05, 0.05, 0.001, 0.001)
PLACES = 40
_STAMP = bytes.fromhex("62113281000000")
_FROM = bytes.fromhex("0b913316325476f8")
_HEADER = bytes.fromhex("0500035a0201")


def decoders() -> tuple[Decoder, ...]:
    """All of them."""
    frames = (b"a", bytes(9), bytes(range(126)))
    return (
        Decoder("sms message", _messages(), _message, (PduError,)),
        Decoder("sms parts", (b"".join(_messages()),), _parts),
        Decoder("sms frame as text", tuple(text85.encode(f).encode() for f in frames), _as_text),
        Decoder("gsm modem", (_session(),), _modem, (ModemError, PortError, SmsError)),
    )


def _messages() -> tuple[bytes, ...]:
    words = gsm7.pack(b"hello")
    ucs2 = "été".encode("utf-16-be")
    report = bytes([0, 6, 42]) + _FROM + 2 * _STAMP + b"\0"
    return (
        b"\0\x04" + _FROM + b"\0\x04" + _STAMP + b"\x05frame",
        b"\0\x04" + _FROM + b"\0\0" + _STAMP + b"\5" + words,
        b"\0\x04" + _FROM + b"\0\x08" + _STAMP + bytes([len(ucs2)]) + ucs2,
        b"\0\x44" + _FROM + b"\0\x08" + _STAMP + bytes([6 + len(ucs2)]) + _HEADER + ucs2,
        report,
    )


def _message(data: bytes) -> Deliver | Report:
    found = decode(data)
    if isinstance(found, Deliver):
        assert len(found.data) <= DATA_BYTES_MAX and len(found.text) <= SEPTETS_MAX, "too much"
        assert found.part is None or 1 <= found.part.number <= found.part.total <= 255, "no part"
    return found


def _parts(data: bytes) -> int:
    """Messages of 40 bytes, one after the other; how many came out."""
    assembly = Assembly()
    given = kept = 0
    for place in range(min(PLACES, len(data) // 40)):
        try:
            message = decode(data[40 * place : 40 * place + 40])
        except PduError:
            continue
        kept += 1
        found = [assembly.add(f"SM {place}", message, place), *assembly.overdue(place)]
        given += sum(len(one.places) for one in found if one is not None)
    assert kept - given <= PARTS_KEPT_MAX, "parts fill the card"
    return given


def _as_text(data: bytes) -> bytes | None:
    frame = text85.decode(data.decode("latin-1"))
    assert frame is None or 0 < len(frame) <= text85.BYTES_MAX, "a frame of no such size"
    return frame


def _session() -> bytes:
    """What a modem answers from the first AT to the message that is sent and one that came."""
    ok = b"\r\nOK\r\n"
    pdu = _messages()[0]
    stored = b"\r\n+CMGL: 1,1,,%d\r\n%s\r\n" % (len(pdu) - 1, pdu.hex().upper().encode())
    start = [b"", b"", *[ok] * 4, b"\r\n+CPIN: READY\r\n" + ok, ok]
    memory = [b'\r\n+CPMS: ("SM"),("SM"),("SM")\r\n' + ok, b"\r\n+CPMS: 1,20,0,0\r\n" + ok, ok]
    look = [b"\r\n+CSQ: 17,99\r\n" + ok, b"\r\n+CREG: 0,1\r\n" + ok, b"\r\n+CEREG: 0,5\r\n" + ok]
    work = [stored + ok, ok, ok, b"\r\n> ", b"\r\n+CMGS: 7\r\n" + ok]
    return b"|".join([*start, *memory, *look, *work])


def _modem(data: bytes) -> None:
    asyncio.run(_talk(data))


async def _talk(data: bytes) -> None:
    async with GsmModem(_Script(data), QUICK) as modem:
        await modem.start()
        for incoming in await modem.inbox():
            await modem.delete(incoming)
        await modem.send_data("+33612345678", b"frame", 3600)
