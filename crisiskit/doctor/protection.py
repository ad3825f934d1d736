"""Checks of what protects a home folder: its keystore, and what can be read without it."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from crisiskit import keystore, memory
from crisiskit.crypto.keystore import Lock
from crisiskit.doctor.finding import Finding, ok, warning, wrong
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, explain, ngettext
from crisiskit.installation import Places
from crisiskit.store.altered import altered_rows
from crisiskit.store.schema import Sealed
from crisiskit.store.views import Views

SWAPS = Path("/proc/swaps")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def findings(home: Path, store_opens: bool) -> Iterator[Finding]:
    """Everything that can be said of it. No passphrase is asked for."""
    places = Places.of(home)
    yield _keys(places)
    if places.keystore.exists():
        yield _lock(home)
        if store_opens:
            yield _sealed(home)
    yield from _swap()
    yield ok("disk-encryption", _("Whether the disk itself is encrypted was not looked at."))


def _keys(places: Places) -> Finding:
    """Secrets are there and for their owner only."""
    if not places.keystore.exists():
        text = _("The keystore {path} is missing.").format(path=places.keystore)
        return wrong("keys", text, _("Bring it back from a backup, or enrol this machine anew."))
    if os.name == "nt":
        return ok("keys", _("The keys are there."))
    secrets = [places.keys, *places.keys.iterdir(), places.store]
    for path in secrets:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & _OTHERS:
            text = _("Other people on this machine can read {path}.").format(path=path)
            return wrong("keys", text, f"chmod go= {shlex.quote(str(path))}")
    return ok("keys", _("The keys are there, for their owner only."))


def _lock(home: Path) -> Finding:
    try:
        if keystore.present(home).lock is Lock.PASSPHRASE:
            if memory.kept(home) is not None:
                text = _("A passphrase protects it; it is unlocked now, until “crisiskit lock”.")
                return ok("lock", text)
            text = _(
                "A passphrase protects words and keys, and they are locked now. Names of stations "
                "and links, times, sizes and states are not protected."
            )
            return ok("lock", text)
        place = keystore.key_file(home)
        keystore.read_key_file(home)
    except CrisiskitError as error:
        return wrong("lock", explain(error))
    if place != keystore.beside(home):
        return ok("lock", _("The key file {path} opens everything here.").format(path=place))
    return warning(
        "lock",
        _("No passphrase protects it: whoever has this disk can read everything."),
        _("crisiskit passphrase, or keep the key file elsewhere: crisiskit passphrase --help"),
    )


def _sealed(home: Path) -> Finding:
    """What is sealed in the store, and whether the key here is the one that opens it."""
    text = _(
        "Words, forms, positions and keys are sealed in the store. Readable without the key: "
        "names of stations and links, times, sizes, states, short names of messages."
    )
    try:
        keys = keystore.at_hand(home)
        if keys is None:
            locked = _("It is locked now: whether what is sealed opens was not looked at.")
            return ok("sealed", f"{text} {locked}", "crisiskit unlock")
        with closing(Views(Places.of(home).store, keys.vault)) as views:
            keys.vault.open(views.fact("vault"), Sealed.CHECK)
            bad = altered_rows(views.rows)
    except CrisiskitError as error:
        return wrong("sealed", explain(error))
    if bad:
        words = ngettext(
            "{n} row of the store was altered on the disk: its words cannot be opened.",
            "{n} rows of the store were altered on the disk: their words cannot be opened.",
            bad,
        )
        return wrong(
            "sealed", words.format(n=bad), _("crisiskit log verify, then crisiskit restore")
        )
    return ok("sealed", text)


def _swap() -> Iterator[Finding]:
    """What is open in memory may be written out to a disk; compressed memory is no disk."""
    try:
        lines = SWAPS.read_text().splitlines()[1:]
    except OSError:
        yield ok("swap", _("Whether memory is swapped to a disk was not looked at."))
        return
    disks = [name for line in lines if "zram" not in (name := line.split()[0])]
    if disks:
        text = _("Memory may be swapped to {names}, opened keys and words with it.")
        fix = _("Turn swap off (swapoff -a), or encrypt it with a key that is new at each start.")
        yield warning("swap", text.format(names=", ".join(disks)), fix)
    else:
        yield ok("swap", _("Memory is never swapped to a disk."))
