"""``send``: queue messages. What it prints is on disk.

Started by scripts and sensors, often on slow machines: nothing heavy is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from crisiskit.cli.common import emit, examples, home_option, json_option
from crisiskit.clock import minute_of, wall_ms
from crisiskit.compose import TEXT_BYTES_MAX, compose_form, compose_text, parse_precedence
from crisiskit.errors import CrisiskitError, TrustError, UsageError
from crisiskit.i18n import _
from crisiskit.installation import writing
from crisiskit.model import CENTER, Attached, Precedence, RecordKind, State
from crisiskit.store.store import Draft, Store

if TYPE_CHECKING:
    from io import BufferedReader

READ_BYTES_MAX = 1024 * 1024

Body = tuple[RecordKind, bytes, str]


@click.command(
    help=_("Queue a message and print its id. It is safe on disk once the id is printed."),
    epilog=examples(
        "crisiskit send Bridge at Saint-Marc open again",
        "crisiskit send --precedence flash --expires 2h - < warning.txt",
        "crisiskit send --form sitrep dead=0 injured=14",
        "crisiskit send --to Delta-2 Return to base",
        "crisiskit send --clear Road to Sada closed",
        "crisiskit send --attach bridge.jpg --dry-run The bridge, seen from the east",
        "sensor | crisiskit send --lines --replace water-level",
    ),
)
@click.option("--to", metavar="WHO", help=_("center, all, or a kit's name or number."))
@click.option(
    "-p",
    "--precedence",
    metavar="P",
    default="routine",
    help=_("flash, immediate, priority or routine."),
)
@click.option("--form", metavar="NAME", help=_("Fill a form: its answers follow as name=value."))
@click.option("--expires", metavar="T", help=_("Not worth sending after: 2h, or a time."))
@click.option("--replace", metavar="KEY", help=_("Withdraw what waits under the same key."))
@click.option(
    "--attach",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("A file of at most 1 MiB goes with it, after all that is typed."),
)
@click.option("--clear", is_flag=True, help=_("READABLE BY ALL: it may leave without encryption."))
@click.option("--lines", is_flag=True, help=_("One message for each line of standard input."))
@click.option("--dry-run", is_flag=True, help=_("Send nothing; show bytes, credits and price."))
@json_option
@home_option
@click.argument("words", nargs=-1, metavar="[TEXT... | - | NAME=VALUE...]")
def send(
    words: tuple[str, ...],
    to: str | None,
    precedence: str,
    form: str | None,
    expires: str | None,
    replace: str | None,
    attach: tuple[Path, ...],
    clear: bool,
    lines: bool,
    dry_run: bool,
    as_json: bool,
    home: Path,
) -> None:
    """Queue a message and print its id."""
    wanted = parse_precedence(precedence)
    expires_at = None if expires is None else _expiry(expires)
    if clear:
        _check_allowed(home)
    if attach and (clear or lines):
        raise UsageError("attachment_clear" if clear else "attachment_lines")
    files = _attached(attach)
    with writing(home) as store:
        key = None if replace is None else _storable(replace)
        common = _Common(wanted, _recipient(store, to), expires_at, key, clear, files)
        groups = _groups_of_lines(words, form) if lines else [[_body(words, form)]]
        drafts = ([common.draft(*body) for body in group] for group in groups)
        if dry_run:
            _show_prices(home, (draft for group in drafts for draft in group), as_json)
            return
        for group in drafts:
            for code in store.keep(group):
                if as_json:
                    emit({"id": code, "state": State.KEPT})
                else:
                    click.echo(code)


def _show_prices(home: Path, drafts: Iterator[Draft], as_json: bool) -> None:
    from crisiskit.cli.prices import show_prices
    from crisiskit.installation import reading

    with reading(home) as views:
        show_prices(home, views, drafts, as_json)


@dataclass(frozen=True, slots=True)
class _Common:
    """What the options say, for each message of this call."""

    precedence: Precedence
    to: str
    expires_at: int | None
    replace_key: str | None
    clear: bool
    files: tuple[Attached, ...]

    def draft(self, kind: RecordKind, data: bytes, text: str) -> Draft:
        """A message with this body. TrustError ``clear_personal`` for what all must not read."""
        if self.clear:
            from crisiskit.forms.personal import check_readable

            check_readable(kind, data, text)
        return Draft(
            kind,
            self.precedence,
            text,
            data,
            to=self.to,
            expires_at=self.expires_at,
            replace_key=self.replace_key,
            clear=self.clear,
            files=self.files,
        )


def _attached(paths: tuple[Path, ...]) -> tuple[Attached, ...]:
    if not paths:
        return ()
    from crisiskit.attachment import ATTACHED_MAX, read_attached

    if len(paths) > ATTACHED_MAX:
        raise UsageError("attachments_too_many", most=ATTACHED_MAX)
    return tuple(read_attached(path) for path in paths)


def _check_allowed(home: Path) -> None:
    from crisiskit.settings import load

    if not load(home, links=False).clear.allowed:
        raise TrustError("clear_not_allowed")


def _expiry(word: str) -> int:
    from crisiskit.cli.when import instant

    now = wall_ms()
    at = instant(word, now, ahead=True)
    if at <= now:
        raise click.BadParameter(_("that moment is past"), param_hint="--expires")
    return at


def _recipient(store: Store, to: str | None) -> str:
    if to is not None:
        return _storable(to)
    if store.meta("role") == CENTER.encode():
        raise click.UsageError(_("Say to whom: --to all, or --to with a kit's name or number."))
    return CENTER


def _storable(word: str) -> str:
    """A word of the command line with a question mark for each byte that was no text."""
    return word.encode(errors="replace").decode()


def _body(words: tuple[str, ...], form: str | None) -> Body:
    """Kind, data and text of the one message on the command line or standard input."""
    if form is not None:
        return RecordKind.FORM, *compose_form(form, _answers(words), minute_of(wall_ms()))
    if words == ("-",):
        text = _decoded(sys.stdin.buffer.read(READ_BYTES_MAX))
    elif words:
        text = " ".join(words)
    else:
        raise UsageError("text_empty")
    return RecordKind.TEXT, b"", compose_text(text)


def _groups_of_lines(words: tuple[str, ...], form: str | None) -> Iterator[list[Body]]:
    """One text message for each line that says something, as the lines come.

    Lines that come together are kept together: one commit, and the agent is let in between.
    What stands before a bad line is kept.
    """
    if form is not None or words not in ((), ("-",)):
        raise click.UsageError(_("--lines reads texts from standard input, and nothing else."))
    for lines in _lines_as_they_come():
        group: list[Body] = []
        try:
            for line in lines:
                text = _decoded(line)
                if text.strip():
                    group.append((RecordKind.TEXT, b"", compose_text(text)))
        except (CrisiskitError, click.UsageError):
            if group:
                yield group
            raise
        if group:
            yield group


def _lines_as_they_come() -> Iterator[list[bytes]]:
    """Standard input as groups of whole lines; a line without end is cut at READ_BYTES_MAX."""
    rest, stdin = b"", cast("BufferedReader", sys.stdin.buffer)
    while chunk := stdin.read1(READ_BYTES_MAX - len(rest)):
        *lines, rest = (rest + chunk).split(b"\n")
        yield [line + b"\n" for line in lines]
    if rest:
        yield [rest]


def _answers(words: tuple[str, ...]) -> dict[str, str]:
    answers: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or name in answers:
            raise click.UsageError(
                _("Write each answer once, as name=value; “{word}” is not so.").format(word=word)
            )
        answers[name] = value
    return answers


def _decoded(raw: bytes) -> str:
    if len(raw) == READ_BYTES_MAX:  # there is more, and a character may be cut in two
        raise UsageError("text_too_long", bytes=len(raw), most=TEXT_BYTES_MAX)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise click.UsageError(_("Standard input is not text in UTF-8.")) from None
