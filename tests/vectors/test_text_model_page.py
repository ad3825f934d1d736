"""A second reader of codec 2 agrees with the vectors and with what the program writes.

The reader is ``independent_text.py``: if the page and the program differ, one of them is wrong.
Only the texts that it is tried on beside the vectors are coded by the program.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from crisiskit.codec import textmodel

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "wire-text-model.md"
VECTORS: list[dict[str, Any]] = json.loads((HERE / "textmodel.json").read_text("utf-8"))["streams"]
RANDOM_STREAMS = 300


def independent() -> Any:
    """The reader, which is no test module and lies beside this one."""
    spec = spec_from_file_location("independent_text", HERE / "independent_text.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page = independent()
Stream = page.Stream


def test_the_page_names_the_table_that_ships() -> None:
    named = re.search(r"textmodel-1\.bin`, SHA-256\s+`([0-9a-f]{64})`", PAGE.read_text("utf-8"))
    assert named and named[1] == hashlib.sha256(page.DATA).hexdigest()
    assert page.T["magic"] == bytes.fromhex("434b544d01")


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in VECTORS])
def test_the_page_reads_every_vector(vector: dict[str, Any]) -> None:
    assert Stream(bytes.fromhex(vector["coded"])).texts(len(vector["texts"])) == vector["texts"]


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in VECTORS])
def test_every_vector_is_made_byte_for_byte(vector: dict[str, Any]) -> None:
    coded = textmodel.encode(vector["texts"])
    assert coded is not None and coded.hex() == vector["coded"]
    assert textmodel.decode(coded, len(vector["texts"])) == vector["texts"]


def some_text(chance: random.Random) -> str:
    """Words, numbers, accents and now and then any letter at all."""
    words = " ".join(vector for one in VECTORS for vector in one["texts"]).split()
    parts = chance.choices(words, k=chance.randrange(4))
    parts += [str(chance.randrange(10**6))] * chance.randrange(2)
    parts += [chr(chance.choice((chance.randrange(1, 256), 0x1F600, 0x4E2D)))] * chance.randrange(2)
    return " ".join(parts).upper() if chance.random() < 0.2 else " ".join(parts)


def test_the_page_reads_what_the_program_writes() -> None:
    chance = random.Random(20261123)
    for _ in range(RANDOM_STREAMS):
        texts = [some_text(chance) for _ in range(chance.randrange(1, 4))]
        coded = textmodel.encode(texts)
        assert coded is not None
        assert Stream(coded).texts(len(texts)) == texts
