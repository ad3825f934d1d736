"""Forms are files: ours are complete in both languages, and others can bring theirs."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from crisiskit.codec.forms import AnyField, Choice, Schema
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.forms import catalog

OURS = {"sitrep": 1, "medevac": 2, "needs": 3, "position": 4, "infra": 5}
FORM = """
id = {number}
name = "{name}"
version = 1
title = {{ en = "Shelter", fr = "Abri" }}
short = {{ en = "SHELTER", fr = "ABRI" }}

[[fields]]
name = "beds"
type = "count"
label = {{ en = "Beds", fr = "Lits" }}
help = {{ en = "Free beds", fr = "Lits libres" }}
"""


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    forget()
    yield
    forget()


def forget() -> None:
    for cached in (catalog.names, catalog.schema, catalog._plug_ins, catalog._numbered):
        cached.cache_clear()


def plug_in(monkeypatch: pytest.MonkeyPatch, folder: Path, **files: str) -> None:
    """A package ``their_forms`` with these TOML files, announced by entry points."""
    package = folder / "their_forms"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, text in files.items():
        (package / f"{name}.toml").write_text(text, "utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "their_forms", raising=False)
    points = EntryPoints(EntryPoint(name, "their_forms", catalog.GROUP) for name in files)
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: points.select(group=group)
    )


# -- ours ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "number"), OURS.items())
def test_our_forms_are_found_by_name_and_by_number(name: str, number: int) -> None:
    assert catalog.schema(name).id == number
    assert catalog.by_id(number) is catalog.schema(name)
    assert name in catalog.names()


def test_none_of_our_forms_is_broken() -> None:
    assert not {name: error for name, error in catalog.problems().items() if name in OURS}


def every_field() -> list[tuple[Schema, AnyField]]:
    return [(catalog.schema(name), field) for name in OURS for field in catalog.schema(name).fields]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_two_fields_or_words_of_a_form_read_the_same(language: str) -> None:
    for name in OURS:
        labels = [field.label.say(language) for field in catalog.schema(name).fields]
        assert len(set(labels)) == len(labels), name
    for schema, field in every_field():
        if isinstance(field, Choice):
            words = [option.say(language) for option in field.values]
            assert len(set(words)) == len(words), (schema.name, field.name)


def test_an_unknown_form_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        catalog.schema("sitrap")

    assert caught.value.code == "form_unknown"
    assert "sitrep" in str(caught.value.values["known"])


@pytest.mark.parametrize("name", ["../settings", "sitrep.toml", "", "catalog", "a\0b"])
def test_a_name_is_no_way_to_other_files(name: str) -> None:
    with pytest.raises(UsageError):
        catalog.schema(name)


def test_a_number_nobody_has_is_none() -> None:
    assert [catalog.by_id(number) for number in (0, 6, 127, 255)] == [None] * 4


# -- theirs ----------------------------------------------------------------------------------


def test_a_plug_in_brings_a_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plug_in(monkeypatch, tmp_path, shelter=FORM.format(number=200, name="shelter"))

    assert catalog.names() == ("infra", "medevac", "needs", "position", "shelter", "sitrep")
    assert catalog.schema("shelter").title.fr == "Abri"
    assert catalog.by_id(200) is catalog.schema("shelter")
    assert catalog.problems() == {}


def test_a_plug_in_is_imported_only_for_its_own_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plug_in(monkeypatch, tmp_path, shelter=FORM.format(number=200, name="shelter"))

    catalog.schema("sitrep")
    catalog.by_id(1)
    catalog.by_id(99)
    catalog.names()
    assert "their_forms" not in sys.modules

    catalog.schema("shelter")
    assert "their_forms" in sys.modules


def test_a_plug_in_cannot_take_the_place_of_our_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plug_in(monkeypatch, tmp_path, sitrep=FORM.format(number=200, name="sitrep"))

    assert catalog.schema("sitrep").id == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id = ", "invalid"),
        ("", "missing"),
        (FORM.format(number=7, name="shelter"), "below"),
        (FORM.format(number=200, name="other"), "other"),
        (FORM.format(number=200, name="shelter") + "maximum = 3\n", "maximum"),
        (FORM.format(number=200, name="shelter").replace("count", "number"), "number"),
        ("#" * (catalog.FILE_BYTES_MAX + 1), "bytes"),
    ],
    ids=["no TOML", "empty", "our number", "another name", "unknown key", "unknown type", "huge"],
)
def test_a_broken_plug_in_harms_no_other_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, why: str
) -> None:
    good = FORM.format(number=201, name="good")
    plug_in(monkeypatch, tmp_path, shelter=text, good=good)

    with pytest.raises(CrisiskitError) as caught:
        catalog.schema("shelter")
    assert caught.value.code == "form_broken"
    assert why in str(caught.value.values["why"]).lower()
    assert catalog.by_id(200) is None
    assert catalog.by_id(201) is catalog.schema("good")
    assert list(catalog.problems()) == ["shelter"]


def test_a_plug_in_that_fails_at_import_harms_no_other_form(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plug_in(monkeypatch, tmp_path, shelter=FORM.format(number=200, name="shelter"))
    (tmp_path / "their_forms" / "__init__.py").write_text("raise RuntimeError('old')\n")

    assert catalog.by_id(200) is None
    assert list(catalog.problems()) == ["shelter"]


def test_two_forms_with_one_number_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plug_in(
        monkeypatch,
        tmp_path,
        first=FORM.format(number=200, name="first"),
        second=FORM.format(number=200, name="second"),
    )

    assert catalog.by_id(200) is catalog.schema("first")
    assert list(catalog.problems()) == ["second"]
