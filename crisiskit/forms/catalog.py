"""Finds forms by name and by number: our own files first, then those of plug-ins.

A plug-in is an entry point of group ``crisiskit.forms``: its name is the form's name, its
value a package that holds ``NAME.toml``. Plug-ins are imported only when a form is asked
for that is not ours. Their numbers start at ``PLUG_IN_ID_MIN``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from crisiskit.codec.forms import Schema
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.model import Record, RecordKind

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "crisiskit.forms"
PLUG_IN_ID_MIN = 128
FILE_BYTES_MAX = 65_536


@cache
def names() -> tuple[str, ...]:
    """Every form that can be asked for, ours and those of plug-ins, in order of name."""
    return tuple(sorted({*_own_names(), *_plug_ins()}))


@cache
def schema(name: str) -> Schema:
    """The form of that name. UsageError form_unknown, CrisiskitError form_broken."""
    if name in _own_names():
        return _read("crisiskit.forms", name)
    if name in _plug_ins():
        return _plug_in_schema(name)
    raise UsageError("form_unknown", name=name, known=", ".join(names()))


def by_id(number: int) -> Schema | None:
    """The form with that number on the air, or None where it is not installed."""
    own = _numbered(_own_names())
    if number in own or number < PLUG_IN_ID_MIN:
        return own.get(number)
    return _numbered(tuple(_plug_ins())).get(number)


def always_signed(record: Record) -> bool:
    """Whether this is a report whose form asks for a signature."""
    found = by_id(record.data[0]) if record.kind is RecordKind.FORM and record.data else None
    return found is not None and found.signed


def problems() -> dict[str, CrisiskitError]:
    """The forms that are installed but cannot be used, for ``doctor``."""
    found = {}
    for name in names():
        try:
            mine = schema(name)
        except CrisiskitError as error:
            found[name] = error
            continue
        holder = by_id(mine.id)
        if holder is not None and holder.name != name:
            found[name] = _broken(name, f"number {mine.id} belongs to {holder.name}")
    return found


@cache
def _own_names() -> tuple[str, ...]:
    listed = files("crisiskit.forms").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in listed if f.name.endswith(".toml")))


@cache
def _plug_ins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in found if point.name not in _own_names()}


@cache
def _numbered(wanted: tuple[str, ...]) -> dict[int, Schema]:
    """Forms by number; broken ones are left out, ``problems`` tells them."""
    found: dict[int, Schema] = {}
    for name in wanted:
        try:
            loaded = schema(name)
        except CrisiskitError:
            continue
        found.setdefault(loaded.id, loaded)
    return found


def _plug_in_schema(name: str) -> Schema:
    point = _plug_ins()[name]
    try:
        point.load()
    except Exception as error:
        raise _broken(name, f"{type(error).__name__}: {error}") from error
    loaded = _read(point.module, name)
    if loaded.id < PLUG_IN_ID_MIN:
        raise _broken(name, f"number {loaded.id} is below {PLUG_IN_ID_MIN}")
    return loaded


def _read(package: str, name: str) -> Schema:
    try:
        with files(package).joinpath(f"{name}.toml").open("rb") as source:
            raw = source.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise ValueError(f"more than {FILE_BYTES_MAX} bytes")
        loaded = msgspec.convert(tomllib.loads(raw.decode()), Schema)
    except (OSError, TypeError, ValueError) as error:
        raise _broken(name, str(error)) from error
    if loaded.name != name:
        raise _broken(name, f"the file says {loaded.name}")
    return loaded


def _broken(name: str, why: str) -> CrisiskitError:
    return CrisiskitError("form_broken", name=name, why=why)
