"""The reason why a message waits: as a sentence for people, as JSON for scripts."""

from __future__ import annotations

from collections.abc import Mapping

from crisiskit.clock import wall_ms
from crisiskit.harmless import in_line
from crisiskit.i18n import _, ngettext
from crisiskit.jsonform import iso
from crisiskit.render import MICROS_PER_UNIT, local_time, money_text
from crisiskit.sentences.waits import WAITS
from crisiskit.sync.policy import Wait, Why


def wait_text(wait: Wait, currencies: Mapping[str, str]) -> str:
    """Such as: waits for Wi-Fi until 18:30, then satellite, 2 credits."""
    code = str(wait.why)
    if wait.why is Why.BUDGET and wait.until_ms is None:
        code = "waits_budget_for_ever"
    return _(WAITS[code]).format(
        link=in_line(wait.link),
        then=in_line(wait.then),
        time=moment(wait.until_ms),
        cost=cost_text(wait.credits, wait.micros, currencies.get(wait.then, "EUR")),
    )


def moment(at_ms: int | None) -> str:
    """The time of day, with the date where it is not today."""
    if at_ms is None:
        return "?"
    today = local_time(at_ms, "%Y-%m-%d") == local_time(wall_ms(), "%Y-%m-%d")
    return local_time(at_ms, "%H:%M" if today else "%Y-%m-%d %H:%M")


def cost_text(credits: int, micros: int, currency: str) -> str:
    """Credits where they are counted, else money, else that it is free."""
    if credits:
        return ngettext("{n} credit", "{n} credits", credits).format(n=credits)
    return money_text(micros, currency) if micros else _("free")


def wait_json(wait: Wait | None, currencies: Mapping[str, str]) -> dict[str, object] | None:
    """The same for scripts, null where nothing is waited for."""
    if wait is None:
        return None
    return {
        "why": str(wait.why),
        "link": wait.link or None,
        "until": iso(wait.until_ms),
        "then": wait.then or None,
        "credits": wait.credits,
        "price": wait.micros / MICROS_PER_UNIT,
        "currency": currencies.get(wait.then, "EUR"),
    }
