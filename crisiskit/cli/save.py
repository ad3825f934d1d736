"""``save``: write the files of a message to the disk, where nothing is overwritten unasked."""

from __future__ import annotations

from pathlib import Path

import click

from crisiskit.attachment import ATTACHED_MAX, attachment_words, file_name, save
from crisiskit.cli.common import emit, examples, home_option, json_option, say
from crisiskit.cli.messages import find
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.i18n import _
from crisiskit.installation import reading
from crisiskit.jsonform import attachment_json
from crisiskit.model import Attachment
from crisiskit.store.views import Views


@click.command(
    "save",
    help=_("Save the files of a message. They are written whole, and never opened or started."),
    epilog=examples(
        "crisiskit save 7KQ2-M3XD",
        "crisiskit save 7kq2 -o /media/stick",
        "crisiskit save 7kq2 -o bridge.jpg --force",
    ),
)
@click.argument("id")
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR",
    type=click.Path(path_type=Path),
    default=Path(),
    help=_("Where to; else the present folder, under the name that the author gave."),
)
@click.option("--force", is_flag=True, help=_("Overwrite what is there."))
@json_option
@home_option
def save_files(home: Path, id: str, output: Path, force: bool, as_json: bool) -> None:
    """Save the files of a message."""
    with reading(home) as views:
        files = _files(views, id)
        if len(files) > 1 and not output.is_dir():
            raise UsageError("save_folder", path=output)
        contents = [views.file_content(file) for file in files]
    names = [file_name(file.name) for file in files]
    if len(set(names)) < len(names):
        names = [f"{place}-{name}" for place, name in enumerate(names, 1)]
    for file, name, content in zip(files, names, contents, strict=True):
        path = save(content, output / name if output.is_dir() else output, force)
        if as_json:
            emit({**attachment_json(file), "path": str(path)})
        else:
            click.echo(str(path))


def _files(views: Views, id: str) -> list[Attachment]:
    """What a message carries. CrisiskitError ``no_files``; what is not whole is said first."""
    message = find(views, id)[0]
    files = list(message.attachments[:ATTACHED_MAX])
    if not files:
        raise CrisiskitError("no_files", id=message.id)
    for file in files:
        if file.percent < 100:
            say(attachment_words(file))
    return files
