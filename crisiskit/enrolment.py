"""How a home folder comes to be: a center, or a kit that is enrolled with one.

Every step may be cut and run again. The store comes last: where there is one, the rest is
complete. Keys are made here and stay here; only the three enrolment files leave.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from crisiskit.clock import wall_ms
from crisiskit.crypto.enrol import (
    FILE_BYTES_MAX,
    CenterFile,
    Request,
    check_name,
    comparison_code,
    make_center_file,
    make_reply,
    read_center_file,
    read_reply,
    read_request,
)
from crisiskit.crypto.enrol import make_request as seal_request
from crisiskit.crypto.identity import (
    CENTER_SECRET_BYTES,
    SIGNING_SECRET_BYTES,
    CenterIdentity,
    KitIdentity,
    kit_fingerprint,
)
from crisiskit.crypto.keys import SECRET_BYTES, root_key
from crisiskit.crypto.statement import Sign
from crisiskit.errors import CrisiskitError, TrustError, UsageError
from crisiskit.files import SECRET, read_small, sync_folder, write_whole
from crisiskit.installation import (
    KIT,
    Installation,
    Places,
    looking,
    open_installation,
    writing,
)
from crisiskit.keystore import ASKED, IDENTITY, Keys, create, opened, opened_with
from crisiskit.model import CENTER, EVERY_KIT, Direction
from crisiskit.starter import starter_settings
from crisiskit.store.issue import bring_up_to_date
from crisiskit.store.store import Admitted, NewPairing, Store

KIT_NUMBER_MAX = 0xFDFF
_FOLDER_MODE = 0o700


def create_center(
    home: Path,
    name: str,
    exercise: bool,
    roots: tuple[bytes, ...] = (),
    passphrase: str | None = None,
) -> Installation:
    """A new network: keys, center file, settings, store. Raises CrisiskitError ``home_taken``.

    ``roots`` are the fingerprints of its three root keys, none for one without ceremony.
    Without a passphrase a key file opens its keystore.
    """
    check_name(name)
    places = _prepare(home)
    made = CenterIdentity.make(os.urandom)
    keys = _make_keys(home, kit_fingerprint(made.authority_public), made.secret, passphrase)
    identity = CenterIdentity(_identity(keys, CENTER_SECRET_BYTES), roots)
    center_file = make_center_file(identity, name, exercise)
    network = read_center_file(center_file)
    _finish(places, keys, CENTER, name, center_file, own_fp=center_fingerprint(network))
    return open_installation(home)


def create_kit(
    home: Path, name: str, center_file: bytes, passphrase: str | None = None
) -> Installation:
    """A new kit of the network in ``center_file``, to be activated later.

    Without a passphrase a key file opens its keystore.

    Raises CrisiskitError ``home_taken``, UsageError ``name_reserved``, TrustError ``enrol_...``.
    """
    if _reserved(check_name(name)):
        raise UsageError("name_reserved", name=name)
    read_center_file(center_file)
    places = _prepare(home)
    made = KitIdentity.make(os.urandom)
    keys = _make_keys(home, made.fingerprint, made.secret, passphrase)
    _finish(places, keys, KIT, name, center_file)
    return open_installation(home)


def make_request(home: Path) -> bytes:
    """The kit's request file; the same one until the kit is activated.

    Raises CrisiskitError ``not_a_kit`` or ``already_active``.
    """
    kit = _of_role(home, KIT)
    if kit.active:
        raise CrisiskitError("already_active", number=kit.kit_number)
    keys = opened(home)
    if keys.secret(ASKED) is None:
        network = read_network(kit.places)
        request, secret = seal_request(_kit_identity(keys), kit.name, network, os.urandom)
        keys.put(**{ASKED: secret + request})
    return _asked(home, keys)[1]


def asking(home: Path, request: bytes) -> tuple[str, str]:
    """The name of the kit that asks, and the code a person compares before it is admitted.

    Raises CrisiskitError ``not_a_center``, TrustError ``enrol_...`` for a request that cannot
    be trusted.
    """
    _of_role(home, CENTER)
    asked = read_request(request, center_identity(Places.of(home)))
    return asked.name, comparison_code(request)


def enrol(home: Path, request: bytes) -> tuple[bytes, int, str]:
    """Admit a kit: the reply file, the kit number, the code that was to be compared.

    Whoever calls this has compared the code. The same request gives the same answer. Raises
    TrustError ``enrol_...`` for a request that cannot be trusted, a name in use, or a key known
    under another request.
    """
    center = _of_role(home, CENTER)
    identity = center_identity(Places.of(home))
    asked = read_request(request, identity)
    network, secret = read_network(center.places), asked.pairing_secret
    pairing = _pairing(CENTER, 0, asked.name, asked.kit_public, secret, network)
    with writing(home) as store:
        number = store.admit_kit(pairing, asked.digest, partial(_number_for, asked))
        bring_up_to_date(store, number)
    return make_reply(identity, number, asked), number, comparison_code(request)


def activate(home: Path, reply: bytes) -> Installation:
    """Take the center's answer: from here on the kit exchanges messages.

    The same reply again changes nothing. Raises CrisiskitError ``not_a_kit``, ``not_asked`` or
    ``already_active``, TrustError ``enrol_...``.
    """
    kit = _of_role(home, KIT)
    keys = opened(home)
    if not kit.active:
        secret, request = _asked(home, keys)
        network, identity = read_network(kit.places), _kit_identity(keys)
        number = read_reply(reply, identity.fingerprint, request, network).kit_number
        pairing = _pairing(KIT, number, kit.name, identity.public, secret, network)
        with writing(home) as store:
            store.add_pairing(
                pairing,
                own_fp=identity.fingerprint,
                kit_number=str(number).encode(),
                certificate=reply,
            )
    elif _certificate(home) != reply:
        raise CrisiskitError("already_active", number=kit.kit_number)
    if keys.secret(ASKED) is not None:
        keys.put(**{ASKED: None})
    return open_installation(home)


def own_signature(home: Path) -> Sign:
    """Signs with this station's key. Raises CrisiskitError for keys that cannot be read."""
    station = open_installation(home)
    if station.role == CENTER:
        return center_identity(Places.of(home)).sign
    return _kit_identity(opened(home)).sign


def own_public(home: Path) -> bytes:
    """The public key that belongs to ``own_signature``. Raises as that does."""
    station = open_installation(home)
    if station.role == CENTER:
        return center_identity(Places.of(home)).authority_public
    return _kit_identity(opened(home)).public


def read_network(places: Places) -> CenterFile:
    """The network this home folder belongs to."""
    return read_center_file(read_small(places.network, FILE_BYTES_MAX))


def center_identity(places: Places) -> CenterIdentity:
    """The keys of this center."""
    secret = _identity(opened(places.home), CENTER_SECRET_BYTES)
    return CenterIdentity(secret, read_network(places).roots)


def center_fingerprint(network: CenterFile) -> bytes:
    """The 16 bytes that name a center as an author, made as those of a kit are."""
    return kit_fingerprint(network.authority_public)


# -- making ----------------------------------------------------------------------------------


def _prepare(home: Path) -> Places:
    """The folders, if nobody uses them yet."""
    try:
        open_installation(home)
    except CrisiskitError as error:
        if error.code != "home_missing":
            raise
    else:
        raise CrisiskitError("home_taken", path=home)
    places = Places.of(home)
    home.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
    places.keys.mkdir(_FOLDER_MODE, exist_ok=True)
    return places


def _make_keys(home: Path, owner: bytes, identity: bytes, passphrase: str | None) -> Keys:
    """The keystore of a new station, or the one that an earlier try made before it was cut."""
    if not Places.of(home).keystore.exists():
        return create(home, owner, {IDENTITY: identity}, passphrase)
    return opened(home) if passphrase is None else opened_with(home, passphrase.encode())


def _finish(
    places: Places, keys: Keys, role: str, name: str, center_file: bytes, **facts: bytes
) -> None:
    """The files, the store last and whole: from here on the home folder counts as made."""
    network = read_center_file(center_file)
    write_whole(places.network, center_file)
    if not places.settings.exists():
        write_whole(places.settings, starter_settings(role).encode())
    new = places.store.with_name("store.new")
    _forget(new)
    write_whole(new, b"", SECRET)
    with closing(Store(new, wall_ms, keys.vault)) as store:
        store.lay_ballast()
        store.set_meta(
            role=role.encode(),
            name=name.encode(),
            network=network.name.encode(),
            network_id=network.network_id,
            authorities=network.authority_public,
            exercise=b"1" if network.exercise else b"0",
            **facts,
        )
    new.replace(places.store)
    _forget(new)
    sync_folder(places.home)


def _forget(new: Path) -> None:
    """Remove a store that was not finished, with its journals."""
    for left in new.parent.glob(f"{new.name}*"):
        left.unlink()


def _reserved(name: str) -> bool:
    """Whether the word means somebody else after ``--to``."""
    return name.casefold() in (CENTER, EVERY_KIT) or name.isdecimal()


def _of_role(home: Path, role: str) -> Installation:
    installation = open_installation(home)
    if installation.role != role:
        raise CrisiskitError("not_a_center" if role == CENTER else "not_a_kit", path=home)
    return installation


def _kit_identity(keys: Keys) -> KitIdentity:
    return KitIdentity(_identity(keys, SIGNING_SECRET_BYTES))


def _identity(keys: Keys, size: int) -> bytes:
    secret = keys.secret(IDENTITY)
    if secret is None or len(secret) != size:
        raise TrustError("keystore_damaged")
    return secret


# -- enrolling -------------------------------------------------------------------------------


def _number_for(asked: Request, kits: Sequence[Admitted], highest: int) -> int:
    """The number this very request got before, else the next one that was never given."""
    for kit in kits:
        if kit.kit_fp == asked.kit_fp:
            if kit.request != asked.digest:
                raise TrustError("enrol_key_known", name=kit.name, number=kit.number)
            return kit.number
        if kit.name.casefold() == asked.name.casefold():
            raise TrustError("enrol_name_taken", name=kit.name, number=kit.number)
    if _reserved(asked.name):
        raise TrustError("name_reserved", name=asked.name)
    number = 1 + highest
    if number > KIT_NUMBER_MAX:
        raise TrustError("enrol_network_full", limit=KIT_NUMBER_MAX)
    return number


def _certificate(home: Path) -> bytes:
    with looking(home) as views:
        return views.fact("certificate")


def _asked(home: Path, keys: Keys) -> tuple[bytes, bytes]:
    """The pairing secret and the request that carries it sealed."""
    data = keys.secret(ASKED)
    if data is None:
        raise CrisiskitError("not_asked", path=home)
    return data[:SECRET_BYTES], data[SECRET_BYTES:]


def _pairing(
    role: str, number: int, name: str, public: bytes, secret: bytes, network: CenterFile
) -> NewPairing:
    """A pairing as one end writes it: the kit sends up, the center down and keeps the root."""
    kit_fp = kit_fingerprint(public)
    sends = Direction.DOWN if role == CENTER else Direction.UP
    return NewPairing(
        kit_number=number,
        name=name,
        kit_fp=kit_fp,
        public_key=public,
        peer_fp=kit_fp if role == CENTER else center_fingerprint(network),
        peer_public=public if role == CENTER else network.authority_public,
        send_chain=root_key(secret, network.network_id, kit_fp, sends).key,
        heard_chain=root_key(secret, network.network_id, kit_fp, sends.other).key,
        keeps_root=role == CENTER,
    )
