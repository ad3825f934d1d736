"""The ceremony of the root: three key files on offline media, and bundles two of them sign."""

from __future__ import annotations

import os
from pathlib import Path

from crisiskit.crypto.bundle import (
    BUNDLE_BYTES_MAX,
    ROOT_PUBLIC_BYTES,
    Bundle,
    RootKey,
    check_bundle,
    encode_bundle,
    read_bundle,
    root_fingerprint,
    sign_bundle,
)
from crisiskit.crypto.identity import PUBLIC_BYTES, ROOTS
from crisiskit.crypto.locked import FILE_BYTES_MAX, clear_part, lock, unlock
from crisiskit.duty import in_force
from crisiskit.enrolment import center_identity, read_network
from crisiskit.errors import CrisiskitError, TrustError, UsageError
from crisiskit.files import SECRET, read_small, write_new, write_whole
from crisiskit.installation import Places, open_installation
from crisiskit.model import CENTER
from crisiskit.store import issue
from crisiskit.store.store import Store

_KEY, _PUBLIC = b"CKRT1", b"CKRU1"


def new_root(path: Path, passphrase: str) -> tuple[Path, str]:
    """Make a root key: its file, and beside it the public half; that file and the fingerprint.

    Raises CrisiskitError ``file_exists``, UsageError ``passphrase_short``.
    """
    public_path = path.with_name(f"{path.name}.pub")
    if path.exists() or public_path.exists():
        raise CrisiskitError("file_exists", path=path)
    root = RootKey.make(os.urandom)
    write_whole(path, lock(_KEY, root.public, root.secret, passphrase, os.urandom), SECRET)
    write_new(public_path, _PUBLIC + root.public)
    return public_path, root_fingerprint(root.public).hex()


def root_public(path: Path) -> bytes:
    """The public half in a file. Raises TrustError ``key_file_wrong``."""
    data = read_small(path, FILE_BYTES_MAX)
    if data[: len(_KEY)] == _KEY:
        data = _PUBLIC + clear_part(_KEY, data)
    if data[: len(_PUBLIC)] != _PUBLIC or len(data) != len(_PUBLIC) + ROOT_PUBLIC_BYTES:
        raise TrustError("key_file_wrong", expected=_PUBLIC.decode())
    return data[len(_PUBLIC) :]


def fingerprints(paths: tuple[Path, ...]) -> tuple[bytes, ...]:
    """Those of the three roots of a new network, or of none. UsageError ``roots_three``."""
    found = tuple(root_fingerprint(root_public(path)) for path in paths)
    if found and (len(found) != ROOTS or len(set(found)) != ROOTS):
        raise UsageError("roots_three")
    return found


def make_bundle(
    home: Path,
    store: Store,
    roots: tuple[Path, ...],
    more: tuple[bytes, ...],
    grave: frozenset[int],
) -> bytes:
    """A bundle that nobody signed yet: this center's keys and the duty keys in force.

    ``more`` are further authority keys. Raises TrustError ``bundle_no_roots`` or
    ``bundle_wrong_network``.
    """
    places = Places.of(home)
    network = read_network(places)
    if not network.roots:
        raise TrustError("bundle_no_roots")
    publics = tuple(root_public(path) for path in roots)
    if tuple(root_fingerprint(public) for public in publics) != network.roots:
        raise TrustError("bundle_wrong_network")
    identity = center_identity(places)
    bundle = Bundle(
        network.network_id,
        1 + int(store.meta("bundle_version") or b"0"),
        grave,
        publics,
        identity.exchange_public,
        (identity.authority_public, *more),
        tuple(sorted(in_force(issue.trust(store)), key=lambda key: key.index)),
    )
    return encode_bundle(bundle)


def sign_file(bundle: bytes, key: Path, passphrase: str) -> tuple[bytes, int]:
    """The bundle with one more signature, and how many it has.

    Raises TrustError ``bundle_...``, ``key_file_wrong``, ``passphrase_wrong``, ``root_unknown``.
    """
    root = RootKey(unlock(_KEY, read_small(key, FILE_BYTES_MAX), passphrase))
    signed = sign_bundle(read_bundle(bundle), root)
    return encode_bundle(signed), len(signed.signatures)


def install_bundle(home: Path, store: Store, path: Path) -> Bundle:
    """Believe what two of three roots signed, if it is not older than what is believed.

    Raises TrustError ``bundle_...``.
    """
    places = Places.of(home)
    network, role = read_network(places), open_installation(home).role
    if not network.roots:
        raise TrustError("bundle_no_roots")
    data = read_small(path, BUNDLE_BYTES_MAX)
    bundle = read_bundle(data)
    check_bundle(bundle, network.network_id, network.roots)
    known = int(store.meta("bundle_version") or b"0")
    if bundle.version < known:
        raise TrustError("bundle_old", version=bundle.version, known=known)
    if role == CENTER and bundle.authorities[0] != center_identity(places).authority_public:
        raise TrustError("bundle_other_center")
    issue.install_trust(
        store,
        bundle.authorities,
        bundle.duty,
        grave=bytes(sorted(bundle.grave)),
        bundle_version=str(bundle.version).encode(),
    )
    return bundle


def authority_public(path: Path) -> bytes:
    """A further authority's public key, 32 bytes in a file. TrustError ``key_file_wrong``."""
    data = read_small(path, FILE_BYTES_MAX)
    if len(data) != PUBLIC_BYTES:
        raise TrustError("key_file_wrong", expected=str(PUBLIC_BYTES))
    return data
