"""Whatever is changed in a log is found, and a log that nobody touched is right."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from crisiskit.audit.report import FINDINGS_KEPT, Finding, Report, Wrong
from crisiskit.codec.chain import chain_next, chain_start
from crisiskit.model import Direction
from crisiskit.sim.world import VAULT
from crisiskit.store.schema import Sealed

Findings = Callable[[Path], list[Finding]]
Reports = Callable[[Path], list[Report]]
KEYS = {
    "arrived": "pairing, epoch, salt, seq",
    "envelope": "pairing, epoch, seq",
    "heard_epoch": "pairing, epoch, salt",
    "sending_epoch": "pairing, epoch",
}


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """A log in the hands of somebody who has its keys as well."""
    with closing(sqlite3.connect(path)) as db:
        db.create_function("flipped", 1, flipped)
        db.create_function("sealed", 3, VAULT.seal)
        db.create_function("words", 2, words)
        yield db


def words(text: bytes, digest: bytes) -> str:
    """The text of a record."""
    return VAULT.open(text, Sealed.TEXT, digest).decode()


def tamper(path: Path, *statements: str) -> None:
    """Change the database behind everybody's back."""
    with database(path) as db:
        for statement in statements:
            assert db.execute(statement).rowcount > 0, "nothing was changed"
        db.commit()


def flipped(value: bytes | str | int) -> bytes | str | int:
    """The value with one bit changed."""
    if isinstance(value, int):
        return value ^ 64
    if isinstance(value, str):
        return chr(ord(value[0]) ^ 1) + value[1:]
    return value[:-1] + bytes([value[-1] ^ 1]) if value else b"\1"


def test_a_log_that_nobody_touched_is_right(center: Path, kit: Path, reports: Reports) -> None:
    for path in (center, kit):
        report, here = reports(path)
        assert (report.findings, here.findings) == ([], [])
        for tally in (report.came, report.went):
            assert (tally.lives, tally.closed, tally.unread) == (3, 0, 0)
            assert tally.records >= 12 and tally.signed == tally.records


COLUMNS = {
    "arrived": "frame leaf signature digests seq epoch salt",
    "heard_epoch": "salt epoch next_seq digest names signed_below",
    "envelope": "leaf digest signature digests own precedence seq epoch",
    "sending_epoch": "salt epoch count digest signed_below held_below",
    "record": "text data minute kind precedence twin digest code author",
    "delivery": "epoch seq place pairing salt",
    "pairing": "kit_fp public_key peer_fp peer_public",
}


@pytest.mark.parametrize("place", ["center", "kit"])
@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table, columns in COLUMNS.items() for column in columns.split()],
)
def test_one_changed_bit_is_found(
    center: Path, kit: Path, findings: Findings, table: str, column: str, place: str
) -> None:
    path = center if place == "center" else kit
    said = f"typeof({column}) <> 'null' AND {column} <> x''"
    key = KEYS.get(table, "id")
    row = f"({key}) = (SELECT {key} FROM {table} WHERE {said} LIMIT 1)"
    tamper(path, f"UPDATE {table} SET {column} = flipped({column}) WHERE {row}")
    assert findings(path)


@pytest.mark.parametrize("field", ["direction", "epoch", "seq", "place"])
def test_what_a_message_answers_cannot_be_changed(
    center: Path, findings: Findings, field: str
) -> None:
    there = "answers_direction = 0, answers_epoch = 0, answers_seq = 0, answers_place = 0"
    tamper(center, f"UPDATE record SET {there}, answers_{field} = 1 WHERE id = 3")
    assert [one.wrong for one in findings(center)] == [Wrong.RECORD]


def test_changed_words_are_named(center: Path, findings: Findings) -> None:
    there = "words(text, digest) LIKE 'kit 0 1%'"
    fire = "sealed(CAST('kit 0 1 fire' AS BLOB), 'record.text', digest)"
    with database(center) as db:
        code = db.execute(f"SELECT code FROM record WHERE {there}").fetchone()[0]
    tamper(center, f"UPDATE record SET text = {fire} WHERE {there}")
    assert findings(center) == [Finding(Wrong.RECORD, id=code)]


@pytest.mark.parametrize("place", ["center", "kit"])
@pytest.mark.parametrize("table", ["arrived", "heard_epoch", "envelope", "sending_epoch"])
@pytest.mark.parametrize("which", ["min", "max"])
def test_a_row_that_was_taken_out_is_missed(
    center: Path, kit: Path, findings: Findings, table: str, place: str, which: str
) -> None:
    path = center if place == "center" else kit
    order = "DESC" if which == "max" else "ASC"
    key = KEYS[table]
    row = f"SELECT {key} FROM {table} ORDER BY epoch {order} LIMIT 1"
    tamper(path, f"DELETE FROM {table} WHERE ({key}) IN ({row})")
    assert findings(path)


@pytest.mark.parametrize("table", ["record", "delivery"])
def test_a_message_that_was_taken_out_is_missed(
    center: Path, findings: Findings, table: str
) -> None:
    with database(center) as db:
        number, code = db.execute(
            "SELECT id, code FROM record WHERE words(text, digest) LIKE 'kit 1 2%'"
        ).fetchone()
    column = "id" if table == "record" else "record"
    tamper(center, f"DELETE FROM {table} WHERE {column} = {number}")
    (found,) = findings(center)
    assert (found.wrong, found.id) == (Wrong.MISSING, code)


def without(epoch: int, way: str) -> list[str]:
    """All traces of a life taken out."""
    lives, envelopes = ("heard_epoch", "arrived") if way == "in" else ("sending_epoch", "envelope")
    there = f"SELECT record FROM delivery WHERE box = '{way}' AND epoch = {epoch}"
    return [
        f"DELETE FROM record WHERE id IN ({there})",
        f"DELETE FROM delivery WHERE box = '{way}' AND epoch = {epoch}",
        f"DELETE FROM {envelopes} WHERE epoch = {epoch}",
        f"DELETE FROM {lives} WHERE epoch = {epoch}",
    ]


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_whole_life_that_was_taken_out_is_missed_since_a_later_one_names_it(
    center: Path, findings: Findings, way: str
) -> None:
    renumber = ["UPDATE heard_epoch SET nth = nth - 1 WHERE epoch > 1"] if way == "in" else []
    tamper(center, *without(1, way), *renumber)
    assert findings(center) == [Finding(Wrong.LIFE, way, 1)]


def test_a_life_that_no_other_names_leaves_a_hole_in_their_numbers(
    center: Path, findings: Findings
) -> None:
    tamper(center, *without(0, "in"), *without(1, "in"))
    assert Finding(Wrong.LIFE, "in") in findings(center)


def test_a_tail_that_was_cut_off_is_missed_since_a_later_life_names_it(
    center: Path, findings: Findings
) -> None:
    """The row of the life says what a shorter log would say; only the later life knows better."""
    with database(center) as db:
        count, leaves = db.execute(
            "SELECT count(*), group_concat(hex(leaf)) FROM arrived WHERE epoch = 1"
        ).fetchone()
        start = db.execute("SELECT salt FROM heard_epoch WHERE epoch = 1").fetchone()[0]
        kit_fp = db.execute("SELECT kit_fp FROM pairing").fetchone()[0]
    state = chain_start(Direction.UP, 1, start, kit_fp)
    for leaf in leaves.split(",")[:-1]:
        state = chain_next(state, bytes.fromhex(leaf))
    last = f"epoch = 1 AND seq = {count - 1}"
    there = f"SELECT record FROM delivery WHERE box = 'in' AND {last}"
    tamper(
        center,
        f"DELETE FROM record WHERE id IN ({there})",
        f"DELETE FROM delivery WHERE box = 'in' AND {last}",
        f"DELETE FROM arrived WHERE {last}",
        f"UPDATE heard_epoch SET next_seq = {count - 1}, digest = x'{state.hex()}',"
        f" signed_below = 0 WHERE epoch = 1",
    )
    assert findings(center) == [Finding(Wrong.MISSING, "in", 1, count - 1)]


def test_a_message_of_an_envelope_that_never_was_is_found(center: Path, findings: Findings) -> None:
    tamper(center, "UPDATE delivery SET seq = 60000 WHERE id = (SELECT min(id) FROM delivery)")
    assert Wrong.STRAY in {one.wrong for one in findings(center)}


def test_held_is_never_more_than_was_sent(kit: Path, findings: Findings) -> None:
    tamper(kit, "UPDATE sending_epoch SET held_below = count + 1 WHERE epoch = 1")
    (found,) = findings(kit)
    assert (found.wrong, found.box, found.epoch) == (Wrong.CLAIM, "out", 1)


def test_signed_is_never_claimed_for_what_is_not(center: Path, findings: Findings) -> None:
    tamper(center, "UPDATE heard_epoch SET signed_below = next_seq + 1 WHERE epoch = 1")
    (found,) = findings(center)
    assert (found.wrong, found.box, found.epoch) == (Wrong.CLAIM, "in", 1)


def test_the_log_stays_provable_when_old_sealed_bytes_are_gone(kit: Path, reports: Reports) -> None:
    tamper(kit, "UPDATE envelope SET frame = x''")
    report, _here = reports(kit)
    assert not report.findings and report.went.signed == report.went.records


def test_what_cannot_be_opened_any_more_is_counted_and_still_checked(
    kit: Path, reports: Reports, findings: Findings
) -> None:
    tamper(kit, "DELETE FROM epoch_secret WHERE epoch = 1")
    report, _here = reports(kit)
    assert report.came.closed > 0 and not report.findings
    tamper(kit, "UPDATE arrived SET digests = flipped(digests) WHERE epoch = 1 AND seq = 0")
    assert findings(kit)


def test_a_log_that_is_wrong_everywhere_fills_no_memory(center: Path, reports: Reports) -> None:
    insert = "INSERT INTO record (digest, code, box, author, kind, precedence, minute, twin, clock,"
    most = 2 * FINDINGS_KEPT
    rows = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most})"
    named = "(SELECT CAST(printf('%016d', i) AS BLOB) AS digest FROM n)"
    tamper(
        center,
        f"{insert} data, text, written_at) {rows} SELECT digest, 'X', 'out', NULL, 0, 0, 0,"
        " 0, 0, sealed(x'', 'record.data', digest), sealed(x'78', 'record.text', digest), 0"
        f" FROM {named}",
    )
    _report, here = reports(center)
    assert (here.wrong, len(here.findings)) == (2 * FINDINGS_KEPT, FINDINGS_KEPT)
