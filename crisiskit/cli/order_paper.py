"""Orders on a terminal or on paper."""

from __future__ import annotations

from collections.abc import Sequence

import click

from crisiskit.cards import order_line
from crisiskit.cli.columns import width_here
from crisiskit.i18n import _
from crisiskit.model import Order
from crisiskit.render import local_time
from crisiskit.store.order_views import Answer
from crisiskit.widths import fit

_WHEN = 11


def print_row(order: Order, now_ms: int) -> None:
    """One order in one line."""
    room = width_here() - _WHEN - 1
    line = fit(order_line(order, order.text, now_ms), room).rstrip()
    click.echo(f"{fit(local_time(order.issued_at, '%m-%d %H:%M'), _WHEN)} {line}")


def print_answers(answers: Sequence[Answer]) -> None:
    """Who answered it."""
    for one in answers:
        right = _("code right") if one.correct else _("CODE WRONG")
        line = f"{local_time(one.at)}  {one.kit}  {right}"
        click.echo(f"{line}  {' '.join(one.text.split())}".rstrip())
