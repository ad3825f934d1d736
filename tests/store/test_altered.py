"""A row that was altered on the disk is marked; all others are shown as ever."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crisiskit import enrolment
from crisiskit.cli.main import run
from crisiskit.clock import wall_ms
from crisiskit.crypto.vault import Vault
from crisiskit.errors import TrustError
from crisiskit.i18n import set_language
from crisiskit.installation import Places, reading
from crisiskit.keystore import opened
from crisiskit.store.altered import altered_rows
from crisiskit.store.store import Store
from crisiskit.store.views import Views


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kit with three messages."""
    monkeypatch.setenv("CRISISKIT_LANG", "en")
    set_language()
    enrolment.create_center(tmp_path / "center", "Prefecture", exercise=False)
    kit = tmp_path / "kit"
    enrolment.create_kit(kit, "Delta-2", (tmp_path / "center" / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(tmp_path / "center", enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    for text in ("first", "second", "third"):
        assert run(["send", text, "--home", str(kit)]) == 0
    return kit


def flip(home: Path, table: str, column: str, row: int) -> None:
    """One bit of one sealed value, as somebody with the disk could."""
    with closing(sqlite3.connect(Places.of(home).store)) as db:
        sql = f"SELECT {column} FROM {table} WHERE id = ?"
        value = bytearray(db.execute(sql, (row,)).fetchone()[0])
        value[-1] ^= 1
        db.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (bytes(value), row))
        db.commit()


@pytest.mark.parametrize("column", ["text", "data"])
def test_one_altered_row_blinds_nobody(home: Path, column: str) -> None:
    flip(home, "record", column, 2)
    with reading(home) as views:
        shown = [(one.text, one.data) for one in views.page()]
        assert [text for text, _data in (shown[0], shown[2])] == ["third", "first"]
        assert "crisiskit log verify" in shown[1][0] and shown[1][1] == b""
        assert altered_rows(views.rows) == 1


def test_nothing_altered_is_nothing_found(home: Path) -> None:
    with reading(home) as views:
        assert altered_rows(views.rows) == 0
        assert [one.text for one in views.page()] == ["third", "second", "first"]


def test_an_altered_notice_leaves_the_others(home: Path) -> None:
    vault = opened(home).vault
    with closing(sqlite3.connect(Places.of(home).store)) as db:
        for at, words in ((1, b"one"), (2, b"two")):
            sealed = vault.seal(words, "notice.detail", str(at).encode())
            db.execute("INSERT INTO notice (code, detail, at) VALUES ('x', ?, ?)", (sealed, at))
        db.commit()
        row = db.execute("SELECT max(id) FROM notice").fetchone()[0]
    flip(home, "notice", "detail", row)
    with reading(home) as views:
        new, old = views.notices()[:2]
        assert ("log verify" in new.detail, old.detail) == (True, "one")


def test_an_altered_message_that_waits_does_not_stop_the_others(home: Path) -> None:
    flip(home, "record", "text", 1)
    with closing(Store(Places.of(home).store, wall_ms, opened(home).vault)) as store:
        waiting = [one.record.text for one in store.snapshot().queue]
    assert waiting == ["second", "third"]


def test_the_wrong_key_is_an_error_as_ever(home: Path) -> None:
    wrong = closing(Views(Places.of(home).store, Vault(bytes(32))))
    with wrong as views, pytest.raises(TrustError, match="sealed_otherwise"):
        views.page()


def test_commands_and_the_doctor_say_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--home", str(home)]) == 0
    flip(home, "record", "text", 2)
    capsys.readouterr()
    assert run(["list", "--home", str(home)]) == 0
    said = capsys.readouterr().out
    assert "first" in said and "third" in said and "altered on the disk" in said
    file = home.parent / "log.csv"
    assert run(["log", "export", "--format", "csv", "-o", str(file), "--home", str(home)]) == 0
    written = file.read_text("utf-8")
    assert "first" in written and "third" in written and "altered on the disk" in written
    capsys.readouterr()
    assert run(["doctor", "--home", str(home)]) == 1
    assert "crisiskit log verify" in capsys.readouterr().out
