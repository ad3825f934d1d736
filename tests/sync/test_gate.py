"""Strangers and revoked kits: nothing they send is answered, and not much of it is kept."""

from __future__ import annotations

from crisiskit.codec.header import FrameKind, Header, decode_header, encode_header
from crisiskit.codec.parts import cut
from crisiskit.codec.reject import Rejected
from crisiskit.crypto.keys import ChainKey
from crisiskit.crypto.seal import seal
from crisiskit.model import Direction, Precedence
from crisiskit.snapshot import PairingState, Snapshot
from crisiskit.step import Now, Raised, Step
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import FrameReceived, LinkUp, Tick
from crisiskit.sync.gate import RING_BURST, RING_FRAME_S
from crisiskit.trusted import OrderState, Quarantined, Trust
from transports.link import Traits

UP_KEY = b"u" * 32
KEYS = ChainKey(Direction.UP, 0, UP_KEY).secret().keys(b"salt")
TRUST = Trust(b"n" * 16, False, (bytes(32),))
CENTER = PairingState(
    pairing=1,
    network_id=b"n" * 16,
    kit_number=5,
    kit_fp=b"k" * 16,
    sends=Direction.DOWN,
    own_fp=b"c" * 16,
    peer_fp=b"k" * 16,
    peer_public=bytes(32),
    send_epoch=0,
    send_chain=b"d" * 32,
    heard_chain_epoch=0,
    heard_chain=UP_KEY,
    keeps_root=True,
)
CONTENT = b"\1\1\1\1\1\0Hello"


def now(at_s: float) -> Now:
    return Now(at_s, 1_790_000_000_000 + int(at_s * 1000))


def engine(refused: frozenset[int] = frozenset(), kit_number: int = 0) -> Engine:
    state = OrderState(TRUST, kit_number, refused=refused)
    made = Engine(Snapshot((CENTER,), (), state), lambda count: bytes(count))
    made.handle(LinkUp("lan", Traits(4096, listens=True)), now(0))
    return made


def envelope(kit: int = 5, counter: int = 0) -> bytes:
    header = Header(
        FrameKind.SEALED, kit, Direction.UP, Precedence.FLASH, counter, KEYS.epoch, KEYS.salt
    )
    return seal(KEYS, header, CONTENT)


def receive(to: Engine, frame: bytes, at_s: float = 1.0) -> Step:
    return to.handle(FrameReceived("lan", "peer", frame), now(at_s))


def aside(step: Step) -> list[Quarantined]:
    return [change for change in step.changes if isinstance(change, Quarantined)]


def test_of_a_flood_of_strangers_a_trickle_is_kept_and_none_is_answered() -> None:
    center = engine()
    kept = []
    for number in range(500):
        step = receive(center, envelope(kit=9, counter=number), 1.0 + number / 1000)
        assert step.transmits == ()
        kept += aside(step)
    assert len(kept) == RING_BURST and {one.pairing for one in kept} == {None}
    assert center.rejected["unknown_station"] == 500
    assert len(aside(receive(center, envelope(kit=9), 2.0 + RING_FRAME_S))) == 1


def test_a_kit_keeps_nothing_of_strangers() -> None:
    assert receive(engine(kit_number=5), envelope(kit=9)).changes == ()


def test_what_a_revoked_kit_sends_is_set_aside_with_one_notice() -> None:
    center = engine(frozenset({1}))
    first = receive(center, envelope())
    assert [one.frame for one in aside(first)] == [envelope()]
    assert [change.notice.code for change in first.changes if isinstance(change, Raised)] == [
        "revoked"
    ]
    again = receive(center, envelope(counter=1))
    assert len(again.changes) == 1 and aside(again)
    for step in (first, again, center.handle(Tick(), now(10_000))):
        assert step.transmits == ()


def test_parts_of_a_revoked_kit_are_set_aside_too() -> None:
    center = engine(frozenset({1}))
    found = decode_header(envelope())
    assert not isinstance(found, Rejected)
    pieces = cut(envelope(), found[0], 26, KEYS.part)
    assert len(pieces) > 1
    assert all(aside(receive(center, piece)) for piece in pieces)


def test_junk_that_borrows_the_address_of_a_revoked_kit_is_dropped() -> None:
    center = engine(frozenset({1}))
    for frame in (envelope()[:-1] + b"x", encode_header(part_header()) + bytes(20)):
        assert receive(center, frame).changes == ()
    assert center.rejected["not_authentic"] == 2


def part_header() -> Header:
    return Header(FrameKind.PART, 5, Direction.UP, Precedence.ROUTINE, 1, KEYS.epoch, KEYS.salt)
