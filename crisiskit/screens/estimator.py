"""What a draft would cost on each link of this installation and why messages wait, for screens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crisiskit.clock import minute_of, wall_ms
from crisiskit.crypto.vault import Vault
from crisiskit.foresight import Foresight
from crisiskit.installation import Places, open_installation
from crisiskit.model import Message, Record, State
from crisiskit.pricing import foresee_files
from crisiskit.prospects import Prospects
from crisiskit.settings import load
from crisiskit.store.store import Draft
from crisiskit.store.views import Views
from crisiskit.waits import wait_text

Estimator = Callable[[Draft], Foresight]
WhyWaits = Callable[[Message], str]


def currencies(home: Path) -> dict[str, str]:
    """What each link of this installation is paid in."""
    return {link.name: link.price.currency for link in load(home).links}


def waits_unknown(message: Message) -> str:
    """No reason: where nobody can look."""
    return ""


def estimator(home: Path, vault: Vault) -> Estimator:
    """A function from a draft to what would happen to it; the settings are read once."""
    prospects = Prospects(home, Views(Places.of(home).store, vault))
    number = open_installation(home).kit_number or 1

    def price(draft: Draft) -> Foresight:
        prospects.look()
        minute = minute_of(wall_ms())
        record = Record(draft.kind, draft.precedence, minute, draft.text, draft.data)
        found = prospects.foresee(record, draft.clear, draft.to)
        return foresee_files(found, draft.files, number, prospects.traits)

    return price


def why_waits(home: Path, vault: Vault) -> WhyWaits:
    """A function from a message to the reason why it waits; empty where nothing holds it."""
    prospects = Prospects(home, Views(Places.of(home).store, vault))

    def why(message: Message) -> str:
        if message.box != "out" or message.state is not State.KEPT:
            return ""
        prospects.look()
        wait = prospects.waits(message)
        return wait_text(wait, prospects.currencies) if wait else ""

    return why
