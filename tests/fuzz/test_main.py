"""``make fuzz`` says what it did, and how to see a failure again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice

import pytest

from crisiskit.sim.fuzz import __main__ as fuzz
from crisiskit.sim.fuzz import bodies, decoders


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "BODIES", 5)
    monkeypatch.setattr(fuzz, "INPUTS", 3)
    monkeypatch.setattr(fuzz, "INPUTS_SLOW", 1)
    few = list(islice(bodies.fixed(), 3))
    monkeypatch.setattr(bodies, "fixed", lambda: iter(few))


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["fuzz", *words])
    return fuzz.main()


def test_it_stops_after_enough_frames_and_tells_the_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--frames", "2000", "--seed", "9") == 0

    out = capsys.readouterr().out
    assert "1 rounds from seed 9" in out
    assert "0 frames accepted, 0 frames answered" in out
    assert "0 failures" in out


def test_a_failure_is_told_with_the_seed_that_shows_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*_arguments: object) -> Iterator[str]:
        yield "header: 00 raised KeyError"

    monkeypatch.setattr(decoders, "run", wrong)

    assert run(monkeypatch, "--frames", "500", "--seed", "77", "--rounds", "1") == 1
    out = capsys.readouterr().out
    assert "seed 77: header: 00 raised KeyError" in out
    assert "make fuzz SEED=77 ROUNDS=1" in out
