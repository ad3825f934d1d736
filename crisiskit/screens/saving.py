"""Saving the files of a message from a screen: where to is asked, nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

from crisiskit.attachment import file_name, save
from crisiskit.errors import CrisiskitError
from crisiskit.i18n import _
from crisiskit.model import Message
from crisiskit.screens.ask import Ask
from crisiskit.screens.filepath import PathInput, as_path
from crisiskit.screens.view import is_here
from crisiskit.store.views import Views


def save_dialog(views: Views, message: Message) -> Ask[Path]:
    """A box that asks for the place; it ends with where the (last) file is."""
    names = ", ".join(file_name(one.name) for one in message.attachments if is_here(message, one))
    question = _("Save {names} where? A folder, or Enter for the home folder.")

    async def take(typed: str) -> Path:
        return save_all(views, message, as_path(typed.strip() or "~"))

    line = PathInput(compact=True, id="asked")
    return Ask(question.format(names=names), take, line=line)


def save_all(views: Views, message: Message, to: Path) -> Path:
    """Save every file of a message that is whole here; the path of the last one.

    Raises CrisiskitError ``no_files``, ``file_exists``, or as the system says.
    """
    files = [one for one in message.attachments if is_here(message, one)]
    if not files:
        raise CrisiskitError("no_files", id=message.id)
    paths = []
    for one in files:
        path = to / file_name(one.name) if to.is_dir() else to
        try:
            paths.append(save(views.file_content(one), path))
        except OSError as error:
            raise CrisiskitError(
                "system", path=error.filename or path, detail=error.strerror or str(error)
            ) from None
    return paths[-1]
