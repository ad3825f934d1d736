"""``links``: state, signal and today's cost of each link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.clock import wall_ms
from crisiskit.i18n import _, ngettext, status_text, trouble_text, trouble_word
from crisiskit.installation import agent_runs, looking
from crisiskit.model import Precedence
from crisiskit.widths import wrap
from transports.link import Trouble

if TYPE_CHECKING:
    from crisiskit.model import Carrying, LinkView, Neighbour
    from crisiskit.prospects import Prospects
    from crisiskit.settings import LinkSettings
    from crisiskit.sync.budget import Budget

_MICROS = 1_000_000
LINES_MOST = 4
NOMINAL_BYTES = 100
_DOWN = "down"
NEIGHBOURS = "neighbours"


@click.command(
    help=_("Show the links: state, signal, and what they cost today."),
    epilog=examples("crisiskit links", "crisiskit links --json", "crisiskit links --follow"),
)
@click.option("--follow", is_flag=True, help=_("Go on: a line for each change, until Ctrl+C."))
@json_option
@home_option
def links(home: Path, as_json: bool, follow: bool) -> None:
    """Show the links."""
    from crisiskit.cli.columns import width_here
    from crisiskit.nearby import carrying_words, neighbours_words
    from crisiskit.prospects import Prospects
    from crisiskit.settings import load

    if follow:
        from crisiskit.cli.linkfollow import follow as follow_links

        follow_links(home, as_json, phase_word)
        return
    with looking(home) as views:
        tables = load(home).links
        seen = {view.name: view for view in views.links(wall_ms())}
        prospects = Prospects(home, views)
        met, carrying = views.neighbours(), views.carrying(wall_ms())
    if as_json:
        for table in tables:
            here = [one for one in met if one.link == table.name and one.here]
            row = _row(table, seen.get(table.name)) | _terms(table.name, prospects)
            if not row["reason"] and prospects.spent_up(table.name):
                row["reason"] = Trouble.OUT_OF_CREDIT
            emit(row | _nearby_row(table, here, carrying))
        return
    if not tables:
        say(_("No link is set up. Set one up with “crisiskit link add”."))
        return
    if not agent_runs(home):
        say(_("No agent runs here, so no link is open. Start one with “crisiskit agent”."))
        seen = {name: replace(view, phase=_DOWN, signal=None) for name, view in seen.items()}
    _print_table(tables, seen, prospects)
    for table in tables:
        for line in _terms_lines(table, prospects):
            for part in wrap(line, width_here(), LINES_MOST):
                click.echo(part)
        view = seen.get(table.name)
        if view is not None and (told := _told(view)):
            click.echo(f"{table.name}: {told}")
    for table in tables if agent_runs(home) else ():
        if table.kind == NEIGHBOURS:
            say(neighbours_words(table.name, met))
    if words := carrying_words(carrying):
        say(words)


def _terms(name: str, prospects: Prospects) -> dict[str, object]:
    """Hours and budget of a link: all of it, and what is left for whom today."""
    terms, purse = prospects.policy.links[name], prospects.purse(name)
    budget = terms.budget
    everyday = budget.share(Precedence.ROUTINE).left(purse)
    nominal = prospects.nominal(name)
    return {
        "hours": str(terms.hours) or None,
        "open": prospects.open_now(name),
        "budget": _amounts(budget) if budget.limited else None,
        "budget_left": _amounts(budget.left(purse)) if budget.limited else None,
        "budget_left_routine": _amounts(everyday) if budget.limited else None,
        "nominal": {
            "bytes": NOMINAL_BYTES,
            "credits": nominal.credits,
            "price": nominal.micros / _MICROS,
            "seconds": round(nominal.seconds, 1),
        },
    }


def _amounts(budget: Budget) -> dict[str, object]:
    money = None if budget.micros is None else budget.micros / _MICROS
    return {"credits": budget.credits, "bytes": budget.frame_bytes, "money": money}


def _terms_lines(table: LinkSettings, prospects: Prospects) -> Iterator[str]:
    """What a message costs there and how long it takes; hours and budget, where there are any."""
    from crisiskit.foresight import price_text, seconds_text
    from crisiskit.render import size_text

    terms, purse = prospects.policy.links[table.name], prospects.purse(table.name)
    name = table.name
    nominal, paid = prospects.nominal(name), {name: table.price.currency}
    if not terms.traits.carried:
        yield _("{link}, for {size}: {price}, {time}").format(
            link=name,
            size=size_text(NOMINAL_BYTES),
            price=price_text(nominal, paid),
            time=seconds_text(nominal.seconds),
        )
    if terms.hours.windows:
        words = _("{link} may be used {hours}; FLASH at any time.")
        yield words.format(link=name, hours=terms.hours)
    if terms.budget.limited:
        left = terms.budget.left(purse)
        everyday = terms.budget.share(Precedence.ROUTINE).left(purse)
        words = _("{link} has {left} left today, {everyday} of it for what is not urgent.")
        currency = table.price.currency
        yield words.format(
            link=name, left=_left(left, currency), everyday=_left(everyday, currency)
        )


def _left(budget: Budget, currency: str) -> str:
    from crisiskit.render import money_text, size_text

    words = []
    if budget.credits is not None:
        credits = ngettext("{n} credit", "{n} credits", budget.credits)
        words.append(credits.format(n=budget.credits))
    if budget.frame_bytes is not None:
        words.append(size_text(budget.frame_bytes))
    if budget.micros is not None:
        words.append(money_text(budget.micros, currency))
    return ", ".join(words)


def _told(view: LinkView) -> str:
    """What the device said of its last try, else what the trouble means; empty if all is well."""
    return status_text(view.status) or (trouble_text(view.reason) if view.reason else "")


def _row(table: LinkSettings, view: LinkView | None) -> dict[str, object]:
    from crisiskit.jsonform import iso
    from crisiskit.plugged import port_of, unplugged

    return {
        "name": table.name,
        "kind": table.kind,
        "phase": view.phase if view else _DOWN,
        "signal": view.signal if view else None,
        "reason": view.reason if view else "",
        "status": view.status if view else "",
        "status_text": _told(view) if view else "",
        "since": iso(view.since) if view else None,
        "waiting": view.waiting if view else 0,
        "bytes_today": view.bytes_today if view else 0,
        "credits_today": view.credits_today if view else 0,
        "spent_today": (view.micros_today if view else 0) / _MICROS,
        "credit_price": table.price.credit_micros / _MICROS,
        "byte_price": table.price.byte_micros / _MICROS,
        "currency": table.price.currency,
        "clear": table.clear or bool(view and view.clear),
        "device": port_of(table.options) or None,
        "plugged": not unplugged(table.options),
    }


def _nearby_row(
    table: LinkSettings, here: list[Neighbour], carrying: Carrying
) -> dict[str, object]:
    """Who is here, and what is carried for them, of a link to neighbours."""
    if table.kind != NEIGHBOURS:
        return {}
    return {
        "neighbours": [{"peer": one.peer, "name": one.name} for one in here],
        "carried_waiting": carrying.frames,
        "carried_waiting_bytes": carrying.frame_bytes,
        "carried_today": carrying.frames_today,
        "carried_today_bytes": carrying.bytes_today,
        "carried_today_credits": carrying.credits_today,
    }


def _print_table(
    tables: tuple[LinkSettings, ...], seen: dict[str, LinkView], prospects: Prospects
) -> None:
    from crisiskit.cli.columns import print_table

    head = (_("LINK"), _("KIND"), _("STATE"), _("SIGNAL"), _("WAITING"), _("TODAY"), _("COST"))
    rows: list[tuple[str, ...]] = [head]
    for table in tables:
        spent = prospects.spent_up(table.name)
        rows.append(_cells(table, seen.get(table.name), spent))
    print_table(rows)


def _cells(table: LinkSettings, view: LinkView | None, spent: bool) -> tuple[str, ...]:
    from crisiskit.plugged import unplugged
    from crisiskit.render import clear_words, size_text

    currency = table.price.currency
    state = phase_word(view.phase if view else _DOWN)
    if view and view.reason:
        state += f" ({trouble_word(view.reason)})"
    elif unplugged(table.options):
        state += f" ({trouble_word(Trouble.DEVICE_GONE)})"
    elif spent:
        state += f" ({trouble_word(Trouble.OUT_OF_CREDIT)})"
    if table.clear or (view and view.clear):
        state += ", " + clear_words(clear=True)
    if view is None:
        return (table.name, table.kind, state, "", "", size_text(0), "")
    return (
        table.name,
        table.kind,
        state,
        "" if view.signal is None else f"{view.signal}/5",
        str(view.waiting) if view.waiting else "",
        size_text(view.bytes_today),
        _cost(view, currency),
    )


def _cost(view: LinkView, currency: str) -> str:
    """Money where a price is set, else the credits."""
    from crisiskit.render import money_text

    if view.micros_today or not view.credits_today:
        return money_text(view.micros_today, currency)
    words = ngettext("{n} credit", "{n} credits", view.credits_today)
    return words.format(n=view.credits_today)


def phase_word(phase: str) -> str:
    """Where a link is in its life, in one word."""
    words = {
        "down": _("down"),
        "opening": _("opening"),
        "ready": _("ready"),
        "busy": _("sending"),
    }
    return words.get(phase, phase)
