"""What the commands share: options, examples, and the two ways out.

Results go to standard output, words for people to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from crisiskit.harmless import clean_json
from crisiskit.i18n import _

Command = TypeVar("Command", bound=Callable[..., Any])


def home_option(command: Command) -> Command:
    """``--home``, for everything an installation keeps."""
    option = click.option(
        "--home",
        metavar="DIR",
        callback=_home,
        help=_("The folder of this installation (also: CRISISKIT_HOME)."),
    )
    return option(command)


def _home(_context: click.Context, _option: click.Parameter, value: str | None) -> Path:
    from crisiskit.settings import home_dir

    return home_dir(value)


def json_option(command: Command) -> Command:
    """``--json``, for scripts."""
    option = click.option(
        "--json", "as_json", is_flag=True, help=_("Print JSON, one object for each line.")
    )
    return option(command)


def file_option(name: str, words: str, variable: str | None = None) -> Callable[[Command], Command]:
    """An option that names a file."""
    return click.option(
        name, type=click.Path(path_type=Path), metavar="FILE", envvar=variable, help=words
    )


def secret_at_terminal(question: str) -> str | None:
    """What a person types unseen; None where nobody sits at a terminal."""
    if not sys.stdin.isatty():
        return None
    answer = click.prompt(
        question, hide_input=True, err=True, default="", show_default=False, prompt_suffix=" "
    )
    return str(answer)


def examples(*lines: str) -> str:
    """The end of a help page. ``\\b`` tells click to leave the lines as they are."""
    return "\b\n" + "\n".join([_("Examples:"), *(f"  {line}" for line in lines)])


def emit(row: Mapping[str, object]) -> None:
    """One JSON object as one line on standard output, at once."""
    line = json.dumps(row, ensure_ascii=sys.stdout.encoding.lower() != "utf-8")
    click.echo(clean_json(line))


def say(sentence: str) -> None:
    """A sentence for people, on standard error."""
    click.echo(sentence, err=True)


def needs_terminal() -> bool:
    """Whether a screen cannot be drawn here."""
    return not (sys.stdin.isatty() and sys.stdout.isatty())
