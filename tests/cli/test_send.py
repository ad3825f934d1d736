"""``send``: what it prints is on disk, what it refuses leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from crisiskit.codec.record import parse_record_id
from crisiskit.crypto.vault import Vault
from crisiskit.installation import reading
from crisiskit.store import connect
from crisiskit.store import store as store_module

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]

HEAVY = ("textual", "sqlite_utils", "asyncio", "zstandard", "serial", "rich")


def texts(home: Path) -> list[str]:
    with reading(home) as views:
        return [message.text for message in views.search()]


def test_the_id_of_a_kept_message_is_printed(call: Call, kit: Path) -> None:
    status, out, err = call("send", "Bridge", "is", "open", "--home", kit)
    assert (status, err) == (0, "")
    assert parse_record_id(out.strip()) == out.strip()
    assert texts(kit) == ["Bridge is open"]


def test_json_says_what_became_of_it(call: Call, kit: Path) -> None:
    _status, out, _err = call("send", "x", "--json", "--home", kit)
    row = json.loads(out)
    assert row["state"] == "kept"
    assert parse_record_id(row["id"])


def test_words_come_from_standard_input(call: Call, kit: Path) -> None:
    status, _out, _err = call("send", "-", "--home", kit, input="Été\r\nà Sada\n".encode())
    assert status == 0
    assert texts(kit) == ["Été\nà Sada"]


def test_each_line_is_a_message(call: Call, kit: Path) -> None:
    lines = b"level 3.1\n\n  \nlevel 3.2\nlevel 3.3"
    status, out, _err = call("send", "--lines", "--home", kit, input=lines)
    assert (status, len(out.splitlines())) == (0, 3)
    assert texts(kit) == ["level 3.1", "level 3.2", "level 3.3"]


def test_lines_are_kept_as_they_come(spawn: Spawn, kit: Path) -> None:
    process = spawn("send", "--lines", "--home", kit, PYTHONUNBUFFERED="1")
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(3):
        process.stdin.write(f"reading {number}\n")
        process.stdin.flush()
        assert parse_record_id(process.stdout.readline().strip())
        assert len(texts(kit)) == number + 1
    process.stdin.close()
    assert process.wait(10) == 0


def test_a_bad_line_stops_after_what_was_kept(call: Call, kit: Path) -> None:
    lines = b"good\n" + b"x" * 13_000 + b"\nnever read\n"
    status, out, err = call("send", "--lines", "--home", kit, input=lines)
    assert (status, len(out.splitlines())) == (2, 1)
    assert "too long" in err
    assert texts(kit) == ["good"]


def test_a_line_without_end_is_refused_and_not_read_for_ever(call: Call, kit: Path) -> None:
    status, out, err = call("send", "--lines", "--home", kit, input=b"good\n" + b"x" * 1_100_000)
    assert (status, len(out.splitlines())) == (2, 1)
    assert "too long" in err
    assert texts(kit) == ["good"]


def test_a_form_is_filled_by_name(call: Call, kit: Path) -> None:
    words = ("send", "--form", "sitrep", "place=Sada", "injured=14", "--home", kit)
    status, out, err = call(*words)
    assert (status, err) == (0, "")
    _status, out, _err = call("list", "--json", "--home", kit)
    row = json.loads(out)
    assert (row["kind"], row["fields"]) == ("sitrep", {"place": "Sada", "injured": 14})


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "nothing to send"),
        (("   ",), "nothing to send"),
        (("-p", "urgent!", "x"), "no precedence"),
        (("--expires", "soon", "x"), "no time"),
        (("--expires", "2001-01-01", "x"), "past"),
        (("--form", "nosuch", "a=1"), "no form"),
        (("--form", "sitrep", "injured"), "name=value"),
        (("--form", "sitrep", "injured=1", "injured=2"), "once"),
        (("--form", "sitrep", "injured=many"), "Injured"),
        (("--form", "sitrep"), "empty"),
        (("--to", "Atlantis", "x"), "Atlantis"),
        (("--lines", "x"), "--lines"),
        (("--nosuch", "x"), "--nosuch"),
    ],
)
def test_wrong_words_are_told_in_a_sentence(
    call: Call, kit: Path, words: tuple[str, ...], hint: str
) -> None:
    status, out, err = call("send", *words, "--home", kit)
    assert (status, out) == (2, "")
    assert hint in err
    assert "Traceback" not in err
    assert texts(kit) == []


def test_a_megabyte_of_text_is_refused_and_told_its_limit(call: Call, kit: Path) -> None:
    for words, typed in ((("-",), b"a" * 1_000_000), (("a" * 100_000,), b"")):
        status, out, err = call("send", *words, "--home", kit, input=typed)
        assert (status, out) == (2, "")
        assert "12000" in err
    assert texts(kit) == []


@pytest.mark.parametrize("letter", ["é", "水", "🌊"])
def test_a_megabyte_in_any_script_is_too_long_not_unreadable(
    call: Call, kit: Path, letter: str
) -> None:
    typed = b"x" + letter.encode() * (2 * 1024 * 1024 // len(letter.encode()))
    for words in (("-",), ("--lines",)):
        status, out, err = call("send", *words, "--home", kit, input=typed)
        assert (status, out) == (2, "")
        assert "too long" in err and "12000" in err
    assert texts(kit) == []


def test_bytes_that_are_no_text_are_refused(call: Call, kit: Path) -> None:
    for words in (("-",), ("--lines",)):
        status, _out, err = call("send", *words, "--home", kit, input=b"caf\xe9\n")
        assert (status, "UTF-8" in err) == (2, True)
    assert texts(kit) == []


def test_options_that_are_no_text_end_in_no_traceback(call: Call, kit: Path, center: Path) -> None:
    status, _out, err = call("send", "--to", "caf\udce9", "x", "--home", center)
    assert (status, "caf?" in err) == (2, True)
    assert call("send", "--replace", "caf\udce9", "x", "--home", kit)[0] == 0


def test_a_center_must_say_to_whom(call: Call, center: Path) -> None:
    status, _out, err = call("send", "hello", "--home", center)
    assert (status, "--to all" in err) == (2, True)
    for to in ("Delta-2", "1", "all"):
        assert call("send", "--to", to, "hello", "--home", center)[0] == 0


@pytest.mark.parametrize("to", ["65536", "99999", "9" * 20, "9" * 5000, "-1", "0"])
def test_a_number_no_kit_can_have_is_an_unknown_kit(call: Call, center: Path, to: str) -> None:
    status, out, err = call("send", "--to", to, "x", "--home", center)
    assert (status, out) == (2, "")
    assert "no station" in err
    assert texts(center) == []


@pytest.mark.parametrize("clock", ["99999999999999999", "253402300800000", "257698037760000", "0"])
def test_a_message_is_kept_whatever_the_clock_says(spawn: Spawn, kit: Path, clock: str) -> None:
    for words in (
        ("send", "water"),
        ("send", "--form", "sitrep", "injured=1"),
        ("send", "--dry-run", "x"),
        ("list",),
        ("list", "--json"),
    ):
        process = spawn(*words, "--home", kit, CRISISKIT_TEST_CLOCK=clock)
        _out, err = process.communicate(timeout=20)
        assert (process.returncode, "Traceback" in err) == (0, False), (words, err)
    with sqlite3.connect(kit / "store.db") as db:
        minutes = [row[0] for row in db.execute("SELECT minute FROM record")]
    assert minutes == [min(int(clock) // 60_000, 0xFFFFFFFF)] * 2


def test_precedence_and_lifetime_are_kept(call: Call, kit: Path) -> None:
    before = int(time.time() * 1000)
    assert call("send", "-p", "flash", "--expires", "2h", "x", "--home", kit)[0] == 0
    with sqlite3.connect(kit / "store.db") as db:
        precedence, expires_at = db.execute("SELECT precedence, expires_at FROM record").fetchone()
    assert precedence == 3
    assert 0 <= expires_at - before - 2 * 3_600_000 < 60_000


def test_a_new_reading_replaces_the_one_that_waits(call: Call, kit: Path) -> None:
    for level in ("3.1", "3.2"):
        call("send", "--replace", "level", level, "--home", kit)
    _status, out, _err = call("list", "--json", "--home", kit)
    states = {row["text"]: row["state"] for row in map(json.loads, out.splitlines())}
    assert states == {"3.1": "cancelled", "3.2": "kept"}


def test_no_home_is_one_sentence(call: Call, tmp_path: Path) -> None:
    for words in (
        ("send", "x"),
        ("list",),
        ("show", "7KQ2"),
        ("read", "7KQ2"),
        ("cancel", "7KQ2"),
        ("agent",),
        ("center", "run"),
        ("links",),
        ("field", "--plain"),
        ("desk", "--plain"),
        ("kit", "request", "-o", tmp_path / "x"),
    ):
        status, out, err = call(*words, "--home", tmp_path / "none")
        assert (status, out, err.count("\n")) == (1, "", 1), words
        assert "no installation" in err, words
    assert not (tmp_path / "none").exists()


def test_a_kit_that_is_not_activated_keeps_nothing(call: Call, made: Path, tmp_path: Path) -> None:
    home = tmp_path / "new"
    call("kit", "init", "N", "--center", made / "center" / "network.ckcn", "--home", home)
    for words in (("send", "x"), ("agent",), ("field", "--plain")):
        status, out, err = call(*words, "--home", home)
        assert (status, out) == (1, ""), words
        assert "not activated" in err, words


def test_a_store_that_cannot_grow_prints_no_id(
    call: Call, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, vault: Vault) -> sqlite3.Connection:
        db = connect.open_writer(path, vault)
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    monkeypatch.setattr(store_module, "open_writer", full)
    said = []
    for number in range(200):
        status, out, err = call("send", f"{number} " + "x" * 4000, "--home", kit)
        if status:
            break
        said.append(out.strip())
    assert (status, out) == (1, "")
    assert "disk is full" in err
    assert len(texts(kit)) == len(said)


def test_on_a_full_disk_flash_still_finds_room(call: Call, kit: Path, disk: Path) -> None:
    home = Path(shutil.copytree(kit, disk / "kit"))
    with (disk / "filling").open("wb", buffering=0) as filling, suppress(OSError):
        while True:
            filling.write(bytes(4096))
    said = []
    for number in range(100):
        status, out, err = call("send", f"{number} " + "x" * 4000, "--home", home)
        if status:
            break
        said.append(out.strip())
    assert (status, out, "disk is full" in err) == (1, "", True)
    assert len(texts(home)) == len(said)
    status, out, _err = call("send", "-p", "flash", "dam is breaking", "--home", home)
    assert status == 0
    assert not (home / "ballast").exists()
    assert texts(home)[-1] == "dam is breaking"
    assert call("list", "--home", home)[0] == 0


def test_prices_are_shown_and_nothing_is_kept(call: Call, kit: Path) -> None:
    with (kit / "settings.toml").open("a") as file:
        file.write(
            '[[link]]\nname = "sat"\nkind = "sbd"\nport = "/dev/nosuch"\n'
            'price = { credit_micros = 60000, currency = "EUR" }\n'
            '[[link]]\nname = "lan"\nkind = "tcp"\nport = 7411\n'
        )
    status, out, _err = call("send", "--dry-run", "--json", "x" * 30, "--home", kit)
    row = json.loads(out)
    links = {link["link"]: link for link in row["links"]}
    assert status == 0
    assert 0 < row["bytes"] < 60
    assert (links["sat"]["credits"], links["sat"]["price"]) == (1, 0.06)
    assert (links["lan"]["credits"], links["lan"]["price"]) == (0, 0)
    status, out, _err = call("send", "--dry-run", "x" * 30, "--home", kit)
    assert (status, "0.06 EUR" in out, "lan" in out) == (0, True, True)
    assert texts(kit) == []


def test_starting_loads_nothing_heavy(kit: Path) -> None:
    probe = (
        "import sys\nfrom crisiskit.cli.main import run\n"
        f"status = run(['send', '--home', {str(kit)!r}, 'x'])\n"
        f"print(status, *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.stdout.splitlines()[1:] == ["0"]
