"""One agent a home; looking whether there is one disturbs nobody."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crisiskit.errors import BusyError
from crisiskit.installation import agent_runs
from crisiskit.lock import AgentLock


@contextmanager
def looked_at(home: Path) -> Iterator[None]:
    """A look that takes its time."""
    if sys.platform == "win32":
        pytest.skip("this system's locks cannot be shared")
    import fcntl

    with (home / "agent.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def test_only_one_holds_it(tmp_path: Path) -> None:
    with AgentLock(tmp_path), pytest.raises(BusyError, match="agent_running"), AgentLock(tmp_path):
        pytest.fail("there were two")
    with AgentLock(tmp_path):
        pass


def test_a_look_says_whether_an_agent_runs(tmp_path: Path) -> None:
    assert not agent_runs(tmp_path)
    assert not (tmp_path / "agent.lock").exists()
    with AgentLock(tmp_path):
        assert agent_runs(tmp_path)
    assert not agent_runs(tmp_path)


def test_two_looks_at_once_do_not_take_each_other_for_an_agent(tmp_path: Path) -> None:
    with looked_at(tmp_path):
        assert not agent_runs(tmp_path)


def test_an_agent_that_starts_during_a_look_starts(tmp_path: Path) -> None:
    looking = threading.Event()

    def look() -> None:
        with looked_at(tmp_path):
            looking.set()
            time.sleep(0.05)

    other = threading.Thread(target=look)
    other.start()
    assert looking.wait(5)
    with AgentLock(tmp_path):
        assert agent_runs(tmp_path)
    other.join()


def test_what_cannot_be_looked_at_is_taken_for_running(tmp_path: Path) -> None:
    (tmp_path / "agent.lock").mkdir()
    assert agent_runs(tmp_path)
