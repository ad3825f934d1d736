"""Whatever a malicious peer writes, and whatever it is called: no line of any screen obeys it."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from crisiskit import i18n
from crisiskit.center.desk import DeskApp
from crisiskit.center.plain import DeskLines
from crisiskit.cli import paper
from crisiskit.cli.common import emit
from crisiskit.clock import wall_ms
from crisiskit.codec.header import FrameKind
from crisiskit.foresight import Foresight
from crisiskit.jsonform import message_json
from crisiskit.log import KeyValueFormatter
from crisiskit.model import Direction
from crisiskit.screens.lines import BoardRows, KitRows, MessageRows, NoticeRows
from crisiskit.screens.rows import Rows
from crisiskit.sim.fuzz import bodies
from crisiskit.sim.world import VAULT
from crisiskit.store.schema import Sealed as Column
from crisiskit.store.store import Draft
from crisiskit.store.views import Views

NAME = f"הצוות{bodies.SIGNS}"
HEBREW = "הכביש חסום"
FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}
TURNS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u206a\u206f")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a center that heard every hostile text, from a kit with a hostile name."""
    world = bodies.open_world(tmp_path_factory.mktemp("world"))
    peer = bodies.Peer(world, Direction.UP)
    for name, kind, content in bodies.fixed():
        peer.send(name, kind, content)
    wide = bodies.MINUTE.to_bytes(4, "big")
    peer.send("hebrew", FrameKind.SEALED, b"\x01" + wide + b"\0" + HEBREW.encode())
    center = world.center.store
    center.close()
    with closing(sqlite3.connect(center.path, isolation_level=None)) as db:
        db.execute("UPDATE pairing SET name = ?", (NAME,))
        detail = VAULT.seal(NAME.encode(), Column.DETAIL, b"1")
        db.execute(
            "INSERT INTO notice (at, pairing, code, detail) VALUES (1, 1, 'x', ?)", (detail,)
        )
    return center.path


@pytest.fixture
def views(store: Path) -> Iterator[Views]:
    opened = Views(store, VAULT)
    yield opened
    opened.close()


@pytest.fixture(autouse=True, params=["en", "fr"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", request.param)


def no_price(_draft: Draft) -> Foresight:
    return Foresight()


def check(text: str, open_ends: int = 0) -> None:
    """Every line of it is harmless, and whatever runs right to left is closed in.

    ``open_ends``: a window may cut the last isolate of a line, which then ends with the line.
    """
    for line in text.split("\n"):
        bad = [c for c in line if unicodedata.category(c) in FORBIDDEN and c != "\t"]
        assert not bad and not TURNS & set(line), repr(line)
        assert 0 <= line.count("\u2068") - line.count("\u2069") <= open_ends, repr(line)


def test_lists_on_paper(views: Views, capsys: pytest.CaptureFixture[str]) -> None:
    for message in views.search("all"):
        paper.print_row(message)
    out = capsys.readouterr().out

    check(out)
    assert len(out.splitlines()) == len(views.search("all"))
    assert f"\u2068{HEBREW}\u2069" in out, "Hebrew stays Hebrew, and in its column"


def test_whole_messages_on_paper(views: Views, capsys: pytest.CaptureFixture[str]) -> None:
    for message in views.search("all"):
        paper.print_whole([message])

    out = capsys.readouterr().out
    check(out)
    assert HEBREW in out


def test_json_is_harmless_and_says_every_sign(views: Views) -> None:
    messages = list(views.search("all"))
    with CliRunner().isolation() as (written, _err, _both):
        for message in messages:
            emit(message_json(message))
        out = written.getvalue().decode()

    check(out)
    said = [json.loads(line)["text"] for line in out.splitlines()]
    assert bodies.SIGNS in said
    assert said[: len(messages)] == [message_json(message)["text"] for message in messages]


def test_the_line_mode(store: Path) -> None:
    typed = ["list", *(f"open {n}" for n in range(1, 16)), "kits", "notices", "new", ".", "quit"]
    out = io.StringIO()
    DeskLines(store, VAULT, no_price, io.StringIO("\n".join(typed)), out).run()

    check(out.getvalue())
    assert HEBREW in out.getvalue() and "הצוות" in out.getvalue()


def test_the_rows_of_the_screens(views: Views) -> None:
    lists: list[Rows] = [
        MessageRows(views, wall_ms, named=True),
        BoardRows(views, wall_ms),
        KitRows(views, wall_ms),
        NoticeRows(views, wall_ms),
    ]
    for rows in lists:
        assert rows.count()
        for item in rows.page(0):
            for width in (30, 80, 200):
                for cell, _mark in rows.cells(item, width):
                    check(cell)


async def test_the_desk_draws_it_all(store: Path) -> None:
    app = DeskApp(store, VAULT, no_price)
    seen: set[str] = set()
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("i", "k", "a", "s", "i", "enter", "escape"):
            await pilot.press(key)
            await pilot.pause()
            strips = app.screen._compositor.render_strips()
            drawn = ["".join(segment.text for segment in strip) for strip in strips]
            check("\n".join(drawn), open_ends=1)
            seen |= {word for line in drawn for word in (HEBREW, "הצוות") if word in line}
    assert seen == {HEBREW, "הצוות"}


def test_the_log() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 1, "lost why=%s", (bodies.SIGNS,), None)

    check(KeyValueFormatter().format(record))
