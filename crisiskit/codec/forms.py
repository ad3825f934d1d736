"""Typed reports as bits and back: what a field is, and how each kind of field is coded.

A filled form is a record body in two halves::

    data   form id 1 | the fields in order, as bits | zero bytes at the end are left out
    text   the words of the text fields in order, joined by U+001F, empty ones at the end left out

so the words can be read even by somebody who does not know the form. An optional field that
is not text costs one bit to say whether it is given; a text field costs nothing there.

Evolution: a form only grows at its end and only by optional fields; no width ever changes,
and words of a choice are only added. Then no version number has to travel. What an older
writer did not know reads as zeros, that is as not given. What an older reader does not know
is left over as bits that are set or as further words, and ``Filled.more`` says so.

Limits (``max``, ``bytes``) bind the writer. A reader takes whatever the coding can hold, so
that a limit can be raised later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from crisiskit.codec.bits import BitReader, BitWriter
from crisiskit.codec.reject import MalformedError, Reject, Rejected
from crisiskit.codec.wire import unzigzag, zigzag

Value = bool | int | str | tuple[float, float]

SEPARATOR = "\x1f"
DATA_BYTES_MAX = 255
TEXT_BYTES_MAX = 4000
FIELDS_MAX = 32
COUNT_MAX = (1 << 24) - 1
TIME_MAX_MINUTES = 90 * 24 * 60
STEPS_PER_DEGREE = 10_000

_LATITUDE_BITS = 21
_LONGITUDE_BITS = 22
_TIME_ORDER = 5

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Key = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Word = Annotated[str, Meta(min_length=1, max_length=200)]


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in both languages."""

    en: Word
    fr: Word

    def say(self, language: str) -> str:
        """In French for ``fr``, in English for everything else."""
        return self.fr if language == "fr" else self.en


class Field(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What every field has. ``name`` is for scripts, ``label`` and ``help`` are for people.

    ``personal``: what stands in it is about one person, and never leaves readable by all.
    """

    name: Name
    label: Words
    help: Words
    required: bool = False
    personal: bool = False


class Count(Field, frozen=True, tag="count"):
    """A whole number from 0 to ``max``, Exp-Golomb of ``order``: shortest below 2**order."""

    max: Annotated[int, Meta(ge=1, le=COUNT_MAX)] = COUNT_MAX
    order: Annotated[int, Meta(ge=0, le=16)] = 0

    def put(self, bits: BitWriter, value: Value) -> None:
        """Write ``value``; ValueError outside the limit."""
        bits.exp_golomb(_whole(value, 0, self.max), self.order)

    def take(self, bits: BitReader) -> int:
        """Read a number."""
        return bits.exp_golomb(self.order, COUNT_MAX)


class Scale(Field, frozen=True, tag="scale"):
    """A step from 0 to ``max``, in as few bits as ``max`` needs."""

    max: Annotated[int, Meta(ge=1, le=255)]

    def put(self, bits: BitWriter, value: Value) -> None:
        """Write ``value``; ValueError outside the scale."""
        bits.put(_whole(value, 0, self.max), self.max.bit_length())

    def take(self, bits: BitReader) -> int:
        """Read a step."""
        return _below(bits.get(self.max.bit_length()), self.max + 1)


class Option(Words, frozen=True):
    """One word of a choice: ``key`` for scripts, the words for people."""

    key: Key


class Choice(Field, frozen=True, tag="enum"):
    """One word of a list, in ``bits`` bits; the value is its key.

    ``bits`` leaves room for words of later versions and never changes. A word that is not
    known here reads as ``?`` and its place in the list.
    """

    values: Annotated[tuple[Option, ...], Meta(min_length=2)]
    bits: Annotated[int, Meta(ge=1, le=8)] = 3

    def __post_init__(self) -> None:
        if len(self.values) > 1 << self.bits:
            raise ValueError(f"{self.name}: {len(self.values)} words do not fit {self.bits} bits")
        _all_different(self.name, [option.key for option in self.values])

    def put(self, bits: BitWriter, value: Value) -> None:
        """Write the place of key ``value``; ValueError when it is not in the list."""
        keys = [option.key for option in self.values]
        if value not in keys:
            raise ValueError(f"{value!r} is not one of {keys}")
        bits.put(keys.index(str(value)), self.bits)

    def take(self, bits: BitReader) -> str:
        """Read a key."""
        place = bits.get(self.bits)
        return self.values[place].key if place < len(self.values) else f"?{place}"


class Flag(Field, frozen=True, tag="flag"):
    """Yes or no."""

    def put(self, bits: BitWriter, value: Value) -> None:
        """Write a bool; ValueError for anything else."""
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither True nor False")
        bits.put(value, 1)

    def take(self, bits: BitReader) -> bool:
        """Read a bool."""
        return bool(bits.bit())


class Time(Field, frozen=True, tag="time"):
    """A time as whole minutes before (negative) or after the minute of the record."""

    max: Annotated[int, Meta(ge=1, le=TIME_MAX_MINUTES)] = 7 * 24 * 60

    def put(self, bits: BitWriter, value: Value) -> None:
        """Write minutes; ValueError further away than ``max``."""
        bits.exp_golomb(zigzag(_whole(value, -self.max, self.max)), _TIME_ORDER)

    def take(self, bits: BitReader) -> int:
        """Read minutes."""
        return unzigzag(bits.exp_golomb(_TIME_ORDER, 2 * TIME_MAX_MINUTES))


class Position(Field, frozen=True, tag="position"):
    """Latitude and longitude in degrees north and east, to 1e-4 degree (11 m), in 43 bits."""

    def put(self, bits: BitWriter, value: Value) -> None:
        """Write (latitude, longitude); ValueError off the globe."""
        if not isinstance(value, tuple):
            raise ValueError(f"{value!r} is not a pair of latitude and longitude")
        latitude, longitude = value
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise ValueError(f"{value!r} is off the globe")
        east = round((longitude + 180) * STEPS_PER_DEGREE) % (360 * STEPS_PER_DEGREE)
        bits.put(round((latitude + 90) * STEPS_PER_DEGREE), _LATITUDE_BITS)
        bits.put(east, _LONGITUDE_BITS)

    def take(self, bits: BitReader) -> tuple[float, float]:
        """Read (latitude, longitude)."""
        north = _below(bits.get(_LATITUDE_BITS), 180 * STEPS_PER_DEGREE + 1)
        east = _below(bits.get(_LONGITUDE_BITS), 360 * STEPS_PER_DEGREE)
        return (
            (north - 90 * STEPS_PER_DEGREE) / STEPS_PER_DEGREE,
            (east - 180 * STEPS_PER_DEGREE) / STEPS_PER_DEGREE,
        )


class Text(Field, frozen=True, tag="text"):
    """Words of at most ``bytes`` bytes of UTF-8; they travel with the other words."""

    bytes: Annotated[int, Meta(ge=1, le=TEXT_BYTES_MAX)]

    def checked(self, value: Value) -> str:
        """``value`` itself; ValueError when it is too long or holds the separator."""
        if not isinstance(value, str) or SEPARATOR in value:
            raise ValueError(f"{self.name}: not words without U+001F")
        if len(value.encode()) > self.bytes:
            raise ValueError(f"{self.name}: more than {self.bytes} bytes")
        return value


AnyField = Count | Scale | Choice | Flag | Time | Position | Text


class Schema(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A form. ``id`` is its number on the air, for ever; ``version`` counts its revisions.

    ``signed``: a report of it never leaves without a signature.
    """

    id: Annotated[int, Meta(ge=1, le=255)]
    name: Name
    version: Annotated[int, Meta(ge=1)]
    title: Words
    short: Words
    signed: bool = False
    fields: Annotated[tuple[AnyField, ...], Meta(min_length=1, max_length=FIELDS_MAX)]

    def __post_init__(self) -> None:
        _all_different(self.name, [field.name for field in self.fields])
        words = [field.bytes for field in self.fields if isinstance(field, Text)]
        if sum(words) + len(words) > TEXT_BYTES_MAX:
            raise ValueError(f"{self.name}: the text fields may hold {TEXT_BYTES_MAX} bytes")


@dataclass(frozen=True, slots=True)
class Filled:
    """What was read. ``more``: a newer version wrote fields that this schema does not have."""

    values: dict[str, Value]
    more: bool = False


def pack(schema: Schema, values: Mapping[str, Value]) -> tuple[bytes, str]:
    """``values`` by field name as (data, text); ValueError when they do not fit the schema."""
    strangers = values.keys() - {field.name for field in schema.fields}
    if strangers:
        raise ValueError(f"{schema.name} has no field {sorted(strangers)}")
    bits = BitWriter()
    bits.put(schema.id, 8)
    words = []
    for field in schema.fields:
        value = values.get(field.name)
        if field.required and (value is None or value == ""):
            raise ValueError(f"{field.name} is required")
        if isinstance(field, Text):
            words.append(field.checked(value or ""))
            continue
        if not field.required:
            bits.put(value is not None, 1)
        if value is not None:
            field.put(bits, value)
    return bytes(bits).rstrip(b"\0"), SEPARATOR.join(words).rstrip(SEPARATOR)


def unpack(schema: Schema, data: bytes, text: str) -> Filled | Rejected:
    """The way back from :func:`pack`, for any bytes and words whatsoever."""
    if not 0 < len(data) <= DATA_BYTES_MAX or data[0] != schema.id:
        return Rejected(Reject.RECORD)
    bits = _EndlessReader(data[1:], Reject.RECORD)
    words = split_words(text)
    values: dict[str, Value] = {}
    try:
        for field in schema.fields:
            if isinstance(field, Text):
                if words and (spoken := words.pop(0)):
                    values[field.name] = spoken
            elif field.required or bits.bit():
                values[field.name] = field.take(bits)
    except MalformedError as bad:
        return Rejected(bad.code)
    return Filled(values, more=bits.left_over() or any(words))


def split_words(text: str) -> list[str]:
    """The words of the text fields, as many as can belong to one form."""
    return text.split(SEPARATOR, FIELDS_MAX)


class _EndlessReader(BitReader):
    """Reads zeros past the end, where the writer left them out."""

    def bit(self) -> int:
        """The next bit."""
        if self._at < 8 * len(self._data):
            return super().bit()
        return 0

    def left_over(self) -> bool:
        """Whether any bit that was not read is set."""
        left = 8 * len(self._data) - self._at
        return bool(int.from_bytes(self._data, "big") & (1 << left) - 1)


def _whole(value: Value, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{value!r} is not a whole number from {least} to {most}")
    return value


def _below(value: int, limit: int) -> int:
    if value >= limit:
        raise MalformedError(Reject.RECORD)
    return value


def _all_different(where: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{where}: {name} stands there twice")
