"""``log export``: what is asked for, whole or not at all, and one sentence when it cannot be."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit.export import source
from crisiskit.export.as_csv import as_csv
from crisiskit.export.heading import Heading
from crisiskit.installation import reading
from crisiskit.keystore import opened
from crisiskit.store.schema import Sealed

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]
ARRIVED = 1_780_000_000_000  # 2026-05-28 20:26:40 UTC


def receive(home: Path, count: int) -> None:
    """So many messages from Delta-2, one a minute, as the agent would have stored them."""
    vault = opened(home).vault
    with sqlite3.connect(home / "store.db") as db:
        for number in range(count):
            digest, text = b"%16d" % number, f"message {number}".encode()
            db.execute(
                "INSERT INTO record (digest, code, box, author, kind, precedence, minute, twin,"
                " clock, data, text, written_at, received_at)"
                " VALUES (?, ?, 'in', 1, 0, 1, 29000000, 0, 0, ?, ?, 1740000000000, ?)",
                (
                    digest,
                    f"{number:04}-AAAA",
                    vault.seal(b"", Sealed.DATA, digest),
                    vault.seal(text, Sealed.TEXT, digest),
                    at(number),
                ),
            )
            db.execute(
                "INSERT INTO delivery (record, pairing, box, listed, precedence, state, state_at)"
                " SELECT max(id), 1, 'in', 1, 1, 'held', ? FROM record",
                (at(number),),
            )


def at(number: int) -> int:
    return ARRIVED + number * 60_000


def texts(out: str) -> list[str]:
    return [row["text"] for row in csv.DictReader(io.StringIO(out, newline=""))]


def export(call: Call, home: Path, *words: object) -> str:
    status, out, err = call("log", "export", "--format", "csv", *words, "--home", home)
    assert status == 0, err
    return out


@pytest.mark.parametrize("form", ["csv", "geojson", "ics309", "html"])
def test_every_format_goes_to_a_file_and_to_standard_output(
    call: Call, kit: Path, tmp_path: Path, form: str
) -> None:
    call("send", "Pont coupé", "--home", kit)
    call("send", "--form", "position", "position=-12.78 45.22", "--home", kit)
    path = tmp_path / f"log.{form}"
    words = ("log", "export", "--format", form, "--home", kit)
    status, out, err = call(*words, "-o", path)
    assert (status, out, err) == (0, "", f"Written: {path}\n")
    assert path.stat().st_mode & 0o777 == 0o600
    for place in ((), ("-o", "-")):
        status, out, err = call(*words, *place)
        assert (status, err) == (0, "")
        assert out == path.read_bytes().decode() or form in ("html", "ics309")
    assert ("coordinates" if form == "geojson" else "Pont coupé") in out


def test_the_period_takes_its_start_and_leaves_its_end(call: Call, center: Path) -> None:
    receive(center, 4)
    since, until = "2026-05-28T20:27:40+00:00", "2026-05-28T20:29:40+00:00"
    assert texts(export(call, center, "--since", since)) == [f"message {n}" for n in (1, 2, 3)]
    assert texts(export(call, center, "--until", until)) == [f"message {n}" for n in (0, 1, 2)]
    both = export(call, center, "--since", since, "--until", until)
    assert texts(both) == ["message 1", "message 2"]


def test_boxes_and_kits_are_chosen(call: Call, center: Path) -> None:
    receive(center, 1)
    call("send", "--to", "Delta-2", "Return", "--home", center)
    assert texts(export(call, center)) == ["message 0", "Return"]
    assert texts(export(call, center, "--box", "out")) == ["Return"]
    assert texts(export(call, center, "--kit", "Delta-2", "--box", "in")) == ["message 0"]
    with sqlite3.connect(center / "store.db") as db:
        number = db.execute("SELECT kit_number FROM pairing").fetchone()[0]
        db.execute(
            "INSERT INTO pairing (kit_number, name, kit_fp, public_key, peer_fp, peer_public,"
            " send_epoch, send_chain, heard_chain_epoch, heard_chain, keeps_root, enrolled_at)"
            " VALUES (77, 'Other', X'00', X'', X'', X'', 0, X'', 0, X'', 1, 0)"
        )
    assert texts(export(call, center, "--kit", number)) == ["message 0", "Return"]
    assert texts(export(call, center, "--kit", "Other")) == []


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--kit", "Nobody"), 2, "There is no station called “Nobody”"),
        (("--since", "yesterday"), 2, "“yesterday” is no time"),
        (("--until", "soon"), 2, "“soon” is no time"),
        (("--since", "1h", "--until", "2h"), 2, "--since must be before --until."),
        (("--format", "xml"), 2, "'xml' is not one of"),
        (("--format", "html", "--bom"), 2, "for the format csv only"),
        (("-o", "/nowhere/log.csv"), 1, "The file /nowhere/log.csv cannot be written"),
    ],
)
def test_what_cannot_be_is_said(
    call: Call, center: Path, words: tuple[str, ...], status: int, told: str
) -> None:
    found, out, err = call("log", "export", "--format", "csv", *words, "--home", center)
    assert (found, out) == (status, "")
    assert told in err
    assert "Traceback" not in err


def test_a_kit_has_no_other_kits(call: Call, kit: Path) -> None:
    status, _out, err = call("log", "export", "--format", "csv", "--kit", "x", "--home", kit)
    assert status == 1
    assert "at the center" in err


def test_a_file_is_replaced_only_when_that_is_asked_for(
    call: Call, kit: Path, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("mine")
    words = ("log", "export", "--format", "csv", "-o", path, "--home", kit)
    status, _out, err = call(*words)
    assert status == 1
    assert "exists already" in err
    assert path.read_text() == "mine"
    assert call(*words, "--force")[0] == 0
    assert path.read_text().startswith("id,number,")
    assert [entry.name for entry in tmp_path.glob("*log*")] == ["log.csv"]
    assert call(*words[:4], "-o", tmp_path, "--force", "--home", kit)[0] == 1
    assert call(*words[:4], "-o", os.devnull, "--force", "--home", kit)[0] == 1
    assert not Path(os.devnull).is_file()


def test_a_file_that_cannot_be_finished_leaves_the_old_one(
    call: Call, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("mine")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        status, _out, err = call(
            "log", "export", "--format", "csv", "-o", path, "--force", "--home", kit
        )
    assert (status, path.read_text()) == (1, "mine")
    assert "The disk is full" in err


def test_semicolons_and_the_mark_are_for_spreadsheets(call: Call, kit: Path) -> None:
    out = export(call, kit, "--semicolon", "--bom")
    assert out.startswith("\ufeffid;number;author;")


def test_the_language_of_the_file_is_that_asked_for(call: Call, kit: Path) -> None:
    words = ("log", "export", "--format", "html", "--home", kit)
    assert '<html lang="en">' in call(*words)[1]
    assert '<html lang="fr">' in call(*words, "--lang", "fr")[1]


def test_help_shows_how(call: Call) -> None:
    status, out, _err = call("log", "export", "--help")
    assert status == 0
    assert "crisiskit log export --format ics309" in out


def test_nobody_reading_on_is_no_trouble(spawn: Spawn, center: Path) -> None:
    receive(center, 2000)
    process = spawn("log", "export", "--format", "csv", "--home", center)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) in (0, 1)
    assert process.stderr.read() == ""


def test_a_map_without_positions_is_a_map(call: Call, kit: Path) -> None:
    status, out, _err = call("log", "export", "--format", "geojson", "--home", kit)
    assert status == 0
    assert json.loads(out) == {"type": "FeatureCollection", "features": []}


def test_a_long_log_does_not_fill_memory(center: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PAGE_ROWS", 50)
    receive(center, 3000)
    heading = Heading(station="center", network="N", made_at=0)
    with reading(center) as views:
        list(as_csv(list(source.chosen(views))[:1], heading))
        tracemalloc.start()
        rows = sum(1 for _row in as_csv(source.chosen(views), heading))
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert rows == 3001
    assert peak < 400_000
