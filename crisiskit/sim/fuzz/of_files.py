"""The decoders of files that people carry: settings and enrolment, with valid bytes for each."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from crisiskit.crypto.enrol import (
    CenterFile,
    Certificate,
    make_center_file,
    make_reply,
    make_request,
    read_center_file,
    read_reply,
    read_request,
)
from crisiskit.crypto.identity import SIGNATURE_BYTES, CenterIdentity, KitIdentity
from crisiskit.errors import CrisiskitError, TrustError
from crisiskit.harmless import clean_line
from crisiskit.i18n import explain
from crisiskit.settings import FILE_NAME, Settings, load
from crisiskit.sim.fuzz.decoder import Decoder

BYTES_A_DAY = 10_000_000
_RNG = random.Random(1)
CENTER, KIT = CenterIdentity.make(_RNG.randbytes), KitIdentity.make(_RNG.randbytes)
CENTER_FILE = make_center_file(CENTER, "Préfecture", exercise=False)
NETWORK = read_center_file(CENTER_FILE)
SETTINGS = (
    b'language = "fr"\nname = "Delta-2"\nlog_level = "info"\n',
    b'[[link]]\nname = "wifi"\nkind = "tcp"\nhost = "10.0.0.1"\nport = 7400\nrepeat_s = 4.5\n'
    b'price = { credit_micros = 80_000, currency = "EUR" }\n',
    b'[[link]]\nname = "line"\nkind = "serial"\nport = "/dev/ttyUSB0"\nbaud = 9600\n'
    b'[[link]]\nname = "sat"\nkind = "sbd"\nport = "/dev/ttyUSB1"\nreceipt_delay_s = 1e2\n',
    b'[[link]]\nname = "stick"\nkind = "folder"\nfolder = "removable"\nfiles_max = 99\n',
    b'[[link]]\nname = "d"\nkind = "directip"\nport = 1\ngateway_host = "h"\ngateway_port = 2\n',
)
VALUES = (
    *(b"nan", b"inf", b"-inf", b"-1", b"0", b"1e308", b"1e999", b"0x" + b"f" * 99, b"1979-05-27"),
    *(b'"\\u0000\\u202e"', b'"%s"' % (b"x" * 999), b"[1, 2]", b"{ a.b.c = 1 }", b"true", b"'{0}'"),
)


def decoders(folder: Path) -> tuple[Decoder, ...]:
    """All of them. Settings are written to and read from ``folder``."""
    request, _secret = make_request(KIT, "Équipe 4", NETWORK, random.Random(2).randbytes)
    seen = read_request(request, CENTER)

    def read_settings(data: bytes) -> Settings:
        (folder / FILE_NAME).write_bytes(data)
        try:
            settings = load(folder)
        except CrisiskitError as error:
            sentence = explain(error)
            assert sentence == clean_line(sentence), f"says {sentence!r}"
            raise
        for link in settings.links:
            numbers = [v for v in structs.asdict(link.options).values() if isinstance(v, float)]
            assert all(map(math.isfinite, numbers)), f"takes {link.options}"
            assert max(link.micros.values()) * BYTES_A_DAY < 1 << 63, f"takes {link.price}"
        return settings

    def reply_again(value: Certificate) -> bytes:
        return make_reply(CENTER, value.kit_number, replace(seen, name=value.name))

    return (
        Decoder("settings", SETTINGS, read_settings, (CrisiskitError,), seal=_another_value),
        Decoder(
            "center file",
            (CENTER_FILE,),
            read_center_file,
            (TrustError,),
            _center_again,
            canonical=True,
            seal=_signed_by_center,
        ),
        Decoder(
            "request",
            (request,),
            lambda data: read_request(data, CENTER),
            (TrustError,),
            seal=lambda data: _body(data) + KIT.sign(b"crisiskit/1 request\0" + _body(data)),
        ),
        Decoder(
            "reply",
            (make_reply(CENTER, 300, seen),),
            lambda data: read_reply(data, KIT.fingerprint, request, NETWORK),
            (TrustError,),
            reply_again,
            canonical=True,
            seal=lambda data: _body(data) + CENTER.sign(b"crisiskit/1 reply\0" + _body(data)),
        ),
    )


def _another_value(data: bytes) -> bytes:
    """One key is given a value that a number, a word or a table must not have."""
    rng = random.Random(data)
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    key, sign, _value = lines[place].partition(b"=")
    lines[place] = key + sign + rng.choice(VALUES) if sign else lines[place]
    return b"\n".join(lines)


def _body(data: bytes) -> bytes:
    return data[:-SIGNATURE_BYTES]


def _signed_by_center(data: bytes) -> bytes:
    return _body(data) + CENTER.sign(b"crisiskit/1 center\0" + _body(data))


def _center_again(value: CenterFile) -> bytes:
    name = value.name.encode()
    keys = value.authority_public + value.exchange_public
    body = b"CKCN1" + bytes([value.exercise]) + keys + bytes([len(name)]) + name
    return body + CENTER.sign(b"crisiskit/1 center\0" + body)
