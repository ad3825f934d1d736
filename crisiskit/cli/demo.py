"""``demo``: the main job on this machine alone, with nothing attached."""

from __future__ import annotations

from importlib import import_module

import click

from crisiskit.cli.common import examples
from crisiskit.i18n import _


@click.command(
    help=_("See it work: a center, a kit and a played satellite modem on this machine."),
    epilog=examples("crisiskit demo", "crisiskit demo --plain"),
)
@click.option("--plain", is_flag=True, help=_("Tell the story in lines instead of the screen."))
@click.option(
    "--for", "seconds", type=click.FloatRange(min=1), help=_("Stop after so many seconds.")
)
def demo(plain: bool, seconds: float | None) -> None:
    """Run the demonstration."""
    import_module("crisiskit.demo").run(plain=plain, seconds=seconds)
