"""Devices and kinds of link in the reader's words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

from crisiskit.harmless import in_line
from crisiskit.i18n import _, ngettext
from crisiskit.linktable import Key
from crisiskit.plugged import Seen
from crisiskit.sentences.devices import DEVICE_QUESTION, KEYS, KINDS, REASONS, ROLES
from hardware.candidates import Candidate, Trust
from hardware.devices import Device
from transports import catalog
from transports.link import LinkKind

DETAIL_MAX = 200


def kind_words(name: str) -> str:
    """What a kind of link is, in one line."""
    if name in KINDS:
        return _(KINDS[name])
    try:
        module = sys.modules[type(catalog.find(name)).__module__]
    except Exception as error:
        return _("cannot be used: {why}").format(why=type(error).__name__)
    return in_line((module.__doc__ or "").strip().partition("\n")[0])[:DETAIL_MAX]


def key_words(kind: str, key: Key) -> str:
    """What to ask for a key; where nobody wrote it, its name and its author's words."""
    if key.device:
        return _(DEVICE_QUESTION)
    words = KEYS.get(f"{kind}.{key.name}") or (KEYS.get(key.name) if kind in KINDS else "")
    if words:
        return _(words)
    return f"{key.name} ({in_line(key.about)[:DETAIL_MAX]})" if key.about else key.name


def device_line(device: Device) -> str:
    """A device by its lasting name and what it calls itself."""
    words = " ".join(word for word in (device.maker, device.model) if word)
    told = ", ".join(part for part in (words, device.usb_id and f"USB {device.usb_id}") if part)
    return f"{in_line(device.name)} ({in_line(told)})" if told else in_line(device.name)


def judgement(candidates: Sequence[Candidate]) -> str:
    """What it may be and why, in one sentence."""
    if not candidates:
        return _("Nothing says what it is.")
    best = candidates[0]
    if best.trust is Trust.POSSIBLE:
        words = _("An adapter ({detail}); anything may be behind it.")
        return words.format(detail=in_line(best.detail))
    why = _(REASONS[best.why]).format(detail=in_line(best.detail))
    words = _("It is: {role}; {why}.") if best.trust is Trust.CERTAIN else _("{role}? {why}.")
    return words.format(role=_(ROLES[best.role]), why=why)


def use_words(seen: Seen) -> str:
    """Who uses it; empty if nobody does."""
    if seen.link:
        return _("The link “{name}” uses it.").format(name=seen.link)
    if seen.users:
        return _("In use by {programs}.").format(programs=in_line(", ".join(seen.users)))
    return ""


def newcomer_words(found: Sequence[Device]) -> str:
    """One quiet line for devices that came while somebody looked on; fits 80 columns."""
    if not found:
        return ""
    words = ngettext(
        "New device: {name} — crisiskit link add",
        "{n} new devices — crisiskit link add",
        len(found),
    )
    return words.format(name=in_line(short_name(found[-1])), n=len(found))


def short_name(device: Device) -> str:
    """What it calls itself, else where it is; at most 36 columns."""
    words = device.model or device.path
    return words if len(words) <= 36 else words[:35] + "…"


def all_kinds() -> list[LinkKind]:
    """The kinds that can be used here, in the order of their names."""
    found = []
    for name in catalog.names():
        with suppress(Exception):
            found.append(catalog.find(name))
    return found


def kinds_for(candidates: Sequence[Candidate], kinds: Sequence[LinkKind]) -> list[str]:
    """The kinds of link that fit a device, the best first."""
    found: list[str] = []
    for one in candidates:
        found += [kind.kind for kind in kinds if one.role in getattr(kind, "devices", ())]
    return found
