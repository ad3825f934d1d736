"""``field`` and ``desk``: the screens, with an agent inside where none runs yet."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import click

from crisiskit.cli.common import examples, home_option, needs_terminal
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import LANGUAGES, _, set_language
from crisiskit.installation import KIT, Installation, open_installation

plain_option = click.option(
    "--plain", is_flag=True, help=_("Numbered lines instead of a screen: for any terminal.")
)
lang_option = click.option(
    "--lang", type=click.Choice(LANGUAGES), help=_("The language (also: CRISISKIT_LANG).")
)


@click.command(
    help=_("The screen of the team: write, read, see how far messages are."),
    epilog=examples("crisiskit field", "crisiskit field --plain --lang fr"),
)
@plain_option
@lang_option
@home_option
def field(home: Path, plain: bool, lang: str | None) -> None:
    """The screen of the team."""
    station = open_installation(home)
    if station.role != KIT:
        raise CrisiskitError("not_a_kit", path=home)
    if not station.active:
        raise CrisiskitError("not_activated")
    _show("crisiskit.field", station, plain, lang)


@click.command(
    help=_("The screen of the operator: what came in, the most urgent first."),
    epilog=examples("crisiskit desk", "crisiskit desk --plain --lang fr"),
)
@plain_option
@lang_option
@home_option
def desk(home: Path, plain: bool, lang: str | None) -> None:
    """The screen of the operator."""
    station = open_installation(home)
    if station.role == KIT:
        raise CrisiskitError("not_a_center", path=home)
    _show("crisiskit.center", station, plain, lang)


def _show(package: str, station: Installation, plain: bool, lang: str | None) -> None:
    """Language first: the words of a screen are chosen when its module is imported."""
    if not plain and needs_terminal():
        raise CrisiskitError("no_terminal")
    from crisiskit.cli.inside import agent_inside
    from crisiskit.cli.panic import tell_erased
    from crisiskit.keystore import opened
    from crisiskit.screens.guard import ERASED
    from crisiskit.settings import load

    home = station.places.home
    settings = load(home, links=False)
    set_language(lang or os.environ.get("CRISISKIT_LANG") or settings.language)
    opened(home)  # asks for the passphrase, if it has to, before anything is drawn
    status = 0
    try:
        with agent_inside(home, settings.log_level):
            status = import_module(package).run(home, plain=plain)
    finally:
        if status == ERASED:
            tell_erased(home)
    click.get_current_context().exit(0 if status == ERASED else status)
