"""Which media are mounted, told by tables as Linux writes them."""

from __future__ import annotations

from pathlib import Path

from hardware.removable import MEDIA_MOST, mounted, parse_mounts

SYSTEM = "27 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"


class Machine:
    """A mount table, and the files of sysfs about its disks."""

    def __init__(self, place: Path) -> None:
        self.table = place / "mountinfo"
        self.devices = place / "dev"
        self._sys = place / "sys"
        self.devices.mkdir()
        self.table.write_text(SYSTEM)
        self.disk("8:2", "pci/sda", "sda2", removable="0")

    def disk(self, device: str, disk: str, part: str, removable: str) -> None:
        """A disk with one partition."""
        whole = self._sys / disk
        (whole / part).mkdir(parents=True)
        (whole / part / "partition").write_text("1\n")
        (whole / "removable").write_text(f"{removable}\n")
        (self.devices / device).symlink_to(whole / part)

    def mount(self, device: str, place: str, kind: str = "vfat", root: str = "/") -> None:
        """A line of the table."""
        with self.table.open("a") as table:
            table.write(f"90 27 {device} {root} {place} rw,nosuid shared:9 - {kind} /dev/x rw\n")

    def media(self) -> list[str]:
        """What is found."""
        return [str(one) for one in mounted(self.table, self.devices)]


def test_a_stick_is_found_wherever_it_is_mounted_and_the_newest_is_first(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.disk("8:17", "pci/usb1/sdb", "sdb1", removable="1")
    machine.disk("8:33", "pci/usb1/sdc", "sdc1", removable="0")
    machine.disk("179:1", "mmc/mmcblk0", "mmcblk0p1", removable="1")
    assert machine.media() == []
    machine.mount("8:17", "/media/ann/TWO\\040WORDS")
    machine.mount("8:33", "/mnt")
    machine.mount("179:1", "/srv/card")
    assert machine.media() == ["/srv/card", "/mnt", "/media/ann/TWO WORDS"]


def test_what_the_system_runs_from_is_no_medium(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.table.write_text("")
    machine.disk("8:17", "pci/usb1/sdb", "sdb1", removable="1")
    machine.mount("8:17", "/", kind="ext4")
    machine.mount("8:17", "/media/cdrom", kind="ext4")
    assert machine.media() == []


def test_inner_disks_pseudo_files_and_parts_of_mounts_are_no_media(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.disk("8:18", "pci/sdd", "sdd1", removable="0")
    machine.mount("8:18", "/data", kind="ext4")
    machine.mount("0:44", "/media/fake", kind="tmpfs")
    machine.disk("8:17", "pci/usb1/sdb", "sdb1", removable="1")
    machine.mount("8:17", "/media/disc", kind="iso9660")
    machine.mount("8:17", "/media/bound", root="/inside")
    assert machine.media() == []


def test_a_table_that_is_nonsense_or_missing_has_no_media(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.table.write_bytes(b"\xff\xfe - \n" * 50 + b"1 2 ../..:9 / /media/x rw - vfat x rw\n")
    assert machine.media() == []
    machine.table.unlink()
    assert machine.media() == []


def test_many_media_have_an_end(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for n in range(40):
        machine.disk(f"9:{n}", f"usb/disk{n}", f"part{n}", removable="1")
        machine.mount(f"9:{n}", f"/media/{n}")
    assert len(machine.media()) == MEDIA_MOST


def test_this_machines_own_table_can_be_read() -> None:
    table = Path("/proc/self/mountinfo")
    if table.exists():
        assert any(one.place == "/" for one in parse_mounts(table.read_text()))
    assert isinstance(mounted(), list)
