"""``panic``: erase this installation, the keys first."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from crisiskit.cli.common import examples, home_option, say
from crisiskit.i18n import _

_ANSWER_BYTES_MAX = 1000


@click.command(
    help=_("Erase this installation for ever: its keys first, then everything else."),
    epilog=examples("crisiskit panic", "crisiskit panic --yes"),
)
@click.option("--yes", is_flag=True, help=_("Do not ask."))
@home_option
def panic(home: Path, yes: bool) -> None:
    """Erase everything."""
    from crisiskit.panic import is_empty

    if is_empty(home):
        say(_("There is nothing to erase in {home}.").format(home=home))
        return
    if not yes and not _confirmed(home):
        say(_("Nothing was erased."))
        click.get_current_context().exit(1)
    tell_erased(home)


def tell_erased(home: Path) -> None:
    """Erase what there is, and say what that means."""
    from crisiskit.keystore import key_file_elsewhere
    from crisiskit.panic import erase_home

    elsewhere = key_file_elsewhere(home)
    count = erase_home(home)
    say(_("Erased: the keys first, then all the rest; {n} files.").format(n=count))
    say(
        _(
            "Without the keys nothing of it can be read. But flash memory may keep old blocks for "
            "a while, and backups elsewhere are as they were."
        )
    )
    if elsewhere is not None:
        say(_("The key file {path} is still there.").format(path=elsewhere))


def _confirmed(home: Path) -> bool:
    from crisiskit.panic import WORD, confirms

    if not sys.stdin.isatty():
        raise click.UsageError(_("Nobody can be asked here: add --yes to erase everything."))
    text = _("Everything in {home} will be erased for ever: keys, messages, settings.")
    say(text.format(home=home))
    click.echo(_("Type {word} to go on: ").format(word=_(WORD)), err=True, nl=False)
    return confirms(sys.stdin.buffer.readline(_ANSWER_BYTES_MAX).decode(errors="replace"))
