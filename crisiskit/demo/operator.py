"""The operator of the demo: opens what comes in, confirms, and gives an order."""

from __future__ import annotations

import threading
from pathlib import Path

from crisiskit.codec.objects import AUTHORITY, ObjectKind
from crisiskit.duty import open_signer
from crisiskit.i18n import _
from crisiskit.installation import reading, writing
from crisiskit.model import Message, RecordKind
from crisiskit.orders import Wanted, give
from crisiskit.store import issue, order_views
from crisiskit.store.store import Draft

LOOK_S = 1.0
LIFE_S = 6 * 3600


def open_message(home: Path, message: Message) -> None:
    """Read a message that came in; its author will be told."""
    with writing(home) as store:
        store.mark_read(message.ref)


def confirm(home: Path, message: Message) -> None:
    """Answer a message with words of a person."""
    text = _("Received at the center. A team is on its way.")
    with writing(home) as store:
        store.keep(
            [
                Draft(
                    RecordKind.TEXT,
                    message.precedence,
                    text,
                    to=message.author,
                    answers=message.id,
                )
            ]
        )


def order(home: Path) -> str:
    """An order to every kit, signed by the center's authority; its id."""
    text = _("Open the school as a shelter before nightfall. Report the number of places.")
    wanted = Wanted(ObjectKind.ORDER, (), text, LIFE_S, answer=True)
    with writing(home) as store:
        trust = issue.trust(store)
        given = give(store, wanted, open_signer(home, trust, AUTHORITY, lambda _name: ""))
    with reading(home) as views:
        return order_views.order(views.rows, given.number).id


class Operator(threading.Thread):
    """Sits at the center's desk for as long as the demo lasts."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self._home = home
        self._over = threading.Event()

    def run(self) -> None:
        """An order first; then each message is opened and confirmed."""
        order(self._home)
        with reading(self._home) as views:
            while not self._over.wait(LOOK_S):
                for message in views.triage():
                    open_message(self._home, message)
                    confirm(self._home, message)

    def go_home(self) -> None:
        """The demo is over."""
        self._over.set()
        self.join()
