"""The keystore of a home folder: opening it, changing its lock, keeping secrets in it.

Three things open it without asking: what this process opened before, the key that ``crisiskit
unlock`` left in memory, and the key file of an unattended station. Otherwise the passphrase
is asked for, once in a process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from crisiskit import memory, passphrase
from crisiskit.crypto.keystore import (
    FILE_BYTES_MAX,
    Keystore,
    Lock,
    new_keystore,
    read_keystore,
)
from crisiskit.crypto.vault import KEY_BYTES, Vault
from crisiskit.errors import BusyError, CrisiskitError, TrustError
from crisiskit.files import SECRET, erase, read_small, replace_secret, write_whole
from crisiskit.installation import Places

KEY_FILE_VARIABLE = "CRISISKIT_KEY_FILE"
IDENTITY = "identity"
ASKED = "asked"
_WRONG = {Lock.KEY_FILE: "key_file_wrong", Lock.PASSPHRASE: "passphrase_wrong"}
_NEEDED = {Lock.KEY_FILE: "backup_needs_key_file", Lock.PASSPHRASE: "backup_needs_passphrase"}

_known: dict[Path, bytes] = {}


class Keys:
    """An opened keystore: the vault of everything kept in this home, and secrets by name."""

    def __init__(self, path: Path, keystore: Keystore, data_key: bytes) -> None:
        self._path = path
        self._data_key = data_key
        self._secrets = keystore.secrets(data_key)
        self.owner = keystore.owner
        self.vault = Vault(data_key)

    def secret(self, name: str) -> bytes | None:
        """A secret, or None if there is none of that name."""
        return self._secrets.get(name)

    def put(self, **secrets: bytes | None) -> None:
        """Write secrets durably; None takes one away."""
        keystore = read_keystore(read_small(self._path, FILE_BYTES_MAX))
        all_of_them: Mapping[str, bytes | None] = keystore.secrets(self._data_key) | secrets
        self._secrets = {name: secret for name, secret in all_of_them.items() if secret is not None}
        changed = keystore.with_secrets(self._data_key, self._secrets)
        replace_secret(self._path, changed.encode())

    def relock(self, lock: Lock, opener: bytes) -> None:
        """Put another lock on the keystore; what it keeps stays as it is."""
        keystore = read_keystore(read_small(self._path, FILE_BYTES_MAX))
        changed = keystore.locked(self._data_key, lock, opener, os.urandom)
        replace_secret(self._path, changed.encode())

    def leave_in_memory(self, home: Path) -> Path:
        """Let all processes of this user open the home until it is locked. The file's place."""
        return memory.keep(home, self._data_key)


def create(home: Path, owner: bytes, secrets: Mapping[str, bytes], words: str | None) -> Keys:
    """A new keystore under the passphrase ``words``, or under a key file if None."""
    places = Places.of(home)
    lock = Lock.KEY_FILE if words is None else Lock.PASSPHRASE
    opener = make_key_file(key_file(home)) if words is None else words.encode()
    data_key = os.urandom(KEY_BYTES)
    keystore = new_keystore(owner, data_key, secrets, lock, opener, os.urandom)
    write_whole(places.keystore, keystore.encode(), SECRET)
    return _remember(home, keystore, data_key)


def present(home: Path) -> Keystore:
    """The keystore as it stands in the home. Raises TrustError ``keystore_...``."""
    path = Places.of(home).keystore
    try:
        try:
            return read_keystore(read_small(path, FILE_BYTES_MAX))
        except TrustError:  # or it was replaced, and its old bytes erased, at this moment
            return read_keystore(read_small(path, FILE_BYTES_MAX))
    except CrisiskitError as error:
        if error.code == "file_missing":
            raise TrustError("keystore_missing", path=path) from None
        raise


def opened(home: Path) -> Keys:
    """The keystore of ``home``, opened; a person is asked only if nothing else opens it.

    Raises BusyError ``home_locked`` where nobody can be asked, TrustError ``passphrase_wrong``,
    ``key_file_...`` or ``keystore_...``.
    """
    keystore = present(home)
    return _remember(home, keystore, data_key_of(home, keystore))


def at_hand(home: Path) -> Keys | None:
    """The keystore of ``home`` if it can be opened without a passphrase, else None."""
    keystore = present(home)
    data_key = _remembered(home, keystore)
    if data_key is not None:
        return _remember(home, keystore, data_key)
    return opened_with(home, read_key_file(home)) if keystore.lock is Lock.KEY_FILE else None


def data_key_of(home: Path, keystore: Keystore) -> bytes:
    """What opens ``keystore``, which is that of ``home`` or of a backup. Raises as ``opened``."""
    data_key = _remembered(home, keystore)
    if data_key is not None:
        return data_key
    if keystore.lock is Lock.KEY_FILE:
        return keystore.unlock(read_key_file(home))
    words = passphrase.given(home)
    if words is None:
        raise BusyError("home_locked", path=home)
    return keystore.unlock(words.encode())


def data_key_of_backup(home: Path, backup: Keystore, given: Mapping[Lock, bytes]) -> bytes:
    """What opens the keystore of a backup: ``given`` if anything is, else what ``home`` has.

    A new lock leaves the data key as it is, so that what opens the home now opens its older
    backups, too. Raises TrustError ``backup_needs_...`` or as ``opened``.
    """
    known = None if given else _remembered(home, backup)
    if known is not None:
        return known
    keystores = (backup, *_own(home))
    for lock in Lock:
        if not any(one.lock is lock for one in keystores):
            continue
        opener = given.get(lock) if given else _opener(home, lock)
        for one in keystores:
            data_key = None if opener is None or one.lock is not lock else _tried(one, opener)
            if data_key is not None and fits(backup, data_key):
                return data_key
        if opener is not None and backup.lock is lock:
            raise TrustError(_WRONG[lock])
    if given or all(one.lock is Lock.KEY_FILE for one in keystores):
        raise TrustError(_NEEDED[backup.lock])
    raise BusyError("home_locked", path=home)


def _own(home: Path) -> tuple[Keystore, ...]:
    """The keystore of the home, unless none or a damaged one is there."""
    try:
        return (present(home),)
    except TrustError:
        return ()


def _opener(home: Path, lock: Lock) -> bytes | None:
    """What opens such a lock without being named: the home's key file, or a person asked."""
    if lock is Lock.KEY_FILE:
        return read_key_file(home) if key_file(home).exists() else None
    words = passphrase.given(home)
    return None if words is None else words.encode()


def _tried(keystore: Keystore, opener: bytes) -> bytes | None:
    try:
        return keystore.unlock(opener)
    except TrustError:
        return None


def fits(keystore: Keystore, data_key: bytes) -> bool:
    """Whether this is the data key of that keystore."""
    try:
        keystore.secrets(data_key)
    except TrustError:
        return False
    return True


def opened_anew(home: Path) -> Keys:
    """``opened``, but whoever sits here proves once more that the passphrase is known."""
    if present(home).lock is Lock.KEY_FILE:
        return opened(home)
    words = passphrase.given(home)
    if words is None:
        raise BusyError("home_locked", path=home)
    return opened_with(home, words.encode())


def opened_with(home: Path, opener: bytes) -> Keys:
    """The keystore of ``home`` opened by a passphrase's words or a key file's bytes."""
    keystore = present(home)
    return _remember(home, keystore, keystore.unlock(opener))


def forget(home: Path) -> None:
    """Forget what this process and ``crisiskit unlock`` know of a home."""
    _known.pop(home.resolve(), None)
    memory.forget(home)


def _remembered(home: Path, keystore: Keystore) -> bytes | None:
    known = (_known.get(home.resolve()), memory.kept(home))
    return next((key for key in known if key is not None and fits(keystore, key)), None)


def _remember(home: Path, keystore: Keystore, data_key: bytes) -> Keys:
    _known[home.resolve()] = data_key
    return Keys(Places.of(home).keystore, keystore, data_key)


# -- the key file ----------------------------------------------------------------------------


def key_file(home: Path) -> Path:
    """Where the key file is: CRISISKIT_KEY_FILE, else beside the keystore, else as set."""
    if chosen := os.environ.get(KEY_FILE_VARIABLE):
        return Path(chosen)
    if not beside(home).exists() and Places.of(home).settings.exists():
        from crisiskit.settings import load

        if elsewhere := load(home, links=False).key_file:
            return Path(elsewhere).expanduser()
    return beside(home)


def key_file_elsewhere(home: Path) -> Path | None:
    """The key file, if there is one that does not lie beside the keystore."""
    try:
        place = key_file(home)
    except CrisiskitError:  # settings that cannot be read name none
        return None
    return place if place != beside(home) and place.exists() else None


def beside(home: Path) -> Path:
    """Where the key file is unless somebody chose another place: beside the keystore."""
    return Places.of(home).key_file


def read_key_file(home: Path) -> bytes:
    """The bytes of this home's key file. Raises as ``read_key``."""
    return read_key(key_file(home))


def read_key(path: Path) -> bytes:
    """The bytes of a key file. Raises TrustError ``key_file_missing`` or ``key_file_wrong``."""
    try:
        opener = read_small(path, KEY_BYTES)
    except CrisiskitError as error:
        if error.code == "file_missing":
            raise TrustError("key_file_missing", path=path) from None
        raise
    if len(opener) != KEY_BYTES:
        raise TrustError("key_file_wrong", path=path)
    return opener


def make_key_file(path: Path) -> bytes:
    """The bytes of the key file at ``path``; it is made if it does not exist yet."""
    if not path.exists():
        write_whole(path, os.urandom(KEY_BYTES), SECRET)
    return read_key(path)


def copy_key_file(home: Path, path: Path) -> None:
    """Put a copy of a key file where this home looks for it, if none is there."""
    place = key_file(home)
    if present(home).lock is Lock.KEY_FILE and not place.exists():
        write_whole(place, read_key(path), SECRET)


def drop_key_file(home: Path) -> None:
    """Erase the key file beside the keystore: a passphrase took its place.

    One that the owner put elsewhere may belong to more than this home, and stays.
    """
    erase(beside(home))
