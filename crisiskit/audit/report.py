"""What came of checking a log: figures for each station, and a finding for all that is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

FINDINGS_KEPT = 1000


class Wrong(StrEnum):
    """What can be wrong. ``i18n`` of the command has a sentence for each.

    MISSING: signed or stored in sequence, and not here. LIFE: a whole life is missing. FRAME:
    sealed bytes that do not open. LEAF, CHAIN, DIGESTS: hashes that do not follow from what
    they stand for. SIGNATURE: not the author's. CHECKPOINT: the author says that a life ended
    otherwise. CLAIM: the store says more (signed, held) than is shown. KEY: a public key that
    is not that of its station. RECORD: words or fields do not give the digest. PLACE: a
    message stands where the log has another one. STRAY: a message or envelope of no log.
    """

    MISSING = "missing"
    LIFE = "life"
    FRAME = "frame"
    LEAF = "leaf"
    CHAIN = "chain"
    DIGESTS = "digests"
    SIGNATURE = "signature"
    CHECKPOINT = "checkpoint"
    CLAIM = "claim"
    KEY = "key"
    RECORD = "record"
    PLACE = "place"
    STRAY = "stray"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``id`` of a message, else epoch and number (-1: none)."""

    wrong: Wrong
    box: str = ""
    epoch: int = -1
    number: int = -1
    id: str = ""


@dataclass(slots=True)
class Tally:
    """One direction: lives, their envelopes and records, and of these how many are signed.

    ``closed`` envelopes could not be opened again: their key is gone, as it should be.
    ``unread`` ones are not decoded, so that nothing after them is proved.
    """

    lives: int = 0
    envelopes: int = 0
    records: int = 0
    signed: int = 0
    closed: int = 0
    unread: int = 0


@dataclass(slots=True)
class Report:
    """A station: what came from it (``came``), what went to it, and what is wrong.

    ``wrong`` counts all findings, of which the first are in ``findings``.
    """

    name: str
    number: int
    came: Tally = field(default_factory=Tally)
    went: Tally = field(default_factory=Tally)
    wrong: int = 0
    findings: list[Finding] = field(default_factory=list)

    def found(self, finding: Finding) -> None:
        """Something is wrong."""
        self.wrong += 1
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(finding)
