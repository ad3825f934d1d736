"""Accepted means durable, all or nothing, and only forward."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crisiskit.crypto.vault import Vault
from crisiskit.errors import BusyError, CrisiskitError, StoreError, UsageError
from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.step import (
    Acknowledged,
    ClockAgreed,
    ClockJumped,
    EpochOpened,
    PartArrived,
    Sealed,
    Sent,
)
from crisiskit.store import connect, schema
from crisiskit.store.commit import WithdrawnError
from crisiskit.store.store import Draft, NewPairing, Store
from crisiskit.store.views import Views

VAULT = Vault(bytes(32))
FRAME = bytes(20)
FP = b"kit-------------"


def draft(text: str, precedence: Precedence = Precedence.ROUTINE, **more: object) -> Draft:
    return Draft(RecordKind.TEXT, precedence, text, **more)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db", lambda: 1_790_000_000_000, VAULT)
    made.set_meta(role=b"kit", name=b"kit-1", own_fp=FP)
    made.add_pairing(
        NewPairing(
            1, CENTER, FP, bytes(32), bytes(16), bytes(32), bytes(32), bytes(32), keeps_root=False
        )
    )
    yield made
    made.close()


@pytest.fixture
def views(store: Store) -> Iterator[Views]:
    opened = Views(store.path, VAULT)
    yield opened
    opened.close()


def sealed(seq: int, *deliveries: int) -> Sealed:
    return Sealed(1, 0, seq, b"frame", Precedence.ROUTINE, bytes(32), bytes(32), deliveries)


OPENED = EpochOpened(1, 0, b"salt", bytes(16), bytes(32))


def test_what_was_kept_is_there_for_another_process(store: Store, tmp_path: Path) -> None:
    code = store.keep([draft("water")])[0]
    store.close()
    again = Views(tmp_path / "store.db", VAULT)
    message = again.find(code)[0]
    assert (message.text, message.state, message.author) == ("water", "kept", "kit-1")
    again.close()


def test_a_batch_is_kept_whole_or_not_at_all(store: Store, views: Views) -> None:
    with pytest.raises(UsageError, match="kit_unknown"):
        store.keep([draft("one"), draft("two", to="nobody")])
    assert views.count() == 0


def test_equal_messages_get_different_ids(store: Store) -> None:
    assert len(set(store.keep([draft("help")] * 5))) == 5


def test_states_only_move_forward(store: Store, views: Views) -> None:
    store.keep([draft("a")])
    ref = views.page()[0].ref
    store.apply([OPENED, sealed(0, ref)])
    store.apply([Acknowledged(1, 0, 1)])
    store.apply([Sent(1, 0, 0, "sat", 60, 2, True), Acknowledged(1, 0, 0, (0,))])
    message = views.page()[0]
    assert (message.state, message.frame_bytes, message.credits) == ("held", 60, 2)


def test_credits_of_a_shared_frame_add_up(store: Store, views: Views) -> None:
    store.keep([draft(f"n{n}") for n in range(3)])
    refs = [message.ref for message in reversed(views.page())]
    store.apply([OPENED, sealed(0, *refs), Sent(1, 0, 0, "sat", 100, 2, True)])
    assert sum(m.frame_bytes for m in views.page()) == 100
    assert sum(m.credits for m in views.page()) == 2


def test_cancel_works_until_sealed_and_then_says_too_late(store: Store, views: Views) -> None:
    store.keep([draft("a"), draft("b")])
    first, second = sorted(message.ref for message in views.page())
    store.cancel(first)
    store.apply([OPENED, sealed(0, second)])
    with pytest.raises(CrisiskitError, match="cancel_too_late"):
        store.cancel(second)
    assert views.tally("out") == {"cancelled": 1, "sealed": 1}


def test_sealing_something_withdrawn_changes_nothing(store: Store, views: Views) -> None:
    store.keep([draft("a"), draft("b")])
    first, second = sorted(message.ref for message in views.page())
    store.cancel(first)
    with pytest.raises(WithdrawnError):
        store.apply([OPENED, sealed(0, first, second)])
    assert views.tally("out") == {"cancelled": 1, "kept": 1}
    assert store.snapshot().pairings[0].send_epoch == 0


def test_a_full_disk_refuses_clearly_loses_nothing_and_still_takes_flash(
    store: Store, views: Views
) -> None:
    store.lay_ballast()
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 8}")
    kept = 0
    with pytest.raises(StoreError, match="disk_full"):
        for _ in range(100):
            store.keep([draft("x" * 2000)])
            kept += 1
    assert views.count() == kept > 0
    with pytest.raises(StoreError, match="disk_full"):
        store.keep([draft("y" * 9000, Precedence.FLASH)])
    assert not (store.path.with_name("ballast")).exists(), "the reserve was given back"
    store._db.execute("PRAGMA max_page_count = 100000")
    store.keep([draft("now there is room", Precedence.FLASH)])


def test_a_reader_never_writes_and_never_creates(tmp_path: Path, views: Views) -> None:
    with pytest.raises(sqlite3.OperationalError):
        views._db.execute("DELETE FROM record")
    with pytest.raises(StoreError):
        connect.open_reader(tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()


def test_two_writers_wait_for_each_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_MS", 50)
    other = Store(store.path, lambda: 0, VAULT)
    other._db.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(BusyError, match="store_locked"):
        store.keep([draft("a")])
    other._db.execute("ROLLBACK")
    store.keep([draft("a")])
    other.close()


def test_a_newer_database_is_left_alone(store: Store, tmp_path: Path) -> None:
    store._db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(StoreError, match="store_newer"):
        Store(store.path, lambda: 0, VAULT)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StoreError, match="store_damaged"):
        Store(tmp_path / "bad.db", lambda: 0, VAULT)


def test_every_commit_is_synced_to_disk(store: Store) -> None:
    full = 2
    assert store._db.execute("PRAGMA synchronous").fetchone()[0] == full
    journal = store._db.execute("PRAGMA journal_mode").fetchone()[0]
    sound = sqlite3.sqlite_version_info >= connect.WAL_SOUND_SINCE
    assert journal == ("wal" if sound else "truncate")


def test_an_id_is_found_by_its_beginning(store: Store, views: Views) -> None:
    code = store.keep([draft("a")])[0]
    assert views.find(code[:3])[0].id == code
    with pytest.raises(UsageError, match="message_unknown"):
        views.find("####")


def test_pruning_keeps_records_and_whatever_awaits_a_receipt(tmp_path: Path) -> None:
    day = 86_400_000
    clock = [1_790_000_000_000]
    store = Store(tmp_path / "old.db", lambda: clock[0], VAULT)
    store.set_meta(role=b"kit", name=b"kit-1", own_fp=FP)
    store.add_pairing(
        NewPairing(
            1, CENTER, FP, bytes(32), bytes(16), bytes(32), bytes(32), bytes(32), keeps_root=False
        )
    )
    store.keep([draft("held long ago"), draft("never held")])
    first, second = store.kept()
    later = EpochOpened(1, 1, b"salt", bytes(16), bytes(32))
    store.apply([OPENED, sealed(0, first), Acknowledged(1, 0, 1), later])
    store.apply([Sealed(1, 1, 0, FRAME, Precedence.ROUTINE, bytes(32), bytes(32), (second,))])
    store.apply([PartArrived(1, 0, b"salt", 5, 0, 3, b"part")])
    clock[0] += 6 * day
    store.prune()
    assert len(store.snapshot().pairings[0].parts) == 1
    clock[0] += 30 * day
    store.prune()
    (pairing,) = store.snapshot().pairings
    assert not pairing.parts and [e.epoch for e in pairing.outstanding] == [1]
    frames = store._db.execute("SELECT frame FROM envelope ORDER BY epoch").fetchall()
    assert frames == [(b"",), (FRAME,)], "the place in the log stays, the sealed bytes go"
    views = Views(store.path, VAULT)
    assert views.count() == 2
    views.close()
    store.close()


def test_a_reader_sets_right_what_a_killed_writer_left(store: Store) -> None:
    """A hot journal: the process died in its commit, after the file had been changed."""
    store.keep([draft("safe")])
    script = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size = 1'); db.execute('PRAGMA cache_spill = 1')\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        "db.execute(\"UPDATE record SET text = x'00'\")\n"
        "db.execute('CREATE TABLE filler (b)')\n"
        "[db.execute('INSERT INTO filler VALUES (zeroblob(9000))') for _ in range(300)]\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(store.path)], check=False)
    journal = Path(f"{store.path}-journal")
    assert journal.exists() and journal.stat().st_size > 512, "the journal is hot"
    store.close()
    views = Views(store.path, VAULT)
    assert [message.text for message in views.page()] == ["safe"]
    views.close()


def test_a_kits_clock_is_believed_for_a_week_after_it_agreed(store: Store, views: Views) -> None:
    store.keep([draft("before")])
    store.apply([ClockAgreed()])
    store.keep([draft("after")])
    assert [message.clock.name for message in views.page()] == ["CENTER", "UNKNOWN"]


def test_a_clock_that_was_set_must_agree_anew(store: Store, views: Views) -> None:
    store.apply([ClockAgreed()])
    store.apply([ClockJumped(5_000)])
    store.keep([draft("after")])
    assert [message.clock.name for message in views.page()] == ["UNKNOWN"]


def test_lifetimes_move_with_a_clock_that_is_set(store: Store, views: Views) -> None:
    store.keep([draft("soon", expires_at=1_000_000)])
    store.apply([ClockJumped(5_000)])
    assert views.page()[0].expires_at == 1_005_000
