"""Where encryption is forbidden: what may leave, what waits, what is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crisiskit.codec.acks import Receipt, decode_receipt
from crisiskit.codec.header import FrameKind, Header, decode_header, is_clear
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import ChainKey
from crisiskit.crypto.seal import open_frame
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import PairingState, Snapshot
from crisiskit.step import Acknowledged, Arrived, Change, Now, Queued, Raised, Sealed, Step
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import (
    FrameReceived,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    Tick,
)
from transports.link import Traits

KIT_FP, CENTER_FP = b"k" * 16, b"c" * 16
KEYS = {Direction.UP: b"u" * 32, Direction.DOWN: b"d" * 32}
RADIO = Traits(4096, may_encrypt=False)
RADIO_CENTER = Traits(4096, listens=True, may_encrypt=False)
SAT = Traits(340, latency_s=20, credit_bytes=50, price_credit_micros=80_000, repeat_s=1800)
MINUTE = 29_833_333


def now(s: float) -> Now:
    return Now(s, MINUTE * 60_000 + int(s * 1000))


def pairing(sends: Direction) -> PairingState:
    up = sends is Direction.UP
    return PairingState(
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


def engine(sends: Direction, clear: bool = True, **links: Traits) -> Engine:
    made = Engine(Snapshot((pairing(sends),), ()), lambda n: b"salt"[:n], clear=clear)
    for name, traits in (links or {"radio": RADIO}).items():
        for transmit in made.handle(LinkUp(name, traits), now(0)).transmits:
            made.handle(FrameSent(transmit), now(0))
    return made


def center(clear: bool = True, **links: Traits) -> Engine:
    return engine(Direction.DOWN, clear, **(links or {"radio": RADIO_CENTER}))


def message(n: int, text: str, clear: bool = True, urgency: int = 0) -> Queued:
    record = Record(RecordKind.TEXT, Precedence(urgency), MINUTE, text)
    return Queued(n, 1, record, record_digest(KIT_FP, record), clear=clear)


def write(to: Engine, *items: Queued, s: float = 1) -> Step:
    return to.handle(OutboxChanged(items), now(s))


def relay(step: Step, to: Engine, s: float, link: str = "radio") -> Step:
    return to.handle(FrameReceived(link, "", step.transmits[0].frame), now(s))


def kind_of(frame: bytes) -> FrameKind:
    return header_of(frame).kind


def header_of(frame: bytes) -> Header:
    found = decode_header(frame)
    assert not isinstance(found, Rejected)
    return found[0]


def only(step: Step, kind: type[Change]) -> list[Change]:
    return [change for change in step.changes if type(change) is kind]


def notices(step: Step) -> list[str]:
    return [change.notice.code for change in step.changes if isinstance(change, Raised)]


def sealed(step: Step) -> list[tuple[int, ...]]:
    return [change.deliveries for change in step.changes if isinstance(change, Sealed)]


# -- what leaves -----------------------------------------------------------------------------


def test_what_its_writer_released_leaves_readable_by_all() -> None:
    step = write(engine(Direction.UP), message(1, "quartz 5713 vex"))
    frame = step.transmits[0].frame
    assert kind_of(frame) is FrameKind.CLEAR
    assert only(relay(step, center(), 2), Arrived)


def test_short_words_stand_in_the_frame_as_they_are() -> None:
    frame = write(engine(Direction.UP), message(1, "Zq7 Jx9")).transmits[0].frame
    assert b"Zq7 Jx9" in frame


def test_without_release_nothing_leaves_where_all_can_read() -> None:
    kit = engine(Direction.UP)
    step = write(kit, *(message(n, f"n {n}", clear=False, urgency=n) for n in range(4)))
    assert not step.transmits and not sealed(step)
    later = kit.handle(Tick(), now(5000))
    assert all(one.carries.seq is None for one in later.transmits), "a hello and nothing else"


def test_what_waits_for_encryption_says_so_once_and_leaves_by_the_first_link_that_may() -> None:
    kit = engine(Direction.UP)
    step = write(kit, message(1, "secret", clear=False))
    assert notices(step) == [] and step.wake_at_s is not None, "a better link may come at once"
    assert notices(kit.handle(Tick(), now(62))) == ["waits_for_encryption"]
    assert notices(kit.handle(Tick(), now(200))) == []
    wifi = kit.handle(LinkUp("wifi", Traits(4096)), now(300))
    assert sealed(wifi) == [(1,)]
    (transmit,) = (one for one in wifi.transmits if one.carries.seq is not None)
    assert (transmit.link, kind_of(transmit.frame)) == ("wifi", FrameKind.SEALED)


def test_each_lane_takes_its_own_in_the_same_step() -> None:
    kit = engine(Direction.UP, radio=RADIO, sat=SAT)
    step = write(kit, message(1, "secret", clear=False), message(2, "open"))
    went = {one.link: kind_of(one.frame) for one in step.transmits}
    assert went == {"radio": FrameKind.CLEAR, "sat": FrameKind.SEALED}
    assert sorted(sealed(step)) == [(1,), (2,)]


def test_what_is_released_is_encrypted_wherever_that_is_allowed() -> None:
    kit = engine(Direction.UP, wifi=Traits(4096))
    step = write(kit, message(1, "open"), message(2, "secret", clear=False))
    assert [kind_of(one.frame) for one in step.transmits] == [FrameKind.SEALED]
    assert sealed(step) == [(1, 2)], "and shares an envelope there"


def test_a_busy_radio_does_not_hold_up_what_it_may_not_carry() -> None:
    kit = engine(Direction.UP, radio=RADIO, sat=SAT)
    write(kit, message(1, "open"))
    step = write(kit, message(2, "open too"), message(3, "secret", clear=False), s=2)
    assert [one.link for one in step.transmits] == ["sat"]


@pytest.mark.parametrize("urgency", [0, 3])
def test_an_encrypted_envelope_is_never_repeated_where_all_can_read(urgency: int) -> None:
    kit = engine(Direction.UP, wifi=Traits(4096))
    first = write(kit, message(1, "open", urgency=urgency))
    kit.handle(FrameSent(first.transmits[0]), now(1))
    kit.handle(LinkDown("wifi"), now(2))
    step = kit.handle(LinkUp("radio", RADIO), now(3))
    s = 3.0
    for _ in range(20):
        for transmit in step.transmits:
            assert is_clear(transmit.frame)
            kit.handle(FrameSent(transmit), now(s))
        s += 3600
        step = kit.handle(Tick(), now(s))
    assert not kit.busy, "what cannot leave keeps nobody waiting"
    back = kit.handle(LinkUp("wifi", Traits(4096)), now(s + 1))
    assert first.transmits[0].frame in [one.frame for one in back.transmits], "same bytes"


def test_a_clear_envelope_may_travel_on_any_lane_afterwards() -> None:
    kit = engine(Direction.UP)
    first = write(kit, message(1, "open"))
    kit.handle(FrameSent(first.transmits[0]), now(1))
    kit.handle(LinkDown("radio"), now(2))
    again = kit.handle(LinkUp("wifi", Traits(4096)), now(3))
    assert first.transmits[0].frame in [one.frame for one in again.transmits]


def test_parts_of_a_clear_envelope_are_clear_and_come_together() -> None:
    kit = engine(Direction.UP, radio=Traits(80, may_encrypt=False))
    there = center(radio=Traits(80, listens=True, may_encrypt=False))
    step = write(kit, message(1, " ".join(str(n * 7919) for n in range(120))))
    arrived: list[Change] = []
    while step.transmits:
        frame = step.transmits[0].frame
        assert kind_of(frame) is FrameKind.PART_CLEAR
        arrived += only(there.handle(FrameReceived("radio", "", frame), now(2)), Arrived)
        step = kit.handle(FrameSent(step.transmits[0]), now(1))
    (whole,) = arrived
    assert isinstance(whole, Arrived) and kind_of(whole.frame) is FrameKind.CLEAR


# -- receipts --------------------------------------------------------------------------------


def test_a_receipt_by_radio_is_readable_too_and_proves_as_much() -> None:
    kit, there = engine(Direction.UP), center()
    step = write(kit, message(1, "open"))
    relay(step, there, 2)
    receipt = there.handle(Tick(), now(2.2))
    frame = receipt.transmits[0].frame
    assert kind_of(frame) is FrameKind.RECEIPT_CLEAR
    keys = ChainKey(Direction.DOWN, 0, KEYS[Direction.DOWN]).secret().keys(b"salt")
    content = open_frame(keys, header_of(frame), frame)
    assert content is not None and content in frame
    assert isinstance(decode_receipt(content), Receipt)
    (told,) = only(relay(receipt, kit, 3), Acknowledged)
    assert isinstance(told, Acknowledged) and (told.epoch, told.held_below) == (0, 1)


def test_clear_and_encrypted_receipts_share_one_counter() -> None:
    there = center(radio=RADIO_CENTER, wifi=Traits(4096, listens=True))
    kit = engine(Direction.UP, radio=RADIO, wifi=Traits(4096))
    counters = []
    for n, link in enumerate(("radio", "wifi", "radio"), 1):
        step = write(kit, message(n, f"n {n}", urgency=3), s=n)
        for transmit in step.transmits:
            kit.handle(FrameSent(transmit), now(n))
        frame = step.transmits[0].frame
        answer = there.handle(FrameReceived(link, "", frame), now(n + 0.1))
        (receipt,) = answer.transmits
        there.handle(FrameSent(receipt), now(n + 0.2))
        kit.handle(FrameReceived(link, "", receipt.frame), now(n + 0.3))
        counters.append((header_of(receipt.frame).counter, is_clear(receipt.frame)))
    assert counters == [(0, True), (1, False), (2, True)]


def test_an_old_receipt_of_the_other_kind_says_nothing_new() -> None:
    there, kit = center(radio=RADIO_CENTER, wifi=Traits(4096, listens=True)), engine(Direction.UP)
    first = write(kit, message(1, "one", urgency=3))
    kit.handle(FrameSent(first.transmits[0]), now(1))
    clear = there.handle(FrameReceived("radio", "", first.transmits[0].frame), now(1)).transmits[0]
    there.handle(FrameSent(clear), now(1.1))
    second = write(kit, message(2, "two", urgency=3), s=2)
    later = there.handle(FrameReceived("wifi", "", second.transmits[0].frame), now(2)).transmits[0]
    assert kind_of(later.frame) is FrameKind.RECEIPT
    assert only(kit.handle(FrameReceived("radio", "", later.frame), now(3)), Acknowledged)
    stale = kit.handle(FrameReceived("radio", "", clear.frame), now(4))
    assert not stale.changes


# -- guards ----------------------------------------------------------------------------------


def test_a_kit_that_is_not_set_to_allow_it_uses_no_such_link() -> None:
    kit = engine(Direction.UP, clear=False)
    step = write(kit, message(1, "open"), message(2, "fire", urgency=3))
    assert not step.transmits
    assert not kit.handle(Tick(), now(5000)).transmits


def test_readable_frames_are_counted_and_dropped_where_they_are_not_allowed() -> None:
    kit, there = engine(Direction.UP), center(clear=False, radio=Traits(4096, listens=True))
    step = write(kit, message(1, "open"))
    refused = relay(step, there, 2)
    assert not only(refused, Arrived) and not refused.transmits
    assert notices(refused) == ["clear_refused"], "a person must know, since nothing will be HELD"
    assert relay(step, there, 3) == Step((), (), refused.wake_at_s)
    assert there.rejected["clear_refused"] == 2


def test_junk_that_claims_to_be_readable_raises_no_notice() -> None:
    there = center(clear=False, radio=Traits(4096, listens=True))
    frame = bytearray(write(engine(Direction.UP), message(1, "open")).transmits[0].frame)
    frame[-1] ^= 1
    step = there.handle(FrameReceived("radio", "", bytes(frame)), now(2))
    assert step == Step((), (), None)


@pytest.mark.parametrize("clear", [False, True])
def test_a_frame_under_another_kind_is_junk(clear: bool) -> None:
    """Neither downgrade nor the reverse: the kind is in nonce and associated data."""
    links = {"radio": RADIO} if clear else {"radio": Traits(4096)}
    kit = engine(Direction.UP, True, **links)
    frame = bytearray(write(kit, message(1, "open")).transmits[0].frame)
    assert kind_of(bytes(frame)) is (FrameKind.CLEAR if clear else FrameKind.SEALED)
    for kind in FrameKind:
        if kind is not kind_of(bytes(frame)):
            forged = bytearray(frame)
            forged[0] = forged[0] & 0xC7 | kind << 3
            there = center()
            step = there.handle(FrameReceived("radio", "", bytes(forged)), now(2))
            assert step == Step((), (), None), kind.name
            assert sum(there.rejected.values()) == 1


@pytest.mark.parametrize("clear", [False, True])
def test_a_part_under_the_other_kind_is_junk(clear: bool) -> None:
    thin = Traits(80, may_encrypt=not clear)
    text = " ".join(str(n * 7919) for n in range(60))
    step = write(engine(Direction.UP, radio=thin), message(1, text))
    forged = bytearray(step.transmits[0].frame)
    forged[0] ^= (FrameKind.PART ^ FrameKind.PART_CLEAR) << 3
    there = center()
    assert there.handle(FrameReceived("radio", "", bytes(forged)), now(2)) == Step((), (), None)


def test_a_number_is_one_envelope_whatever_its_kind() -> None:
    """A second life under stolen keys cannot replace a readable envelope by an encrypted one."""
    there = center(radio=RADIO_CENTER)
    one = write(engine(Direction.UP), message(1, "open"))
    other = write(engine(Direction.UP, wifi=Traits(4096)), message(2, "else"))
    assert header_of(one.transmits[0].frame).counter == header_of(other.transmits[0].frame).counter
    assert only(relay(one, there, 2), Arrived)
    assert not only(relay(other, there, 3), Arrived)


def test_the_kind_is_part_of_the_log() -> None:
    """The leaf covers the header with the kind, so both ends agree on what all could read."""
    clear = write(engine(Direction.UP), message(1, "open"))
    closed = write(engine(Direction.UP, wifi=Traits(4096)), message(1, "open"))
    leaves = {
        change.leaf
        for step in (clear, closed)
        for change in step.changes
        if isinstance(change, Sealed)
    }
    assert len(leaves) == 2
    (arrived,) = only(relay(clear, center(), 2), Arrived)
    (kept,) = only(clear, Sealed)
    assert isinstance(arrived, Arrived) and isinstance(kept, Sealed)
    assert arrived.leaf == kept.leaf


def test_a_checkpoint_and_a_query_by_radio_are_readable_too() -> None:
    state = replace(pairing(Direction.UP))
    kit = Engine(Snapshot((state,), ()), lambda n: b"salt"[:n], lambda said: bytes(64), clear=True)
    step = kit.handle(LinkUp("radio", Traits(120, credit_bytes=20, may_encrypt=False)), now(0))
    frames = [one.frame for one in step.transmits]
    step = write(kit, message(1, "open"))
    while step.transmits:
        frames += [one.frame for one in step.transmits]
        step = kit.handle(FrameSent(step.transmits[0]), now(25 * 3600))
    assert len(frames) > 1 and all(map(is_clear, frames))
