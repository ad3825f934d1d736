"""Corrupt frames: none accepted, none answered, nothing kept of them, and the queue flows on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from crisiskit.codec.header import KIT_NUMBER_MAX, FrameKind, Header, encode_header
from crisiskit.model import Direction, Precedence
from crisiskit.sim.fuzz import frames
from crisiskit.sim.fuzz.mutate import FRAMES
from crisiskit.sim.world import EPOCH_MS
from crisiskit.step import Now
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import FrameReceived
from crisiskit.sync.gate import RING_BURST

COUNT = 20_000
GROWN_BYTES_MAX = 64 << 10


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> frames.Recording:
    return frames.record(tmp_path_factory.mktemp("recording"), seed=1)


def center_of(recording: frames.Recording) -> Engine:
    engine = recording.world.center.engine
    assert engine is not None
    return engine


def heard(recording: frames.Recording, frame: bytes) -> FrameReceived:
    return FrameReceived(frames.WIDE.name, recording.world.kits[0].name, frame)


def now_of(recording: frames.Recording) -> Now:
    at_s = recording.world.now_s
    return Now(at_s, EPOCH_MS + int(at_s * 1000))


def test_frames_of_every_kind_with_and_without_their_life_are_attacked(
    recording: frames.Recording,
) -> None:
    assert set(recording.kinds) == {
        *("SEALED", "SEALED with epoch", "PART", "PART with epoch"),
        *("RECEIPT", "RECEIPT with epoch"),
    }
    assert min(recording.kinds.values()) > 3


def test_the_harness_sees_a_frame_that_is_accepted(recording: frames.Recording) -> None:
    """What is authentic is not counted as refused: a campaign could fail."""
    report = frames.Report(0)
    station, frame = next(
        (station, frame) for station, frame in reversed(recording.heard_by) if station.is_center
    )
    frames.throw(recording, [(station, frame)], report)

    assert report.accepted == 1


def test_each_mutation_changes_most_frames(recording: frames.Recording) -> None:
    rng = random.Random(3)
    honest = [frame for _ear, frame in recording.heard_by]
    for mutation in FRAMES:
        changed = [mutation(rng, frame, honest) not in recording.known for frame in honest]
        assert sum(changed) > len(honest) / 2, mutation.__name__


def test_no_corrupt_frame_is_accepted_answered_or_remembered(recording: frames.Recording) -> None:
    report = frames.attack(recording, seed=2, count=COUNT)

    assert (report.accepted, report.answers, report.stored_bytes) == (0, 0, 0), report.bad
    assert 0 < report.set_aside <= RING_BURST, "of strangers, for people to look at"
    assert report.rejected.total() >= report.frames >= COUNT
    assert report.flows


def test_memory_stays_flat(tmp_path: Path) -> None:
    report = frames.run(tmp_path, seed=4, count=COUNT // 2, traced=True)

    assert report.kept, report.bad
    assert abs(report.grown_bytes) < GROWN_BYTES_MAX


def test_junk_that_names_a_far_epoch_costs_its_derivation_once(
    recording: frames.Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epochs up to the farthest are derived once; nothing beyond it derives anything."""
    engine = center_of(recording)
    steps = 0

    def junk(epoch: int) -> FrameReceived:
        salt = bytes([steps & 0xFF, 1, 2, 3])
        header = Header(
            FrameKind.SEALED, 1, Direction.UP, Precedence.ROUTINE, 9, epoch % 65536, salt
        )
        return heard(recording, encode_header(header) + bytes(40))

    for epoch in range(4, 1100):
        engine.handle(junk(epoch), now_of(recording))

    from crisiskit.crypto.keys import ChainKey

    def counted(*_arguments: object) -> ChainKey:
        raise AssertionError("a chain key was derived again")

    monkeypatch.setattr(ChainKey, "forward", counted)
    for steps in range(3000):
        step = engine.handle(junk(steps * 21), now_of(recording))
        assert not step.changes and not step.transmits


def test_junk_for_every_address_leaves_no_trace(recording: frames.Recording) -> None:
    engine = center_of(recording)
    before = engine.rejected.total()
    for number in range(0, KIT_NUMBER_MAX, 97):
        for direction in Direction:
            header = Header(FrameKind.SEALED, number, direction, Precedence.FLASH, 0)
            event = heard(recording, encode_header(header) + bytes(20))
            step = engine.handle(event, now_of(recording))
            assert not step.changes and not step.transmits
    assert engine.rejected.total() - before == 2 * len(range(0, KIT_NUMBER_MAX, 97))
    assert len(engine.rejected) < 12
