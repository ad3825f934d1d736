"""The one place that knows what a text from outside could do to a line, and does not let it.

Control characters move the cursor and start commands of a terminal; bidirectional overrides
and isolates turn around what stands beside them; line and paragraph separators end a line.
None of them is needed to read Arabic or Hebrew, whose letters say their direction by
themselves (Unicode Standard Annex 9). Marks that make no other letter move (U+200E, U+200F,
U+061C) stay, for they belong to ordinary writing.
"""

from __future__ import annotations

import re
import unicodedata

_CONTROLS = "\x00-\x1f\x7f-\x9f"
_TURNS = "\u202a-\u202e\u2066-\u2069\u206a-\u206f"
_BREAKS = "\u2028\u2029"
_NO_LETTERS = "\ufeff\ufff9-\ufffb\ud800-\udfff"
_KEPT_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # without tab and newline

_UNWANTED = re.compile(f"[{_KEPT_CONTROLS}{_TURNS}{_NO_LETTERS}]")
_UNWANTED_IN_LINE = re.compile(f"[{_CONTROLS}{_BREAKS}{_TURNS}{_NO_LETTERS}]+")
_LINE_ENDS = re.compile("\r\n?|[\u0085\u2028\u2029]")
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
_ISOLATE, _END_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def clean_text(text: str) -> str:
    """``text`` as it may be sent and shown: NFC, nothing in it that could harm a terminal.

    Newlines and tabs stay, blank ends go. Doing it twice changes nothing more.
    """
    lines = _LINE_ENDS.sub("\n", text)
    return unicodedata.normalize("NFC", _UNWANTED.sub("", lines)).strip()


def clean_line(text: str) -> str:
    """``text`` on one line: a blank for each run of what may not stand there."""
    return _UNWANTED_IN_LINE.sub(" ", text).strip()


def clean_json(line: str) -> str:
    r"""A line of JSON with the same meaning: what may not stand in a line as ``\uXXXX``."""
    return _UNWANTED_IN_LINE.sub(_escaped, line)


def in_line(text: str) -> str:
    """``text`` as it may stand among other words: on one line, isolated if it runs right to left.

    An isolate (two characters of no width) keeps its neighbors in their places.
    """
    line = clean_line(text)
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in line):
        return f"{_ISOLATE}{line}{_END_ISOLATE}"
    return line


def ended(text: str) -> str:
    """``text`` that was cut, with the ends of the isolates that were cut off."""
    return text + _END_ISOLATE * (text.count(_ISOLATE) - text.count(_END_ISOLATE))


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in found[0])
