"""``send --dry-run``: what a message would cost on each link, before anybody pays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from crisiskit.cli.columns import print_table
from crisiskit.cli.common import emit, say
from crisiskit.clock import minute_of, wall_ms
from crisiskit.harmless import in_line
from crisiskit.i18n import _
from crisiskit.installation import open_installation
from crisiskit.jsonform import iso
from crisiskit.model import Record
from crisiskit.pricing import add_files, piece_sizes
from crisiskit.prospects import Prospects
from crisiskit.render import clear_words, money_text, size_text
from crisiskit.store.store import Draft
from crisiskit.store.views import Views
from crisiskit.sync.plan import Estimate, record_bytes
from crisiskit.waits import moment, wait_json, wait_text

_MICROS = 1_000_000


def show_prices(home: Path, views: Views, drafts: Iterable[Draft], as_json: bool) -> None:
    """Bytes, credits, price and time of each message alone, by link, cheapest first.

    And by which of them it would leave now, or what it would wait for.
    """
    number = open_installation(home).kit_number or 1
    prospects = Prospects(home, views)
    for draft in drafts:
        minute = minute_of(wall_ms())
        record = Record(draft.kind, draft.precedence, minute, draft.text, draft.data)
        size = record_bytes(record, number)
        size += sum(size for file in draft.files for size in piece_sizes(file))
        found = prospects.estimates(record, draft.clear, draft.to)
        found = add_files(found, draft.files, number, prospects.traits)
        wait = prospects.verdict(record, wall_ms(), draft.to).wait
        if as_json:
            rows = [_row(one, prospects.currencies[one.link]) for one in found]
            waits = wait_json(wait, prospects.currencies)
            emit({"bytes": size, "links": rows, "waits": waits})
        else:
            for file in draft.files:
                click.echo(f"{in_line(file.name)}, {size_text(len(file.content))}")
            _print_table(size, found, prospects.currencies)
            if wait is not None:
                click.echo(_("It {waits}.").format(waits=wait_text(wait, prospects.currencies)))


def _row(one: Estimate, currency: str) -> dict[str, object]:
    return {
        "link": one.link,
        "bytes": one.frame_bytes,
        "frames": one.frames,
        "credits": one.credits,
        "price": one.micros / _MICROS,
        "currency": currency,
        "seconds": round(one.seconds, 1),
        "clear": one.clear,
        "barred": one.barred,
        "now": one.why is None and not one.barred,
        "why": one.why,
        "from": iso(one.at_ms),
    }


def _barred(one: Estimate) -> str:
    if one.barred and not one.clear:
        return _("not for files")
    return clear_words(one.clear, one.barred)


def _print_table(size: int, found: list[Estimate], currencies: dict[str, str]) -> None:
    many = found and found[0].frames > 1
    words = _("{size} sealed.") if many else _("{size} sealed, alone in its frame.")
    click.echo(words.format(size=size_text(size)))
    if not found:
        say(_("No link is set up that could take it: name one in the settings file."))
        return
    rows = [(_("LINK"), _("SIZE"), _("FRAMES"), _("CREDITS"), _("PRICE"), _("TIME"), "")]
    rows += [
        (
            one.link,
            size_text(one.frame_bytes),
            str(one.frames),
            str(one.credits),
            money_text(one.micros, currencies[one.link]) if one.micros or not one.credits else "",
            _("{n} s").format(n=round(one.seconds, 1)),
            ", ".join(filter(None, (_when(one), _barred(one)))),
        )
        for one in found
    ]
    print_table(rows)


def _when(one: Estimate) -> str:
    """When it may leave by this link."""
    if one.why is None:
        return _("now")
    return _("from {time}").format(time=moment(one.at_ms)) if one.at_ms else ""
