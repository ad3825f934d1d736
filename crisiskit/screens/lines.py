"""What lists show: one line for each message, kit or notice, readable without color."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from rich.cells import cell_len

from crisiskit.cards import order_line
from crisiskit.harmless import in_line
from crisiskit.i18n import _, notice_text
from crisiskit.model import CENTER, Kit, Message, Notice, Precedence, State, Verdict
from crisiskit.render import age_text, message_line, state_word
from crisiskit.screens.rows import PAGE_ROWS, Cells, fit
from crisiskit.store.views import Views

SIGNS = {
    State.DRAFT: " ",
    State.KEPT: "·",
    State.SEALED: "…",
    State.SENT: "→",
    State.ARRIVED: "»",
    State.HELD: "✓",
    State.READ: "✔",
    State.EXPIRED: "×",
    State.CANCELLED: "×",
    State.REFUSED: "!",
}
SIGNED = "§"
_WAY, _URGENCY, _ID, _STATE, _AGE, _NAME = 3, 10, 10, 12, 7, 12
Clock = Callable[[], int]


def life_word(message: Message) -> str:
    """The state of a message with its sign; for what came in, whether somebody opened it."""
    if message.box == "out":
        slowest = min((one.percent for one in message.attachments), default=100)
        if message.state is State.ARRIVED and slowest < 100:
            return f"{SIGNS[message.state]} " + _("file {n} %").format(n=slowest)
        return f"{SIGNS[message.state]} {state_word(message.state)}"
    return _("● NEW") if message.state is State.HELD else _("○ OPENED")


def station(name: str) -> str:
    """A station's name as people say it."""
    return _("center") if name == CENTER else in_line(name)


def age(since_ms: int, now_ms: int) -> str:
    """How long ago, for people; a clock that ran back gives no negative ages."""
    return age_text(max(0, now_ms - since_ms) / 1000)


def card_or_line(message: Message, width: int, now_ms: int) -> str:
    """The body of a message in one line; an order says first whether it is an EXERCISE."""
    if message.order is not None:
        return fit(order_line(message.order, message.text, now_ms), width).rstrip()
    return message_line(message, width)


class MessageRows:
    """Messages of one box, newest first."""

    def __init__(self, views: Views, clock: Clock, box: str = "all", named: bool = False) -> None:
        self._views = views
        self._clock = clock
        self._box = box
        self._named = named
        self.empty = _("Nothing here yet. Press N to write a message.")

    def count(self) -> int:
        """How many rows there are."""
        return self._views.count(self._box)

    def page(self, first: int) -> Sequence[Message]:
        """The messages from place ``first`` on."""
        return self._views.page(self._box, first, PAGE_ROWS)

    def key(self, item: Message) -> Hashable:
        """A message stays itself while its state moves."""
        return item.ref

    def head(self, width: int) -> str:
        """The words above the columns."""
        cells = [
            (SIGNED, _WAY),
            (_("URGENCY"), _URGENCY),
            (_("ID"), _ID),
            (_("STATE"), _STATE),
        ]
        if self._named:
            cells.append((_("WITH"), _NAME))
        cells.append((_("AGE"), _AGE))
        return fit("".join(fit(text, size) for text, size in cells) + _("MESSAGE"), width)

    def cells(self, item: Message, width: int) -> Cells:
        """One message as one line."""
        new = item.box == "in" and item.state is State.HELD
        mark = "strong" if new else "quiet" if item.state is State.READ else ""
        now = self._clock()
        if item.order is not None and item.order.verdict_at(now) is not Verdict.VALID:
            mark = "quiet"
        urgent = item.precedence >= Precedence.IMMEDIATE
        way = ">" if item.box == "out" else "<"
        call = "!" if new and urgent else " "
        when = item.received_at if item.received_at is not None else item.written_at
        name = station(item.to if item.box == "out" else item.author)
        front = [
            (f"{SIGNED if item.signed else ' '}{call}{way}", "alarm" if urgent else mark),
            (fit(item.precedence.name, _URGENCY), "alarm" if urgent else mark),
            (fit(item.id, _ID), mark),
            (fit(life_word(item), _STATE), mark),
        ]
        if self._named:
            front.append((f"{fit(name, _NAME - 1)} ", mark))
        front.append((fit(age(when, now), _AGE), mark))
        room = max(1, width - sum(cell_len(text) for text, _mark in front))
        return [*front, (card_or_line(item, room, now), mark)]


class BoardRows(MessageRows):
    """The operator's order: what nobody opened by precedence and age, then the rest."""

    def __init__(self, views: Views, clock: Clock) -> None:
        super().__init__(views, clock, "in", named=True)
        self.empty = _("Nothing came in yet.")

    def page(self, first: int) -> Sequence[Message]:
        """The messages from place ``first`` on."""
        return self._views.board(first, PAGE_ROWS)

    def key(self, item: Message) -> Hashable:
        """One that was opened goes down the board; the choice stays, on the next to be opened."""
        return item.ref, item.state


class KitRows:
    """The kits of a center and when each was last heard."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self._views = views
        self._clock = clock
        self._kits: Sequence[Kit] = ()
        self.empty = _("No kit is enrolled yet: crisiskit center enrol.")

    def count(self) -> int:
        """How many rows there are; reads them all, for ``page`` as well."""
        self._kits = self._views.kits()
        return len(self._kits)

    def page(self, first: int) -> Sequence[Kit]:
        """The kits from place ``first`` on, as counted last."""
        return self._kits[first : first + PAGE_ROWS]

    def key(self, item: Kit) -> Hashable:
        """A kit is its number."""
        return item.number

    def head(self, width: int) -> str:
        """The words above the columns."""
        cells = [(_("NO"), 6), (_("KIT"), 20), (_("LAST HEARD"), 16), (_("BY"), 14)]
        cells += [(_("NEW"), 8), (_("WAITING"), 10)]
        return fit("".join(fit(text, size) for text, size in cells), width)

    def cells(self, item: Kit, width: int) -> Cells:
        """One kit as one line."""
        heard = item.last_contact_at
        ago = _("never") if heard is None else age(heard, self._clock())
        if item.revoked:
            ago = _("REVOKED")
        cells = [
            (str(item.number), 6),
            (in_line(item.name), 19),
            ("", 1),
            (ago, 16),
            (item.last_link, 14),
        ]
        cells += [(str(item.unread or "-"), 8), (str(item.waiting or "-"), 10)]
        mark = "quiet" if heard is None or item.revoked else "strong" if item.unread else ""
        return [(fit(text, size), mark) for text, size in cells]


class NoticeRows:
    """What a human must see."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self._views = views
        self._clock = clock
        self.empty = _("No notices: nothing strange happened.")

    def count(self) -> int:
        """How many rows there are."""
        return len(self._views.notices(PAGE_ROWS))

    def page(self, first: int) -> Sequence[Notice]:
        """The notices from place ``first`` on."""
        return self._views.notices(PAGE_ROWS)[first:]

    def key(self, item: Notice) -> Hashable:
        """A notice is its moment and code."""
        return item.at, item.code, item.detail

    def head(self, width: int) -> str:
        """The words above the columns."""
        return fit(fit(_("AGE"), _AGE) + _("NOTICE"), width)

    def cells(self, item: Notice, width: int) -> Cells:
        """One notice as one line."""
        who = f"{in_line(item.station)}: " if item.station else ""
        ago = fit(age(item.at, self._clock()), _AGE)
        return [(ago, ""), (who + notice_text(item), "strong")]
