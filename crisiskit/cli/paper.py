"""Messages on a terminal or on paper: lines of at most 80 columns, no colors, no motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from crisiskit.attachment import attachment_words
from crisiskit.cards import card_lines, order_line
from crisiskit.cli.columns import width_here
from crisiskit.clock import wall_ms
from crisiskit.harmless import in_line
from crisiskit.i18n import _, ngettext
from crisiskit.model import Message, Order
from crisiskit.render import (
    body_lines,
    clear_words,
    heard_words,
    local_time,
    message_line,
    precedence_word,
    size_text,
    state_word,
    trust_word,
)
from crisiskit.widths import fit

ID, WHEN, STATE, PRECEDENCE, WHO = 9, 11, 9, 9, 12
_BEFORE_TEXT = ID + WHEN + STATE + PRECEDENCE + WHO + 5


def print_head(any_rows: bool) -> None:
    """The line above the columns, on standard error so that pipes get rows only."""
    if not any_rows:
        click.echo(_("No messages."), err=True)
        return
    columns = (
        (_("ID"), ID),
        (_("WHEN"), WHEN),
        (_("STATE"), STATE),
        (_("URGENCY"), PRECEDENCE),
        (_("WITH"), WHO),
        (_("TEXT"), 0),
    )
    words = [fit(word, size) if size else word for word, size in columns]
    click.echo(" ".join(words), err=True)


def print_row(message: Message) -> None:
    """One message in one line: ``<`` came in, ``>`` was written here."""
    room = width_here() - _BEFORE_TEXT
    other = f"< {in_line(message.author)}" if message.box == "in" else f"> {in_line(message.to)}"
    if message.order is not None:
        line = order_line(message.order, message.text, wall_ms())
    else:
        line = message_line(message, room)
    row = (
        fit(message.id, ID),
        fit(local_time(_when(message), "%m-%d %H:%M"), WHEN),
        fit(state_word(message.state), STATE),
        fit(message.precedence.name, PRECEDENCE),
        fit(other, WHO),
        fit(line, room).rstrip(),
    )
    click.echo(" ".join(row).rstrip())


def print_whole(
    found: Sequence[Message],
    names: Mapping[int, str] | None = None,
    waits: Mapping[int, str] | None = None,
) -> None:
    """Everything about one message, and how far it is on its way to each station.

    ``waits``: by ``ref``, why it has not left yet.
    """
    waits = waits or {}
    first = found[0]
    pairs = [
        (_("Message"), first.id),
        (_("From"), in_line(first.author)),
        (_("To"), ", ".join(in_line(message.to) for message in found)),
        (_("Precedence"), precedence_word(first.precedence)),
        (_("Written"), local_time(first.written_at)),
    ]
    if first.received_at is not None:
        pairs.append((_("Received"), local_time(first.received_at)))
    if first.link_position is not None:
        pairs.append((_("Heard near"), heard_words(first.link_position)))
    if first.clear:
        pairs.append((_("Secrecy"), clear_words(clear=True)))
    if first.answers:
        pairs.append((_("Answers"), first.answers))
    if first.expires_at is not None:
        pairs.append((_("Expires"), local_time(first.expires_at)))
    pairs += [(_("State"), _progress(message, len(found) > 1)) for message in found]
    pairs += [
        (_("Next"), f"{in_line(m.to)}  {waits[m.ref]}" if len(found) > 1 else waits[m.ref])
        for m in found
        if m.ref in waits
    ]
    pairs += [(_("Signature"), _trust(message, len(found) > 1)) for message in found]
    if first.order is not None:
        print_card(first.order, names)
        click.echo()
    elif first.exercise:
        click.echo(_("EXERCISE  EXERCISE  EXERCISE"))
    labels = [label for label, _value in pairs] + [_("Attached")]
    size = max(map(len, labels)) + 2
    for label, value in pairs:
        click.echo(f"{fit(label + ':', size)}{value}")
    for message in found:
        for file in message.attachments:
            whom = f"{in_line(message.to)}  " if len(found) > 1 else ""
            click.echo(f"{fit(_('Attached') + ':', size)}{whom}{in_line(attachment_words(file))}")
    if first.order is not None:
        return
    click.echo()
    minute = first.written_at // 60_000
    for line in body_lines(first.kind, first.data, first.text, minute=minute):
        click.echo(line)


def print_card(order: Order, names: Mapping[int, str] | None = None, err: bool = False) -> None:
    """The card of an order."""
    for line in card_lines(order, wall_ms(), names, width=width_here() - 1):
        click.echo(line, err=err)


def _when(message: Message) -> int:
    return message.written_at if message.received_at is None else message.received_at


def _trust(message: Message, several: bool) -> str:
    return f"{message.to}  {trust_word(message)}" if several else trust_word(message)


def _progress(message: Message, several: bool) -> str:
    words = f"{state_word(message.state)}  {local_time(message.state_at)}"
    if several:
        words = f"{in_line(message.to)}  {words}"
    if message.link:
        words += f"  {message.link}, {size_text(message.frame_bytes)}"
        if message.credits:
            credits = ngettext("{n} credit", "{n} credits", message.credits)
            words += ", " + credits.format(n=message.credits)
    return words
