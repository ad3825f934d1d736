"""What the link bar shows of a link, and when a change of it is worth a commit."""

from __future__ import annotations

from dataclasses import dataclass

from transports.link import LinkState

SHOW_PHASE_S = 1.0
SHOW_SIGNAL_S = 15.0


@dataclass(slots=True)
class Shown:
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
