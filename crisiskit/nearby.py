"""Neighbours in words: who is here, and what is carried for them."""

from __future__ import annotations

from collections.abc import Iterable

from crisiskit.harmless import clean_line
from crisiskit.i18n import _, ngettext
from crisiskit.model import CENTER, Carrying, Neighbour
from crisiskit.render import size_text


def neighbour_name(one: Neighbour) -> str:
    """What people call it: the name in its certificate."""
    return _("the center") if one.peer == CENTER else clean_line(one.name)


def neighbours_words(link: str, all_met: Iterable[Neighbour]) -> str:
    """Who is here by one link, as a sentence."""
    names = [neighbour_name(one) for one in all_met if one.link == link and one.here]
    if not names:
        return _("{link}: no neighbour is here.").format(link=link)
    return _("{link}: neighbours here: {names}.").format(link=link, names=", ".join(names))


def carrying_words(carrying: Carrying) -> str:
    """What is carried for neighbours, as a sentence; empty where there is nothing to tell."""
    sentences = []
    if carrying.frames:
        waits = ngettext(
            "{n} frame of neighbours waits here for a way ({size}).",
            "{n} frames of neighbours wait here for a way ({size}).",
            carrying.frames,
        )
        sentences.append(waits.format(n=carrying.frames, size=size_text(carrying.frame_bytes)))
    if carrying.frames_today:
        gone = ngettext(
            "{n} frame was carried on for them today ({size}).",
            "{n} frames were carried on for them today ({size}).",
            carrying.frames_today,
        )
        size = size_text(carrying.bytes_today)
        sentences.append(gone.format(n=carrying.frames_today, size=size))
    if carrying.credits_today:
        cost = ngettext("It cost {n} credit.", "It cost {n} credits.", carrying.credits_today)
        sentences.append(cost.format(n=carrying.credits_today))
    return " ".join(sentences)
