"""A kit compares its clock with the center's as often as it hears from there."""

from __future__ import annotations

import pytest

from crisiskit.codec.record import record_digest
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import PairingState, Snapshot
from crisiskit.step import ClockAgreed, Now, Queued, Raised
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import FrameReceived, FrameSent, LinkUp, OutboxChanged
from transports.link import Traits

KIT_FP, CENTER_FP = b"k" * 16, b"c" * 16
KEYS = {Direction.UP: b"u" * 32, Direction.DOWN: b"d" * 32}
MINUTE = 29_833_333
HOUR, DAY = 3600.0, 86_400.0
AGREED, WRONG = "agreed", "clock_wrong"


def engine(sends: Direction) -> Engine:
    up = sends is Direction.UP
    state = PairingState(
        pairing=1,
        network_id=bytes(16),
        kit_number=5,
        kit_fp=KIT_FP,
        own_fp=KIT_FP if up else CENTER_FP,
        peer_public=bytes(32),
        peer_fp=CENTER_FP if up else KIT_FP,
        sends=sends,
        send_epoch=0,
        send_chain=KEYS[sends],
        heard_chain_epoch=0,
        heard_chain=KEYS[sends.other],
        keeps_root=not up,
    )
    made = Engine(Snapshot((state,), ()), lambda count: b"salt"[:count])
    for transmit in made.handle(LinkUp("lan", Traits(4096, listens=not up)), Now(0, 0)).transmits:
        made.handle(FrameSent(transmit), Now(0, 0))
    return made


class Pair:
    """A kit whose clock is right by its own, and a center whose clock may say something else."""

    def __init__(self) -> None:
        self.kit, self.center = engine(Direction.UP), engine(Direction.DOWN)
        self.count = 0

    def exchange(self, at_s: float, center_ahead_s: float = 0, kit_ahead_s: float = 0) -> list[str]:
        """One message and its receipt; what the kit then says of its clock."""
        here, there = self.now(at_s, kit_ahead_s), self.now(at_s, center_ahead_s)
        self.count += 1
        record = Record(RecordKind.TEXT, Precedence.FLASH, MINUTE, f"n {self.count}")
        item = Queued(self.count, 1, record, record_digest(KIT_FP, record))
        (out,) = self.kit.handle(OutboxChanged((item,)), here).transmits
        self.kit.handle(FrameSent(out), here)
        (back,) = self.center.handle(FrameReceived("lan", "p", out.frame), there).transmits
        self.center.handle(FrameSent(back), there)
        step = self.kit.handle(FrameReceived("lan", "", back.frame), here)
        agreed = [AGREED for change in step.changes if isinstance(change, ClockAgreed)]
        return agreed + [c.notice.code for c in step.changes if isinstance(c, Raised)]

    @staticmethod
    def now(at_s: float, ahead_s: float) -> Now:
        return Now(at_s, MINUTE * 60_000 + int((at_s + ahead_s) * 1000))


def test_agreement_is_noted_at_most_once_an_hour() -> None:
    pair = Pair()
    said = [pair.exchange(at_s) for at_s in (1, 60, HOUR, HOUR + 1, HOUR + 60, 9 * HOUR)]
    assert said == [[AGREED], [], [], [AGREED], [], [AGREED]]


@pytest.mark.parametrize("off_s", [700, -700])
def test_a_clock_that_is_wrong_is_told_once_and_believed_when_it_agrees(off_s: int) -> None:
    pair = Pair()
    assert pair.exchange(1, off_s) == [WRONG]
    assert pair.exchange(60, off_s) == []
    assert pair.exchange(120) == [AGREED]


def test_a_clock_that_goes_wrong_later_is_noticed() -> None:
    pair = Pair()
    assert pair.exchange(1) == [AGREED]
    assert pair.exchange(DAY, 700) == [WRONG]


def test_a_receipt_that_was_long_on_its_way_puts_no_clock_in_doubt() -> None:
    pair = Pair()
    assert pair.exchange(1) == [AGREED]
    assert pair.exchange(DAY, -700) == []
    assert pair.exchange(8 * DAY, -700) == [WRONG], "but not for ever"


def test_a_clock_that_was_set_agrees_anew_at_once() -> None:
    pair = Pair()
    assert pair.exchange(1) == [AGREED]
    assert pair.exchange(60, 200, kit_ahead_s=100) == [AGREED]
