"""What commands and the link bar say of neighbours, and of what is carried for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit.carrying import Carried, CarriedOn, Met, Parted
from crisiskit.clock import wall_ms
from crisiskit.errors import SettingsError
from crisiskit.installation import reading, writing
from crisiskit.links import configured_links, relay_policy
from crisiskit.lock import AgentLock
from crisiskit.model import Direction, Precedence
from crisiskit.screens.linkbar import link_words
from crisiskit.step import ClockJumped
from crisiskit.sync.relay import DAY_MS

Call = Callable[..., tuple[int, str, str]]
FRAME = bytes([3, 14]) + bytes(40)
LAN = '[[link]]\nname = "nearby"\nkind = "neighbours"\n'
SAT = '[[link]]\nname = "sat"\nkind = "sbd"\nport = "socket://127.0.0.1:9"\n'


def carried(name: bytes = b"n" * 16, frame: bytes = FRAME) -> Carried:
    return Carried(name, 7, Direction.UP, Precedence.FLASH, False, frame, wall_ms())


@pytest.fixture
def near(kit: Path) -> Path:
    """A kit that met two neighbours, carries one frame, and carried two on."""
    (kit / "settings.toml").write_text(LAN + SAT)
    with writing(kit) as store:
        store.set_link_state("nearby", "neighbours", "ready", None, "", 0)
        store.apply(
            [
                Met("nearby", "7", "Équipe\u202e7"),
                Met("nearby", "center", "center"),
                Met("nearby", "9", "gone"),
                Parted("nearby", "9"),
                carried(),
                carried(b"m" * 16),
                CarriedOn(b"m" * 16, "sat", len(FRAME), 1, len(FRAME)),
            ]
        )
    return kit


def test_links_tells_who_is_here_and_what_is_carried(call: Call, near: Path) -> None:
    with AgentLock(near):
        status, out, err = call("links", "--home", near)
    assert status == 0 and "nearby" in out
    assert "nearby: neighbours here: Équipe 7, the center." in err
    assert "1 frame of neighbours waits here for a way (42 B)." in err
    assert "1 frame was carried on for them today (42 B). It cost 1 credit." in err
    assert "neighbours here" not in call("links", "--home", near)[2], "nobody looks after them now"


def test_scripts_get_the_same(call: Call, near: Path) -> None:
    rows = [json.loads(line) for line in call("links", "--json", "--home", near)[1].splitlines()]
    row = next(row for row in rows if row["name"] == "nearby")
    assert {one["peer"] for one in row["neighbours"]} == {"7", "center"}
    assert (row["carried_waiting"], row["carried_today"], row["carried_today_credits"]) == (1, 1, 1)
    assert "neighbours" not in next(row for row in rows if row["name"] == "sat")


def test_the_link_bar_counts_them(near: Path) -> None:
    with reading(near) as views:
        assert "2 neighbours" in link_words(views.links(wall_ms())[0])


def test_doctor_says_what_is_done_for_others(call: Call, near: Path) -> None:
    out = call("doctor", "--home", near)[1]
    assert "IMMEDIATE and above, at most 20 credits or 20.0 kB a day." in " ".join(out.split())
    (near / "settings.toml").write_text(LAN + "[relay]\nallowed = false\n")
    assert "Nothing is carried for neighbours" in call("doctor", "--home", near)[1]


def test_doctor_says_what_is_not_installed(
    call: Call, near: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crisiskit.doctor.neighbours.find_spec", lambda name: None)
    status, out, _err = call("doctor", "--home", near)
    assert status == 1 and "pip install zeroconf" in " ".join(out.split())
    (near / "settings.toml").write_text(LAN + "search = false\n")
    assert "zeroconf" not in call("doctor", "--home", near)[1]


def test_what_is_carried_and_spent_is_there_after_a_restart(near: Path) -> None:
    with writing(near) as store:
        state = store.snapshot().relay
        assert [one.frame for one in state.carried] == [FRAME]
        assert (state.credits, state.frame_bytes) == (1, 0)
        assert set(state.met_ms) == {"7", "9", "center"}
        store.apply([ClockJumped(DAY_MS)])
        assert store.snapshot().relay.carried[0].at_ms > wall_ms()
        store.forget_links(["nearby"])
    with reading(near) as views:
        assert not any(one.here for one in views.neighbours())


def test_a_carried_frame_that_all_can_read_is_sealed_on_the_disk(near: Path) -> None:
    clear = bytes([1 << 3, 14]) + b"clear words of somebody else"
    with writing(near) as store:
        store.apply([carried(b"c" * 16, clear)])
        assert clear in [one.frame for one in store.snapshot().relay.carried]
    assert b"clear words" not in b"".join(path.read_bytes() for path in near.glob("store.db*"))


def test_the_relay_table_is_checked_and_becomes_the_policy(near: Path) -> None:
    policy = relay_policy(near)
    assert policy.allowed and policy.precedence is Precedence.IMMEDIATE
    assert policy.mtu_bytes == 340, "that of the satellite: neighbours are no way of our own"
    (near / "settings.toml").write_text('[relay]\nprecedence = "flash"\ncredits_day = 3\n')
    policy = relay_policy(near)
    assert (policy.precedence, policy.credits_day, policy.mtu_bytes) == (Precedence.FLASH, 3, 0)
    (near / "settings.toml").write_text("[relay]\ncredits_day = -1\n")
    with pytest.raises(SettingsError):
        relay_policy(near)


def test_a_link_without_an_introducer_gets_none(near: Path) -> None:
    link = next(one.link for one in configured_links(near) if one.kind == "neighbours")
    assert link.introducer is None  # type: ignore[attr-defined]
