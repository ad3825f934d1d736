"""How long messages wait for a free link before they use a dear one."""

from __future__ import annotations

from dataclasses import dataclass

from crisiskit.model import Precedence


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for which a message waits for a free link before it uses a dear one."""

    routine_s: float = 1800.0
    priority_s: float = 300.0

    def of(self, precedence: Precedence) -> float:
        """That of one precedence; what is urgent has none."""
        if precedence is Precedence.ROUTINE:
            return self.routine_s
        return self.priority_s if precedence is Precedence.PRIORITY else 0.0


USUAL = Patience()
