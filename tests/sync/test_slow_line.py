"""Two engines and a slow line under a virtual clock: no second of it is wasted.

The line carries 240 bytes a second, with 0.9 s each way, as an Iridium data call does. What is
on it while it is dead is lost; nobody tells the stations.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import count

import pytest

from crisiskit.codec import content
from crisiskit.codec.record import record_digest
from crisiskit.codec.shortest import ALL_CODECS
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import PairingState, Snapshot
from crisiskit.step import Acknowledged, Arrived, Now, Queued, Sealed, Step, Transmit
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import Event, FrameReceived, FrameSent, LinkUp, OutboxChanged, Tick
from transports.framing import encode
from transports.link import Traits
from transports.serial import SerialLine, SerialSettings

MINUTE = 29_833_333
KIT_FP, CENTER_FP = b"k" * 16, b"c" * 16
KEYS = {Direction.UP: b"u" * 32, Direction.DOWN: b"d" * 32}
BYTE_S, LATENCY_S = 1 / 240, 0.9
LEAD_S = 0.3
MAKING_S = 0.02  # a commit, and the way through the operating system
LINE = SerialLine().traits(SerialSettings(port="x", rate_bit_s=2400, latency_s=LATENCY_S), {})

Outages = Sequence[tuple[float, float]]


def station(sends: Direction) -> Engine:
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
    return Engine(Snapshot((state,), ()), lambda n: b"salt"[:n])


class Line:
    """Kit and center; runs until the center has all texts, and then until the kit knows."""

    def __init__(
        self,
        outages: Outages = (),
        lost: Callable[[int], bool] = lambda number: False,
        traits: Traits = LINE,
    ) -> None:
        self.now_s = 0.0
        self.outages, self.lost = outages, lost
        self.bytes_up = self.frames_up = 0
        self.held = self.sealed = 0
        self.elsewhere: list[Transmit] = []
        self.came: set[str] = set()
        self._traits = traits
        self._ends = {sends: station(sends) for sends in Direction}
        self._free_s = dict.fromkeys(Direction, 0.0)
        self._wakes: dict[Direction, float | None] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        for sends in Direction:
            self.take(sends, LinkUp("line", traits))

    def keep(self, texts: Iterable[str], at_s: float = 10.0) -> None:
        """These are kept at the kit then."""
        records = [Record(RecordKind.TEXT, Precedence.ROUTINE, MINUTE, text) for text in texts]
        kept = [Queued(n, 1, r, record_digest(KIT_FP, r)) for n, r in enumerate(records)]
        self._at(at_s, lambda: self.take(Direction.UP, OutboxChanged(tuple(kept))))

    def until(self, true: Callable[[], bool], most_s: float = 1000.0) -> float:
        """Run until it is true; when that was."""
        while not true():
            self.now_s, _, happen = heapq.heappop(self._events)
            assert self.now_s < most_s, "it never came"
            happen()
        return self.now_s

    def run_until(self, s: float) -> None:
        """Let everything happen that happens before."""
        while self._events and self._events[0][0] < s:
            self.now_s, _, happen = heapq.heappop(self._events)
            happen()

    def _at(self, s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(s, self.now_s), next(self._order), happen))

    def take(self, sends: Direction, event: Event) -> None:
        now = Now(self.now_s, MINUTE * 60_000 + int(self.now_s * 1000))
        self._follow(sends, self._ends[sends].handle(event, now))

    def _follow(self, sends: Direction, step: Step) -> None:
        for change in step.changes:
            if isinstance(change, Arrived):
                self.came.update(record.text for record in change.records)
            if isinstance(change, Sealed):
                self.sealed += 1
            if isinstance(change, Acknowledged) and sends is Direction.UP:
                self.held = max(self.held, change.held_below)
        for transmit in step.transmits:
            self._put(sends, transmit)
        if step.wake_at_s != self._wakes.get(sends):
            self._wakes[sends] = step.wake_at_s
            if step.wake_at_s is not None:
                self._at(step.wake_at_s, lambda: self._wake(sends))

    def _wake(self, sends: Direction) -> None:
        due = self._wakes.get(sends)
        if due is not None and due <= self.now_s:
            self._wakes[sends] = None
            self.take(sends, Tick())

    def _put(self, sends: Direction, transmit: Transmit) -> None:
        if transmit.link != "line":
            self.elsewhere.append(transmit)
            return
        size = len(encode(transmit.frame, mends=True))
        start = max(self.now_s + MAKING_S, self._free_s[sends])
        end = self._free_s[sends] = start + size * BYTE_S
        if sends is Direction.UP:
            self.bytes_up += size
            self.frames_up += 1
        self._at(end - LEAD_S, lambda: self.take(sends, FrameSent(transmit)))
        dead = any(start < over and end > since for since, over in self.outages)
        if not dead and not (sends is Direction.UP and self.lost(self.frames_up)):
            came = FrameReceived("line", "", transmit.frame)
            self._at(end + LATENCY_S, lambda: self.take(sends.other, came))


WORDS = ("water", "road", "bridge", "people", "need", "help", "roof", "flood", "food", "tent")
START_S = 10.0
BATCH = 60


def texts(number: int) -> list[str]:
    chance = random.Random(number)
    return [f"{n} " + " ".join(chance.choices(WORDS, k=12)) for n in range(number)]


def seconds(line: Line, number: int = BATCH) -> float:
    """From the keeping of so many texts until the center has the last."""
    line.keep(texts(number), START_S)
    return line.until(lambda: len(line.came) == number, most_s=4000.0) - START_S


@pytest.fixture(scope="module")
def clean_s() -> float:
    """Without any trouble."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "_QUICK_CODECS", ALL_CODECS)
        return seconds(Line())


def test_on_a_clean_line_nothing_is_sent_twice(clean_s: float) -> None:
    line = Line()
    line.keep(texts(BATCH), START_S)
    line.until(lambda: len(line.came) == BATCH)
    line.until(lambda: line.held == line.sealed)
    assert line.frames_up == 1 + line.sealed, "one hello, and each envelope once"
    assert line.bytes_up * BYTE_S + LATENCY_S < clean_s + 0.5, "and the line was never idle"


@pytest.mark.parametrize("dead_s", [1.0, 3.0, 5.0, 7.5])
def test_an_outage_costs_little_more_than_it_lasts(clean_s: float, dead_s: float) -> None:
    outage = (START_S + dead_s, START_S + dead_s + 20)
    frame_s = LINE.mtu_bytes * BYTE_S
    # At worst two frames are cut, one at either end of it; and before the first receipt nobody
    # knows how soon one is late.
    assert seconds(Line([outage])) <= clean_s + 20 + 2 * frame_s + 2


def test_one_text_is_through_soon_after_any_outage() -> None:
    for outage_s in (20, 200, 2000):
        line = Line([(START_S, START_S + outage_s)])
        assert seconds(line, 1) <= outage_s * (1 + 1 / 8) + 8


def test_a_line_that_stays_dead_is_tried_more_and_more_seldom() -> None:
    line = Line([(START_S, 1e9)])
    line.keep(texts(1), START_S)
    tried = []
    for until_s in (3600.0, 8 * 3600.0):
        line.run_until(until_s)
        tried.append(line.frames_up)
    assert tried[0] < 60
    assert tried[-1] - tried[0] < 30


def test_a_lost_frame_is_sent_again_as_soon_as_a_later_one_is_receipted(clean_s: float) -> None:
    line = Line(lost=lambda number: number == 3)
    # Here the later one is the last: its receipt needs a round trip.
    assert seconds(line) <= clean_s + LINE.mtu_bytes * BYTE_S + 2 * LATENCY_S + 1
    line.until(lambda: line.held == line.sealed)
    assert line.frames_up == 2 + line.sealed, "and nothing else was"


def test_the_last_frame_is_sent_again_as_soon_as_its_receipt_is_late(clean_s: float) -> None:
    line = Line()
    seconds(line)
    last = line.frames_up
    assert seconds(Line(lost=lambda number: number == last)) <= clean_s + 6


def test_what_is_often_tried_for_nothing_is_not_soon_paid_for_elsewhere() -> None:
    line = Line([(START_S, 1e9)])
    line.take(Direction.UP, LinkUp("dear", Traits(340, credit_bytes=50, repeat_s=1800)))
    line.keep(texts(1), START_S)
    assert line.until(lambda: bool(line.elsewhere)) >= START_S + 15
