"""Packet radio with the real Dire Wolf: real audio between two of them, and no sound card.

ALSA's ``file`` plug-in writes what a transmitter plays into a pipe, and receivers hear on their
standard input. Between them a thread is the radio channel: it carries the sound at its own
speed, and mixes it where two send at once. One of the two is reached over TCP, the other by
its pseudo-terminal, as a serial TNC is.
"""

from __future__ import annotations

import array
import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crisiskit import enrolment
from crisiskit.codec.header import decode_header, is_clear
from crisiskit.codec.reject import Rejected
from crisiskit.installation import agent_runs, reading
from hardware import ax25
from hardware.kiss import Command, Decoder
from transports.ax25 import Ax25, Ax25Link, Ax25Settings
from transports.testing import Pair, arrived, running

RATE = 22_050
TICK_S = 0.02
TICK_BYTES = 2 * int(RATE * TICK_S)
BEHIND_TICKS_MAX = 50
LOUDNESS = 4  # Dire Wolf plays twice as loud as it likes to hear
KIT, CENTER = "F4XYZ-7", "F4ABC"
PATIENCE_S = 100.0
ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
ADEVICE stdin {name}
ARATE {rate}
ACHANNELS 1
CHANNEL 0
MYCALL {name}
MODEM 1200
AGWPORT 0
KISSPORT {port}
"""
SOUND = """
pcm.{name} {{
    type file
    slave.pcm {{ type null }}
    file "{pipe}"
    format raw
}}
"""


@dataclass
class Wolf:
    """One Dire Wolf. ``port`` is its KISS port on TCP, ``terminal`` its pseudo-terminal."""

    name: str
    process: subprocess.Popen[bytes]
    sound: int
    port: int
    terminal: str
    log: Path


class Ether(threading.Thread):
    """The radio channel: what one plays the others hear."""

    def __init__(self, wolves: list[Wolf]) -> None:
        super().__init__(daemon=True)
        self._wolves = wolves
        self._stop_asked = threading.Event()
        self.heard_bytes = 0

    def run(self) -> None:
        next_s = time.monotonic()
        while not self._stop_asked.is_set():
            next_s = max(next_s + TICK_S, time.monotonic() - BEHIND_TICKS_MAX * TICK_S)
            self._stop_asked.wait(max(0.0, next_s - time.monotonic()))
            played = [self._played(wolf) for wolf in self._wolves]
            for wolf in self._wolves:
                others = [
                    sound
                    for who, sound in zip(self._wolves, played, strict=True)
                    if who is not wolf
                ]
                with suppress(OSError):
                    os.write(wolf.process.stdin.fileno(), _mixed(others))  # type: ignore[union-attr]

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()

    def _played(self, wolf: Wolf) -> bytes:
        try:
            sound = os.read(wolf.sound, TICK_BYTES)
        except BlockingIOError:
            return b""
        self.heard_bytes += len(sound)
        return sound


def _mixed(sounds: list[bytes]) -> bytes:
    total = array.array("h", bytes(TICK_BYTES))
    for sound in sounds:
        for at, sample in enumerate(array.array("h", sound[: len(sound) & ~1])):
            total[at] = max(-32_768, min(32_767, total[at] + sample // LOUDNESS))
    return total.tobytes()


def free_port() -> int:
    """A port that is free now; Dire Wolf takes none above 49151, where the system's own begin."""
    for port in random.sample(range(20_000, 32_000), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.1)


@contextmanager
def wolf(program: str, folder: Path, name: str) -> Iterator[Wolf]:
    pipe, port, log = folder / f"{name}.sound", free_port(), folder / f"{name}.log"
    os.mkfifo(pipe)
    sound = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    alsa, config = folder / f"{name}.alsa", folder / f"{name}.conf"
    alsa.write_text(SOUND.format(name=name, pipe=pipe))
    config.write_text(CONFIG.format(name=name, rate=RATE, port=port))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "-t", "0", "-p", "-c", str(config)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ALSA_CONFIG_PATH": str(alsa)},
        )
    try:
        until(lambda: b"Ready to accept KISS" in log.read_bytes(), "Dire Wolf starts")
        until(lambda: b"Virtual KISS TNC" in log.read_bytes(), "its terminal")
        found = re.search(rb"Virtual KISS TNC is available on (\S+)", log.read_bytes())
        assert found is not None
        yield Wolf(name, process, sound, port, found[1].decode(), log)
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        os.close(sound)


@pytest.fixture
def channel(real: Callable[[str], str], tmp_path: Path) -> Iterator[tuple[Wolf, Wolf, Ether]]:
    """Two Dire Wolves that hear each other."""
    program = real("direwolf")
    with wolf(program, tmp_path, "KITTNC") as kit, wolf(program, tmp_path, "CTRTNC") as center:
        ether = Ether([kit, center])
        ether.start()
        try:
            yield kit, center, ether
        finally:
            ether.stop()


def link(**table: Any) -> Ax25Link:
    settings = msgspec.convert(table, Ax25Settings)
    return Ax25().open(settings, Ax25().traits(settings, {}))


async def test_frames_both_ways_through_real_audio(channel: tuple[Wolf, Wolf, Ether]) -> None:
    near, far, ether = channel
    kit = link(call=KIT, destination=CENTER, tcp=f"127.0.0.1:{near.port}", answer_s=0.2)
    center = link(call=CENTER, port=far.terminal, answer_s=0.2)
    pair = Pair(kit, center, patience_s=PATIENCE_S)
    async with running(kit, center, patience_s=30) as (team, desk):
        there = [b"\xc0\xdb\0\xff" * 4, bytes(range(256)), b"over"]
        back = [b"\xdb\xdc\xc0\xc0 answer", bytes(255 - n for n in range(256))]
        for frame in there:
            await kit.send(frame)
        await arrived(there, desk.inbox, pair)
        assert desk.inbox.peer == KIT
        for frame in back:
            await center.send(frame, KIT)
        await arrived(back, team.inbox, pair)
        assert sorted(desk.inbox.frames) == sorted(there)
        assert sorted(team.inbox.frames) == sorted(back)
        assert kit._air is not None and kit._air._tnc.counts_queue, "it was asked for its queue"
    assert ether.heard_bytes > RATE, "that was sound"
    assert b"Invalid" not in near.log.read_bytes() + far.log.read_bytes()


async def test_both_talk_at_once_and_all_arrives(channel: tuple[Wolf, Wolf, Ether]) -> None:
    near, far, _ = channel
    kit = link(call=KIT, destination=CENTER, tcp=f"127.0.0.1:{near.port}", pause_s=0.5)
    center = link(call=CENTER, tcp=f"127.0.0.1:{far.port}", pause_s=0.5)
    async with running(kit, center, patience_s=30) as (team, desk):
        there, back = [b"there %d" % n for n in range(4)], [b"back %d" % n for n in range(4)]

        async def send_until(
            one: Ax25Link, frames: list[bytes], heard: list[bytes], to: str
        ) -> None:
            while missing := set(frames) - set(heard):
                for frame in sorted(missing):
                    await one.send(frame, to)

        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(
                send_until(kit, there, desk.inbox.frames, ""),
                send_until(center, back, team.inbox.frames, KIT),
            )
        assert set(desk.inbox.frames) == set(there)
        assert set(team.inbox.frames) == set(back)


# -- kit and center, as people start them ------------------------------------------------------


@contextmanager
def homes(folder: Path, near: Wolf, far: Wolf) -> Iterator[tuple[Path, Path]]:
    kit, center = folder / "kit", folder / "center"
    enrolment.create_center(center, "Mayotte", exercise=False)
    enrolment.create_kit(kit, "Delta-2", (center / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    common = '[clear]\nallowed = true\n[[link]]\nname = "vhf"\nkind = "ax25"\nreceipt_delay_s = 1\n'
    (kit / "settings.toml").write_text(
        f'{common}call = "{KIT}"\ndestination = "{CENTER}"\nport = "{near.terminal}"\n'
    )
    (center / "settings.toml").write_text(
        f'{common}call = "{CENTER}"\ntcp = "127.0.0.1:{far.port}"\n'
    )
    processes = [_crisiskit("center", "run", "--home", center)]
    try:
        until(lambda: agent_runs(center), "the center runs")
        processes.append(_crisiskit("agent", "--home", kit))
        until(lambda: agent_runs(kit), "the kit runs")
        yield kit, center
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _crisiskit(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "crisiskit", *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _said(*words: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crisiskit", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def _texts(home: Path, box: str = "in") -> list[str]:
    with reading(home) as views:
        return sorted(message.text for message in views.search(box))


def _tally(home: Path) -> dict[str, int]:
    with reading(home) as views:
        return dict(views.tally("out"))


def _frames(heard: bytes) -> list[ax25.UiFrame]:
    kiss = [one.data for one in Decoder(1024).feed(heard) if one.command == Command.DATA]
    return [ax25.decode(data) for data in kiss]


def test_kit_and_center_in_clear_over_the_air(
    channel: tuple[Wolf, Wolf, Ether], tmp_path: Path
) -> None:
    """What is released is held and answered; what is not never gets on the air; all can read."""
    near, far, _ = channel
    with (
        socket.create_connection(("127.0.0.1", far.port)) as ears,
        homes(tmp_path, near, far) as (kit, center),
    ):
        _said("send", "Q7 the names of the sick", "--home", kit)
        _said("send", "--clear", "Z3 road to Sada closed", "--precedence", "FLASH", "--home", kit)
        until(lambda: _texts(center) == ["Z3 road to Sada closed"], "the message")
        until(lambda: _tally(kit).get("held") == 1, "its receipt")
        _said("send", "--clear", "Z3 crew on its way", "--to", "Delta-2", "--home", center)
        until(lambda: _texts(kit) == ["Z3 crew on its way"], "the answer")
        until(lambda: _tally(center).get("held") == 1, "its receipt")
        assert _tally(kit) == {"held": 1, "kept": 1}, "what nobody released waits"
        ears.setblocking(False)
        heard = _frames(ears.recv(1 << 20))
    assert heard and all(str(frame.source) == KIT for frame in heard)
    for frame in heard:
        assert not isinstance(decode_header(frame.info), Rejected)
        assert is_clear(frame.info), "something encrypted was on the air"
