"""From nothing to a trusted kit, by files between two homes."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit import enrolment
from crisiskit.crypto.enrol import comparison_code
from crisiskit.errors import CrisiskitError
from crisiskit.installation import open_installation
from crisiskit.keystore import ASKED, Keys, opened
from crisiskit.settings import load
from crisiskit.starter import starter_settings
from crisiskit.store.store import Store

Call = Callable[..., tuple[int, str, str]]
Typed = Callable[..., tuple[int, str, str]]


def new_center(call: Call, home: Path, *more: str) -> Path:
    status, _out, err = call("center", "init", "--name", "Prefecture", *more, "--home", home)
    assert status == 0, err
    return home / "network.ckcn"


def new_kit(call: Call, home: Path, name: str, network: Path) -> Path:
    """A kit that has asked; its request file."""
    status, _out, err = call("kit", "init", name, "--center", network, "--home", home)
    assert status == 0, err
    request = home.with_name(f"{home.name}.ckrq")
    assert call("kit", "request", "-o", request, "--home", home)[0] == 0
    return request


def code_of(request: Path) -> str:
    """What the kit's screen shows."""
    return comparison_code(request.read_bytes())


def answer(call: Call, center: Path, request: Path, reply: Path) -> tuple[int, str, str]:
    """``center enrol``, by a person who compared the code."""
    words = ("center", "enrol", request, "-o", reply, "--code", code_of(request))
    return call(*words, "--home", center)


def pairing(home: Path) -> dict[str, object]:
    with sqlite3.connect(home / "store.db") as db:
        db.row_factory = sqlite3.Row
        found = dict(db.execute("SELECT * FROM pairing").fetchone())
    vault = opened(home).vault
    for chain in ("send_chain", "heard_chain"):
        found[chain] = vault.open(found[chain], f"pairing.{chain}")
    return found


def facts(home: Path) -> dict[str, bytes]:
    with sqlite3.connect(home / "store.db") as db:
        return dict(db.execute("SELECT key, value FROM meta").fetchall())


def test_a_kit_is_enrolled_by_three_files(call: Call, tmp_path: Path) -> None:
    center, kit, reply = tmp_path / "center", tmp_path / "kit", tmp_path / "kit.ckrp"
    network = new_center(call, center, "--exercise")
    status, out, err = call("kit", "init", "Delta-2", "--center", network, "--home", kit)
    assert (status, out) == (0, "")
    assert "EXERCISE" in err
    request = tmp_path / "kit.ckrq"
    status, asked, _err = call("kit", "request", "-o", request, "--home", kit)
    assert status == 0
    (shown,) = re.findall(r"\d{4} \d{4} \d{4}", asked)
    words = ("center", "enrol", request, "-o", reply, "--code", shown)
    status, answered, _err = call(*words, "--home", center)
    assert (status, answered) == (0, "Kit number: 1\n")
    status, _out, err = call("kit", "activate", reply, "--home", kit)
    assert (status, "number 1" in err) == (0, True)

    up, down = pairing(kit), pairing(center)
    assert up["send_chain"] == down["heard_chain"] != up["heard_chain"] == down["send_chain"]
    assert (up["keeps_root"], down["keeps_root"]) == (0, 1)
    assert up["kit_fp"] == down["kit_fp"] == down["peer_fp"] == facts(kit)["own_fp"]
    assert up["peer_fp"] == facts(center)["own_fp"] != up["kit_fp"]
    assert up["kit_number"] == down["kit_number"] == 1
    for home in (kit, center):
        assert facts(home)["exercise"] == b"1"
        assert facts(home)["network"] == b"Prefecture"
    assert facts(kit)["network_id"] == facts(center)["network_id"]
    station = open_installation(kit)
    assert (station.role, station.name, station.kit_number, station.active) == (
        "kit",
        "Delta-2",
        1,
        True,
    )


def test_each_step_can_tell_a_script_what_it_did(call: Call, tmp_path: Path) -> None:
    center, kit = tmp_path / "center", tmp_path / "kit"
    steps = [
        ("center", "init", "--home", center),
        ("kit", "init", "A", "--center", center / "network.ckcn", "--home", kit),
        ("kit", "request", "-o", tmp_path / "q", "--home", kit),
        ("center", "enrol", tmp_path / "q", "-o", tmp_path / "p", "--home", center),
        ("kit", "activate", tmp_path / "p", "--home", kit),
    ]
    rows: list[dict[str, object]] = []
    for step in steps:
        code = ("--code", rows[-1]["code"]) if "enrol" in step else ()
        status, out, err = call(*step, *code, "--json")
        assert (status, err) == (0, "")
        rows.append(json.loads(out))
    assert rows[0]["role"] == "center"
    assert rows[1]["kit_number"] is None
    assert rows[2]["code"] == rows[3]["code"]
    assert rows[3]["kit_number"] == rows[4]["kit_number"] == 1


# -- the code is compared before the kit is admitted ------------------------------------------


def fresh_request(made: Path, tmp_path: Path) -> Path:
    """A kit called Echo that asks the center of ``made``."""
    enrolment.create_kit(tmp_path / "echo", "Echo", (made / "center/network.ckcn").read_bytes())
    request = tmp_path / "echo.ckrq"
    request.write_bytes(enrolment.make_request(tmp_path / "echo"))
    return request


def kits(home: Path) -> list[str]:
    with sqlite3.connect(home / "store.db") as db:
        return [row[0] for row in db.execute("SELECT name FROM pairing ORDER BY kit_number")]


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_kit_of_another_code_is_not_admitted(
    call: Call, made: Path, center: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    request, reply = fresh_request(made, tmp_path), tmp_path / "p"
    digits = code_of(request)
    other = f"{'2' if digits[0] == '1' else '1'}{digits[1:]}"
    for wrong in (other, "", digits[:-1], f"{digits}0", "the same"):
        words = ("center", "enrol", request, "-o", reply, "--code", wrong, *more)
        status, out, err = call(*words, "--home", center)
        assert (status, out, err.count("\n")) == (3, "", 1), wrong
        assert "was not enrolled" in err
        assert digits not in err
    assert not reply.exists()
    assert kits(center) == ["Delta-2"]
    assert facts(center) == facts(made / "center")


def test_the_code_may_be_typed_as_it_is_read_aloud(
    call: Call, made: Path, center: Path, tmp_path: Path
) -> None:
    request = fresh_request(made, tmp_path)
    first, second, third = code_of(request).split()
    for number, joint in enumerate((" ", "", "-", " - ", "\u2013", "\u00a0")):
        words = ("center", "enrol", request, "-o", tmp_path / f"{number}")
        status, _out, err = call(
            *words, "--code", joint.join((first, second, third)), "--home", center
        )
        assert status == 0, (joint, err)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_where_nobody_can_be_asked_the_code_must_be_given(
    call: Call, made: Path, center: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    request = fresh_request(made, tmp_path)
    words = ("center", "enrol", request, "-o", tmp_path / "p", *more, "--home", center)
    status, out, err = call(*words, input=b"yes\n")
    assert (status, out, "--code" in err) == (2, "", True)
    assert kits(center) == ["Delta-2"]
    assert not (tmp_path / "p").exists()


def test_a_person_at_a_terminal_is_asked_before_the_kit_is_admitted(
    typed: Typed, made: Path, center: Path, tmp_path: Path
) -> None:
    request, reply = fresh_request(made, tmp_path), tmp_path / "p"
    words = ("center", "enrol", request, "-o", reply, "--home", center)
    for said in (b"no\n", b"perhaps\n\nn\n", b"\x04"):
        status, out, err = typed(*words, input=said)
        assert (status, out) == (3, ""), said
        assert code_of(request) in err and "Echo" in err
        assert "was not enrolled" in err
        assert kits(center) == ["Delta-2"]
        assert not reply.exists()
    status, out, err = typed(*words, input=b"\xff\xfe\nyes\n")
    assert (status, out, err.count("(yes/no)")) == (0, "Kit number: 2\n", 2)
    assert kits(center) == ["Delta-2", "Echo"]
    assert reply.exists()


def test_yes_is_understood_in_french_too(
    typed: Typed, made: Path, center: Path, tmp_path: Path
) -> None:
    request = fresh_request(made, tmp_path)
    words = ("center", "enrol", request, "-o", tmp_path / "p", "--json", "--home", center)
    status, out, _err = typed(*words, input=b"oui\n", CRISISKIT_LANG="fr")
    assert status == 0
    assert json.loads(out)["code"] == code_of(request)


# -- files and names ---------------------------------------------------------------------------


def test_the_same_request_gets_the_same_answer(call: Call, tmp_path: Path) -> None:
    center = tmp_path / "center"
    request = new_kit(call, tmp_path / "kit", "A", new_center(call, center))
    answers = []
    for name in ("first", "second"):
        reply = tmp_path / name
        assert answer(call, center, request, reply)[0] == 0
        answers.append(reply.read_bytes())
    assert answers[0] == answers[1]


def test_asking_again_gives_the_same_request_until_it_is_answered(
    call: Call, tmp_path: Path
) -> None:
    center, kit = tmp_path / "center", tmp_path / "kit"
    request = new_kit(call, kit, "A", new_center(call, center))
    again = tmp_path / "again.ckrq"
    assert call("kit", "request", "-o", again, "--home", kit)[0] == 0
    assert again.read_bytes() == request.read_bytes()
    answer(call, center, request, tmp_path / "p")
    assert call("kit", "activate", tmp_path / "p", "--home", kit)[0] == 0
    assert opened(kit).secret(ASKED) is None
    status, _out, err = call("kit", "request", "-o", tmp_path / "late", "--home", kit)
    assert (status, "number 1" in err) == (1, True)


def test_taking_the_answer_twice_changes_nothing(call: Call, made: Path, tmp_path: Path) -> None:
    center, kit, reply = tmp_path / "center", tmp_path / "kit", tmp_path / "p"
    request = new_kit(call, kit, "A", new_center(call, center))
    answer(call, center, request, reply)
    assert call("kit", "activate", reply, "--home", kit)[0] == 0
    before = facts(kit)
    assert call("kit", "activate", reply, "--home", kit)[0] == 0
    assert facts(kit) == before
    other = tmp_path / "other.ckrp"
    data = reply.read_bytes()
    other.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert call("kit", "activate", other, "--home", kit)[0] == 1


def test_a_second_kit_of_the_same_name_is_refused(call: Call, tmp_path: Path) -> None:
    center = tmp_path / "center"
    network = new_center(call, center)
    first = new_kit(call, tmp_path / "one", "Delta-2", network)
    second = new_kit(call, tmp_path / "two", "delta-2", network)
    assert answer(call, center, first, tmp_path / "p")[0] == 0
    status, _out, err = answer(call, center, second, tmp_path / "q")
    assert status == 3
    assert "Delta-2" in err
    assert not (tmp_path / "q").exists()


def test_numbers_rise_and_are_not_used_again(call: Call, tmp_path: Path) -> None:
    center = tmp_path / "center"
    network = new_center(call, center)
    for place, name in enumerate(("A", "B", "C"), 1):
        request = new_kit(call, tmp_path / name, name, network)
        reply = tmp_path / f"{name}.ckrp"
        _status, out, _err = answer(call, center, request, reply)
        assert out == f"Kit number: {place}\n"


def test_a_known_key_under_another_request_is_refused(call: Call, tmp_path: Path) -> None:
    center, kit = tmp_path / "center", tmp_path / "kit"
    request = new_kit(call, kit, "A", new_center(call, center))
    answer(call, center, request, tmp_path / "p")
    opened(kit).put(**{ASKED: None})
    again = tmp_path / "again.ckrq"
    call("kit", "request", "-o", again, "--home", kit)
    assert again.read_bytes() != request.read_bytes()
    status, _out, err = answer(call, center, again, tmp_path / "q")
    assert (status, "known already" in err) == (3, True)


@pytest.mark.parametrize("name", ["center", "ALL", "12", "", " A", "A\nB", "x" * 65])
def test_names_that_would_confuse_people_are_refused(
    call: Call, made: Path, tmp_path: Path, name: str
) -> None:
    network = made / "center" / "network.ckcn"
    status, _out, err = call("kit", "init", name, "--center", network, "--home", tmp_path / "k")
    assert status in (2, 3)
    assert err.startswith("crisiskit: ")
    assert not (tmp_path / "k").exists()


def test_the_center_refuses_such_a_name_too(
    made: Path, tmp_path: Path, center: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = (made / "center" / "network.ckcn").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(enrolment, "_reserved", lambda _name: False)
        enrolment.create_kit(tmp_path / "rogue", "all", network)
    request = enrolment.make_request(tmp_path / "rogue")
    with pytest.raises(CrisiskitError, match="name_reserved"):
        enrolment.enrol(center, request)


def wrong_files(made: Path, tmp_path: Path) -> dict[str, Path]:
    network = (made / "center" / "network.ckcn").read_bytes()
    files = {
        "empty": b"",
        "junk": os.urandom(2000),
        "large": bytes(100_000),
        "cut": network[:-9],
        "altered": network[:40] + b"\xff" + network[41:],
        "magic only": network[:5],
    }
    paths = {name: tmp_path / name for name in files}
    for name, path in paths.items():
        path.write_bytes(files[name])
    os.mkfifo(tmp_path / "pipe")
    return paths | {
        "folder": tmp_path,
        "missing": tmp_path / "none",
        "pipe": tmp_path / "pipe",
        "endless": Path("/dev/zero"),
    }


def test_a_wrong_file_gives_one_sentence_and_changes_nothing(
    call: Call, made: Path, tmp_path: Path, center: Path
) -> None:
    fresh = tmp_path / "fresh"
    enrolment.create_kit(fresh, "Echo", (made / "center" / "network.ckcn").read_bytes())
    request = tmp_path / "right.ckrq"
    request.write_bytes(enrolment.make_request(fresh))
    bad = wrong_files(made, tmp_path)
    commands: dict[str, Callable[[Path], tuple[object, ...]]] = {
        "init": lambda path: ("kit", "init", "F", "--center", path, "--home", tmp_path / "new"),
        "enrol": lambda path: ("center", "enrol", path, "-o", tmp_path / "out", "--home", center),
        "activate": lambda path: ("kit", "activate", path, "--home", fresh),
    }
    also = {"enrol": made / "center" / "network.ckcn", "activate": request, "init": request}
    for name, command in commands.items():
        for what, path in {**bad, "of another kind": also[name]}.items():
            status, out, err = call(*command(path))
            assert status in (1, 3), (name, what)
            assert out == "", (name, what)
            assert re.fullmatch(r"crisiskit: [^\n]+\n", err), (name, what, err)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "out").exists()
    assert not open_installation(fresh).active
    assert len(facts(center)) == len(facts(made / "center"))


def test_an_answer_of_another_network_is_refused(call: Call, made: Path, tmp_path: Path) -> None:
    other, kit = tmp_path / "other", tmp_path / "kit"
    new_center(call, other)
    stranger = new_kit(call, tmp_path / "stranger", "S", other / "network.ckcn")
    answer(call, other, stranger, tmp_path / "p")
    new_kit(call, kit, "A", made / "center" / "network.ckcn")
    status, _out, err = call("kit", "activate", tmp_path / "p", "--home", kit)
    assert (status, "another network" in err) == (3, True)


def test_the_answer_is_never_written_over_another_file(
    call: Call, tmp_path: Path, center: Path, made: Path
) -> None:
    request = new_kit(call, tmp_path / "kit", "B", made / "center" / "network.ckcn")
    asked = request.read_bytes()
    assert answer(call, center, request, request)[0] == 1
    assert request.read_bytes() == asked


@pytest.mark.parametrize("command", [("center", "init"), ("kit", "init", "B")])
def test_a_home_in_use_is_left_alone(
    call: Call, made: Path, center: Path, kit: Path, command: tuple[str, ...]
) -> None:
    for home in (center, kit):
        key = (home / "keys" / "keystore").read_bytes()
        before = facts(home)
        file = ["--center", made / "center" / "network.ckcn"] if command[0] == "kit" else []
        status, _out, err = call(*command, *file, "--home", home)
        assert (status, "already" in err) == (1, True)
        assert (home / "keys" / "keystore").read_bytes() == key
        assert facts(home) == before


def test_a_step_for_the_other_role_says_where_to_run_it(
    call: Call, center: Path, kit: Path, tmp_path: Path
) -> None:
    for words in (
        ("center", "enrol", kit / "network.ckcn", "-o", tmp_path / "x", "--home", kit),
        ("center", "run", "--home", kit),
        ("kit", "request", "-o", tmp_path / "x", "--home", center),
        ("kit", "activate", kit / "network.ckcn", "--home", center),
        ("field", "--plain", "--home", center),
        ("desk", "--plain", "--home", kit),
    ):
        status, _out, err = call(*words)
        assert status == 1, words
        assert "This installation is a" in err, words


def test_secrets_are_for_their_owner_only(kit: Path, center: Path) -> None:
    for home in (kit, center):
        assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "store.db").stat().st_mode) == 0o600
        for path in (home / "keys").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (home / "ballast").stat().st_size == 8 * 1024 * 1024


def test_a_pairing_secret_waits_for_its_owner_only(made: Path, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    enrolment.create_kit(kit, "A", (made / "center" / "network.ckcn").read_bytes())
    request = enrolment.make_request(kit)
    kept = opened(kit).secret(ASKED)
    assert kept is not None and kept.endswith(request)
    keystore = kit / "keys" / "keystore"
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    assert request not in keystore.read_bytes()


def test_making_a_home_can_be_cut_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "center"
    for victim in ("lay_ballast", "set_meta", "close"):
        with monkeypatch.context() as patch:
            patch.setattr(Store, victim, cut)
            with pytest.raises(InterruptedError):
                enrolment.create_center(home, "A", exercise=False)
        with pytest.raises(CrisiskitError, match="home_missing"):
            open_installation(home)
    key = (home / "keys" / "keystore").read_bytes()
    enrolment.create_center(home, "A", exercise=False)
    assert (home / "keys" / "keystore").read_bytes() == key
    assert sorted(path.name for path in home.iterdir() if "new" in path.name) == []


def cut(*_args: object, **_values: object) -> None:
    raise InterruptedError


def test_activation_can_be_cut_and_run_again(
    made: Path, center: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = tmp_path / "kit"
    enrolment.create_kit(kit, "A", (made / "center" / "network.ckcn").read_bytes())
    reply, _number, _code = enrolment.enrol(center, enrolment.make_request(kit))
    with monkeypatch.context() as patch:
        patch.setattr(Keys, "put", cut)
        with pytest.raises(InterruptedError):
            enrolment.activate(kit, reply)
    assert enrolment.activate(kit, reply).active
    assert opened(kit).secret(ASKED) is None


@pytest.mark.parametrize("role", ["center", "kit"])
def test_every_example_of_the_first_settings_file_can_be_used(role: str, tmp_path: Path) -> None:
    text = starter_settings(role)
    (tmp_path / "settings.toml").write_text(text)
    assert load(tmp_path).links == ()
    ready = re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)
    names = iter(range(9))
    ready = re.sub(r"^name = .*$", lambda _m: f'name = "l{next(names)}"', ready, flags=re.M)
    (tmp_path / "settings.toml").write_text(ready)
    kinds = {link.kind for link in load(tmp_path).links}
    assert (
        kinds
        == {
            "center": {"tcp-listen", "directip", "webhook", "neighbours", "serial"},
            "kit": {"sbd", "imt", "tcp", "neighbours", "serial"},
        }[role]
    )
