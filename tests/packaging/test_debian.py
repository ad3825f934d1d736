"""The Debian recipe agrees with itself; `make deb-test` proves the package."""

from __future__ import annotations

import configparser
import importlib.util
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from hardware.candidates import ADAPTERS, BOARDS, RECEIVERS

ROOT = Path(__file__).resolve().parents[2]
VERIFY_SINCE = 254
DEBIAN = ROOT / "packaging" / "debian"
UNITS = sorted((ROOT / "packaging" / "systemd").glob("*.service"))
RULES = sorted((ROOT / "packaging" / "udev").glob("*.rules"))
SCRIPTS = sorted(path for path in DEBIAN.iterdir() if path.read_bytes().startswith(b"#!"))


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_deb", DEBIAN / "build_deb.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_changelogs_name_the_version_of_the_program() -> None:
    source = (ROOT / "crisiskit" / "__init__.py").read_text("utf-8")
    version = re.search(r'__version__ = "(.+)"', source)
    assert version
    assert (DEBIAN / "changelog").read_text().startswith(f"crisiskit ({version[1]}) ")
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("version", "debian"),
    [("0.1.0", "0.1.0"), ("1.0rc2", "1.0~rc2"), ("1.0a1", "1.0~a1"), ("1.0.dev3", "1.0~dev3")],
)
def test_a_pre_release_sorts_before_its_release(version: str, debian: str) -> None:
    assert builder().debian_version(version) == debian


def test_the_date_of_the_package_is_that_of_its_changelog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    from_changelog = builder().source_date()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000")
    assert builder().source_date() == 1000 < from_changelog


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_each_script_is_read_by_its_shell(script: Path) -> None:
    shell = script.read_text().splitlines()[0].split("/")[-1].split()[-1]
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_service_restarts_waits_for_no_network_and_may_write_only_its_folder(unit: Path) -> None:
    service = configparser.ConfigParser(strict=False, interpolation=None)
    service.optionxform = str  # type: ignore[assignment,method-assign]
    service.read(unit)
    settings = service["Service"]
    assert settings["Restart"] == "always" and settings["User"] == "crisiskit"
    assert "network" not in service["Unit"].get("After", "")
    assert settings["ProtectSystem"] == "strict" and settings["NoNewPrivileges"] == "yes"
    home = f"/var/lib/{settings['StateDirectory']}"
    memory = f"/run/{settings['RuntimeDirectory']}"
    assert settings["Environment"] == f"CRISISKIT_HOME={home} XDG_RUNTIME_DIR={memory}"
    assert settings["RuntimeDirectoryMode"] == "0700"
    assert service["Unit"]["ConditionDirectoryNotEmpty"] == home
    assert home in (DEBIAN / "postinst").read_text()


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.name)
def test_udev_rules_are_well_formed(rules: Path) -> None:
    part = re.compile(r'[A-Z_]+(\{[^}]+\})?(==|!=|=|\+=|:=)"[^"]*"')
    lines = rules.read_text().splitlines()
    for line in [line for line in lines if line and not line.startswith("#")]:
        for word in line.split(", "):
            assert part.fullmatch(word), line


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.name)
def test_udev_rules_ask_before_they_assign_and_know_their_keys(rules: Path) -> None:
    matches = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "ENV", "ATTR", "ATTRS"}
    assigns = {"ENV", "GOTO", "LABEL", "IMPORT", "GROUP", "MODE", "TAG", "SYMLINK"}
    part = re.compile(r'([A-Z]+)(?:\{([^}]+)\})?(==|!=|\+=|=)"([^"]*)"')
    for line in rules.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        found = [part.fullmatch(word) for word in line.split(", ")]
        assert all(found), line
        asks = [one[3] in ("==", "!=") for one in found if one]
        assert asks == sorted(asks, reverse=True), f"asks after assigning: {line}"
        for one, is_asked in zip(found, asks, strict=True):
            assert one is not None and one[1] in (matches if is_asked else assigns), line
            assert (one[2] is not None) == (one[1] in ("ENV", "ATTR", "ATTRS", "IMPORT")), line
            assert one[4] and one[4].count("$") == len(re.findall(r"\$env\{[A-Z_]+\}", one[4]))


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.name)
def test_udev_itself_takes_the_rules(rules: Path, real: Callable[[str], str]) -> None:
    udevadm = real("udevadm")
    version = subprocess.run([udevadm, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.split()[0]) < VERIFY_SINCE:
        pytest.skip(f"udevadm verifies rules since version {VERIFY_SINCE}")
    done = subprocess.run([udevadm, "verify", rules], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_and_the_program_know_the_same_devices() -> None:
    number = re.compile(r'ATTRS\{idVendor\}=="(\w+)", ATTRS\{idProduct\}=="([\w|]+)"')
    told = number.findall(RULES[0].read_text())
    numbers = {f"{vendor}:{product}" for vendor, many in told for product in many.split("|")}
    assert numbers == {*ADAPTERS, *RECEIVERS, *BOARDS}


def test_each_jump_of_the_udev_rules_lands_further_down() -> None:
    text = RULES[0].read_text()
    for jump in re.finditer(r'GOTO="(\w+)"', text):
        assert text.find(f'LABEL="{jump[1]}"', jump.end()) > 0


def test_other_modem_managers_are_told_twice_to_stay_away() -> None:
    text = RULES[0].read_text()
    adapters = set(re.findall(r'ATTR\{idVendor\}=="(\w+)", ATTR\{idProduct\}=="([\w|]+)"', text))
    ports = set(re.findall(r'ATTRS\{idVendor\}=="(\w+)", ATTRS\{idProduct\}=="([\w|]+)"', text))
    assert adapters == ports and ("0403", "6001|6010|6011|6014|6015") in ports
    assert 'ENV{ID_MM_PORT_IGNORE}="1"' in text and 'ENV{ID_MM_DEVICE_IGNORE}="1"' in text
