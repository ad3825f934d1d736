"""What is thrown: bytes that mean nothing, and bytes that nearly mean something."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable

from crisiskit.sim.fuzz.mutate import FRAMES, scramble
from hardware import ax25
from hardware.directip import MoMessage, encode_mo
from hardware.kiss import Command, KissFrame
from hardware.kiss import encode as kiss
from transports import framing

HUGE_BYTES = 200_000
SEEN_MOST = 500
KINDS = "KISSKIT"
_PATHS = ("/", "/link", "/push", "/push/x", "/../../etc/passwd", "*", "//", "/" + "a" * 9000)
_METHODS = ("GET", "POST", "PUT", "OPTIONS", "CONNECT", "BREW", "\x16\x03\x01")
# No SBDRING nor +CMTI: a modem that says so is asked, and that is its right.
_AT_WORDS = (
    *("OK", "ERROR", "+CSQ:9", "+CME ERROR: 99999", "NO CARRIER", "+SBDIX: 0, 1, 1", "READY"),
    *("+CMGR: 1,,,,999999999", "+CIEV:0,9", "HARDWARE FAILURE: 1", "4", "0", "> ", "AT+CMGS=140"),
)
_NMEA_WORDS = ("$GPRMC", "$GPGGA", "$GNZDA", "$GPTXT", "$PUBX", "!AIVDM")


class Thrower:
    """Makes junk of every kind. ``seen`` are real frames of the stations, as far as known."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seen: deque[bytes] = deque(maxlen=SEEN_MOST)

    def noise(self) -> bytes:
        """Random bytes."""
        return self.rng.randbytes(self.rng.randint(1, 4096))

    def huge(self) -> bytes:
        """A line that does not end."""
        return bytes([self.rng.randint(1, 255)]) * HUGE_BYTES

    def frame(self) -> bytes:
        """A link frame's inside: noise, or a real one made wrong or cut short."""
        if not self.seen or self.rng.random() < 0.3:
            return self.rng.randbytes(self.rng.randint(1, 300))
        change = self.rng.choice((*FRAMES, scramble))
        frame = change(self.rng, self.rng.choice(self.seen), self.seen)
        return frame if frame and frame not in self.seen else self.rng.randbytes(40)

    def frames(self) -> bytes:
        """A flood of small frames in valid framing, as on TCP and the serial line."""
        count = self.rng.randint(1, 100)
        return b"".join(framing.encode(self.frame()) for _ in range(count))

    def truncated(self) -> bytes:
        """The beginning of a framed real frame."""
        whole = framing.encode(self.frame())
        return whole[: self.rng.randrange(1, len(whole) + 1) - 1] or b"\1"

    def http(self) -> bytes:
        """A request that nobody should send."""
        rng = self.rng
        head = f"{rng.choice(_METHODS)} {rng.choice(_PATHS)} HTTP/{rng.choice(('1.1', '1.0', '9'))}"
        fields = {
            "Host": "x",
            "Content-Length": rng.choice(("0", "5", "-1", "99999999999", "x")),
            "Content-Type": rng.choice(("application/json", "text/plain", "a" * 300)),
            "Upgrade": rng.choice(("websocket", "h2c")),
            "Connection": rng.choice(("Upgrade", "close", "keep-alive")),
            "Transfer-Encoding": rng.choice(("chunked", "gzip", "identity")),
            "X": "y" * rng.choice((1, 9000)),
        }
        chosen = rng.sample(sorted(fields), rng.randint(0, len(fields)))
        lines = [head, *(f"{name}: {fields[name]}" for name in chosen)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.noise()[: rng.choice((0, 5, 900))]

    def pushed(self, path: str) -> bytes:
        """A well-formed call of a web service that nobody signed, with junk in its message."""
        rng = self.rng
        fields = {"imei": "300234010753370", "data": self.frame().hex(), "momsn": rng.random()}
        fields |= {"JWT": rng.choice(("a.b.c", "eyJhbGciOiJub25lIn0.e30.", "", "x" * 5000))}
        body = rng.choice((json.dumps(fields), "[" * 3000, "data=" + self.frame().hex())).encode()
        lines = (
            *(f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json"),
            *(f"Content-Length: {len(body)}", "Connection: close"),
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def directip(self) -> bytes:
        """What a satellite gateway sends, of a revision that does not exist, and changed.

        A whole message of the right one is confirmed, whoever sends it: DirectIP has no proof.
        """
        rng = self.rng
        message = MoMessage(rng.getrandbits(32), "300234010753370", 0, 1, 1, 1, self.frame())
        whole = scramble(rng, encode_mo(message), [b"\1\0\3\1\0\0"])
        return bytes([rng.randint(2, 255)]) + whole[1:]

    def at(self) -> bytes:
        """What a modem might say, but not now."""
        words = (self.rng.choice(_AT_WORDS) for _ in range(self.rng.randint(1, 8)))
        return b"\r\n" + "\r\n".join(words).encode() + b"\r\n"

    def jspr(self) -> bytes:
        """What a 9704 might say, but not now."""
        rng = self.rng
        body: object = rng.choice(({}, [], {"signal_bars": "x"}, {"message_id": -1}, 10**40, "x"))
        word = rng.choice(("messageTerminate", "constellationState", "hwInfo", "x"))
        return f"{rng.choice((200, 299, 400, 999, -1))} {word} {json.dumps(body)}\r".encode()

    def nmea(self) -> bytes:
        """Sentences with wrong sums, wrong fields or no end."""
        rng = self.rng
        fields = ",".join(str(rng.choice(("", "9" * 40, "N", -1e300))) for _ in range(12))
        return f"{rng.choice(_NMEA_WORDS)},{fields}*{rng.randrange(256):02X}\r\n".encode()

    def gpsd(self) -> bytes:
        """Reports that gpsd never makes."""
        wrong = self.rng.choice(("[" * 900, '{"class":"TPV","mode":9}', '{"class":7}', "{", "\x00"))
        return wrong.encode() + b"\n"

    def kiss(self, to: str) -> bytes:
        """KISS frames: noise, and well-formed packets of strangers with junk in them."""
        rng = self.rng
        source = ax25.Address("F" + rng.choice("0123456789") + "".join(rng.sample(KINDS, 3)))
        packet = ax25.UiFrame(ax25.parse_address(to), source, self.frame()[:256])
        data = rng.choice((ax25.encode(packet), self.noise()))
        return kiss(KissFrame(rng.choice((Command.DATA, Command.HARDWARE)), data[:1000]))

    def stream(self) -> bytes:
        """Anything for a port that takes a stream."""
        makers: tuple[Callable[[], bytes], ...] = (
            *(self.noise, self.frames, self.frames, self.truncated, self.http, self.huge),
            *(self.directip, self.at),
        )
        return self.rng.choice(makers)()
