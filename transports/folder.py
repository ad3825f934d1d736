"""A folder that carries frames: a courier's stick, a shared folder, a synced one.

Every frame is a file (:mod:`transports.mailbag`). The link is up while the folder is there and
somebody once agreed to its use: then it holds a folder ``crisiskit``. What is read here and
stored is removed; what is for others stays. A medium that comes and goes is no trouble, and
nobody is told of it: the link is up or down.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from hardware.removable import mounted
from transports.common import NotNegative, Positive, check_size
from transports.hand import Hand, StuckError
from transports.link import LinkError, LinkState, Phase, Receiver, Traits, Trouble
from transports.mailbag import Mailbag, Mark, is_prepared, prepare

log = logging.getLogger(__name__)

REMOVABLE = "removable"
CALL_S_MAX = 30.0
CARRIED_S = 4 * 3600.0  # what a courier takes is not given to a link that costs before that
FRAME_BYTES = 16_384
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
Find = Callable[[], list[Path]]


class FolderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``folder`` is a path, or ``removable``: the stick that was inserted last.

    ``files_max``: how many files are read or left there. Times in seconds: ``repeat_s`` is how
    long a courier is waited for before a link that costs is used.
    """

    folder: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    files_max: Annotated[int, msgspec.Meta(ge=16, le=20_000)] = 10_000
    poll_every_s: Positive = 2.0
    latency_s: NotNegative = CARRIED_S
    repeat_s: Positive = CARRIED_S
    receipt_delay_s: NotNegative = 600.0


class Folder:
    """Link kind ``folder``."""

    kind = "folder"
    Settings = FolderSettings

    def traits(self, settings: FolderSettings, price: Mapping[str, int]) -> Traits:
        """See :class:`transports.link.LinkKind`."""
        return Traits(
            mtu_bytes=FRAME_BYTES,
            latency_s=settings.latency_s,
            repeat_s=settings.repeat_s,
            receipt_delay_s=settings.receipt_delay_s,
            returns=False,
            carried=True,
        )

    def open(self, settings: FolderSettings, traits: Traits) -> FolderLink:
        """See :class:`transports.link.LinkKind`."""
        if settings.folder == REMOVABLE:
            return FolderLink(settings, traits, mounted)
        place = Path(settings.folder).expanduser()
        return FolderLink(settings, traits, lambda: [place])

    def agreed(self, settings: FolderSettings, traits: Traits) -> FolderLink:
        """A link to a folder whose owner has just agreed to its use, if it was not used before."""
        place = Path(settings.folder)
        return FolderLink(settings, traits, lambda: [place], agreed=place)


class FolderLink:
    """Serves one medium after the other. ``find`` gives those there are, best first.

    ``agreed``: one that is made ready for it first.
    """

    def __init__(
        self, settings: FolderSettings, traits: Traits, find: Find, agreed: Path | None = None
    ) -> None:
        self.traits = traits
        self._settings = settings
        self._find = find
        self._agreed = agreed
        self._hand = Hand(CALL_S_MAX)
        self._visited: _Visit | None = None
        self._look = asyncio.Event()

    async def run(self, receiver: Receiver) -> None:
        """See :class:`transports.link.Link`. Waits for a medium as long as it takes."""
        try:
            with self._hand.ready():
                if self._agreed is not None:
                    await self._hand.do(prepare, self._agreed)
                while True:
                    receiver.state(LinkState(Phase.DOWN))
                    place = await self._hand.do(_place, self._find)
                    if place is not None:
                        await self._visit(place, receiver)
                    await self._pause()
        except StuckError as error:
            raise LinkError(Trouble.HARDWARE, str(error), retry_after_s=CALL_S_MAX) from error
        except OSError as error:
            raise _failure(error) from error
        finally:
            receiver.state(LinkState(Phase.DOWN))

    async def _visit(self, place: Place, receiver: Receiver) -> None:
        """Exchange frames with one medium until it is gone."""
        bag = Mailbag(place[0], FRAME_BYTES, self._settings.files_max)
        visit = self._visited = _Visit(bag, self._hand)
        # At work from the start: it is ready when all that lies there was looked at.
        receiver.state(LinkState(Phase.BUSY))
        try:
            while await self._hand.do(_place, self._find) == place:
                fresh = await visit.fresh()
                if fresh:
                    receiver.state(LinkState(Phase.BUSY))
                    await visit.take_in(fresh, receiver)
                receiver.state(LinkState(Phase.READY))
                await self._pause()
        except OSError as error:
            log.info("folder gone error=%s", error)
        finally:
            self._visited = None

    async def _pause(self) -> None:
        """Until it is time to look again, or somebody asks for it."""
        try:
            async with asyncio.timeout(self._settings.poll_every_s):
                await self._look.wait()
        except TimeoutError:
            return
        self._look.clear()

    async def send(self, frame: bytes, peer: str = "") -> None:
        """See :class:`transports.link.Link`. Returns when the file is durable on the medium."""
        check_size(frame, self.traits)
        visit = self._visited
        if visit is None:
            raise LinkError(Trouble.DEVICE_GONE, "no folder is there")
        try:
            await visit.leave(frame)
        except StuckError as error:
            raise LinkError(Trouble.HARDWARE, str(error)) from error
        except OSError as error:
            self._look.set()
            raise _failure(error) from error

    async def poll(self) -> None:
        """See :class:`transports.link.Link`. Looks at the folder now."""
        self._look.set()


class _Visit:
    """What is known of one medium: the files that were read or written here."""

    def __init__(self, bag: Mailbag, hand: Hand) -> None:
        self._bag = bag
        self._hand = hand
        self._known: dict[str, Mark] = {}

    async def fresh(self) -> dict[str, Mark]:
        """The files that were not read yet, or changed since."""
        files = await self._hand.do(self._bag.files)
        self._known = {name: mark for name, mark in self._known.items() if name in files}
        return {name: mark for name, mark in files.items() if self._known.get(name) != mark}

    async def leave(self, frame: bytes) -> None:
        """Write a frame; it is not read again here."""
        name, mark = await self._hand.do(self._bag.write, frame)
        self._known[name] = mark

    async def take_in(self, files: dict[str, Mark], receiver: Receiver) -> None:
        """Hand up frames; those that are safe here are removed. OSError: the medium is gone."""
        removed = False
        for name, mark in files.items():
            frame = await self._read(name)
            if frame is None:
                self._known[name] = mark
                continue
            try:
                taken = await receiver.frame(frame)
            except Exception as error:
                # It stays where it is and is read again.
                log.warning("frame not stored error=%s", type(error).__name__)
                break
            if taken:
                await self._hand.do(self._bag.remove, name)
                removed = True
            else:
                self._known[name] = mark
        if removed:
            await self._hand.do(self._bag.settle)

    async def _read(self, name: str) -> bytes | None:
        try:
            return await self._hand.do(self._bag.read, name)
        except OSError as error:
            if not await self._hand.do(is_prepared, self._bag.root):
                raise
            log.info("file unreadable error=%s", error)
            return None


Place = tuple[Path, int, int]


def _place(find: Find) -> Place | None:
    """The first medium that carries messages, and which one it is."""
    for root in find():
        try:
            seen = root.stat()
        except (OSError, ValueError):
            continue
        if is_prepared(root):
            return root, seen.st_dev, seen.st_ino
    return None


def _failure(error: OSError) -> LinkError:
    if error.errno in _FULL:
        return LinkError(Trouble.FULL, str(error), retry_after_s=60.0)
    if error.errno in _READ_ONLY:
        return LinkError(Trouble.READ_ONLY, str(error), retry_after_s=60.0)
    return LinkError(Trouble.DEVICE_GONE, str(error))
