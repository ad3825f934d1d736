"""What screens are told of links: their states, and their notices, few of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from crisiskit.errors import BusyError, CrisiskitError, StoreError
from crisiskit.links import ConfiguredLink
from crisiskit.model import Notice
from crisiskit.step import Raised
from crisiskit.store.store import Store
from transports.link import LinkState, Phase

log = logging.getLogger(__name__)

SHOW_PHASE_S = 1.0
SHOW_SIGNAL_S = 15.0
NOTICE_AGAIN_S = 12 * 3600.0
NOTICES_TOLD = 50


@dataclass(slots=True)
class _Shown:
    """What a link is, and what the link bar shows of it: each showing is a commit."""

    state: LinkState
    written: LinkState | None = None
    written_s: float = 0.0

    def due(self, now_s: float) -> bool:
        """Whether it is time to show a change: a phase soon, bars of signal now and then."""
        old, new = self.written, self.state
        if old is None:
            return True
        if (old.phase, old.reason, old.status) != (new.phase, new.reason, new.status):
            return now_s - self.written_s >= SHOW_PHASE_S
        return old != new and now_s - self.written_s >= SHOW_SIGNAL_S


class Board:
    """The states of links as they are written for screens, and the notices of links."""

    def __init__(self, store: Store, links: Sequence[ConfiguredLink]) -> None:
        self._store = store
        self._links = links
        self._shown = {link.name: _Shown(LinkState(Phase.OPENING)) for link in links}
        self._told: dict[tuple[str, str], float] = {}

    def state(self, link: str) -> LinkState:
        """The newest state of a link."""
        return self._shown[link].state

    def set(self, link: str, state: LinkState) -> None:
        """A link told its state."""
        self._shown[link].state = state

    def show(self, now_s: float, last: bool = False) -> None:
        """Write what changed, each link at most once a second; at the ``last`` all are down."""
        for link in self._links:
            shown = self._shown[link.name]
            if last:
                shown.state = LinkState(Phase.DOWN)
            elif not shown.due(now_s):
                continue
            self._write(link, shown.state)
            shown.written, shown.written_s = shown.state, now_s

    def tell(self, link: str, notice: Notice, now_s: float) -> None:
        """Keep a notice of a link, few of them: its words may come from strangers."""
        self._told = {key: until for key, until in self._told.items() if now_s < until}
        key = (notice.code, notice.detail)
        if key in self._told or len(self._told) >= NOTICES_TOLD:
            return
        log.warning("link_notice link=%s code=%s", link, notice.code)
        self._told[key] = now_s + NOTICE_AGAIN_S
        try:
            self._store.apply([Raised(None, notice)])
        except CrisiskitError as error:
            log.error("notice_not_kept code=%s", error.code)

    def _write(self, link: ConfiguredLink, state: LinkState) -> None:
        try:
            self._store.set_link_state(
                link.name,
                link.kind,
                state.phase,
                state.signal,
                state.reason,
                state.waiting,
                not link.traits.may_encrypt,
                state.status,
            )
        except (StoreError, BusyError) as error:
            log.debug("link_state_not_shown code=%s", error.code)
