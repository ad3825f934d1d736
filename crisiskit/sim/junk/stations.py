"""A real center and a real kit with every kind of link there is, each a process of its own."""

from __future__ import annotations

import datetime
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crisiskit import enrolment
from crisiskit.installation import Places, reading, writing
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.store.store import Draft
from hardware.sim.groundcontrol import kept_key

KIT_NUMBER, CENTER_NUMBER = "+262639000001", "+262639000002"
KIT_CALL, CENTER_CALL = "KIT1", "CRISIS"
SECRET = "no-stranger-guesses-this"
PORTS = (
    "good",
    "tcp",
    "wss",
    "webhook",
    "cloudloop",
    "directip",
    "near",
    "kiss",
    "gpsd",
    "gateway",
)
_CENTER = """
[gps]
gpsd = "127.0.0.1:{gpsd}"
"""
_KIT = """
[gps]
port = "{folder}/kit-gps"
"""
_CENTER_LINKS = {
    "lan": 'kind = "tcp-listen"\nport = {tcp}',
    "web": 'kind = "wss-listen"\nport = {wss}\ncertificate = "{folder}/door.pem"\n'
    'key = "{folder}/door.key"',
    "groundcontrol": 'kind = "webhook"\nport = {webhook}\npath_secret_file = "{folder}/secret"\n'
    'key_file = "{folder}/push.key.pub"\ncredentials_file = "{folder}/login"\n'
    'mt_url = "http://127.0.0.1:{gateway}"',
    "cloudloop": 'kind = "cloudloop"\nnetwork = "imt"\nport = {cloudloop}\n'
    'path_secret_file = "{folder}/secret"\ntoken_file = "{folder}/token"\n'
    'api_url = "http://127.0.0.1:{gateway}"',
    "directip": 'kind = "directip"\nport = {directip}\ngateway_host = "127.0.0.1"\n'
    "gateway_port = {gateway}",
    "near": 'kind = "neighbours"\nbind = "127.0.0.1"\nport = {near}\nsearch = false\n'
    "latency_s = 2.0",
    "line": 'kind = "serial"\nport = "{folder}/center-line"',
    "phone": 'kind = "sms"\nport = "{folder}/center-phone"',
    "radio": f'kind = "ax25"\ncall = "{CENTER_CALL}"\nband = "licensed"\n'
    'tcp = "127.0.0.1:{kiss}"',
    "radio-line": f'kind = "ax25"\ncall = "{CENTER_CALL}"\nband = "licensed"\n'
    'port = "{folder}/center-radio"',
    "courier": 'kind = "folder"\nfolder = "{folder}/center-folder"\npoll_every_s = 0.5',
}
_KIT_LINKS = {
    "lan": 'kind = "tcp"\nport = {good}',
    "near": 'kind = "neighbours"\nbind = "127.0.0.1"\nsearch = false\nlatency_s = 2.0\n'
    'peers = ["127.0.0.1:{near}"]',
    "line": 'kind = "serial"\nport = "{folder}/kit-line"',
    "satellite": 'kind = "sbd"\nport = "{folder}/kit-9602"',
    "satellite-imt": 'kind = "imt"\nport = "{folder}/kit-9704"',
    "phone": f'kind = "sms"\nport = "{{folder}}/kit-phone"\ncenter = "{CENTER_NUMBER}"',
    "radio": f'kind = "ax25"\ncall = "{KIT_CALL}"\ndestination = "{CENTER_CALL}"\n'
    'band = "licensed"\nport = "{folder}/kit-radio"',
    "courier": 'kind = "folder"\nfolder = "{folder}/kit-folder"\npoll_every_s = 0.5',
}


class Stations:
    """Both stations in ``folder``; ``ports`` are the TCP ports by the words of ``PORTS``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.center, self.kit = folder / "center", folder / "kit"
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._enrol()
        self._write_papers()
        for home, gps, links in (
            (self.center, _CENTER, _CENTER_LINKS),
            (self.kit, _KIT, _KIT_LINKS),
        ):
            tables = [gps, *(f'\n[[link]]\nname = "{n}"\n{text}\n' for n, text in links.items())]
            with Places.of(home).settings.open("a", encoding="utf-8") as file:
                file.write("".join(tables).format(folder=folder, **self.ports))
            (folder / f"{home.name}-folder" / "crisiskit").mkdir(parents=True)

    @property
    def links(self) -> set[str]:
        """The links of both, as "center lan"."""
        both = {"center": _CENTER_LINKS, "kit": _KIT_LINKS}
        return {f"{name} {link}" for name, links in both.items() for link in links}

    def start(self) -> None:
        """Start both; what they log goes into a file each."""
        self._start("center", "center", "run")
        self._start("kit", "agent")

    def end(self) -> None:
        """End both."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    @property
    def dead(self) -> list[str]:
        """Those that ended by themselves."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def keep(self, number: int) -> None:
        """One good message in each direction."""
        for home, text, to in (
            (self.kit, f"report {number}", CENTER),
            (self.center, f"order {number}", "all"),
        ):
            with writing(home) as store:
                store.keep([Draft(RecordKind.TEXT, Precedence.PRIORITY, text, to=to)])

    def held(self) -> int:
        """How many messages of both stations are held."""
        return sum(self._tally(home).get("held", 0) for home in (self.center, self.kit))

    def received(self) -> Counter[str]:
        """The texts that arrived at both, and how often."""
        texts: Counter[str] = Counter()
        for home in (self.center, self.kit):
            with reading(home) as views:
                texts.update(message.text for message in views.search("in"))
        return texts

    def memory_kib(self, name: str) -> int:
        """What ``center`` or ``kit`` has in memory now."""
        pid = self._processes[name].pid
        resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(resident) * os.sysconf("SC_PAGE_SIZE") // 1024

    def disk_bytes(self, name: str) -> int:
        """What the home of ``center`` or ``kit`` takes on disk."""
        return sum(_size(path) for path in (self.folder / name).rglob("*"))

    def log_bytes(self, name: str) -> int:
        """What ``center`` or ``kit`` has logged."""
        return _size(self._log(name))

    def opened(self) -> set[str]:
        """The links that were up at some time, as their stations logged it."""
        return {
            f"{name} {link}"
            for name in self._processes
            for link in re.findall(r"event=link_up link=(\S+)", self._log(name).read_text())
        }

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _tally(self, home: Path) -> dict[str, int]:
        with reading(home) as views:
            return views.tally("out")

    def _enrol(self) -> None:
        enrolment.create_center(self.center, "Junk", exercise=True)
        enrolment.create_kit(self.kit, "equipe-1", Places.of(self.center).network.read_bytes())
        reply, _, _ = enrolment.enrol(self.center, enrolment.make_request(self.kit))
        enrolment.activate(self.kit, reply)

    def _write_papers(self) -> None:
        kept_key(self.folder / "push.key")
        secrets = {"secret": SECRET, "login": "user\npassword", "token": "token"}
        for name, text in secrets.items():
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(text)
        _make_certificate(self.folder / "door.pem", self.folder / "door.key")

    def _start(self, name: str, *words: str) -> None:
        home = str(self.folder / name)
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "crisiskit", *words, "--home", home],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )


def _size(path: Path) -> int:
    """0 for what has just gone."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


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


def _make_certificate(certificate: Path, key: Path) -> None:
    """A certificate for the loopback address, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "junk")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(subject, subject, private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(names, False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.touch(0o600)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, *form))
