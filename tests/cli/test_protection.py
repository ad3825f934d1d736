"""``passphrase``, ``unlock``, ``lock``: who opens an installation, and who does not."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crisiskit import keystore, passphrase
from crisiskit.crypto.keystore import Lock
from crisiskit.errors import TrustError
from crisiskit.passphrase import FILE_VARIABLE

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]

WORDS, OTHER = "words of a team", "other words of a team"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each command is to open the keystore as a new process would."""
    for name in (FILE_VARIABLE, keystore.KEY_FILE_VARIABLE, "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keystore, "_known", Forgetful())
    yield


class Forgetful(dict[Path, bytes]):
    """What a process remembers of the keys it opened: nothing."""

    def __setitem__(self, home: Path, data_key: bytes) -> None:
        return


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def file_of(tmp_path: Path, words: str) -> Path:
    path = tmp_path / words.replace(" ", "-")
    path.write_text(f"{words}\nand nothing of the second line\n")
    return path


@pytest.fixture
def locked(call: Call, kit: Path, tmp_path: Path) -> Path:
    """A kit with a message, under WORDS."""
    assert call("send", "Roof gone", "--home", kit)[0] == 0
    status, _out, err = call(
        "passphrase", "--passphrase-file", file_of(tmp_path, WORDS), "--home", kit
    )
    assert (status, "is set" in err) == (0, True)
    return kit


def test_a_new_home_says_that_no_passphrase_protects_it(call: Call, tmp_path: Path) -> None:
    home = tmp_path / "center"
    _status, _out, err = call("center", "init", "--home", home)
    assert err.splitlines()[-1].startswith("No passphrase protects it")
    assert keystore.present(home).lock is Lock.KEY_FILE
    assert len((home / "keys" / "keyfile").read_bytes()) == 32


@pytest.mark.parametrize("role", ["center", "kit"])
def test_a_home_can_begin_under_a_passphrase(
    call: Call, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    home, file = tmp_path / role, file_of(tmp_path, WORDS)
    words = ["center", "init"]
    if role == "kit":
        words = ["kit", "init", "B", "--center", str(made / "center" / "network.ckcn")]
    status, _out, err = call(*words, "--passphrase-file", file, "--home", home)
    assert (status, "passphrase" in err) == (0, False)
    assert [path.name for path in (home / "keys").iterdir()] == ["keystore"]
    assert call("list", "--home", home)[0] == 75
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert call("list", "--home", home)[0] == 0


def test_a_locked_home_refuses_with_one_sentence_and_keeps_everything(
    call: Call, locked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (locked / "store.db").read_bytes()
    for words in (("list",), ("send", "x"), ("show", "AAAA"), ("read", "AAAA"), ("cancel", "AAAA")):
        status, out, err = call(*words, "--home", locked)
        assert (status, out, len(err.splitlines())) == (75, "", 1), words
        assert "crisiskit unlock" in err
    monkeypatch.setenv(FILE_VARIABLE, str(file_of(tmp_path, OTHER)))
    for words in (("list",), ("send", "x"), ("agent", "--until-idle"), ("field", "--plain")):
        status, out, err = call(*words, "--home", locked)
        assert (status, out) == (3, ""), words
        assert "passphrase is wrong" in err
    assert (locked / "store.db").read_bytes() == before
    for words in (("links",), ("doctor",)):
        assert call(*words, "--home", locked)[0] == 0, "what shows no words needs no key"


def test_unlocked_is_unlocked_until_it_is_locked(
    call: Call, locked: Path, tmp_path: Path, memory: Path
) -> None:
    right, wrong = file_of(tmp_path, WORDS), file_of(tmp_path, OTHER)
    assert call("unlock", "--passphrase-file", wrong, "--home", locked)[0] == 3
    assert list(memory.rglob("*.key")) == []
    assert call("unlock", "--home", locked)[0] == 75
    assert call("unlock", "--passphrase-file", right, "--home", locked)[0] == 0
    (file,) = memory.rglob("*.key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "Roof gone" in call("list", "--home", locked)[1]
    assert call("agent", "--until-idle", "--home", locked)[0] == 0
    twin = file.with_name("twin")
    twin.hardlink_to(file)
    assert call("lock", "--home", locked)[0] == 0
    assert (file.exists(), twin.read_bytes()) == (False, bytes(32))
    assert call("lock", "--home", locked)[0] == 0
    assert call("list", "--home", locked)[0] == 75


def test_nobody_is_asked_where_no_memory_can_hold_the_key(call: Call, locked: Path) -> None:
    asked: list[Path] = []

    def ask(home: Path) -> str:
        asked.append(home)
        return WORDS

    passphrase.ask_with(ask)
    try:
        status, _out, err = call("unlock", "--home", locked)
    finally:
        passphrase.ask_with(None)
    assert (status, "XDG_RUNTIME_DIR" in err, asked) == (1, True, [])


def test_a_key_left_for_another_home_opens_nothing(
    call: Call, locked: Path, center: Path, tmp_path: Path, memory: Path
) -> None:
    file = file_of(tmp_path, WORDS)
    assert call("unlock", "--passphrase-file", file, "--home", locked)[0] == 0
    (key,) = memory.rglob("*.key")
    call("passphrase", "--passphrase-file", file_of(tmp_path, OTHER), "--home", center)
    call("unlock", "--passphrase-file", file_of(tmp_path, OTHER), "--home", center)
    (other,) = set(memory.rglob("*.key")) - {key}
    other.write_bytes(key.read_bytes())
    assert call("list", "--home", center)[0] == 75
    other.write_bytes(b"short")
    assert call("list", "--home", center)[0] == 75


@pytest.mark.parametrize("trouble", ["none", "open to others", "relative"])
def test_a_folder_that_is_not_private_takes_no_key(
    call: Call,
    locked: Path,
    tmp_path: Path,
    memory: Path,
    trouble: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trouble == "none":
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    elif trouble == "relative":
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    else:
        memory.chmod(0o755)
    file = file_of(tmp_path, WORDS)
    status, _out, err = call("unlock", "--passphrase-file", file, "--home", locked)
    assert (status, "XDG_RUNTIME_DIR" in err) == (1, True)
    assert list(memory.rglob("*")) == []


def test_a_passphrase_is_changed_and_removed_by_who_knows_it(
    call: Call, locked: Path, tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, new = file_of(tmp_path, WORDS), file_of(tmp_path, OTHER)
    assert call("unlock", "--passphrase-file", right, "--home", locked)[0] == 0
    for change in (("--passphrase-file", new), ("--remove",)):
        assert call("passphrase", *change, "--home", locked)[0] == 75, "unlocked is not enough"
    call("lock", "--home", locked)
    monkeypatch.setenv(FILE_VARIABLE, str(right))
    assert call("passphrase", "--passphrase-file", new, "--home", locked)[0] == 0
    assert call("list", "--home", locked)[0] == 3
    monkeypatch.setenv(FILE_VARIABLE, str(new))
    assert "Roof gone" in call("list", "--home", locked)[1]
    assert call("passphrase", "--remove", "--home", locked)[0] == 0
    monkeypatch.delenv(FILE_VARIABLE)
    assert "Roof gone" in call("list", "--home", locked)[1]
    assert "nothing to unlock" in call("unlock", "--home", locked)[2]
    assert "No passphrase" in call("lock", "--home", locked)[2]


def test_the_old_lock_leaves_no_trace_in_its_file(call: Call, kit: Path, tmp_path: Path) -> None:
    places = kit / "keys"
    twins = [tmp_path / name for name in ("keystore", "keyfile")]
    for twin in twins:
        twin.hardlink_to(places / twin.name)
    sizes = [twin.stat().st_size for twin in twins]
    call("passphrase", "--passphrase-file", file_of(tmp_path, WORDS), "--home", kit)
    assert [twin.read_bytes() for twin in twins] == [bytes(size) for size in sizes]
    assert sorted(path.name for path in places.iterdir()) == ["keystore"]


def test_a_key_file_may_live_elsewhere(
    call: Call, locked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick.key"
    monkeypatch.setenv(FILE_VARIABLE, str(file_of(tmp_path, WORDS)))
    assert call("passphrase", "--remove", "--key-file", stick, "--home", locked)[0] == 0
    monkeypatch.delenv(FILE_VARIABLE)
    assert stat.S_IMODE(stick.stat().st_mode) == 0o600
    status, _out, err = call("list", "--home", locked)
    assert (status, "key file" in err) == (3, True)
    with monkeypatch.context() as patch:
        patch.setenv(keystore.KEY_FILE_VARIABLE, str(stick))
        assert "Roof gone" in call("list", "--home", locked)[1]
    settings = locked / "settings.toml"
    settings.write_text(f'key_file = "{stick}"\n' + settings.read_text())
    assert "Roof gone" in call("list", "--home", locked)[1]
    stick.write_bytes(bytes(32))
    assert call("list", "--home", locked)[0] == 3
    stick.write_bytes(bytes(31))
    assert call("list", "--home", locked)[0] == 3


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no passphrase"),
        (b"\nx", "no passphrase"),
        (b"\xff" * 9, "UTF-8"),
        (b"short", "short"),
        (b"x" * 2000, "too long"),
    ],
)
def test_a_poor_passphrase_file_changes_nothing(
    call: Call, kit: Path, tmp_path: Path, content: bytes, word: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    before = (kit / "keys" / "keystore").read_bytes()
    status, _out, err = call("passphrase", "--passphrase-file", tmp_path / "file", "--home", kit)
    assert (status, word in err) == (2, True), err
    status, _out, err = call("passphrase", "--passphrase-file", tmp_path / "none", "--home", kit)
    assert (status, "cannot be read" in err) == (1, True)
    assert (kit / "keys" / "keystore").read_bytes() == before


def test_a_damaged_keystore_says_so_and_changes_nothing(call: Call, locked: Path) -> None:
    file = locked / "keys" / "keystore"
    whole = file.read_bytes()
    for broken in (b"", b"x" * len(whole), whole[:50]):
        file.write_bytes(broken)
        status, _out, err = call("list", "--home", locked)
        assert (status, "damaged" in err) == (3, True)
    file.unlink()
    status, _out, err = call("send", "x", "--home", locked)
    assert (status, "missing" in err) == (3, True)
    assert call("doctor", "--home", locked)[0] == 1


def test_a_keystore_replaced_while_it_is_read_is_read_again(
    kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (kit / "keys" / "keystore").read_bytes()
    answers = [bytes(len(whole)), whole]
    with monkeypatch.context() as patch:
        patch.setattr(keystore, "read_small", lambda path, most: answers.pop(0))
        assert keystore.present(kit).encode() == whole
    assert answers == []


def test_a_store_of_another_keystore_is_never_written_to(
    call: Call, kit: Path, center: Path
) -> None:
    (kit / "store.db").write_bytes((center / "store.db").read_bytes())
    before = (kit / "store.db").read_bytes()
    status, _out, err = call("send", "--to", "all", "x", "--home", kit)
    assert (status, "another key" in err) == (3, True)
    assert (kit / "store.db").read_bytes() == before
    assert "another key" in call("doctor", "--home", kit)[1]


def test_a_cut_change_of_the_lock_leaves_the_old_one(
    kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = keystore.opened(kit)

    def cut(_handle: int) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", cut)
        with pytest.raises(InterruptedError):
            keys.relock(Lock.PASSPHRASE, WORDS.encode())
    assert keystore.opened(kit).owner == keys.owner
    with pytest.raises(TrustError):
        keystore.opened_with(kit, WORDS.encode())


# -- at a terminal -----------------------------------------------------------------------------


def at_terminal(words: list[object], *answers: str) -> tuple[int, str]:
    """Run a command on a terminal of its own and type these lines; status and what was shown."""
    child, keyboard = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "crisiskit", *map(str, words)])
    shown = b""
    waiting = list(answers)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            piece = os.read(keyboard, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if waiting and piece.rstrip().endswith(b":"):
            time.sleep(0.1)  # until the terminal shows no letters
            os.write(keyboard, waiting.pop(0).encode() + b"\n")
    _pid, status = os.waitpid(child, 0)
    os.close(keyboard)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_a_person_is_asked_once_and_nothing_typed_is_shown(call: Call, locked: Path) -> None:
    status, shown = at_terminal(["list", "--home", locked], WORDS)
    assert (status, "Roof gone" in shown, shown.count("Passphrase:")) == (0, True, 1)
    assert WORDS not in shown
    status, shown = at_terminal(["list", "--home", locked], OTHER)
    assert (status, "passphrase is wrong" in shown) == (3, True)
    assert OTHER not in shown


def test_a_new_passphrase_is_typed_twice(kit: Path) -> None:
    status, shown = at_terminal(["passphrase", "--home", kit], WORDS, OTHER)
    assert (status, "differ" in shown) == (2, True)
    status, shown = at_terminal(["passphrase", "--home", kit], "short", "short")
    assert (status, "too short" in shown) == (2, True)
    assert keystore.present(kit).lock is Lock.KEY_FILE
    status, shown = at_terminal(["passphrase", "--home", kit], WORDS, WORDS)
    assert (status, WORDS in shown) == (0, False)
    assert keystore.opened_with(kit, WORDS.encode())
