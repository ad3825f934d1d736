"""What was committed survives a restore: doubt, answers, closed epochs and what came early."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crisiskit.crypto.keys import EPOCH_MAX, ChainKey
from crisiskit.crypto.vault import Vault
from crisiskit.model import CENTER, Direction, Precedence, Record, RecordKind
from crisiskit.snapshot import MostHeld, PairingState
from crisiskit.step import (
    Acknowledged,
    Advanced,
    Announced,
    Answered,
    Arrived,
    Change,
    Doubted,
    EpochHeard,
    EpochOpened,
    Forked,
    Requeued,
    Sealed,
    Sent,
    Unpacked,
)
from crisiskit.store import frames
from crisiskit.store.schema import Sealed as Column
from crisiskit.store.store import Draft, NewPairing, Store
from crisiskit.store.views import Views

VAULT = Vault(bytes(32))
FP, CHAIN = b"kit-------------", b"u" * 32
SALT = b"salt"
FIFTH, SEVENTH = (5, b"five"), (7, b"sevn")
DAY_MS = 86_400_000
FRAME = b"a sealed frame of the far end, tag 8"


class Clock:
    ms = 1_790_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db", lambda: Clock.ms, VAULT)
    made.set_meta(role=b"kit", name=b"kit-1", own_fp=FP, network_id=b"n" * 16)
    made.add_pairing(
        NewPairing(
            1, CENTER, FP, bytes(32), bytes(16), bytes(32), CHAIN, bytes(32), keeps_root=False
        )
    )
    yield made
    made.close()


@pytest.fixture
def views(store: Store) -> Iterator[Views]:
    opened = Views(store.path, VAULT)
    yield opened
    opened.close()


def state(store: Store) -> PairingState:
    return store.snapshot().pairings[0]


def states(views: Views) -> dict[str, int]:
    return dict(views.tally("out"))


def sealed(seq: int, *deliveries: int, signature: bytes = b"") -> Sealed:
    digest = bytes([seq + 1]) * 32
    return Sealed(1, 0, seq, b"frame", Precedence.ROUTINE, bytes(32), digest, deliveries, signature)


def sent_three(store: Store, views: Views, *more: Change) -> None:
    """Three texts, each in an envelope of epoch 0 that left."""
    for n in range(3):
        store.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, f"n {n}")])
    refs = sorted(message.ref for message in views.page())
    opened = EpochOpened(1, 0, SALT, bytes(16), ChainKey(Direction.UP, 0, CHAIN).forward(1).key)
    changes: list[Change] = [opened]
    for seq, ref in enumerate(refs):
        changes += [sealed(seq, ref), Sent(1, 0, seq, "sat", 60, 2, True)]
    store.apply([*changes, *more])


def outstanding(store: Store) -> list[tuple[int, bool]]:
    return [(one.seq, one.arrived) for one in state(store).outstanding]


# -- going on after a restore ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("floor", "drawn", "epoch"),
    [(-1, 0, 1 + 1), (0, 7, 1 + 1 + 7), (40, 0, 41 + 1), (40, 254, 41 + 255), (40, 255, 41 + 1)],
)
def test_a_restored_store_goes_on_above_its_floor_and_by_a_random_step(
    store: Store, views: Views, floor: int, drawn: int, epoch: int
) -> None:
    sent_three(store, views)
    store.resume_restored(floor, lambda n: bytes([drawn]) * n)
    found = state(store)
    assert found.send_epoch == epoch > floor + 1
    assert found.send_chain == ChainKey(Direction.UP, 0, CHAIN).forward(epoch).key
    assert found.announce, "the far end is to be told"
    assert [epoch.in_doubt for epoch in found.sending] == [True], "and to be asked"


def test_a_restored_store_never_counts_beyond_the_last_epoch(store: Store) -> None:
    store.resume_restored(EPOCH_MAX - 1, lambda n: b"\xfe" * n)
    assert state(store).send_epoch == EPOCH_MAX


def test_a_store_goes_on_after_a_restore_once(store: Store) -> None:
    store.set_meta(restored=b"yes")
    store.resume_restored(3, bytes)
    assert store.meta("restored") is None and store.newest_epoch() >= 3


def test_the_newest_epoch_is_that_of_all_pairings(store: Store, views: Views) -> None:
    assert store.newest_epoch() == -1
    sent_three(store, views)
    assert store.newest_epoch() == 0


def test_the_far_end_is_told_until_it_has_answered(store: Store) -> None:
    store.resume_restored(0, bytes)
    store.apply([Announced(1)])
    assert not state(store).announce


# -- doubt and its answer --------------------------------------------------------------------


def test_doubt_moves_the_next_epoch_forward_and_never_back(store: Store, views: Views) -> None:
    sent_three(store, views)
    store.apply([Doubted(1, 9, b"9" * 32)])
    assert (state(store).send_epoch, state(store).send_chain) == (9, b"9" * 32)
    store.apply([Doubted(1, 4, b"4" * 32)])
    assert (state(store).send_epoch, state(store).send_chain) == (9, b"9" * 32)


def test_in_doubt_an_epoch_that_was_held_is_remembered_with_all_its_digests(
    store: Store, views: Views
) -> None:
    sent_three(store, views, Acknowledged(1, 0, 3, by=FIFTH))
    assert state(store).sending == () and state(store).most_held == MostHeld(0, SALT, 3, FIFTH)
    store.apply([Doubted(1, 1, bytes(32))])
    (epoch,) = state(store).sending
    assert epoch.in_doubt and epoch.digests == tuple(bytes([n]) * 32 for n in (1, 2, 3))
    assert state(store).most_held is None, "nothing is compared twice"
    assert states(views) == {"held": 3}, "people go on seeing what they saw"


def test_an_answer_repeats_what_the_far_end_lost_even_if_it_was_held(
    store: Store, views: Views
) -> None:
    sent_three(store, views, Acknowledged(1, 0, 3), Doubted(1, 1, bytes(32)))
    store.apply([Answered(1, 0, 1, by=SEVENTH)])
    assert outstanding(store) == [(1, False), (2, False)]
    assert not any(epoch.in_doubt for epoch in state(store).sending)
    assert states(views) == {"held": 3}
    store.apply([Acknowledged(1, 0, 3, by=SEVENTH)])
    assert outstanding(store) == [] and state(store).most_held == MostHeld(0, SALT, 3, SEVENTH)


def test_an_answer_holds_what_it_proves_and_knows_what_arrived(store: Store, views: Views) -> None:
    sent_three(store, views, Doubted(1, 1, bytes(32)))
    store.apply([Answered(1, 0, 1, (2,), by=SEVENTH)])
    assert outstanding(store) == [(1, False), (2, True)]
    assert states(views) == {"held": 1, "sent": 1, "arrived": 1}


def test_an_answer_without_proof_holds_nothing(store: Store, views: Views) -> None:
    sent_three(store, views, Doubted(1, 1, bytes(32)))
    store.apply([Answered(1, 0, 2, proved=False, by=SEVENTH)])
    assert outstanding(store) == [(0, True), (1, True), (2, False)]
    assert states(views) == {"sent": 1, "arrived": 2}


def test_the_records_of_a_closed_epoch_wait_again_since_nothing_of_it_is_sure(
    store: Store, views: Views
) -> None:
    sent_three(store, views, Acknowledged(1, 0, 1))
    store.apply([Requeued(1, 0)])
    assert states(views) == {"kept": 3}
    assert [item.record.text for item in store.snapshot().queue] == ["n 0", "n 1", "n 2"]
    assert outstanding(store) == [], "its envelopes are never repeated"


@pytest.mark.parametrize(("days", "there"), [(29, True), (31, False)])
def test_envelopes_stay_for_a_month_after_they_were_held(
    store: Store, views: Views, monkeypatch: pytest.MonkeyPatch, days: int, there: bool
) -> None:
    sent_three(store, views, Acknowledged(1, 0, 3))
    monkeypatch.setattr(Clock, "ms", Clock.ms + days * DAY_MS)
    store.prune()
    store.apply([Doubted(1, 1, bytes(32))])
    assert bool(state(store).sending) is there
    assert states(views) == {"held": 3}, "the messages stay"


def test_the_newest_life_is_known_for_a_later_checkpoint(store: Store, views: Views) -> None:
    assert state(store).last_life is None
    sent_three(store, views)
    last = state(store).last_life
    assert last is not None
    assert (last.epoch, last.salt, last.count, last.digest) == (0, SALT, 3, b"\3" * 32)


# -- what came from the far end --------------------------------------------------------------


HEARD = EpochHeard(1, 4, SALT, bytes(32))
TEXT = Record(RecordKind.TEXT, Precedence.ROUTINE, 29_800_000, "water")


def arrived(seq: int, leaf: bytes = b"l" * 32, **more: object) -> Arrived:
    return Arrived(1, Direction.DOWN, 4, SALT, seq, FRAME, leaf, "sat", **more)  # type: ignore[arg-type]


def test_the_tag_of_a_stored_envelope_is_its_last_8_bytes(store: Store) -> None:
    store.apply([HEARD, arrived(0)])
    assert store.tag(1, 4, SALT, 0) == FRAME[-8:]
    assert store.tag(1, 4, SALT, 1) is None and store.tag(1, 4, b"else", 0) is None


def test_leaves_end_where_the_first_envelope_is_missing(store: Store) -> None:
    store.apply([HEARD, *(arrived(seq, bytes([seq]) * 32) for seq in (0, 1, 3))])
    assert store.leaves(1, 4, SALT, 1) == [bytes(32)]
    assert store.leaves(1, 4, SALT, 9) == [bytes(32), b"\1" * 32]
    assert store.leaves(1, 5, SALT, 9) == []


def test_an_envelope_that_came_early_is_stored_and_its_records_come_later(
    store: Store, views: Views
) -> None:
    store.apply([HEARD, arrived(1, b"", waits=True)])
    (life,) = state(store).heard
    assert life.waiting == ((1, FRAME, "sat"),) and life.ahead == () and views.count() == 0
    digest, signature = b"d" * 16, b"s" * 64
    late = arrived(1, b"m" * 32, records=(TEXT,), digests=(digest,), signature=signature)
    store.apply([Unpacked(late)])
    (life,) = state(store).heard
    assert life.waiting == () and life.ahead == ((1, b"m" * 32, signature),)
    assert [message.text for message in views.page()] == ["water"]
    store.apply([Advanced(1, 4, SALT, 2, b"e" * 32, 29_800_000, signed_below=2)])
    (life,) = state(store).heard
    assert (life.next_seq, life.signed_below, life.owed, life.ahead) == (2, 2, True, ())


def test_an_envelope_that_cannot_be_read_later_is_kept_all_the_same(
    store: Store, views: Views
) -> None:
    store.apply([HEARD, arrived(0, b"", waits=True)])
    store.apply([Unpacked(arrived(0, b"", undecodable="text"))])
    (life,) = state(store).heard
    assert life.waiting == () and life.ahead == ((0, b"", b""),) and views.count() == 0
    assert store.leaves(1, 4, SALT, 1) == [b""], "it proves nothing"


def test_a_fork_is_kept_beside_what_was_there(store: Store) -> None:
    store.apply([HEARD, arrived(0), Forked(1, 4, SALT, 0, b"another frame")])
    assert store.tag(1, 4, SALT, 0) == FRAME[-8:]
    (row,) = store._db.execute("SELECT pairing, epoch, salt, seq, frame FROM fork").fetchall()
    assert row[:-1] == (1, 4, SALT, 0)
    assert frames.opened(VAULT, row[-1], Column.FORK_FRAME, 1, 4, 0) == b"another frame"


def test_what_was_signed_is_known_of_an_own_life(store: Store, views: Views) -> None:
    sent_three(store, views, sealed(3, signature=b"s" * 64), sealed(4))
    found = store._db.execute("SELECT count, signed_below FROM sending_epoch").fetchall()
    assert found == [(5, 4)]
