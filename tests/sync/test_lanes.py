"""A message leaves by the best link that is up, and by another when that one fails."""

from __future__ import annotations

from crisiskit.model import Precedence
from crisiskit.step import Carries, Transmit
from crisiskit.sync.lanes import Lane, choose
from transports.link import Traits

FREE = Traits(4096, latency_s=2.0)
FRAME = Transmit("", "", b"", Carries(1, 0, 0))
SAT = Traits(340, latency_s=1.0, credit_bytes=50, price_credit_micros=100_000)


def lanes() -> tuple[Lane, Lane]:
    return Lane("wifi", "", FREE), Lane("sat", "", SAT)


def test_routine_takes_the_cheapest_and_waits_for_it() -> None:
    wifi, sat = lanes()
    assert choose((sat, wifi), Precedence.ROUTINE, 0, {}) is wifi
    wifi.aloft.append(FRAME)
    assert choose((sat, wifi), Precedence.ROUTINE, 0, {}) is None


def test_flash_takes_the_fastest_that_is_free() -> None:
    wifi, sat = lanes()
    assert choose((wifi, sat), Precedence.FLASH, 0, {}) is sat
    sat.aloft.append(FRAME)
    assert choose((wifi, sat), Precedence.FLASH, 0, {}) is wifi


def test_a_blocked_lane_is_passed_over_until_its_time() -> None:
    wifi, sat = lanes()
    wifi.blocked_until_s = 10
    assert choose((wifi, sat), Precedence.ROUTINE, 5, {}) is sat
    assert choose((wifi, sat), Precedence.ROUTINE, 10, {}) is wifi


def test_unanswered_tries_move_an_envelope_to_another_link() -> None:
    wifi, sat = lanes()
    assert choose((wifi, sat), Precedence.ROUTINE, 0, {"wifi": 1}) is wifi
    assert choose((wifi, sat), Precedence.ROUTINE, 0, {"wifi": 2}) is sat
    assert choose((wifi, sat), Precedence.FLASH, 0, {"sat": 1}) is wifi


def test_two_equal_lanes_are_used_together() -> None:
    one, two = Lane("a", "", FREE), Lane("b", "", FREE)
    one.aloft.append(FRAME)
    assert choose((one, two), Precedence.ROUTINE, 0, {}) is two
