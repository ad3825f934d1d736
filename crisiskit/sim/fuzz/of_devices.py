"""The decoders of what devices and gateways say, with valid bytes for each."""

from __future__ import annotations

import asyncio
from binascii import crc_hqx

from crisiskit.sim.fuzz.decoder import Decoder
from hardware import ax25, cloudloop, directip, kiss, nmea, rockblock
from hardware.at import COUNT_LIMIT, LINE_LIMIT, LINES_LIMIT, Answer, Dialogue, checksum
from hardware.at_line import ModemError
from hardware.candidates import MODEL_MAX, Candidate, identified, recognize
from hardware.gps import parse_report
from hardware.iridium import Memory, Modem, Timing
from hardware.iridium_time import parse_ticks
from hardware.port import PortError, PortTrouble
from transports.framing import Decoder as StreamDecoder
from transports.framing import encode, encoded_bytes_max

IMEI = "300234010753370"
FRAME_BYTES = 512
QUICK = Timing(0.05, 0.02, 2, 0.05, 0.05, 0.0, 0.001, 0.001)
_PLACE = directip.Location(-12.7807, 45.225, 3)


def decoders() -> tuple[Decoder, ...]:
    """All of them."""
    malformed = (directip.Malformed,)
    return (
        Decoder("framing", _streams(), _frames, again=_frames_again, seal=_checked_frame),
        Decoder("mending framing", _mending_streams(), _mended, again=_mended_again),
        Decoder("AT dialogue", _answers(), _dialogue),
        Decoder("iridium modem", (_session(),), _modem, (ModemError, PortError)),
        Decoder("iridium time", (b"-MSSTM: 0a1b2c3d", b"-MSSTM: no network service"), _ticks),
        Decoder(
            "directip MO", _mo(), directip.decode_mo, malformed, directip.encode_mo, seal=_measured
        ),
        Decoder(
            "directip MT", _mt(), directip.decode_mt, malformed, directip.encode_mt, seal=_measured
        ),
        Decoder(
            "directip MO confirmation",
            tuple(directip.encode_mo_confirmation(yes) for yes in (True, False)),
            directip.decode_mo_confirmation,
            malformed,
            directip.encode_mo_confirmation,
        ),
        Decoder(
            "directip MT confirmation",
            (directip.encode_mt_confirmation(directip.MtConfirmation(b"1234", IMEI, 7, -2)),),
            directip.decode_mt_confirmation,
            malformed,
            directip.encode_mt_confirmation,
        ),
        Decoder("rockblock push", _pushes(), _push, (rockblock.Malformed,)),
        Decoder(
            "rockblock answer",
            (b"OK,1234567", b"FAILED,11,No RockBLOCK with this IMEI", b"FAILED,99"),
            rockblock.mt_answer,
            (rockblock.Malformed,),
        ),
        Decoder("cloudloop push", _lingo(), cloudloop.lingo_mo, (cloudloop.Malformed,)),
        Decoder(
            "cloudloop answer",
            (b'{"id":"QKgL","status":"DELIVERED"}', b'{"message":{"id":"a"}}', b'{"error":"no"}'),
            cloudloop.answer_of,
            (cloudloop.Malformed,),
        ),
        Decoder("kiss", _kiss(), _kiss_frames, again=_kiss_again),
        Decoder("ax25 UI frame", _radio(), ax25.decode, (ax25.Malformed,), ax25.encode),
        Decoder("nmea", (_RMC, _GGA + _RMC), _fixes, seal=_summed),
        Decoder("gpsd report", (_TPV,), _report),
        Decoder("unknown device", _SAID, _recognized),
    )


# -- a byte stream ---------------------------------------------------------------------------


def _streams() -> tuple[bytes, ...]:
    frames = (b"a", bytes(300), bytes(range(1, 256)) * 2, b"\xff" * 254)
    return (*(encode(frame) for frame in frames), b"".join(map(encode, frames)))


def _frames(data: bytes) -> tuple[bytes, ...]:
    decoder = StreamDecoder(FRAME_BYTES)
    found: list[bytes] = []
    for at in range(0, len(data), 7):
        found += decoder.feed(data[at : at + 7])
    assert all(0 < len(frame) <= FRAME_BYTES for frame in found), "a frame of no such size"
    return tuple(found)


def _frames_again(value: tuple[bytes, ...]) -> bytes:
    written = [encode(frame) for frame in value]
    assert all(len(one) <= encoded_bytes_max(FRAME_BYTES) for one in written), "too long"
    return b"".join(written)


def _mending_streams() -> tuple[bytes, ...]:
    frames = (b"a", bytes(300), bytes(range(1, 256)) * 2)
    return tuple(encode(frame, mends=True) for frame in frames)


def _mended(data: bytes) -> tuple[bytes, ...]:
    found = tuple(StreamDecoder(FRAME_BYTES, mends=True).feed(data))
    assert all(0 < len(frame) <= FRAME_BYTES for frame in found), "a frame of no such size"
    return found


def _mended_again(value: tuple[bytes, ...]) -> bytes:
    return b"".join(encode(frame, mends=True) for frame in value)


def _checked_frame(data: bytes) -> bytes:
    """One run between two delimiters with the right checksum inside, else as it is."""
    body = data.strip(b"\0")[1:250]
    if not body or 0 in body or len(data) % 2:
        return data
    crc = crc_hqx(body, 0).to_bytes(2)
    return b"\0" + bytes([len(body) + 3]) + body + crc + b"\0" if 0 not in crc else data


# -- a modem ---------------------------------------------------------------------------------


def _answers() -> tuple[bytes, ...]:
    """How the command was opened 1, then what the modem says."""
    counted = len(b"mt").to_bytes(2) + b"mt" + checksum(b"mt")
    return (
        b"\0AT+CSQ\r\r\n+CSQ:3\r\n\r\nOK\r\n",
        b"\1AT+SBDWB=2\r\r\nREADY\r\n",
        b"\2\r\nSBDRING\r\n0\r\n\r\nOK\r\n",
        b"\3AT+SBDRB\r" + counted + b"\r\nOK\r\n",
        b"\0\r\nERROR\r\n+CIEV:0,4\r\n",
    )


def _dialogue(data: bytes) -> list[object]:
    modem = Dialogue()
    found: list[object] = []
    opened = data[0] % 4 if data else 0
    for at in range(1, len(data), 5):
        if not modem.open:
            _open(modem, opened)
        found += modem.feed(data[at : at + 5])
    for one in found:
        if isinstance(one, Answer):
            assert len(one.data) <= COUNT_LIMIT and len(one.lines) <= LINES_LIMIT, "too much"
            assert all(len(line) <= LINE_LIMIT for line in one.lines), "a line too long"
    return found


def _open(modem: Dialogue, how: int) -> None:
    if how == 0:
        modem.command("AT+CSQ")
    elif how == 1:
        modem.command_for_prompt("AT+SBDWB=2")
    elif how == 2:
        modem.payload(b"mo")
    else:
        modem.command_for_bytes("AT+SBDRB")


class _Script:
    """A port behind which each thing written is answered by the next piece of a script."""

    def __init__(self, data: bytes) -> None:
        self._pieces = iter(data.split(b"|"))
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read(self) -> bytes:
        piece = await self._heard.get()
        if piece is None:
            raise PortError(PortTrouble.GONE, "the script has ended")
        return piece

    async def write(self, data: bytes) -> None:
        self._heard.put_nowait(next(self._pieces, None))

    async def aclose(self) -> None:
        """Nothing is open."""


def _session() -> bytes:
    """What a modem answers from the first AT to the message it hands up."""
    counted = len(b"mt").to_bytes(2) + b"mt" + checksum(b"mt")
    ok = b"\r\nOK\r\n"
    told = [b"\r\n%s" % IMEI.encode(), b"\r\nIRIDIUM 9600", b"\r\nCall Processor: TA16005"]
    start = [b"", *[ok] * 5, *(line + ok for line in told), ok, ok, ok]
    asked = [b"\r\n+SBDSX: 0, 7, 0, -1, 0, 0" + ok, b"\r\n+CSQF:3" + ok]
    written = [b"\r\nREADY\r\n", b"\r\n0" + ok, b"\r\n+SBDIX: 0, 7, 1, 3, 2, 0" + ok]
    settled = [b"\r\n0" + ok, counted + ok, b"\r\n0" + ok]
    return b"|".join([*start, *asked, *written, *settled, b"\r\n-MSSTM: 0a1b2c3d" + ok])


def _modem(data: bytes) -> None:
    asyncio.run(_talk(data))


async def _talk(data: bytes) -> None:
    async def deliver(_payload: bytes) -> bool:
        return True

    async with Modem(_Script(data), Memory(), QUICK) as modem:
        await modem.start()
        await modem.settle(deliver)
        await modem.ask_signal()
        await modem.exchange(b"mo")
        await modem.settle(deliver)
        await modem.ask_ticks()


def _ticks(data: bytes) -> int | None:
    ticks = parse_ticks(data.decode("ascii", "replace"))
    assert ticks is None or 0 <= ticks < 1 << 32, f"{ticks} ticks"
    return ticks


# -- a gateway -------------------------------------------------------------------------------


def _mo() -> tuple[bytes, ...]:
    message = directip.MoMessage(7, IMEI, 0, 41, 3, 1_790_000_000, b"payload", _PLACE)
    return (
        directip.encode_mo(message),
        directip.encode_mo(directip.MoMessage(8, IMEI, 2, 42, 0, 0)),
    )


def _mt() -> tuple[bytes, ...]:
    place = directip.Location(12.5, -45.25)
    message = directip.MtMessage(b"1234", IMEI, directip.MtFlag.RING, b"payload", 2, place)
    return (
        directip.encode_mt(message),
        directip.encode_mt(directip.MtMessage(b"abcd", IMEI, directip.MtFlag.FLUSH)),
    )


def _measured(data: bytes) -> bytes:
    """The same with the right length of the whole in front."""
    body = data[directip.HEADER_BYTES :]
    return bytes([directip.REVISION]) + len(body).to_bytes(2) + body


# -- a web service ---------------------------------------------------------------------------


def _pushes() -> tuple[bytes, ...]:
    """J for JSON, F for a form, then the body."""
    return (
        b'J{"imei":"300234010753370","momsn":"5","data":"c0ffee","power":true,"JWT":"a.b.c"}',
        b"Fimei=300234010753370&momsn=5&data=c0ffee&transmit_time=21-10-31+10%3A41%3A50"
        b"&iridium_latitude=-12.5&iridium_longitude=45.25&iridium_cep=8",
    )


def _push(data: bytes) -> rockblock.Push:
    content_type = "application/json" if data[:1] == b"J" else "application/x-www-form-urlencoded"
    fields = rockblock.fields_of(content_type, data[1:])
    assert len(fields) <= rockblock.FIELDS_MAX, "too many fields"
    for value in fields.values():
        rockblock.same(value, "51.49540")
    return rockblock.push_of(fields)


def _lingo() -> tuple[bytes, ...]:
    return (
        b'{"id":"c0eb3dd4-0ab5","identity":{"thingId":"DgXeoxwV"},"message":"aGVsbG8=",'
        b'"sbd":{"momsn":5,"location":{"latitude":-12.5,"longitude":45.25,"cep":4.0}}}',
        b'{"id":"1","identity":{"thingId":"T"},"imt":{"topic":244},"message":""}',
    )


# -- a packet radio modem --------------------------------------------------------------------


def _radio() -> tuple[bytes, ...]:
    kit, center, hill = ax25.Address("F4XYZ", 7), ax25.Address("F4ABC"), ax25.Address("F5HIL", 15)
    return (
        ax25.encode(ax25.UiFrame(center, kit, b"payload")),
        ax25.encode(ax25.UiFrame(kit, center, bytes(ax25.INFO_BYTES_MAX), (hill, center), 1)),
        ax25.encode(ax25.UiFrame(kit, center, b"", pid=0xCC)),
    )


def _kiss() -> tuple[bytes, ...]:
    frames = (
        *(kiss.KissFrame(kiss.Command.DATA, data) for data in _radio()),
        kiss.KissFrame(kiss.Command.HARDWARE, b"TXBUF:44"),
        kiss.KissFrame(kiss.Command.DATA_ACKED, b"\xc0\xdb\xdc\xdd", 12),
    )
    return (*map(kiss.encode, frames), b"".join(map(kiss.encode, frames)))


def _kiss_frames(data: bytes) -> tuple[kiss.KissFrame, ...]:
    decoder = kiss.Decoder(FRAME_BYTES)
    found: list[kiss.KissFrame] = []
    for at in range(0, len(data), 7):
        found += decoder.feed(data[at : at + 7])
    assert all(len(frame.data) <= FRAME_BYTES for frame in found), "a frame of no such size"
    return tuple(found)


def _kiss_again(value: tuple[kiss.KissFrame, ...]) -> bytes:
    return b"".join(map(kiss.encode, value))


# -- a satellite navigation receiver ---------------------------------------------------------

_GGA = b"$GNGGA,180012.00,1246.8420,S,04513.5030,E,1,09,0.92,12.4,M,-18.3,M,,*4D\r\n"
_RMC = b"$GNRMC,180012.00,A,1246.8420,S,04513.5030,E,0.05,,231126,,,A*43\r\n"
_TPV = (
    b'{"class":"TPV","mode":3,"time":"2026-11-23T18:00:12.000Z","lat":-12.7807,"lon":45.22505,'
    b'"eph":4.6}'
)


_SAID = (
    _GGA + _RMC,
    b"\r\nSBDRING\r\n",
    b'299 constellationState {"constellation_visible": true, "signal_bars": 4}\r',
    b"\r\n+CREG: 1\r\n",
    b"\xc0\x08\x46\xc0",
    b"\xc0\x00" + b"\x9c\x94\x6e\xa0\x40\x40\xe0\x9c\x6e\x98\x8a\x9a\x40\x61\x03\xf0Hi\xc0",
)


def _recognized(data: bytes) -> tuple[Candidate | None, Candidate]:
    said, named = recognize(data), identified(data.decode("latin-1"))
    assert len(named.detail) <= MODEL_MAX and named.detail.isascii(), "words for a terminal"
    return said, named


def _fixes(data: bytes) -> list[nmea.Fix]:
    decoder = nmea.Decoder()
    found = [fix for at in range(0, len(data), 7) for fix in decoder.feed(data[at : at + 7])]
    for fix in found:
        _on_earth(fix)
    return found


def _report(data: bytes) -> nmea.Fix | None:
    fix = parse_report(data)
    if fix is not None:
        _on_earth(fix)
    return fix


def _on_earth(fix: nmea.Fix) -> None:
    assert abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180, "a place that is none"
    assert nmea.believable(fix.at_s), "a date that cannot be"


def _summed(data: bytes) -> bytes:
    """The first sentence with the right checksum."""
    body, star, rest = data.removeprefix(b"$").partition(b"*")
    if not star or b"$" in body:
        return data
    return b"$" + body + b"*%02X" % nmea.checksum(body) + rest[2:]
