"""What will happen to a message, before it happens: beside each link, and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crisiskit.i18n import _, ngettext
from crisiskit.render import age_text, clear_words, money_text, size_text
from crisiskit.sync.plan import Estimate
from crisiskit.sync.policy import Wait, Why
from crisiskit.waits import moment, wait_text

EUROS: Mapping[str, str] = {}
SECONDS_MOST = 120


@dataclass(frozen=True, slots=True)
class Foresight:
    """How each link stands for a message, best first, and what it waits for, if it does.

    ``agent``: whether one runs here, without which nothing leaves.
    """

    links: tuple[Estimate, ...] = ()
    wait: Wait | None = None
    agent: bool = True

    @property
    def first(self) -> Estimate | None:
        """That by which it would leave now."""
        return next((one for one in self.links if one.why is None and not one.barred), None)


def seconds_text(seconds: float) -> str:
    """How long a frame takes to the far end, from the moment it leaves."""
    if seconds <= SECONDS_MOST:
        return _("about {n} s").format(n=max(1, round(seconds)))
    return _("about {time}").format(time=age_text(seconds))


def price_text(one: Estimate, currencies: Mapping[str, str] = EUROS) -> str:
    """Credits where they are counted, and money; else that it is free."""
    parts = []
    if one.credits:
        parts.append(ngettext("{n} credit", "{n} credits", one.credits).format(n=one.credits))
    if one.micros:
        parts.append(money_text(one.micros, currencies.get(one.link, "EUR")))
    return ", ".join(parts) or _("free")


def barred_text(one: Estimate) -> str:
    """Why a link takes no such message."""
    return clear_words(True, True) if one.clear else _("not for files")


def when_text(one: Estimate, wait: Wait | None = None) -> str:
    """Whether and when it leaves by this link; ``wait``: what the message waits for."""
    match one.why:
        case None:
            return _("now, over today's budget") if one.over else _("now")
        case Why.DOWN:
            return _("DOWN now")
        case Why.CARRIED:
            return _("when it is carried")
        case Why.BUDGET if one.at_ms is None:
            return _("not: a day's budget is too small")
        case Why.BUDGET:
            return _("not: budget spent until {time}").format(time=moment(one.at_ms))
        case Why.FREE if wait is not None and wait.why is Why.FREE:
            words = _("from {time} if no {link} comes")
            return words.format(time=moment(one.at_ms), link=wait.link)
        case _:
            return _("from {time}").format(time=moment(one.at_ms))


def link_line(
    one: Estimate, currencies: Mapping[str, str] = EUROS, wait: Wait | None = None
) -> str:
    """One link: bytes, credits, price, time to the center, and when it leaves by it."""
    if one.barred:
        return f"{one.link}: {barred_text(one)}"
    parts = [size_text(one.frame_bytes), price_text(one, currencies), seconds_text(one.seconds)]
    parts.append(when_text(one, wait))
    if one.clear:
        parts.append(clear_words(clear=True))
    return f"{one.link}: {', '.join(parts)}"


def sentence(found: Foresight, currencies: Mapping[str, str] = EUROS) -> str:
    """What happens to the message if it is sent now."""
    first = found.first
    if not found.agent:
        return _("It is kept here until an agent runs: start “crisiskit agent”.")
    if found.wait is not None:
        return _("It {waits}.").format(waits=wait_text(found.wait, currencies))
    if first is None:
        return _("No link is set up yet: the message will be kept here.")
    words = _("It leaves now by {link}, {price}, and is there in {time}.")
    if first.over:
        words = _("It leaves now by {link}, {price}, over today's budget, and is there in {time}.")
    time = seconds_text(first.seconds)
    return words.format(link=first.link, price=price_text(first, currencies), time=time)
