"""What crisiskit asks of a machine: time to start, memory, processor when nothing happens.

Programs are started with their compiled files and the disk's cache warm, as on the second
start of the day. ``field`` runs on a terminal of 80 by 24 with its agent inside, and its link
is up to a real center on loopback.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from select import select

from corpus import MissingError
from report import Options, Report, median, quietly
from stations import add_link, enrolled, free_port

from crisiskit.clock import wall_ms
from crisiskit.keystore import opened
from crisiskit.model import Precedence, RecordKind
from crisiskit.store.store import Draft, Store

STARTS, SCREENS = 11, 5
MESSAGES = 50
KEY_LINE = b"Q quit"
PAINT_S_MAX = 20.0
SETTLED_S, IDLE_S = 5.0, 30.0
MIB = 1024 * 1024
_ESCAPES = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[PX^_\]].*?(\x07|\x1b\\)|[()][0B])", re.DOTALL)
CENTER = """
[[link]]
name = "lan"
kind = "tcp-listen"
bind = "127.0.0.1"
port = {port}
"""
KIT = """
[[link]]
name = "lan"
kind = "tcp"
host = "127.0.0.1"
port = {port}
"""


def run(_options: Options, report: Report) -> None:
    """Measure and print; needs nothing of the shared folder."""
    report.part("footprint")
    with tempfile.TemporaryDirectory() as folder:
        center, kit = enrolled(Path(folder))
        port = free_port()
        add_link(center, CENTER.format(port=port))
        add_link(kit, KIT.format(port=port))
        machine = Machine(_environment(Path(folder)))
        _starts(machine, kit, report)
        _fill(kit)
        with machine.running("center", "run", "--home", str(center)) as hub:
            time.sleep(SETTLED_S)
            _screens(machine, kit, report)
            _idle(machine, kit, hub, report)


class Machine:
    """Starts Python programs, all with the same environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def seconds(self, *words: str) -> float:
        """The median time of a program from its start to its end, of ``STARTS`` after one more."""
        times = []
        for _ in range(1 + STARTS):
            began = time.perf_counter()
            self.output(*words)
            times.append(time.perf_counter() - began)
        return median(times[1:])

    def output(self, *words: str) -> str:
        """What a program writes to standard error. Raises MissingError when it fails."""
        done = subprocess.run(
            [sys.executable, *words], env=self._environment, capture_output=True, text=True
        )
        if done.returncode:
            raise MissingError(f"{' '.join(words)}: {done.stderr.strip()[-400:]}")
        return done.stderr

    @contextmanager
    def running(self, *words: str) -> Iterator[int]:
        """A crisiskit command while the block lasts: its process number."""
        process = subprocess.Popen(
            [sys.executable, "-m", "crisiskit", *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait()

    def screen(self, *words: str) -> Screen:
        """A crisiskit command on a terminal of its own."""
        return Screen([sys.executable, "-m", "crisiskit", *words], self._environment)


class Screen:
    """A program on a terminal of 80 by 24; a context manager, ended by pressing Q."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.pid = self._process.pid

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._master, b"q")
        until = time.monotonic() + PAINT_S_MAX
        while self._process.poll() is None and time.monotonic() < until:
            self._read(0.05)
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def painted_s(self) -> float:
        """Seconds from the start until the key line stands there. Raises MissingError."""
        seen = b""
        while KEY_LINE not in _ESCAPES.sub(b"", seen):
            if self._age_s() > PAINT_S_MAX or self._process.poll() is not None:
                raise MissingError(f"no key line on the screen: {seen[-400:]!r}")
            seen += self._read(0.1)
        return self._age_s()

    def watch(self, until_s: float) -> None:
        """Take what it draws until so many seconds after its start."""
        while (left_s := until_s - self._age_s()) > 0:
            self._read(left_s)

    def _age_s(self) -> float:
        return time.perf_counter() - self._began

    def _read(self, wait_s: float) -> bytes:
        if not select([self._master], [], [], wait_s)[0]:
            return b""
        try:
            return os.read(self._master, 65_536)
        except OSError:  # the program is gone
            time.sleep(min(wait_s, 0.05))
            return b""


def _environment(folder: Path) -> dict[str, str]:
    """English words, and a place for compiled files outside the source tree."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "CRISISKIT_HOME", "NO_COLOR")
    kept = {key: value for key, value in os.environ.items() if key not in unwanted}
    ours = {"CRISISKIT_LANG": "en", "TERM": "xterm-256color"}
    return {**kept, **ours, "PYTHONPYCACHEPREFIX": str(folder / "pycache")}


def _starts(machine: Machine, kit: Path, report: Report) -> None:
    send = ("-m", "crisiskit", "send", "--home", str(kit), "road open")
    bare = quietly(lambda: machine.seconds("-c", "pass"))
    textual = quietly(lambda: machine.seconds("-c", "import textual.app"))
    ours = quietly(lambda: machine.seconds(*send))
    report.figure("python -c pass", bare, "s", digits=3)
    report.figure("python -c 'import textual.app'", textual, "s", digits=3)
    report.figure("crisiskit send, start to end", ours, "s", most=0.35, digits=3)
    report.figure("  times python -c pass", ours / bare, "x", digits=1)
    report.figure("  times import textual.app", ours / textual, "x", digits=2)
    imports = machine.output("-X", "importtime", *send)
    drawn = sum("textual" in line for line in imports.splitlines())
    report.figure("crisiskit send, modules of textual imported", drawn, "modules", most=0)


def _fill(kit: Path) -> None:
    """A list as it looks after some days."""
    store = Store(kit / "store.db", wall_ms, opened(kit).vault)
    text = "Bridge {n} is passable again for light vehicles"
    store.keep(
        [
            Draft(RecordKind.TEXT, Precedence.ROUTINE, text.format(n=number))
            for number in range(MESSAGES)
        ]
    )
    store.close()


def _screens(machine: Machine, kit: Path, report: Report) -> None:
    def paint() -> float:
        with machine.screen("field", "--home", str(kit)) as screen:
            return screen.painted_s()

    def settle() -> tuple[float, float]:
        with machine.screen("field", "--home", str(kit)) as screen:
            screen.watch(SETTLED_S)
            return _resident(screen.pid, "Rss"), _resident(screen.pid, "Pss")

    def paints() -> float:
        return median([paint() for _ in range(1 + SCREENS)][1:])

    painted = quietly(paints)
    report.figure("crisiskit field, start to key line", painted, "s", most=0.9, digits=3)
    sizes = [settle() for _ in range(3)]
    whole, shared = median(rss for rss, _ in sizes), median(pss for _, pss in sizes)
    report.figure("crisiskit field with agent, resident after 5 s", whole, "MiB", most=75, digits=1)
    report.figure("  its share, shared pages split among users", shared, "MiB", digits=1)


def _idle(machine: Machine, kit: Path, hub: int, report: Report) -> None:
    def share() -> tuple[float, float]:
        with machine.screen("field", "--home", str(kit)) as screen:
            screen.watch(SETTLED_S)
            field, center = _cpu_s(screen.pid), _cpu_s(hub)
            screen.watch(SETTLED_S + IDLE_S)
            return _cpu_s(screen.pid) - field, _cpu_s(hub) - center

    field, center = quietly(share)
    share_of = 100 / IDLE_S
    report.figure(
        "crisiskit field with agent, of one core when idle",
        field * share_of,
        "%",
        most=1,
        digits=2,
    )
    report.figure("crisiskit center run, of one core when idle", center * share_of, "%", digits=2)


def _resident(pid: int, kind: str) -> float:
    """Memory in MiB: ``Rss``, or ``Pss`` with shared pages divided among those who share them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024 / MIB
    return 0.0


def _cpu_s(pid: int) -> float:
    """Processor time a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
