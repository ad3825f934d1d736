"""``log verify``: a third party with a file and a public key learns what is proven, or why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crisiskit.cli.order_proof import order_facts, proof_lines
from crisiskit.codec.chain import chain_next, chain_start, envelope_leaf
from crisiskit.codec.header import FrameKind, Header, associated_data
from crisiskit.codec.objects import AUTHORITY, ObjectKind, SignedObject, object_data
from crisiskit.codec.proof import PROOF_BYTES_MAX, encode_proof
from crisiskit.codec.record import record_digest, record_id
from crisiskit.compose import compose_form
from crisiskit.crypto.identity import KitIdentity, kit_fingerprint
from crisiskit.crypto.proof import make_proof
from crisiskit.crypto.statement import log_statement
from crisiskit.model import Direction, Precedence, Record, RecordKind

Call = Callable[..., tuple[int, str, str]]
KIT = KitIdentity(bytes(range(32)))
NETWORK, SALT = bytes(16), b"salt"
MINUTE = 29_000_000
DATA, WORDS = compose_form("sitrep", {"place": "Sada", "road": "closed"}, MINUTE)
RECORD = Record(RecordKind.FORM, Precedence.FLASH, MINUTE, WORDS, DATA)


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """The proof of one report in the first envelope of a log."""
    header = Header(FrameKind.SEALED, 7, Direction.UP, Precedence.FLASH, 0)
    start = chain_start(Direction.UP, 1, SALT, KIT.fingerprint)
    digest = record_digest(kit_fingerprint(KIT.public), RECORD)
    end = chain_next(start, envelope_leaf(associated_data(header), [digest]))
    made = make_proof(
        network=NETWORK,
        kit_fp=KIT.fingerprint,
        epoch=1,
        salt=SALT,
        author_public=KIT.public,
        header=header,
        record=RECORD,
        digests=[digest],
        place=0,
        previous=start,
        following=[],
        signature=KIT.sign(log_statement(NETWORK, KIT.fingerprint, end)),
    )
    path = tmp_path / "report.ckpf"
    path.write_bytes(encode_proof(made))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(f"{KIT.public.hex()} Delta-2\n")
    return path


def test_what_is_proven_is_said(call: Call, proof: Path, key: Path) -> None:
    status, out, err = call("log", "verify", proof, "--key", key)
    assert (status, err) == (0, "")
    name = record_id(record_digest(KIT.fingerprint, RECORD))
    assert out.startswith(f"Proven: Delta-2 wrote message {name} at 20")
    assert KIT.fingerprint.hex(" ", 2) in out
    assert "FLASH\n" in out and "Place: Sada\n" in out and "Road: closed\n" in out


def test_what_is_proven_is_told_to_scripts(call: Call, proof: Path, key: Path) -> None:
    status, out, _err = call("log", "verify", proof, "--key", key, "--json")
    row = json.loads(out)
    assert status == 0
    assert (row["proven"], row["author"], row["kind"]) == (True, "Delta-2", "sitrep")
    assert row["fields"] == {"place": "Sada", "road": "closed"}
    assert row["fingerprint"] == row["kit"] == KIT.fingerprint.hex()
    assert (row["direction"], row["envelope"], row["signed_at"]) == ("up", 0, 0)
    assert row["written_at"] == "2025-02-19T21:20:00.000Z"


def test_no_home_folder_is_needed_or_made(
    call: Call, proof: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRISISKIT_HOME", str(tmp_path / "none"))
    assert call("log", "verify", proof, "--key", key)[0] == 0
    assert not (tmp_path / "none").exists()


def test_a_key_nobody_vouched_for_is_refused_with_its_fingerprint(call: Call, proof: Path) -> None:
    status, out, err = call("log", "verify", proof)
    assert (status, out) == (3, "")
    assert KIT.fingerprint.hex(" ", 2) in err and "--key" in err


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (0, "is no proof"),
        (21, "its key is not that of the station"),
        (41, "does not begin as it must"),
        (-1, "the signature does not fit"),
    ],
)
def test_why_it_proves_nothing_is_said(
    call: Call, proof: Path, key: Path, at: int, told: str
) -> None:
    data = bytearray(proof.read_bytes())
    data[at] ^= 1
    proof.write_bytes(data)
    status, out, err = call("log", "verify", proof, "--key", key)
    assert (status, out) == (3, "")
    assert told in err and len(err.splitlines()) == 1


def test_damaged_missing_and_huge_files_are_one_sentence(
    call: Call, proof: Path, key: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(proof.read_bytes()[:-1])
    assert call("log", "verify", cut, "--key", key)[0] == 3
    huge = tmp_path / "huge"
    huge.write_bytes(b"CKPF1" + bytes(PROOF_BYTES_MAX))
    for wrong in (tmp_path / "none", tmp_path, huge):
        status, _out, err = call("log", "verify", wrong, "--key", key)
        assert (status, len(err.splitlines())) == (1, 1)
    assert call("log", "verify", proof, "--key", proof)[0] == 3
    assert call("log", "verify", proof, "--key", tmp_path / "none")[0] == 1


def test_help_shows_how(call: Call) -> None:
    status, out, _err = call("log", "verify", "--help")
    assert status == 0
    assert "--key delta-2.ckrq" in out


def test_the_proof_of_an_order_says_first_whether_it_is_an_exercise() -> None:
    plain = SignedObject(ObjectKind.ORDER, 12, MINUTE * 60, (3, AUTHORITY), exercise=True)
    order = replace(plain, text="Go", kits=(2, 5), life=8, signatures=(bytes(64), bytes(64)))
    record = Record(RecordKind.ORDER, Precedence.FLASH, MINUTE, "Go", object_data(order))
    lines = proof_lines(record)
    assert lines[0] == "EXERCISE ORDER 12" and "to kits 2, 5" in lines
    assert f"signed by duty key 3 and authority key {AUTHORITY}" in lines
    facts = order_facts(record)
    assert facts is not None and (facts["exercise"], facts["kits"]) == (True, [2, 5])
    plain = SignedObject(ObjectKind.CANCEL, 13, MINUTE * 60, (3,), body=b"\0\x0c")
    cancel = replace(plain, signatures=(bytes(64),))
    record = Record(RecordKind.ORDER, Precedence.FLASH, MINUTE, "", object_data(cancel))
    assert proof_lines(record)[0] == "REAL CANCEL 13"
    assert "Order 12 is taken back" in proof_lines(record)[1]
