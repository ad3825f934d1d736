"""A message as JSON: what scripts rely on. Keys are only ever added.

Times are ISO 8601 in UTC, or null where there is none or the writer's clock was beyond the
year 9999. ``kind`` is ``text``, ``order``, or the name of the form. ``fields`` are the answers
of a form by field name: a time as ISO 8601, a position as latitude and longitude in degrees,
a choice as its key; null for what is no form, or a form that is not installed here.
``link_position`` is where the network heard the sender, within so many km: an estimate that
nobody signed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from crisiskit.attachment import file_name
from crisiskit.model import Attachment, Message, Order, RecordKind

if TYPE_CHECKING:
    from crisiskit.codec.forms import AnyField, Schema, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MS = 60_000


def message_json(message: Message) -> dict[str, object]:
    """All that scripts may know of a message, ready for ``json.dumps``."""
    body = body_json(message.kind, message.data, message.text, message.written_at)
    return {
        "id": message.id,
        "number": message.number,
        "author": message.author,
        "to": message.to,
        "kind": body["kind"],
        "precedence": message.precedence.name.lower(),
        "text": body["text"],
        "fields": body["fields"],
        "written_at": iso(message.written_at),
        "received_at": iso(message.received_at),
        "state": message.state.value,
        "state_at": iso(message.state_at),
        "link": message.link,
        "bytes": message.frame_bytes,
        "credits": message.credits,
        "signed": message.signed,
        "exercise": message.exercise or (message.order is not None and message.order.exercise),
        "clear": message.clear,
        **_order_facts(message.order),
        "link_position": _link_position(message.link_position),
        "attachments": [attachment_json(one) for one in message.attachments],
    }


def attachment_json(attachment: Attachment) -> dict[str, object]:
    """A file of a message; ``state`` is partly, whole, wrong, withdrawn, expired or given_up."""
    return {
        "name": file_name(attachment.name),
        "size": attachment.size,
        "state": attachment.state.value,
        "percent": attachment.percent,
    }


def _link_position(place: tuple[float, float, int] | None) -> dict[str, float] | None:
    if place is None:
        return None
    return {"latitude": place[0], "longitude": place[1], "radius_km": place[2]}


def _order_facts(order: Order | None) -> dict[str, object]:
    """What a message is as an order, flat for spreadsheets; null for what is none."""
    return {
        "order": order.number if order and order.kind else None,
        "order_kind": order.kind if order and order.kind else None,
        "order_cancels": (order.cancels or None) if order else None,
        "order_cancelled_by": (order.cancelled_by or None) if order else None,
    }


def body_json(kind: RecordKind, data: bytes, text: str, written_at: int) -> dict[str, object]:
    """What the body of a record says: ``kind``, ``text`` and ``fields``."""
    schema = _schema(kind, data)
    return {
        "kind": _kind(kind, data, schema),
        "text": _words(kind, text),
        "fields": _fields(schema, data, text, written_at),
    }


def order_json(order: Order, now_ms: int) -> dict[str, object]:
    """All that scripts may know of an order; ``verdict`` is that of ``now_ms``.

    An order that was not given yet has the verdict ``draft``, one taken back in time
    ``withdrawn``.
    """
    waits = "draft" if order.draft else "withdrawn" if order.withdrawn else ""
    return {
        "number": order.number,
        "kind": order.kind,
        "box": order.box,
        "verdict": waits or order.verdict_at(now_ms).value,
        "exercise": order.exercise,
        "precedence": order.precedence.name.lower(),
        "text": order.text,
        "code": order.code,
        "wants_answer": order.wants_answer,
        "issued_at": iso(order.issued_at),
        "expires_at": iso(order.expires_at),
        "kits": list(order.kits),
        "signers": list(order.signers),
        "cancels": order.cancels or None,
        "cancelled_by": order.cancelled_by or None,
        "answered_at": iso(order.answered_at),
        "answers": order.answers,
        "asked": order.asked,
        "id": order.id or None,
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


def _kind(kind: RecordKind, data: bytes, schema: Schema | None) -> str:
    if kind is not RecordKind.FORM:
        return kind.name.lower()
    return schema.name if schema else f"form-{data[0] if data else 0}"


def _words(kind: RecordKind, text: str) -> str:
    """The text; of a form its words, one a line, readable without its schema."""
    if kind is not RecordKind.FORM:
        return text
    from crisiskit.codec.forms import split_words

    return "\n".join(word for word in split_words(text) if word)


def _schema(kind: RecordKind, data: bytes) -> Schema | None:
    if kind is not RecordKind.FORM or not data:
        return None
    from crisiskit.forms.catalog import by_id

    return by_id(data[0])


def _fields(
    schema: Schema | None, data: bytes, text: str, written_at: int
) -> dict[str, object] | None:
    if schema is None:
        return None
    from crisiskit.codec.forms import unpack
    from crisiskit.codec.reject import Rejected

    filled = unpack(schema, data, text)
    if isinstance(filled, Rejected):
        return None
    known = {field.name: field for field in schema.fields}
    values = filled.values.items()
    return {name: _field(known[name], value, written_at) for name, value in values}


def _field(field: AnyField, value: Value, written_at: int) -> object:
    from crisiskit.codec.forms import Time

    if isinstance(field, Time) and isinstance(value, int):
        return iso((written_at // _MINUTE_MS + value) * _MINUTE_MS)
    if isinstance(value, tuple):
        return {"latitude": value[0], "longitude": value[1]}
    return value
