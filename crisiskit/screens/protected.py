"""What a screen does about its guard: it locks, ends when the keys are gone, and can erase."""

from __future__ import annotations

from time import monotonic
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Event, InputEvent, Paste

from crisiskit.i18n import _
from crisiskit.screens.guard import ERASED, Guard
from crisiskit.screens.locked import LockScreen, PanicScreen


def protection_keys() -> tuple[tuple[str, str], ...]:
    """The keys of this page, for the help."""
    return (
        ("Ctrl+L", _("lock the screen; the passphrase opens it")),
        ("Ctrl+P", _("panic: erase everything kept here; asks first")),
    )


class ProtectedApp(App[None]):
    """The base of a screen that has a guard, or none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "lock", priority=True),
        Binding("ctrl+p", "panic", priority=True),
    ]

    def __init__(self, guard: Guard | None) -> None:
        super().__init__(ansi_color=True)
        self.guard = guard
        self._touched_s = monotonic()

    def tell(self, words: str) -> None:
        """A sentence for the person."""
        raise NotImplementedError

    def show_locked(self, page: LockScreen) -> None:
        """Draw what may be seen of a locked screen."""
        raise NotImplementedError

    async def on_event(self, event: Event) -> None:
        """Every key, wherever it goes, shows that somebody is here."""
        if isinstance(event, InputEvent | Paste):
            self._touched_s = monotonic()
        await super().on_event(event)

    def look_at_guard(self) -> None:
        """Lock what nobody uses; end when the keys were erased. To be called often."""
        if self.guard is None:
            return
        if self.guard.erased:
            self.exit(return_code=1, message=_("The keys of this installation were erased."))
        elif self.guard.idle_s and monotonic() - self._touched_s >= self.guard.idle_s:
            self._touched_s = monotonic()
            if self.guard.has_passphrase:
                self._lock(self.guard)

    def action_lock(self) -> None:
        """Lock at once."""
        if self.guard is not None and self.guard.has_passphrase:
            self._lock(self.guard)
        elif self.guard is not None:
            self.tell(_("No passphrase is set: crisiskit passphrase."))

    def _lock(self, guard: Guard) -> None:
        if not self.locked:
            self.push_screen(LockScreen(guard, self.show_locked))

    @property
    def locked(self) -> bool:
        """Whether a passphrase stands between this screen and its reader."""
        return any(isinstance(page, LockScreen) for page in self.screen_stack)

    def action_panic(self) -> None:
        """Erase everything, after a word was typed."""
        guard = self.guard

        def answered(yes: bool | None) -> None:
            if yes and guard is not None:
                guard.erase_keys()
                self.exit(return_code=ERASED)

        if guard is not None and not isinstance(self.screen, PanicScreen):
            self.push_screen(PanicScreen(), answered)
