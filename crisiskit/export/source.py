"""Which messages an export holds, read page by page so that a long log does not fill memory."""

from __future__ import annotations

from collections.abc import Iterator

from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.model import CENTER, Message
from crisiskit.store.views import Views

PAGE_ROWS = 500


def chosen(
    views: Views,
    box: str = "all",
    since: int | None = None,
    until: int | None = None,
    kit: str | None = None,
) -> Iterator[Message]:
    """Messages of a box, oldest first, from ``since`` (ms, included) to ``until`` (left out).

    The time that counts is that of arrival, of our own messages that of writing. ``kit``, at a
    center: the name of one kit, as ``kit_name`` gives it.
    """
    after = 0
    while page := views.search(box, None, since, after, PAGE_ROWS):
        after = page[-1].ref
        for message in page:
            if until is not None and _at(message) >= until:
                continue
            if kit is None or kit == (message.author if message.box == "in" else message.to):
                yield message


def kit_name(views: Views, typed: str) -> str:
    """The name of a kit from its name or number.

    Raises UsageError ``kit_unknown``, CrisiskitError ``not_a_center``.
    """
    if views.role != CENTER:
        raise CrisiskitError("not_a_center")
    for kit in views.kits():
        if typed in (kit.name, str(kit.number)):
            return kit.name
    raise UsageError("kit_unknown", name=typed)


def _at(message: Message) -> int:
    return message.written_at if message.received_at is None else message.received_at
