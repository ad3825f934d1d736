"""P1: what was reported survives every power cut, whole; and the shim sees what weaker
settings lose."""

from __future__ import annotations

import pytest

from crisiskit.sim.powercut import CONTROLS, TRUNCATE, WAL, cut_story

CUTS = 100


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("settings", [TRUNCATE, WAL], ids=["truncate", "wal"])
def test_nothing_reported_is_lost_and_nothing_is_half_done(
    settings: tuple[str, ...], seed: int
) -> None:
    tally = cut_story(seed, settings, CUTS)
    assert tally.failures == []
    assert tally.cuts == CUTS


@pytest.mark.parametrize("name", CONTROLS)
def test_with_weaker_settings_the_same_cuts_do_harm(name: str) -> None:
    tally = cut_story(1, CONTROLS[name], CUTS // 2)
    assert tally.lost + tally.half_done + tally.damaged > 0, "the shim is blind"
