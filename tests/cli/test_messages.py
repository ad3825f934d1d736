"""``list``, ``show``, ``read`` and ``cancel``, for people and for scripts."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit.i18n import set_language
from crisiskit.keystore import opened
from crisiskit.store.schema import Sealed

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]

KEYS = [
    "id",
    "number",
    "author",
    "to",
    "kind",
    "precedence",
    "text",
    "fields",
    "written_at",
    "received_at",
    "state",
    "state_at",
    "link",
    "bytes",
    "credits",
    "signed",
    "exercise",
    "clear",
    "order",
    "order_kind",
    "order_cancels",
    "order_cancelled_by",
    "link_position",
    "attachments",
    "waits",
]


def write(home: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(home / "store.db") as db:
        db.execute(sql, values)


def receive(home: Path, text: str, code: str, minute: int = 29_000_000) -> None:
    """A message that came in, as the agent would have stored it."""
    write(
        home,
        "INSERT INTO record (digest, code, box, kind, precedence, minute, twin, clock, data, text,"
        " written_at, received_at) VALUES (?, ?, 'in', 0, 1, ?, 0, 0, ?, ?, ?, ?)",
        code.encode(),
        code,
        minute,
        opened(home).vault.seal(b"", Sealed.DATA, code.encode()),
        opened(home).vault.seal(text.encode(), Sealed.TEXT, code.encode()),
        minute * 60_000,
        1_780_000_000_000,
    )
    write(
        home,
        "INSERT INTO delivery (record, pairing, box, listed, precedence, state, state_at, epoch,"
        " seq, place, link, frame_bytes) SELECT max(id), 1, 'in', 1, 1, 'held', 1780000000000,"
        " 0, max(id), 0, 'sat', 48 FROM record",
    )


def send(call: Call, home: Path, *words: str) -> str:
    status, out, err = call("send", *words, "--home", home)
    assert status == 0, err
    return out.strip()


def rows(call: Call, home: Path, *words: str) -> list[dict[str, object]]:
    status, out, err = call("list", *words, "--json", "--home", home)
    assert (status, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_a_message_as_json_has_exactly_these_keys(call: Call, kit: Path) -> None:
    send(call, kit, "-p", "priority", "Bridge open")
    receive(kit, "Thanks", "AAAA-0001")
    mine, theirs = rows(call, kit)
    assert list(mine) == list(theirs) == KEYS
    assert mine["author"] == theirs["to"] == "Delta-2"
    assert mine["to"] == theirs["author"] == "center"
    assert (mine["kind"], mine["precedence"], mine["fields"]) == ("text", "priority", None)
    assert (mine["received_at"], theirs["received_at"]) == (None, "2026-05-28T20:26:40.000Z")
    assert (mine["state"], mine["bytes"], mine["credits"]) == ("kept", 0, 0)
    assert (theirs["link"], theirs["bytes"]) == ("sat", 48)
    assert (mine["signed"], mine["exercise"]) == (False, False)


def test_a_clock_beyond_all_calendars_is_null_and_harms_nothing(call: Call, kit: Path) -> None:
    receive(kit, "from the future", "AAAA-0001", minute=0xFFFFFFFF)
    assert rows(call, kit)[0]["written_at"] is None
    for command in (("list",), ("show", "AAAA"), ("read", "AAAA")):
        assert call(*command, "--home", kit)[0] == 0


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_list_fits_80_columns(
    call: Call, kit: Path, center: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRISISKIT_LANG", language)
    set_language()
    send(call, kit, "-p", "immediate", "A long text, " * 20)
    send(call, kit, "長い文章" * 20)
    send(call, kit, "--form", "sitrep", "place=Sada", "injured=1200", "homeless=45000")
    write(center, "UPDATE pairing SET name = 'A very long name of a kit'")
    send(call, center, "--to", "all", "short")
    for home in (kit, center):
        status, out, err = call("list", "--home", home)
        lines = [*out.splitlines(), *err.splitlines()]
        assert status == 0
        assert max(columns(line) for line in lines) <= 80
    assert len(out.splitlines()) == 1


def test_nothing_from_outside_can_play_with_the_terminal(call: Call, kit: Path) -> None:
    receive(kit, "red \x1b[31m alert\x07 \u202egnp\u202c\r\nsecond line", "AAAA-0001")
    for command in (("list",), ("show", "AAAA"), ("read", "AAAA")):
        _status, out, _err = call(*command, "--home", kit)
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(out)
    _status, out, _err = call("list", "--home", kit)
    assert len(out.splitlines()) == 1


def test_lists_can_be_narrowed(call: Call, kit: Path) -> None:
    send(call, kit, "out one")
    send(call, kit, "out two")
    receive(kit, "in one", "AAAA-0001")
    write(kit, "UPDATE record SET written_at = written_at - 7200000 WHERE id = 1")
    assert [row["text"] for row in rows(call, kit, "--box", "in")] == ["in one"]
    assert [row["text"] for row in rows(call, kit, "--box", "out")] == ["out one", "out two"]
    assert [row["text"] for row in rows(call, kit, "--state", "held")] == ["in one"]
    assert [row["text"] for row in rows(call, kit, "--since", "1h", "--box", "out")] == ["out two"]
    assert len(rows(call, kit, "--since", "2001-01-01")) == 3
    assert rows(call, kit, "--since", "2999-01-01T06:00Z") == []
    for words in (("--since", "once"), ("--box", "attic"), ("--state", "lost")):
        assert call("list", *words, "--home", kit)[0] == 2


def test_an_id_may_be_typed_short_small_and_misread(call: Call, kit: Path) -> None:
    send(call, kit, "hello")
    write(kit, "UPDATE record SET code = '0A1B-2C3D'")
    for typed in ("0A1B-2C3D", "0a1b2c3d", "OAIB", "oal", "0A1B 2C"):
        status, out, _err = call("show", typed, "--json", "--home", kit)
        assert (status, json.loads(out)["id"]) == (0, "0A1B-2C3D"), typed


@pytest.mark.parametrize("typed", ["AAAB", "no such", "!", "%%%", "AAAA-0001-X"])
def test_an_unknown_id_is_told(call: Call, kit: Path, typed: str) -> None:
    receive(kit, "hello", "AAAA-0001")
    for command in ("show", "read", "cancel"):
        status, out, err = call(command, typed, "--home", kit)
        assert (status, out) == (2, "")
        assert "no message" in err


def test_an_ambiguous_id_asks_for_more(call: Call, kit: Path) -> None:
    receive(kit, "one", "AAAA-0001")
    receive(kit, "two", "AAAA-0002")
    status, out, err = call("show", "AAA", "--home", kit)
    assert (status, out) == (2, "")
    assert "Several" in err
    assert call("show", "aaaa-oooi", "--home", kit)[0] == 0


def test_show_tells_all_of_it(call: Call, kit: Path) -> None:
    send(call, kit, "-p", "flash", "--expires", "2h", "First line\nsecond line")
    status, out, _err = call("show", rows(call, kit)[0]["id"], "--home", kit)
    assert status == 0
    for words in ("Delta-2", "center", "FLASH", "KEPT", "Expires", "First line\nsecond line"):
        assert words in out


def test_an_exercise_says_so_first(call: Call, kit: Path) -> None:
    send(call, kit, "hello")
    write(kit, "UPDATE meta SET value = X'31' WHERE key = 'exercise'")
    _status, out, _err = call("show", rows(call, kit)[0]["id"], "--home", kit)
    assert out.startswith("EXERCISE")
    assert rows(call, kit)[0]["exercise"] is True


def test_reading_sends_one_receipt(call: Call, kit: Path) -> None:
    receive(kit, "Return to base", "AAAA-0001")
    assert call("show", "AAAA", "--home", kit)[0] == 0
    assert rows(call, kit)[0]["state"] == "held"
    for _time in range(2):
        status, out, _err = call("read", "AAAA", "--home", kit)
        assert (status, "Return to base" in out) == (0, True)
    assert [row["state"] for row in rows(call, kit)] == ["read"]
    with sqlite3.connect(kit / "store.db") as db:
        receipts = db.execute("SELECT count(*) FROM record WHERE kind = 3").fetchone()[0]
    assert receipts == 1


def test_what_was_not_sealed_can_be_withdrawn_once(call: Call, kit: Path) -> None:
    code = send(call, kit, "never mind")
    status, out, err = call("cancel", code, "--home", kit)
    assert (status, out, "1 station" in err) == (0, "", True)
    assert rows(call, kit)[0]["state"] == "cancelled"
    status, _out, err = call("cancel", code, "--home", kit)
    assert (status, "too late" in err) == (1, True)


def test_what_was_sealed_is_too_late_to_withdraw(call: Call, kit: Path) -> None:
    code = send(call, kit, "gone")
    write(kit, "UPDATE delivery SET state = 'sealed'")
    status, out, err = call("cancel", code, "--json", "--home", kit)
    assert (status, out, "too late" in err) == (1, "", True)
    receive(kit, "theirs", "AAAA-0001")
    assert call("cancel", "AAAA", "--home", kit)[0] == 1


def test_a_listing_can_be_followed(spawn: Spawn, call: Call, kit: Path) -> None:
    send(call, kit, "before")
    follower = spawn("list", "--follow", "--json", "--home", kit)
    assert follower.stdout is not None
    assert json.loads(follower.stdout.readline())["text"] == "before"
    time.sleep(0.3)
    code = send(call, kit, "after")
    row = json.loads(follower.stdout.readline())
    assert (row["text"], row["state"]) == ("after", "kept")
    call("cancel", code, "--home", kit)
    row = json.loads(follower.stdout.readline())
    assert (row["text"], row["state"]) == ("after", "cancelled")
    follower.send_signal(signal.SIGINT)
    assert follower.wait(5) == 130
    assert follower.stderr is not None
    assert "Traceback" not in follower.stderr.read()


def test_a_reader_that_stops_early_is_no_trouble(spawn: Spawn, call: Call, kit: Path) -> None:
    lines = "\n".join(f"{number} " + "x" * 500 for number in range(300))
    call("send", "--lines", "--home", kit, input=lines.encode())
    process = spawn("list", "--json", "--home", kit)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) in (0, 1)
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_an_old_terminal_shows_what_it_can(
    spawn: Spawn, call: Call, kit: Path, encoding: str
) -> None:
    send(call, kit, "Pont coupé 橋")
    told = spawn("list", "--json", "--home", kit, PYTHONIOENCODING=encoding)
    out, err = told.communicate(timeout=10)
    assert (told.returncode, err) == (0, "")
    assert json.loads(out)["text"] == "Pont coupé 橋"
    shown = spawn("list", "--home", kit, PYTHONIOENCODING=encoding)
    assert shown.wait(10) == 0
