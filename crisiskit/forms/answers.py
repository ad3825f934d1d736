"""One typed answer to one field: from words to the value the form carries."""

from __future__ import annotations

import re
import time

from crisiskit.codec.forms import (
    AnyField,
    Choice,
    Count,
    Flag,
    Option,
    Position,
    Scale,
    Text,
    Time,
    Value,
)
from crisiskit.forms.coordinates import parse_position
from crisiskit.forms.words import fold, pick, seconds_of
from crisiskit.i18n import _, language

_WHOLE = re.compile(r"\d{1,9}|\d{1,3}(?:[ \u00a0\u202f]\d{3}){1,2}", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]) ?[h:] ?([0-5]\d)", re.ASCII)
_AGO = re.compile(r"- ?(.+)|il y a (.+)|(.+) ago")
_AHEAD = re.compile(r"\+ ?(.+)|dans (.+)|in (.+)")
_HALF_DAY = 12 * 60
_NOW = ("now", "maintenant")
_YES_NO = {
    **dict.fromkeys(("yes", "oui", "true", "vrai", "1"), True),
    **dict.fromkeys(("no", "non", "false", "faux", "0"), False),
}


class AnswerError(ValueError):
    """The answer does not fit the field; says why in the reader's language."""


def parse_answer(field: AnyField, typed: str, minute: int) -> Value:
    """The value of ``typed`` for ``field``, in a record of that ``minute`` since 1970 UTC.

    Raises AnswerError.
    """
    match field:
        case Count() | Scale():
            return _whole(typed, field.max)
        case Choice():
            return _choice(typed, field)
        case Flag():
            return _yes_or_no(typed)
        case Time():
            return _time(typed, minute, field.max)
        case Position():
            return _position(typed)
        case Text():
            return _words(typed, field.bytes)


def _whole(typed: str, most: int) -> int:
    number = int("".join(typed.split())) if _WHOLE.fullmatch(typed) else most + 1
    if number > most:
        raise AnswerError(_("write a whole number from 0 to {most}").format(most=most))
    return number


def _choice(typed: str, field: Choice) -> str:
    known: dict[str, Option] = {}
    for option in field.values:
        for word in (option.key, option.en, option.fr):
            known.setdefault(fold(word), option)
    found = pick(typed, known)
    if len(found) == 1:
        return found[0].key
    words = ", ".join(option.say(language()) for option in found or field.values)
    if found:
        raise AnswerError(_("this can mean several things: {words}").format(words=words))
    raise AnswerError(_("choose one of: {words}").format(words=words))


def _yes_or_no(typed: str) -> bool:
    found = pick(typed, _YES_NO)
    if len(found) != 1:
        raise AnswerError(_("answer yes or no"))
    return found[0]


def _time(typed: str, minute: int, most: int) -> int:
    offset = _offset(_fold_time(typed), minute)
    if offset is None:
        raise AnswerError(_("write a time such as 14:30, 2h ago or in 2h"))
    if abs(offset) > most:
        days = most // (24 * 60)
        raise AnswerError(_("this is more than {days} days away").format(days=days))
    return offset


def _fold_time(typed: str) -> str:
    """Folded, but with the sign in front that ``fold`` takes for a dash."""
    text = typed.strip().replace("\N{MINUS SIGN}", "-")
    return f"-{fold(text)}" if text.startswith("-") else fold(text)


def _offset(typed: str, minute: int) -> int | None:
    if typed in _NOW:
        return 0
    if clock := _CLOCK.fullmatch(typed):
        return _nearest(int(clock[1]), int(clock[2]), minute)
    for pattern, sign in ((_AGO, -1), (_AHEAD, 1)):
        if found := pattern.fullmatch(typed):
            seconds = seconds_of(found[found.lastindex or 1])
            return None if seconds is None else sign * (seconds // 60)
    return None


def _nearest(hour: int, past: int, minute: int) -> int:
    """Minutes from ``minute`` to the nearest time the local clock shows that hour."""
    local = minute + time.localtime(minute * 60).tm_gmtoff // 60
    return (60 * hour + past - local + _HALF_DAY) % (2 * _HALF_DAY) - _HALF_DAY


def _position(typed: str) -> tuple[float, float]:
    position = parse_position(typed)
    if position is None:
        raise AnswerError(
            _("write latitude and longitude, such as -12.7807 45.2250 or 12°46.8'S 45°13.5'E")
        )
    return position


def _words(typed: str, most: int) -> str:
    size = len(typed.encode())
    if size > most:
        raise AnswerError(_("too long: {size} bytes, at most {most}").format(size=size, most=most))
    return typed
