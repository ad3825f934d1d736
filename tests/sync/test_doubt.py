"""A side that was restored is noticed, asked and told; nothing that either side has is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from crisiskit.codec.acks import (
    NO_DIGEST,
    AckBlock,
    PartRequest,
    Receipt,
    decode_receipt,
    encode_receipt,
)
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.checkpoint import Asked, decode_query, encode_query
from crisiskit.codec.content import Content, decode_content, encode_content
from crisiskit.codec.header import FrameKind, Header, associated_data, decode_header
from crisiskit.codec.record import record_digest
from crisiskit.crypto.keys import ChainKey
from crisiskit.crypto.seal import open_frame, seal
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import (
    HeardEpoch,
    MostHeld,
    PairingState,
    SealedEnvelope,
    SendingEpoch,
    Snapshot,
)
from crisiskit.step import (
    Acknowledged,
    Announced,
    Answered,
    Arrived,
    Doubted,
    EpochOpened,
    Now,
    Queued,
    Raised,
    Requeued,
    Step,
)
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import FrameReceived, FrameSent, LinkUp, OutboxChanged, Tick
from transports.link import Traits

KIT_FP, CENTER_FP = b"k" * 16, b"c" * 16
KEYS = {Direction.UP: b"u" * 32, Direction.DOWN: b"d" * 32}
FREE = Traits(4096)
SAT = Traits(340, credit_bytes=50, repeat_s=1800, receipt_delay_s=600)
MINUTE = 29_833_333
DIGESTS = tuple(bytes([n]) * 32 for n in range(1, 6))
SALT = b"salt"


def now(s: float) -> Now:
    return Now(s, MINUTE * 60_000 + int(s * 1000))


def state(sends: Direction = Direction.UP, **changes: object) -> PairingState:
    up = sends is Direction.UP
    plain = PairingState(
        pairing=1,
        network_id=bytes(16),
        kit_number=5,
        kit_fp=KIT_FP,
        own_fp=KIT_FP if up else CENTER_FP,
        peer_fp=CENTER_FP if up else KIT_FP,
        peer_public=bytes(32),
        sends=sends,
        send_epoch=0,
        send_chain=KEYS[sends],
        heard_chain_epoch=0,
        heard_chain=KEYS[sends.other],
        keeps_root=not up,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def sent_before(in_doubt: bool = False, **changes: object) -> PairingState:
    """A kit that sealed five envelopes in epoch 2; two are not known to be held."""
    outstanding = tuple(
        SealedEnvelope(2, seq, _envelope(seq), Precedence.ROUTINE, DIGESTS[seq], sent=True)
        for seq in ((3, 4) if not in_doubt else ())
    )
    chain = ChainKey(Direction.UP, 0, KEYS[Direction.UP]).forward(3)
    given: dict[str, object] = {
        "send_epoch": 3,
        "send_chain": chain.key,
        "sending": (SendingEpoch(2, SALT, bytes(16), DIGESTS, in_doubt),),
        "outstanding": outstanding,
    }
    return state(Direction.UP, **(given | changes))


def _envelope(seq: int) -> bytes:
    keys = ChainKey(Direction.UP, 0, KEYS[Direction.UP]).forward(2).secret().keys(SALT)
    record = Record(RecordKind.TEXT, Precedence.ROUTINE, MINUTE, f"n {seq}")
    header = Header(FrameKind.SEALED, 5, Direction.UP, Precedence.ROUTINE, seq)
    return seal(keys, header, encode_content(Content((record,)), None))


def engine(given: PairingState, traits: Traits = FREE, archive: object = None) -> Engine:
    made = Engine(Snapshot((given,), ()), lambda n: SALT[:n], None, archive)  # type: ignore[arg-type]
    settle(made, made.handle(LinkUp("link", traits), now(0)), 0)
    return made


def settle(here: Engine, step: Step, s: float) -> list[bytes]:
    """Let everything leave that wants to; the frames."""
    frames: list[bytes] = []
    while step.transmits:
        frames += [transmit.frame for transmit in step.transmits]
        for transmit in step.transmits:
            step = here.handle(FrameSent(transmit), now(s))
    return frames


def receipt(
    *blocks: AckBlock | PartRequest, epoch: int = 0, counter: int = 0, salt: bytes = SALT
) -> bytes:
    """What the center says in one of its epochs."""
    keys = ChainKey(Direction.DOWN, 0, KEYS[Direction.DOWN]).forward(epoch).secret().keys(salt)
    header = Header(FrameKind.RECEIPT, 5, Direction.DOWN, Precedence.ROUTINE, counter, epoch, salt)
    return seal(keys, header, encode_receipt(Receipt(MINUTE * 60, blocks)))


def held(below: int, epoch: int = 2, wide: bool = False) -> AckBlock:
    digest = DIGESTS[below - 1][:4] if below else NO_DIGEST
    return AckBlock(epoch, below, digest, below - 1, (), SALT[:2] if wide else b"")


def take(to: Engine, frame: bytes, s: float) -> Step:
    return to.handle(FrameReceived("link", "kit", frame), now(s))


def notices(step: Step) -> list[str]:
    return [change.notice.code for change in step.changes if isinstance(change, Raised)]


def kinds(step: Step) -> set[type]:
    return {type(change) for change in step.changes}


def receipts_in(frames: Sequence[bytes], direction: Direction, epoch: int = 0) -> list[Receipt]:
    keys = ChainKey(direction, 0, KEYS[direction]).forward(epoch).secret().keys(SALT)
    found = []
    for frame in frames:
        header = decode_header(frame)
        assert isinstance(header, tuple)
        if header[0].kind is FrameKind.RECEIPT:
            one = decode_receipt(open_frame(keys, header[0], frame) or b"")
            assert isinstance(one, Receipt)
            found.append(one)
    return found


def queries_in(frames: Sequence[bytes], epoch: int) -> list[tuple[Asked, ...]]:
    keys = ChainKey(Direction.UP, 0, KEYS[Direction.UP]).forward(epoch).secret().keys(SALT)
    found = []
    for frame in frames:
        header = decode_header(frame)
        assert isinstance(header, tuple)
        if header[0].kind is not FrameKind.SEALED or header[0].counter > 1000:
            continue
        data = open_frame(keys, header[0], frame)
        content = decode_content(data, MINUTE) if data is not None else None
        if isinstance(content, Content) and content.records[0].kind is RecordKind.QUERY:
            found.append(decode_query(content.records[0].data))
    return found


# -- the far end was restored ----------------------------------------------------------------


MOST = MostHeld(
    2, SALT, 4, (6, SALT)
)  # of epoch 2 four envelopes were held, said in the center's epoch 6


@pytest.mark.parametrize(
    "blocks",
    [(), (held(3),), (held(0),), (AckBlock(1, 5, b"abcd", 4),)],
    ids=["of nothing", "of fewer", "of none", "of an older life"],
)
def test_a_newer_life_of_the_peer_that_holds_less_was_restored(
    blocks: tuple[AckBlock, ...],
) -> None:
    kit = engine(sent_before(most_held=MOST))
    step = take(kit, receipt(*blocks, epoch=7), 1)
    assert Doubted in kinds(step) and notices(step) == ["peer_restored"]
    assert step.restart and not step.transmits
    assert not kinds(step) & {Acknowledged}, "nothing becomes HELD by the word of doubt"


@pytest.mark.parametrize("blocks", [(held(4),), (held(5),)], ids=["as much", "more"])
def test_a_newer_life_of_the_peer_that_holds_as_much_was_only_restarted(
    blocks: tuple[AckBlock, ...],
) -> None:
    step = take(engine(sent_before(most_held=MOST)), receipt(*blocks, epoch=7), 1)
    assert Doubted not in kinds(step) and not notices(step)


def test_the_life_that_said_so_may_say_less_later() -> None:
    step = take(engine(sent_before(most_held=MOST)), receipt(held(3), epoch=6), 1)
    assert Doubted not in kinds(step), "a late receipt is no restore"


def test_a_newer_life_that_never_says_what_it_holds_is_asked_after_two_hours() -> None:
    kit = engine(sent_before(most_held=MOST))
    more = Record(RecordKind.TEXT, Precedence.ROUTINE, MINUTE, "in epoch 3")
    kit.handle(OutboxChanged((Queued(9, 1, more, record_digest(KIT_FP, more)),)), now(0))
    step = take(kit, receipt(AckBlock(3, 0, NO_DIGEST, -1), epoch=7), 1)
    assert Doubted not in kinds(step), "a newer life of mine is as good"
    assert Doubted not in kinds(kit.handle(Tick(), now(7000)))
    step = kit.handle(Tick(), now(7300))
    assert Doubted in kinds(step) and step.restart and not notices(step)


def test_what_an_older_life_of_the_peer_says_after_a_newer_one_is_not_believed() -> None:
    kit = engine(sent_before())
    take(kit, receipt(held(3), epoch=7), 1)
    late = take(kit, receipt(held(5), epoch=6), 2)
    assert Acknowledged not in kinds(late)


# -- this side was restored ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "above"),
    [
        (AckBlock(9, 1, b"abcd", 0, (), SALT[:2]), 9),
        (AckBlock(300, 1, b"abcd", 0, (), SALT[:2]), 300),
        (AckBlock(2, 6, b"abcd", 5), 2),
    ],
    ids=["an epoch above mine", "far above, in whole", "more envelopes than I sealed"],
)
def test_a_block_that_knows_more_of_me_than_i_do_tells_that_i_was_rolled_back(
    block: AckBlock, above: int
) -> None:
    step = take(engine(sent_before()), receipt(block), 1)
    (doubted,) = [change for change in step.changes if isinstance(change, Doubted)]
    assert doubted.send_epoch == above + 1
    first = ChainKey(Direction.UP, 0, KEYS[Direction.UP])
    assert doubted.chain_key == first.forward(doubted.send_epoch).key
    assert notices(step) == ["restored_here"] and step.restart


@pytest.mark.parametrize(
    "block", [AckBlock(9, 1, b"abcd", 0), PartRequest(9, 0, 3, (1,))], ids=["ack", "parts"]
)
def test_the_low_byte_of_an_epoch_alone_proves_nothing(block: AckBlock | PartRequest) -> None:
    """After a jump a life of long ago may look like one that is still to come."""
    step = take(engine(sent_before()), receipt(block), 1)
    assert not notices(step) and not step.restart


def test_one_query_is_under_way_however_long_the_other_side_is_silent() -> None:
    kit = Engine(Snapshot((sent_before(in_doubt=True),), ()), lambda n: SALT[:n])
    frames = settle(kit, kit.handle(LinkUp("link", SAT), now(0)), 0)
    for day in range(1, 30):
        s = day * 86_400.0
        frames += settle(kit, kit.handle(Tick(), now(s)), s)
        assert kit.asking(1) == 1
    sealed = {frame[-8:] for frame in frames}
    assert len(sealed) == 1, "the same envelope again"


def test_a_query_that_waits_is_known_after_a_restart() -> None:
    frame, digest = _envelope(4), DIGESTS[4]
    asked = SealedEnvelope(2, 4, frame, Precedence.PRIORITY, digest, sent=True, asks=True)
    kit = Engine(
        Snapshot((replace(sent_before(in_doubt=True), outstanding=(asked,)),), ()),
        lambda n: SALT[:n],
    )
    frames = settle(kit, kit.handle(LinkUp("link", FREE), now(0)), 0)
    assert kit.asking(1) == 1 and frame[-8:] in {sent[-8:] for sent in frames}


def test_another_digest_is_a_fork_and_its_records_are_sealed_again() -> None:
    step = take(engine(sent_before()), receipt(AckBlock(2, 4, b"evil", 3, (), SALT[:2])), 1)
    assert [c for c in step.changes if isinstance(c, Requeued)] == [Requeued(1, 2)]
    assert notices(step) == ["fork"] and step.restart
    assert Acknowledged not in kinds(step)


def test_a_short_block_with_another_digest_may_mean_another_life_and_is_asked_about() -> None:
    step = take(engine(sent_before()), receipt(AckBlock(2, 4, b"evil", 3)), 1)
    assert Doubted in kinds(step) and step.restart
    assert not notices(step) and not kinds(step) & {Requeued, Acknowledged}


def test_a_block_of_another_life_with_my_epoch_says_nothing_of_mine() -> None:
    step = take(engine(sent_before()), receipt(AckBlock(2, 4, DIGESTS[3][:4], 3, (), b"ot")), 1)
    assert not kinds(step) & {Doubted, Requeued, Acknowledged} and not notices(step)


def test_a_restored_side_says_so_first_of_all_in_an_envelope_that_is_repeated() -> None:
    kit = Engine(Snapshot((state(announce=True),), ()), lambda n: SALT[:n])
    step = kit.handle(LinkUp("link", SAT), now(0))
    assert Announced in kinds(step), "from here on the envelope itself is repeated"
    frames = settle(kit, step, 0)
    assert queries_in(frames, 0) == [()], "a query for nothing"
    again = settle(kit, kit.handle(Tick(), now(4 * 3600)), 4 * 3600)
    assert queries_in(again, 0) == [()]


def test_whoever_hears_that_the_other_was_restored_doubts_all_it_keeps() -> None:
    keys = ChainKey(Direction.UP, 0, KEYS[Direction.UP]).secret().keys(SALT)
    header = Header(FrameKind.SEALED, 5, Direction.UP, Precedence.PRIORITY, 0, 0, SALT)
    record = Record(RecordKind.QUERY, Precedence.PRIORITY, MINUTE)
    frame = seal(keys, header, encode_content(Content((record,)), None))
    center = engine(state(Direction.DOWN), replace(FREE, listens=True))
    step = take(center, frame, 1)
    assert {Doubted, Arrived} <= kinds(step) and step.restart
    assert notices(step) == ["peer_restored"]


# -- asking and answering --------------------------------------------------------------------


def test_what_is_in_doubt_is_asked_for_until_it_is_answered() -> None:
    kit = Engine(Snapshot((sent_before(in_doubt=True),), ()), lambda n: SALT[:n])
    frames = settle(kit, kit.handle(LinkUp("link", SAT), now(0)), 0)
    assert queries_in(frames, 3) == [(Asked(2, SALT[:2], 5),)]
    step = kit.handle(Tick(), now(100))
    assert not step.transmits
    again = settle(kit, kit.handle(Tick(), now(2 * 3600)), 7200)
    assert (Asked(2, SALT[:2], 5),) in queries_in(again, 3)


@pytest.mark.parametrize(
    ("block", "answered"),
    [
        (held(5, wide=True), Answered(1, 2, 5)),
        (held(3, wide=True), Answered(1, 2, 3)),
        (held(0, wide=True), Answered(1, 2, 0, proved=False)),
        (AckBlock(2, 4, NO_DIGEST, 3, (), SALT[:2]), Answered(1, 2, 4, proved=False)),
        (AckBlock(2, 1, DIGESTS[0][:4], 3, (1, 2), SALT[:2]), Answered(1, 2, 1, (3,))),
    ],
    ids=["all", "some", "nothing", "without proof", "with gaps"],
)
def test_the_answer_says_what_is_repeated(block: AckBlock, answered: Answered) -> None:
    kit = engine(sent_before(in_doubt=True), SAT)
    step = take(kit, receipt(block, epoch=7), 1)
    assert [c for c in step.changes if isinstance(c, Answered)] == [replace(answered, by=(7, SALT))]
    assert step.restart


def test_what_does_not_answer_leaves_the_doubt_and_is_no_sign_of_a_restore_here() -> None:
    kit = engine(sent_before(in_doubt=True), SAT)
    step = take(kit, receipt(AckBlock(2, 6, b"abcd", 5, (), SALT[:2]), epoch=7), 1)
    assert not step.restart and not notices(step)


def test_an_answer_with_another_digest_is_a_fork() -> None:
    kit = engine(sent_before(in_doubt=True), SAT)
    step = take(kit, receipt(AckBlock(2, 4, b"evil", 3, (), SALT[:2])), 1)
    assert Requeued in kinds(step) and notices(step) == ["fork"]


class Leaves:
    """An archive that holds the leaves of a life."""

    def __init__(self, *leaves: bytes) -> None:
        self._leaves = leaves

    def tag(self, pairing: int, epoch: int, salt: bytes, seq: int) -> bytes | None:
        return None

    def leaves(self, pairing: int, epoch: int, salt: bytes, count: int) -> Sequence[bytes]:
        return self._leaves[:count]


LEAVES = tuple(bytes([n]) * 32 for n in range(20, 23))


def chain(count: int) -> bytes:
    digest = chain_start(Direction.UP, 2, SALT, KIT_FP)
    for leaf in LEAVES[:count]:
        digest = chain_next(digest, leaf)
    return digest


def asked(*epochs: tuple[int, int], archive: Leaves | None = None) -> Receipt:
    """What a center that holds three envelopes of epoch 2 answers to a query in epoch 3."""
    heard = (HeardEpoch(2, SALT, 3, chain(3), MINUTE),)
    given = state(Direction.DOWN, heard=heard, paths=(("link", "kit"),))
    center = engine(
        given, Traits(4096, listens=True, lasting_peers=True), archive or Leaves(*LEAVES)
    )
    keys = ChainKey(Direction.UP, 0, KEYS[Direction.UP]).forward(3).secret().keys(SALT)
    query = Record(
        RecordKind.QUERY,
        Precedence.PRIORITY,
        MINUTE,
        data=encode_query([Asked(e, SALT[:2], n) for e, n in epochs]),
    )
    header = Header(FrameKind.SEALED, 5, Direction.UP, Precedence.PRIORITY, 0, 3, SALT)
    frame = seal(keys, header, encode_content(Content((query,)), None))
    step = take(center, frame, 1)
    (answer,) = receipts_in(settle(center, step, 1), Direction.DOWN)
    leaf = envelope_leaf(associated_data(header), [record_digest(KIT_FP, query)])
    start = chain_start(Direction.UP, 3, SALT, KIT_FP)
    newest = AckBlock(3, 1, chain_next(start, leaf)[:4], 0, (), SALT[:2])
    assert answer.blocks[0] == newest, "the newest life first"
    return answer


@pytest.mark.parametrize("count", [1, 2])
def test_an_asker_that_has_less_is_answered_at_its_own_count(count: int) -> None:
    answer = asked((2, count))
    assert answer.blocks[-1] == AckBlock(2, count, chain(count)[:4], count - 1, (), SALT[:2])


@pytest.mark.parametrize("count", [3, 4, 60_000])
def test_an_asker_that_has_as_much_or_more_is_answered_with_all_that_is_stored(
    count: int,
) -> None:
    assert asked((2, count)).blocks[-1] == AckBlock(2, 3, chain(3)[:4], 2, (), SALT[:2])


def test_nothing_is_known_of_a_life_never_heard() -> None:
    assert asked((1, 7)).blocks[-1] == AckBlock(1, 0, NO_DIGEST, -1, (), SALT[:2])


@pytest.mark.parametrize("leaves", [LEAVES[:1], (LEAVES[0], b"", LEAVES[2])])
def test_what_cannot_be_chained_is_answered_without_proof(leaves: tuple[bytes, ...]) -> None:
    answer = asked((2, 2), archive=Leaves(*leaves))
    assert answer.blocks[-1] == AckBlock(2, 2, NO_DIGEST, 1, (), SALT[:2])


def test_each_epoch_of_a_query_is_answered() -> None:
    blocks = asked((2, 3), (1, 1), (0, 9)).blocks
    assert [block.epoch for block in blocks[-3:]] == [2, 1, 0]


# -- what a receipt always says --------------------------------------------------------------


def test_a_receipt_names_the_newest_life_first_even_if_an_older_one_is_due() -> None:
    heard = (
        HeardEpoch(2, SALT, 3, chain(3), MINUTE, owed=True),
        HeardEpoch(4, SALT, 1, bytes(32), MINUTE),
    )
    given = state(Direction.DOWN, heard=heard, paths=(("link", "kit"),))
    center = Engine(Snapshot((given,), ()), lambda n: SALT[:n])
    lasting = Traits(4096, listens=True, lasting_peers=True)
    frames = settle(center, center.handle(LinkUp("link", lasting), now(0)), 0)
    blocks = receipts_in(frames, Direction.DOWN)[0].blocks
    assert [block.epoch for block in blocks] == [4, 2]


def test_a_block_rides_only_of_the_newest_life() -> None:
    heard = (
        HeardEpoch(2, SALT, 3, chain(3), MINUTE, owed=True),
        HeardEpoch(4, SALT, 1, bytes(32), MINUTE, owed=True),
    )
    center = Engine(
        Snapshot((state(Direction.DOWN, heard=heard, paths=(("link", "kit"),)),), ()),
        lambda n: SALT[:n],
    )
    order = Record(RecordKind.TEXT, Precedence.FLASH, MINUTE, "come")
    center.handle(OutboxChanged((Queued(1, 1, order, record_digest(CENTER_FP, order)),)), now(0))
    lasting = Traits(4096, listens=True, lasting_peers=True)
    step = center.handle(LinkUp("link", lasting), now(0))
    assert EpochOpened in kinds(step)
    keys = ChainKey(Direction.DOWN, 0, KEYS[Direction.DOWN]).secret().keys(SALT)
    header = decode_header(step.transmits[0].frame)
    assert isinstance(header, tuple) and header[0].kind is FrameKind.SEALED
    content = decode_content(open_frame(keys, header[0], step.transmits[0].frame) or b"", None)
    assert isinstance(content, Content) and content.ack is not None and content.ack.epoch == 4
