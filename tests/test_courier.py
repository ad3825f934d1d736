"""One key: everything in, everything out, and a sentence when the stick can be pulled out."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from crisiskit.agent import Agent
from crisiskit.links import ConfiguredLink
from crisiskit.model import Precedence, RecordKind
from crisiskit.sim.world import VAULT, World
from crisiskit.stick import Report, ask, report_words, told
from crisiskit.store.store import Draft, Store
from crisiskit.store.views import Views
from transports.folder import Folder, FolderSettings
from transports.mailbag import FOLDER, Mailbag, prepare
from transports.tcp import Tcp, TcpListen, TcpListenSettings, TcpSettings

PATIENCE_S = 40.0


def wall() -> int:
    return time.time_ns() // 1_000_000


def stores(tmp_path: Path) -> tuple[Store, Store]:
    net = World(tmp_path, ())
    return net.kits[0].store, net.center.store


@asynccontextmanager
async def running(store: Store, *links: ConfiguredLink) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(Agent(store, links, wall, os.urandom).run(False, stop))
    try:
        yield
    finally:
        stop.set()
        await task


def say(store: Store, text: str, to: str = "center") -> None:
    person = Store(store.path, wall, VAULT)
    person.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, text, to=to)])
    person.close()


def tally(store: Store, box: str = "out") -> dict[str, int]:
    views = Views(store.path, VAULT)
    try:
        return views.tally(box)
    finally:
        views.close()


async def exchange(store: Store, folder: Path) -> Report:
    """Press the key, wait for the last word."""
    person = Store(store.path, wall, VAULT)
    number = ask(person, folder, wall())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                report = told(person.meta)
                if report and report.number == number and report.state != "running":
                    return report
                await asyncio.sleep(0.02)
    finally:
        person.close()


def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


async def test_one_key_takes_everything_in_and_writes_everything_out(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    folder = stick(tmp_path)
    for n in range(12):
        say(kit, f"report {n}")
    async with running(kit):
        report = await exchange(kit, folder)
        assert (report.state, report.written, report.read) == ("done", 12, 0)
        words = "You can pull the stick out now: 12 messages written, 0 read."
        assert report_words(report) == words
    say(center, "boil it", to="kit-1")
    async with running(center):
        report = await exchange(center, folder)
        assert (report.state, report.written, report.read) == ("done", 1, 12)
    async with running(kit):
        report = await exchange(kit, folder)
        assert (report.state, report.written, report.read) == ("done", 0, 1)
    assert tally(kit) == {"held": 12}
    async with running(center):
        await exchange(center, folder)
    assert tally(center) == {"held": 1} and tally(center, "in") == {"held": 12}


async def test_a_key_pressed_twice_writes_nothing_twice(tmp_path: Path) -> None:
    kit, _center = stores(tmp_path)
    folder = stick(tmp_path)
    say(kit, "water")
    async with running(kit):
        first = await exchange(kit, folder)
        files = sorted((folder / FOLDER).iterdir())
        second = await exchange(kit, folder)
    assert (first.written, second.written) == (1, 1)
    assert sorted((folder / FOLDER).iterdir()) == files


async def test_nothing_can_be_read_on_a_lost_stick(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    folder = stick(tmp_path)
    secret = "the convoy leaves at dawn by the northern road"
    say(kit, secret)
    say(center, secret, to="kit-1")
    for store in (kit, center, kit, center):
        async with running(store):
            await exchange(store, folder)
    lost = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    names = " ".join(path.name for path in folder.rglob("*"))
    for word in (secret, "convoy", "northern", "kit-1", "center"):
        assert word.encode() not in lost and word not in names
    assert tally(kit)["held"] == 1, "it was there"


async def test_a_folder_that_is_gone_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    kit, _center = stores(tmp_path)
    say(kit, "water")
    async with running(kit):
        report = await exchange(kit, tmp_path / "nowhere")
    assert (report.state, report.reason) == ("failed", "device_gone")
    assert tally(kit) == {"kept": 1}


async def test_a_full_stick_says_so_takes_in_what_is_there_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit, center = stores(tmp_path)
    folder = stick(tmp_path)
    say(center, "boil it", to="kit-1")
    async with running(center):
        await exchange(center, folder)
    say(kit, "water")
    real = Mailbag.write

    def full(_self: Mailbag, _frame: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room")

    async with running(kit):
        monkeypatch.setattr(Mailbag, "write", full)
        report = await exchange(kit, folder)
        assert (report.state, report.reason, report.read) == ("failed", "full", 1)
        assert "There is no room left" in report_words(report)
        monkeypatch.setattr(Mailbag, "write", real)
        report = await exchange(kit, folder)
        assert (report.state, report.written) == ("done", 1)
    async with running(center):
        assert (await exchange(center, folder)).read == 1


async def test_a_stick_pulled_out_half_way_is_told_and_the_next_visit_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit, center = stores(tmp_path)
    folder, pocket = stick(tmp_path), tmp_path / "pocket"
    for n in range(4):
        kit.keep([Draft(RecordKind.TEXT, Precedence.FLASH, f"report {n}")])
    real, left = Mailbag.write, 1

    def pulled(self: Mailbag, frame: bytes) -> object:
        nonlocal left
        left -= 1
        if left == 0:
            folder.rename(pocket)
        return real(self, frame)

    async with running(kit):
        monkeypatch.setattr(Mailbag, "write", pulled)
        report = await exchange(kit, folder)
        assert (report.state, report.reason) == ("failed", "device_gone")
        assert "Insert it again" in report_words(report)
        monkeypatch.setattr(Mailbag, "write", real)
        pocket.rename(folder)
        report = await exchange(kit, folder)
        assert report.state == "done"
    async with running(center):
        await exchange(center, folder)
    assert tally(center, "in") == {"held": 4}


async def test_a_folder_in_the_settings_needs_no_key(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    folder = stick(tmp_path)
    prepare(folder)
    kind = Folder()
    settings = FolderSettings(folder=str(folder), poll_every_s=0.05)
    traits = kind.traits(settings, {})
    links = [
        ConfiguredLink("shared", kind.kind, traits, kind.open(settings, traits)) for _ in range(2)
    ]
    async with running(kit, links[0]), running(center, links[1]):
        say(kit, "water")
        async with asyncio.timeout(PATIENCE_S):
            while tally(kit) != {"held": 1}:
                await asyncio.sleep(0.05)
        say(kit, "and bread")
        async with asyncio.timeout(PATIENCE_S):
            while tally(kit) != {"held": 2}:
                await asyncio.sleep(0.05)
    assert len(list((folder / FOLDER).iterdir())) <= 2, "a receipt begets no receipt"


async def test_what_a_courier_was_given_leaves_by_a_free_way_found_later(tmp_path: Path) -> None:
    kit, center = stores(tmp_path)
    (tmp_path / "stick").mkdir()
    prepare(tmp_path / "stick")
    listen = msgspec.convert({"port": 0}, TcpListenSettings)
    at_center = TcpListen().open(listen, TcpListen().traits(listen, {}))
    folder = FolderSettings(folder=str(tmp_path / "stick"), poll_every_s=0.1)
    at_stick = Folder().open(folder, Folder().traits(folder, {}))
    links = [
        ConfiguredLink("lan", "tcp-listen", at_center.traits, at_center),
        ConfiguredLink("stick", "folder", at_stick.traits, at_stick),
    ]
    say(center, "order", to="all")
    async with running(center, *links), asyncio.timeout(PATIENCE_S):
        while tally(center) != {"sent": 1}:
            await asyncio.sleep(0.1)
        call = msgspec.convert({"port": at_center.port}, TcpSettings)
        at_kit = Tcp().open(call, Tcp().traits(call, {}))
        async with running(kit, ConfiguredLink("lan", "tcp", at_kit.traits, at_kit)):
            while tally(center) != {"held": 1}:
                await asyncio.sleep(0.1)
    assert tally(kit, "in") == {"held": 1}
