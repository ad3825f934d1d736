"""What a RockBLOCK 9704 says in words and numbers, and what to do about it. Pure.

Source: rock7/RockBLOCK-9704 (jspr.h, README). Any word that is not known here is a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from hardware.imt_transfer import MESSAGE_BYTES_MAX, SEGMENT_BYTES_MAX

ACCEPTED = "message_accepted"
ACKNOWLEDGED = "mo_ack_received"
COMPLETE = "complete"
ACTIVE, INACTIVE = "active", "inactive"


class Verdict(StrEnum):
    """What the end of an outgoing message means. ``MAYBE``: failed, yet it may have gone out."""

    OK = "ok"
    RETRY = "retry"
    MAYBE = "maybe"
    FULL = "full"
    LINE = "line"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class MoEnd:
    """How an outgoing message ended. ``wait_s``: the earliest useful time to try again."""

    word: str
    verdict: Verdict
    meaning: str
    wait_s: float = 5.0


NOT_HEARD = "not_heard"
RESTARTED = "modem_restarted"
UNSUPPLIED = "acknowledged_unsupplied"
WITHDRAWN = "message_cancelled_pre_transit"

_ENDS = {
    end.word: end
    for end in (
        MoEnd(ACKNOWLEDGED, Verdict.OK, "sent", 0.0),
        MoEnd("message_discarded_on_overflow", Verdict.FULL, "queue of the modem is full", 30.0),
        MoEnd("message_expired", Verdict.RETRY, "no way out in time: message expired", 30.0),
        MoEnd("message_transfer_timeout", Verdict.MAYBE, "transfer not finished in time", 30.0),
        MoEnd("segment_not_supplied", Verdict.LINE, "this computer answered too late"),
        MoEnd("segment_incorrect", Verdict.LINE, "a segment was damaged on the serial line"),
        MoEnd("network_error", Verdict.MAYBE, "network error", 30.0),
        MoEnd(WITHDRAWN, Verdict.RETRY, "no way out in time: withdrawn"),
        MoEnd("message_cancelled_in_transit", Verdict.MAYBE, "withdrawn on its way"),
        MoEnd("subscription_invalid", Verdict.STOP, "no subscription for this topic", 3600.0),
        MoEnd("protocol_error", Verdict.LINE, "protocol error", 30.0),
        MoEnd("message_dropped_local_crc_error", Verdict.LINE, "damaged on the serial line"),
        MoEnd("crc_error_in_transfer", Verdict.RETRY, "damaged on its way", 10.0),
        MoEnd("user_supplied_crc_error", Verdict.LINE, "checksum refused"),
        MoEnd(NOT_HEARD, Verdict.MAYBE, "unknown whether sent: the modem does not tell", 30.0),
        MoEnd(UNSUPPLIED, Verdict.MAYBE, "acknowledged before it was handed over whole"),
        MoEnd(RESTARTED, Verdict.MAYBE, "unknown whether sent: the modem restarted", 1.0),
    )
}


def mo_end(word: str) -> MoEnd:
    """The meaning of a final status, or of the answer that refuses a message."""
    return _ENDS.get(word) or MoEnd(word, Verdict.MAYBE, f"unknown status {word[:40]}", 30.0)


_REASONS = {
    0: "normal",
    1: "self-test failed",
    2: "too hot or too cold",
    3: "antenna or transmitter: power protection",
    4: "inner interface did not answer",
    5: "invalid hardware",
    6: "supply voltage too low",
    7: "factory test mode",
}


def reason(number: int) -> str:
    """Why the modem is in the state it is in, in technical English."""
    return _REASONS.get(number, f"reason {number}")


# -- bodies of lines -------------------------------------------------------------------------

Topic = Annotated[int, msgspec.Meta(ge=64, le=65_535)]
MessageId = Annotated[int, msgspec.Meta(ge=0, le=255)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=MESSAGE_BYTES_MAX)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Number = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Lists = msgspec.Meta(max_length=64)
Key = tuple[int, int]


class Version(msgspec.Struct, frozen=True, order=True):
    """A version of the protocol."""

    major: Number
    minor: Number
    patch: Number = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class Versions(msgspec.Struct):
    """``apiVersion``."""

    supported_versions: Annotated[tuple[Version, ...], Lists] = ()
    active_version: Version | None = None


class Interface(msgspec.Struct):
    """``simConfig``."""

    interface: Word = ""


class Sim(msgspec.Struct):
    """``simStatus``."""

    card_present: bool = False
    sim_connected: bool = False
    iccid: Word = ""


class State(msgspec.Struct):
    """``operationalState``. ``reason`` is a number, see :func:`reason`."""

    state: Word
    reason: Number = 0


class Hardware(msgspec.Struct):
    """``hwInfo``."""

    imei: Word = ""
    hw_version: Word = ""
    serial_number: Word = ""
    board_temp: float | None = None


class Sky(msgspec.Struct):
    """``constellationState``: bars 0..5."""

    constellation_visible: bool = False
    signal_bars: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0


class Provision(msgspec.Struct):
    """One topic that this modem may use."""

    topic_id: Topic
    topic_name: Word = ""
    max_queue_depth: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0


class Provisioning(msgspec.Struct):
    """``messageProvisioning``."""

    provisioning: Annotated[tuple[Provision, ...], Lists] = ()


class Accepted(msgspec.Struct):
    """The answer to ``PUT messageOriginate``."""

    topic_id: Topic
    message_response: Word
    message_id: MessageId | None = None
    request_reference: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None


class Wanted(msgspec.Struct):
    """``messageOriginateSegment``: the modem asks for bytes of an outgoing message."""

    topic_id: Topic
    message_id: MessageId
    segment_start: Offset
    segment_length: Annotated[int, msgspec.Meta(ge=1, le=SEGMENT_BYTES_MAX)]

    @property
    def key(self) -> Key:
        """Which message."""
        return self.topic_id, self.message_id


class MoFinal(msgspec.Struct):
    """``messageOriginateStatus``."""

    topic_id: Topic
    message_id: MessageId
    final_mo_status: Word

    @property
    def key(self) -> Key:
        """Which message."""
        return self.topic_id, self.message_id


class MtBegin(msgspec.Struct):
    """``messageTerminate``."""

    topic_id: Topic
    message_id: MessageId
    message_length_max: Offset

    @property
    def key(self) -> Key:
        """Which message."""
        return self.topic_id, self.message_id


class MtSegment(msgspec.Struct):
    """``messageTerminateSegment``. ``segment_length`` and the data must agree."""

    topic_id: Topic
    message_id: MessageId
    segment_start: Offset
    segment_length: Annotated[int, msgspec.Meta(ge=1, le=SEGMENT_BYTES_MAX)]
    data: Annotated[bytes, msgspec.Meta(max_length=SEGMENT_BYTES_MAX)]

    @property
    def key(self) -> Key:
        """Which message."""
        return self.topic_id, self.message_id


class MtFinal(msgspec.Struct):
    """``messageTerminateStatus``."""

    topic_id: Topic
    message_id: MessageId
    final_mt_status: Word

    @property
    def key(self) -> Key:
        """Which message."""
        return self.topic_id, self.message_id


class Activity(msgspec.Struct):
    """``messageActivityStatus``: whether messages are on their way."""

    message_activity: bool | None = None
