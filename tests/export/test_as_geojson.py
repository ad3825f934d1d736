"""GeoJSON: each position is a point where it lies, with the message behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisiskit.export.as_geojson import as_geojson
from crisiskit.export.heading import Heading
from crisiskit.model import Message, RecordKind

Make = Callable[..., Message]


def features(heading: Heading, *messages: Message) -> list[dict[str, Any]]:
    told = json.loads("".join(as_geojson(messages, heading)))
    assert set(told) == {"type", "features"}
    assert told["type"] == "FeatureCollection"
    found: list[dict[str, Any]] = told["features"]
    return found


def test_a_position_is_longitude_first(heading: Heading, form: Make) -> None:
    (feature,) = features(heading, form("position", position="-12.7807 45.2250", status="ok"))
    assert feature["type"] == "Feature"
    assert feature["geometry"] == {"type": "Point", "coordinates": [45.225, -12.7807]}
    assert feature["id"] == feature["properties"]["id"] == "7KQ2-M3XD"
    assert feature["properties"]["fields"]["status"] == "ok"


def test_labels_are_in_the_language_asked_for(heading: Heading, form: Make) -> None:
    message = form("medevac", place="Sada", position="-12.78 45.22", urgent="2")
    english = features(heading, message)[0]["properties"]["summary"]
    assert english.startswith("MEDEVAC: Sada, 12.7800° S")
    french = features(replace(heading, lang="fr"), message)[0]["properties"]["summary"]
    assert french.startswith("EVASAN: Sada, 12.7800° S")


def test_what_has_no_position_is_no_feature(heading: Heading, form: Make, text: Make) -> None:
    none = [form("sitrep", place="Sada"), text("words"), text("x", kind=RecordKind.FORM)]
    assert features(heading, *none) == features(heading) == []
    assert len(features(heading, *none, form("position", position="1 2"), *none)) == 1


@given(words=st.text(max_size=60), data=st.binary(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_any_message_leaves_the_file_whole(
    heading: Heading, text: Make, form: Make, words: str, data: bytes
) -> None:
    place = form("position", position="1 2")
    foreign = text(words, kind=RecordKind.FORM, data=b"\x04" + data, author=words)
    told = "".join(as_geojson([place, foreign, replace(place, text=words)], heading))
    told.encode()
    assert len(json.loads(told)["features"]) >= 2
    assert not {"\x00", "\x1b", "\u202e", "\x7f"} & set(told)
