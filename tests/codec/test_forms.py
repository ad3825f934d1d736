"""A form comes back as it was filled in, in few bytes, whoever wrote or reads it."""

from __future__ import annotations

import string
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.codec.forms import (
    COUNT_MAX,
    DATA_BYTES_MAX,
    SEPARATOR,
    AnyField,
    Choice,
    Count,
    Filled,
    Flag,
    Option,
    Position,
    Scale,
    Schema,
    Text,
    Time,
    Value,
    Words,
    pack,
    unpack,
)
from crisiskit.codec.reject import Rejected
from crisiskit.forms import catalog

# The machine may be busy: the time an example takes proves nothing.
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SAY = Words(en="x", fr="x")
COMMON: dict[str, Any] = {"label": SAY, "help": SAY}


def make_schema(*fields: AnyField, number: int = 200) -> Schema:
    return Schema(id=number, name="test", version=1, title=SAY, short=SAY, fields=fields)


def option(key: str) -> Option:
    return Option(en=key, fr=key, key=key)


# -- strategies ------------------------------------------------------------------------------

places = st.tuples(
    st.integers(-900_000, 900_000).map(lambda step: step / 10_000),
    st.integers(-1_800_000, 1_799_999).map(lambda step: step / 10_000),
)
plain_words = st.text(st.characters(codec="utf-8", exclude_characters=SEPARATOR), max_size=12)


@st.composite
def fields_with_values(draw: st.DrawFn) -> tuple[AnyField, st.SearchStrategy[Value]]:
    common: dict[str, Any] = {
        **COMMON,
        "name": draw(st.text(string.ascii_lowercase, min_size=1, max_size=8)),
        "required": draw(st.booleans()),
    }
    most = draw(st.integers(1, COUNT_MAX))
    step = draw(st.integers(1, 255))
    made: list[tuple[AnyField, st.SearchStrategy[Value]]] = [
        (Count(max=most, order=draw(st.integers(0, 16)), **common), st.integers(0, most)),
        (Scale(max=step, **common), st.integers(0, step)),
        (Choice(values=(option("a"), option("b"), option("c")), **common), st.sampled_from("abc")),
        (Flag(**common), st.booleans()),
        (Time(max=1440, **common), st.integers(-1440, 1440)),
        (Position(**common), places),
        (Text(bytes=50, **common), plain_words),
    ]
    return draw(st.sampled_from(made))


@st.composite
def filled_schemas(draw: st.DrawFn) -> tuple[Schema, dict[str, Value]]:
    pairs = draw(
        st.lists(fields_with_values(), min_size=1, max_size=12, unique_by=lambda pair: pair[0].name)
    )
    values = {}
    for field, strategy in pairs:
        if field.required or draw(st.booleans()):
            value = draw(strategy)
            if value == "" and isinstance(field, Text):
                value = "x"
            values[field.name] = value
    return make_schema(*(field for field, _values in pairs)), values


# -- the promise -----------------------------------------------------------------------------


@CALM
@given(filled_schemas())
def test_what_was_filled_in_comes_back(filled: tuple[Schema, dict[str, Value]]) -> None:
    schema, values = filled

    data, text = pack(schema, values)

    assert len(data) <= DATA_BYTES_MAX
    assert unpack(schema, data, text) == Filled(values)


@CALM
@given(filled_schemas(), st.data())
def test_a_form_may_grow_at_its_end(
    filled: tuple[Schema, dict[str, Value]], data: st.DataObject
) -> None:
    new, values = filled
    kept = data.draw(st.integers(1, len(new.fields)))
    grown = [msgspec.structs.replace(f, required=False) for f in new.fields[kept:]]
    old = make_schema(*new.fields[:kept])
    new = make_schema(*old.fields, *grown)
    known = {field.name for field in old.fields}
    old_values = {name: value for name, value in values.items() if name in known}

    read_by_old = unpack(old, *pack(new, values))
    read_by_new = unpack(new, *pack(old, old_values))

    assert read_by_old == Filled(old_values, more=len(values) > len(old_values))
    assert read_by_new == Filled(old_values)


@CALM
@given(filled_schemas(), st.binary(max_size=300), st.text())
def test_any_bytes_give_an_answer(
    filled: tuple[Schema, dict[str, Value]], junk: bytes, text: str
) -> None:
    schema, _values = filled

    assert isinstance(unpack(schema, bytes([schema.id]) + junk, text), Filled | Rejected)
    assert isinstance(unpack(schema, junk, text), Filled | Rejected)


@CALM
@given(st.sampled_from(catalog.names()), st.binary(max_size=60), st.text(max_size=50))
def test_our_own_forms_stand_any_bytes(name: str, junk: bytes, text: str) -> None:
    schema = catalog.schema(name)

    assert isinstance(unpack(schema, bytes([schema.id]) + junk, text), Filled | Rejected)


def test_giant_bodies_are_refused_or_read_at_once() -> None:
    schema = catalog.schema("sitrep")
    begin = time.perf_counter()

    assert isinstance(unpack(schema, b"\x01" + bytes(1_000_000), ""), Rejected)
    many = unpack(schema, b"\x01", SEPARATOR * 1_000_000 + "end")

    assert many == Filled({}, more=True)
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no number"),
        (b"\x05\x00", "another form"),
        (b"\x04", "a required position of zeros is the south pole, and readable"),
        (b"\x04\xff\xff\xff\xff\xff\xff\xff", "north of the north pole"),
    ],
)
def test_what_is_no_position_form(data: bytes, why: str) -> None:
    read = unpack(catalog.schema("position"), data, "")

    if data == b"\x04":
        assert read == Filled({"position": (-90.0, -180.0)}), why
    else:
        assert isinstance(read, Rejected), why


def test_a_required_count_that_is_not_there_is_refused() -> None:
    schema = make_schema(Count(name="n", required=True, **COMMON))

    assert isinstance(unpack(schema, bytes([200]), ""), Rejected)


def test_a_word_that_is_not_known_yet_is_shown_by_its_place() -> None:
    old = make_schema(Choice(name="c", values=(option("a"), option("b")), **COMMON))
    new = make_schema(Choice(name="c", values=(option("a"), option("b"), option("c")), **COMMON))

    assert unpack(old, *pack(new, {"c": "c"})) == Filled({"c": "?2"})


def test_a_raised_limit_is_read_by_those_who_know_the_old_one() -> None:
    old = make_schema(Count(name="n", max=10, **COMMON), Text(name="t", bytes=3, **COMMON))
    new = make_schema(Count(name="n", max=1000, **COMMON), Text(name="t", bytes=30, **COMMON))
    values: dict[str, Value] = {"n": 1000, "t": "longer than three"}

    assert unpack(old, *pack(new, values)) == Filled(values)


# -- the writer's side -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Count(name="f", max=9, **COMMON), 10),
        (Count(name="f", **COMMON), -1),
        (Count(name="f", **COMMON), True),
        (Count(name="f", **COMMON), "3"),
        (Scale(name="f", max=5, **COMMON), 6),
        (Choice(name="f", values=(option("a"), option("b")), **COMMON), "c"),
        (Flag(name="f", **COMMON), 1),
        (Time(name="f", max=60, **COMMON), -61),
        (Position(name="f", **COMMON), (90.1, 0.0)),
        (Position(name="f", **COMMON), (float("nan"), 0.0)),
        (Position(name="f", **COMMON), "here"),
        (Text(name="f", bytes=3, **COMMON), "é é"),
        (Text(name="f", bytes=9, **COMMON), f"a{SEPARATOR}b"),
    ],
)
def test_values_outside_the_limits_are_not_packed(field: AnyField, value: Value) -> None:
    with pytest.raises(ValueError):
        pack(make_schema(field), {"f": value})


def test_strange_and_missing_fields_are_not_packed() -> None:
    schema = make_schema(Flag(name="f", required=True, **COMMON))

    with pytest.raises(ValueError, match="no field"):
        pack(schema, {"f": True, "g": True})
    with pytest.raises(ValueError, match="required"):
        pack(schema, {})


@pytest.mark.parametrize(
    "build",
    [
        lambda: make_schema(Flag(name="f", **COMMON), Flag(name="f", **COMMON)),
        lambda: Choice(name="f", bits=1, values=tuple(map(option, "abc")), **COMMON),
        lambda: Choice(name="f", values=(option("a"), option("a")), **COMMON),
        lambda: make_schema(
            Text(name="f", bytes=4000, **COMMON), Text(name="g", bytes=1, **COMMON)
        ),
    ],
    ids=["field twice", "too many words", "word twice", "too much text"],
)
def test_a_schema_that_cannot_work_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        build()


# -- our forms on the air --------------------------------------------------------------------

HERE = (-12.6996, 45.0689)
VECTORS: list[tuple[str, dict[str, Value], str, str]] = [
    (
        "sitrep",
        {
            "place": "Mtsamboro",
            "position": HERE,
            "seen": -45,
            "present": 350,
            "injured": 12,
            "dead": 2,
            "missing": 5,
            "homeless": 120,
            "damage": 4,
            "road": "foot",
            "power": "none",
            "water": "undrinkable",
            "telecom": "none",
            "need": "water",
            "remarks": "pont coupé",
        },
        "01af2e32257c1bcc2dd214bc4465dd6420",
        "Mtsamboro\x1fpont coupé",
    ),
    ("sitrep", {"injured": 3}, "011e", ""),
    (
        "medevac",
        {
            "place": "école",
            "position": HERE,
            "urgent": 1,
            "priority": 2,
            "routine": 3,
            "lying": 1,
            "cause": "crush",
            "condition": "bleeding",
            "pickup": "helicopter",
            "landing": True,
            "contact": "Dr",
        },
        "02af2e32257c1f4af8ca70",
        "école\x1fDr",
    ),
    (
        "needs",
        {
            "place": "mairie",
            "urgency": "now",
            "water": 2000,
            "rations": 500,
            "medicine": "insuline",
        },
        "030410210850",
        "mairie\x1finsuline",
    ),
    ("position", {"position": HERE, "accuracy": "10m", "status": "help"}, "045e5c644af831a0", ""),
    (
        "infra",
        {
            "place": "pont",
            "position": HERE,
            "kind": "bridge",
            "status": "down",
            "access": "foot",
            "hours": 48,
        },
        "05af2e32257c117750",
        "pont",
    ),
]


@pytest.mark.parametrize(("name", "values", "data", "text"), VECTORS)
def test_the_bytes_of_our_forms_never_change(
    name: str, values: dict[str, Value], data: str, text: str
) -> None:
    packed, words = pack(catalog.schema(name), values)

    assert (packed.hex(), words) == (data, text)


@pytest.mark.parametrize(
    ("place", "most"),
    [(0, 18), (2, 15), (4, 8), (5, 9)],
    ids=["sitrep", "medevac", "position", "infra"],
)
def test_the_byte_budget_is_kept(place: int, most: int) -> None:
    name, values, _data, _text = VECTORS[place]

    assert len(pack(catalog.schema(name), values)[0]) <= most


def test_the_words_can_be_read_without_the_form() -> None:
    _data, text = pack(catalog.schema("sitrep"), {"place": "Pamandzi", "remarks": "no road"})

    assert text.split(SEPARATOR) == ["Pamandzi", "no road"]
