"""The quiet line about a serial device that was plugged in while the screen is open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from textual.content import Content
from textual.widgets import Static

from crisiskit.devicewords import newcomer_words
from crisiskit.plugged import Newcomers
from hardware.devices import Device

TOLD_S = 600.0
LOOK_S = 2.0


class DeviceLine(Static):
    """One line above the keys while a device is new and no link uses it; no bell, no colour."""

    def __init__(self, newcomers: Newcomers | None) -> None:
        super().__init__(id="device")
        self._newcomers = newcomers
        self._found: Sequence[Device] = ()
        self._since = 0.0

    def on_mount(self) -> None:
        """Look now and then; what a look costs is a ``stat``."""
        if self._newcomers is not None:
            self.set_interval(LOOK_S, self.look)

    async def look(self) -> None:
        """Draw anew if something came or went, or was told long enough."""
        assert self._newcomers is not None
        # A new device is read from the system and the settings: not on the screen's own thread.
        found = await asyncio.to_thread(self._newcomers.look)
        if [one.path for one in found] != [one.path for one in self._found]:
            self._found, self._since = found, monotonic()
            self.update(Content(newcomer_words(found)))
            self.set_class(bool(found), "shown")
        elif self._found and monotonic() - self._since >= TOLD_S:
            self.remove_class("shown")
