"""Names that stay, who comes and goes, and who else runs: folders as they are on real machines."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hardware import devices
from hardware.devices import Device, Watch, left_alone, named, running, stable_names, users

SETTLED_S = 2 * devices.SETTLED_NS / 1e9


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """A folder like /dev with one adapter in it, by all its names."""
    node = tmp_path / "dev" / "ttyUSB0"
    node.parent.mkdir()
    node.touch()
    for folder, name in (
        ("serial/by-path", "pci-0000:00:14.0-usb-0:2:1.0-port0"),
        ("serial/by-id", "usb-FTDI_FT230X_D30-if00-port0"),
        ("crisiskit", "D30"),
        ("crisiskit", "port-pci-0000_00_14_0-usb-0_2"),
    ):
        (node.parent / folder).mkdir(parents=True, exist_ok=True)
        (node.parent / folder / name).symlink_to(node)
    return node.parent


def settle(dev: Path) -> None:
    """As if the last change were long ago."""
    long_ago = time.time() - 3600
    os.utime(dev, (long_ago, long_ago))


def test_the_name_that_stays_longest_wins(dev: Path) -> None:
    node = str(dev / "ttyUSB0")
    assert stable_names(dev) == {node: str(dev / "crisiskit" / "D30")}
    (dev / "crisiskit" / "D30").unlink()
    by_id = str(dev / "serial/by-id/usb-FTDI_FT230X_D30-if00-port0")
    assert stable_names(dev) == {node: by_id}
    Path(by_id).unlink()
    assert "by-path" in stable_names(dev)[node]


def test_a_device_is_found_by_any_of_its_names(dev: Path) -> None:
    one = Device(str(dev / "ttyUSB0"), str(dev / "crisiskit/D30"), 0x0403, 0x6015)
    for name in ("ttyUSB0", "crisiskit/D30", "serial/by-id/usb-FTDI_FT230X_D30-if00-port0"):
        assert named(str(dev / name), [one], dev) is one
    assert one.usb_id == "0403:6015"
    assert named("/dev/pts/7", [one], dev).name == "/dev/pts/7"
    assert named("socket://127.0.0.1:1", [one], dev).path == "socket://127.0.0.1:1"


def test_who_comes_and_goes_is_told_once(dev: Path) -> None:
    watch = Watch(dev)
    assert watch.ports == {str(dev / "ttyUSB0")} and watch.look() == (set(), set())
    (dev / "ttyACM0").touch()
    (dev / "null").touch()
    assert watch.look() == ({str(dev / "ttyACM0")}, set())
    (dev / "ttyUSB0").unlink()
    assert watch.look() == (set(), {str(dev / "ttyUSB0")})
    assert watch.look() == (set(), set())


def test_one_that_comes_back_under_another_number_is_another_port(dev: Path) -> None:
    watch = Watch(dev)
    (dev / "ttyUSB0").rename(dev / "ttyUSB1")
    assert watch.look() == ({str(dev / "ttyUSB1")}, {str(dev / "ttyUSB0")})


def test_an_idle_look_reads_no_folder(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(dev)
    watch = Watch(dev)
    monkeypatch.setattr(devices, "_listed", lambda _folder: pytest.fail("it was read"))
    assert all(watch.look() == (set(), set()) for _ in range(100))


def test_a_change_in_the_same_instant_is_not_missed(dev: Path) -> None:
    watch = Watch(dev)
    stamp = dev.stat().st_mtime_ns
    (dev / "ttyUSB1").touch()
    os.utime(dev, ns=(stamp, stamp))
    assert watch.look()[0] == {str(dev / "ttyUSB1")}


def test_a_folder_that_is_not_there_has_no_ports(tmp_path: Path) -> None:
    assert Watch(tmp_path / "none").look() == (set(), set())


def test_programs_that_hold_a_port_are_named(tmp_path: Path, dev: Path) -> None:
    for pid, comm in ((812, "gpsd"), (900, "bash"), (os.getpid(), "pytest")):
        folder = tmp_path / "proc" / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"{comm}\n")
        if comm != "bash":
            (folder / "fd" / "3").symlink_to(dev / "ttyUSB0")
    proc = tmp_path / "proc"
    assert users(str(dev / "crisiskit/D30"), proc) == ["gpsd (812)"]
    assert running(proc=proc) == {"gpsd"}
    assert running(("brltty",), proc) == set()


def test_udev_s_word_for_modemmanager_is_read(tmp_path: Path) -> None:
    node = "/dev/null"
    number = Path(node).stat().st_rdev
    data = tmp_path / f"c{os.major(number)}:{os.minor(number)}"
    assert not left_alone(node, tmp_path)
    data.write_text("S:serial/by-id/x\nE:ID_MM_CANDIDATE=1\n")
    assert not left_alone(node, tmp_path)
    data.write_text("E:ID_MM_CANDIDATE=1\nE:ID_MM_PORT_IGNORE=1\n")
    assert left_alone(node, tmp_path)
    assert not left_alone("/dev/no-such-port", tmp_path)


def test_what_a_device_claims_cannot_move_the_cursor() -> None:
    assert devices._text("Evil\x1b[2J\r\nname" + "x" * 200) == ("Evil [2J name" + "x" * 200)[:80]
    assert devices._text(None) == ""


def test_looking_here_fails_on_no_machine() -> None:
    for one in devices.devices():
        assert one.path and one.name
