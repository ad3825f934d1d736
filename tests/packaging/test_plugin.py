"""A link from another distribution: installed by pip, it works like one of ours."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crisiskit import enrolment
from crisiskit.installation import reading

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "udp-link"
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the wheel of the example."""
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLE, folder / "source")
    quiet = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip"]
    wheel = [*pip, "wheel", *quiet, "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(wheel, check=True)
    built = next(folder.glob("crisiskit_udp-*.whl"))
    subprocess.run([*pip, "install", *quiet, "-t", str(folder / "site"), str(built)], check=True)
    return folder / "site"


def run(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "CRISISKIT_LANG": "en"}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)


def free_ports() -> tuple[int, int]:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def enrolled(folder: Path) -> tuple[Path, Path]:
    center, kit = folder / "center", folder / "kit"
    enrolment.create_center(center, "Test", exercise=False)
    enrolment.create_kit(kit, "kit-1", (center / "network.ckcn").read_bytes())
    reply, _, _ = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    ours, theirs = free_ports()
    for home, port, peer in ((center, ours, theirs), (kit, theirs, ours)):
        with (home / "settings.toml").open("a") as file:
            file.write(f'\n[[link]]\nname = "lan"\nkind = "udp"\nport = {port}\n')
            file.write(f"peer_port = {peer}\n")
    return center, kit


def test_it_passes_the_conformance_suite_in_its_own_tests(site: Path) -> None:
    done = run(site, "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_it_the_settings_say_which_kinds_there_are(tmp_path: Path) -> None:
    _center, kit = enrolled(tmp_path)
    done = run(tmp_path / "nothing", "crisiskit", "links", "--home", str(kit))
    assert done.returncode == 1
    assert "There is no kind of link “udp”" in done.stderr and "tcp" in done.stderr


def test_a_message_is_held_over_it(site: Path, tmp_path: Path) -> None:
    center, kit = enrolled(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(site), "CRISISKIT_LANG": "en"}
    command = [sys.executable, "-m", "crisiskit", "center", "run", "--home", str(center)]
    hub = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        sent = run(site, "crisiskit", "send", "By a link of others", "--home", str(kit))
        assert sent.returncode == 0, sent.stderr
        held = False
        deadline = time.monotonic() + PATIENCE_S
        while not held and time.monotonic() < deadline:
            done = run(site, "crisiskit", "agent", "--until-idle", "--home", str(kit))
            assert done.returncode == 0, done.stderr
            with reading(kit) as views:
                held = views.waiting() == 0
        assert held
        with reading(center) as views:
            assert [message.text for message in views.search("in")] == ["By a link of others"]
    finally:
        hub.kill()
        hub.wait()


def test_one_whose_import_fails_is_named_and_harms_nothing_else(tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[crisiskit.links]\nudp = no_such_module:Udp\n")
    _center, kit = enrolled(tmp_path)
    done = run(site, "crisiskit", "links", "--home", str(kit))
    assert done.returncode == 1
    assert "“udp” cannot be used" in done.stderr and "Traceback" not in done.stderr
    wrote = run(site, "crisiskit", "send", "Kept all the same", "--home", str(kit))
    assert wrote.returncode == 0, wrote.stderr
