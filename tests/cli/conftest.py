"""Homes made once and copied, and two ways to call the program: in here, and as a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from crisiskit import enrolment
from crisiskit.cli.main import run
from crisiskit.i18n import set_language

ROOT = Path(__file__).resolve().parents[2]

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("CRISISKIT_HOME", "LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CRISISKIT_LANG", "en")
    set_language()
    yield
    set_language()


@pytest.fixture
def call() -> Call:
    """Run a command in this process: exit status, standard output, standard error."""

    def call(*words: object, input: bytes = b"") -> tuple[int, str, str]:
        with CliRunner().isolation(input=input) as (out, err, _both):
            status = run([str(word) for word in words])
            return status, out.getvalue().decode(), err.getvalue().decode()

    return call


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a command as a process of its own; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def spawn(
        *words: object, stdin: int = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "crisiskit", *(str(word) for word in words)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield spawn
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


@pytest.fixture
def typed(spawn: Spawn) -> Call:
    """Run a command as a process whose standard input is a terminal, with ``input`` typed there."""

    def typed(*words: object, input: bytes, **environment: str) -> tuple[int, str, str]:
        keyboard, terminal = os.openpty()
        try:
            process = spawn(*words, stdin=terminal, **environment)
            os.write(keyboard, input)
            out, err = process.communicate(timeout=20)
            return process.returncode, out, err
        finally:
            os.close(keyboard)
            os.close(terminal)

    return typed


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A center with one active kit, to be copied."""
    place = tmp_path_factory.mktemp("made")
    enrolment.create_center(place / "center", "Prefecture", exercise=False)
    enrolment.create_kit(place / "kit", "Delta-2", (place / "center" / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(place / "center", enrolment.make_request(place / "kit"))
    enrolment.activate(place / "kit", reply)
    return place


@pytest.fixture
def kit(made: Path, tmp_path: Path) -> Path:
    """The home of an active kit."""
    return Path(shutil.copytree(made / "kit", tmp_path / "kit"))


@pytest.fixture
def center(made: Path, tmp_path: Path) -> Path:
    """The home of its center."""
    return Path(shutil.copytree(made / "center", tmp_path / "center"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 9 MB; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(place)]).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
