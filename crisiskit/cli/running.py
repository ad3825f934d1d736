"""``agent`` and ``center run``: the links of this installation, until stopped."""

from __future__ import annotations

from pathlib import Path

import click

from crisiskit.cli.common import examples, home_option, say
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _, ngettext
from crisiskit.installation import KIT, lay_reserve, looking, open_installation
from crisiskit.log import LEVELS

level_option = click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    envvar="CRISISKIT_LOG_LEVEL",
    help=_("How much to log on standard error (also: CRISISKIT_LOG_LEVEL)."),
)


@click.command(
    help=_("Run the links of this installation until stopped."),
    epilog=examples("crisiskit agent", "crisiskit agent --until-idle"),
)
@click.option("--until-idle", is_flag=True, help=_("Stop when no link has anything left to do."))
@level_option
@home_option
def agent(home: Path, until_idle: bool, log_level: str | None) -> None:
    """Run the links."""
    installation = open_installation(home)
    if not installation.active:
        raise CrisiskitError("not_activated")
    serve(home, until_idle, log_level)
    if until_idle:
        with looking(home) as views:
            waiting = views.waiting()
        if waiting:
            text = ngettext("{n} message still waits.", "{n} messages still wait.", waiting)
            say(text.format(n=waiting))


@click.command(
    help=_("Run the center: all its links, until stopped."),
    epilog=examples("crisiskit center run"),
)
@level_option
@home_option
def center_run(home: Path, log_level: str | None) -> None:
    """Run the hub."""
    if open_installation(home).role == KIT:
        raise CrisiskitError("not_a_center", path=home)
    serve(home, False, log_level)


def serve(home: Path, until_idle: bool, log_level: str | None) -> None:
    """Hold the lock and run the agent in this thread. SIGTERM and SIGINT end it cleanly."""
    import asyncio

    from crisiskit import agent, log
    from crisiskit.settings import load

    log.to_stderr(log_level or load(home, links=False).log_level)
    with agent.AgentLock(home):
        lay_reserve(home)
        asyncio.run(_until_signal(home, until_idle))


async def _until_signal(home: Path, until_idle: bool) -> None:
    from crisiskit import serve as running
    from crisiskit.cli.stopping import stop_on_signals

    await running.run(home, until_idle, stop_on_signals())
