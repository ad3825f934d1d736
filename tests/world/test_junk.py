"""Junk at every port and on every line of a real center and a real kit, for a few seconds.

``make junk MINUTES=10`` does the same for longer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crisiskit.sim.junk.campaign import DISK_BYTES_MOST, MEMORY_KIB_MOST, Report, Sample, run
from crisiskit.sim.junk.ports import Door

SECONDS = 6.0
CALM_S = 3.0


@pytest.mark.timeout(400)
async def test_junk_everywhere_gets_no_answer_and_the_queue_flows(tmp_path: Path) -> None:
    report = await run(tmp_path, seed=1, seconds=SECONDS, calm_s=CALM_S, callers=6)
    assert list(report.failures()) == []
    assert report.arrived == report.held == report.kept >= 4
    assert report.everywhere and len(report.doors) == 6 and len(report.babblers) == 2
    http = [door for door in report.doors if door.http]
    assert all(400 <= status < 500 for door in http for status in door.statuses)


def sample(memory: int = 50_000, disk: int = 1_000_000, log: int = 0) -> Sample:
    numbers = [{"center": number, "kit": number} for number in (memory, disk, log)]
    return Sample(0.0, 1, *numbers)


def sound(**more: object) -> Report:
    fields: dict[str, object] = {"samples": [sample()] * 3, "kept": 2, "held": 2, "arrived": 2}
    return Report(600.0, calm=[sample()] * 2, **fields | more)  # type: ignore[arg-type]


def test_a_campaign_without_trouble_has_no_failure() -> None:
    assert list(sound().failures()) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"dead": ["kit"]},
        {"links": {"kit radio"}},
        {"doors": [Door("tcp-listen", 1, bytes)]},
        {"doors": [Door("tcp-listen", 1, bytes, thrown_bytes=1, answered_bytes=1)]},
        {"held": 1},
        {"arrived": 1},
        {"doubled": ["report 1"]},
        {"samples": [sample(), sample(disk=1_000_001 + DISK_BYTES_MOST)]},
        {"samples": [sample(), sample(memory=50_001 + MEMORY_KIB_MOST), sample()]},
        {"samples": [sample(), sample(), sample(memory=60_000)]},
        {"samples": [sample(), sample(log=10_000_000)]},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_every_broken_promise_is_a_failure(broken: dict[str, object]) -> None:
    assert list(sound(**broken).failures()) != []


def test_a_status_that_is_no_error_is_a_failure() -> None:
    door = Door("webhook", 1, bytes, http=True, thrown_bytes=1)
    door.take(b"HTTP/1.1 404 Not Found\r\n\r\n")
    assert list(sound(doors=[door]).failures()) == []
    door.take(b"HTTP/1.1 200 OK\r\n\r\n")
    assert list(sound(doors=[door]).failures()) == ["webhook answered junk with [200]"]
