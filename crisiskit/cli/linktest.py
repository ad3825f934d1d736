"""``link test``: try one link while no agent runs. Nothing is sent, taken in or paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, status_text, trouble_text
from crisiskit.installation import open_installation
from crisiskit.lock import AgentLock

if TYPE_CHECKING:
    from crisiskit.settings import LinkSettings
    from transports.link import Finding, Link, LinkState, Place

FAILED = 1


@click.command(
    help=_("Try a link of the settings file: device, signal, service. Sends nothing."),
    epilog=examples("crisiskit link test satellite", "crisiskit link test lan --for 10 --json"),
)
@click.argument("name")
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    help=_("How long to wait for the link, in seconds."),
)
@json_option
@home_option
def test(home: Path, as_json: bool, name: str, seconds: float) -> int:
    """Try a link."""
    from crisiskit.settings import load

    open_installation(home)
    tables = {table.name: table for table in load(home).links}
    if name not in tables:
        known = ", ".join(tables) or "-"
        raise CrisiskitError("link_unknown", name=name, known=known)
    with AgentLock(home):
        if not as_json:
            say(
                _("Trying {name}, for {seconds} seconds at most …").format(
                    name=name, seconds=round(seconds)
                )
            )
        found = asyncio.run(_try(home, tables[name], seconds))
    for one in found:
        if as_json:
            emit({"link": name, "what": one.what, "good": one.good, "value": one.value})
        else:
            click.echo(_line(one))
    return 0 if all(one.good for one in found) else FAILED


async def _try(home: Path, table: LinkSettings, seconds: float) -> Sequence[Finding]:
    """The test of the kind itself, else whether the link gets ready in time."""
    from crisiskit.introducing import own_introducer
    from transports import catalog
    from transports.introduction import Introduced
    from transports.link import Finding, LinkError

    kind = catalog.find(table.kind)
    own: Any = getattr(kind, "self_test", None)
    try:
        async with asyncio.timeout(seconds):
            if own is not None:
                return list(await own(table.options))
            link = kind.open(table.options, kind.traits(table.options, table.micros))
            if isinstance(link, Introduced):
                link.introducer = own_introducer(home)
            return await _ready(link)
    except LinkError as error:
        return [Finding(error.code, False, error.detail)]
    except TimeoutError:
        return [Finding("service", False, "timeout")]


async def _ready(link: Link) -> list[Finding]:
    from transports.link import Finding

    watcher = _Watcher()
    running = asyncio.ensure_future(link.run(watcher))
    up = asyncio.ensure_future(watcher.decided.wait())
    try:
        await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        for task in (running, up):
            task.cancel()
        await asyncio.wait({running, up})
    state = watcher.state_told
    assert state is not None
    return [Finding(state.reason or "service", not state.reason, state.detail)]


class _Watcher:
    """Waits for the first state that says something. Takes no frame in: each comes again."""

    def __init__(self) -> None:
        self.decided = asyncio.Event()
        self.state_told: LinkState | None = None

    async def frame(self, data: bytes, peer: str = "", place: Place | None = None) -> None:
        """Not stored, so the link must not acknowledge it."""
        raise OSError("this is only a test")

    def state(self, state: LinkState) -> None:
        """Ready, or down for a reason."""
        from transports.link import Phase

        if self.decided.is_set():
            return
        if state.reason or state.phase in (Phase.READY, Phase.BUSY):
            self.state_told = state
            self.decided.set()

    def peer_found(self, peer: str, name: str) -> None:
        """Nobody is awaited."""

    def peer_lost(self, peer: str) -> None:
        """Nobody is awaited."""

    def billed(self, frame_bytes: int) -> None:
        """Nothing is sent."""

    def notice(self, code: str, detail: str = "") -> None:
        """The agent tells it."""


def _line(found: Finding) -> str:
    words = {
        "modem": _("modem"),
        "signal": _("signal"),
        "loopback": _("bytes through the modem and back"),
        "service": _("link"),
    }
    mark = _("good") if found.good else _("FAILED")
    what = words.get(found.what, found.what)
    line = f"{mark:8} {what}" + (f": {found.value}" if found.value else "")
    if found.good or found.what in words:
        return line
    return f"{mark:8} {status_text(found.what) or trouble_text(found.what)}" + (
        f" ({found.value})" if found.value else ""
    )
