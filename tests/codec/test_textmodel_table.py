"""The table of the text model is built by a recipe, and its source may be compiled: same bytes."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from crisiskit.codec import textmodel
from crisiskit.codec.textmodel import table

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "packaging" / "textmodel"
TEXTS = ("Équipe 2 : rien à signaler, 14h30.", "We need water and 40 tents.", "Nou bezwen dlo.")
PRINT_CODED = """\
import json, sys
from crisiskit.codec import textmodel
from crisiskit.codec.textmodel import model
coded = textmodel.encode(json.loads(sys.argv[1]))
assert textmodel.decode(coded, len(json.loads(sys.argv[1]))) == json.loads(sys.argv[1])
print(model.__file__, coded.hex())
"""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, RECIPE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    for name in ("hurry", "sources", "counting"):
        load(name)
    return load("build_table")


def some_texts(kind: str) -> list[str]:
    return [f"{kind} {at % 7} of {at % 5} reached the village, {at} families." for at in range(60)]


def test_the_recipe_gives_the_same_bytes_twice(recipe: ModuleType) -> None:
    corpus = recipe.Corpus(some_texts("Team"), some_texts("Boat")[:10])
    first = recipe.build(corpus)
    assert recipe.build(corpus) == first
    made = table.unpack(first)
    assert sum(map(bool, made.checks)) > 200
    assert made.fold["É".encode("cp1252")[0]] == ord("e")


def test_the_recipe_says_what_it_lacks(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recipe.main([str(tmp_path)]) == 1
    assert "cc0_sentences_en.txt.zst" in capsys.readouterr().err


def test_phrases_become_texts_without_a_name_left_in_them(recipe: ModuleType) -> None:
    sources = sys.modules["sources"]
    for language in sources.LANGUAGES:
        made = [text for texts in sources.read_phrases(language) for text in texts]
        assert len(made) > 1000
        assert not [text for text in made if "{" in text or "|" in text or len(text) > 300]


def test_the_same_source_compiled_gives_the_same_bytes(tmp_path: Path) -> None:
    compiler = load("compile")
    if missing := compiler.what_is_missing():
        pytest.skip(f"{' and '.join(missing)} missing: nothing to compile with")
    shutil.copytree(ROOT / "crisiskit", tmp_path / "crisiskit")
    assert compiler.main([str(tmp_path)]) == 0
    command = [sys.executable, "-c", PRINT_CODED, json.dumps(TEXTS)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    module, coded = done.stdout.split()
    assert Path(module).suffix == ".so" and Path(module).is_relative_to(tmp_path)
    expected = textmodel.encode(TEXTS)
    assert expected is not None and coded == expected.hex()
