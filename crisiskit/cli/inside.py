"""An agent inside a screen's process, in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from crisiskit import agent, log
from crisiskit import serve as serving
from crisiskit.errors import BusyError
from crisiskit.installation import Places, lay_reserve
from crisiskit.links import ConfiguredLink, configured_links

logger = logging.getLogger(__name__)

Control = tuple[asyncio.AbstractEventLoop, asyncio.Event]


@contextmanager
def agent_inside(
    home: Path, log_level: str, links: Sequence[ConfiguredLink] | None = None
) -> Iterator[None]:
    """Run the links for as long as the block lasts, unless an agent does so already.

    ``links`` are those to run, if not all of the settings file. Raises SettingsError before
    anything is drawn. What ends the agent early is raised at the end of the block: the screen
    goes on meanwhile, its messages are kept.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(agent.AgentLock(home))
        except BusyError:
            pass
        else:
            if links is None:
                configured_links(home)  # what is wrong there is told before anything is drawn
            lay_reserve(home)
            stack.enter_context(log.to_file(Places.of(home).log, log_level))
            stack.enter_context(_running(home, links))
        yield


@contextmanager
def _running(home: Path, links: Sequence[ConfiguredLink] | None) -> Iterator[None]:
    control: Future[Control] = Future()
    outcome: Future[None] = Future()
    thread = threading.Thread(target=_thread, args=(home, links, control, outcome), name="agent")
    thread.start()
    loop, stop = control.result()
    try:
        yield
    finally:
        with suppress(RuntimeError):  # the loop is closed: it ended by itself
            loop.call_soon_threadsafe(stop.set)
        thread.join()
    outcome.result()


def _thread(
    home: Path,
    links: Sequence[ConfiguredLink] | None,
    control: Future[Control],
    outcome: Future[None],
) -> None:
    async def serve() -> None:
        stop = asyncio.Event()
        control.set_result((asyncio.get_running_loop(), stop))
        logger.info("agent_started")
        await serving.run(home, stop=stop, links=links)

    try:
        asyncio.run(serve())
    except Exception as error:
        logger.exception("agent_ended")
        outcome.set_exception(error)
    else:
        outcome.set_result(None)
