"""An AT dialogue on a port: one task reads and sorts, every command has a deadline.

What a modem needs to be talked to, whatever kind it is; what the commands mean is the
driver's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType

from hardware.at import Answer, Dialogue, Notice, Result
from hardware.port import Port, PortError


class ModemTrouble(StrEnum):
    """Why a modem does not do what it was told."""

    SILENT = "silent"
    GARBLED = "garbled"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    HARDWARE = "hardware"


class ModemError(Exception):
    """The modem did not do it. ``detail`` is technical and holds no payload."""

    def __init__(self, code: ModemTrouble, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail


class AtLine:
    """Commands and answers on an open port; a context manager around its reading task.

    ``notice`` is called with each line the modem says unasked, ``lost`` when the port ends.
    Times are in seconds. One caller at a time. Calls raise ModemError(SILENT) at a deadline
    and PortError when the port is gone.
    """

    def __init__(
        self,
        port: Port,
        notice: Callable[[str], None],
        lost: Callable[[], None],
        *,
        command_s: float,
        write_s: float,
        quiet_s: float,
        dialogue: Dialogue | None = None,
    ) -> None:
        self._port = port
        self._notice = notice
        self._on_lost = lost
        self._command_s = command_s
        self._write_s = write_s
        self._quiet_s = quiet_s
        self._dialogue = dialogue or Dialogue()
        self._now = asyncio.get_running_loop().time
        self._heard_at = 0.0
        self._waiting: asyncio.Future[Answer] | None = None
        self._lost: PortError | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> AtLine:
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    @property
    def echoed(self) -> bool:
        """Whether the modem repeats commands, or did since :meth:`expect_no_echo`."""
        return self._dialogue.echoed

    def expect_no_echo(self) -> None:
        """From now on an echo is news."""
        self._dialogue.echoed = False

    def check(self) -> None:
        """Raise PortError if the port is gone."""
        if self._lost is not None:
            raise PortError(self._lost.code, self._lost.detail)

    async def command(self, text: str, deadline_s: float | None = None) -> Answer:
        """A command of lines; its answer, be it OK or ERROR."""
        return await self._ask(self._dialogue.command(text), text, deadline_s or self._command_s)

    async def must(self, text: str, deadline_s: float | None = None) -> Answer:
        """A command of lines that has to end with OK, else ModemError(REFUSED)."""
        answer = await self.command(text, deadline_s)
        if not answer.ok:
            raise ModemError(ModemTrouble.REFUSED, text)
        return answer

    async def prompt(self, text: str) -> Answer:
        """A command that asks for a payload; ``Result.READY`` when it may come."""
        data = self._dialogue.command_for_prompt(text)
        return await self._ask(data, text, self._command_s)

    async def payload(self, payload: bytes) -> Answer:
        """After READY: the payload and its checksum; the last line is the modem's verdict."""
        return await self._ask(self._dialogue.payload(payload), "payload", self._write_s)

    async def entry(self, text: str, entry: bytes, deadline_s: float) -> Answer:
        """A command that asks for an entry by ``> `` (+CMGS), and that entry."""
        answer = await self._ask(self._dialogue.command_for_entry(text), text, self._command_s)
        if answer.result is not Result.READY:
            return answer
        return await self._ask(self._dialogue.entry(entry), text, deadline_s)

    async def counted(self, text: str) -> Answer:
        """A command answered by counted bytes; ``Result.CORRUPT`` when they came damaged."""
        return await self._ask(self._dialogue.command_for_bytes(text), text, self._write_s)

    async def write(self, data: bytes) -> None:
        """Bytes that nothing answers."""
        self.check()
        try:
            async with asyncio.timeout(self._write_s):
                await self._port.write(data)
        except TimeoutError as error:
            raise ModemError(ModemTrouble.SILENT, "takes no bytes") from error

    async def quiet(self) -> None:
        """Let late answers and noise pass. Bounded, for a modem that babbles for ever."""
        self._heard_at = self._now()
        limit = self._heard_at + 10 * self._quiet_s
        while (pause_s := min(limit, self._heard_at + self._quiet_s) - self._now()) > 0:
            await asyncio.sleep(pause_s)
            self.check()
        self._dialogue.reset()

    async def wake(self, tries: int, probe_s: float) -> None:
        """Ask until the modem answers and nothing late comes any more. ModemError if never."""
        for attempt in range(tries):
            await self.write(b"\r")
            await self.quiet()
            # A modem that was told to be silent or to answer in digits obeys the second one.
            text = "ATV1Q0" if attempt % 2 else "AT"
            try:
                answer = await self.command(text, probe_s)
            except ModemError:
                continue
            await self.quiet()
            if answer.result is Result.OK:
                return
        raise ModemError(ModemTrouble.SILENT, f"no answer to {tries} tries")

    async def _ask(self, data: bytes, text: str, deadline_s: float) -> Answer:
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        try:
            self.check()
            async with asyncio.timeout(deadline_s):
                await self._port.write(data)
                return await waiting
        except TimeoutError as error:
            raise ModemError(ModemTrouble.SILENT, text) from error
        finally:
            self._waiting = None
            if self._dialogue.open:
                self._dialogue.reset()

    async def _read(self) -> None:
        """Sort what arrives until the port is gone."""
        try:
            while True:
                data = await self._port.read()
                self._heard_at = self._now()
                for event in self._dialogue.feed(data):
                    if isinstance(event, Notice):
                        self._notice(event.line)
                    elif self._waiting is not None and not self._waiting.done():
                        self._waiting.set_result(event)
        except PortError as error:
            self._lost = error
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_exception(PortError(error.code, error.detail))
            self._on_lost()
