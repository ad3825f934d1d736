"""Times as people type them on a command line."""

from __future__ import annotations

from datetime import datetime

import click

from crisiskit.errors import UsageError
from crisiskit.i18n import _


def instant(word: str, now_ms: int, ahead: bool) -> int:
    """Milliseconds since 1970 UTC.

    ``word`` is a duration (``30m``, ``2h``, ``1d``), ahead of now or back, or an ISO 8601 time,
    local where it names no zone.
    """
    from crisiskit.compose import parse_duration

    try:
        shift = parse_duration(word) * 1000
        return now_ms + shift if ahead else now_ms - shift
    except UsageError:
        pass
    try:
        return int(datetime.fromisoformat(word).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        hint = _("“{word}” is no time. Write for example 2h, or 2026-11-24T06:30.")
        raise click.UsageError(hint.format(word=word)) from None
