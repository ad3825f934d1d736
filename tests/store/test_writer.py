"""Whatever write, sync or truncate fails: a call is done or says not, and the store goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from crisiskit.crypto.vault import Vault
from crisiskit.errors import StoreError
from crisiskit.model import CENTER, Direction, Precedence, Record, RecordKind
from crisiskit.sim.disk import Create, Delete, FailedSync, Operation, Sync, Truncate, Write
from crisiskit.sim.powercut import scratch
from crisiskit.sim.vfs import half, watching
from crisiskit.sim.witness import Recording, contents
from crisiskit.step import (
    Acknowledged,
    Advanced,
    Arrived,
    Change,
    Contact,
    EpochHeard,
    EpochOpened,
    Sealed,
    Sent,
    Spent,
)
from crisiskit.store import connect
from crisiskit.store.store import BALLAST_BYTES, Draft, NewPairing, Store
from crisiskit.store.views import Views

VAULT = Vault(bytes(32))
FP = b"kit-------------"
IO_ERROR = {
    Write: sqlite3.SQLITE_IOERR_WRITE,
    Truncate: sqlite3.SQLITE_IOERR_TRUNCATE,
    Sync: sqlite3.SQLITE_IOERR_FSYNC,
    Delete: sqlite3.SQLITE_IOERR_DELETE,
}
DISK_FULL = {Write: sqlite3.SQLITE_FULL}
# A reopened store says so in a notice; all else must be as if nothing had happened.
ASIDE = ("notice", "sqlite_sequence")


def draft(text: str, precedence: Precedence = Precedence.ROUTINE) -> Draft:
    return Draft(RecordKind.TEXT, precedence, text)


def keeping(*texts: str) -> Callable[[Store], object]:
    return lambda store: store.keep([draft(text) for text in texts])


def applying(*changes: Change) -> Callable[[Store], object]:
    return lambda store: store.apply(changes)


HEARD = EpochHeard(1, 0, b"salt", bytes(32), ((0, bytes(32)),), 1, bytes(32))
CAME = Arrived(
    1,
    Direction.DOWN,
    0,
    b"salt",
    0,
    b"frame" * 20,
    bytes(32),
    "sat",
    (Record(RecordKind.TEXT, Precedence.PRIORITY, 29_000_000, "come home"),),
    (b"d" * 32,),
)
CALLS: list[Callable[[Store], object]] = [
    keeping("water at the school"),
    keeping("one", "two", "x" * 5000),
    applying(
        EpochOpened(1, 0, b"salt", bytes(16), bytes(32)),
        Sealed(1, 0, 0, b"frame" * 20, Precedence.ROUTINE, bytes(32), bytes(32), (1, 2)),
    ),
    applying(Sent(1, 0, 0, "sat", 100, 2, True), Spent("sat", 100, 2, 2000)),
    applying(HEARD, CAME, Advanced(1, 0, b"salt", 1, bytes(32), 0), Contact(1, "sat", "")),
    lambda store: store.mark_read(5),
    lambda store: store.cancel(3),
    applying(Acknowledged(1, 0, 1)),
    keeping("last"),
]
LOOKED_AT = [0, 1, 5, 6, 8]


class Fault:
    """Lets the n-th operation of some kinds fail, and with ``lasting`` all after it.

    One failed sync alone is the harsher kind: what it should have written is forgotten.
    """

    def __init__(self, nth: int, errors: dict[type, int], lasting: bool) -> None:
        self.errors, self.lasting, self.left = errors, lasting, nth
        self.recording = Recording()

    def heal(self) -> None:
        self.errors = {}

    def __call__(self, operation: Operation) -> int:
        error = self.errors.get(type(operation), 0)
        if error:
            self.left -= 1
        if error and (self.left == -1 or (self.lasting and self.left < 0)):
            if isinstance(operation, Write):
                self.recording.note(half(operation))
            if isinstance(operation, Sync) and not self.lasting:
                self.recording.note(FailedSync(operation.path))
            return error
        return self.recording.note(operation)


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as made:
        yield made


@pytest.fixture(params=["TRUNCATE", "WAL"])
def base(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, folder: Path) -> bytes:
    """A store that was closed, in either journal mode."""
    sound = (3, 0, 0) if request.param == "WAL" else (9, 0, 0)
    monkeypatch.setattr(connect, "WAL_SOUND_SINCE", sound)
    with closing(opened(folder / "base.db")) as store:
        store.set_meta(role=b"kit", name=b"kit-1", own_fp=FP)
        store.add_pairing(
            NewPairing(1, CENTER, FP, bytes(32), bytes(16), bytes(32), bytes(32), bytes(32), False)
        )
        assert store._db.execute("PRAGMA journal_mode").fetchone()[0] == request.param.lower()
    return (folder / "base.db").read_bytes()


def opened(path: Path) -> Store:
    return Store(path, lambda: 1_790_000_000_000, VAULT)


def rows(store: Store) -> bytes:
    return contents(store._db, without=ASIDE)


def told(base: bytes, folder: Path) -> list[bytes]:
    """The contents before and after each call where nothing fails."""
    (folder / "told.db").write_bytes(base)
    with closing(opened(folder / "told.db")) as store:
        states = [rows(store)]
        for call in CALLS:
            call(store)
            states.append(rows(store))
    assert len(set(states)) == len(CALLS) + 1, "each call is seen"
    return states


@pytest.mark.parametrize(
    ("errors", "lasting"),
    [(IO_ERROR, False), (IO_ERROR, True), (DISK_FULL, True)],
    ids=["error once", "error lasts", "full lasts"],
)
def test_each_call_is_done_or_says_not_whatever_operation_fails(
    base: bytes, folder: Path, errors: dict[type, int], lasting: bool
) -> None:
    states = told(base, folder)
    for nth in range(10_000):
        fault = Fault(nth, errors, lasting)
        fault.recording.files["store.db"] = base
        with scratch() as place, watching(fault):
            (place / "store.db").write_bytes(base)
            story_under(fault, place / "store.db", states)
        if fault.left >= 0:
            break
    assert nth > 50, "each operation had its turn"


def story_under(fault: Fault, path: Path, states: list[bytes]) -> None:
    """The calls up to the one that meets the fault, cut the power then, and go on a little."""
    try:
        store = opened(path)
    except StoreError:
        fault.heal()
        store = opened(path)
    number = 0
    while fault.left >= 0 and number < len(CALLS):
        failed = attempt(store, CALLS[number])
        number += 1
    if fault.left < 0 and number:
        done = len(fault.recording.operations)
        fault.heal()
        before, after = states[number - 1 : number + 1]
        allowed = {before if failed else after}
        if failed and (number - 1 not in LOOKED_AT or failed == "store_unsure"):
            allowed = {before, after}
        assert rows(store) in allowed, (number, failed)
        assert after_a_cut(fault.recording, done, path) in allowed, (number, failed)
        number -= rows(store) == before
    for call in CALLS[number : number + 2]:
        call(store)
        number += 1
        assert rows(store) == states[number], "the store goes on"
    store.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def attempt(store: Store, call: Callable[[Store], object]) -> str:
    """The code of the error that a call ends with, empty if it is done."""
    try:
        call(store)
    except StoreError as error:
        return error.code
    return ""


def after_a_cut(recording: Recording, done: int, path: Path) -> bytes:
    disk = recording.disk()
    for operation in recording.operations[:done]:
        disk.play(operation)
    with scratch() as folder:
        for name, data in disk.cut(Random(done)).items():
            (folder / name).write_bytes(data)
        with closing(opened(folder / path.name)) as store:
            return rows(store)


def test_while_the_disk_fails_nothing_is_accepted_and_screens_still_read(
    base: bytes, folder: Path
) -> None:
    path = folder / "store.db"
    path.write_bytes(base)
    fault = Fault(0, {Sync: sqlite3.SQLITE_IOERR_FSYNC}, lasting=True)
    with watching(fault), closing(opened(path)) as store:
        assert attempt(store, keeping("perhaps")) == "store_unsure"
        for _ in range(3):
            assert attempt(store, keeping("no")) == "store_io"
        with closing(Views(path, VAULT)) as views:
            assert views.count("out") <= 1
        fault.heal()
        store.keep([draft("yes")])
        with closing(Views(path, VAULT)) as views:
            texts = [message.text for message in views.search("out")]
            assert "yes" in texts and "no" not in texts
            assert [notice.code for notice in views.notices()] == ["store_reopened"]


def test_an_error_at_commit_leaves_a_record_kept_once_or_refused(base: bytes, folder: Path) -> None:
    """What a person is told is what the list shows: never both refused and there."""
    seen = set()
    for nth in range(5):
        path = folder / f"{nth}.db"
        path.write_bytes(base)
        fault = Fault(nth, {Sync: sqlite3.SQLITE_IOERR_FSYNC}, lasting=False)
        with watching(fault), closing(opened(path)) as store:
            failed = attempt(store, keeping("bridge out"))
            with closing(Views(path, VAULT)) as views:
                assert views.count("out") == (0 if failed else 1)
            seen.add(failed)
    assert "" in seen


def test_flash_finds_the_room_of_the_ballast_and_nothing_else_does(
    base: bytes, folder: Path
) -> None:
    path = folder / "store.db"
    path.write_bytes(base)
    ballast = folder / "ballast"

    def full_beside_the_ballast(operation: Operation) -> int:
        full = isinstance(operation, Write) and ballast.exists()
        return sqlite3.SQLITE_FULL if full else 0

    with closing(opened(path)) as store:
        store.lay_ballast()
    with watching(full_beside_the_ballast), closing(opened(path)) as store:
        assert attempt(store, keeping("routine")) == "disk_full"
        assert ballast.stat().st_size == BALLAST_BYTES, "only FLASH may use it"
        store.keep([draft("roof fell in", Precedence.FLASH)])
        assert not ballast.exists()
        with closing(Views(path, VAULT)) as views:
            assert [message.text for message in views.search("out")] == ["roof fell in"]


def test_a_power_cut_while_the_store_is_made_leaves_none_or_all_of_it(
    base: bytes, folder: Path
) -> None:
    recording = Recording()
    with watching(recording.note), closing(opened(folder / "new.db")) as store:
        wanted = tables(store._db)
    assert any(isinstance(operation, Create) for operation in recording.operations)
    disk = recording.disk()
    for operation in [*recording.operations, None]:
        for draw in range(3):
            with scratch() as place:
                for name, data in disk.cut(Random(draw)).items():
                    (place / name).write_bytes(data)
                with closing(sqlite3.connect(place / "new.db")) as db:
                    assert tables(db) in ([], wanted)
                with closing(opened(place / "new.db")) as store:
                    assert tables(store._db) == wanted
                    store.set_meta(role=b"kit")
        if operation is not None:
            disk.play(operation)


def tables(db: sqlite3.Connection) -> list[tuple[str]]:
    return db.execute("SELECT sql FROM sqlite_schema ORDER BY sql").fetchall()
