"""``panic``: the keys go first, then everything; nothing of anybody else's."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crisiskit import files, keystore, panic
from crisiskit.clock import wall_ms
from crisiskit.crypto.vault import Vault
from crisiskit.errors import TrustError
from crisiskit.store.store import Store

Call = Callable[..., tuple[int, str, str]]
Spawn = Callable[..., "subprocess.Popen[str]"]


def test_everything_goes_and_the_truth_is_said(call: Call, kit: Path) -> None:
    call("send", "Roof gone", "--home", kit)
    (kit / "agent.log").write_text("at=now")
    (kit / "folder").mkdir()
    (kit / "folder" / "export.csv").write_text("Roof gone")
    status, out, err = call("panic", "--yes", "--home", kit)
    assert (status, out) == (0, "")
    assert "keys first" in err and "flash memory" in err and "backups" in err
    assert not kit.exists()
    status, _out, err = call("panic", "--yes", "--home", kit)
    assert (status, "nothing to erase" in err) == (0, True)


def test_the_keys_go_before_anything_else(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    left_in_memory = keystore.opened(kit).leave_in_memory(kit)
    gone: list[str] = []
    real = files._blank

    def blank(file: object) -> None:
        gone.append(Path(str(file.name)).name)  # type: ignore[attr-defined]
        real(file)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "_blank", blank)
    panic.erase_home(kit)
    assert gone[:3] == ["keystore", left_in_memory.name, "keyfile"]
    assert gone[3].startswith("store.db")
    assert gone[-1] == "network.ckcn"
    assert keystore._known.get(kit.resolve()) is None


def test_what_is_erased_is_overwritten(kit: Path, tmp_path: Path) -> None:
    names = ["keys/keystore", "keys/keyfile", "store.db", "settings.toml"]
    twins = [tmp_path / name.replace("/", "-") for name in names]
    for name, twin in zip(names, twins, strict=True):
        twin.hardlink_to(kit / name)
    panic.erase_home(kit)
    assert [twin.read_bytes().strip(b"\0") for twin in twins] == [b""] * len(twins)


def test_it_can_be_cut_anywhere_and_run_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    real = Path.unlink
    for cut_at in range(1, 30):
        home = Path(shutil.copytree(made / "kit", tmp_path / str(cut_at)))
        left = cut_at

        def unlink(self: Path, missing_ok: bool = False) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise InterruptedError
            real(self, missing_ok)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", unlink)
            if not cut(home):
                assert not home.exists()
                break
        with pytest.raises(TrustError):
            keystore.opened(home)
        panic.erase_home(home)
        assert not home.exists()
    assert cut_at > 5


def cut(home: Path) -> bool:
    """Whether erasing was interrupted."""
    try:
        panic.erase_home(home)
    except InterruptedError:
        return True
    return False


def test_a_running_agent_lets_go(call: Call, spawn: Spawn, kit: Path) -> None:
    with (kit / "settings.toml").open("a") as file:
        file.write('\n[[link]]\nname = "lan"\nkind = "tcp-listen"\nport = 0\n')
    agent = spawn("agent", "--home", kit)
    until(lambda: '"phase": "ready"' in call("links", "--json", "--home", kit)[1])
    began = time.monotonic()
    assert call("panic", "--yes", "--home", kit)[0] == 0
    assert agent.wait(10) == 0
    assert time.monotonic() - began < panic.AGENT_S + 2
    assert not kit.exists()


def until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_program_that_does_not_let_go_holds_up_nothing(
    call: Call, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crisiskit.lock import AgentLock

    monkeypatch.setattr(panic, "AGENT_S", 0.2)
    store = Store(kit / "store.db", wall_ms, keystore.opened(kit).vault)
    with AgentLock(kit):
        assert call("panic", "--yes", "--home", kit)[0] == 0
    store.close()
    assert not (kit / "keys" / "keystore").exists()
    assert not (kit / "store.db").exists()


def test_a_folder_that_is_no_installation_is_left_alone(call: Call, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("mine")
    status, _out, err = call("panic", "--yes", "--home", tmp_path)
    assert (status, "no installation" in err) == (1, True)
    assert (tmp_path / "photo.jpg").exists()


def test_nothing_beyond_a_link_is_touched(kit: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.jpg").write_text("mine")
    (kit / "link").symlink_to(outside)
    (kit / "file").symlink_to(outside / "photo.jpg")
    panic.erase_home(kit)
    assert not kit.exists()
    assert (outside / "photo.jpg").read_text() == "mine"


def test_in_a_persons_own_folder_only_our_files_go(
    kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kit / "photo.jpg").write_text("mine")
    (kit / "letters").mkdir()
    (kit / "letters" / "one.txt").write_text("mine")
    monkeypatch.setattr(Path, "home", lambda: kit)
    panic.erase_home(kit)
    left = sorted(path.name for path in kit.rglob("*") if path.is_file())
    assert left == ["one.txt", "photo.jpg"]


def test_a_key_file_elsewhere_is_named(
    call: Call, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick.key"
    (kit / "keys" / "keyfile").rename(stick)
    monkeypatch.setenv(keystore.KEY_FILE_VARIABLE, str(stick))
    _status, _out, err = call("panic", "--yes", "--home", kit)
    assert f"{stick} is still there" in err
    assert stick.exists()


def test_without_a_terminal_it_wants_yes(call: Call, kit: Path) -> None:
    status, _out, err = call("panic", "--home", kit)
    assert (status, "--yes" in err) == (2, True)
    assert keystore.opened(kit).vault.__class__ is Vault


@pytest.mark.parametrize(("word", "goes"), [("yes", False), ("", False), ("erase", True)])
def test_a_person_types_a_word(kit: Path, word: str, goes: bool) -> None:
    child, keyboard = pty.fork()
    if child == 0:
        command = [sys.executable, "-m", "crisiskit", "panic", "--home", str(kit)]
        os.execve(sys.executable, command, {**os.environ, "CRISISKIT_LANG": "en"})
    os.write(keyboard, f"{word}\n".encode())
    shown = b""
    while piece := read(keyboard):
        shown += piece
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(keyboard)
    assert (status, kit.exists()) == (0 if goes else 1, not goes), shown
    assert b"Type ERASE" in shown


def read(keyboard: int) -> bytes:
    try:
        return os.read(keyboard, 4096)
    except OSError:
        return b""


def test_write_protected_keys_are_overwritten_and_go(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a superuser, whom no mode stops: opening is refused as it would be to others."""
    stored, twin = kit / "keys" / "keystore", tmp_path / "twin"
    twin.hardlink_to(stored)
    stored.chmod(0o400)
    real = Path.open

    def refusing(self: Path, mode: str = "r", *more: object) -> object:
        if "+" in mode and not self.stat().st_mode & 0o200:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, mode, *more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refusing)
    panic.erase_home(kit)
    assert not kit.exists()
    assert twin.read_bytes().strip(b"\0") == b""


def test_keys_that_may_not_be_written_are_removed_all_the_same(
    kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_file: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_blank", refused)
    panic.erase_home(kit)
    assert not kit.exists()


def test_what_cannot_be_removed_keeps_nothing_else_and_is_said(
    call: Call, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self.name == "keystore":
            raise PermissionError(1, "Operation not permitted", str(self))
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    status, _out, err = call("panic", "--yes", "--home", kit)
    assert (status, "keystore" in err) == (1, True)
    left = [path for path in kit.rglob("*") if path.is_file()]
    assert left == [kit / "keys" / "keystore"]
    assert left[0].read_bytes().strip(b"\0") == b"", "what it said is gone"
