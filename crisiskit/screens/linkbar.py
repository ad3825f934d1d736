"""The link bar: each link in words, with what it has cost today."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.widgets import Static

from crisiskit.i18n import _, ngettext, trouble_word
from crisiskit.model import LinkView
from crisiskit.render import clear_words, money_text
from transports.link import Phase

BARS_MAX = 5
Currencies = Mapping[str, str]
EUROS: Currencies = {}


def price_words(micros: int, link: str, currencies: Currencies) -> str:
    """Money on a link, in its own currency; euros where none is named."""
    return money_text(micros, currencies.get(link, "EUR"))


def phase_word(link: LinkView) -> str:
    """UP, BUSY, OPENING or DOWN; for a link that is down, why."""
    words = {
        Phase.READY: _("UP"),
        Phase.BUSY: _("BUSY"),
        Phase.OPENING: _("OPENING"),
        Phase.DOWN: _("DOWN"),
    }
    word = words[Phase(link.phase)]
    return f"{word}, {trouble_word(link.reason)}" if link.reason else word


def any_clear(links: list[LinkView]) -> bool:
    """Whether a message may be released for all to read: a link here asks for that."""
    return any(link.clear for link in links)


def no_link_words() -> str:
    """What to say where there is none."""
    return _("No link is set up: messages are kept here. See crisiskit links.")


def link_words(link: LinkView, currencies: Currencies = EUROS) -> str:
    """One link as one short text: name, state, signal, spending of today."""
    parts = [f"{link.name}: {phase_word(link)}"]
    if link.clear:
        parts.append(clear_words(clear=True))
    if link.signal is not None and link.phase != Phase.DOWN:
        parts.append(_("signal {bars}/{most}").format(bars=link.signal, most=BARS_MAX))
    if link.neighbours:
        here = ngettext("{n} neighbour", "{n} neighbours", link.neighbours)
        parts.append(here.format(n=link.neighbours))
    if link.waiting:
        parts.append(_("{n} waiting there").format(n=link.waiting))
    if link.credits_today:
        spent = ngettext("{n} credit today", "{n} credits today", link.credits_today)
        parts.append(spent.format(n=link.credits_today))
    if link.micros_today:
        parts.append(price_words(link.micros_today, link.name, currencies))
    return "  ".join(parts)


class LinkBar(Static):
    """One line for each link, three at most; below them, how many more there are."""

    LINES = 3

    def show(self, links: list[LinkView], currencies: Currencies = EUROS) -> None:
        """Draw these links."""
        lines = [link_words(link, currencies) for link in links[: self.LINES]]
        if len(links) > self.LINES:
            up = sum(link.phase != Phase.DOWN for link in links[self.LINES :])
            lines[-1] += _("   and {n} more, {up} of them up").format(
                n=len(links) - self.LINES, up=up
            )
        self.update(Content("\n".join(lines) or no_link_words()))
