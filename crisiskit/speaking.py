"""Plain words over a link that can carry them, beside the frames of the engine.

The store knows of each sending before the link does, so no crash makes it happen twice.
"""

from __future__ import annotations

import asyncio
import logging

from crisiskit.errors import CrisiskitError
from crisiskit.store import words
from crisiskit.store.store import Store
from crisiskit.store.words import Words, WordsState
from transports.link import LinkError, Trouble
from transports.plain import Fate, Heard, MaybeSentError, Speaker

log = logging.getLogger(__name__)

WATCH_S = 1.0
RETRY_MIN_S = 5.0
_FINAL = (Trouble.REFUSED, Trouble.TOO_LARGE)


class Speaking:
    """The words of one link, both ways."""

    def __init__(self, store: Store, name: str, link: Speaker) -> None:
        self._store = store
        self._name = name
        self._link = link
        self._seen = -1

    async def run(self) -> None:
        """Send what is kept, one after the other, until cancelled."""
        started = False
        while True:
            pause_s = WATCH_S
            try:
                if not started:
                    words.settle(self._store, self._name)
                    started = True
                pause_s = await self._look()
            except CrisiskitError as error:
                log.error("words_failed link=%s code=%s", self._name, error.code)
                self._seen = -1
            await asyncio.sleep(pause_s)

    def heard(self, told: Heard) -> None:
        """Keep what came. Raises CrisiskitError."""
        words.hear(self._store, self._name, told.sender, told.text, told.sent_at_ms)

    def fate(self, fate: Fate) -> None:
        """Note what became of words. Raises CrisiskitError."""
        words.end(self._store, self._name, fate.recipient, fate.reference, fate.delivered)

    async def _look(self) -> float:
        """Send the next words, if somebody kept some; seconds until the next look."""
        version = self._store.data_version()
        if version == self._seen:
            return WATCH_S
        waiting = words.next_kept(self._store, self._name)
        if waiting is None:
            self._seen = version
            return WATCH_S
        return await self._say(waiting)

    async def _say(self, waiting: Words) -> float:
        words.turn(self._store, waiting.id, WordsState.SENDING)
        try:
            reference = await self._link.say(waiting.number, waiting.text)
        except MaybeSentError as error:
            log.warning("words_maybe_sent link=%s code=%s", self._name, error.code)
            words.turn(self._store, waiting.id, WordsState.MAYBE)
        except LinkError as error:
            final = error.code in _FINAL
            words.turn(self._store, waiting.id, WordsState.REFUSED if final else WordsState.KEPT)
            return 0.0 if final else max(RETRY_MIN_S, error.retry_after_s)
        else:
            words.turn(self._store, waiting.id, WordsState.SENT, reference)
        return 0.0
