"""``send --dry-run``: what a message would cost on each link, before anybody pays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from crisiskit.cli.columns import print_table
from crisiskit.cli.common import emit, say
from crisiskit.clock import minute_of, wall_ms
from crisiskit.i18n import _
from crisiskit.installation import open_installation
from crisiskit.links import link_traits
from crisiskit.model import Record
from crisiskit.render import clear_words, money_text, size_text
from crisiskit.settings import load
from crisiskit.store.store import Draft
from crisiskit.sync.plan import Estimate, estimate, record_bytes

_MICROS = 1_000_000


def show_prices(home: Path, drafts: Iterable[Draft], as_json: bool) -> None:
    """Bytes, credits, price and time of each message alone, by link, cheapest first."""
    number = open_installation(home).kit_number or 1
    currencies = {link.name: link.price.currency for link in load(home).links}
    traits = link_traits(home)
    for draft in drafts:
        minute = minute_of(wall_ms())
        record = Record(draft.kind, draft.precedence, minute, draft.text, draft.data)
        size = record_bytes(record, number)
        found = estimate(record, number, traits, draft.clear)
        if as_json:
            emit({"bytes": size, "links": [_row(one, currencies[one.link]) for one in found]})
        else:
            _print_table(size, found, currencies)


def _row(one: Estimate, currency: str) -> dict[str, object]:
    return {
        "link": one.link,
        "bytes": one.frame_bytes,
        "credits": one.credits,
        "price": one.micros / _MICROS,
        "currency": currency,
        "seconds": round(one.seconds, 1),
        "clear": one.clear,
        "barred": one.barred,
    }


def _print_table(size: int, found: list[Estimate], currencies: dict[str, str]) -> None:
    click.echo(_("{size} sealed, alone in its frame.").format(size=size_text(size)))
    if not found:
        say(_("No link is set up that could take it: name one in the settings file."))
        return
    rows = [(_("LINK"), _("SIZE"), _("CREDITS"), _("PRICE"), _("TIME"), "")]
    rows += [
        (
            one.link,
            size_text(one.frame_bytes),
            str(one.credits),
            money_text(one.micros, currencies[one.link]) if one.micros or not one.credits else "",
            _("{n} s").format(n=round(one.seconds, 1)),
            clear_words(one.clear, one.barred),
        )
        for one in found
    ]
    print_table(rows)
