"""Messages that all can read: nothing leaves so unless the kit and the writer say so."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit import serve
from crisiskit.codec.header import FrameKind, Header, encode_header
from crisiskit.errors import SettingsError
from crisiskit.i18n import explain
from crisiskit.installation import reading
from crisiskit.keystore import opened
from crisiskit.links import configured_links, link_traits
from crisiskit.model import Direction, Precedence, Record, RecordKind
from crisiskit.step import Arrived, EpochHeard
from crisiskit.store.schema import Sealed
from crisiskit.store.store import Store

Call = Callable[..., tuple[int, str, str]]

ALLOWED = "[clear]\nallowed = true\n"
RADIO = '[[link]]\nname = "radio"\nkind = "tcp"\nhost = "127.0.0.1"\nport = 4000\n'
WIFI = RADIO.replace("radio", "wifi")
CLEAR = RADIO + "clear = true\n"


def settings(home: Path, text: str) -> None:
    (home / "settings.toml").write_text(text)


def released(home: Path) -> list[int]:
    with sqlite3.connect(home / "store.db") as db:
        return [row[0] for row in db.execute("SELECT clear FROM record ORDER BY id")]


def receive(home: Path, text: str, kind: FrameKind) -> None:
    """A message comes in, in a frame of this kind."""
    store = Store(home / "store.db", lambda: 1_790_000_000_000, opened(home).vault)
    header = Header(kind, 1, Direction.DOWN, Precedence.ROUTINE, 0)
    record = Record(RecordKind.TEXT, Precedence.ROUTINE, 29_833_333, text)
    frame = encode_header(header) + bytes(20)
    salt = bytes([kind]) * 4
    store.apply(
        [
            EpochHeard(1, 0, salt, bytes(32)),
            Arrived(
                1, Direction.DOWN, 0, salt, 0, frame, b"", "radio", (record,), (text.encode()[:16],)
            ),
        ]
    )
    store.close()


# -- the kit must be set to allow it ---------------------------------------------------------


def test_a_link_without_encryption_is_refused_at_start(kit: Path) -> None:
    settings(kit, WIFI + CLEAR)
    with pytest.raises(SettingsError) as refused:
        configured_links(kit)
    sentence = explain(refused.value)
    assert "radio" in sentence and "[clear]" in sentence and "allowed = true" in sentence


def test_once_allowed_only_that_link_goes_without(kit: Path) -> None:
    settings(kit, ALLOWED + WIFI + CLEAR)
    assert {name: one.may_encrypt for name, one in link_traits(kit).items()} == {
        "wifi": True,
        "radio": False,
    }


def test_the_agent_does_not_start_with_it(call: Call, kit: Path) -> None:
    settings(kit, CLEAR)
    status, _out, err = call("agent", "--home", kit)
    assert status == 1
    assert "radio" in err and "[clear]" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "text", ["clear = true\n", "[clear]\nallowed = 1\n", "[clear]\nopen = true\n"]
)
def test_a_wrong_clear_table_is_named(call: Call, kit: Path, text: str) -> None:
    settings(kit, text)
    status, _out, err = call("send", "--clear", "x", "--home", kit)
    assert status == 1 and "clear" in err and "settings.toml" in err
    assert released(kit) == []


# -- the writer must release it --------------------------------------------------------------


def test_a_message_is_released_by_its_writer_only(call: Call, kit: Path) -> None:
    settings(kit, ALLOWED)
    assert call("send", "for all", "--clear", "--home", kit)[0] == 0
    assert call("send", "for the center", "--home", kit)[0] == 0
    assert released(kit) == [1, 0]


def test_where_it_is_not_allowed_nothing_can_be_released(call: Call, kit: Path) -> None:
    status, out, err = call("send", "for all", "--clear", "--home", kit)
    assert (status, out) == (3, "")
    assert "[clear]" in err
    assert released(kit) == []


def test_personal_data_is_refused(call: Call, kit: Path) -> None:
    settings(kit, ALLOWED)
    form = ("send", "--clear", "--form", "medevac", "place=Sada", "urgent=2", "--home", kit)
    status, _out, err = call(*form, "contact=Ali, 0639 00 00 00")
    assert status == 3 and "Contact on site" in err and "personal data" in err
    assert released(kit) == []
    assert call(*form)[0] == 0
    assert released(kit) == [1]


def test_a_released_report_with_personal_data_is_still_kept_back(call: Call, kit: Path) -> None:
    """The database may say released; what the engine gets to know is looked at again."""
    settings(kit, ALLOWED)
    report = ("send", "--form", "medevac", "place=Sada", "--home", kit)
    assert call(*report, "contact=Ali")[0] == call(*report)[0] == 0
    assert call("send", "a text", "--home", kit)[0] == 0
    with sqlite3.connect(kit / "store.db") as db:
        db.execute("UPDATE record SET clear = 1")
        db.execute("UPDATE record SET clear = 0 WHERE kind = 0")
    store = Store(kit / "store.db", lambda: 0, opened(kit).vault)
    queue = store.snapshot().queue
    store.close()
    assert [item.clear for item in queue] == [False, True, False]


def test_prices_say_which_links_may_take_it(call: Call, kit: Path) -> None:
    settings(kit, ALLOWED + CLEAR + WIFI)
    rows = {}
    for clear in ((), ("--clear",)):
        _status, out, _err = call("send", "x", "--dry-run", "--json", *clear, "--home", kit)
        rows[clear] = {row["link"]: row for row in json.loads(out)["links"]}
    assert rows[()]["radio"]["barred"] and not rows[()]["wifi"]["barred"]
    assert rows["--clear",]["radio"]["clear"] and not rows["--clear",]["radio"]["barred"]
    status, out, _err = call("send", "x", "--dry-run", "--home", kit)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[-3:-1]] == ["wifi", "radio"]
    assert "not for this one: READABLE BY ALL" in out


# -- and everybody sees it -------------------------------------------------------------------


def test_what_came_in_readable_by_all_is_marked(call: Call, kit: Path) -> None:
    receive(kit, "open news", FrameKind.CLEAR)
    receive(kit, "closed news", FrameKind.SEALED)
    _status, out, _err = call("list", "--json", "--home", kit)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["text"], row["clear"]) for row in rows] == [
        ("open news", True),
        ("closed news", False),
    ]
    _status, out, _err = call("list", "--home", kit)
    marked, other = out.splitlines()
    assert "[ALL] open news" in marked and "[ALL]" not in other
    assert "READABLE BY ALL" in call("show", rows[0]["id"], "--home", kit)[1]
    assert "READABLE BY ALL" not in call("show", rows[1]["id"], "--home", kit)[1]


def test_what_came_both_ways_was_readable(call: Call, kit: Path) -> None:
    receive(kit, "twice", FrameKind.SEALED)
    receive(kit, "twice", FrameKind.CLEAR)
    _status, out, _err = call("list", "--json", "--home", kit)
    (row,) = [json.loads(line) for line in out.splitlines()]
    assert row["clear"] is True


def test_the_reading_receipt_may_go_the_way_the_message_came(call: Call, kit: Path) -> None:
    for text, kind in (("open", FrameKind.CLEAR), ("closed", FrameKind.SEALED)):
        receive(kit, text, kind)
    for row in map(json.loads, call("list", "--json", "--home", kit)[1].splitlines()):
        assert call("read", row["id"], "--home", kit)[0] == 0
    store = Store(kit / "store.db", lambda: 0, opened(kit).vault)
    queue = store.snapshot().queue
    store.close()
    assert [(item.record.kind, item.clear) for item in queue] == [
        (RecordKind.READ, True),
        (RecordKind.READ, False),
    ]


def test_links_say_which_of_them_all_can_read(call: Call, kit: Path) -> None:
    settings(kit, ALLOWED + WIFI + CLEAR)
    _status, out, _err = call("links", "--json", "--home", kit)
    assert [json.loads(line)["clear"] for line in out.splitlines()] == [False, True]
    wifi, radio = call("links", "--home", kit)[1].splitlines()[1:3]
    assert "READABLE BY ALL" in radio and "READABLE BY ALL" not in wifi
    assert "(tcp), READABLE BY ALL" in call("doctor", "--home", kit)[1]


def test_the_doctor_finds_a_link_that_is_not_allowed(call: Call, kit: Path) -> None:
    settings(kit, CLEAR)
    assert "[clear]" in "".join(call("doctor", "--home", kit)[1:])


# -- the whole way ---------------------------------------------------------------------------


async def test_over_a_real_link_without_encryption(call: Call, kit: Path, center: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f'name = "radio"\nkind = "tcp-listen"\nbind = "127.0.0.1"\nport = {port}\n'
    settings(center, f"{ALLOWED}[[link]]\n{listen}clear = true\n")
    settings(kit, ALLOWED + CLEAR.replace("4000", str(port)))
    assert call("send", "--clear", "Zq7 Jx9", "--home", kit)[0] == 0
    assert call("send", "closed", "--home", kit)[0] == 0
    stop = asyncio.Event()
    agents = [asyncio.create_task(serve.run(home, stop=stop)) for home in (center, kit)]

    def states() -> dict[str, str]:
        with reading(kit) as views:
            return {message.text: message.state for message in views.search("out")}

    async with asyncio.timeout(20):
        while states()["Zq7 Jx9"] != "held":
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*agents)
    assert states() == {"Zq7 Jx9": "held", "closed": "kept"}
    with reading(center) as views:
        assert [(message.text, message.clear) for message in views.search()] == [("Zq7 Jx9", True)]
        assert views.rows("SELECT count(*) FROM record") == [(1,)]
        ((frame, pairing, epoch, seq),) = views.rows(
            "SELECT frame, pairing, epoch, seq FROM arrived"
        )
        row = f"{pairing}/{epoch}/{seq}".encode()
        assert b"Zq7 Jx9" in views.opened(frame[1:], Sealed.ARRIVED_FRAME, row)
        assert views.rows("SELECT clear FROM link_state") == [(1,)]
