"""What came in since the last look, for the bell of a screen and the news of the line mode."""

from __future__ import annotations

from collections.abc import Sequence

from crisiskit.cards import drill_lead
from crisiskit.i18n import _
from crisiskit.model import Message, State
from crisiskit.screens.lines import station
from crisiskit.store.views import Views

ARRIVALS_SEEN = 64


class Arrivals:
    """Begins with what is there: only what comes later is news."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._newest = 0
        self.look()

    def look(self) -> Sequence[Message]:
        """What came in since the last look, as far as nobody opened it; newest first."""
        latest = self._views.page("in", 0, ARRIVALS_SEEN)
        before, self._newest = self._newest, max([self._newest, *(one.ref for one in latest)])
        return [one for one in latest if one.ref > before and one.state is State.HELD]


def arrival_words(message: Message) -> str:
    """One arrival in a sentence; an exercise says so first."""
    return drill_lead(message.order) + _("{precedence} from {name}: {id}").format(
        precedence=message.precedence.name, name=station(message.author), id=message.id
    )
