"""``link add``: a new table in the settings file, by arguments or by questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, needs_terminal, say
from crisiskit.errors import CrisiskitError, SettingsError, UsageError
from crisiskit.i18n import _
from crisiskit.installation import agent_runs, open_installation

if TYPE_CHECKING:
    from crisiskit.linktable import Added
    from transports.link import LinkKind


@click.command(
    "add",
    help=_(
        "Write a link into the settings file. Without a kind, or with keys missing, it asks at "
        "the terminal: finds the devices, shows the table, and writes it when you agree."
    ),
    epilog=examples(
        "crisiskit link add",
        "crisiskit link add --list",
        "crisiskit link add sbd port=/dev/serial/by-id/usb-FTDI price.credit_micros=60000",
        "crisiskit link add tcp --name lan host=192.0.2.10 port=7411 --json",
    ),
)
@click.argument("kind", required=False)
@click.argument("pairs", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--name", metavar="NAME", help=_("What the link is called; else as its kind."))
@click.option("--list", "listed", is_flag=True, help=_("List the kinds of link there are."))
@json_option
@home_option
@click.pass_context
def add_link(
    context: click.Context,
    home: Path,
    as_json: bool,
    kind: str | None,
    pairs: tuple[str, ...],
    name: str | None,
    listed: bool,
) -> None:
    """Write a link into the settings file."""
    if listed:
        _list_kinds(as_json)
        return
    open_installation(home)
    asks = not as_json and not needs_terminal()
    if kind is None and not asks:
        raise UsageError("link_add_what")
    from crisiskit import linktable

    if kind is not None and (not asks or _told_enough(found := found_kind(kind), pairs)):
        found = found_kind(kind)
        values = linktable.read_pairs(found, pairs)
        added = linktable.add(home, name or linktable.free_name(home, kind), kind, values)
        told(home, added, as_json=as_json)
        return
    from crisiskit.cli.linkwizard import Wizard, agreed

    added = Wizard(home).run(kind, pairs, name)
    told(home, added, shown=True)
    if not agent_runs(home) and agreed(_("Try it now?"), usual=True):
        from crisiskit.cli.linktest import test

        context.exit(context.invoke(test, home=home, as_json=False, name=added.name, seconds=30.0))


def found_kind(name: str) -> LinkKind:
    """A kind by its name. SettingsError ``link_kind_unknown`` or ``link_kind_broken``."""
    from transports.catalog import UnknownKind, find

    try:
        return find(name)
    except UnknownKind as error:
        known = ", ".join(error.known)
        raise SettingsError("link_kind_unknown", kind=name, known=known) from None
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise SettingsError("link_kind_broken", kind=name, why=why) from error


def told(home: Path, added: Added, *, as_json: bool = False, shown: bool = False) -> None:
    """What was written, and what is to be done that it works."""
    if as_json:
        emit(
            {
                "name": added.name,
                "kind": added.kind,
                "table": added.text,
                "path": str(added.path),
                "backup": str(added.backup),
            }
        )
        return
    if not shown:
        click.echo(added.text, nl=False)
    say(
        _("Written to {path}. The file as it was before: {backup}").format(
            path=added.path, backup=added.backup.name
        )
    )
    if agent_runs(home):
        say(_("The agent that runs does not know it yet: stop it and start it again."))


def _told_enough(kind: LinkKind, pairs: tuple[str, ...]) -> bool:
    from crisiskit.linktable import keys_of

    given = {pair.partition("=")[0] for pair in pairs}
    return bool(pairs) and all(key.name in given for key in keys_of(kind).values() if key.required)


def _list_kinds(as_json: bool) -> None:
    from crisiskit.cli.columns import print_table
    from crisiskit.devicewords import kind_words
    from crisiskit.linktable import keys_of
    from transports.catalog import names

    rows = []
    for name in names():
        words = kind_words(name)
        if not as_json:
            rows.append((name, words))
            continue
        try:
            keys = keys_of(found_kind(name)).values()
        except CrisiskitError:
            keys = {}.values()
        emit(
            {
                "kind": name,
                "about": words,
                "required": [key.name for key in keys if key.required],
                "keys": [key.name for key in keys],
            }
        )
    if rows:
        print_table(rows)
