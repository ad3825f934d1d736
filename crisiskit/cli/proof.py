"""``log proof``: one message as a file that anybody checks with the author's public key."""

from __future__ import annotations

from pathlib import Path

import click

from crisiskit.cli.checklog import logbook
from crisiskit.cli.common import examples, home_option, say
from crisiskit.cli.messages import find
from crisiskit.errors import CrisiskitError, UsageError
from crisiskit.i18n import _
from crisiskit.installation import reading
from crisiskit.model import Message


@click.command(
    help=_("Write the proof of one message: who wrote it, and that it was not altered since."),
    epilog=examples(
        "crisiskit log proof 7KQ2-M3XD -o 7KQ2-M3XD.ckpf",
        "crisiskit log proof 7KQ2-M3XD --kit Delta-2 -o order.ckpf",
    ),
)
@click.argument("id")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help=_("The file to write."),
)
@click.option("--kit", metavar="K", help=_("At a center: the copy for this kit, by its name."))
@click.option("--force", is_flag=True, help=_("Write over a file that exists."))
@home_option
def proof(home: Path, id: str, output: Path, kit: str | None, force: bool) -> None:
    """Write a proof."""
    from crisiskit.audit.prove import Prover
    from crisiskit.codec.proof import encode_proof
    from crisiskit.files import SECRET, write_whole

    with reading(home) as views:
        found = _copies(find(views, id), kit)
    if output.exists() and not (force and output.is_file()):
        raise CrisiskitError("file_exists_force", path=output)
    with logbook(home) as (book, authority):
        prover = Prover(book, authority)
        # Each copy is in a log of its own: the first one that is signed will do.
        best = next((message for message in found if message.signed), found[0])
        data = encode_proof(prover.prove(best.ref, best.id))
    try:
        write_whole(output, data, SECRET)
    except OSError as error:
        detail = error.strerror or str(error)
        raise CrisiskitError("file_unwritable", path=output, detail=detail) from error
    say(_("Written: {path}").format(path=output))


def _copies(found: list[Message], kit: str | None) -> list[Message]:
    if kit is None:
        return found
    chosen = [message for message in found if kit in (message.to, message.author)]
    if not chosen:
        raise UsageError("kit_unknown", name=kit)
    return chosen
