"""``backup`` and ``restore``: a whole installation in one sealed file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from crisiskit.cli.common import emit, examples, file_option, home_option, json_option, say
from crisiskit.i18n import _, ngettext

file_argument = click.Path(path_type=Path)


@click.command(
    help=_("Write everything of this installation to one sealed file. An agent may go on."),
    epilog=examples("crisiskit backup /media/stick/kit.ckbk"),
)
@click.argument("file", type=file_argument)
@json_option
@home_option
def backup(home: Path, file: Path, as_json: bool) -> None:
    """Write a backup."""
    from crisiskit.backup import back_up
    from crisiskit.crypto.keystore import Lock
    from crisiskit.keystore import key_file

    made = back_up(home, file)
    if as_json:
        emit({"file": str(file), "bytes": made.size, "messages": made.messages})
        return
    words = ngettext("{path}: {n} message.", "{path}: {n} messages.", made.messages)
    say(words.format(path=file, n=made.messages))
    if made.lock is Lock.PASSPHRASE:
        say(_("Only the passphrase opens it."))
    else:
        text = _("Only the key file {path} opens it: keep a copy of that in another place.")
        say(text.format(path=key_file(home)))


@click.command(
    help=_("Bring an installation back from a backup. No agent may run meanwhile."),
    epilog=examples(
        "crisiskit restore /media/stick/kit.ckbk",
        "crisiskit restore kit.ckbk --key-file kit.key --home /var/lib/crisiskit",
    ),
)
@click.argument("file", type=file_argument)
@file_option("--key-file", _("The key file that opens the backup; it is copied."))
@file_option("--passphrase-file", _("The passphrase is the first line of this file."))
@json_option
@home_option
def restore(
    home: Path, file: Path, key_file: Path | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Restore a backup."""
    from crisiskit.backup import restore as bring_back
    from crisiskit.crypto.keystore import Keystore, Lock
    from crisiskit.keystore import copy_key_file, data_key_of_backup, read_key
    from crisiskit.passphrase import read_passphrase

    def unlock(keystore: Keystore) -> bytes:
        given = {}
        if key_file is not None:
            given[Lock.KEY_FILE] = read_key(key_file)
        if passphrase_file is not None:
            given[Lock.PASSPHRASE] = read_passphrase(passphrase_file).encode()
        return data_key_of_backup(home, keystore, given)

    done = bring_back(home, file, unlock)
    if key_file is not None:
        copy_key_file(home, key_file)
    if as_json:
        aside = str(done.aside) if done.aside else None
        emit({"home": str(home), "messages": done.messages, "set_aside": aside})
        return
    n = done.messages
    words = ngettext("{n} message is back in {home}.", "{n} messages are back in {home}.", n)
    say(words.format(n=n, home=home))
    if done.aside:
        say(_("The store that stood there is now {path}.").format(path=done.aside))
    say(_("Never use a backup on a second machine while the first lives: both would be stopped."))
