"""Which interface leads where, and the moment that changes, in a network of the test's own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardware import network
from hardware.network import Medium, interface_of, medium, source_address, watching

PATIENCE_S = 30.0


def test_loopback_is_reached_over_loopback() -> None:
    assert source_address("127.0.0.1", 9) == "127.0.0.1"
    assert source_address("localhost", 9) == "127.0.0.1"
    if sys.platform == "linux":
        assert interface_of("127.0.0.1") == "lo"
        assert interface_of("::1") in ("lo", None)
    assert medium("lo") is Medium.LOOPBACK


def test_an_address_that_is_not_ours_has_no_interface() -> None:
    assert interface_of("192.0.2.77") is None
    assert interface_of("not an address") is None


@pytest.mark.parametrize(
    ("name", "files", "made_of"),
    [
        ("wlp2s0", {"phy80211/name": "phy0", "device/vendor": ""}, Medium.WIFI),
        ("wlan0", {"wireless/status": "", "device/vendor": ""}, Medium.WIFI),
        ("wwan0", {"device/vendor": ""}, Medium.CELLULAR),
        ("enx0c5b8f", {"uevent": "DEVTYPE=wwan\n", "device/vendor": ""}, Medium.CELLULAR),
        ("ppp0", {}, Medium.CELLULAR),
        ("enp3s0", {"device/vendor": ""}, Medium.WIRED),
        ("veth7", {"uevent": "INTERFACE=veth7\n"}, Medium.OTHER),
        ("gone0", {}, Medium.OTHER),
    ],
)
def test_what_an_interface_is_made_of(
    name: str,
    files: dict[str, str],
    made_of: Medium,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for file, text in files.items():
        path = tmp_path / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(network, "INTERFACES", tmp_path)
    assert medium(name) is made_of


async def test_without_the_kernels_word_it_is_asked_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "_subscribed", lambda: None)
    async with watching(poll_s=0.01) as changed, asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            await changed.wait()
            changed.clear()


SCRIPT = """
import asyncio, sys
sys.path.insert(0, {root!r})
from hardware.network import interface_of, source_address, watching

async def main():
    async with watching(poll_s=1e6) as changed:
        ways = source_address("10.77.0.2", 9), source_address("center.example", 9)
        print("start", *ways, flush=True)
        while True:
            await changed.wait()
            changed.clear()
            address = source_address("10.77.0.2", 9)
            print("now", address, address and interface_of(address), flush=True)

asyncio.run(main())
"""


@pytest.fixture
def netns(real: Callable[[str], str]) -> Iterator[Callable[..., None]]:
    """``netns("link", "set", ...)`` runs ``ip`` inside a network of its own."""
    ip = real("ip")
    if os.geteuid() != 0:
        pytest.skip("making a network namespace needs root")
    name = f"ck-{os.getpid()}"
    subprocess.run([ip, "netns", "add", name], check=True)

    def inside(*words: str) -> None:
        subprocess.run([ip, "-n", name, *words], check=True)

    inside.name = name  # type: ignore[attr-defined]
    inside.ip = ip  # type: ignore[attr-defined]
    try:
        yield inside
    finally:
        subprocess.run([ip, "netns", "del", name], check=True)


def test_the_kernel_tells_when_a_network_comes_and_goes(netns: Callable[..., None]) -> None:
    script = SCRIPT.format(root=str(Path(__file__).resolve().parents[2]))
    ip, name = netns.ip, netns.name  # type: ignore[attr-defined]
    command = [ip, "netns", "exec", name, sys.executable, "-u", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline().split() == ["start", "None", "None"]
            netns("link", "add", "wlan0", "type", "veth", "peer", "name", "far0")
            netns("link", "set", "far0", "up")
            netns("link", "set", "wlan0", "up")
            netns("addr", "add", "10.77.0.1/24", "dev", "wlan0")
            lines = iter(child.stdout.readline, "")
            assert any(line.split() == ["now", "10.77.0.1", "wlan0"] for line in lines)
            netns("link", "del", "wlan0")
            assert any(line.split() == ["now", "None", "None"] for line in lines)
        finally:
            child.kill()
