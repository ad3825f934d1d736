"""The agent inside a screen: there for as long as the screen, never a second one."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from crisiskit import serve
from crisiskit.cli.inside import agent_inside
from crisiskit.errors import SettingsError
from crisiskit.installation import agent_runs
from crisiskit.lock import AgentLock


def inside() -> bool:
    return any(thread.name == "agent" for thread in threading.enumerate())


def test_it_runs_while_the_screen_is_open(kit: Path) -> None:
    with agent_inside(kit, "info"):
        assert inside()
        assert agent_runs(kit)
    assert not inside()
    assert not agent_runs(kit)


def test_it_lays_the_reserve_again_that_a_full_disk_used_up(kit: Path) -> None:
    (kit / "ballast").unlink()
    with agent_inside(kit, "info"):
        assert (kit / "ballast").stat().st_size == 8 * 1024 * 1024


def test_where_an_agent_runs_there_is_no_second_one(kit: Path) -> None:
    with AgentLock(kit), agent_inside(kit, "info"):
        assert not inside()


def test_settings_that_cannot_be_used_are_told_before_the_screen(kit: Path) -> None:
    (kit / "settings.toml").write_text("nosuch = 1\n")
    with pytest.raises(SettingsError), agent_inside(kit, "info"):
        pytest.fail("the screen opened")
    assert not agent_runs(kit)


def test_a_screen_outlives_its_agent_and_tells_the_bug_at_the_end(
    kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_home: Path, stop: asyncio.Event, links: object) -> None:
        raise ZeroDivisionError("a secret body")

    monkeypatch.setattr(serve, "run", fail)
    with pytest.raises(ZeroDivisionError), agent_inside(kit, "info"):
        time.sleep(0.2)
    logged = (kit / "agent.log").read_text()
    assert "error=ZeroDivisionError" in logged
    assert "secret" not in logged
