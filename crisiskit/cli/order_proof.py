"""What a proof says of an order: read from its own bytes, for there is no home to ask for names."""

from __future__ import annotations

from crisiskit.codec.objects import AUTHORITY, ObjectKind, SignedObject, decode_object
from crisiskit.crypto.trust import expiry_s
from crisiskit.i18n import N_, _
from crisiskit.jsonform import iso
from crisiskit.model import Record
from crisiskit.render import local_time

_KINDS = {
    ObjectKind.ORDER: N_("ORDER"),
    ObjectKind.CANCEL: N_("CANCEL"),
    ObjectKind.WIPE: N_("WIPE"),
    ObjectKind.TRUST_LIST: N_("LIST OF REVOKED KEYS"),
    ObjectKind.DUTY_KEY: N_("DUTY KEY"),
    ObjectKind.TIME: N_("TIME"),
}


def proof_lines(record: Record) -> list[str]:
    """The order for people, mode first; kits and signers are numbers."""
    signed = decode_object(record.data, record.text)
    if not isinstance(signed, SignedObject):
        return [_("This is no signed order. Ask the center before you act.")]
    mode = _("EXERCISE") if signed.exercise else _("REAL")
    lines = [f"{mode} {_(_KINDS[signed.kind])} {signed.number}"]
    if signed.kind is ObjectKind.CANCEL:
        taken = _("Order {number} is taken back: do not carry it out.")
        lines.append(taken.format(number=signed.cancels))
    lines.append(_kits(signed))
    lines.append(_("signed by {names}").format(names=_(" and ").join(map(_key, signed.signers))))
    lines.append(_("given {when}").format(when=local_time(signed.issued_s * 1000)))
    if (end := expiry_s(signed)) is not None:
        lines.append(_("in force until {when}").format(when=local_time(end * 1000)))
    elif signed.kind is ObjectKind.ORDER:
        lines.append(_("in force until it is taken back"))
    lines.append(_("These signers are named in it; their own signatures are not checked here."))
    return lines


def order_facts(record: Record) -> dict[str, object] | None:
    """The same for scripts; None for what is no readable object."""
    signed = decode_object(record.data, record.text)
    if not isinstance(signed, SignedObject):
        return None
    end = expiry_s(signed)
    return {
        "number": signed.number,
        "kind": signed.kind.name.lower(),
        "exercise": signed.exercise,
        "kits": list(signed.kits),
        "signers": list(signed.signers),
        "issued_at": iso(signed.issued_s * 1000),
        "expires_at": iso(None if end is None else end * 1000),
        "cancels": signed.cancels if signed.kind is ObjectKind.CANCEL else None,
        "wants_answer": signed.answer,
    }


def _kits(signed: SignedObject) -> str:
    numbers = ", ".join(map(str, signed.kits))
    if signed.kind is ObjectKind.TRUST_LIST:
        return _("revoked: {numbers}").format(numbers=numbers)
    if not signed.kits:
        return _("to {whom}").format(whom=_("ALL KITS"))
    words = _("to kit {numbers}") if len(signed.kits) == 1 else _("to kits {numbers}")
    return words.format(numbers=numbers)


def _key(number: int) -> str:
    if number >= AUTHORITY:
        return _("authority key {number}").format(number=number)
    return _("duty key {number}").format(number=number)
