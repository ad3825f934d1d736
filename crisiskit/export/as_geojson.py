"""The log for maps: GeoJSON after RFC 7946, one feature for each message with a position."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from crisiskit.codec.forms import Position
from crisiskit.export.heading import Heading, harmless
from crisiskit.jsonform import message_json
from crisiskit.model import Message, RecordKind
from crisiskit.render import one_line, read_form

SUMMARY_CHARACTERS = 200


def as_geojson(messages: Iterable[Message], heading: Heading) -> Iterator[str]:
    """A FeatureCollection, one feature a line.

    Properties are the keys of a message as JSON, and ``summary``: the message in one line in
    the reader's language, for labels.
    """
    yield '{"type": "FeatureCollection", "features": ['
    between = "\n"
    for message in messages:
        if (place := _place(message)) is not None:
            yield between + json.dumps(_feature(message, place, heading.lang), ensure_ascii=False)
            between = ",\n"
    yield "\n]}\n"


def _place(message: Message) -> tuple[float, float] | None:
    """Latitude and longitude of the first position in the form."""
    if message.kind is not RecordKind.FORM:
        return None
    form = read_form(message.data, message.text)
    for field in form[0].fields if form else ():
        value = form[1].values.get(field.name) if form else None
        if isinstance(field, Position) and isinstance(value, tuple):
            return value
    return None


def _feature(message: Message, place: tuple[float, float], lang: str) -> dict[str, object]:
    line = one_line(message.kind, message.data, message.text, lang, SUMMARY_CHARACTERS)
    latitude, longitude = place
    return {
        "type": "Feature",
        "id": message.id,
        "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
        "properties": _harmless({"summary": line, **message_json(message)}),
    }


def _harmless(value: object) -> object:
    """Every text in a value of JSON without marks that could mislead who reads it."""
    if isinstance(value, dict):
        return {key: _harmless(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_harmless(part) for part in value]
    return harmless(value) if isinstance(value, str) else value
