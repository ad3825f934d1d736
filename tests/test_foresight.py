"""What is said of a message before it is sent is what the engine's own rule says."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisiskit import enrolment, prospects
from crisiskit.clock import wall_ms
from crisiskit.foresight import Foresight, link_line, sentence, when_text
from crisiskit.installation import reading, writing
from crisiskit.model import CENTER, Precedence, Record, RecordKind
from crisiskit.prospects import Prospects
from crisiskit.step import Purse, Spent
from crisiskit.store.store import Draft
from crisiskit.sync.budget import DAY_MS
from crisiskit.sync.plan import Estimate
from crisiskit.sync.policy import Wait, Why

LINKS = """
[[link]]
name = "satellite"
kind = "sbd"
port = "/dev/nosuch"
price = { credit_micros = 90000, currency = "EUR" }
budget = { credits = 10 }
[[link]]
name = "wifi"
kind = "tcp"
host = "127.0.0.1"
port = 7499
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A kit with a dear link and a free one."""
    center, kit = tmp_path / "center", tmp_path / "kit"
    enrolment.create_center(center, "Prefecture", exercise=False)
    enrolment.create_kit(kit, "Delta-2", (center / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    with (kit / "settings.toml").open("a") as file:
        file.write(LINKS)
    return kit


def foresee(home: Path, precedence: Precedence) -> Foresight:
    """What would happen to a short message with this precedence."""
    with reading(home) as views:
        record = Record(RecordKind.TEXT, precedence, 1, "x")
        return Prospects(home, views).foresee(record)


def up(home: Path, monkeypatch: pytest.MonkeyPatch, spent: int = 0) -> None:
    """An agent runs, the satellite is up and has cost so many credits today."""
    monkeypatch.setattr(prospects, "agent_runs", lambda _home: True)
    with writing(home) as store:
        store.set_link_state("satellite", "sbd", "ready", 4, "", 0)
        store.set_link_state("wifi", "tcp", "down", None, "no_service", 0)
        if spent:
            purse = Purse(wall_ms() // DAY_MS, 10, spent, 10)
            store.apply([Spent("satellite", 10, spent, 10, purse)])


def test_without_an_agent_it_is_kept(home: Path) -> None:
    found = foresee(home, Precedence.FLASH)
    assert not found.agent and found.first is None
    assert "crisiskit agent" in sentence(found)


def test_the_precedence_changes_when_it_leaves(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up(home, monkeypatch)
    routine, urgent = (foresee(home, p) for p in (Precedence.ROUTINE, Precedence.IMMEDIATE))
    assert [one.link for one in routine.links] == ["satellite", "wifi"]
    assert routine.first is None and urgent.first is not None
    line = link_line(routine.links[0], {}, routine.wait)
    assert "1 credit, 0.09 EUR, about" in line and line.endswith("if no wifi comes")
    assert len(line) <= 78
    assert sentence(routine).startswith("It waits for wifi until")
    assert sentence(urgent).startswith("It leaves now by satellite, 1 credit, 0.09 EUR")


def test_a_budget_that_is_spent_is_said_and_a_flash_goes_over_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up(home, monkeypatch, spent=10)
    held, flash = (foresee(home, p) for p in (Precedence.IMMEDIATE, Precedence.FLASH))
    assert when_text(held.links[0]).startswith("not: budget spent until")
    assert "today's budget of satellite is used up" in sentence(held)
    assert flash.first is not None and flash.first.over
    assert "over today's budget" in sentence(flash)
    assert "now, over today's budget" in link_line(flash.links[0])
    with reading(home) as views:
        assert Prospects(home, views).spent_up("satellite")


def test_what_all_can_read_is_not_counted_on_for_what_is_secret(home: Path) -> None:
    radio = Estimate("radio", 40, 0, 0, 9.0, clear=True, barred=True)
    assert Foresight((radio,), Wait(Why.CLEAR)).first is None
    assert link_line(radio) == "radio: not for this one: READABLE BY ALL"


def test_a_message_that_waits_already_takes_the_next_one_along(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up(home, monkeypatch)
    before = foresee(home, Precedence.ROUTINE).wait
    with writing(home) as store:
        store.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, "first", to=CENTER)])
    later = wall_ms() + 600_000
    monkeypatch.setattr(prospects, "wall_ms", lambda: later)
    found = foresee(home, Precedence.ROUTINE).wait
    assert before is not None and found is not None and before.until_ms is not None
    assert found.until_ms is not None and found.until_ms < before.until_ms + 300_000
