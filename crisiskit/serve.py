"""Runs an installation: its keys and store opened, what a restore asks for done, then its agent."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from crisiskit import gps
from crisiskit.agent import Agent
from crisiskit.clock import wall_ms
from crisiskit.enrolment import own_signature
from crisiskit.floor import Floor
from crisiskit.installation import Places
from crisiskit.introducing import own_introducer
from crisiskit.keystore import opened
from crisiskit.links import ConfiguredLink, configured_links, link_policy, relay_policy
from crisiskit.panic import erase_home, stop_when_erased
from crisiskit.settings import load
from crisiskit.store.orders import WIPE_FACT
from crisiskit.store.store import Store

log = logging.getLogger(__name__)


async def run(
    home: Path,
    until_idle: bool = False,
    stop: asyncio.Event | None = None,
    links: Sequence[ConfiguredLink] | None = None,
) -> None:
    """Run the links of an installation until ``stop`` is set, or nothing is left to do.

    ``links`` are those to run, if not all of the settings file. The caller holds the AgentLock.
    Raises CrisiskitError for settings or a store that cannot be used.
    """
    stop = stop or asyncio.Event()
    store = Store(Places.of(home).store, wall_ms, opened(home).vault)
    watch = asyncio.create_task(stop_when_erased(Places.of(home).keystore, stop))
    receiver: asyncio.Task[None] | None = None
    try:
        receiver = gps.start(home)
        if store.meta(WIPE_FACT) is None:
            floor = Floor(Places.of(home).floor)
            if store.meta("restored") or store.newest_epoch() < floor.epoch:
                log.warning("store_restored floor=%d", floor.epoch)
                store.resume_restored(floor.epoch, os.urandom)
            sign = own_signature(home)
            clear = load(home, links=False).clear.allowed
            introducer = own_introducer(home)
            agent = Agent(
                store,
                configured_links(home, introducer) if links is None else links,
                wall_ms,
                os.urandom,
                sign,
                floor,
                clear,
                link_policy(home),
                relay_policy(home),
                introducer,
            )
            await agent.run(until_idle, stop)
        wiped = store.meta(WIPE_FACT) is not None
    finally:
        watch.cancel()
        if receiver is not None:
            receiver.cancel()
            await asyncio.wait({receiver})
        store.close()
    if wiped:
        log.warning("wiped_by_order")
        erase_home(home)
