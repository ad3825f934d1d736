"""The card of an order, line by line, for screens, line mode and paper.

In an exercise each line begins with the word for it, in both languages, so that no part of a
card can be taken for real; and a line is never longer than ``width``, so that no screen breaks
one and leaves a piece without it.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Mapping, Sequence

from crisiskit.harmless import clean_text, in_line
from crisiskit.i18n import N_, language, speak
from crisiskit.model import Order, Verdict
from crisiskit.render import age_text

_DRILL = {"en": "EXERCISE EXERCICE | ", "fr": "EXERCICE EXERCISE | "}
WIDTH = 76
AUTHORITY = "authority"
_KITS_NAMED = 8

VERDICT_WORDS = {
    Verdict.VALID: N_("IN FORCE"),
    Verdict.EXPIRED: N_("EXPIRED"),
    Verdict.CANCELLED: N_("CANCELLED"),
    Verdict.OLD: N_("OLD"),
    Verdict.NOT_ADDRESSED: N_("FOR OTHERS"),
    Verdict.REPEATED: N_("NUMBER USED TWICE"),
    Verdict.WRONG_MODE: N_("WRONG NETWORK"),
    Verdict.NEEDS_SECOND: N_("SECOND SIGNATURE MISSING"),
    Verdict.NO_RIGHT: N_("NOT ALLOWED"),
    Verdict.REVOKED_SIGNER: N_("REVOKED KEY"),
    Verdict.UNKNOWN_SIGNER: N_("UNKNOWN KEY"),
    Verdict.FORGED: N_("NOT GENUINE"),
    Verdict.UNREADABLE: N_("NOT SIGNED"),
}
# What to do about it; a valid order speaks for itself.
VERDICT_HELP = {
    Verdict.EXPIRED: N_("Its time is over: do not carry it out. Ask the center if in doubt."),
    Verdict.CANCELLED: N_("It was taken back: do not carry it out."),
    Verdict.OLD: N_("A later order is over already: this one is no news. Ask the center."),
    Verdict.NOT_ADDRESSED: N_("It is for another kit: do not carry it out."),
    Verdict.REPEATED: N_(
        "Another order has this number: do not carry it out. Tell the center at once."
    ),
    Verdict.WRONG_MODE: N_(
        "EXERCISE and real traffic were mixed up: do not carry it out. Tell the center."
    ),
    Verdict.NEEDS_SECOND: N_("Two people must sign such an order: do not carry it out."),
    Verdict.NO_RIGHT: N_("Who signed it may not do so: do not carry it out. Tell the center."),
    Verdict.REVOKED_SIGNER: N_(
        "The key that signed it was revoked: do not carry it out. Tell the center."
    ),
    Verdict.UNKNOWN_SIGNER: N_(
        "The key that signed it is not known here yet. Ask the center before you act."
    ),
    Verdict.FORGED: N_("Its signature is wrong: do not carry it out. Tell the center at once."),
    Verdict.UNREADABLE: N_("This is no signed order. Ask the center before you act."),
}
_KINDS = {"order": N_("ORDER"), "cancel": N_("CANCEL"), "wipe": N_("WIPE")}


def drill_lead(order: Order | None, lang: str | None = None) -> str:
    """What each line of the card of an exercise begins with; nothing for a real order."""
    return _DRILL[lang or language()] if order is not None and order.exercise else ""


def card_lines(
    order: Order,
    now_ms: int,
    names: Mapping[int, str] | None = None,
    lang: str | None = None,
    width: int = WIDTH,
) -> list[str]:
    """The card, at most ``width`` characters a line. ``names`` are kit names by number."""
    _ = speak(lang)
    lead = drill_lead(order, lang)
    lines = [head_line(order, now_ms, lang)]
    if (trouble := VERDICT_HELP.get(order.verdict_at(now_ms))) is not None:
        lines.append(_(trouble))
    if order.kind:
        lines += _facts(order, names or {}, now_ms, _, lang)
    lines += ["", *_words(order, _), ""]
    lines += _answer_lines(order, now_ms, _, lang)
    cut: list[str] = []
    for line in lines:
        cut += textwrap.wrap(line, max(20, width - len(lead))) or [""]
    while cut and not cut[-1]:
        cut.pop()
    return [f"{lead}{line}".rstrip() for line in cut]


def head_line(order: Order, now_ms: int, lang: str | None = None) -> str:
    """What it is and what it is worth: ``ORDER 12 (REAL): IN FORCE, 2 h left``."""
    _ = speak(lang)
    what = _(_KINDS.get(order.kind, N_("ORDER")))
    mode = _("EXERCISE") if order.exercise else _("REAL")
    worth = worth_words(order, now_ms, lang)
    if not order.kind:
        return _("{label}: {value}").format(label=what, value=worth)
    words = _("{what} {number} ({mode}): {worth}")
    return words.format(what=what, number=order.number, mode=mode, worth=worth)


def worth_words(order: Order, now_ms: int, lang: str | None = None) -> str:
    """IN FORCE and how long still, or why not, and since when."""
    _ = speak(lang)
    if order.withdrawn:
        return _("WITHDRAWN")
    if order.draft:
        return _("WAITS FOR A SECOND SIGNATURE")
    verdict = order.verdict_at(now_ms)
    words = _(VERDICT_WORDS[verdict])
    if order.expires_at is None:
        return words
    span = age_text(abs(order.expires_at - now_ms) / 1000, lang)
    if verdict is Verdict.VALID:
        return words + _(", {age} left").format(age=span)
    if verdict is Verdict.EXPIRED:
        return words + _(", {age} ago").format(age=span)
    return words


def order_line(order: Order, text: str, now_ms: int, lang: str | None = None) -> str:
    """An order in a list: mode first, then its worth unless it is in force, then the words."""
    _ = speak(lang)
    front = [_("EXERCISE")] if order.exercise else []
    what = _(_KINDS.get(order.kind, N_("ORDER")))
    front.append(f"{what} {order.number}" if order.kind else what)
    if order.draft or order.withdrawn or order.verdict_at(now_ms) is not Verdict.VALID:
        front.append(f"[{worth_words(order, now_ms, lang)}]")
    if order.kind == "cancel":
        front.append(_("order {number} is taken back").format(number=order.cancels))
    return " ".join([*front, " ".join(clean_text(text).split())]).rstrip()


def kits_text(kits: Sequence[int], names: Mapping[int, str], lang: str | None = None) -> str:
    """To whom, by name where one is known: ``to Delta-2, 5``; to numbers alone ``to kit 5``."""
    _ = speak(lang)
    shown = [in_line(names.get(kit, str(kit))) for kit in kits]
    whom = ", ".join(shown[:_KITS_NAMED])
    if len(shown) > _KITS_NAMED:
        whom += " +" + str(len(shown) - _KITS_NAMED)
    if any(kit in names for kit in kits):
        return _("to {whom}").format(whom=whom)
    words = _("to kit {numbers}") if len(shown) == 1 else _("to kits {numbers}")
    return words.format(numbers=whom)


def _facts(
    order: Order,
    names: Mapping[int, str],
    now_ms: int,
    _: Callable[[str], str],
    lang: str | None,
) -> list[str]:
    whom = _("ALL KITS")
    if order.kits:
        whom = kits_text(order.kits, names, lang)
    signers = [_("authority") if name == AUTHORITY else clean_text(name) for name in order.signers]
    age = age_text(max(0, now_ms - order.issued_at) / 1000, lang)
    signed = _("signed by {names}").format(names=_(" and ").join(signers))
    if order.draft:
        signed = _("signed by {names}, waits for {others}").format(
            names=signers[0], others=_(" and ").join(signers[1:])
        )
    return [
        whom if order.kits else _("to {whom}").format(whom=whom),
        signed,
        _("given {when}, {age} ago").format(when=_when(order.issued_at), age=age),
    ]


def _words(order: Order, _: Callable[[str], str]) -> list[str]:
    lines = clean_text(order.text).split("\n") if order.text else []
    if order.kind == "cancel":
        taken = _("Order {number} is taken back: do not carry it out.")
        return [taken.format(number=order.cancels), *lines]
    if order.kind == "wipe":
        told = [_("This kit erases its keys and messages.")]
        if order.box == "out":
            told.append(_("It is not known whether it was carried out: an erased kit is silent."))
        return [*told, *lines]
    return lines


def _answer_lines(
    order: Order, now_ms: int, _: Callable[[str], str], lang: str | None
) -> list[str]:
    if order.kind != "order" or not order.code:
        return []
    if order.box == "out":
        words = _("code {code}; answered by {n} of {all}")
        return [words.format(code=order.code, n=order.answers, all=order.asked)]
    lines = [_("CODE {code}").format(code=order.code)]
    if order.answered_at is not None:
        age = age_text(max(0, now_ms - order.answered_at) / 1000, lang)
        lines.append(_("answered {age} ago").format(age=age))
    elif order.wants_answer and order.verdict_at(now_ms) is Verdict.VALID:
        lines.append(_("A person must answer with this code."))
    return lines


def _when(at_ms: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return "?"
