"""What people type, compared with what we know: accents, case and beginnings forgiven."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TypeVar

Meaning = TypeVar("Meaning")

TYPED_CHARACTERS_MAX = 100
_FILLERS = re.compile(r"[\s_'’-]+")
_DURATION = re.compile(r"(?:\d{1,6} ?[a-z]+ ?)+(?:\d{1,2})?", re.ASCII)
_AMOUNT = re.compile(r"(\d+) ?([a-z]*)")
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds", "seconde", "secondes"), 1),
    **dict.fromkeys(("m", "mn", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours", "heure", "heures"), 3600),
    **dict.fromkeys(("d", "day", "days", "j", "jour", "jours"), 86_400),
    **dict.fromkeys(("w", "week", "weeks", "sem", "semaine", "semaines"), 604_800),
}


def fold(text: str) -> str:
    """Lower case without accents, with one blank where blanks, dashes or apostrophes were."""
    apart = unicodedata.normalize("NFKD", text[:TYPED_CHARACTERS_MAX])
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return _FILLERS.sub(" ", bare.casefold()).strip()


def pick(typed: str, known: Mapping[str, Meaning]) -> list[Meaning]:
    """The meanings that ``typed`` can have: one when it is clear, none when it is unknown.

    ``known`` maps folded words to meanings. A whole word wins over beginnings of words.
    """
    folded = fold(typed)
    if not folded:
        return []
    if folded in known:
        return [known[folded]]
    return list(dict.fromkeys(m for word, m in known.items() if word.startswith(folded)))


def seconds_of(typed: str) -> int | None:
    """``30m``, ``2h``, ``1h30``, ``2 jours`` in seconds, or None where it is no duration."""
    words = " ".join(typed[:TYPED_CHARACTERS_MAX].casefold().split())
    if not _DURATION.fullmatch(words):
        return None
    total, unit = 0, 0
    for number, word in _AMOUNT.findall(words):
        unit = _SECONDS.get(word, 0) if word else (60 if unit == 3600 else 0)
        if not unit:
            return None
        total += int(number) * unit
    return total
