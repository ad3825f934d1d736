"""What a draft would cost on each link of this installation, for screens."""

from __future__ import annotations

from pathlib import Path

from crisiskit.clock import minute_of, wall_ms
from crisiskit.installation import open_installation
from crisiskit.links import link_traits
from crisiskit.model import Record
from crisiskit.screens.compose import Estimator
from crisiskit.settings import load
from crisiskit.store.store import Draft
from crisiskit.sync.plan import Estimate, estimate


def currencies(home: Path) -> dict[str, str]:
    """What each link of this installation is paid in."""
    return {link.name: link.price.currency for link in load(home).links}


def estimator(home: Path) -> Estimator:
    """A function from a draft to prices by link; the settings are read once."""
    links = link_traits(home)
    number = open_installation(home).kit_number or 1

    def price(draft: Draft) -> list[Estimate]:
        minute = minute_of(wall_ms())
        record = Record(draft.kind, draft.precedence, minute, draft.text, draft.data)
        return estimate(record, number, links, draft.clear)

    return price
