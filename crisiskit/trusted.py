"""The nouns of trust: what signed objects change in a Step, and what must be known to judge them.

Beside ``step``, which is about messages. Imports the nouns only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crisiskit.model import Precedence, Verdict

# -- changes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ordered:
    """A signed object came in and was judged.

    ``carrier`` is the digest of the record that brought it, empty when it came alone.
    ``data`` and ``text`` are its record form, empty ``digest`` means they are no object.
    ``expires_at`` is in milliseconds of this station's clock. ``code`` is four digits.
    """

    pairing: int
    carrier: bytes
    precedence: Precedence
    digest: bytes
    data: bytes
    text: str
    verdict: Verdict
    kind: int = 0
    number: int = 0
    exercise: bool = False
    answer: bool = False
    issued_s: int = 0
    expires_at: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """An object that is stored is worth something else now: its signer became known."""

    digest: bytes
    verdict: Verdict
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The order ``number`` is cancelled by object ``by``, also when it is yet to come."""

    number: int
    exercise: bool
    by: int


@dataclass(frozen=True, slots=True)
class TrustListed:
    """A list of revoked numbers is in force; ``delta``: besides those before it."""

    version: int
    delta: bool
    issued_s: int
    revoked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DutyKeyLearned:
    """A duty key is known from now on."""

    index: int
    name: str
    public: bytes


@dataclass(frozen=True, slots=True)
class WipeOrdered:
    """This kit is to erase itself: everything of this step is committed before it does."""

    number: int


@dataclass(frozen=True, slots=True)
class OrderAnswered:
    """A kit says that a person there read order ``number``; ``code`` is what was typed."""

    pairing: int
    number: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A frame set aside: ``pairing`` is the revoked one, None for an unknown station."""

    pairing: int | None
    kit_number: int
    link: str
    frame: bytes


TrustChange = (
    Ordered
    | Judged
    | OrderCancelled
    | TrustListed
    | DutyKeyLearned
    | WipeOrdered
    | OrderAnswered
    | Quarantined
)


# -- where an engine starts ------------------------------------------------------------------

CLOCK_TRUSTED_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class DutyKey:
    """An operator's key: number, name for people, public key 32."""

    index: int
    name: str
    public: bytes


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a station believes.

    ``authorities`` are public keys by their number from 0. ``grave`` are object kinds that
    need two signers here besides those that always do. ``lists`` are the trust lists in force
    by their version: the last whole one, ``list_full``, and the deltas since.
    """

    network_id: bytes
    exercise: bool
    authorities: tuple[bytes, ...]
    duty: Mapping[int, DutyKey] = field(default_factory=dict)
    grave: frozenset[int] = frozenset()
    lists: Mapping[int, frozenset[int]] = field(default_factory=dict)
    list_full: int = 0

    @property
    def revoked(self) -> frozenset[int]:
        """Kit numbers and, from 0xFE00 on, duty keys that are believed no more."""
        return frozenset().union(*self.lists.values())


@dataclass(frozen=True, slots=True)
class KnownObject:
    """A signed object that came in before. ``expires_at`` in milliseconds, None for never."""

    digest: bytes
    kind: int
    number: int
    exercise: bool
    verdict: Verdict
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class OrderState:
    """What must be known to judge orders; a center has ``kit_number`` 0 and judges none.

    ``pairing`` is a kit's one with its center. ``pending`` are objects of signers not known
    yet: (digest, data, text, moment of arrival in milliseconds). ``cancelled`` are (number,
    exercise), ``refused`` the pairings that a center revoked. ``clock_agreed_ms`` is when, by
    this clock, it last agreed with the center's, None for never.
    """

    trust: Trust
    kit_number: int
    pairing: int = 0
    known: tuple[KnownObject, ...] = ()
    pending: tuple[tuple[bytes, bytes, str, int], ...] = ()
    cancelled: frozenset[tuple[int, bool]] = frozenset()
    refused: frozenset[int] = frozenset()
    clock_agreed_ms: int | None = None
