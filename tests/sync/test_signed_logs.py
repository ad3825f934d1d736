"""Every life is a log that its author signs; what comes early or decodes slowly is not lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from crisiskit.codec import content as content_module
from crisiskit.codec import textmodel
from crisiskit.codec.acks import NO_DIGEST, AckBlock, Receipt, decode_receipt
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.codec.content import (
    Content,
    decode_content,
    encode_content,
    with_signature,
)
from crisiskit.codec.header import FrameKind, Header, associated_data, decode_header
from crisiskit.codec.record import record_digest
from crisiskit.codec.shortest import Codec
from crisiskit.crypto.identity import KitIdentity
from crisiskit.crypto.keys import ChainKey
from crisiskit.crypto.seal import frame_tag, open_frame, seal
from crisiskit.crypto.statement import log_statement
from crisiskit.model import ClockQuality, Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import HeardEpoch, PairingState, Snapshot
from crisiskit.step import (
    Acknowledged,
    Advanced,
    Arrived,
    Change,
    EpochOpened,
    Forked,
    Now,
    Queued,
    Raised,
    Sealed,
    Step,
    Unpacked,
)
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import Decoded, FrameReceived, FrameSent, LinkUp, OutboxChanged, Tick
from transports.link import Traits

KIT, CENTER = KitIdentity(b"k" * 32), KitIdentity(b"c" * 32)
NETWORK = b"n" * 16
KEYS = {Direction.UP: b"u" * 32, Direction.DOWN: b"d" * 32}
FREE = Traits(4096)
SAT = Traits(340, credit_bytes=50, repeat_s=1800, receipt_delay_s=600)
LISTENS = Traits(4096, listens=True)
MINUTE = 29_833_333


class Tags:
    """An archive that knows the tags of what was stored."""

    def __init__(self) -> None:
        self.tags: dict[int, bytes] = {}

    def tag(self, pairing: int, epoch: int, salt: bytes, seq: int) -> bytes | None:
        return self.tags.get(seq)

    def leaves(self, pairing: int, epoch: int, salt: bytes, count: int) -> Sequence[bytes]:
        return ()


def now(s: float) -> Now:
    return Now(s, MINUTE * 60_000 + int(s * 1000))


def pairing(sends: Direction) -> PairingState:
    own, peer = (KIT, CENTER) if sends is Direction.UP else (CENTER, KIT)
    return PairingState(
        pairing=1,
        network_id=NETWORK,
        kit_number=5,
        kit_fp=KIT.fingerprint,
        own_fp=own.fingerprint,
        peer_fp=peer.fingerprint,
        peer_public=peer.public,
        sends=sends,
        send_epoch=0,
        send_chain=KEYS[sends],
        heard_chain_epoch=0,
        heard_chain=KEYS[sends.other],
        keeps_root=sends is Direction.DOWN,
    )


def started(state: PairingState, traits: Traits = FREE, tags: Tags | None = None) -> Engine:
    identity = KIT if state.sends is Direction.UP else CENTER
    made = Engine(Snapshot((state,), ()), lambda n: b"salt"[:n], identity.sign, tags)
    hello = made.handle(LinkUp("link", traits), now(0))
    for transmit in hello.transmits:
        made.handle(FrameSent(transmit), now(0))
    return made


def kit(traits: Traits = FREE, **changes: object) -> Engine:
    return started(replace(pairing(Direction.UP), **changes), traits)  # type: ignore[arg-type]


def center(tags: Tags | None = None, **changes: object) -> Engine:
    return started(replace(pairing(Direction.DOWN), **changes), LISTENS, tags)  # type: ignore[arg-type]


def text(words: str, minute: int = MINUTE, **changes: object) -> Record:
    plain = Record(RecordKind.TEXT, Precedence.ROUTINE, minute, words)
    return replace(plain, **changes)  # type: ignore[arg-type]


def queued(n: int, record: Record) -> Queued:
    return Queued(n, 1, record, record_digest(KIT.fingerprint, record))


class Author:
    """Seals a kit's life by hand, rightly or not."""

    def __init__(self, salt: bytes = b"salt") -> None:
        self.keys = ChainKey(Direction.UP, 0, KEYS[Direction.UP]).secret().keys(salt)
        self.digest = chain_start(Direction.UP, 0, salt, KIT.fingerprint)
        self.count = 0

    def seal(
        self,
        *records: Record,
        base: int | None = None,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> bytes:
        salt = self.keys.salt
        header = Header(FrameKind.SEALED, 5, Direction.UP, Precedence.ROUTINE, self.count, 0, salt)
        digests = [record_digest(KIT.fingerprint, record) for record in records]
        self.digest = chain_next(self.digest, envelope_leaf(associated_data(header), digests))
        self.count += 1
        data = encode_content(Content(records), base)
        if sign is not None:
            said = log_statement(NETWORK, KIT.fingerprint, self.digest)
            data = with_signature(data, sign(said))
        return seal(self.keys, header, data)


def forged(statement: bytes) -> bytes:
    """A signature that is right by another key."""
    return CENTER.sign(statement)


def take(to: Engine, frame: bytes, s: float) -> Step:
    return to.handle(FrameReceived("link", "kit", frame), now(s))


def only(step: Step, kind: type[Change]) -> list[Change]:
    return [change for change in step.changes if type(change) is kind]


def run_of(step: Step) -> Advanced:
    found = [change for change in step.changes if isinstance(change, Advanced)]
    return found[-1]


def notices(step: Step) -> list[str]:
    return [change.notice.code for change in step.changes if isinstance(change, Raised)]


def content_of(frame: bytes, direction: Direction = Direction.UP, epoch: int = 0) -> Content:
    chain = ChainKey(direction, 0, KEYS[direction]).forward(epoch)
    header = decode_header(frame)
    assert isinstance(header, tuple)
    data = open_frame(chain.secret().keys(b"salt"), header[0], frame)
    assert data is not None
    found = decode_content(data, MINUTE)
    assert isinstance(found, Content)
    return found


def told(step: Step) -> AckBlock:
    """What the receipt that leaves says of the newest life."""
    frame = step.transmits[0].frame
    header = decode_header(frame)
    assert isinstance(header, tuple) and header[0].kind is FrameKind.RECEIPT
    keys = ChainKey(Direction.DOWN, 0, KEYS[Direction.DOWN]).secret().keys(b"salt")
    receipt = decode_receipt(open_frame(keys, header[0], frame) or b"")
    assert isinstance(receipt, Receipt) and isinstance(receipt.blocks[0], AckBlock)
    return receipt.blocks[0]


# -- signatures ------------------------------------------------------------------------------


def test_a_signature_covers_everything_before_it() -> None:
    author, there = Author(), center()
    first = take(there, author.seal(text("one")), 1)
    assert run_of(first).signed_below == 0
    take(there, author.seal(text("two")), 2)
    third = take(there, author.seal(text("three"), sign=KIT.sign), 3)
    assert (run_of(third).next_seq, run_of(third).signed_below) == (3, 3)
    assert not notices(third)


def test_a_signature_that_came_early_is_verified_once_the_gap_is_closed() -> None:
    author, there = Author(), center()
    zero, one = author.seal(text("one")), author.seal(text("two"), sign=KIT.sign)
    early = take(there, one, 1)
    assert run_of(early).signed_below == 0
    assert run_of(take(there, zero, 2)).signed_below == 2


def test_a_wrong_signature_is_shown_and_the_rest_of_the_life_is_never_held() -> None:
    author, there = Author(), center()
    good = take(there, author.seal(text("one"), sign=KIT.sign), 1)
    bad = take(there, author.seal(text("two"), sign=forged), 1.01)
    later = take(there, author.seal(text("three"), sign=KIT.sign), 1.02)
    assert (notices(good), notices(bad), notices(later)) == ([], ["signature_wrong"], [])
    arrived = only(bad, Arrived)[0]
    assert isinstance(arrived, Arrived) and arrived.records, "it is stored and shown all the same"
    assert (run_of(later).next_seq, run_of(later).digest, run_of(later).signed_below) == (3, b"", 1)
    block = told(there.handle(Tick(), now(4)))
    assert (block.next, block.digest) == (3, NO_DIGEST), "stored, without proof"


def test_a_wrong_signature_is_still_wrong_after_a_restart() -> None:
    author = Author()
    stopped = run_of(take(center(), author.seal(text("one"), sign=forged), 1))
    life = HeardEpoch(0, b"salt", stopped.next_seq, stopped.digest, stopped.base_minute)
    again = center(heard=(life,), paths=(("link", "kit"),))
    assert run_of(take(again, author.seal(text("two"), sign=KIT.sign), 2)).digest == b""


def test_a_side_that_is_told_no_proof_goes_on_in_a_new_life() -> None:
    here, there = kit(), center()
    step = here.handle(OutboxChanged((queued(1, text("water")),)), now(1))
    take(there, Author().seal(text("forged"), sign=forged), 2)
    answer = there.handle(Tick(), now(3)).transmits[0].frame
    taken = here.handle(FrameReceived("link", "", answer), now(4))
    assert only(taken, Acknowledged) == [Acknowledged(1, 0, 0, (0,), (0, b"salt"))], (
        "ARRIVED and not HELD"
    )
    here.handle(FrameSent(step.transmits[0]), now(5))
    assert only(here.handle(OutboxChanged((queued(2, text("food")),)), now(6)), EpochOpened)


def test_a_station_without_a_key_signs_nothing() -> None:
    bare = Engine(Snapshot((pairing(Direction.UP),), ()), lambda n: b"salt"[:n])
    bare.handle(LinkUp("link", Traits(4096)), now(0))
    bare.handle(OutboxChanged((queued(1, text("fire", precedence=Precedence.FLASH)),)), now(1))
    assert not bare.handle(Tick(), now(100_000)).transmits


# -- checkpoints -----------------------------------------------------------------------------


ENDED = Checkpoint(3, b"last", 12, b"e" * 32)


def test_the_first_signature_of_a_life_names_the_life_before() -> None:
    here = kit(last_life=ENDED)
    step = here.handle(OutboxChanged((queued(1, text("back")),)), now(1))
    found = content_of(step.transmits[0].frame)
    assert [r.kind for r in found.records] == [RecordKind.TEXT, RecordKind.CHECKPOINT]
    assert decode_checkpoint(found.records[1].data) == ENDED and found.signature
    here.handle(FrameSent(step.transmits[0]), now(1))
    step = here.handle(OutboxChanged((queued(2, text("again")),)), now(2))
    assert len(content_of(step.transmits[0].frame).records) == 1, "once in a life"


def test_a_checkpoint_says_nothing_of_the_writers_clock() -> None:
    here = kit(last_life=ENDED)
    wrote = text("on time", clock=ClockQuality.CENTER)
    step = here.handle(OutboxChanged((queued(1, wrote),)), now(1))
    found = content_of(step.transmits[0].frame)
    assert len(found.records) == 2 and found.clock is ClockQuality.CENTER


def test_an_envelope_that_is_full_leaves_the_checkpoint_to_the_next() -> None:
    here, there = kit(last_life=ENDED), center()
    queue = tuple(queued(n, text(f"{n}")) for n in range(255))
    step = here.handle(OutboxChanged(queue), now(1))
    assert len(content_of(step.transmits[0].frame).records) == 255
    take(there, step.transmits[0].frame, 2)
    answer = there.handle(Tick(), now(3)).transmits[0].frame
    taken = here.handle(FrameReceived("link", "", answer), now(4))
    assert only(taken, Acknowledged) == [Acknowledged(1, 0, 1, (), (0, b"salt"))], (
        "both mean the same log"
    )
    here.handle(FrameSent(step.transmits[0]), now(4))
    step = here.handle(OutboxChanged((queued(300, text("more")),)), now(5))
    assert len(content_of(step.transmits[0].frame).records) == 2


def test_a_text_that_just_fits_a_thin_link_is_sealed_even_with_a_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(textmodel, "is_installed", lambda: False)  # It would take a minute.
    thin = Traits(64)
    words = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(3000))
    for size in range(1000, 1500, 5):
        here = kit(thin, kit_number=65_535)
        flash = text(words[:size], precedence=Precedence.FLASH)
        step = here.handle(OutboxChanged((queued(1, flash),)), now(1))
        if not only(step, Sealed):
            assert notices(step) == ["too_large_for_links"]
            break
    else:
        pytest.fail("no text was too large")


def test_a_queue_on_a_free_line_is_signed_once_at_its_end() -> None:
    here, there = kit(Traits(150)), center()
    queue = tuple(queued(n, text(f"{n}: {n * 7919} people at the bridge")) for n in range(60))
    step = here.handle(OutboxChanged(queue), now(1))
    signed: list[bool] = []
    covered: list[int] = []
    while step.transmits:
        signed += [bool(one.signature) for one in step.changes if isinstance(one, Sealed)]
        taken = take(there, step.transmits[0].frame, 2)
        steps = [there.handle(Decoded(j, j.coded.decode()), now(2)) for j in taken.decodings]
        for one in (taken, *steps):
            covered += [run.signed_below for run in one.changes if isinstance(run, Advanced)]
        step = here.handle(FrameSent(step.transmits[0]), now(2))
    assert len(signed) > 3 and signed == [False] * (len(signed) - 1) + [True]
    assert covered[-1] == len(signed), "it covers all before it"


def test_on_a_metered_link_what_is_not_signed_is_signed_after_a_day() -> None:
    here = kit(SAT)
    step = here.handle(OutboxChanged((queued(1, text("x" * 20)),)), now(1))
    assert not content_of(step.transmits[0].frame).signature
    here.handle(FrameSent(step.transmits[0]), now(2))
    take(there := center(), step.transmits[0].frame, 3)
    answer = there.handle(Tick(), now(4)).transmits[0].frame
    receipted = here.handle(FrameReceived("link", "", answer), now(5))
    while receipted.transmits:
        receipted = here.handle(FrameSent(receipted.transmits[0]), now(6))
    assert not here.handle(Tick(), now(80_000)).transmits
    step = here.handle(Tick(), now(90_000))
    found = content_of(step.transmits[0].frame)
    assert [r.kind for r in found.records] == [RecordKind.CHECKPOINT] and found.signature
    here.handle(FrameSent(step.transmits[0]), now(90_001))
    assert run_of(take(there, step.transmits[0].frame, 90_002)).signed_below == 2


# -- early and slow --------------------------------------------------------------------------


def test_an_envelope_before_the_first_of_its_life_is_stored_and_read_later() -> None:
    author, there = Author(), center()
    zero, one = author.seal(text("one")), author.seal(text("two", MINUTE + 1), base=MINUTE)
    early = take(there, one, 1)
    (stored,) = only(early, Arrived)
    assert isinstance(stored, Arrived) and stored.waits and not stored.records
    late = take(there, zero, 2)
    (unpacked,) = only(late, Unpacked)
    assert isinstance(unpacked, Unpacked)
    assert [(r.text, r.minute) for r in unpacked.arrived.records] == [("two", MINUTE + 1)]
    assert run_of(late).next_seq == 2
    assert not only(take(there, one, 3), Arrived), "its repeat is known"


def test_a_restart_between_the_two_loses_neither() -> None:
    author = Author()
    zero, one = author.seal(text("one")), author.seal(text("two", MINUTE + 1), base=MINUTE)
    life = HeardEpoch(
        0,
        b"salt",
        0,
        chain_start(Direction.UP, 0, b"salt", KIT.fingerprint),
        None,
        waiting=((1, one, "link"),),
    )
    again = center(heard=(life,), paths=(("link", "kit"),))
    late = take(again, zero, 1)
    assert only(late, Unpacked) and run_of(late).next_seq == 2


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is coded at all is slow to decode."""
    monkeypatch.setattr(content_module, "_QUICK_CODECS", frozenset({Codec.RAW}))


LONG = "The road to the village is open again, two trucks are on their way."


def test_slow_texts_are_decoded_beside_the_loop_and_receipted_when_read(slow: None) -> None:
    author, there = Author(), center()
    step = take(there, author.seal(text(LONG)), 1)
    (stored,) = only(step, Arrived)
    assert isinstance(stored, Arrived) and stored.waits and not only(step, Advanced)
    (job,) = step.decodings
    assert not there.handle(Tick(), now(2)).transmits, "nothing is receipted yet"
    read = there.handle(Decoded(job, job.coded.decode()), now(3))
    (unpacked,) = only(read, Unpacked)
    assert isinstance(unpacked, Unpacked) and unpacked.arrived.records[0].text == LONG
    assert told(there.handle(Tick(), now(4))).next == 1
    assert not there.handle(Decoded(job, job.coded.decode()), now(5)).changes, "once only"


def test_a_slow_first_envelope_is_decoded_once_and_its_minute_holds_for_the_next(
    slow: None,
) -> None:
    author, there = Author(), center()
    zero = author.seal(text(LONG))
    one = author.seal(text("2", MINUTE + 1), base=MINUTE)
    take(there, one, 1)
    step = take(there, zero, 2)
    assert [job.seq for job in step.decodings] == [0]
    job = step.decodings[0]
    assert run_of(there.handle(Decoded(job, job.coded.decode()), now(3))).next_seq == 2


def test_slow_texts_are_decoded_after_a_restart_and_the_first_minute_is_known(slow: None) -> None:
    author = Author()
    zero, one = author.seal(text(LONG)), author.seal(text("2", MINUTE + 1), base=MINUTE)
    start = chain_start(Direction.UP, 0, b"salt", KIT.fingerprint)
    life = HeardEpoch(0, b"salt", 0, start, None, waiting=((0, zero, "link"),))
    state = replace(pairing(Direction.DOWN), heard=(life,), paths=(("link", "kit"),))
    again = Engine(Snapshot((state,), ()), lambda n: b"salt"[:n])
    step = again.handle(LinkUp("link", LISTENS), now(0))
    (job,) = step.decodings
    read = again.handle(Decoded(job, job.coded.decode()), now(1))
    assert run_of(read).base_minute == MINUTE
    (arrived,) = only(take(again, one, 2), Arrived)
    assert isinstance(arrived, Arrived) and arrived.records[0].minute == MINUTE + 1


# -- forks -----------------------------------------------------------------------------------


def test_the_same_number_with_another_tag_is_kept_beside_and_raises_one_alarm() -> None:
    tags = Tags()
    there = center(tags)
    first, other = Author().seal(text("one")), Author().seal(text("another"))
    take(there, first, 1)
    tags.tags[0] = frame_tag(first)
    assert not only(take(there, first, 2), Forked), "a repeat is no fork"
    step = take(there, other, 3)
    assert only(step, Forked) == [Forked(1, 0, b"salt", 0, other)]
    assert notices(step) == ["fork"] and not only(step, Arrived)
    assert not take(there, other, 4).changes, "once in a process life"
