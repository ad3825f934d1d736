"""The engine does what the policy says: patience, hours, budgets, flights, and FLASH first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from crisiskit.codec.batch import frames_of, is_batch
from crisiskit.codec.record import record_digest
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import PairingState, Snapshot
from crisiskit.step import Now, Purse, Queued, Sealed, Sent, Spent, Step, Transmit
from crisiskit.sync.budget import DAY_MS, Budget
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import (
    Billed,
    Event,
    FrameFailed,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    Tick,
)
from crisiskit.sync.hours import Hours
from crisiskit.sync.patience import Patience
from crisiskit.sync.policy import Policy, Terms
from transports.link import Traits

KIT_FP = b"k" * 16
WIFI = Traits(4096, repeat_s=1e6)
SAT = Traits(340, latency_s=10, credit_bytes=50, repeat_s=1e6, receipt_delay_s=600)
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2
MINUTE = NOON_MS // 60_000
NOISE = "".join(chr(0x4E00 + 37 * n % 20000) for n in range(3000))


class Kit:
    """An engine under a virtual clock, with the alarms it asks for."""

    def __init__(
        self, policy: Policy, purses: Sequence[tuple[str, Purse]] = (), ahead_ms: int = 0
    ) -> None:
        state = PairingState(
            1, bytes(16), 5, KIT_FP, Direction.UP, KIT_FP, b"c" * 16, bytes(32),
            0, b"u" * 32, 0, b"d" * 32, keeps_root=False,
        )  # fmt: skip
        snapshot = Snapshot((state,), (), purses=tuple(purses))
        self.engine = Engine(snapshot, lambda n: b"salt"[:n], policy=policy)
        self.now_s = 0.0
        self.ahead_ms = ahead_ms
        self.count = 0
        self.wake_s: float | None = None
        self.aloft: list[Transmit] = []
        self.spent: list[Spent] = []

    @property
    def wall_ms(self) -> int:
        return NOON_MS + self.ahead_ms + round(self.now_s * 1000)

    def tell(self, event: Event) -> Step:
        step = self.engine.handle(event, Now(self.now_s, self.wall_ms, 0))
        self.wake_s = step.wake_at_s
        self.aloft += step.transmits
        self.spent += [change for change in step.changes if isinstance(change, Spent)]
        return step

    def say(self, text: str, precedence: Precedence = Precedence.ROUTINE) -> Step:
        self.count += 1
        record = Record(RecordKind.TEXT, precedence, MINUTE, text)
        digest = record_digest(KIT_FP, record)
        item = Queued(self.count, 1, record, digest, kept_at=self.wall_ms)
        return self.tell(OutboxChanged((item,)))

    def take(self) -> Step:
        """The link takes the oldest frame that is with it."""
        return self.tell(FrameSent(self.aloft.pop(0)))

    def drain(self) -> list[int]:
        """All that leaves now, by the sizes of the frames."""
        sizes = []
        while self.aloft:
            sizes.append(len(self.aloft[0].frame))
            self.take()
        return sizes

    def at(self, time_s: float) -> list[str]:
        """Let time pass, with all alarms on the way; the links by which all but FLASH left."""
        left: list[str] = []
        while self.wake_s is not None and self.wake_s <= time_s:
            self.now_s = max(self.now_s, self.wake_s)
            self.tell(Tick())
            while self.aloft:
                slow = precedence_of(self.aloft[0]) < Precedence.FLASH
                left += [self.aloft[0].link] if slow else []
                self.take()
        self.now_s = time_s
        return left


def links(step: Step) -> list[str]:
    return [transmit.link for transmit in step.transmits]


def precedence_of(transmit: Transmit) -> Precedence:
    return Precedence(transmit.frame[0] & 3)


def policy(
    budget: Budget | None = None, hours: Hours | None = None, patience: Patience | None = None
) -> Policy:
    sat = Terms(SAT, hours or Hours(), budget or Budget())
    return Policy({"wifi": Terms(WIFI), "sat": sat}, patience or Patience())


def test_routine_waits_out_its_patience_for_wifi_then_leaves_by_satellite() -> None:
    kit = Kit(policy())
    kit.tell(LinkUp("sat", SAT))
    assert kit.say("water").transmits == ()
    assert kit.wake_s is not None
    assert kit.at(1799) == []
    assert kit.at(1801) == ["sat"]


def test_priority_waits_less_and_brings_routine_along_only_in_its_credit() -> None:
    kit = Kit(policy())
    kit.tell(LinkUp("sat", SAT))
    for n in range(20):
        kit.say(f"the water of well {n} is good")
    kit.say("the bridge is closed", Precedence.PRIORITY)
    assert kit.at(299) == []
    assert kit.at(301) == ["sat"]
    assert [one.credits for one in kit.spent] == [1]
    assert kit.engine.waiting_precedence(1) is Precedence.ROUTINE


def test_wifi_that_comes_in_time_takes_it_for_nothing() -> None:
    kit = Kit(policy())
    kit.tell(LinkUp("sat", SAT))
    kit.say("water")
    kit.at(900)
    up = kit.tell(LinkUp("wifi", WIFI))
    assert "wifi" in links(up)
    assert "sat" not in links(up)


@pytest.mark.parametrize("precedence", [Precedence.IMMEDIATE, Precedence.FLASH])
def test_what_is_urgent_leaves_at_once(precedence: Precedence) -> None:
    kit = Kit(policy())
    kit.tell(LinkUp("sat", SAT))
    assert links(kit.say("collapse", precedence)) == ["sat"]


def test_nothing_waits_for_a_free_link_that_is_not_set_up() -> None:
    kit = Kit(Policy({"sat": Terms(SAT)}))
    kit.tell(LinkUp("sat", SAT))
    assert links(kit.say("water")) == ["sat"]


def test_patience_moves_with_a_clock_that_is_set() -> None:
    kit = Kit(policy())
    kit.tell(LinkUp("sat", SAT))
    kit.say("water")
    kit.ahead_ms -= 400 * DAY_MS
    assert kit.at(1790) == []
    assert kit.at(1810) == ["sat"]


def test_hours_are_kept_by_all_but_flash() -> None:
    night = Hours(((22 * 60, 6 * 60),))
    kit = Kit(policy(hours=night, patience=Patience(0, 0)))
    kit.tell(LinkUp("sat", SAT))
    assert kit.say("water").transmits == ()
    assert kit.say("hurry", Precedence.IMMEDIATE).transmits == ()
    assert links(kit.say("collapse", Precedence.FLASH)) == ["sat"]
    kit.drain()
    assert kit.at(10 * 3600 - 1) == []
    assert kit.at(10 * 3600 + 1) == ["sat", "sat"]


def test_a_budget_and_its_reserves_are_kept_until_midnight() -> None:
    kit = Kit(policy(Budget(credits=20), patience=Patience(0, 0)))
    kit.tell(LinkUp("sat", SAT))
    for n in range(30):
        kit.say(NOISE[50 * n : 50 * n + 50])
        kit.drain()
    assert 12 <= sum(one.credits for one in kit.spent) <= 16
    for n in range(30):
        kit.say(f"hurry {n}", Precedence.IMMEDIATE)
        kit.drain()
    assert 16 <= sum(one.credits for one in kit.spent) <= 19
    assert sum(one.credits for one in kit.spent) <= 19
    assert links(kit.say("collapse", Precedence.FLASH)) == ["sat"]
    kit.drain()
    assert kit.at(12 * 3600 - 5) == [], "the FLASH alone is repeated"
    assert "sat" in kit.at(12 * 3600 + 700)
    assert sum(one.credits for one in kit.spent) > 20


def test_a_new_process_and_a_clock_set_back_have_the_same_purse() -> None:
    kit = Kit(
        policy(Budget(credits=20), patience=Patience(0, 0)),
        [("sat", Purse(20_000, 1000, 20, 0))],
        ahead_ms=-3 * DAY_MS,
    )
    kit.tell(LinkUp("sat", SAT))
    assert kit.say("water").transmits == ()
    assert kit.say("hurry", Precedence.IMMEDIATE).transmits == ()
    assert kit.at(11 * 3600) == []
    assert kit.at(13 * 3600) != []


def test_a_flash_goes_over_a_budget_that_is_all_spent_and_nothing_rides_with_it() -> None:
    kit = Kit(
        policy(Budget(credits=20), patience=Patience(0, 0)),
        [("sat", Purse(20_000, 1000, 20, 0))],
    )
    kit.tell(LinkUp("sat", SAT))
    assert kit.say("water").transmits == ()
    assert kit.say("hurry", Precedence.IMMEDIATE).transmits == ()
    assert links(kit.say("collapse", Precedence.FLASH)) == ["sat"]
    assert precedence_of(kit.aloft[-1]) is Precedence.FLASH
    kit.drain()
    assert kit.at(12 * 3600 - 5) == []


def test_a_flash_leaves_between_two_parts_of_what_is_large() -> None:
    kit = Kit(policy())
    kit.tell(LinkUp("thin", replace(WIFI, mtu_bytes=64)))
    kit.drain()
    kit.say(NOISE[:800])
    assert len(kit.aloft) == 1
    kit.take()
    kit.say("collapse", Precedence.FLASH)
    kit.take()
    assert precedence_of(kit.aloft[-1]) is Precedence.FLASH


def test_bulk_yields_to_all_else_that_waits() -> None:
    kit = Kit(policy())
    kit.tell(LinkUp("thin", replace(WIFI, mtu_bytes=64)))
    kit.drain()
    kit.say(NOISE[:800])
    kit.take()
    kit.say("water")
    sealed = [change for change in kit.take().changes if isinstance(change, Sealed)]
    assert [change.deliveries for change in sealed] == [(2,)]


def test_of_several_flights_routine_leaves_one_to_the_others() -> None:
    imt = replace(SAT, mtu_bytes=100_000, flights=3)
    kit = Kit(Policy({"imt": Terms(imt)}))
    kit.tell(LinkUp("imt", imt))
    for n in range(6):
        kit.say(f"water {n}")
    assert len(kit.aloft) == 2
    kit.say("collapse", Precedence.FLASH)
    assert len(kit.aloft) == 3
    assert precedence_of(kit.aloft[-1]) is Precedence.FLASH
    kit.say("again", Precedence.FLASH)
    assert len(kit.aloft) == 3, "three are three"
    kit.tell(FrameFailed(kit.aloft.pop(1), 1000.0))
    assert len(kit.aloft) == 2


def test_a_link_that_goes_down_gives_back_what_was_under_way() -> None:
    kit = Kit(policy(Budget(credits=10), patience=Patience(0, 0)))
    kit.tell(LinkUp("sat", SAT))
    kit.say(NOISE[:60])
    assert len(kit.aloft) == 1
    kit.tell(LinkDown("sat"))
    kit.aloft.clear()
    kit.tell(LinkUp("sat", SAT))
    assert len(kit.aloft) == 1, "nothing was paid, so it may leave again"


def test_what_is_billed_after_the_link_went_down_counts_all_the_same() -> None:
    kit = Kit(policy(Budget(credits=10), patience=Patience(0, 0)))
    kit.tell(LinkUp("sat", SAT))
    kit.say(NOISE[:60])
    frame = kit.aloft[0].frame
    kit.tell(LinkDown("sat"))
    kit.take()
    kit.tell(Billed("sat", len(frame)))
    assert [one.credits for one in kit.spent] == [SAT.price(len(frame)).credits] * 2


def test_what_left_of_an_envelope_need_not_leave_again_by_a_thinner_link() -> None:
    wide, thin = replace(WIFI, mtu_bytes=300), replace(WIFI, mtu_bytes=100)
    kit = Kit(policy())
    kit.tell(LinkUp("wide", wide))
    kit.drain()
    kit.say(NOISE[:350])
    for _ in range(2):
        kit.take()
    total = kit.aloft[0].frame[5 + 6] + 1 if kit.aloft[0].frame[0] & 4 else 0
    kit.aloft.clear()
    kit.tell(LinkDown("wide"))
    kit.tell(LinkUp("thin", thin))
    parts = [one for one in kit.aloft if one.carries.part is not None]
    while kit.aloft:
        step = kit.take()
        parts += [one for one in step.transmits if one.carries.part is not None]
    count = parts[0].frame[11] + 1
    assert total == 3 and count % 3 == 0 and count > 3
    indexes = [one.carries.part for one in parts]
    assert indexes == list(range(2 * count // total, count))


def test_a_whole_queue_leaves_in_one_session_of_a_wide_link() -> None:
    imt = replace(SAT, mtu_bytes=100_000)
    kit = Kit(Policy({"imt": Terms(imt)}))
    for n in range(5):
        kit.say(NOISE[500 * n : 500 * n + 500] + f" {n}")
    up = kit.tell(LinkUp("imt", imt))
    assert len(up.transmits) == 1
    (transmit,) = up.transmits
    assert is_batch(transmit.frame)
    sealed = [change for change in up.changes if isinstance(change, Sealed)]
    assert len(frames_of(transmit.frame)) == len(sealed) > 1
    assert sorted(d for one in sealed for d in one.deliveries) == [1, 2, 3, 4, 5]
    taken = kit.take()
    sent = [change for change in taken.changes if isinstance(change, Sent)]
    price = imt.price(len(transmit.frame))
    assert sum(one.frame_bytes for one in sent) == len(transmit.frame)
    assert sum(one.credits for one in sent) == price.credits == kit.spent[0].credits
    assert all(one.whole for one in sent)


def test_a_batch_that_was_not_taken_leaves_again_whole() -> None:
    imt = replace(SAT, mtu_bytes=100_000)
    kit = Kit(Policy({"imt": Terms(imt)}))
    for n in range(5):
        kit.say(NOISE[500 * n : 500 * n + 500] + f" {n}")
    kit.tell(LinkUp("imt", imt))
    first = kit.aloft.pop(0)
    kit.tell(FrameFailed(first, 5.0))
    kit.now_s += 6
    kit.tell(Tick())
    (again,) = kit.aloft
    assert sorted(frames_of(again.frame)) == sorted(frames_of(first.frame))


def test_with_a_flash_travels_nothing_slower_and_on_a_free_line_nothing_at_all() -> None:
    imt = replace(SAT, mtu_bytes=100_000)
    kit = Kit(Policy({"imt": Terms(imt)}))
    kit.say(NOISE[:900])
    kit.say("collapse", Precedence.FLASH)
    (alone,) = kit.tell(LinkUp("imt", imt)).transmits
    assert precedence_of(alone) is Precedence.FLASH
    line = Kit(Policy({"wifi": Terms(WIFI)}))
    for n in range(9):
        line.say(NOISE[900 * n : 900 * n + 900])
    line.tell(LinkUp("wifi", WIFI))
    assert not any(is_batch(one.frame) for one in line.aloft)


def test_a_last_credit_is_not_started_for_a_few_bytes_while_more_waits() -> None:
    kit = Kit(Policy({"sat": Terms(SAT)}))
    kit.say("x" * 10)
    for n in range(40):
        kit.say(NOISE[13 * n : 13 * n + 13])
    kit.tell(LinkUp("sat", SAT))
    sizes = kit.drain()
    assert len(sizes) > 3
    assert all(size % 50 == 0 or size % 50 > 25 for size in sizes[:-1]), sizes
