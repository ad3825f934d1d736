"""The field screen as numbered lines."""

from __future__ import annotations

from crisiskit.model import CENTER, Precedence, RecordKind
from crisiskit.screens.plain import Lines
from crisiskit.store.store import Draft


class FieldLines(Lines):
    """A kit writes to its center."""

    def blank(self) -> Draft:
        """See Lines."""
        return Draft(RecordKind.TEXT, Precedence.ROUTINE, to=CENTER)
