"""A second reader of frames, written from docs/wire.md alone, agrees with the vectors.

The reader is ``independent.py``: if the page and the program differ, one of them is wrong.
"""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def independent() -> Any:
    """The reader, from its file."""
    spec = spec_from_file_location("independent", HERE / "independent.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reader = independent()


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


KEYS, SIGNED = load("keys"), load("signed")
LIVES = {life["name"]: life for life in KEYS["lives"]}
CONTENTS = {content["name"]: content for content in load("contents")}
PAIRING = reader.Pairing(
    *(bytes.fromhex(KEYS[name]) for name in ("pairing_secret", "network_id", "kit_fp")),
    [bytes.fromhex(SIGNED["signers"][way]) for way in ("up", "down")],
)


def unsealed(life: dict[str, Any], frame: str) -> bytes:
    found = PAIRING.unsealed(bytes.fromhex(frame), life["epoch"], bytes.fromhex(life["salt"]))
    assert isinstance(found, bytes)
    return found


def named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in load(name)])


@named("headers")
def test_headers(vector: dict[str, Any]) -> None:
    fields, associated, rest = reader.read_header(bytes.fromhex(vector["bytes"]) + b"rest")
    assert fields == vector["header"]
    assert associated.hex() == vector["associated_data"]
    assert rest == b"rest"


@named("contents")
def test_contents(vector: dict[str, Any]) -> None:
    found = reader.read_content(bytes.fromhex(vector["bytes"]), vector["base_minute"])
    assert found == {name: vector[name] for name in ("clock", "ack", "records", "signature")}


@named("files")
def test_files(vector: dict[str, Any]) -> None:
    pieces = [bytes.fromhex(piece) for piece in vector["pieces"]]
    head = reader.read_piece(pieces[0])
    assert (head["message"], head["name"]) == (vector["message"], vector["file_name"])
    assert reader.read_file(pieces[::-1]).hex() == vector["content"]
    with pytest.raises(reader.RefusedError):
        reader.read_file(pieces[:-1])


@named("frames")
def test_frames(vector: dict[str, Any]) -> None:
    for frame in (vector["frame"], vector["frame_without_epoch"]):
        content = unsealed(LIVES[vector["life"]], frame)
        assert content.hex() == CONTENTS[vector["content"]]["bytes"]


@named("receipts")
def test_receipts(vector: dict[str, Any]) -> None:
    receipt = reader.read_receipt(unsealed(LIVES[vector["life"]], vector["frame"]))
    assert receipt == {"time_s": vector["time_s"], "blocks": vector["blocks"]}


@named("batches")
def test_batches(vector: dict[str, Any]) -> None:
    found = reader.read_batch(bytes.fromhex(vector["bytes"]))
    assert [frame.hex() for frame in found] == vector["frames"]


@named("parts")
def test_parts(vector: dict[str, Any]) -> None:
    life = LIVES[vector["life"]]
    key = PAIRING.keys(life["direction"], life["epoch"], bytes.fromhex(life["salt"]))["part"]
    frames = [bytes.fromhex(frame) for frame in vector["frames"]]
    assert max(map(len, frames)) <= vector["mtu"]
    body = reader.joined(frames, key)
    assert body == reader.read_header(bytes.fromhex(vector["envelope"]))[2]


def test_log() -> None:
    log = load("log")
    author, salt = bytes.fromhex(log["author_fp"]), bytes.fromhex(log["salt"])
    records = [one["record"] for one in log["records"]]
    digests = [reader.record_digest(author, record) for record in records]
    assert [digest.hex() for digest in digests] == [one["digest"] for one in log["records"]]
    assert [reader.short_name(digest) for digest in digests] == [
        one["id"] for one in log["records"]
    ]
    roots = [reader.tree(digests[: size + 1]).hex() for size in range(len(digests))]
    assert roots == log["roots"]
    life = reader.Log(PAIRING, log["direction"], log["epoch"], salt, author)
    assert life.start.hex() == log["start"]
    for step in log["chain"]:
        content = {"records": records[: step["records"]], "signature": ""}
        life.add(bytes.fromhex(step["associated_data"]), content)
        assert (life.leaf.hex(), life.digest.hex()) == (step["leaf"], step["digest"])


# -- signed lives ----------------------------------------------------------------------------


def log_of(signed: dict[str, Any]) -> Any:
    life = LIVES[signed["life"]]
    author, salt = bytes.fromhex(signed["author_fp"]), bytes.fromhex(life["salt"])
    return reader.Log(PAIRING, life["direction"], life["epoch"], salt, author)


def signed_lives() -> pytest.MarkDecorator:
    lives = [pytest.param(life, id=life["life"]) for life in SIGNED["lives"]]
    return pytest.mark.parametrize("signed", lives)


def contents_of(signed: dict[str, Any]) -> list[tuple[bytes, dict[str, Any]]]:
    """The associated data and the content of each envelope of a life, from its frames alone."""
    found: list[tuple[bytes, dict[str, Any]]] = []
    base = None
    for envelope in signed["envelopes"]:
        associated = reader.read_header(bytes.fromhex(envelope["frame"]))[1]
        raw = unsealed(LIVES[signed["life"]], envelope["frame"])
        content = reader.read_content(raw, base)
        base = content["records"][0]["minute"] if base is None else base
        found.append((associated, content))
    return found


@signed_lives()
def test_the_signatures_of_a_life_cover_all_of_it(signed: dict[str, Any]) -> None:
    log = log_of(signed)
    assert log.start.hex() == signed["start"]
    for envelope, (associated, content) in zip(
        signed["envelopes"], contents_of(signed), strict=True
    ):
        log.add(associated, content)
        assert associated.hex() == envelope["associated_data"]
        assert (log.leaf.hex(), log.digest.hex()) == (envelope["leaf"], envelope["digest"])
        assert content["signature"] == envelope["signature"]
        if envelope["signature"]:
            assert log.statement.hex() == envelope["statement"]
            assert log.signed_below == log.count
    assert log.proved and log.signed_below == len(signed["envelopes"])


@signed_lives()
def test_a_word_that_is_changed_anywhere_before_breaks_the_signature(
    signed: dict[str, Any],
) -> None:
    for changed in range(len(signed["envelopes"])):
        log = log_of(signed)
        for place, (associated, content) in enumerate(contents_of(signed)):
            if place == changed:
                content["records"][0]["text"] += "!"
            log.add(associated, content)
        assert not log.proved and log.signed_below <= changed


def test_a_checkpoint_names_the_life_before_and_how_it_ended() -> None:
    before, after = SIGNED["lives"][:2]
    (_, content), *_ = contents_of(after)
    life = LIVES[before["life"]]
    assert reader.read_checkpoint(bytes.fromhex(content["records"][-1]["data"])) == {
        "epoch": life["epoch"],
        "salt": life["salt"],
        "count": len(before["envelopes"]),
        "digest": before["envelopes"][-1]["digest"],
    }
    first = CONTENTS["an empty checkpoint, signed"]["records"][0]
    assert reader.read_checkpoint(bytes.fromhex(first["data"])) is None


def test_a_query_names_lives_and_counts() -> None:
    record = CONTENTS["a query of two lives"]["records"][0]
    assert reader.read_query(bytes.fromhex(record["data"])) == [
        {"epoch": 7, "salt": "51a3", "count": 1},
        {"epoch": 4, "salt": "51a3", "count": 5},
    ]
