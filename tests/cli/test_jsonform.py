"""Messages as JSON: forms by name, times as ISO 8601, nothing that breaks a script."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisiskit.compose import compose_form
from crisiskit.jsonform import iso, message_json
from crisiskit.model import ClockQuality, Message, Precedence, RecordKind, State

MINUTE = 29_000_000


def message(kind: RecordKind, text: str = "", data: bytes = b"") -> Message:
    return Message(
        ref=1,
        id="7KQ2-M3XD",
        number=1,
        box="in",
        author="A",
        to="center",
        kind=kind,
        precedence=Precedence.FLASH,
        text=text,
        data=data,
        form=str(data[0]) if data else "",
        written_at=MINUTE * 60_000,
        clock=ClockQuality.UNKNOWN,
        received_at=None,
        state=State.HELD,
        state_at=0,
    )


def test_a_form_is_told_by_its_name_and_fields() -> None:
    answers = {"place": "Sada", "position": "-12.7807 45.2250", "road": "closed", "damage": "3"}
    data, text = compose_form("sitrep", answers, MINUTE)
    row = message_json(message(RecordKind.FORM, text, data))
    assert (row["kind"], row["text"], row["precedence"]) == ("sitrep", "Sada", "flash")
    assert row["fields"] == {
        "place": "Sada",
        "position": {"latitude": -12.7807, "longitude": 45.225},
        "road": "closed",
        "damage": 3,
    }


def test_a_time_of_a_form_is_an_instant() -> None:
    data, text = compose_form("sitrep", {"place": "x", "seen": "2h ago"}, MINUTE)
    row = message_json(message(RecordKind.FORM, text, data))
    fields = row["fields"]
    assert isinstance(fields, dict)
    assert fields["seen"] == iso((MINUTE - 120) * 60_000)


def test_a_form_that_is_not_known_here_still_shows_its_words() -> None:
    row = message_json(message(RecordKind.FORM, "Sada\x1f\x1fwater", b"\xfe\x01"))
    assert (row["kind"], row["text"], row["fields"]) == ("form-254", "Sada\nwater", None)
    row = message_json(message(RecordKind.FORM, "words", b""))
    assert (row["kind"], row["text"], row["fields"]) == ("form-0", "words", None)


@given(data=st.binary(max_size=300), text=st.text(max_size=200), kind=st.sampled_from(RecordKind))
def test_any_body_is_json(data: bytes, text: str, kind: RecordKind) -> None:
    row = message_json(message(kind, text, data))
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00.000Z"),
        (1_764_000_000_123, "2025-11-24T16:00:00.123Z"),
        (0xFFFFFFFF * 60_000, None),
        (2**62, None),
    ],
)
def test_times_are_iso_in_utc_or_null(at: int | None, told: str | None) -> None:
    assert iso(at) == told
