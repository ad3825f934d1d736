"""What lies on the disk after a real exchange: nothing that people wrote, and no key."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from crisiskit import enrolment, keystore
from crisiskit.backup import back_up
from crisiskit.cli.main import run
from crisiskit.codec.checkpoint import Checkpoint, decode_checkpoint
from crisiskit.codec.header import is_clear
from crisiskit.crypto.vault import Vault
from crisiskit.installation import looking, reading, writing
from crisiskit.keystore import ASKED, IDENTITY
from crisiskit.model import Message
from crisiskit.passphrase import FILE_VARIABLE
from crisiskit.store import frames
from crisiskit.store.schema import Sealed

WORDS = "the quick passphrase of a drill"
TEXTS = {
    "kit": ("Bridge of Kawéni gone", "Typhoid in Bandraboua", "Never sent Mtsamboro"),
    "center": ("Helicopter lands Acoua", "Medicines leave Chirongui"),
}
ANSWERS = {
    "place": "Ouangani",
    "remarks": "Roofless maternity ward",
    "position": "-12.8412 45.1337",
    "homeless": "45123",
}
TYPED = ("place", "remarks")
# Nothing in them can be made shorter: a frame in clear carries them letter by letter.
RELEASED = {"kit": "Zq7 Jx9", "center": "Wv4 Kz3"}
REPLACE_KEY = "gauge-at-Combani"
FORM_BYTES = 7
Row = tuple[object, ...]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A kit and a center under passphrases, after an exchange that kill -9 has ended."""
    folder = tmp_path_factory.mktemp("at-rest")
    words = folder / "words"
    words.write_text(f"{WORDS}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FILE_VARIABLE, str(words))
        made = enrolled(folder)
        exchange(made)
        yield made


def enrolled(folder: Path) -> dict[str, Path]:
    center, kit = folder / "center", folder / "kit"
    enrolment.create_center(center, "Test", exercise=False, passphrase=WORDS)
    network = (center / "network.ckcn").read_bytes()
    enrolment.create_kit(kit, "kit-1", network, passphrase=WORDS)
    reply, _, _ = enrolment.enrol(center, enrolment.make_request(kit))
    enrolment.activate(kit, reply)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for home, kind in ((center, "tcp-listen"), (kit, "tcp")):
        with (home / "settings.toml").open("a") as file:
            file.write("\n[clear]\nallowed = true\n")
            file.write(f'\n[[link]]\nname = "lan"\nkind = "{kind}"\nport = {port}\n')
            file.write("receipt_delay_s = 0.05\n")
    return {"kit": kit, "center": center}


def exchange(homes: dict[str, Path]) -> None:
    kit, center = homes["kit"], homes["center"]
    exchange_in_clear(homes)
    with both_running(homes):
        send(kit, TEXTS["kit"][0])
        send(kit, TEXTS["kit"][1], "--replace", REPLACE_KEY)
        send(kit, *(f"{name}={value}" for name, value in ANSWERS.items()), "--form", "sitrep")
        for text in TEXTS["center"]:
            send(center, text, "--to", "kit-1")
        until(lambda: not waiting(kit) and not waiting(center))
        for home in (kit, center):
            for message in messages(home):
                if message.box == "in":
                    assert run(["read", message.id, "--home", str(home)]) == 0
        until(lambda: not waiting(kit) and not waiting(center))
    send(kit, TEXTS["kit"][2])


def exchange_in_clear(homes: dict[str, Path]) -> None:
    """The same wire as a link that may not encrypt, and messages released for it."""
    settings = {path: path.read_text() for path in (h / "settings.toml" for h in homes.values())}
    for path, text in settings.items():
        path.write_text(f"{text}clear = true\n")
    with both_running(homes):
        send(homes["kit"], RELEASED["kit"], "--clear")
        send(homes["center"], RELEASED["center"], "--to", "kit-1", "--clear")
        until(lambda: not any(waiting(home) for home in homes.values()))
    for path, text in settings.items():
        path.write_text(text)


def start(home: Path, *command: str) -> subprocess.Popen[bytes]:
    with (home / "agent.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "crisiskit", *command, "--log-level=debug", "--home", str(home)],
            stdout=log,
            stderr=log,
            env=os.environ | {"CRISISKIT_LANG": "en"},
        )


def send(home: Path, *words: str) -> None:
    assert run(["send", *words, "--home", str(home)]) == 0


def waiting(home: Path) -> int:
    with looking(home) as views:
        return views.waiting()


def messages(home: Path) -> list[Message]:
    with reading(home) as views:
        return views.search()


def until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def words_written() -> list[bytes]:
    """Everything people wrote, whole and word by word."""
    whole = [*TEXTS["kit"], *TEXTS["center"], *(ANSWERS[name] for name in TYPED), REPLACE_KEY]
    whole += RELEASED.values()
    words = {word for text in whole for word in text.replace("-", " ").split() if len(word) > 5}
    return [text.encode() for text in (*whole, *sorted(words))]


def secrets(home: Path) -> dict[str, bytes]:
    """Every secret of a home: those of the keystore, and the keys in the store."""
    keys = keystore.opened(home)
    identity = keys.secret(IDENTITY)
    assert identity is not None
    found = {f"identity at {at}": identity[at : at + 32] for at in range(0, len(identity), 32)}
    found["data key"] = keys._data_key
    for name, value in opened(home, keys.vault).items():
        form = name.startswith(Sealed.DATA) and len(value) >= FORM_BYTES
        # Checkpoints are numbers and hashes that stations exchange; the log names them in clear.
        if len(value) in (16, 32) or (
            form and not isinstance(decode_checkpoint(value), Checkpoint)
        ):
            found[name] = value
    return found


COLUMNS = (
    (Sealed.SEND_CHAIN, "x''"),
    (Sealed.HEARD_CHAIN, "x''"),
    (Sealed.EPOCH_SECRET, "x''"),
    (Sealed.PART_KEY, "x''"),
    (Sealed.DATA, "digest"),
    (Sealed.TEXT, "digest"),
    (Sealed.REPLACE_KEY, "x''"),
    (Sealed.DETAIL, "CAST(at AS TEXT)"),
)


def opened(home: Path, vault: Vault) -> dict[str, bytes]:
    """All sealed values of a store, opened."""
    found = {}
    with closing(sqlite3.connect(home / "store.db")) as db:
        for place, row in COLUMNS:
            table, column = place.split(".")
            sql = f"SELECT {column}, {row} FROM {table} WHERE {column} IS NOT NULL"
            for number, (sealed, bound) in enumerate(db.execute(sql)):
                bound = bound.encode() if isinstance(bound, str) else bound
                found[f"{place} {number}"] = vault.open(sealed, place, bound)
    return found


def unsealed(home: Path, vault: Vault, copy: Path) -> Path:
    """A copy of a home as it would be without sealing."""
    shutil.copytree(home, copy)
    with closing(sqlite3.connect(copy / "store.db")) as db:
        db.create_function("opened", 3, lambda sealed, place, row: vault.open(sealed, place, row))
        for place, row in COLUMNS:
            table, column = place.split(".")
            value = f"opened({column}, '{place}', CAST({row} AS BLOB))"
            db.execute(f"UPDATE {table} SET {column} = {value} WHERE {column} IS NOT NULL")
        db.commit()
    (copy / "keys" / "keystore").write_bytes(b"".join(secrets(home).values()))
    return copy


def seen(folder: Path, needles: list[bytes]) -> set[bytes]:
    """Which of these byte strings stand in any file of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 4 or folder.name == "backups", "there is nothing to look at"
    contents = [path.read_bytes() for path in files]
    return {needle for needle in needles if any(needle in content for content in contents)}


@pytest.mark.parametrize("role", ["kit", "center"])
def test_nothing_readable_lies_in_a_home(homes: dict[str, Path], role: str, tmp_path: Path) -> None:
    home = homes[role]
    texts = [message.text for message in messages(home)]
    assert set(TEXTS["center"]) | set(TEXTS["kit"][:2]) <= set(texts)
    hidden = list(secrets(home).values())
    assert {"data key", f"{Sealed.SEND_CHAIN} 0"} <= set(secrets(home))
    assert any(name.startswith(Sealed.DATA) for name in secrets(home)), "a form is among them"
    assert seen(home, [*words_written(), *hidden, WORDS.encode()]) == set()
    copy = unsealed(home, keystore.opened(home).vault, tmp_path / "copy")
    assert seen(copy, hidden) == set(hidden), "the look is blind"


def test_the_look_sees_every_word_in_an_unsealed_copy(
    homes: dict[str, Path], tmp_path: Path
) -> None:
    vault = keystore.opened(homes["kit"]).vault
    assert seen(unsealed(homes["kit"], vault, tmp_path / "copy"), words_written()) == set(
        words_written()
    )


@pytest.mark.parametrize("role", ["kit", "center"])
def test_a_frame_that_all_could_read_on_the_air_is_sealed_on_the_disk(
    homes: dict[str, Path], role: str
) -> None:
    home = homes[role]
    vault = keystore.opened(home).vault
    found = b""
    with closing(sqlite3.connect(home / "store.db")) as db:
        for place in (Sealed.ARRIVED_FRAME, Sealed.ENVELOPE_FRAME):
            table = place.split(".")[0]
            for frame, *row in db.execute(f"SELECT frame, pairing, epoch, seq FROM {table}"):
                assert not is_clear(frame)
                found += frames.opened(vault, frame, place, *row)
    for text in RELEASED.values():
        assert text.encode() in found, "it went in clear, and can be had again"


@pytest.mark.parametrize("role", ["kit", "center"])
def test_nothing_readable_lies_in_a_backup(
    homes: dict[str, Path], role: str, tmp_path: Path
) -> None:
    home, folder = homes[role], tmp_path / "backups"
    folder.mkdir()
    back_up(home, folder / "one")
    needles = [*words_written(), *secrets(home).values(), b"SQLite format", b"CREATE TABLE"]
    assert seen(folder, needles) == set()
    assert sorted(path.name for path in folder.iterdir()) == ["one"]
    assert not [path for path in home.iterdir() if "new" in path.name], "no copy stays behind"


def test_a_pairing_secret_that_waits_is_sealed_too(homes: dict[str, Path], tmp_path: Path) -> None:
    network = (homes["center"] / "network.ckcn").read_bytes()
    enrolment.create_kit(tmp_path / "new", "new", network, passphrase=WORDS)
    enrolment.make_request(tmp_path / "new")
    asked = keystore.opened(tmp_path / "new").secret(ASKED)
    assert asked is not None
    assert seen(tmp_path / "new", [asked[:32], asked[32:]]) == set()


def test_a_cut_commit_leaves_nothing_readable_in_its_journal(
    homes: dict[str, Path], tmp_path: Path
) -> None:
    home = Path(shutil.copytree(homes["kit"], tmp_path / "kit"))
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from crisiskit.installation import writing\n"
        "from crisiskit.model import Precedence, RecordKind\n"
        "from crisiskit.store.store import Draft\n"
        "with writing(Path(sys.argv[1])) as store:\n"
        "    db = store._db\n"
        "    db.execute('PRAGMA cache_size = 1'); db.execute('PRAGMA cache_spill = 1')\n"
        "    db.execute('BEGIN IMMEDIATE')\n"
        "    draft = Draft(RecordKind.TEXT, Precedence.ROUTINE, 'Bridge of Sohoa' * 200)\n"
        "    own = store.meta('own_fp')\n"
        "    [store._insert(db, own, draft) for _ in range(40)]\n"
        "    db.execute('UPDATE record SET minute = minute + 1')\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(home)], check=False)
    journal = home / "store.db-journal"
    assert journal.stat().st_size > 512, "the journal is hot"
    assert seen(home, [*words_written(), b"Sohoa"]) == set()


def test_the_log_of_a_talkative_agent_names_nobody(homes: dict[str, Path]) -> None:
    for home in homes.values():
        log = (home / "agent.log").read_bytes()
        assert b"link_up" in log
        assert not [word for word in words_written() if word in log]
        assert b"kit-1" not in log.replace(str(home).encode(), b"")


def test_what_is_erased_from_the_store_is_gone_from_its_file(
    homes: dict[str, Path], tmp_path: Path
) -> None:
    home = Path(shutil.copytree(homes["kit"], tmp_path / "kit"))
    with closing(sqlite3.connect(home / "store.db")) as db:
        sealed = [row[0] for row in db.execute("SELECT text FROM record WHERE length(text) > 20")]
    with writing(home) as store:
        store._db.execute("PRAGMA foreign_keys = OFF")
        store._db.execute("DELETE FROM record")
    assert seen(home, sealed) == set()


@pytest.mark.parametrize("role", ["kit", "center"])
def test_a_station_goes_on_from_a_backup_and_nothing_is_lost_or_doubled(
    homes: dict[str, Path], role: str, tmp_path: Path
) -> None:
    there = {name: Path(shutil.copytree(home, tmp_path / name)) for name, home in homes.items()}
    made = back_up(there[role], tmp_path / "backup")
    with both_running(there):
        send(there["kit"], "Written after the backup")
        send(there["center"], "Ordered after the backup", "--to", "kit-1")
        until(lambda: not any(waiting(home) for home in there.values()))
    back = ["restore", str(tmp_path / "backup"), "--home", str(there[role])]
    assert run(back) == 0
    assert len(messages(there[role])) == made.messages
    with both_running(there):
        send(there["kit"], "Written after the restore")
        send(there["center"], "Ordered after the restore", "--to", "kit-1")
        until(lambda: not any(waiting(home) for home in there.values()))
        wanted = {
            "center": [*TEXTS["kit"], "Written after the backup", "Written after the restore"],
            "kit": [*TEXTS["center"], "Ordered after the backup", "Ordered after the restore"],
        }
        until(lambda: all(set(wanted[name]) <= set(came_in(there[name])) for name in there))
    for name, texts in wanted.items():
        assert [text for text in sorted(came_in(there[name])) if text in texts] == sorted(texts)


def came_in(home: Path) -> list[str]:
    return [message.text for message in messages(home) if message.box == "in"]


@contextmanager
def both_running(homes: dict[str, Path]) -> Iterator[None]:
    running = [start(homes["kit"], "agent"), start(homes["center"], "center", "run")]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
