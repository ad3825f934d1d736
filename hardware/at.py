"""An AT dialogue without input or output: commands become bytes, bytes become answers.

One command is open at a time. What arrives is sorted into its answer and into notices, the
lines a modem says unasked (``SBDRING``, ``+CIEV:``). Three commands leave the world of lines:
``+SBDWB`` takes counted bytes after ``READY``, ``+SBDRB`` answers with counted bytes (ISU AT
Command Reference 2.45), ``+CMGS`` asks for its text by ``> `` (3GPP TS 27.005, 4.3). Memory is
bounded whatever arrives. Deadlines are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

LINE_LIMIT = 512
LINES_LIMIT = 32
COUNT_LIMIT = 1960  # the largest buffer of any SBD modem

FAILURES = ("+CMS ERROR:", "+CME ERROR:")  # an ERROR that says why
UNSOLICITED = ("SBDRING", "+CIEV:", "+AREG:", "+CMTI:", "RING", "HARDWARE FAILURE:")


class Result(StrEnum):
    """How a command ended. ``CORRUPT``: counted bytes with a wrong checksum or length."""

    OK = "OK"
    ERROR = "ERROR"
    READY = "READY"
    CORRUPT = "CORRUPT"


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to a command: its result, the lines before it, counted bytes.

    An ERROR that says why is the last of the lines.
    """

    result: Result
    lines: tuple[str, ...] = ()
    data: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the command was obeyed."""
        return self.result is Result.OK


@dataclass(frozen=True, slots=True)
class Notice:
    """A line the modem said unasked."""

    line: str


class _Mode(Enum):
    IDLE = 0
    LINES = 1
    PROMPT = 2
    VERDICT = 3
    COUNT = 4
    BYTES = 5
    ARROW = 6


def checksum(payload: bytes) -> bytes:
    """Two bytes, high byte first: the sum of all bytes modulo 65536 (+SBDWB, +SBDRB)."""
    return (sum(payload) & 0xFFFF).to_bytes(2, "big")


class Dialogue:
    """The state of one line: which command is open and what has come of its answer.

    ``echoed``: the modem repeated a command since that was last set to False. Of an answer
    ``lines_max`` lines are kept.
    """

    def __init__(
        self, unsolicited: tuple[str, ...] = UNSOLICITED, lines_max: int = LINES_LIMIT
    ) -> None:
        self.echoed = False
        self._unsolicited = unsolicited
        self._lines_max = lines_max
        self._line = bytearray()
        self.reset()

    @property
    def open(self) -> bool:
        """Whether a command waits for its answer."""
        return self._mode is not _Mode.IDLE

    def reset(self) -> None:
        """Forget the open command; what still comes of its answer is dropped."""
        self._mode = _Mode.IDLE
        self._echo = ""
        self._lines: list[str] = []
        self._counted = bytearray()
        self._line.clear()

    def command(self, text: str) -> bytes:
        """Open a command that ends with OK or ERROR; the bytes to write."""
        return self._open(text, _Mode.LINES)

    def command_for_prompt(self, text: str) -> bytes:
        """Open a command that ends with READY, or with OK or ERROR when it is refused."""
        return self._open(text, _Mode.PROMPT)

    def payload(self, payload: bytes) -> bytes:
        """After READY: the bytes to write. The answer's line is 0 ok, 1 late, 2 sum, 3 size."""
        self._begin(_Mode.VERDICT)
        return payload + checksum(payload)

    def command_for_entry(self, text: str) -> bytes:
        """Open a command that asks for an entry by ``> ``: READY then, or ERROR."""
        return self._open(text, _Mode.ARROW)

    def entry(self, text: bytes) -> bytes:
        """After the ``> ``: the bytes to write; the answer ends with OK or ERROR."""
        self._begin(_Mode.LINES)
        return text + b"\x1a"

    def command_for_bytes(self, text: str) -> bytes:
        """Open a command answered by a count, that many bytes and a checksum, then OK."""
        return self._open(text, _Mode.COUNT)

    def feed(self, data: bytes) -> list[Answer | Notice]:
        """Take what arrived, in pieces of any size; what became complete by it."""
        found: list[Answer | Notice] = []
        for byte in data:
            event = self._take(byte)
            if event is not None:
                found.append(event)
        return found

    def _open(self, text: str, mode: _Mode) -> bytes:
        self._begin(mode)
        self._echo = text
        return text.encode("ascii") + b"\r"

    def _begin(self, mode: _Mode) -> None:
        if self.open:
            raise RuntimeError("a command is still open")
        self.reset()
        self._mode = mode

    def _take(self, byte: int) -> Answer | Notice | None:
        if self._mode is _Mode.BYTES:
            return self._take_counted(byte)
        if self._mode is _Mode.COUNT and not self._line and byte <= COUNT_LIMIT >> 8:
            # No text line starts with so small a byte: here the count begins.
            self._mode = _Mode.BYTES
            return self._take_counted(byte)
        if byte not in b"\r\n":
            if len(self._line) < LINE_LIMIT:
                self._line.append(byte)
            if self._mode is _Mode.ARROW and self._line == b"> ":
                return self._end(Result.READY)
            return None
        line = self._line.decode("ascii", "replace").strip()
        self._line.clear()
        return self._take_line(line) if line else None

    def _take_counted(self, byte: int) -> Answer | None:
        self._counted.append(byte)
        if len(self._counted) < 2:
            return None
        count = int.from_bytes(self._counted[:2], "big")
        if count > COUNT_LIMIT:
            return self._end(Result.CORRUPT)
        if len(self._counted) == count + 4:
            self._mode = _Mode.LINES
        return None

    def _take_line(self, line: str) -> Answer | Notice | None:
        if line.startswith(self._unsolicited):
            return Notice(line)
        if not self.open:
            return None
        if line == self._echo:
            self.echoed = True
            return None
        if line in (Result.OK, Result.ERROR):
            return self._end(Result(line))
        if line.startswith(FAILURES):
            self._lines[self._lines_max - 1 :] = [line]
            return self._end(Result.ERROR)
        if self._mode is _Mode.PROMPT and line == Result.READY:
            return self._end(Result.READY)
        if len(self._lines) < self._lines_max:
            self._lines.append(line)
        if self._mode is _Mode.VERDICT and line == "1":
            return self._end(Result.OK)  # the one verdict that no OK follows
        return None

    def _end(self, result: Result) -> Answer:
        data = bytes(self._counted[2:-2])
        uncounted = self._mode is _Mode.COUNT and result is Result.OK
        if uncounted or (self._counted and checksum(data) != self._counted[-2:]):
            result, data = Result.CORRUPT, b""
        answer = Answer(result, tuple(self._lines), data)
        self.reset()
        return answer
