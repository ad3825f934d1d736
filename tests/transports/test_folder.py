"""A folder is a link: frames as files, whatever else lies there, whenever it is pulled out."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from transports import folder
from transports.folder import Folder, FolderLink, FolderSettings
from transports.link import LinkError, Phase, Place, Trouble
from transports.mailbag import FOLDER, Mailbag, name_of, prepare
from transports.testing import CHECKS, Check, Inbox, Pair, Running, running


def link(root: Path) -> FolderLink:
    settings = FolderSettings(folder=str(root), poll_every_s=0.02)
    return Folder().open(settings, Folder().traits(settings, {}))


@asynccontextmanager
async def make_pair(root: Path) -> AsyncIterator[Pair]:
    prepare(root)
    yield Pair(near=link(root), far=link(root), patience_s=30.0)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_is_a_link(check: Check, tmp_path: Path) -> None:
    async with make_pair(tmp_path) as pair:
        await check(pair)


async def shown(run: Running, phase: Phase) -> None:
    async with asyncio.timeout(20):
        while run.inbox.phase is not phase:
            await asyncio.sleep(0.01)


async def test_a_folder_is_used_only_once_somebody_agreed(tmp_path: Path) -> None:
    one = link(tmp_path)
    run = Running(one, 20.0)
    await asyncio.sleep(0.2)
    assert run.inbox.phase is Phase.DOWN and list(tmp_path.iterdir()) == []
    with pytest.raises(LinkError):
        await one.send(b"a frame")
    prepare(tmp_path)
    await shown(run, Phase.READY)
    await run.stop()
    assert all(not state.reason for state in run.inbox.states), "it comes and goes silently"


async def test_a_stick_that_is_pulled_out_takes_the_link_down_and_comes_back(
    tmp_path: Path,
) -> None:
    root, away = tmp_path / "stick", tmp_path / "pocket"
    root.mkdir()
    prepare(root)
    async with running(link(root)) as (run,):
        await run.link.send(b"before")
        root.rename(away)
        await shown(run, Phase.DOWN)
        with pytest.raises(LinkError):
            await run.link.send(b"meanwhile")
        (away / FOLDER / name_of(b"from afar")).write_bytes(b"from afar")
        away.rename(root)
        await shown(run, Phase.READY)
        async with asyncio.timeout(20):
            while b"from afar" not in run.inbox.frames:
                await asyncio.sleep(0.01)
        await run.link.send(b"after")
    assert not (root / FOLDER / name_of(b"from afar")).exists(), "it is stored here"


async def test_what_the_receiver_does_not_store_stays_for_others(tmp_path: Path) -> None:
    class Stranger(Inbox):
        async def frame(
            self, data: bytes, peer: str = "", place: Place | None = None
        ) -> bool | None:
            await super().frame(data, peer)
            return None

    prepare(tmp_path)
    (tmp_path / FOLDER / name_of(b"for another")).write_bytes(b"for another")
    one, inbox = link(tmp_path), Stranger()
    task = asyncio.create_task(one.run(inbox))
    async with asyncio.timeout(20):
        while inbox.phase is not Phase.READY:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait({task})
    assert inbox.frames == [b"for another"], "it is read once"
    assert (tmp_path / FOLDER / name_of(b"for another")).exists()


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (errno.ENOSPC, Trouble.FULL),
        (errno.EROFS, Trouble.READ_ONLY),
        (errno.EIO, Trouble.DEVICE_GONE),
    ],
)
async def test_a_stick_that_takes_nothing_says_why_and_is_still_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, trouble: Trouble
) -> None:
    prepare(tmp_path)

    def fails(_self: Mailbag, _frame: bytes) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Mailbag, "write", fails)
    async with running(link(tmp_path)) as (run,):
        with pytest.raises(LinkError) as failure:
            await run.link.send(b"a frame")
        assert failure.value.code is trouble
        (tmp_path / FOLDER / name_of(b"from afar")).write_bytes(b"from afar")
        async with asyncio.timeout(20):
            while b"from afar" not in run.inbox.frames:
                await asyncio.sleep(0.01)


async def test_a_stick_that_hangs_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    release = threading.Event()
    monkeypatch.setattr(folder, "CALL_S_MAX", 0.3)
    monkeypatch.setattr(Mailbag, "write", lambda _self, _frame: release.wait(60))
    one = link(tmp_path)
    async with running(one) as (run,):
        with pytest.raises(LinkError) as failure:
            await one.send(b"a frame")
        assert failure.value.code is Trouble.HARDWARE
        async with asyncio.timeout(20):
            while not run.ended:
                await asyncio.sleep(0.01)
        with pytest.raises(LinkError):
            await one.run(Inbox())
    release.set()


async def test_files_of_others_are_nobodys_business(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "holiday.jpg").write_bytes(b"a picture")
    (tmp_path / FOLDER / "notes.txt").write_bytes(b"notes")
    async with running(link(tmp_path)) as (run,):
        await run.link.send(b"a frame")
        await asyncio.sleep(0.1)
        assert run.inbox.frames == []
    assert (tmp_path / "holiday.jpg").exists() and (tmp_path / FOLDER / "notes.txt").exists()
