"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. Only WRONG makes ``crisiskit doctor`` fail."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """``check`` is a word for scripts; ``text`` says what was found, ``fix`` what to do."""

    check: str
    level: Level
    text: str
    fix: str = ""


def ok(check: str, text: str, fix: str = "") -> Finding:
    """All is well."""
    return Finding(check, Level.OK, text, fix)


def warning(check: str, text: str, fix: str = "") -> Finding:
    """It works, but somebody should know."""
    return Finding(check, Level.WARNING, text, fix)


def wrong(check: str, text: str, fix: str = "") -> Finding:
    """It does not work, or will not for long."""
    return Finding(check, Level.WRONG, text, fix)
