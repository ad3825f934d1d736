"""The log as one page for browsers and printers: nothing is fetched, nothing runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from crisiskit.attachment import attachment_words
from crisiskit.cards import order_line
from crisiskit.export.heading import Heading, harmless, zone_text
from crisiskit.i18n import speak
from crisiskit.model import Message
from crisiskit.render import body_lines, local_time, precedence_word, state_word

_MINUTE = "%Y-%m-%d %H:%M"
# Also for a browser that would believe what a message says: no script, picture or address.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.4 sans-serif; margin: 1rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: 0.3rem 0; }
th, td { border: 1px solid; padding: 0.3rem 0.5rem; text-align: left; vertical-align: top; }
td.words { overflow-wrap: anywhere; white-space: pre-wrap; }
.exercise { border: 3px solid; font-weight: bold; padding: 0.3rem; }
@media print {
  body { font-size: 9pt; margin: 0; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
}
"""


def as_html(messages: Iterable[Message], heading: Heading) -> Iterator[str]:
    """The page, row by row. Times are local."""
    _ = speak(heading.lang)
    yield _top(heading)
    rows = 0
    for rows, message in enumerate(messages, 1):  # noqa: B007 - counted for the last line
        yield _row(message, heading)
    yield "</tbody>\n</table>\n"
    number = _("Number of messages: {n}").format(n=rows)
    yield f"<p>{escape(number)}</p>\n</main>\n</body>\n</html>\n"


def _top(heading: Heading) -> str:
    _ = speak(heading.lang)
    title = _("Log of {station}, {network}").format(
        station=harmless(heading.station), network=harmless(heading.network)
    )
    facts = [
        _("Incident: {name}").format(name=harmless(heading.incident)) if heading.incident else "",
        _period(heading),
        _("Made: {at}").format(at=local_time(heading.made_at, _MINUTE)),
        _("Times are local, {zone}.").format(zone=zone_text(heading.made_at)),
    ]
    drill, caption = _("EXERCISE"), _("Messages, oldest first")
    columns = (_("Time"), _("From"), _("To"), _("Urgency"), _("Message"), _("State"), _("ID"))
    return (
        f'<!DOCTYPE html>\n<html lang="{heading.lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + (f'<p class="exercise">{escape(drill)}</p>\n' if heading.exercise else "")
        + f"<h1>{escape(title)}</h1>\n"
        + "".join(f"<p>{escape(fact)}</p>\n" for fact in facts if fact)
        + f"<table>\n<caption>{escape(caption)}</caption>\n<thead>\n<tr>"
        + "".join(f'<th scope="col">{escape(word)}</th>' for word in columns)
        + "</tr>\n</thead>\n<tbody>\n"
    )


def _period(heading: Heading) -> str:
    _ = speak(heading.lang)
    start = None if heading.since is None else local_time(heading.since, _MINUTE)
    end = None if heading.until is None else local_time(heading.until, _MINUTE)
    if start and end:
        return _("From {start} to {end}").format(start=start, end=end)
    if start:
        return _("Since {start}").format(start=start)
    return _("Until {end}").format(end=end) if end else ""


def _row(message: Message, heading: Heading) -> str:
    lang = heading.lang
    at = message.written_at if message.received_at is None else message.received_at
    minute = message.written_at // 60_000
    body = body_lines(message.kind, message.data, message.text, lang, minute)
    if message.order is not None:
        body = [order_line(message.order, "", heading.made_at, lang), *body]
    attached = speak(lang)("Attached: {file}")
    body += [attached.format(file=attachment_words(one, lang)) for one in message.attachments]
    cells = (
        local_time(at, _MINUTE),
        message.author,
        message.to,
        precedence_word(message.precedence, lang),
    )
    words = escape(harmless("\n".join(body)))
    plain = "".join(f"<td>{escape(harmless(cell))}</td>" for cell in cells)
    state = f"<td>{escape(state_word(message.state, lang))}</td>"
    # Words in another script than the page's take their own direction, and keep it to themselves.
    name = f'<th scope="row">{escape(harmless(message.id))}</th>'
    return f'<tr>{plain}<td class="words" dir="auto">{words}</td>{state}{name}</tr>\n'
