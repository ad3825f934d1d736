"""From what a person typed to the body of a record, or to one sentence that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crisiskit.errors import UsageError
from crisiskit.forms.words import fold, pick, seconds_of
from crisiskit.harmless import clean_text
from crisiskit.i18n import _, language
from crisiskit.model import Precedence

if TYPE_CHECKING:
    from crisiskit.codec.forms import AnyField, Schema

TEXT_BYTES_MAX = 12_000
_RAW_BYTES_MAX = 4 * TEXT_BYTES_MAX
_PRECEDENCES = {
    "flash": Precedence.FLASH,
    "eclair": Precedence.FLASH,
    "z": Precedence.FLASH,
    "immediate": Precedence.IMMEDIATE,
    "immediat": Precedence.IMMEDIATE,
    "o": Precedence.IMMEDIATE,
    "priority": Precedence.PRIORITY,
    "prioritaire": Precedence.PRIORITY,
    "routine": Precedence.ROUTINE,
    "courant": Precedence.ROUTINE,
}


def compose_text(text: str) -> str:
    """The words of a text message. Raises UsageError ``text_too_long`` or ``text_empty``."""
    if (raw := len(text.encode(errors="replace"))) > _RAW_BYTES_MAX:
        raise UsageError("text_too_long", bytes=raw, most=TEXT_BYTES_MAX)
    cleaned = clean_text(text)
    if (size := len(cleaned.encode())) > TEXT_BYTES_MAX:
        raise UsageError("text_too_long", bytes=size, most=TEXT_BYTES_MAX)
    if not cleaned:
        raise UsageError("text_empty")
    return cleaned


def compose_form(name: str, answers: Mapping[str, str], minute: int) -> tuple[bytes, str]:
    """The body (data, text) of a filled form.

    ``answers`` has what was typed by field: its name, its label in either language, or a
    clear beginning of one. ``minute`` is that of the record. Raises UsageError
    ``form_unknown``, ``form_empty`` or ``form_field`` with the ``field`` and ``why``.
    """
    from crisiskit.codec.forms import Value, pack
    from crisiskit.forms import catalog
    from crisiskit.forms.answers import AnswerError, parse_answer

    schema = catalog.schema(name)
    values: dict[str, Value] = {}
    for key, typed in answers.items():
        field = _find_field(schema, key)
        if field.name in values:
            raise _wrong(field, _("it is answered twice"))
        if len(typed) > TEXT_BYTES_MAX:
            raise _wrong(field, _("far too long"))
        if answer := clean_text(typed):
            try:
                values[field.name] = parse_answer(field, answer, minute)
            except AnswerError as error:
                raise _wrong(field, str(error)) from None
    if not values:
        raise UsageError("form_empty", name=name)
    for field in schema.fields:
        if field.required and field.name not in values:
            raise _wrong(field, _("an answer is needed"))
    return pack(schema, values)


def parse_precedence(word: str) -> Precedence:
    """FLASH, IMMEDIATE, PRIORITY or ROUTINE, from the word in either language, a clear
    beginning of it, or its letter (Z, O, P, R). Raises UsageError ``precedence_unknown``.
    """
    found = pick(word, _PRECEDENCES)
    if len(found) != 1:
        raise UsageError("precedence_unknown", word=word)
    return found[0]


def parse_duration(word: str) -> int:
    """``30m``, ``2h``, ``1h30``, ``1d`` or ``1j`` in seconds. UsageError ``duration_unknown``."""
    seconds = seconds_of(word)
    if not seconds:
        raise UsageError("duration_unknown", word=word)
    return seconds


def _find_field(schema: Schema, key: str) -> AnyField:
    known = {fold(field.name): field for field in schema.fields}
    for field in schema.fields:
        known.setdefault(fold(field.label.en), field)
        known.setdefault(fold(field.label.fr), field)
    found = pick(key, known)
    if len(found) == 1:
        return found[0]
    why = _("this can mean several fields: {names}") if found else _("the fields are: {names}")
    names = ", ".join(field.name for field in found or schema.fields)
    raise UsageError("form_field", field=key, label=key, why=why.format(names=names))


def _wrong(field: AnyField, why: str) -> UsageError:
    label = field.label.say(language())
    return UsageError("form_field", field=field.name, label=label, why=why)
