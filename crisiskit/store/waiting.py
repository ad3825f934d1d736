"""What a screen must know to say why messages wait, and when they will leave."""

from __future__ import annotations

from collections import Counter

from crisiskit.model import Precedence
from crisiskit.step import Purse
from crisiskit.store import spending
from crisiskit.store.views import DAY_MS, Views


def oldest(views: Views) -> dict[tuple[str, Precedence], int]:
    """Since when the oldest message of each station and precedence waits to be sealed, in ms."""
    rows = views.rows(
        "SELECT p.name, r.precedence, min(r.written_at) FROM delivery d"
        " JOIN record r ON r.id = d.record JOIN pairing p ON p.id = d.pairing"
        " WHERE d.state = 'kept' GROUP BY p.name, r.precedence"
    )
    return {(name, Precedence(precedence)): at for name, precedence, at in rows}


def unanswered(views: Views) -> Counter[str]:
    """How many envelopes to each station are not known to be stored there."""
    rows = views.rows(
        "SELECT p.name, count(*) FROM envelope e JOIN pairing p ON p.id = e.pairing"
        " WHERE e.held_at IS NULL AND e.state <> 'arrived' GROUP BY p.name"
    )
    return Counter(dict(rows))


def known_links(views: Views) -> dict[str, set[str]]:
    """The links on which each station was ever heard."""
    found: dict[str, set[str]] = {}
    sql = "SELECT p.name, w.link FROM path w JOIN pairing p ON p.id = w.pairing"
    for name, link in views.rows(sql):
        found.setdefault(name, set()).add(link)
    return found


def purses(views: Views, now: int) -> tuple[dict[str, Purse], list[tuple[str, Purse]]]:
    """What counts against budgets, and what each link has cost on each day near to today."""
    rows = views.rows(spending.DAYS, (now // DAY_MS - spending.DAYS_BACK, spending.DAYS_MOST))
    days = [(link, Purse(*amounts)) for link, *amounts in rows]
    return dict(spending.read_purses(views.rows)), days
