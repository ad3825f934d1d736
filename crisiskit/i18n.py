"""The reader's language, and the sentence for every code that lower layers give.

English is the language of the source. The French catalog is compiled at build time; where
it was not compiled (a bare source checkout) everything is said in English.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from crisiskit.errors import CrisiskitError
from crisiskit.harmless import clean_line, in_line
from crisiskit.mark import N_ as N_
from crisiskit.model import Notice
from crisiskit.sentences import ERRORS, NOTICES, STATUSES, TROUBLES

LANGUAGES = ("en", "fr")
DOMAIN = "crisiskit"
LOCALES = Path(__file__).with_name("locale")
VALUE_CHARACTERS_MAX = 300

_VARIABLES = ("CRISISKIT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_chosen = ""


def set_language(wanted: str | None = None) -> str:
    """Choose the language of this process; the one chosen, ``en`` or ``fr``.

    ``wanted`` (from the command line), else CRISISKIT_LANG, else the locale's variables.
    """
    global _chosen
    words = (wanted, *(os.environ.get(name) for name in _VARIABLES))
    tag = next((word for word in words if word), "en")
    _chosen = next((lang for lang in LANGUAGES if tag.lower().startswith(lang)), "en")
    return _chosen


def language() -> str:
    """The language chosen, ``en`` or ``fr``."""
    return _chosen or set_language()


def speak(lang: str | None = None) -> Callable[[str], str]:
    """``_`` for another language than the chosen one."""
    return _catalog(lang or language()).gettext


def _(message: str) -> str:
    """``message`` in the chosen language."""
    return _catalog(language()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """``one`` or ``many`` in the chosen language, as ``count`` asks for."""
    return _catalog(language()).ngettext(one, many, count)


def explain(error: CrisiskitError, lang: str | None = None) -> str:
    """What happened and what to do, in one or two sentences."""
    message = ERRORS.get(error.code)
    if message is None:
        return _fill(speak(lang)(_UNKNOWN_ERROR), {"error": str(error)})
    return _fill(speak(lang)(message), error.values)


def trouble_word(code: str, lang: str | None = None) -> str:
    """Why a link is down, in a word or two for the link bar. ``code``: transports.link.Trouble."""
    return speak(lang)(TROUBLES[code][0]) if code in TROUBLES else _shown(code)


def trouble_text(code: str, lang: str | None = None) -> str:
    """Why a link is down and what to do about it, in one or two sentences."""
    if code not in TROUBLES:
        return _fill(speak(lang)(_UNKNOWN_TROUBLE), {"code": code})
    return speak(lang)(TROUBLES[code][1])


def status_text(status: str, lang: str | None = None) -> str:
    """What a device said of its last try, in a sentence; empty where nobody knows the code."""
    return speak(lang)(STATUSES[status]) if status in STATUSES else ""


def notice_text(notice: Notice, lang: str | None = None) -> str:
    """What a notice means for the messages, and what to do."""
    values = {**notice.extra, "detail": notice.detail, "station": notice.station}
    if notice.code not in NOTICES:
        return _fill(speak(lang)(_UNKNOWN_NOTICE), {**values, "code": notice.code})
    return _fill(speak(lang)(NOTICES[notice.code]), values)


@cache
def _catalog(lang: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALES, [lang], fallback=True)


class _Values(dict[str, str]):
    """Values of a sentence; one that was not given is a question mark."""

    def __missing__(self, key: str) -> str:
        return "?"


def _fill(message: str, values: Mapping[str, object]) -> str:
    return message.format_map(_Values({key: _shown(value) for key, value in values.items()}))


def _shown(value: object) -> str:
    """A value from outside, harmless on a terminal: one line, no control characters."""
    text = clean_line(str(value))
    short = len(text) <= VALUE_CHARACTERS_MAX
    return in_line(text if short else text[: VALUE_CHARACTERS_MAX - 1] + "…")


_UNKNOWN_ERROR = N_("Something went wrong ({error}). Run “crisiskit doctor” to see what.")
_UNKNOWN_TROUBLE = N_("The link does not work ({code}). It is tried again by itself.")
_UNKNOWN_NOTICE = N_("{code}: {detail}. Tell whoever looks after this installation.")
