"""The engine's promises, one at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crisiskit.codec.acks import NO_DIGEST, AckBlock, Receipt, decode_receipt, encode_receipt
from crisiskit.codec.content import Content, decode_content, encode_content
from crisiskit.codec.header import FrameKind, Header, decode_header
from crisiskit.codec.record import record_digest
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import ChainKey
from crisiskit.crypto.seal import open_frame, seal
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import (
    HEARD_EPOCHS_KEPT,
    HeardEpoch,
    PairingState,
    SealedEnvelope,
    SendingEpoch,
    Snapshot,
)
from crisiskit.step import (
    Acknowledged,
    Arrived,
    Change,
    ClockJumped,
    Doubted,
    EpochOpened,
    Now,
    Queued,
    Raised,
    Receipted,
    Requeued,
    Sealed,
    Step,
)
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import (
    FrameFailed,
    FrameReceived,
    FrameSent,
    LinkDown,
    LinkUp,
    OutboxChanged,
    Tick,
)
from transports.link import Traits

KIT_FP, CENTER_FP = b"k" * 16, b"c" * 16
UP_KEY, DOWN_KEY = b"u" * 32, b"d" * 32
FREE = Traits(4096)
SAT = Traits(340, credit_bytes=50, repeat_s=1800, receipt_delay_s=600)
CENTER_FREE = Traits(4096, listens=True)
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
        send_chain=UP_KEY if up else DOWN_KEY,
        heard_chain_epoch=0,
        heard_chain=DOWN_KEY if up else UP_KEY,
        keeps_root=not up,
    )


def engine(sends: Direction, traits: Traits = FREE, salt: bytes = b"salt") -> Engine:
    made = Engine(Snapshot((pairing(sends),), ()), lambda n: salt[:n])
    hello = made.handle(LinkUp("link", traits), now(0))
    for transmit in hello.transmits:
        made.handle(FrameSent(transmit), now(0))
    return made


def message(n: int, text: str, precedence: Precedence = Precedence.ROUTINE) -> Queued:
    record = Record(RecordKind.TEXT, precedence, MINUTE, text)
    return Queued(n, 1, record, record_digest(KIT_FP, record))


def header_of(frame: bytes) -> Header:
    found = decode_header(frame)
    assert not isinstance(found, Rejected)
    return found[0]


def opened(direction: Direction, frame: bytes) -> bytes:
    """The content of a frame sealed in the first epoch under the salt of ``engine``."""
    key = UP_KEY if direction is Direction.UP else DOWN_KEY
    keys = ChainKey(direction, 0, key).secret().keys(b"salt")
    content = open_frame(keys, header_of(frame), frame)
    assert content is not None
    return content


def only(step: Step, kind: type[Change]) -> list[Change]:
    return [change for change in step.changes if type(change) is kind]


def relay(step: Step, to: Engine, s: float, peer: str = "") -> Step:
    frame = step.transmits[0].frame
    return to.handle(FrameReceived("link", peer, frame), now(s))


def test_sealed_bytes_are_committed_in_the_step_that_transmits_them() -> None:
    step = engine(Direction.UP, SAT).handle(OutboxChanged((message(1, "water"),)), now(1))
    assert [type(change) for change in step.changes] == [EpochOpened, Sealed]
    header = header_of(step.transmits[0].frame)
    assert (header.epoch, header.salt, header.counter) == (0, b"salt", 0)


def test_a_repeat_is_the_same_bytes_and_a_receipt_shortens_the_header() -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    first = kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    kit.handle(FrameFailed(first.transmits[0], 1.0), now(1))
    again = kit.handle(Tick(), now(2.1))
    assert again.transmits[0].frame == first.transmits[0].frame
    kit.handle(FrameSent(again.transmits[0]), now(3))
    relay(again, center, 3)
    receipt = center.handle(Tick(), now(3.1))
    taken = relay(receipt, kit, 4)
    assert only(taken, Acknowledged) == [Acknowledged(1, 0, 1, (), (0, b"salt"))]
    second = kit.handle(OutboxChanged((message(2, "food"),)), now(5))
    assert header_of(second.transmits[0].frame).epoch is None
    assert only(relay(second, center, 6), Arrived), "the center finds the epoch by itself"


def test_a_receipt_leaves_only_in_or_after_the_step_that_stores() -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    flash = kit.handle(OutboxChanged((message(1, "fire", Precedence.FLASH),)), now(1))
    step = relay(flash, center, 2)
    assert only(step, Arrived) and step.transmits, "FLASH is receipted at once"
    assert header_of(step.transmits[0].frame).kind is FrameKind.RECEIPT


def test_a_repeat_is_not_stored_twice_but_is_receipted_again() -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    step = kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    assert only(relay(step, center, 2), Arrived)
    receipt = center.handle(Tick(), now(2.1))
    center.handle(FrameSent(receipt.transmits[0]), now(2.2))
    assert not only(relay(step, center, 3), Arrived)
    assert center.handle(Tick(), now(20)).transmits, "the first receipt may be lost"


def test_on_a_metered_link_a_repeat_is_receipted_once_an_hour() -> None:
    kit = engine(Direction.UP)
    center = engine(Direction.DOWN, Traits(270, credit_bytes=50, receipt_delay_s=600, listens=True))
    step = kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    relay(step, center, 2)
    assert not center.handle(Tick(), now(500)).transmits
    receipt = center.handle(Tick(), now(700))
    center.handle(FrameSent(receipt.transmits[0]), now(701))
    relay(step, center, 800)
    assert not center.handle(Tick(), now(3000)).transmits
    assert center.handle(Tick(), now(700 + 3700)).transmits


@pytest.mark.parametrize("salt", [b"", b"sa"], ids=["narrow", "wide"])
def test_a_wrong_digest_is_never_held_it_is_asked_about_or_a_fork(salt: bytes) -> None:
    kit = engine(Direction.UP)
    kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    keys = ChainKey(Direction.DOWN, 0, DOWN_KEY).secret().keys(b"ctrs")
    forged = Receipt(0, (AckBlock(0, 1, b"evil", 0, (), salt),))
    header = Header(FrameKind.RECEIPT, 5, Direction.DOWN, Precedence.ROUTINE, 0, 0, b"ctrs")
    frame = seal(keys, header, encode_receipt(forged))
    step = kit.handle(FrameReceived("link", "", frame), now(2))
    assert not only(step, Acknowledged) and step.restart
    if not salt:
        assert only(step, Doubted), "it may speak of another life with that number"
        return
    assert only(step, Requeued) == [Requeued(1, 0)]
    codes = [raised.notice.code for raised in only(step, Raised)]  # type: ignore[union-attr]
    assert "fork" in codes


def test_what_cannot_be_decoded_is_stored_receipted_and_never_called_held() -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    keys = ChainKey(Direction.UP, 0, UP_KEY).secret().keys(b"salt")
    header = Header(FrameKind.SEALED, 5, Direction.UP, Precedence.ROUTINE, 0, 0, b"salt")
    strange = seal(keys, header, b"\x0e" + bytes(20))
    step = center.handle(FrameReceived("link", "", strange), now(2))
    arrived = only(step, Arrived)
    assert arrived and arrived[0].undecodable  # type: ignore[union-attr]
    receipt = center.handle(Tick(), now(2.2)).transmits[0].frame
    told = decode_receipt(opened(Direction.DOWN, receipt))
    assert isinstance(told, Receipt) and isinstance(block := told.blocks[0], AckBlock)
    assert (block.next, block.digest) == (1, NO_DIGEST)
    taken = kit.handle(FrameReceived("link", "", receipt), now(3))
    assert only(taken, Acknowledged) == [Acknowledged(1, 0, 0, (0,), (0, b"salt"))], (
        "ARRIVED, not HELD"
    )
    assert not kit.handle(Tick(), now(5000)).transmits, "and never repeated"


def test_an_ack_rides_on_data_that_leaves_anyway() -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    relay(kit.handle(OutboxChanged((message(1, "water"),)), now(1)), center, 2)
    reply = center.handle(OutboxChanged((message(2, "on its way"),)), now(2.01))
    assert len(reply.transmits) == 1
    content = decode_content(opened(Direction.DOWN, reply.transmits[0].frame), None)
    assert isinstance(content, Content) and content.ack is not None
    assert (content.ack.epoch, content.ack.next) == (0, 1)
    taken = relay(reply, kit, 3)
    assert only(taken, Acknowledged) == [Acknowledged(1, 0, 1, (), (0, b"salt"))]


def test_at_most_17_envelopes_are_unanswered_except_flash() -> None:
    kit = engine(Direction.UP, Traits(40))
    queue = tuple(message(n, f"{n * 7919 % 9973} {n * 104729}") for n in range(40))
    step = kit.handle(OutboxChanged(queue), now(1))
    seals = len(only(step, Sealed))
    while step.transmits:
        step = kit.handle(FrameSent(step.transmits[0]), now(1.01))
        seals += len(only(step, Sealed))
    assert seals == 17
    flash = kit.handle(OutboxChanged((message(99, "fire", Precedence.FLASH),)), now(1.02))
    assert only(flash, Sealed)


def test_a_lost_part_alone_is_asked_for_and_sent_again() -> None:
    thin = Traits(80, repeat_s=4)
    kit = engine(Direction.UP, thin)
    center = engine(Direction.DOWN, Traits(80, listens=True, repeat_s=4))
    text = " ".join(str(n * 7919) for n in range(120))
    step = kit.handle(OutboxChanged((message(1, text),)), now(1))
    frames = []
    while step.transmits:
        frames.append(step.transmits[0].frame)
        step = kit.handle(FrameSent(step.transmits[0]), now(1))
    assert len(frames) > 4 and max(map(len, frames)) <= 80
    for frame in frames[:2] + frames[3:]:
        center.handle(FrameReceived("link", "", frame), now(2))
    request = center.handle(Tick(), now(6))
    resent = relay(request, kit, 7)
    assert [transmit.frame for transmit in resent.transmits] == [frames[2]]
    assert only(relay(resent, center, 8), Arrived)


@pytest.mark.parametrize("place", [0, 1, 4, 9, 15, 30])
def test_a_changed_bit_anywhere_is_junk(place: int) -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    frame = bytearray(
        kit.handle(OutboxChanged((message(1, "quartz 5713 vex 90210 jumbo"),)), now(1))
        .transmits[0]
        .frame
    )
    frame[place] ^= 0x10
    step = center.handle(FrameReceived("link", "", bytes(frame)), now(2))
    assert step == Step((), (), None) and sum(center.rejected.values()) == 1


def test_a_restart_seals_under_a_new_epoch() -> None:
    first = engine(Direction.UP, SAT, salt=b"one!")
    one = first.handle(OutboxChanged((message(1, "water"),)), now(1))
    opened = only(one, EpochOpened)[0]
    state = replace(pairing(Direction.UP), send_epoch=1, send_chain=opened.chain_key)  # type: ignore[union-attr]
    second = Engine(Snapshot((state,), (message(2, "food"),)), lambda n: b"two!")
    two = second.handle(LinkUp("link", FREE), now(0))
    header = header_of(two.transmits[0].frame)
    assert (header.epoch, header.salt, header.counter) == (1, b"two!", 0)
    center = engine(Direction.DOWN, CENTER_FREE)
    assert only(relay(two, center, 1), Arrived) and only(relay(one, center, 2), Arrived)


def test_minutes_are_short_only_once_the_first_envelope_is_stored() -> None:
    """A clock that jumps while envelope 0 is lost must not shift a later minute by 45 days."""
    kit, center = engine(Direction.UP, Traits(60)), engine(Direction.DOWN, CENTER_FREE)
    early = Record(RecordKind.TEXT, Precedence.ROUTINE, 10, "quartz 1")
    late = [Record(RecordKind.TEXT, Precedence.ROUTINE, m, f"vex {m}") for m in (MINUTE, 20)]
    queue = [Queued(n, 1, r, record_digest(KIT_FP, r)) for n, r in enumerate((early, *late))]
    lost = kit.handle(OutboxChanged((queue[0],)), now(1))
    kit.handle(FrameSent(lost.transmits[0]), now(1))
    second = kit.handle(OutboxChanged((queue[1],)), now(1))
    kit.handle(FrameSent(second.transmits[0]), now(1))
    relay(second, center, 2)
    again = relay(center.handle(Tick(), now(2.1)), kit, 3)
    assert header_of(again.transmits[0].frame).counter == 0, "the missing one is sent again"
    kit.handle(FrameSent(again.transmits[0]), now(3))
    third = kit.handle(OutboxChanged((queue[2],)), now(4))
    arrived = relay(third, center, 5)
    (change,) = only(arrived, Arrived)
    assert isinstance(change, Arrived) and change.records[0].minute == 20


def test_what_is_too_large_for_a_thin_link_waits_for_a_wide_one_and_blocks_nobody() -> None:
    kit = engine(Direction.UP, Traits(64))
    huge = message(1, " ".join(str(n * 7919) for n in range(1800)))
    step = kit.handle(OutboxChanged((huge, message(2, "small"))), now(1))
    assert [change.deliveries for change in only(step, Sealed)] == [(2,)]  # type: ignore[union-attr]
    kit.handle(FrameSent(step.transmits[0]), now(2))
    wide = kit.handle(LinkUp("wide", Traits(16_000, latency_s=9.0)), now(3))
    assert [change.deliveries for change in only(wide, Sealed)] == [(1,)]  # type: ignore[union-attr]


def test_receipts_for_many_lives_of_a_sender_fit_the_frames_of_the_link() -> None:
    center = engine(Direction.DOWN, Traits(60, listens=True, receipt_delay_s=5))
    chain = ChainKey(Direction.UP, 0, UP_KEY)
    for epoch in range(12):
        keys = chain.forward(epoch).secret().keys(b"salt")
        header = Header(FrameKind.SEALED, 5, Direction.UP, Precedence.ROUTINE, 0, epoch, b"salt")
        record = Record(RecordKind.TEXT, Precedence.ROUTINE, MINUTE, f"n {epoch}")
        content = encode_content(Content((record,)), None)
        center.handle(FrameReceived("link", "", seal(keys, header, content)), now(1))
    step, told = center.handle(Tick(), now(7)), set[int]()
    while step.transmits:
        frame = step.transmits[0].frame
        assert len(frame) <= 60
        receipt = decode_receipt(opened(Direction.DOWN, frame))
        assert isinstance(receipt, Receipt)
        told |= {block.epoch for block in receipt.blocks}
        step = center.handle(FrameSent(step.transmits[0]), now(8))
    assert told == set(range(12))


def flash_to_kit(center: Engine, s: float) -> tuple[str, str]:
    step = center.handle(
        OutboxChanged((message(50 + int(s), f"go {s}", Precedence.FLASH),)), now(s)
    )
    return step.transmits[0].link, step.transmits[0].peer


def test_a_recorded_frame_played_from_elsewhere_does_not_steal_the_way_to_a_kit() -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    first = kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    relay(first, center, 2, peer="kit")
    center.handle(FrameSent(center.handle(Tick(), now(3)).transmits[0]), now(3))
    replayed = relay(first, center, 4, peer="attacker")
    assert not replayed.changes, "and it costs no disk"
    assert flash_to_kit(center, 5) == ("link", "kit")


def test_news_from_elsewhere_moves_the_way_to_a_kit() -> None:
    kit, center = engine(Direction.UP), engine(Direction.DOWN, CENTER_FREE)
    first = kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    relay(first, center, 2, peer="old")
    kit.handle(FrameSent(first.transmits[0]), now(2))
    told = relay(kit.handle(OutboxChanged((message(2, "food"),)), now(3)), center, 4, peer="new")
    center.handle(FrameSent(told.transmits[0]), now(4))
    assert flash_to_kit(center, 5) == ("link", "new")


def test_a_receipt_that_a_link_refused_is_sent_again_soon() -> None:
    slow = Traits(270, credit_bytes=50, receipt_delay_s=600, repeat_s=1800, listens=True)
    kit, center = engine(Direction.UP), engine(Direction.DOWN, slow)
    relay(kit.handle(OutboxChanged((message(1, "water"),)), now(1)), center, 2)
    receipt = center.handle(Tick(), now(700)).transmits[0]
    center.handle(FrameFailed(receipt, 30.0), now(701))
    again = center.handle(Tick(), now(732)).transmits
    assert again and header_of(again[0].frame).kind is FrameKind.RECEIPT


def test_unanswered_flash_leaves_by_a_link_that_comes_up() -> None:
    kit = engine(Direction.UP, SAT)
    step = kit.handle(OutboxChanged((message(1, "fire", Precedence.FLASH),)), now(1))
    for s in (2.0, 4000.0, 20_000.0):
        kit.handle(FrameSent(step.transmits[0]), now(s))
        step = kit.handle(Tick(), now(s + 15_000)) if s < 20_000 else step
    lan = kit.handle(LinkUp("lan", FREE), now(20_001))
    assert [transmit.link for transmit in lan.transmits] == ["lan"]


def test_the_longest_wait_for_an_answer_is_four_hours() -> None:
    kit = engine(Direction.UP, SAT)
    step = kit.handle(OutboxChanged((message(1, "water"),)), now(1))
    s = 1.0
    for _ in range(12):
        step = kit.handle(FrameSent(step.transmits[0]), now(s))
        s += 4 * 3600 + 1
        step = kit.handle(Tick(), now(s))
        assert step.transmits


def test_an_urgent_text_that_fits_no_link_is_told_and_blocks_nobody() -> None:
    kit = engine(Direction.UP, Traits(64))
    text = " ".join(str(n * 7919) for n in range(1800))
    queue = (message(1, text, Precedence.IMMEDIATE), message(2, "small"))
    step = kit.handle(OutboxChanged(queue), now(1))
    assert [change.deliveries for change in only(step, Sealed)] == [(2,)]  # type: ignore[union-attr]
    assert [r.notice.code for r in only(step, Raised)] == ["too_large_for_links"]  # type: ignore[union-attr]
    assert not only(kit.handle(FrameSent(step.transmits[0]), now(2)), Raised), "told once"


def test_a_clock_that_is_set_right_ends_no_lifetime() -> None:
    kit = engine(Direction.UP, Traits(4096))
    kit.handle(LinkDown("link"), now(1))
    in_1970 = Now(1.0, 60_000)
    kit.handle(Tick(), in_1970)
    late = replace(message(1, "helicopter"), expires_at=60_000 + 7_200_000)
    kit.handle(OutboxChanged((late,)), in_1970)
    corrected = kit.handle(Tick(), now(60))
    assert [type(change) for change in corrected.changes] == [ClockJumped]
    assert only(kit.handle(LinkUp("link", FREE), now(3000)), Sealed)


def test_a_pairing_without_epochs_left_says_so_and_does_not_crash() -> None:
    state = replace(pairing(Direction.UP), send_epoch=65_535)
    kit = Engine(Snapshot((state,), (message(1, "water"),)), lambda n: bytes(n))
    step = kit.handle(LinkUp("link", FREE), now(0))
    assert not step.transmits
    assert [raised.notice.code for raised in only(step, Raised)] == ["epochs_used_up"]  # type: ignore[union-attr]


def test_the_last_life_of_the_last_epoch_ends_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crisiskit.sync.sender.SEQ_MAX", 1)
    state = replace(pairing(Direction.UP), send_epoch=65_534)
    kit = Engine(Snapshot((state,), (message(1, "water"),)), lambda n: bytes(n))
    step = kit.handle(LinkUp("link", FREE), now(0))
    assert len(only(step, Sealed)) == 1
    kit.handle(FrameSent(step.transmits[0]), now(0))
    for wait in (1, 5_000):
        step = kit.handle(OutboxChanged((message(wait + 1, "more"),)), now(wait))
        assert not only(step, Sealed)


def test_a_receipt_owed_at_a_restart_is_sent_after_it() -> None:
    heard = HeardEpoch(3, b"salt", 1, bytes(32), MINUTE, (), owed=True)
    state = replace(pairing(Direction.DOWN), heard=(heard,), paths=(("link", "kit"),))
    center = Engine(Snapshot((state,), ()), lambda n: b"ctrs"[:n])
    lasting = Traits(270, credit_bytes=50, listens=True, lasting_peers=True)
    step = center.handle(LinkUp("link", lasting), now(0))
    assert header_of(step.transmits[0].frame).kind is FrameKind.RECEIPT
    sent = center.handle(FrameSent(step.transmits[0]), now(1))
    assert only(sent, Receipted) == [Receipted(1, ((3, b"salt"),))]


def test_a_frame_of_a_forgotten_life_is_junk() -> None:
    lives = tuple(
        HeardEpoch(epoch, b"salt", 1, bytes(32), MINUTE)
        for epoch in range(1, HEARD_EPOCHS_KEPT + 1)
    )
    center = Engine(
        Snapshot((replace(pairing(Direction.DOWN), heard=lives),), ()), lambda n: b"ctrs"[:n]
    )
    center.handle(LinkUp("link", CENTER_FREE), now(0))
    keys = ChainKey(Direction.UP, 0, UP_KEY).secret().keys(b"salt")
    header = Header(FrameKind.SEALED, 5, Direction.UP, Precedence.ROUTINE, 0, 0, b"salt")
    content = encode_content(Content((message(1, "old").record,)), None)
    step = center.handle(FrameReceived("link", "", seal(keys, header, content)), now(1))
    assert not step.changes and center.rejected["not_authentic"] == 1


def test_receipts_for_lives_long_ago_name_their_whole_epoch() -> None:
    lives = (
        HeardEpoch(2, b"salt", 1, bytes(32), MINUTE, (), owed=True),
        HeardEpoch(300, b"salt", 1, bytes(32), MINUTE),
    )
    state = replace(pairing(Direction.DOWN), heard=lives, paths=(("link", "kit"),))
    center = Engine(Snapshot((state,), ()), lambda n: b"salt"[:n])
    step = center.handle(LinkUp("link", Traits(270, listens=True, lasting_peers=True)), now(0))
    receipt = decode_receipt(opened(Direction.DOWN, step.transmits[0].frame))
    assert isinstance(receipt, Receipt)
    newest, old = receipt.blocks
    assert isinstance(old, AckBlock) and isinstance(newest, AckBlock)
    assert (old.epoch, old.wide) == (2, True)
    assert (newest.epoch, newest.wide) == (300, True), "the newest one is always named"


def test_a_kit_with_nothing_to_say_shows_itself_on_a_free_link_so_orders_reach_it() -> None:
    kit = Engine(Snapshot((pairing(Direction.UP),), ()), lambda n: b"salt"[:n])
    hello = kit.handle(LinkUp("link", FREE), now(0))
    assert header_of(hello.transmits[0].frame).kind is FrameKind.RECEIPT
    center = engine(Direction.DOWN, CENTER_FREE)
    order = center.handle(OutboxChanged((message(1, "come"),)), now(1))
    assert not order.transmits, "nobody knows the way yet"
    sealed_now = relay(hello, center, 2, peer="kit")
    assert sealed_now.transmits[0].peer == "kit"


def test_a_hello_costs_nothing_where_bytes_cost_money_and_ends_when_something_is_heard() -> None:
    kit = Engine(Snapshot((pairing(Direction.UP),), ()), lambda n: b"salt"[:n])
    assert not kit.handle(LinkUp("sat", SAT), now(0)).transmits
    hello = kit.handle(LinkUp("link", FREE), now(0))
    center = engine(Direction.DOWN, CENTER_FREE, salt=b"ctrs")
    kit.handle(FrameSent(hello.transmits[0]), now(0))
    relay(hello, center, 1)
    told = center.handle(OutboxChanged((message(1, "come"),)), now(2))
    relay(told, kit, 3)
    receipt = kit.handle(Tick(), now(4))
    kit.handle(FrameSent(receipt.transmits[0]), now(4))
    assert not kit.handle(Tick(), now(100_000)).transmits


def test_a_hello_is_repeated_a_few_times_only() -> None:
    kit = Engine(Snapshot((pairing(Direction.UP),), ()), lambda n: b"salt"[:n])
    step, said = kit.handle(LinkUp("link", FREE), now(0)), 0
    for s in range(1, 40):
        while step.transmits:
            said += 1
            step = kit.handle(FrameSent(step.transmits[0]), now(s * 100))
        step = kit.handle(Tick(), now(s * 100 + 50))
    assert said == 5


@pytest.mark.parametrize(
    ("precedence", "rests"), [(Precedence.ROUTINE, True), (Precedence.IMMEDIATE, False)]
)
def test_after_a_restart_only_what_is_urgent_is_paid_for_again_at_once(
    precedence: Precedence, rests: bool
) -> None:
    first = engine(Direction.UP, SAT)
    step = first.handle(OutboxChanged((message(1, "order", precedence),)), now(1))
    (one,) = only(step, Sealed)
    assert isinstance(one, Sealed)
    state = replace(
        pairing(Direction.UP),
        send_epoch=1,
        sending=(SendingEpoch(0, b"salt", bytes(16), (one.digest,)),),
        outstanding=(SealedEnvelope(0, 0, one.frame, precedence, one.digest, sent=True),),
    )
    again = Engine(Snapshot((state,), ()), lambda n: b"two!"[:n])
    step = again.handle(LinkUp("link", SAT), now(0))
    assert (not step.transmits) is rests
    assert again.handle(Tick(), now(2000)).transmits or not rests
