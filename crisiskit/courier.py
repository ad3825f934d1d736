"""The agent's work with one stick: from a person's word to "you can pull it out now"."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from crisiskit.errors import CrisiskitError
from crisiskit.links import ConfiguredLink
from crisiskit.step import Change, Sent
from crisiskit.stick import Report, Request, Stage, asked, tell
from crisiskit.store.store import Store
from transports.folder import Folder, FolderSettings
from transports.link import LinkState, Phase, Trouble

log = logging.getLogger(__name__)

NAME = "stick"
LOOK_S = 0.1
TOLD_S = 1.0
FOUND_S_MAX = 20.0
_OPENING = LinkState(Phase.OPENING)


class Host(Protocol):
    """The agent as a courier sees it."""

    async def serve(self, link: ConfiguredLink) -> None:
        """Run a link until cancelled; then it is closed, and no frame is under way to it."""

    def carrying(self, link: str) -> bool:
        """Whether a carried link has not got all yet."""


@dataclass(slots=True)
class Errand:
    """One medium at work, by a link that stands in no settings file.

    ``copied`` are the envelopes it took (pairing, epoch, number), ``failed`` the Trouble of a
    frame that it did not take, ``read_before`` the messages that came by such a link earlier.
    """

    request: Request
    link: ConfiguredLink
    read_before: int
    state: LinkState = _OPENING
    was_up: bool = False
    failed: str = ""
    copied: set[tuple[int, int, int]] = field(default_factory=set)


class Courier:
    """Does one errand at a time. ``taken`` are the names of other links, ``wall`` gives ms."""

    def __init__(
        self, store: Store, host: Host, taken: Collection[str], wall: Callable[[], int]
    ) -> None:
        self._store = store
        self._host = host
        self._taken = taken
        self._wall = wall
        self._last: int | None = None
        self._errand: Errand | None = None

    def look(self) -> Coroutine[None, None, None] | None:
        """The errand that a person asked for, to be run; None if there is nothing new."""
        request = asked(self._store.meta, self._wall())
        if request is None or request.number == self._last or self._errand is not None:
            return None
        self._last = request.number
        link = _link(request, self._taken)
        self._errand = Errand(request, link, self._store.came_by(link.name))
        return self._run(self._errand)

    # -- what the agent tells --------------------------------------------------------------

    def beside(self, links: Sequence[ConfiguredLink]) -> list[ConfiguredLink]:
        """All links that are served now."""
        return [*links, *([self._errand.link] if self._errand else [])]

    def shows(self, link: str, state: LinkState) -> bool:
        """Note the newest state of the link, if it is the errand's."""
        if self._errand is None or self._errand.link.name != link:
            return False
        self._errand.state = state
        self._errand.was_up |= state.phase in (Phase.READY, Phase.BUSY)
        return True

    def failed(self, link: str, code: str) -> None:
        """A frame was not taken."""
        if self._errand is not None and self._errand.link.name == link:
            self._errand.failed = code

    def note(self, changes: Iterable[Change]) -> None:
        """These changes were committed."""
        if self._errand is None:
            return
        for change in changes:
            if isinstance(change, Sent) and change.link == self._errand.link.name:
                self._errand.copied.add((change.pairing, change.epoch, change.seq))

    # -- the errand ------------------------------------------------------------------------

    async def _run(self, errand: Errand) -> None:
        """Exchange all there is with one medium; tell how far it is and how it ended."""
        loop = asyncio.get_running_loop()
        began_s, told_s = loop.time(), 0.0
        state: Stage = "running"
        reason = ""
        serving = asyncio.create_task(self._host.serve(errand.link))
        try:
            while state == "running":
                if loop.time() - told_s >= TOLD_S:
                    self._tell(errand, state, reason)
                    told_s = loop.time()
                await asyncio.sleep(LOOK_S)
                state, reason = self._outcome(errand, loop.time() - began_s > FOUND_S_MAX)
        finally:
            serving.cancel()
            await asyncio.wait({serving})
            self._errand = None
        log.info("errand_ended state=%s reason=%s", state, reason)
        self._tell(errand, state, reason)

    def _outcome(self, errand: Errand, late: bool) -> tuple[Stage, str]:
        """Whether it goes on, is done, or failed and why."""
        phase = errand.state.phase
        if errand.failed or errand.state.reason:
            return "failed", errand.failed or errand.state.reason
        if phase is Phase.READY and not self._host.carrying(errand.link.name):
            return "done", ""
        if phase is Phase.DOWN and (errand.was_up or late):
            return "failed", Trouble.DEVICE_GONE
        return "running", ""

    def _tell(self, errand: Errand, state: Stage, reason: str) -> None:
        asked_for = errand.request
        try:
            written = self._store.messages_in(errand.copied)
            read = self._store.came_by(errand.link.name) - errand.read_before
            at = self._wall()
            report = Report(asked_for.number, asked_for.folder, at, state, written, read, reason)
            tell(self._store, report)
        except CrisiskitError as error:
            log.warning("errand_not_told code=%s", error.code)


def _link(request: Request, taken: Collection[str]) -> ConfiguredLink:
    """The link for one medium; whoever asked for it agreed that it carries messages."""
    name = NAME
    while name in taken:
        name += "+"
    kind = Folder()
    settings = FolderSettings(folder=request.folder, poll_every_s=1.0)
    traits = kind.traits(settings, {})
    return ConfiguredLink(name, kind.kind, traits, kind.agreed(settings, traits))
