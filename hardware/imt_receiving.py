"""Messages of Iridium IMT that arrive, several at once, told apart by topic and id. Pure."""

from __future__ import annotations

import logging

from hardware.imt_status import COMPLETE, Key, MtBegin, MtFinal, MtSegment
from hardware.imt_transfer import Incoming

log = logging.getLogger(__name__)

MESSAGES_MAX = 16


class Arrivals:
    """``damaged`` counts messages the modem called complete and that were not whole."""

    def __init__(self) -> None:
        self.damaged = 0
        self._open: dict[Key, Incoming] = {}

    def begin(self, begin: MtBegin) -> None:
        """A message will come; one of the same name that never ended is forgotten."""
        self._open.pop(begin.key, None)
        self._make(begin.key, begin.message_length_max)

    def put(self, piece: MtSegment) -> None:
        """Place a segment, also of a message whose beginning was not heard."""
        message = self._open.get(piece.key) or self._make(piece.key)
        if len(piece.data) != piece.segment_length:
            log.warning("imt segment of the wrong length")
        elif not message.put(piece.segment_start, piece.data):
            log.warning("imt segment outside of its message")

    def end(self, final: MtFinal) -> bytes | None:
        """The payload of a message that is complete and whole, else None."""
        message = self._open.pop(final.key, None)
        if final.final_mt_status != COMPLETE:
            log.info("imt arrival ended status=%s", final.final_mt_status[:64])
            return None
        payload = message.payload() if message is not None else None
        if payload is None:
            self.damaged += 1
            log.warning("imt arrival damaged: not handed up")
        return payload

    def _make(self, key: Key, *bytes_max: int) -> Incoming:
        if len(self._open) >= MESSAGES_MAX:
            del self._open[next(iter(self._open))]
        message = self._open[key] = Incoming(*bytes_max)
        return message
