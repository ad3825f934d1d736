"""Checks of what is done for neighbours, and of what finding them needs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crisiskit.clock import wall_ms
from crisiskit.doctor.finding import Finding, ok, wrong
from crisiskit.i18n import _, explain
from crisiskit.installation import KIT, looking, open_installation
from crisiskit.model import Precedence
from crisiskit.nearby import carrying_words
from crisiskit.render import precedence_word, size_text

if TYPE_CHECKING:
    from crisiskit.settings import RelaySettings, Settings

NEIGHBOURS = "neighbours"


def findings(home: Path, settings: Settings) -> Iterator[Finding]:
    """Nothing where no link to neighbours is set up."""
    links = [link for link in settings.links if link.kind == NEIGHBOURS]
    if any(link.options.search for link in links) and find_spec("zeroconf") is None:
        from crisiskit.errors import CrisiskitError

        yield wrong("neighbours", explain(CrisiskitError("zeroconf_missing")))
    if links and open_installation(home).role == KIT:
        yield _relay(home, settings.relay)


def _relay(home: Path, relay: RelaySettings) -> Finding:
    """What the kit does for others, and has done today."""
    if not relay.allowed:
        return ok("relay", _("Nothing is carried for neighbours: the settings forbid it."))
    least = precedence_word(Precedence[relay.precedence.upper()])
    words = _(
        "For neighbours everything is carried on free links; on links that cost {precedence} and "
        "above, at most {credits} credits or {size} a day."
    )
    size = size_text(relay.bytes_day)
    text = words.format(precedence=least, credits=relay.credits_day, size=size)
    with looking(home) as views:
        now = carrying_words(views.carrying(wall_ms()))
    return ok("relay", f"{text} {now}".strip())
