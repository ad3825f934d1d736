"""``demo``: the main job on this machine alone, with nothing attached."""

from __future__ import annotations

import click

from crisiskit.cli.common import examples, needs_terminal
from crisiskit.i18n import _


@click.command(
    help=_("See it work on this machine, with a played satellite modem."),
    epilog=examples("crisiskit demo", "crisiskit demo --plain"),
)
@click.option("--plain", is_flag=True, help=_("Tell the story in lines instead of the screen."))
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    help=_("Stop after so many seconds."),
)
@click.pass_context
def demo(context: click.Context, plain: bool, seconds: float) -> None:
    """Run the demonstration."""
    from crisiskit.demo import run

    context.exit(run(plain or needs_terminal(), seconds))
