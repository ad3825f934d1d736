"""The questions of ``link add``: plain lines on a terminal, one after the other.

Nothing is drawn over and nothing depends on colour or place, so it works with a screen reader
and over the slowest line. Nothing is written before the last question is answered with yes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import click

from crisiskit import linktable
from crisiskit.cli.common import say
from crisiskit.cli.linkadd import found_kind
from crisiskit.cli.linkfind import disturber_lines, seen_lines, wrapped
from crisiskit.devicewords import all_kinds, key_words, kind_words, kinds_for
from crisiskit.errors import CrisiskitError, SettingsError
from crisiskit.i18n import _, explain
from crisiskit.linktable import Key, Values
from crisiskit.plugged import Seen, identify, look
from crisiskit.settings import load
from hardware.candidates import Role, Trust
from transports.link import LinkKind

LISTEN_S = 6.0
TRIES_MAX = 20
CREDIT = "credit_bytes"
YES = ("y", "yes", "o", "oui")
NO = ("n", "no", "non")
_PRICE = re.compile(r"(\d{1,5}(?:[.,]\d{1,6})?)\s*([A-Z]{3})?")


class Wizard:
    """One new link, from what is plugged in to a table in the settings file of ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen: list[Seen] = []

    def run(self, kind: str | None, pairs: Sequence[str], name: str | None) -> linktable.Added:
        """Ask for what is not given and write it. CrisiskitError ``link_not_added`` on a no."""
        wants_device = kind is None or any(
            key.device and f"{key.name}=" not in " ".join(pairs)
            for key in linktable.asked_keys(found_kind(kind))
        )
        if wants_device:
            self._look()
        chosen = found_kind(kind or self._kind())
        values = linktable.read_pairs(chosen, pairs)
        for key in linktable.asked_keys(chosen):
            if key.name not in values:
                self._take(chosen, values, key)
        self._price(chosen, values)
        called = name or self._name(chosen.kind)
        self._more(chosen, values)
        called = self._settled(chosen, values, called)
        text = linktable.table_text(called, chosen.kind, values)
        say("\n" + text)
        words = _("Write this to the end of {path}?").format(path=self.home / "settings.toml")
        if not agreed(words, usual=True):
            raise CrisiskitError("link_not_added")
        return linktable.add(self.home, called, chosen.kind, values)

    # -- devices ---------------------------------------------------------------------------

    def _look(self) -> None:
        """What is plugged in: by its number, then by ear, then by asking where that is agreed."""
        self.seen = look(load(self.home))
        self._show(_("Serial devices found:"))
        free = [one for one in self.seen if one.free and not _certain(one)]
        words = _("Listen to those that are free for {seconds} s? Nothing is written.")
        if free and agreed(words.format(seconds=round(LISTEN_S)), usual=True):
            self.seen = asyncio.run(identify(self.seen, LISTEN_S))
            self._show(_("After listening:"))
        for one in [one for one in self.seen if one.free and not one.trouble and not _certain(one)]:
            self._ask_device(one)

    def _ask_device(self, one: Seen) -> None:
        words = _(
            "Ask {device} what it is? That writes a few bytes to it: if a radio hangs on this "
            "port, it may transmit for a moment."
        )
        if not agreed(words.format(device=one.device.path), usual=False):
            return
        try:
            (asked,) = asyncio.run(identify([one], 0, [one.device.path]))
        except CrisiskitError as error:
            _say_wrapped(explain(error))
            return
        self.seen[self.seen.index(one)] = asked
        for line in seen_lines(asked, "   "):
            say(line)

    def _show(self, heading: str) -> None:
        if not self.seen:
            say(_("No serial device is plugged in here."))
            return
        say(heading)
        for number, one in enumerate(self.seen, 1):
            for line in seen_lines(one, f"{number}. "):
                say(line)
            if one.free and one.candidates and one.candidates[0].role is Role.GPS and _certain(one):
                words = _('For positions write under [gps]: port = "{name}"')
                _say_wrapped(words.format(name=one.device.name), "   ")
        for line in disturber_lines():
            say(line)

    # -- questions -------------------------------------------------------------------------

    def _kind(self) -> str:
        kinds = all_kinds()
        free = [one for one in self.seen if one.free]
        sure = [one for one in free if one.candidates and one.candidates[0].trust > Trust.POSSIBLE]
        fitting = dict.fromkeys(name for one in sure for name in kinds_for(one.candidates, kinds))
        order = [*fitting, *(kind.kind for kind in kinds if kind.kind not in fitting)]
        say(_("Kinds of link:"))
        for number, name in enumerate(order, 1):
            _say_wrapped(f"{name}: {kind_words(name)}", f"{number:2}. ")
        while True:
            typed = self._typed(_("Which kind? Its number or name"), "1" if fitting else None)
            if typed.isdecimal() and 1 <= int(typed) <= len(order):
                return order[int(typed) - 1]
            if typed in order:
                return typed
            say(_("Type a number from 1 to {n}, or a name of the list.").format(n=len(order)))

    def _take(self, kind: LinkKind, values: Values, key: Key) -> None:
        """Ask for a key; an empty answer leaves an optional one out."""
        shown = "" if key.default in (None, "", (), []) else key.default
        while True:
            default = self._usual_device(kind) if key.device else ""
            typed = self._typed(key_words(kind.kind, key), default or None, shown)
            if typed or not key.required:
                break
            say(_("This must be told."))
        if key.device and typed.isdecimal() and 1 <= int(typed) <= len(self.seen):
            typed = self.seen[int(typed) - 1].device.name
        values.pop(key.name, None)
        if typed:
            values[key.name] = linktable.read_value(kind, key.name, typed)

    def _usual_device(self, kind: LinkKind) -> str:
        """The number of the free device that fits best, if any does."""
        wanted = getattr(kind, "devices", ())
        best = max(
            (
                (candidate.trust, -number)
                for number, one in enumerate(self.seen, 1)
                for candidate in one.candidates
                if one.free and candidate.role in wanted
            ),
            default=None,
        )
        return str(-best[1]) if best else ""

    def _price(self, kind: LinkKind, values: Values) -> None:
        if CREDIT not in linktable.keys_of(kind) or "price" in values:
            return
        while typed := self._typed(_("Price of one credit, like 0.06 EUR (empty: not known)")):
            if found := _PRICE.fullmatch(typed.strip().upper()):
                micros = round(float(found[1].replace(",", ".")) * 1_000_000)
                values["price"] = {"credit_micros": micros, "currency": found[2] or "EUR"}
                return
            say(_("Write a number, then a currency of three letters if it is not EUR."))

    def _name(self, kind: str) -> str:
        return self._typed(_("Name of the link"), linktable.free_name(self.home, kind))

    def _more(self, kind: LinkKind, values: Values) -> None:
        """Any other key, for those who know what they want."""
        words = _("Another setting as KEY=VALUE (empty: none; ?: which there are)")
        while typed := self._typed(words):
            if typed == "?":
                for key in linktable.keys_of(kind).values():
                    say(f"  {key.name} = {key.default}" if not key.required else f"  {key.name}")
                continue
            try:
                told = linktable.read_pairs(kind, [typed])
            except CrisiskitError as error:
                _say_wrapped(explain(error))
                continue
            for name, value in told.items():
                old = values.get(name)
                both = isinstance(value, dict) and isinstance(old, dict)
                values[name] = {**old, **value} if both and old is not None else value

    def _settled(self, kind: LinkKind, values: Values, name: str) -> str:
        """Ask again for what the check of the settings does not take; the name at the end."""
        keys = linktable.keys_of(kind)
        for _attempt in range(TRIES_MAX):
            text = linktable.table_text(name, kind.kind, values)
            try:
                linktable.checked(self.home, text)
                return name
            except SettingsError as error:
                wrong = re.split(r"[.\[]", str(error.values.get("key", "")))[0]
                if wrong not in ("name", *keys, *values):
                    raise
                _say_wrapped(explain(error))
            if wrong == "name":
                name = self._name(kind.kind)
            elif wrong in keys:
                self._take(kind, values, keys[wrong])
            else:
                del values[wrong]
                self._more(kind, values)
        raise CrisiskitError("link_not_added")

    @staticmethod
    def _typed(question: str, default: str | None = None, shown: object = "") -> str:
        """One answer, without blanks around it. ``shown`` is what holds when it is empty."""
        words = f"{question} [{shown}]" if shown != "" and default is None else question
        *above, last = wrapped(words)
        for line in above:
            say(line)
        answer = click.prompt(
            last, default=default or "", show_default=bool(default), err=True, prompt_suffix=": "
        )
        return str(answer).strip()


def agreed(question: str, usual: bool) -> bool:
    """Yes or no, in English or French; an empty answer is the usual one."""
    shown = _("[Y/n]") if usual else _("[y/N]")
    *above, last = wrapped(f"{question} {shown}")
    for line in above:
        say(line)
    while True:
        typed = click.prompt(last, default="", show_default=False, err=True, prompt_suffix=": ")
        word = str(typed).strip().lower()
        if not word or word in (*YES, *NO):
            return word in YES if word else usual
        say(_("Answer yes or no."))


def _say_wrapped(words: str, mark: str = "") -> None:
    for line in wrapped(words, mark):
        say(line)


def _certain(seen: Seen) -> bool:
    return bool(seen.candidates) and seen.candidates[0].trust is Trust.CERTAIN
