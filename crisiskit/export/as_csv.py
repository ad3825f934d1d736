"""The log for spreadsheets: CSV after RFC 4180, one message a row.

The columns are the keys of a message as JSON. What a spreadsheet would take for a formula is
led by an apostrophe, and so is what would become one if the file were split at another
separator or at line ends.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from crisiskit.attachment import attachment_words
from crisiskit.export.heading import Heading, harmless
from crisiskit.jsonform import message_json
from crisiskit.model import Message
from crisiskit.render import body_lines, heard_words

COMMA, SEMICOLON = ",", ";"
COLUMNS = (
    "id",
    "number",
    "author",
    "to",
    "kind",
    "precedence",
    "text",
    "fields",
    "written_at",
    "received_at",
    "state",
    "state_at",
    "link",
    "bytes",
    "credits",
    "signed",
    "exercise",
    "clear",
    "order",
    "order_kind",
    "order_cancels",
    "order_cancelled_by",
    "link_position",
    "attachments",
)
BOM = "\ufeff"
# The signs of spreadsheets in the West and, in full width, in the East.
_SIGN = "[-=+@＝＋－＠]"  # noqa: RUF001 - full width is meant
# At the start of a cell, and of what a reader who expects the other separator takes for one.
_FORMULA = {
    COMMA: re.compile(rf'^(?=\s*{_SIGN})|(?<=[;\n])(?=[\s"]*{_SIGN})'),
    SEMICOLON: re.compile(rf'^(?=\s*{_SIGN})|(?<=[,\n])(?=[\s"]*{_SIGN})'),
}


def as_csv(
    messages: Iterable[Message], heading: Heading, separator: str = COMMA, bom: bool = False
) -> Iterator[str]:
    """The file, row by row. ``separator``: COMMA or SEMICOLON; ``bom``: Excel needs one."""
    writer = csv.writer(_Returned(), delimiter=separator, lineterminator="\r\n")
    yield (BOM if bom else "") + str(writer.writerow(COLUMNS))
    for message in messages:
        told = message_json(message)
        told["fields"] = "" if told["fields"] is None else _answers(message, heading.lang)
        told["attachments"] = "\n".join(
            attachment_words(one, heading.lang) for one in message.attachments
        )
        if message.link_position is not None:
            told["link_position"] = heard_words(message.link_position, heading.lang)
        yield str(writer.writerow([_cell(told[key], separator) for key in COLUMNS]))


class _Returned:
    """What is written to it is what ``writerow`` returns."""

    def write(self, row: str) -> str:
        return row


def _cell(value: object, separator: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return str(value).lower()
    return _FORMULA[separator].sub("'", harmless(str(value)))


def _answers(message: Message, lang: str) -> str:
    """The answers of a form that is known here, one a line: ``Road: closed``."""
    minute = message.written_at // 60_000
    _title, *lines = body_lines(message.kind, message.data, message.text, lang, minute)
    return "\n".join(lines)
