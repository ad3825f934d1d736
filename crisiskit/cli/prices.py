"""``send --dry-run``: what a message would cost on each link, before anybody pays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from crisiskit.cli.columns import print_table
from crisiskit.cli.common import emit, say
from crisiskit.clock import minute_of, wall_ms
from crisiskit.foresight import Foresight, barred_text, seconds_text, sentence, when_text
from crisiskit.harmless import in_line
from crisiskit.i18n import _
from crisiskit.installation import open_installation
from crisiskit.jsonform import iso
from crisiskit.model import Record
from crisiskit.pricing import foresee_files, piece_sizes
from crisiskit.prospects import Prospects
from crisiskit.render import clear_words, money_text, size_text
from crisiskit.store.store import Draft
from crisiskit.store.views import Views
from crisiskit.sync.plan import Estimate, record_bytes
from crisiskit.sync.policy import Wait
from crisiskit.waits import wait_json

_MICROS = 1_000_000


def show_prices(home: Path, views: Views, drafts: Iterable[Draft], as_json: bool) -> None:
    """Bytes, credits, price and time of each message alone, by link, best first.

    And by which of them it would leave now, or what it would wait for.
    """
    number = open_installation(home).kit_number or 1
    prospects = Prospects(home, views)
    for draft in drafts:
        minute = minute_of(wall_ms())
        record = Record(draft.kind, draft.precedence, minute, draft.text, draft.data)
        size = record_bytes(record, number)
        size += sum(size for file in draft.files for size in piece_sizes(file))
        found = prospects.foresee(record, draft.clear, draft.to)
        found = foresee_files(found, draft.files, number, prospects.traits)
        if not found.agent and not as_json:
            say(_("No agent runs here, so no link is open. Start one with “crisiskit agent”."))
        if as_json:
            rows = [_row(one, prospects.currencies[one.link]) for one in found.links]
            leaves = found.first.link if found.first and found.wait is None else None
            emit(
                {
                    "bytes": size,
                    "agent": found.agent,
                    "leaves_by": leaves,
                    "links": rows,
                    "waits": wait_json(found.wait, prospects.currencies),
                    "sentence": sentence(found, prospects.currencies),
                }
            )
        else:
            for file in draft.files:
                click.echo(f"{in_line(file.name)}, {size_text(len(file.content))}")
            _print_table(size, found, prospects.currencies)
            if found.links:
                click.echo(sentence(found, prospects.currencies))


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
        "over_budget": one.over,
    }


def _print_table(size: int, found: Foresight, currencies: dict[str, str]) -> None:
    many = bool(found.links) and found.links[0].frames > 1
    words = _("{size} sealed.") if many else _("{size} sealed, alone in its frame.")
    click.echo(words.format(size=size_text(size)))
    if not found.links:
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
            seconds_text(one.seconds),
            _when(one, found.wait),
        )
        for one in found.links
    ]
    print_table(rows)


def _when(one: Estimate, wait: Wait | None) -> str:
    """When it may leave by this link, and who can read it there."""
    if one.barred:
        return barred_text(one)
    return ", ".join(filter(None, (when_text(one, wait), clear_words(one.clear))))
