"""``passphrase``, ``unlock`` and ``lock``: what opens an installation, and when."""

from __future__ import annotations

from pathlib import Path

import click

from crisiskit.cli.common import examples, file_option, home_option, say, secret_at_terminal
from crisiskit.errors import BusyError, CrisiskitError, UsageError
from crisiskit.i18n import _
from crisiskit.installation import agent_runs


@click.command(
    help=_("Set, change or remove the passphrase of this installation."),
    epilog=examples(
        "crisiskit passphrase",
        "crisiskit passphrase --passphrase-file new.txt",
        "crisiskit passphrase --remove --key-file /media/stick/kit.key",
    ),
)
@file_option("--passphrase-file", _("The new passphrase is the first line of this file."))
@click.option("--remove", is_flag=True, help=_("Let a key file open it from now on."))
@file_option("--key-file", _("With --remove: where the key file is, or is to be made."))
@home_option
def passphrase(
    home: Path, passphrase_file: Path | None, remove: bool, key_file: Path | None
) -> None:
    """Change the lock of the keystore."""
    from crisiskit.crypto.keystore import Lock
    from crisiskit.keystore import beside, drop_key_file, make_key_file, opened_anew, present

    if (remove and passphrase_file) or (key_file and not remove):
        raise click.UsageError(_("--key-file goes with --remove, --passphrase-file without it."))
    keys = opened_anew(home)
    if not remove:
        if present(home).lock is Lock.KEY_FILE:
            _warn_of_backups(home)
        keys.relock(Lock.PASSPHRASE, _new_words(passphrase_file).encode())
        drop_key_file(home)
        say(_("The passphrase is set. Nobody can bring it back: write it down, keep it apart."))
        say(_("Make a new backup: crisiskit backup. The older ones need what opened them before."))
        return
    place = key_file or beside(home)
    keys.relock(Lock.KEY_FILE, make_key_file(place))
    say(_("No passphrase is asked for any more: the key file {path} opens it.").format(path=place))
    say(_("Make a new backup: crisiskit backup. The older ones need what opened them before."))
    if key_file:
        text = _("Name it in {path} as key_file, or in CRISISKIT_KEY_FILE.")
        say(text.format(path=home / "settings.toml"))


def _warn_of_backups(home: Path) -> None:
    """Say what becomes of the key file before it is erased."""
    from crisiskit.keystore import beside, key_file

    place = key_file(home)
    if place == beside(home):
        text = _(
            "Backups made so far need the key file {path}, which is erased now: to open them on "
            "another machine, copy it to another place first. This home goes on opening them."
        )
    else:
        text = _(
            "Backups made so far need the key file {path} on another machine: keep it. This home "
            "goes on opening them."
        )
    say(text.format(path=place))


def _new_words(file: Path | None) -> str:
    from crisiskit.crypto.passphrase import checked_new
    from crisiskit.passphrase import read_passphrase

    if file is not None:
        return checked_new(read_passphrase(file))
    first = secret_at_terminal(_("New passphrase:"))
    if first is None:
        raise click.UsageError(_("Nobody can be asked here: name --passphrase-file."))
    if secret_at_terminal(_("The same once more:")) != checked_new(first):
        raise UsageError("passphrase_differs")
    return first


@click.command(
    help=_("Open this installation for all programs of yours, until it is locked again."),
    epilog=examples("crisiskit unlock", "crisiskit unlock --passphrase-file /run/secrets/kit"),
)
@file_option("--passphrase-file", _("The passphrase is the first line of this file."))
@home_option
def unlock(home: Path, passphrase_file: Path | None) -> None:
    """Leave the opened key in memory."""
    from crisiskit import memory
    from crisiskit.crypto.keystore import Lock
    from crisiskit.keystore import opened_with, present
    from crisiskit.passphrase import given, read_passphrase

    if present(home).lock is Lock.KEY_FILE:
        say(_("Its key file opens this installation: there is nothing to unlock."))
        return
    memory.check(home)
    words = read_passphrase(passphrase_file) if passphrase_file else given(home)
    if words is None:
        raise BusyError("home_locked", path=home)
    opened_with(home, words.encode()).leave_in_memory(home)
    say(_("Unlocked, until “crisiskit lock” or until this machine is switched off."))


@click.command(
    help=_("Forget the key that “crisiskit unlock” left in memory."),
    epilog=examples("crisiskit lock"),
)
@home_option
def lock(home: Path) -> None:
    """Take the key out of memory."""
    from crisiskit.crypto.keystore import Lock
    from crisiskit.keystore import forget, present

    if present(home).lock is Lock.KEY_FILE:
        raise CrisiskitError("passphrase_none")
    forget(home)
    say(_("Locked."))
    if agent_runs(home):
        say(_("The agent that runs here keeps its key until it is stopped."))
