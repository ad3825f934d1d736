"""``log export``: the log for others, in their formats."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import examples, home_option, say
from crisiskit.clock import wall_ms
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import LANGUAGES, _, language
from crisiskit.installation import reading
from crisiskit.model import CENTER

if TYPE_CHECKING:
    from crisiskit.export.heading import Heading
    from crisiskit.model import Message
    from crisiskit.store.views import Views

    Formatter = Callable[[Iterable[Message], Heading], Iterator[str]]

FORMATS = ("csv", "geojson", "ics309", "html")
_STANDARD_OUTPUT = Path("-")


@click.command(
    help=_("Write the log for others: a spreadsheet, a map, a radio log, a page to print."),
    epilog=examples(
        "crisiskit log export --format csv -o log.csv",
        "crisiskit log export --format ics309 --since 2026-11-24T06:00 --until 2026-11-24T18:00",
        "crisiskit log export --format geojson --kit Delta-2 -o delta-2.geojson",
        "crisiskit log export --format html --lang fr -o log.html --force",
    ),
)
@click.option("--format", "form", required=True, type=click.Choice(FORMATS), help=_("The format."))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=_STANDARD_OUTPUT,
    help=_("The file to write; - or nothing is standard output."),
)
@click.option("--force", is_flag=True, help=_("Write over a file that exists."))
@click.option("--since", metavar="T", help=_("Not older than: 2h, or a time."))
@click.option("--until", metavar="T", help=_("Only what is older than: 2h, or a time."))
@click.option("--kit", metavar="K", help=_("At a center: only this kit, by name or number."))
@click.option(
    "--box",
    type=click.Choice(("in", "out", "all")),
    default="all",
    show_default=True,
    help=_("What came in, what was written here, or both."),
)
@click.option("--lang", type=click.Choice(LANGUAGES), help=_("The language of the file."))
@click.option(
    "--incident", metavar="NAME", default="", help=_("The incident, for ics309 and html.")
)
@click.option("--semicolon", is_flag=True, help=_("csv: separate by semicolons, as in French."))
@click.option("--bom", is_flag=True, help=_("csv: begin with a byte order mark, for Excel."))
@home_option
def export(
    home: Path,
    form: str,
    output: Path,
    force: bool,
    since: str | None,
    until: str | None,
    kit: str | None,
    box: str,
    lang: str | None,
    incident: str,
    semicolon: bool,
    bom: bool,
) -> None:
    """Write the log in a format of others."""
    from crisiskit.export.source import chosen, kit_name

    formatter = _formatter(form, semicolon, bom)
    now = wall_ms()
    start, end = _instant(since, now), _instant(until, now)
    if start is not None and end is not None and start >= end:
        raise click.UsageError(_("--since must be before --until."))
    with reading(home) as views:
        heading = _heading(views, now, lang or language(), incident, start, end)
        name = None if kit is None else kit_name(views, kit)
        messages = chosen(views, box, start, end, name)
        _write(formatter(messages, heading), output, force)


def _formatter(form: str, semicolon: bool, bom: bool) -> Formatter:
    from crisiskit.export.as_csv import COMMA, SEMICOLON, as_csv
    from crisiskit.export.as_geojson import as_geojson
    from crisiskit.export.as_html import as_html
    from crisiskit.export.as_ics309 import as_ics309

    if form == "csv":
        return partial(as_csv, separator=SEMICOLON if semicolon else COMMA, bom=bom)
    if semicolon or bom:
        raise click.UsageError(_("--semicolon and --bom are for the format csv only."))
    others: dict[str, Formatter] = {
        "geojson": as_geojson,
        "ics309": as_ics309,
        "html": as_html,
    }
    return others[form]


def _heading(
    views: Views, now: int, lang: str, incident: str, since: int | None, until: int | None
) -> Heading:
    from crisiskit.export.heading import Heading

    return Heading(
        station=CENTER if views.role == CENTER else views.own_name,
        network=views.network,
        made_at=now,
        lang=lang,
        incident=incident,
        since=since,
        until=until,
        exercise=views.exercise,
    )


def _instant(word: str | None, now: int) -> int | None:
    from crisiskit.cli.when import instant

    return None if word is None else instant(word, now, ahead=False)


def _write(pieces: Iterator[str], output: Path, force: bool) -> None:
    """To standard output, or whole to a file that only its owner may read."""
    from crisiskit.files import SECRET, whole

    if output == _STANDARD_OUTPUT:
        for piece in pieces:
            sys.stdout.buffer.write(piece.encode())
        sys.stdout.buffer.flush()
        return
    if output.exists() and not (force and output.is_file()):
        raise CrisiskitError("file_exists_force", path=output)
    try:
        with whole(output, SECRET) as file:
            for piece in pieces:
                file.write(piece.encode())
    except OSError as error:
        raise _unwritable(output, error) from error
    say(_("Written: {path}").format(path=output))


def _unwritable(path: Path, error: OSError) -> CrisiskitError:
    if error.errno == errno.ENOSPC:
        return CrisiskitError("disk_full", path=path)
    return CrisiskitError("file_unwritable", path=path, detail=error.strerror or str(error))
