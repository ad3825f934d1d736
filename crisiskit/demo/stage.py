"""The stage: homes enrolled with each other, and the real commands running around them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from crisiskit import enrolment
from crisiskit.errors import CrisiskitError
from crisiskit.installation import Places, looking
from transports.link import Phase

READY_S = 40.0
KIT_NAME = "equipe-1"

_CENTER_LINK = """
[[link]]
name = "directip"
kind = "directip"
port = {directip}
gateway_host = "127.0.0.1"
gateway_port = {mt}
receipt_delay_s = 2.0
repeat_s = 60.0
price = {{ credit_micros = 90000 }}
"""
_KIT_LINK = """
[[link]]
name = "satellite"
kind = "sbd"
port = "{modem}"
session_gap_s = 1.0
receipt_delay_s = 5.0
repeat_s = 60.0
price = {{ credit_micros = 90000 }}
"""


class Stage:
    """A center, a kit, a modem and a gateway in ``folder``; a context manager.

    On leaving, every process it started is ended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.center = folder / "center"
        self.kit = folder / "kit"
        self._modem = folder / "modem"
        self._processes: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Stage:
        try:
            self._enrol()
            self._start_all()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._end()

    def _enrol(self) -> None:
        enrolment.create_center(self.center, "Demo", exercise=True)
        network = Places.of(self.center).network.read_bytes()
        enrolment.create_kit(self.kit, KIT_NAME, network)
        reply, _, _ = enrolment.enrol(self.center, enrolment.make_request(self.kit))
        enrolment.activate(self.kit, reply)

    def _start_all(self) -> None:
        modems, directip, mt = _free_ports(3)
        for home, table in (
            (self.center, _CENTER_LINK.format(directip=directip, mt=mt)),
            (self.kit, _KIT_LINK.format(modem=self._modem)),
        ):
            self.add_link(home, table)
        self.start("center", "run", "--home", str(self.center))
        self.start(
            *("simulate", "gateway", "--modem-port", str(modems)),
            *("--center", f"127.0.0.1:{directip}", "--mt-port", str(mt)),
            *("--spool", str(self.folder / "spool")),
        )
        self.start(
            *("simulate", "modem", "--model", "9602", "--port", str(self._modem)),
            *("--gateway", f"127.0.0.1:{modems}", "--latency", "2", "--seed", "1"),
        )
        self.await_true(self._modem.exists)
        self.await_true(self._center_listens)

    def start(self, *words: str) -> None:
        """Run a command of ours beside this process; its output goes to a file."""
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            self._processes[words] = subprocess.Popen(
                [sys.executable, "-m", "crisiskit", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )

    def kill_and_restart(self, name: str) -> None:
        """Kill -9 the command that begins with these words and start it again: a drill."""
        words = next(words for words in self._processes if " ".join(words).startswith(name))
        process = self._processes[words]
        process.kill()
        process.wait()
        self.start(*words)

    def add_link(self, home: Path, table: str) -> None:
        """One more ``[[link]]`` table; it counts from the next start of that station."""
        with Places.of(home).settings.open("a", encoding="utf-8") as file:
            file.write(table)

    def free_port(self) -> int:
        """A port of the loopback address that nobody listens on now."""
        return _free_ports(1)[0]

    def await_true(self, ready: Callable[[], bool]) -> None:
        """Wait for something to be there. Raises CrisiskitError ``demo_failed``."""
        end = time.monotonic() + READY_S
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise CrisiskitError("demo_failed", detail=self._last_words())
            time.sleep(0.05)

    def check(self) -> None:
        """Raises CrisiskitError ``demo_failed`` if one of the commands has ended."""
        if any(process.poll() is not None for process in self._processes.values()):
            raise CrisiskitError("demo_failed", detail=self._last_words())

    def _center_listens(self) -> bool:
        with looking(self.center) as views:
            return any(link.phase == Phase.READY for link in views.links(0))

    def _last_words(self) -> str:
        """The end of the log that was written to last."""
        logs = sorted(self.folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        return lines[-1] if lines else ""

    def _end(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
