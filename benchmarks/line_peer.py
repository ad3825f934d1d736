"""crisiskit as a contestant on the emulated slow line: see ``make bench ARGS=line``.

The runner (run_peers.py of the shared folder) starts this class by path. Both ends are the
real commands: a center with a ``serial`` link on one PTY, a kit's agent on the other, and
``crisiskit send --lines`` to queue. The clock starts with that command.
"""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import PIPE

from run_peers import Peer  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crisiskit import enrolment  # noqa: E402
from crisiskit.installation import looking, reading  # noqa: E402

LINK = """
[[link]]
name = "line"
kind = "serial"
port = "{port}"
rate_bit_s = {rate}
latency_s = {latency}
turnaround_s = {turnaround}
"""


class CrisisKit(Peer):  # type: ignore[misc]
    """Two stations over a null modem."""

    name, link, queue_is_send = "crisiskit", "pty", True
    security = "end-to-end: Ed25519 signed, AES-CCM encrypted, replay-proof, receipted"
    tuning = "defaults of the serial link; the line's rate, latency and turnaround in the settings"

    def prepare(self) -> None:
        """Enrol a kit with a center, through the same functions as the commands."""
        self.center, self.kit = Path(self.x.dir("b", "home")), Path(self.x.dir("a", "home"))
        enrolment.create_center(self.center, "bench", exercise=False)
        network = (self.center / "network.ckcn").read_bytes()
        enrolment.create_kit(self.kit, "kit", network)
        reply, _, _ = enrolment.enrol(self.center, enrolment.make_request(self.kit))
        enrolment.activate(self.kit, reply)
        latency = self.x.cond["latency"]
        for home, port in ((self.center, self.x.tty_b), (self.kit, self.x.tty_a)):
            turn = self.x.cond.get("half_duplex", 0)
            table = LINK.format(port=port, rate=self.x.rate, latency=latency, turnaround=turn)
            with (home / "settings.toml").open("a") as file:
                file.write(table)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "crisiskit", *words]

    def _log(self, side: str) -> dict[str, object]:
        return {
            "env": {"PYTHONPATH": str(ROOT)},
            "stderr": Path(self.x.path(side, "log")).open("ab"),
        }

    def start_b(self) -> None:
        """The center."""
        command = self._command("center", "run", "--home", str(self.center))
        self.hub = self.x.b.spawn(command, **self._log("b"))

    def start_a(self) -> None:
        """The kit."""
        self.x.a.spawn(self._command("agent", "--home", str(self.kit)), **self._log("a"))

    def ready(self) -> bool:
        """Both links up."""
        return all(_phase(home) == "ready" for home in (self.center, self.kit))

    def submit(self, texts: list[str]) -> None:
        """Queue; the agent sends as soon as they are durable."""
        self.x.a.run(
            self._command("send", "--lines", "--home", str(self.kit)),
            input="\n".join(texts).encode(),
            env={"PYTHONPATH": str(ROOT)},
        )

    def count(self) -> int:
        """Messages readable at the center."""
        if self.hub.poll() is not None:
            raise RuntimeError(f"the center ended: see {self.x.path('b', 'log')}")
        with looking(self.center) as views:
            return views.count("in")

    def received(self) -> list[str]:
        """Their texts."""
        with reading(self.center) as views:
            return [message.text for message in views.search("in")]


class Standing(CrisisKit):
    """The same, with the texts written to a ``send --lines`` that runs already.

    So a sensor or a gateway would do it; the nodes of LXMF run already too.
    """

    name = "crisiskit-standing"

    def start_a(self) -> None:
        """The kit, and the command that will get the texts."""
        super().start_a()
        command = self._command("send", "--lines", "--home", str(self.kit))
        log = self._log("a")
        self.sender = self.x.a.spawn(command, stdin=PIPE, stdout=log["stderr"], **log)

    def submit(self, texts: list[str]) -> None:
        """Write them; the command ends when all are durable."""
        self.sender.stdin.write("\n".join(texts).encode())
        self.sender.stdin.close()
        self.x.a.wait(self.sender)


def _phase(home: Path) -> str:
    with looking(home) as views:
        return next((link.phase for link in views.links(0)), "")
