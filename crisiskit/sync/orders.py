"""What signed objects do here: each is judged once, and what it changes is committed with it.

The book of one station. It is fed with records of type ORDER and ANSWER after they were
decoded, and with OBJECT frames; it answers with changes, and never with a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from crisiskit.codec.object_frame import open_object_frame
from crisiskit.codec.objects import (
    ObjectKind,
    SignedObject,
    answer_code,
    decode_answer,
    decode_object,
    object_data,
    object_digest,
)
from crisiskit.codec.reject import Reject, Rejected
from crisiskit.crypto.trust import Seen, expiry_s, hopeless, judge, vouched
from crisiskit.model import Notice, Precedence, Record, RecordKind, Verdict
from crisiskit.step import Change, Now, Raised
from crisiskit.trusted import (
    CLOCK_TRUSTED_MS,
    DutyKey,
    DutyKeyLearned,
    Judged,
    KnownObject,
    OrderAnswered,
    OrderCancelled,
    Ordered,
    OrderState,
    Trust,
    TrustListed,
    WipeOrdered,
)

CLOCK_DOUBT_S = 600
PENDING_MAX = 64


class OrderBook:
    """Judges what comes in. Its state is that of the last commit and what came since."""

    def __init__(self, state: OrderState) -> None:
        self._trust = state.trust
        self._kit_number = state.kit_number
        self._pairing = state.pairing
        self.takes_orders = state.kit_number > 0
        self._known = {one.digest: one for one in state.known}
        self._pending = {one[0]: one for one in state.pending}
        self._cancelled = set(state.cancelled)
        self._agreed_ms = state.clock_agreed_ms
        self._agreed_s: float | None = None
        self._caught_up = False

    @property
    def revoked(self) -> frozenset[int]:
        """Kit numbers, and duty keys, that are believed no more."""
        return self._trust.revoked

    def records(
        self, pairing: int, records: Iterable[Record], digests: Sequence[bytes], now: Now
    ) -> list[Change]:
        """What the orders and answers among the records of one envelope change.

        A center gives orders and takes none.
        """
        changes: list[Change] = []
        for record, digest in zip(records, digests, strict=True):
            if record.kind is RecordKind.ORDER and self.takes_orders:
                signed = decode_object(record.data, record.text)
                if isinstance(signed, Rejected):
                    changes.append(_unreadable(pairing, record, digest))
                else:
                    changes += self.take(signed, digest, record.precedence, now)
            elif record.kind is RecordKind.ANSWER and not self.takes_orders:
                changes += _answered(pairing, record)
        return changes

    def alone(self, frame: bytes, now: Now) -> list[Change] | Rejected:
        """What an OBJECT frame changes; nothing if it is known, repeated or for others.

        Anybody can send such a frame: the dear steps come last. Where nobody takes orders, and
        by what its head says alone, it is refused before its text is decoded.
        """
        if not self.takes_orders:
            return Rejected(Reject.OBJECT)
        coded = open_object_frame(frame)
        if isinstance(coded, Rejected):
            return coded
        if hopeless(coded.head, self._trust):
            return Rejected(Reject.OBJECT)
        signed = coded.decode()
        if isinstance(signed, Rejected):
            return signed
        if object_digest(signed) not in self._known and not vouched(signed, self._trust):
            return Rejected(Reject.OBJECT)
        return self.take(signed, b"", Precedence(frame[0] & 3), now)

    def take(
        self, signed: SignedObject, carrier: bytes, precedence: Precedence, now: Now
    ) -> list[Change]:
        """What one object changes; a second time it only names the record that carried it."""
        digest = object_digest(signed)
        known = self._known.get(digest)
        if known is None:
            verdict = self._judge(signed, now, now.wall_ms)
            if not carrier and (not verdict.authentic or verdict is Verdict.NOT_ADDRESSED):
                return []
            known = self._note(signed, digest, verdict, self._expires_at(signed, now.wall_ms, now))
            return [
                _ordered(self._pairing, carrier, precedence, signed, known),
                *self._new(signed, known, now),
            ]
        if not carrier:
            return []
        return [_ordered(self._pairing, carrier, precedence, signed, known)]

    def catch_up(self, now: Now) -> list[Change]:
        """After a start: keys that came by hand may be those that objects were waiting for."""
        if self._caught_up:
            return []
        self._caught_up = True
        return self._try_again(now)

    def clock_agreed(self, now: Now) -> None:
        """From now on, for a while, lives are counted by the clock."""
        self._agreed_ms, self._agreed_s = None, now.mono_s

    def clock_jumped(self, by_ms: int) -> None:
        """Somebody set the clock: lives move along, and it must agree anew to be believed."""
        self._agreed_ms = self._agreed_s = None
        for digest, one in self._known.items():
            if one.expires_at is not None:
                self._known[digest] = replace(one, expires_at=one.expires_at + by_ms)
        for digest, (_same, data, text, came_ms) in self._pending.items():
            self._pending[digest] = (digest, data, text, came_ms + by_ms)

    def _new(self, signed: SignedObject, known: KnownObject, now: Now) -> list[Change]:
        if known.verdict is Verdict.UNKNOWN_SIGNER and len(self._pending) < PENDING_MAX:
            waiting = (known.digest, object_data(signed), signed.text, now.wall_ms)
            self._pending[known.digest] = waiting
        return self._obey(signed, now) if known.verdict is Verdict.VALID else []

    # -- judging ---------------------------------------------------------------------------

    def _clock_sure(self, now: Now) -> bool:
        """Whether the clock agreed with the center's not long ago, by the clock that only rises."""
        if self._agreed_ms is not None:
            self._agreed_s = now.mono_s - abs(now.wall_ms - self._agreed_ms) / 1000
            self._agreed_ms = None
        if self._agreed_s is None:
            return False
        return now.mono_s - self._agreed_s < CLOCK_TRUSTED_MS / 1000

    def _judge(self, signed: SignedObject, now: Now, came_ms: int) -> Verdict:
        """By the clock if it can be believed, else the life begins when the object came."""
        now_s = now.wall_ms // 1000
        if not self._clock_sure(now):
            now_s = signed.issued_s + (now.wall_ms - came_ms) // 1000
        return judge(signed, self._trust, self._kit_number, now_s, self._seen(now.wall_ms))

    def _expires_at(self, signed: SignedObject, came_ms: int, now: Now) -> int | None:
        end = expiry_s(signed)
        if end is None:
            return None
        return end * 1000 if self._clock_sure(now) else came_ms + (end - signed.issued_s) * 1000

    def _seen(self, now_ms: int) -> Seen:
        numbers: dict[int, bytes] = {}
        over: dict[int, int] = {}
        for one in self._known.values():
            if not one.verdict.authentic or one.kind == ObjectKind.TRUST_LIST:
                continue
            numbers[one.number] = one.digest
            gone = (one.number, one.exercise) in self._cancelled
            late = one.expires_at is not None and one.expires_at <= now_ms
            if (gone or late) and one.verdict is not Verdict.NOT_ADDRESSED:
                over[one.kind] = max(over.get(one.kind, 0), one.number)
        return Seen(numbers, frozenset(self._cancelled), over)

    def _note(
        self, signed: SignedObject, digest: bytes, verdict: Verdict, expires_at: int | None
    ) -> KnownObject:
        known = KnownObject(
            digest, signed.kind, signed.number, signed.exercise, verdict, expires_at
        )
        self._known[digest] = known
        return known

    # -- obeying ---------------------------------------------------------------------------

    def _obey(self, signed: SignedObject, now: Now) -> list[Change]:
        """What a valid object does besides being shown."""
        match signed.kind:
            case ObjectKind.CANCEL:
                self._cancelled.add((signed.cancels, signed.exercise))
                return [OrderCancelled(signed.cancels, signed.exercise, signed.number)]
            case ObjectKind.TRUST_LIST:
                return self._list(signed)
            case ObjectKind.DUTY_KEY:
                key = DutyKey(signed.duty_index, signed.text, signed.duty_public)
                self._trust = replace(self._trust, duty={**self._trust.duty, key.index: key})
                learned = DutyKeyLearned(key.index, key.name, key.public)
                return [learned, *self._try_again(now)]
            case ObjectKind.WIPE:
                return [WipeOrdered(signed.number)]
            case ObjectKind.TIME:
                behind_s = signed.issued_s - now.wall_ms // 1000
                late = behind_s > CLOCK_DOUBT_S
                return [Raised(self._pairing, Notice("clock_wrong", str(behind_s)))] if late else []
            case ObjectKind.ORDER:
                return []

    def _list(self, signed: SignedObject) -> list[Change]:
        self._trust = listed(self._trust, signed)
        change = TrustListed(signed.number, signed.delta, signed.issued_s, signed.kits)
        if self._kit_number in signed.kits:
            return [change, Raised(self._pairing, Notice("revoked_here"))]
        return [change]

    def _try_again(self, now: Now) -> list[Change]:
        """A new key may be the one that objects here were waiting for."""
        changes: list[Change] = []
        for digest, data, text, came_ms in list(self._pending.values()):
            signed = decode_object(data, text)
            if isinstance(signed, Rejected) or digest not in self._pending:
                continue
            verdict = self._judge(signed, now, came_ms)
            if verdict is Verdict.UNKNOWN_SIGNER:
                continue
            del self._pending[digest]
            expires_at = self._expires_at(signed, came_ms, now)
            self._note(signed, digest, verdict, expires_at)
            changes.append(Judged(digest, verdict, expires_at))
            if verdict is Verdict.VALID:
                changes += self._obey(signed, now)
        return changes


def listed(trust: Trust, signed: SignedObject) -> Trust:
    """Trust after a list: a whole one replaces those before it, a delta adds to them."""
    full = trust.list_full if signed.delta else signed.number
    lists = {**trust.lists, signed.number: frozenset(signed.kits)}
    kept = {version: entries for version, entries in lists.items() if version >= full}
    return replace(trust, lists=kept, list_full=full)


def _ordered(
    pairing: int,
    carrier: bytes,
    precedence: Precedence,
    signed: SignedObject,
    known: KnownObject,
) -> Ordered:
    return Ordered(
        pairing,
        carrier,
        precedence,
        known.digest,
        object_data(signed),
        signed.text,
        known.verdict,
        signed.kind,
        signed.number,
        signed.exercise,
        signed.answer,
        signed.issued_s,
        known.expires_at,
        answer_code(signed),
    )


def _unreadable(pairing: int, record: Record, digest: bytes) -> Ordered:
    return Ordered(
        pairing, digest, record.precedence, b"", record.data, record.text, Verdict.UNREADABLE
    )


def _answered(pairing: int, record: Record) -> list[Change]:
    answer = decode_answer(record.data)
    return [] if answer is None else [OrderAnswered(pairing, *answer, record.text)]
