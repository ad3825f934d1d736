"""Orders from the operator's command to the kit's card and back, over two real stores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crisiskit import enrolment, serve
from crisiskit.clock import wall_ms
from crisiskit.codec.object_frame import encode_object_frame
from crisiskit.codec.objects import SignedObject, decode_object
from crisiskit.installation import Places, reading, writing
from crisiskit.keystore import opened
from crisiskit.model import Precedence
from crisiskit.step import Now, Step
from crisiskit.store.store import Store
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import Decoded, FrameReceived, FrameSent, LinkUp, Tick
from transports.link import Traits

Call = Callable[..., tuple[int, str, str]]
FIRST, SECOND = "correct horse", "battery staple"


@pytest.fixture
def words(tmp_path: Path) -> dict[str, Path]:
    """Passphrase files of two operators."""
    files = {}
    for name, words in (("Ali", FIRST), ("Prefect", SECOND)):
        files[name] = tmp_path / f"{name}.txt"
        files[name].write_text(words + "\n", "utf-8")
    return files


@pytest.fixture
def duty(call: Call, center: Path, words: dict[str, Path]) -> Path:
    """A center with two operators."""
    made = call("center", "duty", "new", "Ali", "--passphrase-file", words["Ali"], "--home", center)
    assert made[0] == 0, made
    second = ("--second-signer", "Ali", "--second-passphrase-file", words["Ali"])
    made = call(
        *("center", "duty", "new", "Prefect", *second),
        *("--passphrase-file", words["Prefect"], "--home", center),
    )
    assert made[0] == 0, made
    return center


class Side:
    """One station with an engine of its own over its real store."""

    def __init__(self, home: Path, traits: Traits) -> None:
        self.store = Store(Places.of(home).store, wall_ms, opened(home).vault)
        self.engine = Engine(self.store.snapshot(), os.urandom)
        self.out: list[bytes] = []
        self.take(self.engine.handle(LinkUp("wire", traits), now(0)))

    def take(self, step: Step) -> None:
        self.store.apply(step.changes)
        for transmit in step.transmits:
            self.out.append(transmit.frame)
            self.take(self.engine.handle(FrameSent(transmit), now(0)))
        for job in step.decodings:
            self.take(self.engine.handle(Decoded(job, job.coded.decode()), now(0)))


def now(at_s: float) -> Now:
    return Now(at_s, wall_ms())


def exchange(center: Path, kit: Path) -> int:
    """Everything both have for each other; how many frames that took."""
    sides = [Side(center, Traits(4096, listens=True)), Side(kit, Traits(4096))]
    count = 0
    for at_s in range(40):
        while any(side.out for side in sides):
            for side, other in (sides, sides[::-1]):
                frames, side.out = side.out, []
                for frame in frames:
                    count += 1
                    other.take(other.engine.handle(FrameReceived("wire", "peer", frame), now(at_s)))
        for side in sides:
            side.take(side.engine.handle(Tick(), now(at_s)))
    for side in sides:
        side.store.close()
    return count


def listed(call: Call, home: Path) -> list[dict[str, Any]]:
    status, out, _err = call("order", "list", "--json", "--home", home)
    assert status == 0
    return [json.loads(line) for line in out.splitlines()]


def test_an_order_is_given_read_and_answered(call: Call, center: Path, kit: Path) -> None:
    status, out, err = call(
        *("order", "--to", "Delta-2", "--life", "2h", "--answer", "Open", "the", "school"),
        *("--home", center),
    )
    assert (status, out, err) == (0, "1\n", "")
    exchange(center, kit)
    (order,) = listed(call, kit)
    assert order["verdict"] == "valid" and order["text"] == "Open the school"
    assert order["signers"] == ["authority"] and order["exercise"] is False
    wrong = f"{(int(order['code']) + 1) % 10000:04}"
    assert call("order", "answer", 1, wrong, "--home", kit)[0] == 2
    status, out, err = call("order", "answer", 1, order["code"], "On our way", "--home", kit)
    assert (status, err) == (0, "")
    exchange(center, kit)
    shown = json.loads(call("order", "show", 1, "--json", "--home", center)[1])
    (answer,) = shown["answered_by"]
    assert (answer["kit"], answer["correct"], answer["text"]) == ("Delta-2", True, "On our way")
    assert "code right" in call("order", "show", 1, "--home", center)[1]
    assert (shown["answers"], shown["asked"]) == (1, 1)


def test_the_card_says_what_it_is_worth(call: Call, center: Path, kit: Path) -> None:
    call("order", "--to", "all", "--exercise", "Report water", "--home", center)
    exchange(center, kit)
    card = call("order", "show", 1, "--home", kit)[1].splitlines()
    assert all(line.startswith("EXERCISE EXERCICE |") for line in card)
    assert "ORDER 1 (EXERCISE): IN FORCE" in card[0] and any("CODE " in line for line in card)
    assert "EXERCISE ORDER 1 Report water" in call("order", "list", "--home", kit)[1]
    (message,) = map(json.loads, call("list", "--json", "--home", kit)[1].splitlines())
    assert (message["kind"], message["exercise"]) == ("order", True)
    assert "EXERCISE ORDER 1" in call("list", "--home", kit)[1]
    assert "EXERCISE EXERCICE | Report water" in call("show", message["id"], "--home", kit)[1]


def test_an_operators_key_signs_and_kits_learn_it(
    call: Call, duty: Path, kit: Path, words: dict[str, Path]
) -> None:
    give = ("order", "--to", "all", "Stay", "--home", duty)
    assert "Ali, Prefect" in call(*give)[2]
    call(*give, "--by", "prefect", "--passphrase-file", words["Prefect"])
    exchange(duty, kit)
    (order,) = listed(call, kit)
    assert (order["verdict"], order["signers"]) == ("valid", ["Prefect"])


def test_a_wrong_passphrase_gives_no_order(call: Call, duty: Path, words: dict[str, Path]) -> None:
    give = ("order", "--to", "all", "Stay", "--home", duty, "--by", "Ali")
    status, out, err = call(*give, "--passphrase-file", words["Prefect"])
    assert (status, out) == (3, "") and "passphrase is wrong" in err
    assert listed(call, duty) == []


def test_a_grave_order_leaves_only_when_two_have_signed(
    call: Call, duty: Path, kit: Path, words: dict[str, Path]
) -> None:
    grave = ("order", "--to", "all", "--grave", "Evacuate", "--by", "Ali", "--home", duty)
    mine = ("--passphrase-file", words["Ali"])
    assert "Two people must sign" in call(*grave, *mine)[2]
    assert "another person" in call(*grave, *mine, "--second-signer", "Ali")[2]
    status, out, err = call(*grave, *mine, "--second-signer", "Prefect")
    assert status == 0 and "second signature" in err
    number = out.strip()
    exchange(duty, kit)
    assert listed(call, kit) == []
    assert listed(call, duty)[0]["verdict"] == "draft"
    sign = ("order", "sign", number, "--home", duty, "--passphrase-file")
    assert call(*sign, words["Ali"])[0] == 3
    status, _out, err = call(*sign, words["Prefect"])
    assert status == 0 and "Evacuate" in err
    assert call(*sign, words["Prefect"])[0] == 2
    exchange(duty, kit)
    (order,) = listed(call, kit)
    assert (order["verdict"], order["signers"]) == ("valid", ["Ali", "Prefect"])


def test_an_order_that_no_kit_has_is_withdrawn(call: Call, center: Path, kit: Path) -> None:
    call("order", "--to", "all", "Stay", "--home", center)
    assert "no kit has it" in call("order", "cancel", 1, "--home", center)[2]
    exchange(center, kit)
    assert listed(call, kit) == []
    assert listed(call, center)[0]["verdict"] == "withdrawn"


def test_a_cancel_follows_an_order_that_left(call: Call, center: Path, kit: Path) -> None:
    call("order", "--to", "all", "Stay", "--home", center)
    exchange(center, kit)
    assert "on its way" in call("order", "cancel", 1, "--home", center)[2]
    exchange(center, kit)
    order, cancel = listed(call, kit)
    assert (order["verdict"], order["cancelled_by"]) == ("cancelled", 2)
    assert (cancel["kind"], cancel["cancels"], cancel["verdict"]) == ("cancel", 1, "valid")
    assert "do not carry it out" in call("order", "show", 1, "--home", kit)[1]


def test_a_revoked_key_gives_no_order_any_more(
    call: Call, duty: Path, kit: Path, words: dict[str, Path]
) -> None:
    exchange(duty, kit)
    status, _out, err = call("center", "duty", "revoke", "Ali", "--reason", "left", "--home", duty)
    assert (status, err) == (0, "The key of Ali is believed no more. The kits are told.\n")
    assert "REVOKED" in call("center", "duty", "list", "--home", duty)[1]
    give = ("order", "--to", "all", "Stay", "--home", duty, "--by", "Ali")
    assert call(*give, "--passphrase-file", words["Ali"])[0] == 2
    exchange(duty, kit)
    with reading(kit) as views:
        assert views.rows("SELECT version, whole, entries FROM trust_list") == [(1, 1, b"\xfe\0")]


def second_kit(center: Path, tmp_path: Path) -> Path:
    home = tmp_path / "kit-2"
    enrolment.create_kit(home, "Delta-3", (center / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(center, enrolment.make_request(home))
    enrolment.activate(home, reply)
    return home


def test_a_new_kit_learns_keys_and_lists_that_are_in_force(
    call: Call, duty: Path, kit: Path, tmp_path: Path, words: dict[str, Path]
) -> None:
    call("center", "revoke", "Delta-2", "--reason", "lost", "--home", duty)
    new = second_kit(duty, tmp_path)
    call(
        *("order", "--to", "all", "Stay", "--by", "Prefect", "--home", duty),
        *("--passphrase-file", words["Prefect"]),
    )
    exchange(duty, new)
    assert [order["verdict"] for order in listed(call, new)] == ["valid"]
    with reading(new) as views:
        assert views.rows("SELECT name FROM duty_key ORDER BY place") == [("Ali",), ("Prefect",)]
        assert views.rows("SELECT entries FROM trust_list") == [(b"\0\1",)]
        assert views.count("in") == 1


def test_a_lost_kit_is_refused_at_once_and_nothing_it_sends_is_lost(
    call: Call, center: Path, kit: Path, tmp_path: Path
) -> None:
    other = second_kit(center, tmp_path)
    exchange(center, other)
    call("send", "from the thief", "--home", kit)
    call("send", "--to", "Delta-2", "secret", "--home", center)
    status, _out, err = call("center", "revoke", "Delta-2", "--reason", "stolen", "--home", center)
    assert status == 0 and "Kit 1 is refused" in err and "list 1" in err
    exchange(center, kit)
    with reading(center) as views:
        assert views.count("in") == 0
        assert [one.state for one in views.page("out")] == ["refused"]
        assert "revoked" in [notice.code for notice in views.notices()]
    with reading(kit) as views:
        assert (views.count("in"), views.waiting()) == (0, 1)
    (aside,) = map(
        json.loads,
        call("center", "quarantine", "list", "--json", "--home", center)[1].splitlines(),
    )
    assert (aside["kit"], aside["reason"]) == ("Delta-2", "stolen") and aside["frames"] >= 1
    frames = aside["frames"]
    exchange(center, kit)
    file = tmp_path / "aside.jsonl"
    call("center", "quarantine", "export", "Delta-2", "-o", file, "--home", center)
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(lines) >= frames and all(line["kit_number"] == 1 for line in lines)
    assert len({line["frame"] for line in lines}) == len(lines)
    assert file.stat().st_mode & 0o777 == 0o600
    again = ("center", "quarantine", "export", "Delta-2", "-o", file, "--home", center)
    file.write_text("mine")
    status, _out, err = call(*again)
    assert (status != 0, "--force" in err, file.read_text()) == (True, True, "mine")
    assert call(*again, "--force")[0] == 0 and len(file.read_text().splitlines()) == len(lines)
    assert call("send", "--to", "Delta-2", "x", "--home", center)[0] == 2
    assert call("order", "--to", "Delta-2", "x", "--home", center)[0] == 2
    assert call("center", "revoke", "nobody", "--reason", "x", "--home", center)[0] == 2


def test_the_others_are_told(call: Call, center: Path, kit: Path, tmp_path: Path) -> None:
    other = second_kit(center, tmp_path)
    call("center", "revoke", "Delta-2", "--reason", "lost", "--home", center)
    exchange(center, other)
    with reading(other) as views:
        assert views.rows("SELECT version, entries FROM trust_list") == [(1, b"\0\1")]
        assert views.count("in") == 0


def test_a_wipe_names_one_kit_takes_two_and_erases_it(
    call: Call, duty: Path, kit: Path, words: dict[str, Path], tmp_path: Path
) -> None:
    wipe = ("order", "give", "--kind", "wipe", "--by", "Ali", "--home", duty)
    mine = ("--passphrase-file", words["Ali"])
    assert call(*wipe, *mine, "--to", "all", "--second-signer", "Prefect")[0] == 2
    assert call(*wipe, *mine, "--to", "Delta-2")[0] == 2
    number = call(*wipe, *mine, "--to", "Delta-2", "--second-signer", "Prefect")[1].strip()
    call("order", "sign", number, "--home", duty, "--passphrase-file", words["Prefect"])
    exchange(duty, kit)
    assert (kit / "keys" / "keystore").exists()
    import asyncio

    asyncio.run(serve.run(kit, until_idle=True))
    assert not list((kit / "keys").glob("*")) and not (kit / "store.db").exists()


def test_an_order_that_comes_alone_is_listed_once(call: Call, center: Path, kit: Path) -> None:
    call("order", "--to", "all", "Stay inside", "--home", center)
    with reading(center) as views:
        (given,) = views.page("out")
    signed = decode_object(given.data, given.text)
    assert isinstance(signed, SignedObject)
    frame = encode_object_frame(signed, Precedence.FLASH)
    side = Side(kit, Traits(4096))
    side.out.clear()
    for _again in range(2):
        step = side.engine.handle(FrameReceived("wire", "", frame), now(1))
        side.take(step)
    forged = bytes(frame[:-1]) + b"x"
    assert side.engine.handle(FrameReceived("wire", "", forged), now(2)).changes == ()
    assert side.out == []
    side.store.close()
    with reading(kit) as views, writing(kit) as store:
        (message,) = views.page("in")
        assert message.order is not None and message.order.verdict == "valid"
        assert message.text == "Stay inside" and store.mark_read(message.ref)
        assert views.waiting() == 0
    exchange(center, kit)
    with reading(kit) as views:
        assert len(views.page("in")) == 1
    assert len(listed(call, kit)) == 1


def test_orders_are_given_at_centers_and_answered_on_kits(
    call: Call, center: Path, kit: Path
) -> None:
    assert call("order", "--to", "all", "x", "--home", kit)[0] == 1
    assert call("order", "answer", 1, "1234", "--home", center)[0] == 1
    assert call("order", "show", 9, "--home", kit)[0] == 2
    assert call("order", "--home", center)[0] == 2
    assert call("order", "x", "--home", center)[0] == 2
    assert call("order", "--to", "all", "--life", "9d", "x", "--home", center)[0] == 2


def test_the_ceremony(call: Call, tmp_path: Path, words: dict[str, Path]) -> None:
    """Three roots, a network of theirs, two of three sign, center and kit believe it."""
    mine = ("--passphrase-file", words["Ali"])
    for name in "abc":
        assert call("center", "root", "new", "-o", tmp_path / name, *mine)[0] == 0
    roots = [word for name in "abc" for word in ("--root", tmp_path / f"{name}.pub")]
    center, kit = tmp_path / "center", tmp_path / "kit"
    assert call("center", "init", *roots[:4], "--home", center)[0] == 2
    assert call("center", "init", *roots, "--home", center)[0] == 0
    enrolment.create_kit(kit, "Delta-2", (center / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    call("center", "duty", "new", "Ali", *mine, "--home", center)
    bundle = tmp_path / "t0"
    make = ("center", "bundle", "make", *roots, "--two-for-orders", "-o", bundle, "--home", center)
    assert call(*make)[0] == 0
    one, two = tmp_path / "t1", tmp_path / "t2"
    call("center", "root", "sign", bundle, "--key", tmp_path / "a", "-o", one, *mine)
    assert call("kit", "bundle", one, "--home", kit)[0] == 3
    call("center", "root", "sign", one, "--key", tmp_path / "c", "-o", two, *mine)
    assert call("center", "bundle", "install", two, "--home", center)[0] == 0
    assert call("kit", "bundle", two, "--home", kit)[0] == 0
    give = ("order", "--to", "all", "Stay", "--by", "Ali", *mine, "--home", center)
    assert call(*give)[0] == 2
    number = call(*give, "--second-signer", "authority")[1].strip()
    assert call("order", "sign", number, "--home", center)[0] == 0
    exchange(center, kit)
    (order,) = listed(call, kit)
    assert (order["verdict"], order["signers"]) == ("valid", ["Ali", "authority"])
    assert call("center", "bundle", "install", two, "--home", center)[0] == 0
    assert "older" not in call("kit", "bundle", two, "--home", kit)[2]


def test_a_small_network_takes_no_bundle(call: Call, center: Path, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"CKTB1")
    assert call("center", "bundle", "install", file, "--home", center)[0] == 3


def test_what_was_taken_back_or_answered_is_said_and_nothing_more_is_sent(
    call: Call, center: Path, kit: Path
) -> None:
    call("order", "--to", "Delta-2", "--exercise", "--answer", "Report water", "--home", center)
    exchange(center, kit)
    assert "Delta-2" in call("order", "list", "--home", center)[1]
    assert "answer wanted" in call("order", "list", "--home", kit)[1]
    assert "to Delta-2" in call("order", "show", 1, "--home", center)[1]
    (order,) = listed(call, kit)
    assert call("order", "answer", 1, order["code"], "--home", kit)[0] == 0
    status, out, err = call("order", "answer", 1, order["code"], "--home", kit)
    assert (status, out) == (1, "") and "answered before" in err
    exchange(center, kit)
    rows = call("order", "list", "--home", center)[1].splitlines()
    assert "answered 1/1" in rows[0] and all(len(row) <= 80 for row in rows)
    assert call("order", "cancel", 1, "--home", center)[0] == 0
    status, out, err = call("order", "cancel", 1, "--home", center)
    assert (status, out) == (1, "") and "taken back before" in err
    assert len(listed(call, center)) == 2
    exchange(center, kit)
    status, _out, err = call("order", "answer", 1, order["code"], "--home", kit)
    assert status == 3 and "taken back" in err
    for kind in ("ics309", "html"):
        text = call("log", "export", "--format", kind, "-o", "-", "--home", center)[1]
        assert "EXERCISE ORDER 1 [CANCELLED]" in " ".join(text.split())
        assert "EXERCISE CANCEL 2" in " ".join(text.split())
    csv = call("log", "export", "--format", "csv", "-o", "-", "--home", center)[1]
    assert "1,order,,2" in csv and "2,cancel,1," in csv


def test_an_order_to_a_revoked_kit_says_that_it_was_revoked(
    call: Call, center: Path, kit: Path
) -> None:
    call("center", "revoke", "Delta-2", "--reason", "lost", "--home", center)
    status, _out, err = call("order", "--to", "Delta-2", "Stay", "--home", center)
    assert status == 2 and "was revoked" in err
    shown = call("center", "quarantine", "show", "Delta-2", "--home", center)
    assert "no frames" in shown[2]


def test_a_draft_names_who_signed_and_who_has_not_yet(
    call: Call, duty: Path, kit: Path, words: dict[str, Path]
) -> None:
    give = ("order", "--to", "all", "Leave", "--by", "Ali", "--second-signer", "Prefect")
    _status, number, _err = call(*give, "--passphrase-file", words["Ali"], "--home", duty)
    card = call("order", "show", number.strip(), "--home", duty)[1]
    assert "signed by Ali, waits for Prefect" in card
