"""Orders on a terminal or on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from crisiskit.cards import order_line
from crisiskit.cli.columns import width_here
from crisiskit.harmless import in_line
from crisiskit.i18n import _
from crisiskit.model import Order, Verdict
from crisiskit.render import age_text, local_time
from crisiskit.store.order_views import Answer
from crisiskit.widths import fit

_WHEN, _WHOM, _LEFT, _ANSWER = 11, 9, 5, 14


def print_row(order: Order, now_ms: int, names: Mapping[int, str]) -> None:
    """One order in one line: when, to whom, how long still, its answers, and what it says."""
    room = width_here() - _WHEN - _WHOM - _LEFT - _ANSWER - 4
    whom = ", ".join(in_line(names.get(kit, str(kit))) for kit in order.kits) or _("ALL KITS")
    line = fit(order_line(order, order.text, now_ms), room).rstrip()
    cells = (
        fit(local_time(order.issued_at, "%m-%d %H:%M"), _WHEN),
        fit(whom, _WHOM),
        fit(_left(order, now_ms), _LEFT),
        fit(_answer(order, now_ms), _ANSWER),
    )
    click.echo(" ".join((*cells, line)))


def _left(order: Order, now_ms: int) -> str:
    """How long it is still in force; the state of any other stands before its words."""
    if order.expires_at is None or order.verdict_at(now_ms) is not Verdict.VALID:
        return ""
    return age_text((order.expires_at - now_ms) / 1000)


def _answer(order: Order, now_ms: int) -> str:
    if order.kind != "order" or order.draft or order.withdrawn:
        return ""
    if order.box == "out":
        counts = order.answers or order.wants_answer
        words = _("answered {n}/{all}").format(n=order.answers, all=order.asked)
        return words if counts else ""
    if order.answered_at is not None:
        return _("answered")
    wanted = order.wants_answer and order.verdict_at(now_ms) is Verdict.VALID
    return _("answer wanted") if wanted else ""


def print_answers(answers: Sequence[Answer]) -> None:
    """Who answered it."""
    for one in answers:
        right = _("code right") if one.correct else _("CODE WRONG")
        line = f"{local_time(one.at)}  {one.kit}  {right}"
        click.echo(f"{line}  {' '.join(one.text.split())}".rstrip())
