"""A record as it is stored, as the record that its author wrote."""

from __future__ import annotations

from crisiskit.model import Direction, Precedence, Record, RecordKind, Reference
from crisiskit.store.logbook import Written


def record_of(written: Written) -> Record | None:
    """The record; None if its fields are none that a record can have."""
    kind, precedence, minute, twin, way, *named = written.fields
    try:
        return Record(
            RecordKind(kind),
            Precedence(precedence),
            minute,
            written.text,
            written.data,
            twin,
            None if way is None else Reference(Direction(way), *named),
        )
    except ValueError:
        return None
