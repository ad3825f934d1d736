"""The names of our three folders belong to us alone, and each folder is where it should be."""

from __future__ import annotations

import importlib.util
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("crisiskit", "transports", "hardware")


@pytest.mark.parametrize("name", PACKAGES)
def test_an_import_name_has_one_owner(name: str) -> None:
    # An editable install lists no files, so the list may be empty.
    owners = set(packages_distributions().get(name, []))
    assert owners <= {"crisiskit"}


def test_the_three_packages_come_from_one_place() -> None:
    origins = set()
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        origins.add(Path(spec.origin).parents[1])
    assert len(origins) == 1


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_tells_type_checkers_that_it_is_typed(name: str) -> None:
    assert (ROOT / name / "py.typed").is_file()


def test_recipes_are_no_python_package() -> None:
    # With it, "import packaging" would find the recipes and pytest would break.
    assert list((ROOT / "packaging").rglob("__init__.py")) == []


def test_tests_are_no_python_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
