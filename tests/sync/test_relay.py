"""What a kit carries for its neighbours: from whom, for whom, how much, how long, at what cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crisiskit.carrying import Carried, CarriedDropped, CarriedOn, Met, Parted, RelayState
from crisiskit.codec.header import FrameKind, Header, decode_header, encode_header, with_epoch
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Rejected
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import PairingState, Snapshot
from crisiskit.step import Now, Queued, Spent, Step, Transmit
from crisiskit.sync.budget import Budget
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import (
    Event,
    FrameFailed,
    FrameReceived,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    PeerFound,
    PeerLost,
    Tick,
)
from crisiskit.sync.hours import parse_hours
from crisiskit.sync.offer import MTU_BYTES_MIN, NONE, OFFER_BYTES, Offer, decode_offer, encode_offer
from crisiskit.sync.policy import Policy, Terms
from crisiskit.sync.relay import DAY_MS, LIFE_MS, QUOTA_BYTES, QUOTA_FRAMES, RelayPolicy
from crisiskit.trusted import OrderState, Trust
from transports.link import Traits

OWN, B, C = 5, 7, 9
LAN = Traits(4096, listens=True, proves=True)
LINE = Traits(4096)
SAT = Traits(340, 10, 20, credit_bytes=50, repeat_s=1800, receipt_delay_s=600)
STICK = Traits(16_384, 4 * 3600, returns=False, carried=True, repeat_s=4 * 3600)
START_MS = 1_790_000_000_000
PAIRING = PairingState(
    pairing=1,
    network_id=bytes(16),
    kit_number=OWN,
    kit_fp=b"k" * 16,
    sends=Direction.UP,
    own_fp=b"k" * 16,
    peer_fp=b"c" * 16,
    peer_public=bytes(32),
    send_epoch=0,
    send_chain=b"u" * 32,
    heard_chain_epoch=0,
    heard_chain=b"d" * 32,
    keeps_root=False,
)


class Kit:
    """A kit whose links take everything at once, unless told otherwise."""

    def __init__(
        self,
        policy: RelayPolicy | None = None,
        carried: tuple[Carried, ...] = (),
        revoked: frozenset[int] = frozenset(),
        links: Policy | None = None,
    ) -> None:
        orders = OrderState(Trust(bytes(16), False, (bytes(32),), lists={1: revoked}), OWN)
        state = RelayState(OWN, {}, carried)
        self.engine = Engine(
            Snapshot((PAIRING,), (), orders, relay=state),
            lambda count: bytes(count),
            policy=links,
            relay=policy or RelayPolicy(mtu_bytes=340),
        )
        self.at_s = 0.0
        self.changes: list[object] = []
        self.left: list[Transmit] = []
        self.holds: set[str] = set()
        self.last = Step()

    def tell(self, event: Event) -> None:
        self.last = step = self.engine.handle(event, self.now)
        self.changes += step.changes
        self.left += step.transmits
        for transmit in step.transmits:
            if transmit.link not in self.holds:
                self.tell(FrameSent(transmit))

    @property
    def now(self) -> Now:
        return Now(self.at_s, START_MS + round(self.at_s * 1000))

    def up(self, link: str, traits: Traits) -> None:
        self.tell(LinkUp(link, traits))

    def meet(self, number: int) -> None:
        self.tell(PeerFound("lan", str(number), f"Kit {number}"))

    def hear(self, frame: bytes, link: str = "lan", peer: str = str(B)) -> None:
        self.tell(FrameReceived(link, peer, frame))

    def wait(self, seconds: float) -> None:
        self.at_s += seconds
        self.tell(Tick())

    def write(self, text: str, precedence: Precedence) -> None:
        record = Record(RecordKind.TEXT, precedence, self.now.minute, text)
        digest = record_digest(PAIRING.kit_fp, record)
        self.tell(OutboxChanged((Queued(len(self.left) + 1, 1, record, digest),)))

    def relayed(self, link: str) -> list[bytes]:
        """Frames of others that left by a link."""
        gone = (t for t in self.left if t.relayed and t.link == link)
        return [t.frame for t in gone if decode_offer(t.frame) is None]

    def of(self, kind: type) -> list[object]:
        return [change for change in self.changes if type(change) is kind]


@pytest.fixture
def kit() -> Kit:
    made = Kit()
    made.up("lan", LAN)
    made.meet(B)
    return made


def frame(
    number: int = B,
    way: Direction = Direction.UP,
    precedence: Precedence = Precedence.FLASH,
    counter: int = 0,
    kind: FrameKind = FrameKind.SEALED,
    size: int = 40,
) -> bytes:
    header = encode_header(Header(kind, number, way, precedence, counter))
    return header + bytes([counter & 0xFF]) * (size - len(header))


# -- from whom, for whom ---------------------------------------------------------------------


def test_a_frame_of_a_neighbour_leaves_as_it_came_after_it_was_kept(kit: Kit) -> None:
    kit.up("line", LINE)
    kit.hear(frame())
    kinds = [type(change) for change in kit.changes if type(change) in (Carried, CarriedOn)]
    assert kinds == [Carried, CarriedOn]
    assert kit.relayed("line") == [frame()]


def test_it_waits_until_there_is_a_way(kit: Kit) -> None:
    kit.hear(frame())
    assert kit.relayed("lan") == [], "never back where it came from"
    kit.wait(5 * 86_400)
    kit.up("line", LINE)
    assert kit.relayed("line") == [frame()]


@pytest.mark.parametrize(
    ("number", "link", "peer"),
    [
        (C, "lan", str(B)),
        (OWN, "lan", str(OWN)),
        (B, "line", ""),
        (B, "lan", "center"),
        (B, "lan", str(C)),
    ],
    ids=["another's", "our own", "not proven", "from the center", "who is not here"],
)
def test_up_it_takes_only_what_a_proven_neighbour_wrote(
    kit: Kit, number: int, link: str, peer: str
) -> None:
    kit.up("line", LINE)
    kit.hear(frame(number), link, peer)
    assert kit.of(Carried) == [] and kit.engine.rejected["unknown_station"] == 1


def test_down_it_takes_what_comes_by_its_own_way_for_one_it_met(kit: Kit) -> None:
    kit.up("line", LINE)
    down = frame(way=Direction.DOWN)
    kit.hear(down, "line", "")
    assert kit.relayed("lan") == [down]
    assert [t.peer for t in kit.left if t.frame == down] == [str(B)]
    kit.hear(frame(C, Direction.DOWN), "line", "")
    kit.hear(frame(C, Direction.DOWN), "lan", str(B))
    assert kit.relayed("lan") == [down], "nobody knows C, and B is no way of ours"


def test_down_it_keeps_what_is_for_one_who_went_away(kit: Kit) -> None:
    kit.up("line", LINE)
    kit.tell(PeerLost("lan", str(B)))
    down = frame(way=Direction.DOWN)
    kit.hear(down, "line", "")
    assert kit.relayed("lan") == [] and kit.of(Parted) == [Parted("lan", str(B))]
    kit.meet(B)
    assert kit.relayed("lan") == [down]


def test_after_a_week_without_meeting_nothing_more_is_taken_for_it(kit: Kit) -> None:
    kit.up("line", LINE)
    kit.tell(PeerLost("lan", str(B)))
    kit.at_s += LIFE_MS / 1000 + 1
    kit.hear(frame(way=Direction.DOWN), "line", "")
    assert kit.of(Carried) == []


def test_one_who_stays_for_weeks_remains_known(kit: Kit) -> None:
    kit.up("line", LINE)
    kit.wait(3 * LIFE_MS / 1000)
    down = frame(way=Direction.DOWN)
    kit.hear(down, "line", "")
    kit.tell(PeerLost("lan", str(B)))
    kit.hear(frame(way=Direction.DOWN, counter=1), "line", "")
    assert kit.relayed("lan") == [down] and len(kit.of(Carried)) == 2


def test_an_object_is_not_carried(kit: Kit) -> None:
    kit.hear(frame(kind=FrameKind.OBJECT))
    assert kit.of(Carried) == []


def test_nothing_is_done_for_the_revoked() -> None:
    kit = Kit(revoked=frozenset({B}), carried=(Carried(*KEPT),))
    kit.up("lan", LAN)
    kit.up("line", LINE)
    kit.meet(B)
    kit.hear(frame(counter=2))
    assert kit.relayed("line") == [] and kit.of(CarriedDropped) == [CarriedDropped((KEPT[0],))]


def test_who_allows_nothing_takes_nothing_and_offers_nothing() -> None:
    kit = Kit(RelayPolicy(allowed=False, mtu_bytes=340))
    kit.up("lan", LAN)
    kit.up("line", LINE)
    kit.meet(B)
    kit.hear(frame())
    assert kit.of(Carried) == [] and all(not t.relayed for t in kit.left)


def test_a_center_carries_nothing() -> None:
    center = Engine(
        Snapshot((replace(PAIRING, keeps_root=True, sends=Direction.DOWN),), ()),
        lambda count: bytes(count),
    )
    now = Now(0, START_MS)
    center.handle(LinkUp("lan", LAN), now)
    step = center.handle(PeerFound("lan", str(B), "Bravo"), now)
    assert step.changes == (Met("lan", str(B), "Bravo"),) and step.transmits == ()
    assert center.handle(FrameReceived("lan", str(B), frame()), now).changes == ()


# -- how much, how long ----------------------------------------------------------------------


def test_a_repeat_is_kept_once_and_one_that_names_its_life_takes_its_place(kit: Kit) -> None:
    kit.hear(frame())
    kit.hear(frame())
    assert len(kit.of(Carried)) == 1
    named = with_epoch(frame(), 3, b"salt")
    kit.hear(named)
    kit.up("line", LINE)
    assert kit.relayed("line") == [named]


def test_a_repeat_after_it_left_goes_on_again(kit: Kit) -> None:
    kit.up("line", LINE)
    kit.hear(frame())
    kit.hear(frame())
    assert kit.relayed("line") == [frame(), frame()], "only the writer knows that it is needed"


def test_a_megabyte_for_each_kit_and_the_urgent_has_room_in_it(kit: Kit) -> None:
    kit.meet(C)
    size = 4096
    for n in range(QUOTA_BYTES // size):
        kit.hear(frame(precedence=Precedence.ROUTINE, counter=n, size=size))
    kit.hear(frame(precedence=Precedence.ROUTINE, counter=60_000))
    assert kit.engine.rejected["quota"] == 1
    kit.hear(frame(precedence=Precedence.FLASH, counter=60_001))
    assert len(kit.of(CarriedDropped)) == 1 and len(kit.of(Carried)) == QUOTA_BYTES // size + 1
    kit.hear(frame(C, counter=1), peer=str(C))
    assert kit.engine.rejected["quota"] == 1, "another kit has a megabyte of its own"


def test_small_frames_are_counted_too() -> None:
    routine = (B, Direction.UP, Precedence.ROUTINE, False, frame(), START_MS)
    kit = Kit(carried=tuple(Carried(b"%016d" % n, *routine) for n in range(QUOTA_FRAMES)))
    kit.up("lan", LAN)
    kit.meet(B)
    kit.hear(frame(precedence=Precedence.ROUTINE, counter=60_000))
    assert kit.engine.rejected["quota"] == 1
    kit.hear(frame(precedence=Precedence.PRIORITY, counter=60_001))
    assert len(kit.of(CarriedDropped)) == 1 and len(kit.of(Carried)) == 1


KEPT = (b"n" * 16, B, Direction.UP, Precedence.FLASH, False, frame(), START_MS)


def test_after_seven_days_it_is_given_up(kit: Kit) -> None:
    kit.hear(frame())
    kit.wait(LIFE_MS / 1000 - 1)
    assert kit.of(CarriedDropped) == []
    assert kit.last.wake_at_s is not None
    kit.at_s = max(kit.last.wake_at_s, kit.at_s + 2)
    kit.tell(Tick())
    assert len(kit.of(CarriedDropped)) == 1


def test_a_clock_that_is_set_makes_nothing_older(kit: Kit) -> None:
    kit.hear(frame())
    jumped = Now(10, START_MS + 40 * 365 * DAY_MS)
    step = kit.engine.handle(Tick(), jumped)
    assert not any(isinstance(change, CarriedDropped) for change in step.changes)


def test_a_new_process_goes_on_with_what_was_kept() -> None:
    kit = Kit(carried=(Carried(*KEPT),))
    kit.up("line", LINE)
    assert kit.relayed("line") == [frame()]


def test_a_link_that_fails_or_dies_loses_nothing(kit: Kit) -> None:
    kit.holds.add("line")
    kit.up("line", LINE)
    for transmit in list(kit.left):
        kit.tell(FrameSent(transmit))
    kit.hear(frame())
    kit.tell(FrameFailed(kit.left[-1], 10.0))
    kit.wait(11)
    assert len(kit.relayed("line")) == 2
    kit.tell(LinkDown("line"))
    kit.up("line", LINE)
    kit.tell(FrameSent([one for one in kit.left if one.link == "line"][-1]))
    assert len(kit.relayed("line")) == 3, "after the hello of our own"


# -- at what cost ----------------------------------------------------------------------------


def test_a_dear_link_carries_what_is_urgent_and_receipts(kit: Kit) -> None:
    kit.up("sat", SAT)
    wanted = []
    for n, precedence in enumerate(Precedence):
        one = frame(precedence=precedence, counter=n)
        kit.hear(one)
        wanted += [one] if precedence >= Precedence.IMMEDIATE else []
    receipt = frame(precedence=Precedence.ROUTINE, kind=FrameKind.RECEIPT, counter=50)
    kit.hear(receipt)
    assert set(kit.relayed("sat")) == {*wanted, receipt}
    kit.up("line", LINE)
    assert len(kit.relayed("line")) == 2, "the rest goes where it costs nothing"


def test_the_budget_of_a_day_is_kept_and_the_next_day_has_its_own() -> None:
    kit = Kit(RelayPolicy(credits_day=3, mtu_bytes=340))
    kit.up("lan", LAN)
    kit.up("sat", SAT)
    kit.meet(B)
    for n in range(6):
        kit.hear(frame(counter=n))
    assert len(kit.relayed("sat")) == 3
    spent = [one for one in kit.of(CarriedOn) if isinstance(one, CarriedOn)]
    assert sum(one.credits for one in spent) == 3
    assert sum(one.credits for one in kit.of(Spent) if isinstance(one, Spent)) >= 3
    assert kit.last.wake_at_s is not None
    kit.at_s = kit.last.wake_at_s
    while kit.now.wall_ms // DAY_MS == START_MS // DAY_MS:
        kit.at_s += 3600
    kit.tell(Tick())
    assert len(kit.relayed("sat")) == 6


def test_what_is_with_a_link_counts_already() -> None:
    kit = Kit(RelayPolicy(credits_day=1, mtu_bytes=340))
    kit.up("lan", LAN)
    kit.up("one", SAT)
    kit.up("two", SAT)
    kit.meet(B)
    kit.holds |= {"one", "two"}
    for n in range(2):
        kit.hear(frame(counter=n))
    assert len(kit.relayed("one")) + len(kit.relayed("two")) == 1


def test_bytes_that_are_billed_have_a_budget_too() -> None:
    kit = Kit(RelayPolicy(bytes_day=100, mtu_bytes=340))
    kit.up("lan", LAN)
    kit.up("lte", replace(LINE, price_byte_micros=5))
    kit.meet(B)
    for n in range(4):
        kit.hear(frame(counter=n, size=40))
    assert len(kit.relayed("lte")) == 2


def test_a_frame_too_large_for_a_way_waits_for_another(kit: Kit) -> None:
    kit.up("sat", SAT)
    kit.hear(frame(size=341))
    assert kit.relayed("sat") == []
    kit.up("line", LINE)
    assert len(kit.relayed("line")) == 1


def test_what_is_encrypted_never_leaves_where_that_is_forbidden() -> None:
    kit = Kit()
    kit.up("lan", LAN)
    kit.up("radio", replace(LINE, may_encrypt=False))
    kit.meet(B)
    kit.hear(frame())
    assert kit.relayed("radio") == []


def test_what_is_carried_for_others_counts_against_the_budget_of_the_link_too() -> None:
    kit = Kit(
        RelayPolicy(credits_day=50, mtu_bytes=340),
        links=Policy({"sat": Terms(SAT, budget=Budget(credits=4))}),
    )
    kit.up("lan", LAN)
    kit.up("sat", SAT)
    kit.meet(B)
    for n in range(6):
        kit.hear(frame(precedence=Precedence.IMMEDIATE, counter=n))
    assert len(kit.relayed("sat")) == 3, "the last twentieth is for FLASH, and rounds up"
    kit.hear(frame(precedence=Precedence.FLASH, counter=9))
    assert len(kit.relayed("sat")) == 4
    purses = [one.purse for one in kit.of(Spent) if isinstance(one, Spent) and one.purse]
    assert purses[-1].credits == 4
    kit.write("hurry", Precedence.IMMEDIATE)
    assert [one for one in kit.left if one.link == "sat" and not one.relayed] == []


def test_the_hours_of_a_link_hold_for_what_is_carried_too() -> None:
    at = (START_MS // 60_000) % 1440
    later = (at + 120) % 1440
    hours = parse_hours([f"{later // 60:02}:{later % 60:02}-{(later // 60 + 2) % 24:02}:00"])
    kit = Kit(links=Policy({"line": Terms(LINE, hours=hours)}))
    kit.up("lan", LAN)
    kit.up("line", LINE)
    kit.meet(B)
    kit.hear(frame(precedence=Precedence.PRIORITY))
    assert kit.relayed("line") == []
    while not kit.relayed("line") and kit.at_s < 3 * 3600:
        assert kit.last.wake_at_s is not None
        kit.at_s = max(kit.last.wake_at_s, kit.at_s + 1)
        kit.tell(Tick())
    assert len(kit.relayed("line")) == 1 and kit.at_s >= 7000


def test_a_stick_takes_nothing_that_another_way_is_free_for_or_will_be() -> None:
    kit = Kit()
    kit.up("lan", LAN)
    kit.up("sat", SAT)
    kit.up("stick", STICK)
    kit.meet(B)
    kit.wait(1)
    kit.holds.add("sat")
    kit.hear(frame(counter=1))
    kit.hear(frame(counter=2))
    assert len(kit.relayed("sat")) == 1 and kit.relayed("stick") == []
    kit.tell(FrameSent([one for one in kit.left if one.link == "sat"][-1]))
    assert len(kit.relayed("sat")) == 2 and kit.relayed("stick") == []
    kit.hear(frame(precedence=Precedence.ROUTINE, counter=3))
    assert len(kit.relayed("stick")) == 1, "nothing else will take it"


def test_junk_from_above_leaves_a_kit_its_room() -> None:
    down = (B, Direction.DOWN, Precedence.FLASH, False, frame(way=Direction.DOWN), START_MS)
    kit = Kit(carried=tuple(Carried(b"%016d" % n, *down) for n in range(QUOTA_FRAMES)))
    kit.up("lan", LAN)
    kit.up("line", LINE)
    kit.holds.add("lan")
    kit.meet(B)
    kit.hear(frame())
    assert kit.relayed("line") == [frame()]


# -- our own traffic -------------------------------------------------------------------------


def test_our_own_comes_first_and_what_is_urgent_of_others_before_our_routine(kit: Kit) -> None:
    kit.holds.add("line")
    kit.up("line", LINE)
    for transmit in list(kit.left):
        kit.tell(FrameSent(transmit))
    begun = len(kit.left)

    def order() -> list[str]:
        return ["theirs" if one.relayed else "ours" for one in kit.left[begun:]]

    kit.write("routine 1", Precedence.ROUTINE)
    for n in range(3):
        kit.hear(frame(counter=n))
    kit.hear(frame(counter=9, precedence=Precedence.ROUTINE))
    kit.write("flash", Precedence.FLASH)
    for n in range(4):
        kit.tell(FrameSent(kit.left[-1]))
        kit.write(f"routine {n + 2}", Precedence.ROUTINE)
    assert order() == ["ours", "ours", "theirs", "ours", "theirs"], "every other time at most"
    for _ in range(7):
        kit.tell(FrameSent(kit.left[-1]))
    assert kit.left[-1].frame == frame(counter=9, precedence=Precedence.ROUTINE)


# -- offers ----------------------------------------------------------------------------------


def offers(kit: Kit) -> list[Offer]:
    found = (decode_offer(one.frame) for one in kit.left if one.relayed)
    return [offer for offer in found if offer is not None]


def test_a_neighbour_is_told_what_it_can_have_whenever_that_changes(kit: Kit) -> None:
    assert offers(kit)[-1] == Offer(False, 340, repeat_s=1800, rate_bytes_s=1)
    kit.up("sat", SAT)
    assert offers(kit)[-1] == Offer(True, 340, 50, 10, 1800, 600, 20)
    kit.up("line", LINE)
    assert offers(kit)[-1].free and offers(kit)[-1].mtu_bytes == 4096
    kit.tell(LinkDown("line"))
    assert offers(kit)[-1].credit_bytes == 50
    count = len(offers(kit))
    kit.wait(100)
    assert len(offers(kit)) == count


def test_the_center_beside_us_is_a_free_way(kit: Kit) -> None:
    kit.tell(PeerFound("lan", "center", "center"))
    assert offers(kit)[-1].free
    kit.hear(frame())
    assert [t.peer for t in kit.left if t.frame == frame()] == ["center"]


def test_a_kit_without_a_way_of_its_own_writes_through_the_one_that_offers(kit: Kit) -> None:
    kit.write("water", Precedence.ROUTINE)
    assert all(one.relayed for one in kit.left), "nobody leads anywhere yet"
    kit.hear(encode_offer(Offer(True, 100, 0, 1, 10, 0, 1000)))
    ours = [one for one in kit.left if not one.relayed]
    assert ours and {(one.link, one.peer) for one in ours} == {("lan", str(B))}
    assert all(len(one.frame) <= 100 for one in ours), "cut to what goes through"
    kit.hear(encode_offer(NONE))
    count = len(kit.left)
    kit.write("food", Precedence.FLASH)
    assert len(kit.left) == count


def test_through_a_dear_way_of_a_neighbour_it_is_the_neighbour_who_pays(kit: Kit) -> None:
    kit.hear(encode_offer(Offer(True, 340, 50, 10, 1800, 600, 20)))
    kit.write("collapse", Precedence.FLASH)
    assert [one for one in kit.left if not one.relayed]
    assert all(one.credits == 0 for one in kit.of(Spent) if isinstance(one, Spent))


def test_our_own_way_comes_before_a_neighbour_who_pays(kit: Kit) -> None:
    kit.hear(encode_offer(Offer(True, 340, 50, 10, 1800, 600, 20)))
    kit.up("sat", SAT)
    kit.write("collapse", Precedence.FLASH)
    assert {one.link for one in kit.left if not one.relayed} == {"sat"}


def test_an_offer_counts_only_from_who_is_here_and_only_on_such_a_link(kit: Kit) -> None:
    kit.up("line", LINE)
    kit.hear(encode_offer(Offer(True, 4096)), "line", "")
    kit.hear(encode_offer(Offer(True, 4096)), "lan", str(C))
    kit.hear(encode_offer(Offer(True, 4096)), "lan", "center")
    assert kit.engine.offers() == {}


def test_offers_outlive_an_engine_that_starts_again(kit: Kit) -> None:
    kit.hear(encode_offer(Offer(True, 200)))
    again = Kit()
    again.engine.adopt({}, kit.engine.offers())
    again.up("lan", LAN)
    again.meet(B)
    again.write("water", Precedence.ROUTINE)
    assert [one.peer for one in again.left if not one.relayed]


def test_an_offer_is_17_bytes_and_no_frame() -> None:
    data = encode_offer(Offer(True, 340, 50, 10, 1800, 600, 20))
    assert len(data) == OFFER_BYTES and isinstance(decode_header(data), Rejected)
    assert decode_offer(data + b"more, one day") == Offer(True, 340, 50, 10, 1800, 600, 20)
    assert decode_offer(data[:-1]) is None and decode_offer(b"") is None
    assert not Offer(True, MTU_BYTES_MIN - 1).leads
