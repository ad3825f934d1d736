"""A message as JSON: what scripts rely on. Keys are only ever added.

Times are ISO 8601 in UTC, or null where there is none or the writer's clock was beyond the
year 9999. ``kind`` is ``text``, ``order``, or the name of the form. ``fields`` are the answers
of a form by field name: a time as ISO 8601, a position as latitude and longitude in degrees,
a choice as its key; null for what is no form, or a form that is not installed here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from crisiskit.model import Message, RecordKind

if TYPE_CHECKING:
    from crisiskit.codec.forms import AnyField, Schema, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MS = 60_000


def message_json(message: Message) -> dict[str, object]:
    """All that scripts may know of a message, ready for ``json.dumps``."""
    schema = _schema(message)
    return {
        "id": message.id,
        "number": message.number,
        "author": message.author,
        "to": message.to,
        "kind": _kind(message, schema),
        "precedence": message.precedence.name.lower(),
        "text": _words(message),
        "fields": _fields(message, schema),
        "written_at": iso(message.written_at),
        "received_at": iso(message.received_at),
        "state": message.state.value,
        "state_at": iso(message.state_at),
        "link": message.link,
        "bytes": message.frame_bytes,
        "credits": message.credits,
        "signed": message.signed,
        "exercise": message.exercise,
    }


def iso(at_ms: int | None) -> str | None:
    """Milliseconds since 1970 as ``2026-11-23T06:30:00.000Z``."""
    if at_ms is None:
        return None
    try:
        at = _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kind(message: Message, schema: Schema | None) -> str:
    if message.kind is not RecordKind.FORM:
        return message.kind.name.lower()
    return schema.name if schema else f"form-{message.form or 0}"


def _words(message: Message) -> str:
    """The text; of a form its words, one a line, readable without its schema."""
    if message.kind is not RecordKind.FORM:
        return message.text
    from crisiskit.codec.forms import split_words

    return "\n".join(word for word in split_words(message.text) if word)


def _schema(message: Message) -> Schema | None:
    if message.kind is not RecordKind.FORM or not message.data:
        return None
    from crisiskit.forms.catalog import by_id

    return by_id(message.data[0])


def _fields(message: Message, schema: Schema | None) -> dict[str, object] | None:
    if schema is None:
        return None
    from crisiskit.codec.forms import unpack
    from crisiskit.codec.reject import Rejected

    filled = unpack(schema, message.data, message.text)
    if isinstance(filled, Rejected):
        return None
    known = {field.name: field for field in schema.fields}
    values = filled.values.items()
    return {name: _field(known[name], value, message.written_at) for name, value in values}


def _field(field: AnyField, value: Value, written_at: int) -> object:
    from crisiskit.codec.forms import Time

    if isinstance(field, Time) and isinstance(value, int):
        return iso((written_at // _MINUTE_MS + value) * _MINUTE_MS)
    if isinstance(value, tuple):
        return {"latitude": value[0], "longitude": value[1]}
    return value
