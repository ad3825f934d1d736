"""The log as ICS 309, Communications Log: plain text in pages of 60 lines of 80 columns.

The layout follows the form of the Incident Command System as it is used by emergency radio
groups: incident, operational period, net, operator; then time, from, to, number, subject;
then who prepared it, and the page. What is not known here is left open for the pen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crisiskit.attachment import attachment_words
from crisiskit.cards import order_line
from crisiskit.export.heading import Heading, one_line_of, zone_text
from crisiskit.i18n import speak
from crisiskit.model import Message, Precedence
from crisiskit.render import local_time, one_line
from crisiskit.widths import cells, fit, wrap

COLUMNS = 80
PAGE_LINES = 60
SUBJECT_LINES_MAX = 4
_TIME, _WHO, _NUMBER = 11, 12, 9
_SUBJECT = COLUMNS - _TIME - 2 * _WHO - _NUMBER - 4
_NEXT_PAGE = "\f"
_MINUTE = "%Y-%m-%d %H:%M"
_OPEN = "_" * 16


def as_ics309(messages: Iterable[Message], heading: Heading) -> Iterator[str]:
    """The log, page by page; a form feed stands between two pages. Times are local."""
    top = _top(heading)
    room = PAGE_LINES - len(top) - len(_bottom(heading, 1, last=True))
    number, lines = 1, list[str]()
    for message in messages:
        entry = _entry(message, heading)
        if len(lines) + len(entry) > room:
            yield _page(top, lines, room, _bottom(heading, number, last=False)) + _NEXT_PAGE
            number, lines = number + 1, []
        lines += entry
    yield _page(top, lines, room, _bottom(heading, number, last=True))


def _page(top: list[str], lines: list[str], room: int, bottom: list[str]) -> str:
    blank = [""] * (room - len(lines))
    return "".join(f"{line.rstrip()}\n" for line in [*top, *lines, *blank, *bottom])


def _top(heading: Heading) -> list[str]:
    _ = speak(heading.lang)
    title = _("COMMUNICATIONS LOG") + ("   " + _("EXERCISE") if heading.exercise else "")
    period = _("from {start} to {end}").format(
        start=_OPEN if heading.since is None else local_time(heading.since, _MINUTE),
        end=_OPEN if heading.until is None else local_time(heading.until, _MINUTE),
    )
    pair = _("{label}: {value}")
    pairs = (
        (_("Incident"), one_line_of(heading.incident) or _OPEN * 2),
        (_("Operational period"), period),
        (_("Net, station"), f"{one_line_of(heading.network)}, {one_line_of(heading.station)}"),
        (_("Radio operator (name, call sign)"), _OPEN * 2),
    )
    columns = (
        (_("DATE, TIME"), _TIME),
        (_("FROM"), _WHO),
        (_("TO"), _WHO),
        (_("MSG NO."), _NUMBER),
        (_("SUBJECT"), _SUBJECT),
    )
    return [
        fit(title, COLUMNS - cells("ICS 309")) + "ICS 309",
        *(fit(pair.format(label=label, value=value), COLUMNS) for label, value in pairs),
        "-" * COLUMNS,
        " ".join(fit(word, size) for word, size in columns),
        "-" * COLUMNS,
    ]


def _entry(message: Message, heading: Heading) -> list[str]:
    lang = heading.lang
    at = message.written_at if message.received_at is None else message.received_at
    width = SUBJECT_LINES_MAX * _SUBJECT
    subject = one_line_of(one_line(message.kind, message.data, message.text, lang, width))
    if message.precedence > Precedence.ROUTINE:
        subject = f"{message.precedence.name} {subject}"
    if message.order is not None:
        subject = f"{order_line(message.order, '', heading.made_at, lang)} {subject}"
    files = [one_line_of(attachment_words(one, lang)) for one in message.attachments]
    subject = " + ".join([subject, *files])
    first, *more = wrap(subject, _SUBJECT, SUBJECT_LINES_MAX)
    row = (
        fit(local_time(at, "%m-%d %H:%M"), _TIME),
        fit(one_line_of(message.author), _WHO),
        fit(one_line_of(message.to), _WHO),
        fit(message.id, _NUMBER),
        first,
    )
    return [" ".join(row), *(" " * (COLUMNS - _SUBJECT) + line for line in more)]


def _bottom(heading: Heading, page: int, last: bool) -> list[str]:
    """Only the last page knows how many there are: the log is never held as a whole."""
    _ = speak(heading.lang)
    prepared = _("Prepared by: {line}   Date and time prepared: {at}")
    number = _("Page {n} of {n}") if last else _("Page {n}")
    zone = _("Times are local, {zone}.").format(zone=zone_text(heading.made_at))
    return [
        "-" * COLUMNS,
        prepared.format(line=_OPEN, at=local_time(heading.made_at, _MINUTE)),
        f"{number.format(n=page)}   {zone}",
    ]
