"""Messages as text for people, in French and English: screens, lists and the line mode.

Whatever came over a link is cleaned here again before anybody's terminal sees it.
"""

from __future__ import annotations

import time

from crisiskit.codec.forms import (
    AnyField,
    Choice,
    Count,
    Filled,
    Flag,
    Position,
    Scale,
    Schema,
    Text,
    Time,
    Value,
    split_words,
    unpack,
)
from crisiskit.codec.objects import decode_answer
from crisiskit.forms import catalog
from crisiskit.forms.coordinates import show_position
from crisiskit.harmless import clean_text, in_line
from crisiskit.i18n import N_, language, speak
from crisiskit.model import Message, Precedence, RecordKind, State

MICROS_PER_UNIT = 1_000_000

STATE_WORDS = {
    State.DRAFT: N_("DRAFT"),
    State.KEPT: N_("KEPT"),
    State.SEALED: N_("SEALED"),
    State.SENT: N_("SENT"),
    State.ARRIVED: N_("ARRIVED"),
    State.HELD: N_("HELD"),
    State.READ: N_("READ"),
    State.EXPIRED: N_("EXPIRED"),
    State.CANCELLED: N_("CANCELLED"),
    State.REFUSED: N_("REFUSED"),
}
# In French the word of the field stays and a gloss follows.
PRECEDENCE_WORDS = {
    Precedence.ROUTINE: N_("ROUTINE"),
    Precedence.PRIORITY: N_("PRIORITY"),
    Precedence.IMMEDIATE: N_("IMMEDIATE"),
    Precedence.FLASH: N_("FLASH"),
}


# -- bodies ----------------------------------------------------------------------------------


def body_lines(
    kind: RecordKind, data: bytes, text: str, lang: str | None = None, minute: int | None = None
) -> list[str]:
    """The body of a message, line by line, each harmless on a terminal.

    ``minute`` is that of the record: times in a form are then shown by the clock, else as a
    distance. A form that is not known or cannot be read still shows its words.
    """
    _ = speak(lang)
    if kind == RecordKind.FORM:
        return _form_lines(data, text, lang or language(), minute)
    if kind == RecordKind.READ:
        return [_("The message was opened.")]
    if kind == RecordKind.ANSWER:
        return [_answer_words(data, lang), *filter(None, clean_text(text).split("\n"))]
    return clean_text(text).split("\n")


def one_line(
    kind: RecordKind, data: bytes, text: str, lang: str | None = None, width: int = 80
) -> str:
    """The body in at most ``width`` characters, for lists; isolated if it runs right to left."""
    lang = lang or language()
    form = read_form(data, text) if kind == RecordKind.FORM else None
    if kind == RecordKind.READ:
        line = body_lines(kind, data, text, lang)[0]
    elif kind == RecordKind.ANSWER:
        line = f"{_answer_words(data, lang)} {text}"
    elif form is not None:
        schema, filled = form
        answers = [_brief(schema, name, value, lang) for name, value in filled.values.items()]
        line = f"{schema.short.say(lang)}: {', '.join(answers)}"
    elif kind == RecordKind.FORM:
        line = f"{_form_number(data, lang)}: {', '.join(filter(None, split_words(text)))}"
    else:
        line = text
    line = " ".join(clean_text(line[: 4 * width]).split())
    return in_line(line if len(line) <= width else line[: width - 1].rstrip() + "…")


def message_line(message: Message, width: int = 80) -> str:
    """A message in at most ``width`` characters, marked if all can read it."""
    _ = speak()
    mark = _("[ALL]") + " " if message.clear else ""
    room = max(1, width - len(mark))
    return mark + one_line(message.kind, message.data, message.text, width=room)


def clear_words(clear: bool, barred: bool = False) -> str:
    """What it means that a link carries only what all can read; nothing for other links."""
    _ = speak()
    if barred:
        return _("not for this one: READABLE BY ALL")
    return _("READABLE BY ALL") if clear else ""


def read_form(data: bytes, text: str) -> tuple[Schema, Filled] | None:
    """The schema and the values of a form; None where it is not known or cannot be read."""
    schema = catalog.by_id(data[0]) if data else None
    filled = unpack(schema, data, text) if schema else None
    return (schema, filled) if schema and isinstance(filled, Filled) else None


def answer_text(
    field: AnyField, value: Value, lang: str | None = None, minute: int | None = None
) -> str:
    """One value of a form in words."""
    lang = lang or language()
    _ = speak(lang)
    match field:
        case Choice():
            named = {option.key: option.say(lang) for option in field.values}
            return named.get(str(value), _("not known here ({word})").format(word=value))
        case Flag():
            return _("yes") if value else _("no")
        case Time() if isinstance(value, int):
            return _time_text(value, lang, minute)
        case Position() if isinstance(value, tuple):
            return show_position(value, lang)
        case Count():
            return f"{value:,}".replace(",", "\u00a0" if lang == "fr" else ",")
        case Scale():
            return f"{value}/{field.max}"
        case Text():
            return clean_text(str(value))
    return str(value)


def _form_lines(data: bytes, text: str, lang: str, minute: int | None) -> list[str]:
    _ = speak(lang)
    form = read_form(data, text)
    if form is None:
        words = [clean_text(word) for word in split_words(text)]
        why = _("This form is not known here. Its words are above; update to read the rest.")
        lines = [line for word in words if word for line in word.split("\n")]
        return [_form_number(data, lang), *lines, why]
    schema, filled = form
    lines = [schema.title.say(lang)]
    pair = _("{label}: {value}")
    for field in schema.fields:
        if field.name in filled.values:
            value = answer_text(field, filled.values[field.name], lang, minute)
            first, *more = value.split("\n")
            lines.append(pair.format(label=field.label.say(lang), value=in_line(first)))
            lines += [f"  {line}" for line in more]
    if filled.more:
        lines.append(_("This form has more fields than this version knows: update to read them."))
    return lines


def _brief(schema: Schema, name: str, value: Value, lang: str) -> str:
    field = next(field for field in schema.fields if field.name == name)
    words = answer_text(field, value, lang)
    return words if isinstance(field, Text | Position) else f"{field.label.say(lang)} {words}"


def _answer_words(data: bytes, lang: str | None) -> str:
    _ = speak(lang)
    answer = decode_answer(data)
    if answer is None:
        return _("An answer to an order that cannot be read.")
    return _("Order {number} was read (code {code}).").format(number=answer[0], code=answer[1])


def _form_number(data: bytes, lang: str) -> str:
    _ = speak(lang)
    return _("Form {number}").format(number=data[0] if data else "?")


def _time_text(offset: int, lang: str, minute: int | None) -> str:
    if minute is not None and (clock := _local_clock(minute + offset)):
        return clock
    _ = speak(lang)
    if offset == 0:
        return _("at the time of writing")
    distance = _("{age} before writing") if offset < 0 else _("{age} after writing")
    return distance.format(age=age_text(abs(offset) * 60, lang))


def _local_clock(minute: int) -> str:
    """Date and time of this minute where the reader is; empty for years no calendar has."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(minute * 60))
    except (OverflowError, ValueError, OSError):
        return ""


# -- words and figures -----------------------------------------------------------------------


def local_time(at_ms: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """The reader's date and time, or a question mark for years that no calendar here has."""
    try:
        return time.strftime(form, time.localtime(at_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return "?"


def state_word(state: State, lang: str | None = None) -> str:
    """KEPT, SENT, HELD ...: one word for each state, in capitals."""
    return speak(lang)(STATE_WORDS[state])


def trust_word(message: Message, lang: str | None = None) -> str:
    """Whether a verified signature covers a message, so that its proof can be shown to others.

    What came in is authentic at least: only its author and this station can have sealed it.
    """
    _ = speak(lang)
    if message.signed:
        return _("signed")
    return _("authentic, not signed yet") if message.box == "in" else _("not signed yet")


def heard_words(place: tuple[float, float, int], lang: str | None = None) -> str:
    """Where a network heard a station, and how far that may be off: an estimate."""
    _ = speak(lang)
    where = show_position(place[:2], lang or language())
    return _("{place}, give or take {number} km").format(place=where, number=place[2])


def precedence_word(precedence: Precedence, lang: str | None = None) -> str:
    """The field's own word; in French with its gloss: ``FLASH (éclair)``."""
    return speak(lang)(PRECEDENCE_WORDS[precedence])


def age_text(seconds: float, lang: str | None = None) -> str:
    """``45 s``, ``3 min``, ``2 h`` or ``5 d``, rounded down; never negative."""
    _ = speak(lang)
    whole = max(0, int(seconds))
    if whole < 60:
        return _("{number} s").format(number=whole)
    if whole < 3600:
        return _("{number} min").format(number=whole // 60)
    if whole < 48 * 3600:
        return _("{number} h").format(number=whole // 3600)
    return _("{number} d").format(number=whole // 86_400)


def size_text(size_bytes: int, lang: str | None = None) -> str:
    """``340 B``, ``12.3 kB``, ``4.5 MB``, with units of 1000."""
    _ = speak(lang)
    if size_bytes < 1000:
        return _("{number} B").format(number=size_bytes)
    if size_bytes < 999_950:
        return _("{number} kB").format(number=_decimal(f"{size_bytes / 1000:.1f}", lang))
    return _("{number} MB").format(number=_decimal(f"{size_bytes / 1_000_000:.1f}", lang))


def money_text(micros: int, currency: str = "EUR", lang: str | None = None) -> str:
    """``0.08 EUR``: two decimals, four below one unit where the price needs them."""
    places = 4 if abs(micros) < MICROS_PER_UNIT and micros % 10_000 else 2
    return f"{_decimal(f'{micros / MICROS_PER_UNIT:.{places}f}', lang)} {currency}"


def _decimal(number: str, lang: str | None) -> str:
    return number.replace(".", ",") if (lang or language()) == "fr" else number
