"""Personal data: fields of forms that never leave where all can read them."""

from __future__ import annotations

from crisiskit.codec.forms import AnyField, unpack
from crisiskit.codec.reject import Rejected
from crisiskit.errors import TrustError
from crisiskit.forms import catalog
from crisiskit.i18n import language
from crisiskit.model import RecordKind


def may_be_read(kind: RecordKind, data: bytes, text: str) -> bool:
    """Whether all may read a record with this body, if its writer lets them.

    Not a form with personal data in it, nor one that cannot be looked through here.
    """
    if kind is not RecordKind.FORM:
        return True
    found = _personal(data, text)
    return found is not None and not found


def check_readable(kind: RecordKind, data: bytes, text: str) -> None:
    """Raises TrustError ``clear_personal`` naming the first field that all must not read."""
    for field in (_personal(data, text) or []) if kind is RecordKind.FORM else []:
        label = field.label.say(language())
        raise TrustError("clear_personal", field=field.name, label=label)


def _personal(data: bytes, text: str) -> list[AnyField] | None:
    """The fields with personal data that are filled in; None if that cannot be told."""
    schema = catalog.by_id(data[0]) if data else None
    filled = unpack(schema, data, text) if schema else None
    if schema is None or filled is None or isinstance(filled, Rejected) or filled.more:
        return None
    return [field for field in schema.fields if field.personal and field.name in filled.values]
