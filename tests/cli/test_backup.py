"""``backup`` and ``restore``: everything comes back, or nothing was changed."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit import keystore
from crisiskit.backup import back_up
from crisiskit.backup import restore as bring_back
from crisiskit.installation import Places, reading, writing
from crisiskit.keystore import data_key_of
from crisiskit.lock import AgentLock
from crisiskit.model import Precedence, RecordKind
from crisiskit.passphrase import FILE_VARIABLE
from crisiskit.store.store import Draft

Call = Callable[..., tuple[int, str, str]]
WORDS = "words of a team"


def send(call: Call, home: Path, text: str) -> None:
    status, _out, err = call("send", text, "--home", home)
    assert status == 0, err


def texts(home: Path) -> list[str]:
    with reading(home) as views:
        return [message.text for message in views.search()]


def restored(home: Path) -> bytes:
    with reading(home) as views:
        return views.fact("restored")


def everything(home: Path) -> dict[str, bytes]:
    """Each file of a home with its bytes; the lock of the agent is no content."""
    files = [path for path in home.rglob("*") if path.is_file() and path.name != "agent.lock"]
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


@pytest.fixture
def saved(call: Call, kit: Path, tmp_path: Path) -> Path:
    """A backup of a kit that holds one message."""
    send(call, kit, "before")
    file = tmp_path / "kit.ckbk"
    status, out, _err = call("backup", file, "--json", "--home", kit)
    said = json.loads(out)
    assert (status, said["messages"], said["bytes"]) == (0, 1, file.stat().st_size)
    return file


def test_a_home_goes_back_and_its_store_is_set_aside(call: Call, kit: Path, saved: Path) -> None:
    places = Places.of(kit)
    places.floor.write_bytes(b"floor as it is now")
    places.settings.write_text(places.settings.read_text() + "# mine\n")
    send(call, kit, "after")
    kept = everything(kit)
    status, out, _err = call("restore", saved, "--json", "--home", kit)
    aside = Path(json.loads(out)["set_aside"])
    assert (status, texts(kit), restored(kit)) == (0, ["before"], b"1")
    assert aside.read_bytes() == kept["store.db"]
    for name in ("epoch.floor", "settings.toml", "network.ckcn", "keys/keystore", "keys/keyfile"):
        assert everything(kit)[name] == kept[name], name
    assert all(name.startswith(aside.name) for name in set(everything(kit)) - set(kept))
    send(call, kit, "and on it goes")
    assert texts(kit) == ["before", "and on it goes"]


def test_a_new_machine_needs_the_key_file(
    call: Call, kit: Path, saved: Path, tmp_path: Path
) -> None:
    new, key = tmp_path / "new", tmp_path / "saved.key"
    shutil.copy(kit / "keys" / "keyfile", key)
    shutil.rmtree(kit)
    status, _out, err = call("restore", saved, "--home", new)
    assert (status, "key file" in err, new.exists()) == (3, True, False)
    (tmp_path / "other.key").write_bytes(bytes(32))
    assert call("restore", saved, "--key-file", tmp_path / "other.key", "--home", new)[0] == 3
    assert not new.exists()
    assert call("restore", saved, "--key-file", key, "--home", new)[0] == 0
    assert (texts(new), restored(new)) == (["before"], b"1")
    assert not Places.of(new).floor.exists()
    assert call("doctor", "--home", new)[0] == 0


def test_a_new_machine_needs_the_passphrase(
    call: Call, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(call, kit, "before")
    words, file, new = tmp_path / "words", tmp_path / "kit.ckbk", tmp_path / "new"
    words.write_text(WORDS)
    monkeypatch.setenv(FILE_VARIABLE, str(words))
    assert call("passphrase", "--passphrase-file", words, "--home", kit)[0] == 0
    assert "Only the passphrase" in call("backup", file, "--home", kit)[2]
    shutil.rmtree(kit)
    monkeypatch.delenv(FILE_VARIABLE)
    assert call("restore", file, "--home", new)[0] == 75
    (tmp_path / "wrong").write_text("wrong words")
    assert call("restore", file, "--passphrase-file", tmp_path / "wrong", "--home", new)[0] == 3
    assert not new.exists()
    assert call("restore", file, "--passphrase-file", words, "--home", new)[0] == 0
    monkeypatch.setenv(FILE_VARIABLE, str(words))
    assert texts(new) == ["before"]
    assert [path.name for path in (new / "keys").iterdir()] == ["keystore"]


def test_an_older_passphrase_does_not_matter_where_the_key_is_known(
    call: Call, kit: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tmp_path / "words"
    words.write_text(WORDS)
    assert call("passphrase", "--passphrase-file", words, "--home", kit)[0] == 0
    locked = (kit / "keys" / "keystore").read_bytes()
    keystore.opened(kit)
    assert call("restore", saved, "--home", kit)[0] == 0
    assert (kit / "keys" / "keystore").read_bytes() == locked, "the newer lock stays"


def test_a_new_passphrase_opens_the_older_backups_of_its_home(
    call: Call, kit: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, other, new = tmp_path / "words", tmp_path / "other", tmp_path / "new"
    key = tmp_path / "saved.key"
    shutil.copy(kit / "keys" / "keyfile", key)
    words.write_text(WORDS)
    other.write_text("other words")
    err = call("passphrase", "--passphrase-file", words, "--home", kit)[2]
    assert str(kit / "keys" / "keyfile") in err and "erased" in err and "new backup" in err
    monkeypatch.setattr(keystore, "_known", {})
    assert call("restore", saved, "--home", kit)[0] == 75, "locked, and nobody can be asked"
    assert call("restore", saved, "--passphrase-file", other, "--home", kit)[0] == 3
    assert call("restore", saved, "--passphrase-file", words, "--home", kit)[0] == 0
    monkeypatch.setattr(keystore, "_known", {})
    monkeypatch.setenv(FILE_VARIABLE, str(words))
    assert call("restore", saved, "--home", kit)[0] == 0
    assert texts(kit) == ["before"]
    status, _out, err = call("restore", saved, "--passphrase-file", words, "--home", new)
    assert (status, "--key-file" in err, "?" in err) == (3, True, False)
    assert call("restore", saved, "--key-file", key, "--home", new)[0] == 0
    assert (new / "ballast").stat().st_size == (kit / "ballast").stat().st_size
    monkeypatch.setattr(keystore, "_known", {})
    later = tmp_path / "later.ckbk"
    assert call("backup", later, "--home", kit)[0] == 0
    status, _out, err = call("restore", later, "--key-file", key, "--home", tmp_path / "third")
    assert (status, "--passphrase-file" in err) == (3, True)


def test_a_lost_keystore_comes_back(call: Call, kit: Path, saved: Path) -> None:
    file = kit / "keys" / "keystore"
    whole = file.read_bytes()
    for broken in (None, b"", whole[:-20], whole[:-1] + b"x"):
        file.unlink()
        if broken is not None:
            file.write_bytes(broken)
        status, _out, err = call("restore", saved, "--home", kit)
        assert (status, texts(kit)) == (0, ["before"]), err
        assert file.read_bytes() == whole


def test_a_damaged_store_is_set_aside_and_replaced(call: Call, kit: Path, saved: Path) -> None:
    store = kit / "store.db"
    store.write_bytes(b"no database at all" * 5000)
    store.with_name("store.db-journal").write_bytes(b"junk" * 1000)
    status, out, err = call("restore", saved, "--json", "--home", kit)
    assert (status, texts(kit)) == (0, ["before"]), err
    aside = Path(json.loads(out)["set_aside"])
    assert aside.read_bytes() == b"no database at all" * 5000
    assert not store.with_name("store.db-journal").exists()


@pytest.mark.parametrize("what", ["empty", "text", "short", "half", "flipped", "longer", "folder"])
def test_a_file_that_cannot_be_trusted_changes_nothing(
    call: Call, kit: Path, saved: Path, tmp_path: Path, what: str
) -> None:
    whole, file = saved.read_bytes(), tmp_path / "bad"
    if what == "folder":
        file.mkdir()
    else:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        content = {
            "empty": b"",
            "text": b"Dear all, " * 1000,
            "short": whole[:-1],
            "half": whole[: len(whole) // 2],
            "flipped": bytes(flipped),
            "longer": whole + b"\0",
        }
        file.write_bytes(content[what])
    before = everything(kit)
    status, out, err = call("restore", file, "--home", kit)
    assert (status, out, len(err.splitlines())) == (3, "", 1)
    assert everything(kit) == before
    assert call("restore", tmp_path / "none", "--home", kit)[0] == 1
    assert texts(kit) == ["before"]


def test_a_backup_of_another_installation_is_refused(
    call: Call, kit: Path, center: Path, saved: Path, tmp_path: Path
) -> None:
    before = everything(center)
    status, _out, err = call("restore", saved, "--home", center)
    assert (status, "another installation" in err) == (3, True)
    assert everything(center) == before
    (center / "keys" / "keystore").unlink()
    assert call("restore", saved, "--home", center)[0] == 3, "the store says who it is, too"


def test_no_agent_may_run_meanwhile(call: Call, kit: Path, saved: Path) -> None:
    before = everything(kit)
    with AgentLock(kit):
        status, _out, err = call("restore", saved, "--home", kit)
    assert (status, "running" in err) == (75, True)
    assert everything(kit) == before


def test_a_backup_never_goes_over_another_file(call: Call, kit: Path, saved: Path) -> None:
    before = saved.read_bytes()
    status, _out, err = call("backup", saved, "--home", kit)
    assert (status, "exists" in err) == (1, True)
    assert saved.read_bytes() == before


def test_people_write_and_agents_run_while_a_backup_is_made(kit: Path, tmp_path: Path) -> None:
    written: list[str] = []
    stop = threading.Event()
    keystore.opened(kit)

    def write() -> None:
        with writing(kit) as store:
            while not stop.is_set():
                text = f"message {len(written)}"
                store.keep([Draft(RecordKind.TEXT, Precedence.ROUTINE, text)])
                written.append(text)
                time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with AgentLock(kit):
            while len(written) < 3:
                pass
            sure = len(written)
            made = back_up(kit, tmp_path / "busy")
    finally:
        stop.set()
        writer.join()
    assert sure <= made.messages <= len(written)
    new = tmp_path / "new"
    bring_back(new, tmp_path / "busy", lambda found: data_key_of(kit, found))
    shutil.copy(kit / "keys" / "keyfile", new / "keys")
    assert texts(new) == written[: made.messages]


def test_a_backup_that_is_cut_leaves_no_file_behind(
    call: Call, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(kit)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(os, "fsync", full)
    status, _out, err = call("backup", tmp_path / "cut", "--home", kit)
    assert (status, "disk is full" in err) == (1, True)
    assert everything(kit) == before
    assert [path.name for path in tmp_path.iterdir() if "cut" in path.name] == []


def test_a_restore_that_is_cut_anywhere_can_be_run_again(
    call: Call, kit: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(call, kit, "after")
    real = Path.replace
    for cut_at in range(1, 9):
        home = Path(shutil.copytree(kit, tmp_path / str(cut_at)))
        (home / "network.ckcn").unlink()
        left = cut_at

        def replace(self: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if not left:
                raise InterruptedError
            return real(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace)
            call("restore", saved, "--home", home)
        if left > 0:
            break
        assert (home / "keys" / "keystore").exists()
        if (home / "store.db").exists():
            assert texts(home) in (["before"], ["before", "after"])
        status, _out, err = call("restore", saved, "--home", home)
        assert (status, texts(home)) == (0, ["before"]), err
        assert list(home.glob("store.aside-*.db"))
    assert left > 0, "every rename was cut once"
    assert cut_at > 2
