"""What a courier takes along: one copy of all that the far end is not known to hold.

A link that is carried (a stick) works beside the others, and nothing leaves by them any later
because of it, but for this: what is not urgent and left by none of them yet waits for the
courier for a while, before it costs something. Receipts on it are copies: what is due stays due.
"""

from __future__ import annotations

from crisiskit.codec.acks import Receipt
from crisiskit.model import Precedence
from crisiskit.step import Change, Now, Queued, Transmit
from crisiskit.sync.lanes import Lane
from crisiskit.sync.outstanding import Outgoing
from crisiskit.sync.station import Station

Copy = tuple[list[Change], Transmit]
SETTLE_S = 0.5  # nothing is written as long as something is read
RECEIPT_BYTES = 24


def next_copy(station: Station, lane: Lane, now: Now, rests_s: float) -> Copy | None:
    """The next envelope for a carried lane, the most urgent first, sealed now if need be.

    The window is no limit here: nothing of a stick comes back soon. ``rests_s``: how long the
    other links leave it to the courier.
    """
    one, batch = _uncopied(station, lane), _batch(station, lane)
    if one is not None and not (batch and batch[0].record.precedence > one.precedence):
        return [], copy(station, one, lane, rests_s)
    if not batch:
        return None
    changes, one = station.sender.seal(batch, lane, None, now.mono_s)
    return changes, copy(station, one, lane, rests_s)


def copy(station: Station, one: Outgoing, lane: Lane, rests_s: float) -> Transmit:
    """An envelope as a courier takes it."""
    frame, carries = station.sender.copy_for(one, lane.link, rests_s)
    return Transmit(lane.link, lane.peer, frame, carries)


def next_receipt(station: Station, lane: Lane, now: Now) -> Copy | None:
    """The receipt for a carried lane: the last thing written, so that it speaks of all."""
    due_s = station.owes.get(lane.link)
    if due_s is None or due_s > now.mono_s or not _may_receipt(station):
        return None
    del station.owes[lane.link]
    room = lane.traits.mtu_bytes - RECEIPT_BYTES
    blocks, _lives = station.hearer.receipts.due_blocks(now.mono_s, room, copy=True)
    receipt = Receipt(now.wall_ms // 1000 % 2**32, blocks)
    clear = not lane.traits.may_encrypt
    changes, frame, carries = station.sender.seal_receipt(receipt, clear, introduce=True)
    return changes, Transmit(lane.link, lane.peer, frame, carries)


def wants(station: Station, lane: Lane) -> bool:
    """Whether a carried lane has not got all yet that is for this station."""
    if station.refused:
        return False
    owes = lane.link in station.owes and not station.sender.used_up
    return owes or _uncopied(station, lane) is not None or bool(_batch(station, lane))


def _uncopied(station: Station, lane: Lane) -> Outgoing | None:
    found = station.sender.outstanding.uncopied(lane.link)
    return next((one for one in found if lane.may_carry(one.frame)), None)


def _batch(station: Station, lane: Lane) -> list[Queued]:
    if station.sender.used_up:
        return []
    outbox, open_air = station.sender.outbox, not lane.traits.may_encrypt
    most = lane.content_bytes_max
    for precedence in reversed(Precedence):
        if found := outbox.batch(precedence, most, open_air):
            return found
    return outbox.batch(Precedence.ROUTINE, most, open_air, bulk=True)


def _may_receipt(station: Station) -> bool:
    return not station.hearer.decoding and not station.sender.used_up
