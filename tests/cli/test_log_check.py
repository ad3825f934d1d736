"""``log verify`` without a file and ``log proof``: what an installation shows of its own log."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from crisiskit.clock import wall_ms
from crisiskit.enrolment import own_signature
from crisiskit.keystore import opened
from crisiskit.step import Now, Step
from crisiskit.store.schema import Sealed
from crisiskit.store.store import Store
from crisiskit.sync.engine import Engine
from crisiskit.sync.events import Decoded, Event, FrameReceived, FrameSent, LinkUp, Tick
from transports.link import Traits

Call = Callable[..., tuple[int, str, str]]
FREE, LISTENING = Traits(4096), Traits(4096, listens=True)
ROUNDS = 12


def exchange(kit: Path, center: Path) -> None:
    """Both stations work for a while over a link that loses nothing."""
    homes = {"kit": kit, "center": center}
    stores = {
        name: Store(home / "store.db", wall_ms, opened(home).vault) for name, home in homes.items()
    }
    engines = {
        name: Engine(store.snapshot(), os.urandom, own_signature(homes[name]), store)
        for name, store in stores.items()
    }
    pending: list[tuple[str, Event]] = [
        ("center", LinkUp("wifi", LISTENING)),
        ("kit", LinkUp("wifi", FREE)),
    ]
    for second in range(ROUNDS):
        pending += [("kit", Tick()), ("center", Tick())]
        while pending:
            name, event = pending.pop(0)
            step: Step = engines[name].handle(event, Now(float(second), wall_ms()))
            stores[name].apply(step.changes)
            other = "center" if name == "kit" else "kit"
            peer = "kit" if name == "kit" else ""
            pending += [(name, Decoded(job, job.coded.decode())) for job in step.decodings]
            for transmit in step.transmits:
                pending.append((name, FrameSent(transmit)))
                pending.append((other, FrameReceived("wifi", peer, transmit.frame)))
    for store in stores.values():
        store.close()


@pytest.fixture
def talked(call: Call, kit: Path, center: Path) -> Sequence[Path]:
    """A kit and its center that told each other something."""
    assert call("send", "bridge is cut", "--home", kit)[0] == 0
    assert call("send", "stay there", "--to", "Delta-2", "--home", center)[0] == 0
    exchange(kit, center)
    return kit, center


def ids(call: Call, home: Path) -> dict[str, str]:
    """Text to id."""
    rows = map(json.loads, call("list", "--json", "--home", home)[1].splitlines())
    return {row["text"]: row["id"] for row in rows}


def test_a_whole_log_is_right_at_both_ends(call: Call, talked: Sequence[Path]) -> None:
    for home in talked:
        status, out, err = call("log", "verify", "--home", home)
        assert (status, err) == (0, "")
        assert "came in: 1 life, " in out and "0 authentic only" in out
        assert out.endswith("Nothing is missing and nothing was altered.\n")


def test_a_changed_word_is_named_and_the_status_is_3(call: Call, talked: Sequence[Path]) -> None:
    center = talked[1]
    code = ids(call, center)["bridge is cut"]
    with closing(sqlite3.connect(center / "store.db")) as db:
        (digest,) = db.execute("SELECT digest FROM record WHERE code = ?", (code,)).fetchone()
        text = opened(center).vault.seal(b"bridge is safe", Sealed.TEXT, digest)
        db.execute("UPDATE record SET text = ? WHERE code = ?", (text, code))
        db.commit()
    status, out, err = call("log", "verify", "--home", center)
    assert status == 3 and len(err.splitlines()) == 1
    assert f"message {code} was altered" in out
    status, out, _err = call("log", "verify", "--json", "--home", center)
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 3
    assert [one["id"] for row in rows for one in row["findings"]] == [code]


def test_scripts_get_the_figures(call: Call, talked: Sequence[Path]) -> None:
    status, out, _err = call("log", "verify", "--json", "--home", talked[1])
    row = json.loads(out.splitlines()[0])
    assert (status, row["station"], row["wrong"]) == (0, "Delta-2", 0)
    assert row["came"]["records"] == row["came"]["signed"] > 0


@pytest.mark.parametrize(
    ("text", "author"), [("bridge is cut", "Delta-2"), ("stay there", "Prefecture")]
)
@pytest.mark.parametrize("place", [0, 1], ids=["kit", "center"])
def test_a_message_is_proven_to_a_stranger_from_either_end(
    call: Call,
    talked: Sequence[Path],
    tmp_path: Path,
    text: str,
    author: str,
    place: int,
) -> None:
    home = talked[place]
    keys = tmp_path / "keys.txt"
    with closing(sqlite3.connect(talked[0] / "store.db")) as db:
        kit_public, center_public = db.execute(
            "SELECT public_key, peer_public FROM pairing"
        ).fetchone()
    keys.write_text(f"{kit_public.hex()} Delta-2\n{center_public.hex()} Prefecture\n")
    path = tmp_path / "message.ckpf"
    assert call("log", "proof", ids(call, home)[text], "-o", path, "--home", home)[0] == 0
    assert path.stat().st_mode & 0o777 == 0o600
    status, out, _err = call("log", "verify", path, "--key", keys, "--json")
    row = json.loads(out)
    assert status == 0 and (row["author"], row["text"], row["epoch_proven"]) == (author, text, True)
    status, _out, err = call("log", "proof", ids(call, home)[text], "-o", path, "--home", home)
    assert status == 1 and "exists already" in err


def test_why_there_is_no_proof_yet_is_said(call: Call, kit: Path, tmp_path: Path) -> None:
    call("send", "kept only", "--home", kit)
    (code,) = ids(call, kit).values()
    status, _out, err = call("log", "proof", code, "-o", tmp_path / "p.ckpf", "--home", kit)
    assert status == 1 and f"no proof of {code} yet: it has not left" in err
    assert not (tmp_path / "p.ckpf").exists()


def test_a_message_says_whether_it_is_signed(call: Call, talked: Sequence[Path]) -> None:
    center = talked[1]
    code = ids(call, center)["bridge is cut"]
    for home in talked:
        assert json.loads(call("show", code, "--json", "--home", home)[1])["signed"] is True
        assert "Signature:  signed" in call("show", code, "--home", home)[1]
    with closing(sqlite3.connect(center / "store.db")) as db:
        db.execute("UPDATE heard_epoch SET signed_below = 0")
        db.commit()
    assert json.loads(call("show", code, "--json", "--home", center)[1])["signed"] is False
    assert "authentic, not signed yet" in call("show", code, "--home", center)[1]


def test_a_key_without_a_file_is_wrong_usage(call: Call, kit: Path) -> None:
    status, _out, err = call("log", "verify", "--key", "x", "--home", kit)
    assert status == 2 and "--key" in err


def test_help_shows_how(call: Call) -> None:
    assert "crisiskit log proof 7KQ2-M3XD -o" in call("log", "proof", "--help")[1]
    assert "  crisiskit log verify\n" in call("log", "verify", "--help")[1]
