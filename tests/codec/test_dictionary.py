"""The preset dictionary is part of the wire format, and its recipe gives the same bytes twice."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import zstandard

from crisiskit.codec.shortest import dictionary, encode_text

ROOT = Path(__file__).resolve().parents[2]
RELEASED = "d72e841027c8edbd8f82f340db0c69c3cea729c0dd790e7374ca12ee94973e61"
WINDOW_BYTES = 32_768
# Not among the phrases the dictionary was made from.
FIELD_TEXTS = (
    "Team 3 reached the hamlet, six houses without roof, nobody hurt.",
    "Le camion-citerne est passé, prochaine livraison jeudi matin.",
    "Two nurses arrived by boat with vaccines and a cold box.",
    "La piste est praticable, un petit avion peut se poser.",
    "School cellar flooded, pump requested before tonight.",
    "Trois familles refusent de partir, le gendarme reste avec elles.",
)


def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_dictionary", ROOT / "packaging" / "dictionary" / "build.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def corpus(folder: Path) -> Path:
    for language, words in {"en": "water road village", "fr": "eau route village"}.items():
        lines = [f"Line {number % 7} about the {words} is here." for number in range(200)]
        lines += [f"Sentence {number} says {words} again." for number in range(200)]
        raw = zstandard.ZstdCompressor().compress("\n".join(lines).encode())
        (folder / f"cc0_sentences_{language}.txt.zst").write_bytes(raw)
    return folder


def test_a_released_dictionary_never_changes() -> None:
    assert hashlib.sha256(dictionary()).hexdigest() == RELEASED
    assert len(dictionary()) <= WINDOW_BYTES


def test_the_wire_page_names_these_bytes() -> None:
    assert RELEASED in (ROOT / "docs" / "wire.md").read_text("utf-8")


def test_it_saves_four_bytes_of_ten_in_what_field_teams_write() -> None:
    plain = sum(len(words.encode()) for words in FIELD_TEXTS)
    coded = sum(len(encode_text(words.encode())[1]) for words in FIELD_TEXTS)
    assert coded < 0.6 * plain


def test_the_recipe_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    folder, build = corpus(tmp_path), recipe()
    results = []
    for name in ("one.bin", "two.bin"):
        assert build.main([str(folder), "-o", str(tmp_path / name)]) == 0
        results.append((tmp_path / name).read_bytes())
    assert results[0] == results[1]
    assert b"village" in results[0]


def test_the_recipe_says_what_it_misses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe().main([str(tmp_path), "-o", str(tmp_path / "out.bin")]) == 1
    assert "cc0_sentences_en.txt.zst" in capsys.readouterr().err
    assert not (tmp_path / "out.bin").exists()
