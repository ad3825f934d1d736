"""Signed objects on disk: numbers used once, quarantine bounded, old databases brought along."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from crisiskit.codec.objects import AUTHORITY, ObjectKind, SignedObject, answer_code, decode_object
from crisiskit.crypto.identity import CenterIdentity
from crisiskit.crypto.trust import sign
from crisiskit.crypto.vault import Vault
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.model import Precedence, Verdict
from crisiskit.step import ClockJumped
from crisiskit.store import connect, issue, order_views, schema
from crisiskit.store import orders as store_orders
from crisiskit.store.store import NewPairing, Store
from crisiskit.store.views import Views
from crisiskit.trusted import OrderAnswered, Ordered, Quarantined, Trust

KEYS = CenterIdentity(bytes(range(128)))
VAULT = Vault(bytes(32))
NOW = 1_790_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.db", lambda: NOW, VAULT)
    made.set_meta(
        role=b"center",
        name=b"center",
        own_fp=bytes(16),
        network_id=KEYS.network_id,
        authorities=KEYS.authority_public,
    )
    for number in (1, 2):
        made.add_pairing(
            NewPairing(
                number, f"kit-{number}", b"%-16d" % number, bytes(32), bytes(16), bytes(32),
                bytes(32), bytes(32), keeps_root=True,
            )
        )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def views(store: Store) -> Iterator[Views]:
    opened = Views(store.path, VAULT)
    yield opened
    opened.close()


def order(number: int, now_s: int, trust: Trust) -> SignedObject:
    plain = SignedObject(ObjectKind.ORDER, number, now_s, (AUTHORITY,), text="Go.", life=4)
    return sign(plain, trust.network_id, KEYS.sign)


def test_a_number_is_used_once_whatever_became_of_it(store: Store) -> None:
    first = issue.issue(store, order, Precedence.ROUTINE)
    assert issue.withdraw(store, first.number)
    with store.changing() as (db, _now):
        db.execute("DELETE FROM signed_object")
    assert issue.issue(store, order, Precedence.ROUTINE).number == 2


def test_an_order_that_fails_to_be_made_takes_no_number_and_leaves_nothing(store: Store) -> None:
    def fails(number: int, now_s: int, trust: Trust) -> SignedObject:
        raise UsageError("order_needs_second")

    with pytest.raises(UsageError):
        issue.issue(store, fails, Precedence.ROUTINE)
    assert issue.issue(store, order, Precedence.ROUTINE).number == 1


def test_when_numbers_are_used_up_it_says_so(store: Store) -> None:
    store.set_meta(order_number=b"65535")
    with pytest.raises(CrisiskitError, match="orders_used_up"):
        issue.issue(store, order, Precedence.ROUTINE)


def test_a_right_code_stands_and_a_wrong_one_gives_way(store: Store, views: Views) -> None:
    given = issue.issue(store, order, Precedence.ROUTINE)
    right = answer_code(given)
    wrong = f"{(int(right) + 1) % 10_000:04}"
    for code in (wrong, right, wrong):
        store.apply([OrderAnswered(1, 1, code, code)])
    store.apply([OrderAnswered(1, 9, right, "no such order")])
    (answer,) = order_views.answers(views.rows, 1)
    assert (answer.kit, answer.correct, answer.text) == ("kit-1", True, right)
    found = order_views.order(views.rows, 1)
    assert (found.answers, found.asked) == (1, 2)


def test_lives_move_with_the_clock_and_verdicts_with_time(store: Store, views: Views) -> None:
    ordered = Ordered(
        1, b"", Precedence.FLASH, b"d" * 32, b"", "Go.", Verdict.VALID, 1, 7, expires_at=NOW + 10
    )
    store.apply([ordered])
    store.apply([ClockJumped(5_000)])
    assert store.snapshot().orders is not None
    assert views.rows("SELECT expires_at FROM signed_object") == [(NOW + 5_010,)]
    (found,) = order_views.orders(views.rows)
    assert found.verdict_at(NOW + 5_009) is Verdict.VALID
    assert found.verdict_at(NOW + 5_010) is Verdict.EXPIRED


def test_a_whole_list_then_deltas(store: Store, views: Views) -> None:
    def listed() -> SignedObject | None:
        return issue.list_revoked(store, 1, signed)

    def signed(unsigned: SignedObject, trust: Trust) -> SignedObject:
        from dataclasses import replace

        return sign(replace(unsigned, signers=(AUTHORITY,)), trust.network_id, KEYS.sign)

    assert listed() is None
    issue.refuse(store, "kit-2", "lost")
    first = listed()
    assert first is not None and (first.number, first.delta, first.kits) == (1, False, (2,))
    assert listed() is None
    issue.refuse(store, "1", "lost")
    second = listed()
    assert second is not None and (second.number, second.delta, second.kits) == (2, True, (1,))
    assert issue.trust(store).revoked == {1, 2}
    # Nobody is left to be told, and the revoked get nothing.
    assert views.rows("SELECT pairing FROM delivery") == [(1,)]


def test_the_ring_of_strangers_goes_round(
    store: Store, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_orders, "RING_BYTES_MAX", 1000)
    for number in range(30):
        store.apply([Quarantined(None, number, "sat", bytes([number]) * 100)])
    kept = order_views.frames(views.rows, "")
    assert [frame[0] for _at, _link, _number, frame in kept] == list(range(20, 30))
    (aside,) = order_views.quarantine(views.rows)
    assert (aside.name, aside.frames, aside.frame_bytes) == ("", 10, 1000)


def test_of_a_revoked_kit_the_first_frames_stay_each_once(
    store: Store, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_orders, "REFUSED_BYTES_MAX", 1000)
    issue.refuse(store, "kit-1", "lost")
    for number in [*range(30), 0, 1]:
        store.apply([Quarantined(1, 1, "sat", bytes([number]) * 100)])
    kept = order_views.frames(views.rows, "kit-1")
    assert [frame[0] for _at, _link, _number, frame in kept] == list(range(10))
    told = [notice.code for notice in views.notices()]
    assert told == ["quarantine_full"], "never dropped in silence, and said once"
    with pytest.raises(UsageError, match="kit_not_revoked"):
        order_views.frames(views.rows, "kit-2")


def test_an_object_that_waits_holds_zeros_where_its_second_signature_goes(store: Store) -> None:
    def half(number: int, now_s: int, trust: Trust) -> SignedObject:
        plain = SignedObject(ObjectKind.ORDER, number, now_s, (AUTHORITY, 0), text="Go.")
        return sign(plain, trust.network_id, KEYS.sign)

    issue.issue(store, half, Precedence.ROUTINE)
    assert len(issue.draft(store, 1).signatures) == 1
    with store.changing() as (db, _now):
        sealed = db.execute("SELECT data, text FROM signed_object").fetchone()
        data, text = store_orders.opened_object(db, 1, *sealed)
        assert isinstance(decode_object(data, text), SignedObject) and data.endswith(bytes(64))
        assert db.execute("SELECT count(*) FROM record").fetchone() == (0,)
    assert issue.withdraw(store, 1)
    with pytest.raises(UsageError, match="order_not_waiting"):
        issue.draft(store, 1)


def test_a_database_of_the_first_version_is_brought_along(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path, isolation_level=None) as db:
        import sqlite_utils
        from sqlite_utils.migrations import Migrations

        first = Migrations("crisiskit")

        @first()
        def m001_first(db: sqlite_utils.Database) -> None:
            schema._execute(db, schema._V1, 1)

        first.apply(sqlite_utils.Database(db))
        db.execute("INSERT INTO meta (key, value) VALUES ('role', x'6b6974')")
    opened = connect.open_writer(path, VAULT)
    assert schema.version(opened) == schema.VERSION
    assert opened.execute("SELECT count(*) FROM signed_object").fetchone() == (0,)
    assert opened.execute("SELECT value FROM meta WHERE key = 'role'").fetchone() == (b"kit",)
    opened.close()
