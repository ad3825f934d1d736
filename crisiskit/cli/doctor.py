"""``doctor``: what is wrong here, and what to do."""

from __future__ import annotations

from pathlib import Path

import click

from crisiskit.cli.common import emit, examples, home_option, json_option
from crisiskit.i18n import _


@click.command(
    help=_("Say what is wrong here and what to do about it. Changes nothing."),
    epilog=examples("crisiskit doctor", "crisiskit doctor --json"),
)
@json_option
@home_option
@click.pass_context
def doctor(context: click.Context, home: Path, as_json: bool) -> None:
    """Check everything."""
    from crisiskit.doctor import Level, examine

    words = {
        Level.OK: _("ok"),
        Level.WARNING: _("warning"),
        Level.WRONG: _("WRONG"),
    }
    size = max(len(word) for word in words.values())
    healthy = True
    for found in examine(home):
        healthy = healthy and found.level is not Level.WRONG
        if as_json:
            emit({"check": found.check, "state": found.level, "text": found.text, "fix": found.fix})
            continue
        click.echo(f"{words[found.level]:{size}}  {found.text}")
        if found.fix:
            click.echo(f"{'':{size}}  -> {found.fix}")
    if not healthy:
        context.exit(1)
