"""A new ``[[link]]`` table: what a kind needs to be told, words typed for it, and its writing.

What is asked follows from the kind's own ``Settings``; no list here knows a kind by name. The
file is replaced only by one that was read back and found right; all that stood in it stays.
"""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec import inspect

from crisiskit.errors import SettingsError, UsageError
from crisiskit.files import write_whole
from crisiskit.links import link_traits
from crisiskit.settings import FILE_BYTES_MAX, FILE_NAME, common_keys, load
from transports.link import LinkKind

BACKUP_NAME = "settings.toml.old"
PORT = "port"
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?", re.ASCII)
_PLACE = re.compile(r"^link\[\d+\]\.?")

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a kind's table. ``default`` is None for one that must be told.

    ``device``: a serial device goes there. ``about`` is what the kind's author wrote of it.
    """

    name: str
    required: bool
    default: object
    device: bool
    about: str


@dataclass(frozen=True, slots=True)
class Added:
    """A table that was written, as text; ``backup`` is the file as it was before."""

    name: str
    kind: str
    text: str
    path: Path
    backup: Path


def keys_of(kind: LinkKind) -> dict[str, Key]:
    """All keys of a kind, in the order of its struct."""
    about = _explained(kind.Settings)
    return {
        field.encode_name: Key(
            field.encode_name,
            field.required,
            None if field.required else _default(field),
            field.encode_name == PORT and _is_text(field.type),
            about.get(field.encode_name, ""),
        )
        for field in _fields(kind.Settings)
    }


def asked_keys(kind: LinkKind) -> list[Key]:
    """Those that a person is asked for: without a default, then those the kind names."""
    keys = keys_of(kind)
    more = [name for name in getattr(kind, "asks", ()) if name in keys and not keys[name].required]
    return [key for key in keys.values() if key.required] + [keys[name] for name in more]


def read_pairs(kind: LinkKind, pairs: Sequence[str]) -> Values:
    """``key=value`` words as values of a table; ``price.currency=EUR`` goes one deep.

    What fits no key of the kind is kept as it looks: the check of the settings names it.
    UsageError ``link_pair`` for what is no such word, or a key told twice.
    """
    values: Values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not _NAME.fullmatch(key):
            raise UsageError("link_pair", word=pair)
        top, dot, below = key.partition(".")
        table = values.setdefault(top, {}) if dot else values
        if not isinstance(table, dict) or (below or top) in table:
            raise UsageError("link_pair_twice", key=key)
        table[below or top] = read_value(kind, key, text)
    return values


def read_value(kind: LinkKind, key: str, text: str) -> object:
    """What a person typed for a key: text where text is wanted, else as TOML has it."""
    top, _dot, below = key.partition(".")
    wanted = _type(kind, top)
    if below and isinstance(wanted, inspect.StructType):
        inner = {field.encode_name: field.type for field in wanted.fields}
        wanted = inner.get(below, inspect.AnyType())
    text = text.strip()
    if _is_list(wanted) and not text.startswith("[") and not (_is_text(wanted) and "," not in text):
        return [part.strip() for part in text.split(",") if part.strip()]
    if _is_text(wanted) and not (_is_list(wanted) and text.startswith("[")):
        return text
    try:
        return tomllib.loads(f"v = {text}")["v"] if "\n" not in text else text
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def table_text(name: str, kind: str, values: Mapping[str, object]) -> str:
    """The table as it will stand in the file."""
    rows = {"name": name, "kind": kind, **values}
    return "".join(["[[link]]\n", *(f"{key} = {_toml(value)}\n" for key, value in rows.items())])


def free_name(home: Path, kind: str) -> str:
    """A name that no link has yet: the kind's, with a number if need be."""
    taken = {link.name for link in load(home).links}
    numbered = (f"{kind}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (kind, *numbered) if name not in taken)


def checked(home: Path, text: str) -> bytes:
    """The bytes of the settings file with this table at its end, if they can be used.

    Raises SettingsError as ``load`` does, of the file and key that the person knows.
    """
    path = home / FILE_NAME
    load(home)  # what is wrong already is told as such
    old = path.read_bytes()[: FILE_BYTES_MAX + 1]
    gap = b"" if not old else b"\n" if old.endswith(b"\n") else b"\n\n"
    new = old + gap + text.encode()
    with TemporaryDirectory(prefix="crisiskit-") as folder:
        place = Path(folder)
        (place / FILE_NAME).write_bytes(new)
        try:
            link_traits(place)
        except SettingsError as error:
            told = {**error.values, "path": path}
            if "key" in told:
                told["key"] = _PLACE.sub("", str(told["key"])) or FILE_NAME
            raise SettingsError(error.code, **told) from None
    return new


def add(home: Path, name: str, kind: str, values: Mapping[str, object]) -> Added:
    """Write a link's table to the end of the settings file; the old file is kept beside it.

    SettingsError where the result could not be used, or the file changed meanwhile: then
    nothing was changed.
    """
    path = (home / FILE_NAME).resolve()
    text = table_text(name, kind, values)
    new = checked(home, text)
    old, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    if not new.startswith(old):
        raise SettingsError("settings_changed", path=path)
    backup = path.with_name(BACKUP_NAME)
    write_whole(backup, old, mode)
    write_whole(path, new, mode)
    return Added(name, kind, text, path, backup)


def _fields(struct: type[Any]) -> tuple[inspect.Field, ...]:
    told = inspect.type_info(struct)
    assert isinstance(told, inspect.StructType)
    return told.fields


def _type(kind: LinkKind, key: str) -> inspect.Type:
    for struct in (kind.Settings, common_keys()):
        for field in _fields(struct):
            if field.encode_name == key:
                return field.type
    return inspect.AnyType()


def _default(field: inspect.Field) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _kinds(wanted: inspect.Type) -> tuple[inspect.Type, ...]:
    return wanted.types if isinstance(wanted, inspect.UnionType) else (wanted,)


def _is_text(wanted: inspect.Type) -> bool:
    texts = (inspect.StrType, inspect.LiteralType, inspect.EnumType)
    return any(isinstance(one, texts) for one in _kinds(wanted))


def _is_list(wanted: inspect.Type) -> bool:
    lists = (inspect.ListType, inspect.VarTupleType, inspect.TupleType)
    return any(isinstance(one, lists) for one in _kinds(wanted))


def _explained(struct: type[Any]) -> dict[str, str]:
    """What the docstrings of a struct and its bases say of each key, by sentence."""
    found: dict[str, str] = {}
    for one in struct.__mro__:
        words = " ".join((one.__doc__ or "").split())
        for sentence in re.split(r"(?<=\.)\s+(?=[A-Z`])", words):
            for key in re.findall(r"``([a-z_]+)``", sentence):
                found.setdefault(key, sentence)
    return found


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str):
        # JSON writes all that TOML forbids as escapes that TOML knows, but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool | int):
        return json.dumps(value)
    return str(value)
