"""``link add`` and ``link find``: by arguments, by questions, and never a byte without leave."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisiskit import plugged
from crisiskit.cli import linkadd, linkwizard
from crisiskit.lock import AgentLock
from crisiskit.settings import load
from crisiskit.widths import cells
from hardware.devices import Device
from transports.catalog import names

Call = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[2]
ADAPTER = ("", "", 0x0403, 0x6015, "D30", "FTDI", "FT230X Basic UART")


class Silent:
    """A device that keeps what it is told and says nothing, on a pseudo-terminal."""

    def __init__(self, path: Path) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        path.symlink_to(os.ttyname(self.slave))
        self.path = path

    def told(self) -> bytes:
        try:
            return os.read(self.master, 65_536)
        except BlockingIOError:
            return b""


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Silent]:
    device = Silent(tmp_path / "ttyUSB0")
    yield device
    os.close(device.master)
    os.close(device.slave)


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make these paths the machine's serial ports: FTDI adapters."""

    def plug(*paths: Path) -> None:
        found = [Device(str(path), str(path), *ADAPTER[2:]) for path in paths]
        monkeypatch.setattr(plugged, "devices", lambda *_: list(found))

    plug()
    return plug


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, call: Call, plug: Callable[..., None]) -> Call:
    """Run ``link add`` as at a terminal, with these answers typed, a line each."""
    monkeypatch.setattr(linkadd, "needs_terminal", lambda: False)
    monkeypatch.setattr(linkwizard, "LISTEN_S", 0.2)

    def asking(home: Path, *words: str, answers: list[str]) -> tuple[int, str, str]:
        typed = "".join(f"{answer}\n" for answer in answers).encode()
        return call("link", "add", *words, "--home", home, input=typed)

    return asking


# -- by arguments ----------------------------------------------------------------------------


def test_a_script_gets_what_was_written(call: Call, kit: Path) -> None:
    words = ("sbd", "--name", "sat", "port=/dev/x", "price.credit_micros=60000", "incoming=hold")
    status, out, _ = call("link", "add", *words, "--json", "--home", kit)
    row = json.loads(out)
    assert status == 0 and row["path"] == str(kit / "settings.toml")
    assert (row["name"], row["kind"]) == ("sat", "sbd") and row["table"].startswith("[[link]]\n")
    (link,) = load(kit).links
    assert (link.options.port, link.options.incoming) == ("/dev/x", "hold")
    assert link.price.credit_micros == 60_000


def test_the_table_can_be_read_by_people_too(call: Call, kit: Path) -> None:
    status, out, err = call("link", "add", "tcp", "host=192.0.2.1", "port=7", "--home", kit)
    assert status == 0 and 'host = "192.0.2.1"' in out
    assert "settings.toml.old" in err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("sbd", "prt=/dev/x"), 1, "nothing here is called “prt”. Did you mean “port”?"),
        (("sbd",), 1, "“port” is missing"),
        (("tcp", "port=x"), 1, "“port” must be a whole number, not text in quotes"),
        (("sbd", "port=/dev/x", "--name", "a b"), 1, "“name”"),
        (("telepathy",), 1, "There is no kind of link “telepathy”"),
        (("sbd", "/dev/x"), 2, "“/dev/x” is no setting"),
        ((), 2, "Which kind of link?"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    call: Call, kit: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    before = (kit / "settings.toml").read_bytes()
    code, out, err = call("link", "add", *words, "--home", kit)
    assert code == status and said in err and out == ""
    assert (kit / "settings.toml").read_bytes() == before


def test_a_name_is_given_once(call: Call, kit: Path) -> None:
    for _again in range(2):
        assert call("link", "add", "tcp", "port=7", "--home", kit)[0] == 0
    assert [link.name for link in load(kit).links] == ["tcp", "tcp-2"]
    status, _, err = call("link", "add", "tcp", "--name", "tcp", "port=7", "--home", kit)
    assert status == 1 and "is the name of another link already" in err


def test_a_running_agent_must_be_started_again(call: Call, kit: Path) -> None:
    with AgentLock(kit):
        status, _, err = call("link", "add", "tcp", "port=7", "--home", kit)
    assert status == 0 and "stop it and start it again" in err


def test_all_kinds_are_listed(call: Call) -> None:
    status, out, _ = call("link", "add", "--list")
    assert status == 0 and [line.split()[0] for line in out.splitlines()] == names()
    assert max(map(cells, out.splitlines())) <= 80
    rows = [json.loads(line) for line in call("link", "add", "--list", "--json")[1].splitlines()]
    required = {row["kind"]: row["required"] for row in rows}
    assert required["sbd"] == ["port"] and required["wss"] == ["url"]


# -- by questions ----------------------------------------------------------------------------


def test_the_wizard_writes_what_was_answered(asking: Call, kit: Path) -> None:
    answers = ["sbd", "/dev/x", "0,06", "sat", "incoming=hold", "", "y", "n"]
    status, _, err = asking(kit, answers=answers)
    assert status == 0, err
    (link,) = load(kit).links
    assert (link.name, link.options.port, link.options.incoming) == ("sat", "/dev/x", "hold")
    assert (link.price.credit_micros, link.price.currency) == (60_000, "EUR")
    assert "No serial device" in err and "[[link]]" in err


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_no_line_of_it_is_wider_than_80_columns(
    asking: Call, kit: Path, lang: str, monkeypatch: pytest.MonkeyPatch, plug: Call, silent: Silent
) -> None:
    plug(silent.path)
    monkeypatch.setenv("CRISISKIT_LANG", lang)
    status, _, err = asking(kit, answers=["n", "n", "sbd", "1", "", "", "?", "", "y", "n"])
    assert status == 0
    own = [line for line in err.splitlines() if str(kit.parent) not in line]
    assert [line for line in own if cells(line) > 80] == []


def test_a_wrong_answer_is_asked_for_again(asking: Call, kit: Path) -> None:
    answers = ["nothing", "9x", "tcp", "", "port", "h", "a b", "", "lan", "7411", "y", "n"]
    status, _, err = asking(kit, answers=answers)
    assert status == 0, err
    (link,) = load(kit).links
    assert (link.name, link.options.port, link.options.host) == ("lan", 7411, "h")
    assert "This must be told." in err and "must be a whole number" in err


def test_yes_is_understood_in_both_languages(asking: Call, kit: Path) -> None:
    status, _, err = asking(kit, "tcp", answers=["7", "h", "lan", "", "perhaps", "oui", "non"])
    assert status == 0 and "Answer yes or no." in err
    assert [link.name for link in load(kit).links] == ["lan"]


def test_a_no_at_the_end_writes_nothing(asking: Call, kit: Path) -> None:
    before = (kit / "settings.toml").read_bytes()
    status, _, err = asking(kit, "tcp", answers=["7", "h", "lan", "", "n"])
    assert status == 1 and "Nothing was written." in err
    assert (kit / "settings.toml").read_bytes() == before


def test_an_end_of_the_input_writes_nothing(asking: Call, kit: Path) -> None:
    before = (kit / "settings.toml").read_bytes()
    assert asking(kit, "tcp", answers=["7"])[0] == 130
    assert (kit / "settings.toml").read_bytes() == before


def test_what_was_given_is_not_asked_again(asking: Call, kit: Path) -> None:
    status, _, err = asking(kit, "serial", "baud=1200", answers=["/dev/x", "", "", "y", "n"])
    assert status == 0, err
    assert load(kit).links[0].options.baud == 1200 and "Speed of the port" not in err


def test_a_device_is_chosen_by_its_number(
    asking: Call, kit: Path, plug: Call, silent: Silent
) -> None:
    plug(silent.path)
    status, _, err = asking(kit, "sbd", answers=["n", "n", "", "", "sat", "", "y", "n"])
    assert status == 0, err
    assert load(kit).links[0].options.port == str(silent.path)
    assert "An adapter (FTDI FT-X)" in err


def test_it_offers_to_try_the_link(asking: Call, kit: Path) -> None:
    status, out, err = asking(kit, "tcp-listen", "bind=127.0.0.1", answers=["0", "", "", "y", "y"])
    assert status == 0 and out.startswith("good"), err


# -- consent ---------------------------------------------------------------------------------


def test_no_byte_is_written_without_leave(
    asking: Call, call: Call, kit: Path, plug: Call, silent: Silent
) -> None:
    plug(silent.path)
    assert asking(kit, "sbd", answers=["y", "n", "1", "", "sat", "", "y", "n"])[0] == 0
    for words in ((), ("--listen", "0.4"), (str(silent.path), "--listen", "0.4", "--json")):
        assert call("link", "find", *words, "--home", kit.parent / "none")[0] == 0
    assert call("links", "--home", kit)[0] == 0
    assert silent.told() == b""


def test_leave_for_one_port_is_no_leave_for_another(
    call: Call, tmp_path: Path, plug: Call, silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Silent(tmp_path / "ttyUSB1")
    plug(silent.path, other.path)
    status, out, _ = call("link", "find", "--yes-write", other.path, "--json", "--home", tmp_path)
    assert status == 0 and len(out.splitlines()) == 2
    assert silent.told() == b"" and b"AT\r" in other.told()
    os.close(other.master)
    os.close(other.slave)


def test_a_yes_in_the_wizard_asks_that_device(
    asking: Call, kit: Path, plug: Call, silent: Silent
) -> None:
    plug(silent.path)
    asking(kit, "sbd", answers=["n", "y", "1", "", "sat", "", "y", "n"])
    assert b"AT\r" in silent.told()


def test_a_port_of_a_link_is_not_opened(call: Call, kit: Path, plug: Call, silent: Silent) -> None:
    plug(silent.path)
    call("link", "add", "sbd", "--name", "sat", f"port={silent.path}", "--home", kit)
    status, out, _ = call("link", "find", "--listen", "0.2", "--home", kit)
    assert status == 0 and "The link “sat” uses it." in out
    status, _, err = call("link", "find", "--yes-write", silent.path, "--home", kit)
    assert status == 1 and "Another program is using" in err
    assert silent.told() == b""


PLAYED = """
import asyncio, sys
from pathlib import Path
from hardware.sim.core9602 import Nature
from hardware.sim.modem9602 import PlayedModem
from hardware.sim.uplink import MemoryGateway

async def main():
    async with PlayedModem(Path(sys.argv[1]), MemoryGateway(), Nature(boot_s=0.05, sky_s=0.05)):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_modem_is_found_and_its_table_written(asking: Call, kit: Path, plug: Call) -> None:
    path = kit.parent / "ttyUSB7"
    with subprocess.Popen(
        [sys.executable, "-c", PLAYED, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as played:
        assert played.stdout is not None and played.stdout.readline() == "ready\n"
        plug(path)
        # listen, ask, first kind, first device, no price, name, nothing more, write, try
        answers = ["n", "y", "", "", "", "sat", "", "y", "y"]
        status, out, err = asking(kit, answers=answers)
        played.kill()
    assert re.search(r"It is: Iridium SBD modem .*9600 Family", " ".join(err.split())), err
    assert status == 0 and "300234010753370" in out, out + err
    (link,) = load(kit).links
    assert (link.kind, link.options.port) == ("sbd", str(path))


def test_scripts_get_one_object_for_each_device(call: Call, tmp_path: Path, plug: Call) -> None:
    plug(tmp_path / "ttyUSB0")
    status, out, _ = call("link", "find", "--json", "--home", tmp_path / "none")
    row = json.loads(out)
    assert status == 0 and row["usb"] == "0403:6015" and row["serial"] == "D30"
    kinds = {one["role"]: one["kinds"] for one in row["candidates"]}
    assert kinds["sbd"] == ["sbd"] and kinds["tnc"] == ["ax25"] and kinds["gps"] == []


def test_a_missing_port_is_a_sentence(call: Call, tmp_path: Path, plug: Call) -> None:
    status, out, _ = call("link", "find", tmp_path / "none", "--listen", "1", "--home", tmp_path)
    assert status == 0 and "is not there" in " ".join(out.split())
    status, _, err = call("link", "find", "--yes-write", tmp_path / "none", "--home", tmp_path)
    assert status == 1 and "is not there" in err
